"""Acknowledgements at the desk: a profile's texts to read, and the user's signature that it has read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals
from mpcstats.records.journal import Journal
from mpcstats.records.profiles.acknowledgement import ACKNOWLEDGED, Acknowledgements, acknowledge
from mpcstats.records.profiles.profile import Profile, shipped
from mpcstats.records.signed import Statement


def texts(consortium: Path) -> Iterator[str]:
    """The texts of the consortium's profile, each under its title. Raises UsageError if it has none."""
    profile, _ = _named(Consortium.load(consortium))
    for text in profile.text:
        yield f"{text.title} ({text.name}, for {text.days} days)\n{text.body.strip()}\n"


def acknowledged(consortium: Path, user: str, key: Path, day: str) -> int:
    """Sign for every text that `user` has to acknowledge on `day`, and append it; how many these were.

    Raises UsageError if the consortium has no profile or journal, or `user` is not known with this key.
    """
    agreed = Consortium.load(consortium)
    principals, signing = load_principals(agreed), read_signing_key(key)
    if signing.public_key().public_bytes_raw() != principals.key(user):
        raise UsageError(f"{key}: expected the signing key of {user}, got another")
    profile, path = _named(agreed)
    fold = Acknowledgements(principals)
    head = Journal.load(path, principals, fold.add).head
    signed = 0
    for text in profile.text:
        one = profile.model_copy(update={"text": [text]})
        if fold.missing(one, user, day):
            body = {"after": head, "user": user, "text": text.digest, "day": day}
            made = Statement.of(ACKNOWLEDGED, body).sign(user, signing)
            acknowledge(path, made, principals, day=day)
            head = Journal.load(path, principals).head
            signed += 1
    return signed


def _named(agreed: Consortium) -> tuple[Profile, Path]:
    registers = agreed.registers
    if registers.profile is None or registers.acknowledgements is None:
        raise UsageError(
            f'{agreed.path}: expected profile = "..." and acknowledgements = "..." in [registers], got '
            "none"
        )
    return shipped(registers.profile), registers.acknowledgements
