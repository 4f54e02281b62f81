"""Acknowledgements: who has read which text on which day, as a journal that the users sign."""

from __future__ import annotations

from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.records.day import Day, check_day, later
from mpcstats.records.journal import Journal, append, body_as
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.profiles.profile import Profile
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table

ACKNOWLEDGED = "acknowledged"


class Acknowledged(Table):
    """What `user` signs: it has read and keeps to the text of that digest."""

    after: Digest  # the journal's head
    user: PrincipalName
    text: Digest
    day: Day


class Acknowledgements:
    """The fold of the journal; days never go back in it."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._days: dict[tuple[str, str], str] = {}  # the last day, by user and text
        self._last = "0001-01-01"

    @classmethod
    def load(cls, path: Path, principals: Principals) -> Acknowledgements:
        """The acknowledgements in the journal at `path`. Raises UsageError with file and line."""
        fold = cls(principals)
        Journal.load(path, principals, fold.add)
        return fold

    def add(self, statement: Statement) -> None:
        """One more. Raises UsageError if it is not signed by its user, who is known on its day, or comes too early."""
        if statement.kind != ACKNOWLEDGED:
            raise UsageError(f"expected a statement of kind {ACKNOWLEDGED}, got {statement.kind}")
        found = body_as(statement, Acknowledged)
        signers = statement.signers(self._principals)
        # Nobody acknowledges for somebody else, an organisation for its people neither.
        if signers != (found.user,):
            raise UsageError(
                f"{ACKNOWLEDGED}: expected the signature of {found.user} and no other, got {', '.join(signers)}"
            )
        known = self._principals.get(found.user)
        if known is None or not known.valid(found.day):
            raise UsageError(
                f"{ACKNOWLEDGED}: expected a principal that may act on {found.day}, got {found.user}"
            )
        if found.day < self._last:
            raise UsageError(
                f"{ACKNOWLEDGED}: expected a day from {self._last} on, got {found.day}: the one before is later"
            )
        self._last = found.day
        self._days[found.user, found.text] = found.day

    def missing(self, profile: Profile, user: str, day: str) -> tuple[str, ...]:
        """Every reason why `user` must not be let in on `day` under `profile`; () if it has acknowledged all texts."""
        check_day(day)
        found = []
        for text in profile.text:
            read = self._days.get((user, text.digest))
            if read is None or read > day:
                found.append(
                    f"{user} has not acknowledged {text.name} of profile {profile.name} as it stands now"
                )
            elif later(read, text.days) <= day:
                found.append(
                    f"{user} acknowledged {text.name} of profile {profile.name} on {read}, for {text.days} days"
                )
        return tuple(found)


def acknowledge(
    path: Path, statement: Statement, principals: Principals, *, day: str
) -> Acknowledgements:
    """Add an acknowledgement of today, `day`, to the journal at `path`. Raises UsageError; then nothing is added."""
    # A later day than today's would be valid for longer than its text says.
    if body_as(statement, Acknowledged).day != check_day(day):
        raise UsageError(f"{ACKNOWLEDGED}: expected the day {day}, got another: sign it again")
    fold = Acknowledgements(principals)
    append(path, statement, principals, fold.add)
    return fold
