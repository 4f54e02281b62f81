"""An owner's index of persons: each person whom it has ever had keeps one position in all runs, known to it alone.

A file of key digests, 16 bytes each, in the order of their positions. It stays with the owner, who has the keys.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mpcstats.engines.share import Positions
from mpcstats.errors import UsageError
from mpcstats.session import Words

KEY = 16  # bytes


class Persons:
    """The index in the file `path`, of at most `capacity` persons. Raises UsageError for a file that is none."""

    def __init__(self, path: Path, capacity: int) -> None:
        self._path = path
        self._capacity = capacity
        data = path.read_bytes() if path.exists() else b""
        if len(data) % KEY or len(data) > KEY * capacity:
            raise UsageError(
                f"{path}: expected at most {capacity} persons of {KEY} bytes, got {len(data)} bytes"
            )
        self._keys = np.frombuffer(data, dtype=f"V{KEY}")
        if np.unique(self._keys).size != self._keys.size:
            raise UsageError(f"{path}: expected every person once, got one twice")

    def __len__(self) -> int:
        return int(self._keys.size)

    def add(self, keys: Words) -> None:
        """Give those of `keys`, digests of shape (n, 2), that have no position the next ones; it is on the disk then.

        Raises UsageError if there are more than the capacity.
        """
        given = _digests(keys)
        new = given[~np.isin(given, self._keys)]
        if not new.size:
            return
        if len(self) + new.size > self._capacity:
            raise UsageError(
                f"{self._path}: expected at most {self._capacity:,} persons over all runs, as the policy says, got "
                f"{len(self) + new.size:,}"
            )
        # Written anew, and put in place of the old one: half an index would give a person another position.
        path = self._path.with_suffix(".new")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        together = np.concatenate([self._keys, new])
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(together.tobytes())
            file.flush()
            os.fsync(file.fileno())
        path.replace(self._path)
        self._keys = together

    def positions(self, keys: Words) -> Positions:
        """Where each of `keys` stands. Raises UsageError for one that has no position."""
        given = _digests(keys)
        order = np.argsort(self._keys)
        at = np.searchsorted(self._keys, given, sorter=order)
        found = order[np.minimum(at, len(self) - 1)] if len(self) else np.zeros(0, dtype=np.intp)
        if given.size and not (len(self) and bool(np.all(self._keys[found] == given))):
            raise UsageError(
                f"{self._path}: expected persons of the index, got others: the question's rows have keys that its "
                "datasets do not"
            )
        return found.astype(np.intp) if given.size else np.zeros(0, dtype=np.intp)


def _digests(keys: Words) -> np.ndarray[tuple[int, ...], np.dtype[np.void]]:
    return np.ascontiguousarray(keys, dtype="<u8").view(f"V{KEY}").reshape(-1)
