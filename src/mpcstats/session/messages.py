"""Messages between parties: arrays of 64-bit words whose size both sides know beforehand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WORD_BYTES = 8


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One array on its way from `sender` to `receiver`; `step` says at which exchange of which step."""

    sender: str
    receiver: str
    step: str
    payload: Words

    @property
    def payload_bytes(self) -> int:
        """Size of the payload in bytes, without any framing."""
        return int(self.payload.size) * WORD_BYTES

    def __repr__(self) -> str:
        return (
            f"<message {self.sender} -> {self.receiver} at {self.step}, {self.payload.size} words>"
        )


def wire_tag(step: str) -> int:
    """The 64 bits that stand for `step` on the wire (BLAKE2b, so that two steps do not share a tag)."""
    return int.from_bytes(hashlib.blake2b(step.encode(), digest_size=8).digest(), "little")


def digest(run_id: bytes, step: str, *parts: Words) -> Words:
    """BLAKE2b-256 of `parts`, each with its length, bound to the run and to `step`; 4 words."""
    state = hashlib.blake2b(digest_size=32)
    for name in (run_id, step.encode()):
        state.update(len(name).to_bytes(8, "little") + name)
    for part in parts:
        state.update(part.size.to_bytes(8, "little"))
        state.update(np.ascontiguousarray(part, dtype="<u8").data)
    return np.frombuffer(state.digest(), dtype=np.uint64).copy()


DIGEST_WORDS = 4
