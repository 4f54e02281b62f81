"""One release as a file: who took part and how large it was, then this party's shares of who was in which cell.

Everything has a fixed width and is checked when it is read: a head of 160 bytes, the shares mod 2^32, four bytes each,
lowest first, and SHA-256 of all that. Shares are this party's secret, and of no use to anybody without another party's.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mpcstats.errors import UsageError
from mpcstats.session import Words

MAGIC = b"mpcstats past 1\0"
HEAD = struct.Struct(
    "<16s32s32s16sQQQ40x"
)  # magic, universe, previous, label, capacity, cells, parts
DIGEST = 32
MASK = np.uint64((1 << 32) - 1)
NEW = ".new"


@dataclass(frozen=True, slots=True)
class Universe:
    """Runs whose cells can be compared: one owner's index of persons, and the compute parties in order.

    The index has `capacity` positions now; there may be more later, where a policy says so, and the universe stays.
    """

    owner: str
    compute: tuple[str, ...]
    capacity: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of what it is."""
        names = "\n".join((self.owner, *self.compute))
        return hashlib.sha256(f"mpcstats universe 1\n{names}".encode()).digest()

    @property
    def holders(self) -> tuple[str, ...]:
        """Who keeps its history: the compute parties and the owner."""
        return tuple(dict.fromkeys((*self.compute, self.owner)))


@dataclass(frozen=True, slots=True)
class Release:
    """`cells` cells of the run `label` (32 hex digits), after the release whose head is `previous`.

    This party's parts of them, as many as it holds of a secret: `members` of shape (cells, capacity), `flags` of
    (cells,); none at an owner that does not compute.
    """

    universe: Universe
    previous: bytes
    label: str
    cells: int
    members: tuple[Words, ...] = field(repr=False)
    flags: tuple[Words, ...] = field(repr=False)

    @property
    def head(self) -> bytes:
        """SHA-256 of the universe, the label, the number of cells and all releases before: the same at all holders."""
        about = struct.pack("<Q", self.cells) + bytes.fromhex(self.label)
        return hashlib.sha256(self.universe.digest + self.previous + about).digest()

    def write(self, path: Path) -> None:
        """Keep it at `path`, for this party's eyes alone; it is on the disk when this returns."""
        place = self.universe
        parts = len(self.members)
        head = HEAD.pack(
            MAGIC,
            place.digest,
            self.previous,
            bytes.fromhex(self.label),
            place.capacity,
            self.cells,
            parts,
        )
        low = [(part & MASK).astype("<u4").tobytes() for part in (*self.flags, *self.members)]
        content = b"".join((head, *low))
        new = path.with_suffix(NEW)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content + hashlib.sha256(content).digest())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


def read_release(path: Path, universe: Universe, parts: int) -> Release:
    """The release at `path`, of which this party holds `parts` of every secret. Raises UsageError for another file."""
    data = path.read_bytes()
    if len(data) < HEAD.size + DIGEST or hashlib.sha256(data[:-DIGEST]).digest() != data[-DIGEST:]:
        raise UsageError(f"{path}: expected a release as it was kept, got a file that was changed")
    magic, of, previous, label, capacity, cells, held = HEAD.unpack_from(data)
    ours = (magic, of, held) == (MAGIC, universe.digest, parts)
    if not ours or not 0 < capacity <= universe.capacity:
        raise UsageError(f"{path}: expected a release of this history, got one of another")
    size = HEAD.size + 4 * parts * cells * (1 + capacity) + DIGEST
    if not cells or len(data) != size:
        raise UsageError(f"{path}: expected {size} bytes for {cells} cells, got {len(data)}")
    words = np.frombuffer(
        data, dtype="<u4", offset=HEAD.size, count=(size - HEAD.size - DIGEST) // 4
    )
    flags = words[: parts * cells].reshape(parts, cells).astype(np.uint64)
    members = words[parts * cells :].reshape(parts, cells, capacity).astype(np.uint64)
    then = replace(universe, capacity=capacity)
    return Release(then, previous, label.hex(), cells, tuple(members), tuple(flags))
