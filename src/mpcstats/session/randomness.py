"""Streams of masks: AES-128-CTR, keyed by a pair of parties, the run and the step."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from mpcstats.errors import InternalError, UsageError
from mpcstats.session.messages import WORD_BYTES, Words

SEED_BYTES = 32
_BLOCK_WORDS = 1 << 15  # 256 KiB of zeros stay in the L2 cache while they are encrypted
_ZEROS = bytes(_BLOCK_WORDS * WORD_BYTES)


class Stream:
    """A pseudorandom stream of words; two parties with the same key draw the same words in the same order."""

    __slots__ = ("_encrypt",)

    def __init__(self, key: bytes) -> None:
        # The counter starts at zero: every key is used for one stream only.
        self._encrypt = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def __repr__(self) -> str:
        return "<stream>"

    def words(self, *shape: int) -> Words:
        """The next words of the stream, as a new array of `shape`."""
        out = np.empty(shape, dtype=np.uint64)
        self.fill(out)
        return out

    def fill(self, out: Words) -> None:
        """Overwrite the contiguous array `out` with the next words of the stream."""
        target = out.data.cast("B") if out.size else memoryview(b"")
        for start in range(0, len(target), len(_ZEROS)):
            part = target[start : start + len(_ZEROS)]
            self._encrypt.update_into(memoryview(_ZEROS)[: len(part)], part)

    def permutation(self, n: int) -> NDArray[np.intp]:
        """A uniform permutation of range(n): the ranks of n words, drawn again if two are equal."""
        while True:
            order = _ranking(self.words(n))
            if order is not None:
                return order

    def below(self, bound: int, n: int) -> Words:
        """n uniform words in [0, bound), by rejection. Raises UsageError unless 0 < bound <= 2^63."""
        if not 0 < bound <= 1 << 63:
            raise UsageError(f"expected a bound in (0, 2^63], got {bound}")
        mask = np.uint64((1 << (bound - 1).bit_length()) - 1)
        kept = np.empty(0, dtype=np.uint64)
        while kept.size < n:
            drawn = self.words(2 * (n - kept.size) + 8) & mask
            kept = np.concatenate([kept, drawn[drawn < np.uint64(bound)]])
        return kept[:n]


def _ranking(keys: Words) -> NDArray[np.intp] | None:
    """The positions of the keys in ascending order; None if two keys are equal.

    numpy sorts words several times faster than it sorts positions. So each key's low bits give way to its position;
    where the high bits of neighbours agree, which is rare, whole keys decide.
    """
    low = np.uint64((1 << (keys.size - 1).bit_length()) - 1 if keys.size else 0)
    high = keys & ~low
    high |= np.arange(keys.size, dtype=np.uint64)
    high.sort()
    order = high & low
    high ^= order
    alike = high[1:] == high[:-1]
    if alike.any():
        near = np.zeros(keys.size, dtype=np.bool_)
        near[1:] |= alike
        near[:-1] |= alike
        places = np.flatnonzero(near)
        rows = order[places]
        rows = rows[np.argsort(keys[rows])]
        if np.any(keys[rows[1:]] == keys[rows[:-1]]):
            return None
        order[places] = rows
    return order.view(np.intp)


def private_stream() -> Stream:
    """A stream that only this process knows, keyed by the operating system."""
    return Stream(os.urandom(16))


@dataclass(frozen=True, slots=True)
class PairSeeds:
    """This party's secret seeds for one run: one for each peer, shared with that peer alone.

    `run_id` holds a fresh nonce of every party (transport.handshake), so no run repeats the masks of another.
    """

    run_id: bytes
    seeds: Mapping[str, bytes] = field(repr=False)

    def stream(self, peer: str, step: str) -> Stream:
        """The stream of this party and `peer` at `step`. Both get the same words."""
        try:
            seed = self.seeds[peer]
        except KeyError:
            raise InternalError(f"expected a seed shared with {peer}, got none") from None
        if len(seed) != SEED_BYTES:
            raise InternalError(f"expected a seed of {SEED_BYTES} bytes, got {len(seed)}")
        # One key per (pair, run, step): BLAKE2b as a keyed PRF of the run and the step.
        name = len(self.run_id).to_bytes(8, "little") + self.run_id + step.encode()
        return Stream(
            hashlib.blake2b(name, key=seed, digest_size=16, person=b"mpcstats-pair").digest()
        )
