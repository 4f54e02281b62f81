"""The digest of a data file, by which a dataset is frozen: SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mpcstats.errors import UsageError


def file_digest(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex. Raises UsageError with the path if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: expected a data file to read, got: {error.strerror}") from None
