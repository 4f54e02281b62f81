"""A checkpoint: how many entries a party's log has and their Merkle root, signed by it and cosigned by the others.

The note's text is three lines: the log's origin, the size in decimal, the root in base64 (C2SP tlog-checkpoint;
lines after these are refused, as nobody audits what they say). A cosignature (C2SP tlog-cosignature, type 0x04) is
8 bytes of seconds since 1970 and an Ed25519 signature over "cosignature/v1", "time N" and the note's text, a line
each. A party's log and its key are both named "mpcstats/<party>".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.ledger.merkle import HASH_BYTES
from mpcstats.records.ledger.note import (
    COSIGNATURE,
    ED25519,
    SIGNATURE_BYTES,
    Note,
    Signature,
    check_key_name,
    from_base64,
    key_id,
    sign,
    signed,
    to_base64,
    verified,
)

ORIGIN = "mpcstats/"
SIZE_LIMIT = 1 << 62
TIME_BYTES = 8
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` has `size` entries with that root, of 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The checkpoint that a note's text says. Raises UsageError if it says none."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) != 3:
            raise UsageError(
                f"expected a checkpoint of origin, size and root, got {len(lines)} lines"
            )
        origin, size, root = lines
        # The pattern first: int() takes other digits, signs, blanks and underscores.
        if _SIZE.fullmatch(size) is None or int(size) > SIZE_LIMIT:
            raise UsageError(f"expected a checkpoint's size as a whole number, got {size[:40]!r}")
        content = from_base64(root)
        if content is None or len(content) != HASH_BYTES:
            raise UsageError(
                f"expected a checkpoint's root of 32 bytes in base64, got {root[:60]!r}"
            )
        return cls(check_key_name(origin), int(size), content)

    def signed_by(self, key: Ed25519PrivateKey) -> Note:
        """The note with the signature of the log's own key."""
        return Note(self.text, (sign(self.text, self.origin, key),))


def origin_of(party: str) -> str:
    """The origin of the party's log, and the name of its key: mpcstats/<party>."""
    return check_key_name(f"{ORIGIN}{party}")


def own_signature(party: str, public_key: bytes, value: bytes) -> Signature:
    """The line of a party's own signature under a checkpoint, from the 64 bytes of it."""
    name = origin_of(party)
    return Signature(name, key_id(name, ED25519, public_key), value)


def cosign(checkpoint: Checkpoint, cosigner: str, key: Ed25519PrivateKey, time: int) -> Signature:
    """The cosignature of party `cosigner` at `time`, in seconds since 1970."""
    name = origin_of(cosigner)
    made = key.sign(_cosigned(checkpoint.text, time))
    public = key.public_key().public_bytes_raw()
    value = time.to_bytes(TIME_BYTES, "big") + made
    return Signature(name, key_id(name, COSIGNATURE, public), value)


def cosigned(note: Note, cosigner: str, public_key: bytes) -> int | None:
    """When party `cosigner` has cosigned the note, in seconds since 1970; None if it has not.

    Raises UsageError if there is a line of its key that its key has not made.
    """
    name = origin_of(cosigner)
    found = note.of(name, key_id(name, COSIGNATURE, public_key))
    if found is None:
        return None
    time = int.from_bytes(found.value[:TIME_BYTES], "big")
    made = found.value[TIME_BYTES:]
    if (
        len(made) != SIGNATURE_BYTES
        or time >= 1 << 63
        or not verified(public_key, made, _cosigned(note.text, time))
    ):
        raise UsageError(f"expected a cosignature of the key of {name}, got another")
    return time


def read_checkpoint(note: str, party: str, public_key: bytes) -> tuple[Note, Checkpoint]:
    """The checkpoint of the party's log in a note that may come from anybody, signed by its key.

    Raises UsageError if it is none, is another party's, or has not that signature.
    """
    read = Note.parse(note)
    found = Checkpoint.of_text(read.text)
    name = origin_of(party)
    if found.origin != name:
        raise UsageError(f"expected a checkpoint of {name}, got one of {found.origin[:60]!r}")
    if not signed(read, name, public_key):
        raise UsageError(f"expected a checkpoint signed by the key of {name}, got one that is not")
    return read, found


def checkpoint_digest(note: Note, party: str, public_key: bytes) -> str:
    """SHA-256, in hex, of the note with the party's own signature alone, whoever else has signed it."""
    name = origin_of(party)
    own = note.of(name, key_id(name, ED25519, public_key))
    if own is None:
        raise UsageError(f"expected a checkpoint signed by the key of {name}, got one that is not")
    return hashlib.sha256(str(Note(note.text, (own,))).encode()).hexdigest()


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
