"""Labels of wires, two words each, and the hash that garbles them: AES with a key of the run, a tweak for each call."""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mpcstats.session import Words

LABEL_WORDS = 2


class LabelHash:
    """H(x, i) = P(P(x) xor i) xor P(x) with P = AES-128 under `key`, which is of two words.

    Tweakable circular correlation robust if P is an ideal cipher (Guo, Katz, Wang, Yu, eprint 2019/074, section 7.4).
    The key is the run's and the step's, so that runs have permutations of their own: what is computed against one
    helps against no other (the loss over many instances of Guo, Katz, Wang, Weng, Yu, eprint 2019/1168).
    """

    __slots__ = ("_permute",)

    def __init__(self, key: Words) -> None:
        cipher = Cipher(algorithms.AES(key.astype("<u8").tobytes()), modes.ECB())  # noqa: S305
        # A permutation of single blocks is what is wanted: nothing is encrypted with it.
        self._permute = cipher.encryptor()

    def __repr__(self) -> str:
        return "<label hash>"

    def __call__(self, labels: Words, tweaks: Words) -> Words:
        """The hash of each row of `labels`, shape (n, 2), under its tweak."""
        once = self._permuted(labels)
        tweaked = once.copy()
        tweaked[:, 0] ^= tweaks
        return self._permuted(tweaked) ^ once

    def _permuted(self, blocks: Words) -> Words:
        data = self._permute.update(np.ascontiguousarray(blocks, dtype="<u8").tobytes())
        return np.frombuffer(data, dtype="<u8").astype(np.uint64).reshape(-1, LABEL_WORDS)


def spread(bits: Words) -> Words:
    """For each bit a column of one word: all ones for 1, all zeros for 0."""
    return (np.uint64(0) - bits)[:, None]


def colours(labels: Words) -> Words:
    """The last bit of each label: it says which row of a gate is meant, and nothing of the value."""
    return labels[:, 0] & np.uint64(1)
