"""Commitments: they open with salt and content, and with nothing else."""

from __future__ import annotations

import hashlib

import pytest

from mpcstats.errors import UsageError
from mpcstats.records.ledger.commitment import commit, opens

SALT = bytes(range(32))


def test_a_commitment_is_the_documented_hash() -> None:
    parts = (b"mpcstats commitment 1", SALT, b"rows")
    plain = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert commit(b"rows", SALT) == hashlib.sha256(plain).hexdigest()


def test_it_opens_with_its_salt_and_content_alone() -> None:
    made = commit(b"rows", SALT)
    assert opens(made, b"rows", SALT)
    assert not opens(made, b"row", SALT)
    assert not opens(made, b"rows", bytes(32))
    # The lengths are hashed: no byte can pass from the salt to the content.
    assert commit(SALT[-1:] + b"x", SALT) != commit(b"x", SALT)


def test_a_salt_or_commitment_of_another_form_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^expected a salt of 32 random bytes, got 31$"):
        commit(b"", SALT[1:])
    with pytest.raises(UsageError, match=r"^expected a commitment of 64 lower-case hex digits"):
        opens(commit(b"", SALT).upper(), b"", SALT)
