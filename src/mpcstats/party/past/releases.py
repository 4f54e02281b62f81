"""The releases of one universe that a party keeps, in order, and what is taken back when others do not have it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mpcstats.engines.share import Arith
from mpcstats.errors import Disagreement, UsageError
from mpcstats.party.past.release import Release, Universe, read_release
from mpcstats.protocols.differencing import Compared, Earlier
from mpcstats.session import Words

START = bytes(32)  # where a history without releases ends
WORDS = 8  # that say where a history ends: the last head, and the one before it
STEP = "history"


class Releases:
    """The releases of `universe` in `folder`, of every secret of which this party holds `parts`.

    Raises UsageError if a file is missing, changed, or of another history.
    """

    def __init__(self, folder: Path, universe: Universe, parts: int) -> None:
        self.universe = universe
        self._folder = folder
        self._parts = parts
        self._found: list[Release] = []
        before = START
        for path in sorted(folder.glob("*.release")):
            release = read_release(path, universe, parts)
            if path.name != _name(len(self._found)) or release.previous != before:
                raise UsageError(
                    f"{path}: expected the release after {before.hex()[:16]}, got another"
                )
            self._found.append(release)
            before = release.head

    @property
    def end(self) -> bytes:
        """The head of the last release."""
        return self._found[-1].head if self._found else START

    @property
    def before_end(self) -> bytes:
        """The head of the last release but one."""
        return self._found[-1].previous if self._found else START

    def told(self) -> Words:
        """What this party tells the others before a comparison."""
        return np.frombuffer(self.end + self.before_end, dtype="<u8").astype(np.uint64)

    def settle(self, told: Mapping[str, Words]) -> None:
        """Take the last release back if another holder does not have it: then it has been opened to nobody.

        Raises Disagreement with one of which the history differs by more.
        """
        ends = {name: _bytes(words) for name, words in told.items()}
        mine = (self.end, self.before_end)
        common = next((h for h in mine if all(h in theirs for theirs in ends.values())), None)
        if common is None:
            other = next(name for name, theirs in ends.items() if not set(theirs) & set(mine))
            raise Disagreement(
                other,
                STEP,
                "expected the same earlier releases as here, got others: where one party has lost what it kept, "
                "nothing can be compared any more",
            )
        if common != self.end:
            self._take_back()

    def _take_back(self) -> None:
        self._found.pop()
        (self._folder / _name(len(self._found))).unlink()
        _sync(self._folder)

    def earlier(self, depth: int, like: Arith) -> Earlier:
        """All of them, and rows of nobody up to `depth` cells, held as the secret `like` is.

        Raises UsageError if there are more.
        """
        used = sum(release.cells for release in self._found)
        if used > depth:
            raise UsageError(
                f"expected at most {depth} earlier cells, as the policy says, got {used}: nothing more can be "
                "compared"
            )
        capacity = self.universe.capacity
        members = [np.zeros((depth, capacity), dtype=np.uint64) for _ in range(self._parts)]
        flags = [np.zeros(depth, dtype=np.uint64) for _ in range(self._parts)]
        places, at = [], 0
        for release in self._found:
            places.append((at, at + release.cells))
            width = release.universe.capacity  # positions that were added since hold nobody of it
            for part in range(self._parts):
                members[part][at : at + release.cells, :width] = release.members[part]
                flags[part][at : at + release.cells] = release.flags[part]
            at += release.cells
        return Earlier(
            Arith((depth, capacity), tuple(members), like.constant_at),
            Arith((depth,), tuple(flags), like.constant_at),
            tuple(places),
        )

    def keep(self, label: str, compared: Compared) -> None:
        """Write the cells of the run `label` down."""
        release = Release(
            self.universe,
            self.end,
            label,
            compared.flags.shape[0],
            compared.members.parts,
            compared.flags.parts,
        )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        release.write(self._folder / _name(len(self._found)))
        _sync(self._folder)
        self._found.append(release)


def _name(number: int) -> str:
    return f"{number:08d}.release"


def _bytes(words: Words) -> tuple[bytes, bytes]:
    data = np.ascontiguousarray(words, dtype="<u8").tobytes()
    return data[:32], data[32:]


def _sync(folder: Path) -> None:
    """Names of files are on the disk too."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
