"""A commitment to bytes that are not shown: which input a party has come with, or which answer it has got.

It is SHA-256 over DOMAIN, the salt and the content, each after its length in 8 bytes. The salt is 32 random bytes that
the party keeps: without them a commitment to one of few possible contents, such as a count, could be found by trying
them all. With salt and content anybody can check it.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from mpcstats.errors import UsageError

DOMAIN = b"mpcstats commitment 1"
SALT_BYTES = 32
_HEX = re.compile(r"[0-9a-f]{64}")


def commit(content: bytes, salt: bytes) -> str:
    """The commitment to `content`, 64 hex digits. Raises UsageError unless `salt` is of 32 bytes."""
    if len(salt) != SALT_BYTES:
        raise UsageError(f"expected a salt of {SALT_BYTES} random bytes, got {len(salt)}")
    state = hashlib.sha256()
    for part in (DOMAIN, salt, content):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


def opens(commitment: str, content: bytes, salt: bytes) -> bool:
    """Whether `commitment` was made of `content` and `salt`. Raises UsageError for one of another form."""
    if _HEX.fullmatch(commitment) is None:
        raise UsageError("expected a commitment of 64 lower-case hex digits, got other text")
    return hmac.compare_digest(commit(content, salt), commitment)
