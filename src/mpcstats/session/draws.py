"""Draws: where the uniform bits of exact samples come from, the operating system or a secret key.

Both are what algebra.discrete asks for. A keyed draw gives the same bits for the same key and name: noise made of it
is the same whenever the same is asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from mpcstats.errors import UsageError
from mpcstats.session.randomness import Stream

KEY_BYTES = 32
_WORDS = 16  # that a draw takes from its stream at a time
_STREAM_KEY = 16  # bytes, of AES-128


class SystemDraw:
    """Bits of the operating system: never the same again."""

    __slots__ = ()

    def bits(self, n: int) -> int:
        """A uniform integer in [0, 2^n)."""
        return secrets.randbits(n) if n else 0


class StreamDraw:
    """The bits of `stream`, lowest of each word first, in order: equal streams give equal draws."""

    __slots__ = ("_held", "_left", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = (
            0  # bits that were taken from the stream and not drawn yet, the next one lowest
        )
        self._left = 0  # how many

    def __repr__(self) -> str:
        return "<draw>"

    def bits(self, n: int) -> int:
        """A uniform integer in [0, 2^n): the next n bits, the first one lowest."""
        if n > self._left:
            words = max(_WORDS, -(-(n - self._left) // 64))
            fresh = self._stream.words(words).astype("<u8", copy=False).tobytes()
            self._held |= int.from_bytes(fresh, "little") << self._left
            self._left += 64 * words
        found = self._held & ((1 << n) - 1)
        self._held >>= n
        self._left -= n
        return found


def keyed_draw(key: bytes, *name: bytes | int | str) -> StreamDraw:
    """The draw that `key` gives to `name`; to anybody without the key it is uniform and new for every name.

    HMAC-SHA256 of the name, each part with its kind and its length before it, gives the key of an AES stream.
    Raises UsageError for a key of another length than 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise UsageError(f"expected a noise key of {KEY_BYTES} bytes, got {len(key)}")
    mac = HMAC(key, SHA256())
    mac.update(encoded(name))
    return StreamDraw(Stream(mac.finalize()[:_STREAM_KEY]))


def encoded(name: Sequence[bytes | int | str]) -> bytes:
    """The parts as one text: other parts give another text, also where they only end elsewhere."""
    parts = []
    for part in name:
        kind = "b" if isinstance(part, bytes) else "i" if isinstance(part, int) else "s"
        plain = part if isinstance(part, bytes) else str(part).encode()
        parts.append(f"{kind}{len(plain)}:".encode() + plain)
    return b"".join(parts)
