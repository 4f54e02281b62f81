"""Standing at the desk: who has lost the right to ask this party, and the signed statement that gives it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals
from mpcstats.records.canonical import JSON
from mpcstats.records.journal import body_as
from mpcstats.records.ledger import Ledger, entries
from mpcstats.records.record import record_digest
from mpcstats.records.signed import Statement
from mpcstats.records.standing import (
    REINSTATEMENT,
    VIOLATION,
    Reinstatement,
    read_violation,
    reinstate,
    standing,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A violation in a party's ledger: its entry and digest, and whether it still takes the right to ask."""

    entry: int
    digest: str
    offender: str
    what: str
    at: str
    forgiven: bool


def violations(consortium: Path, party: str) -> Iterator[Line]:
    """Every violation in the ledger of `party`, which is not checked here. Raises UsageError with the file."""
    agreed = Consortium.load(consortium)
    principals = load_principals(agreed)
    files = PartyFile.load(agreed.party_file(party), party=party)
    records = entries(files.ledger)
    forgiving = [record for record in records if record.kind == REINSTATEMENT]
    for record in records:
        if record.kind == VIOLATION:
            found = read_violation(record)
            alone = standing((record, *forgiving), found.offender, principals)
            digest = record_digest(VIOLATION, record.body)
            said = (found.offender, found.what, found.at)
            yield Line(record.index, digest, *said, not alone.revoked)


def forgiveness(offender: str, digests: Sequence[str], reason: str, day: str) -> Statement:
    """The unsigned statement that these violations of `offender` count no longer. Raises UsageError."""
    listed: list[JSON] = [*digests]
    said: dict[str, JSON] = {"offender": offender, "violations": listed}
    made = Statement.of(REINSTATEMENT, {**said, "reason": reason, "day": day})
    body_as(made, Reinstatement)
    return made


def reinstated(consortium: Path, party: str, statement: Statement, *, at: str) -> int:
    """Enter the signed statement in the ledger of `party`, also while its node runs; the entry's index.

    Raises UsageError unless an authoriser or regulator of another organisation has signed it, and what it forgives
    is in this ledger.
    """
    agreed = Consortium.load(consortium)
    files = PartyFile.load(agreed.party_file(party), party=party)
    if not files.ledger.is_file():
        raise UsageError(f"{files.ledger}: expected a ledger, got no file")
    key = read_signing_key(files.signing_key)
    with Ledger.open(files.ledger, party=party, signing_key=key) as ledger:
        found = ledger.entries(VIOLATION)
        return reinstate(ledger, found, statement, load_principals(agreed), at=at).index
