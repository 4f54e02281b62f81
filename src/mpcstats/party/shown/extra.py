"""A library that mpcstats can hand an answer to, and does not bring along."""

from __future__ import annotations

from mpcstats.errors import UsageError


def missing(package: str, extra: str, error: ImportError) -> UsageError:
    """The error that `package`, of the extra `extra`, cannot be imported."""
    return UsageError(
        f"expected {package} to be installed, got: {error}; install it with: pip install 'mpcstats[{extra}]'"
    )
