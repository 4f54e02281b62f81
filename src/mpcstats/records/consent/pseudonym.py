"""Keyed pseudonyms of persons and of matters: HMAC-SHA-256 under a key that only the owner of the data has.

A plain digest of an id is no pseudonym: a county has some ten million possible ids, and all their digests are
made in under a minute. Under a key of the owner nobody else can test a guess. Two owners give a person two
pseudonyms, so that their journals cannot be joined.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mpcstats.errors import UsageError

KEY_BYTES = 32
BLOCK_BYTES = 64  # of SHA-256
INNER, OUTER = 0x36, 0x5C  # RFC 2104: ipad and opad
MATTER = b"mpcstats matter 1\x00"  # no normalised key of a person begins so
# The names of the two parameters of `pseudonym_sql`: the key is never part of a query's text.
INNER_NAME, OUTER_NAME = "pseudonym_inner", "pseudonym_outer"

Pseudonym = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """An owner's secret of 32 bytes."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise UsageError(f"expected a key of {KEY_BYTES} bytes, got {len(self.secret)}")

    def person(self, normalised: str) -> str:
        """The pseudonym of the person with this key, which the catalogue's normalisation has been applied to."""
        return hmac.new(self.secret, normalised.encode(), "sha256").hexdigest()

    def matter(self, event: str) -> str:
        """The pseudonym of an event, such as a settlement's number."""
        return hmac.new(self.secret, MATTER + event.encode(), "sha256").hexdigest()

    def parameters(self) -> dict[str, bytes]:
        """What the parameters of `pseudonym_sql` stand for."""
        block = self.secret.ljust(BLOCK_BYTES, b"\0")
        return {
            INNER_NAME: bytes(byte ^ INNER for byte in block),
            OUTER_NAME: bytes(byte ^ OUTER for byte in block),
        }


def pseudonym_sql(normalised: str, *, matter: bool = False) -> str:
    """The SQL (DuckDB) of `person` of a column's normalised key, or of `matter` of a text; NULL where it is NULL.

    To be executed with `parameters()` of the key.
    """
    # H((K ^ opad) || H((K ^ ipad) || text)), RFC 2104.
    text = f"encode(CAST({normalised} AS VARCHAR))"
    if matter:
        text = f"unhex('{MATTER.hex()}') || {text}"
    return f"sha256(${OUTER_NAME} || unhex(sha256(${INNER_NAME} || {text})))"


def make_pseudonym_key(path: Path) -> PseudonymKey:
    """A new key in the file at `path`, readable by its owner alone.

    Raises UsageError if the file is there: with another key every consent would be lost.
    """
    key = PseudonymKey(secrets.token_bytes(KEY_BYTES))
    try:
        # O_EXCL, and the mode from the start: at no time can another user read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path}: expected no such file, got one: keys are never replaced"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: expected a place for a key, got: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.secret)
        file.flush()
        os.fsync(file.fileno())
    return key


def read_pseudonym_key(path: Path) -> PseudonymKey:
    """The key in the file at `path`. Raises UsageError if there is none, or others may read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: expected a pseudonym key, got: {error.strerror}") from None
    if mode & 0o077:
        raise UsageError(
            f"{path}: expected a key that its owner alone may read (mode 0600), got mode {mode:04o}"
        )
    try:
        return PseudonymKey(secret)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
