"""A signed note: a text and the signature lines under it, as C2SP signed-note writes them.

The text ends with a new line; then an empty line; then a line for each signature: an em dash, a blank, the key's
name, a blank, and base64 of the key's id (4 bytes) and the signature. A key's id is the first 4 bytes of SHA-256
over name, new line, type and key. Source: c2sp.org/signed-note v1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mpcstats.errors import UsageError

ED25519 = 0x01  # the type of a plain Ed25519 signature over the text
COSIGNATURE = 0x04  # the type of a timestamped cosignature of a witness
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
NOTE_LIMIT = 16 * 1024  # bytes
MOST_SIGNATURES = 64
MOST_SIGNATURE_BYTES = 128  # of one line, its key's id included; ours are 68 and 76
_LINE = re.compile(r"\u2014 (?P<name>[^ \n]+) (?P<value>[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: who says so, the id of the key, and the bytes that the key has made; not yet believed."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return line_of(self.name, self.key_id + self.value)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, in their order."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    @classmethod
    def parse(cls, note: str) -> Self:
        """The note in `note`, which may come from anybody; `str` gives the same text back.

        Raises UsageError if it is none, is above 16 KiB or 64 signatures, or has two lines of one key.
        """
        _check_text(note)
        text, gap, lines = note.rpartition("\n\n")
        if not gap or not text:
            raise UsageError("expected a signed note: a text, an empty line, signatures; got none")
        if not lines.endswith("\n"):
            raise UsageError("expected a signed note that ends with a new line, got a part of one")
        found = tuple(read_line(line) for line in lines[:-1].split("\n"))
        if len(found) > MOST_SIGNATURES:
            raise UsageError(f"expected at most {MOST_SIGNATURES} signatures, got {len(found)}")
        if len({(s.name, s.key_id) for s in found}) != len(found):
            raise UsageError("expected one signature of each key under a note, got two of one")
        return cls(f"{text}\n", found)

    def of(self, name: str, key_id: bytes) -> Signature | None:
        """The signature of that key, if there is one."""
        for signature in self.signatures:
            if (signature.name, signature.key_id) == (name, key_id):
                return signature
        return None

    def with_(self, signature: Signature) -> Self:
        """The note with `signature` at its end, in place of an earlier one of the same key."""
        key = (signature.name, signature.key_id)
        others = tuple(s for s in self.signatures if (s.name, s.key_id) != key)
        return replace(self, signatures=(*others, signature))


def line_of(name: str, content: bytes) -> str:
    """The signature line of a key's name, and its id and signature."""
    return f"\u2014 {name} {to_base64(content)}\n"


def read_line(line: str) -> Signature:
    """The signature that a line without its end says. Raises UsageError if it says none."""
    match = _LINE.fullmatch(line)
    content = None if match is None else from_base64(match["value"])
    if match is None or content is None:
        raise UsageError(f"expected a signature line '\u2014 name base64', got {line[:80]!r}")
    if not KEY_ID_BYTES < len(content) <= MOST_SIGNATURE_BYTES:
        raise UsageError(f"expected a signature of 5 to 128 bytes, got {len(content)}")
    return Signature(check_key_name(match["name"]), content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """The id of the Ed25519 key of 32 bytes under `name`, for signatures of type `kind`."""
    state = hashlib.sha256(f"{check_key_name(name)}\n".encode() + bytes([kind]) + public_key)
    return state.digest()[:KEY_ID_BYTES]


def sign(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """The plain signature of `text` by `key` under `name`."""
    public = key.public_key().public_bytes_raw()
    return Signature(name, key_id(name, ED25519, public), key.sign(text.encode()))


def signed(note: Note, name: str, public_key: bytes) -> bool:
    """Whether the note has a plain signature of that key. Raises UsageError if it has one that is not the key's."""
    found = note.of(name, key_id(name, ED25519, public_key))
    if found is None:
        return False
    if not verified(public_key, found.value, note.text.encode()):
        raise UsageError(f"expected a signature of the key of {name} over the note, got another")
    return True


def verified(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` of 64 bytes is one of the Ed25519 key of 32 bytes over `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def check_key_name(name: str) -> str:
    """`name`, if a key may have it. Raises UsageError if it is empty or has blanks, controls or a plus."""
    if not name or "+" in name or any(sign.isspace() or _control(sign) for sign in name):
        raise UsageError(f"expected a key's name without blanks and +, got {name[:80]!r}")
    return name


def to_base64(content: bytes) -> str:
    """`content` in the standard alphabet, padded."""
    return base64.b64encode(content).decode()


def from_base64(text: str) -> bytes | None:
    """What `to_base64` made `text` of; None if it made it of nothing."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The decoder takes any bits behind the last byte, so one content would have many texts.
    return content if to_base64(content) == text else None


def _check_text(note: str) -> None:
    if len(note) > NOTE_LIMIT:
        raise UsageError(f"expected a note of at most {NOTE_LIMIT} bytes, got {len(note)} signs")
    try:
        size = len(note.encode())
    except UnicodeEncodeError:
        raise UsageError("expected a note in valid Unicode, got lone surrogates") from None
    if size > NOTE_LIMIT:
        raise UsageError(f"expected a note of at most {NOTE_LIMIT} bytes, got {size}")
    if any(_control(sign) for sign in note.replace("\n", "")):
        raise UsageError("expected a note without control characters but new lines, got some")


def _control(sign: str) -> bool:
    return unicodedata.category(sign) == "Cc"
