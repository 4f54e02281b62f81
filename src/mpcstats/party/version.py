"""The version of mpcstats that runs here: parties of one run must have the same."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """As installed; "uninstalled" when run from a source tree."""
    try:
        return metadata.version("mpcstats")
    except metadata.PackageNotFoundError:
        return "uninstalled"
