"""Standing: who has lost the right to submit by a violation, and who has it again, from a log's records alone.

One violation is enough. A reinstatement names the violations that it forgives, so that an old one says nothing
of a new violation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName, Principals, Role
from mpcstats.records.record import Appender, Record, record_digest
from mpcstats.records.second import Second, check_second, day_of
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table, counted, said

VIOLATION = "violation"
REINSTATEMENT = "reinstatement"
MOST = 64  # violations that one reinstatement forgives
FORGIVERS: tuple[Role, ...] = ("authoriser", "regulator")
# outside-template: asked something else than what was approved. replayed-token: used a one-shot token again.
# over-budget: more often than permitted. disallowed-action: did to data what its contract does not allow.
# altered-plan: came with another plan than the question gives.
What = Literal[
    "outside-template", "replayed-token", "over-budget", "disallowed-action", "altered-plan"
]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected one line of printable text")
    return text


class Violation(Table):
    """The body of a violation's record: `offender` did `what`; `by` keeps the log that shows it."""

    offender: PrincipalName
    what: What
    subject: Digest  # of the question, plan or action
    entry: Annotated[int, Field(ge=0)]  # the record of the same log that shows it
    by: PrincipalName
    at: Second


class Reinstatement(Table):
    """What an authoriser or regulator signs: the named violations of `offender` count no longer."""

    offender: PrincipalName
    violations: Annotated[tuple[Digest, ...], Listed, Field(min_length=1, max_length=MOST)]
    reason: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
    day: Day


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether `offender` may submit; if not, `by` is the index of the record that took the right, `why` the reason."""

    offender: str
    revoked: bool
    by: int | None = None
    why: str | None = None


def standing(records: Iterable[Record], offender: str, principals: Principals) -> Standing:
    """The standing of `offender` by `records`, of which only violations and reinstatements matter.

    An organisation's violation counts against everybody of it, a person's against the person alone. Linear in
    the number of records given: give those of the two kinds. A reinstatement that is not as it must be counts
    for nothing. Raises UsageError for a violation that cannot be read.
    """
    held: dict[str, tuple[int, Violation]] = {}
    forgiven: set[str] = set()
    names = {offender, offender.partition(".")[0]}
    for record in records:
        if record.kind == VIOLATION:
            violation = read_violation(record)
            if violation.offender in names:
                held.setdefault(record_digest(VIOLATION, record.body), (record.index, violation))
        elif record.kind == REINSTATEMENT:
            forgiven |= _forgiven(record, names, principals)
    for digest, (index, violation) in held.items():
        if digest not in forgiven:
            why = f"{violation.what} of {violation.offender} at {violation.at}, recorded by {violation.by}"
            return Standing(offender, True, index, why)
    return Standing(offender, False)


def violated(log: Appender, violation: Violation) -> Record:
    """Write the violation down; from this record on, the offender's right to submit is gone."""
    return log.append(VIOLATION, violation.model_dump())


def reinstate(
    log: Appender,
    records: Iterable[Record],
    statement: Statement,
    principals: Principals,
    *,
    at: str,
) -> Record:
    """Write a signed reinstatement down; it works from the next request on.

    Raises UsageError if it is not signed by an authoriser or regulator of another organisation than the
    offender's, or names what is no violation of the offender in `records`.
    """
    found = read_reinstatement(statement, principals, day_of(check_second(at)))
    known = {
        record_digest(VIOLATION, record.body)
        for record in records
        if record.kind == VIOLATION and read_violation(record).offender == found.offender
    }
    for digest in found.violations:
        if digest not in known:
            raise UsageError(
                f"reinstatement: expected violations of {found.offender} in this log, got {digest[:16]}"
            )
    return log.append(REINSTATEMENT, {"at": at, "statement": statement.to_json()})


def read_violation(record: Record) -> Violation:
    """The violation in a record of that kind. Raises UsageError with the place of every fault in it."""
    try:
        return Violation.model_validate(dict(record.body))
    except ValidationError as error:
        faults = [f"{counted({}, e['loc'])}: {said(e['msg'])}" for e in error.errors()]
        raise UsageError(f"violation, record {record.index}: " + "; ".join(faults)) from None


def read_reinstatement(statement: Statement, principals: Principals, day: str) -> Reinstatement:
    """What `statement` says, if who signed it may say it on `day`. Raises UsageError if not."""
    if statement.kind != REINSTATEMENT:
        raise UsageError(f"expected a reinstatement, got a statement of kind {statement.kind}")
    found = body_as(statement, Reinstatement)
    own = found.offender.partition(".")[0]
    signers = statement.signers(principals)
    # Whoever belongs to the offender's organisation would forgive itself.
    if not any(
        signer.partition(".")[0] != own and any(principals.has(signer, r, day) for r in FORGIVERS)
        for signer in signers
    ):
        raise UsageError(
            f"reinstatement of {found.offender}: expected the signature of an {' or '.join(FORGIVERS)} of "
            f"another organisation, got {', '.join(signers) or 'none'}"
        )
    if found.day > day:
        raise UsageError(f"reinstatement: expected a day until {day}, got {found.day}")
    return found


def _forgiven(record: Record, names: set[str], principals: Principals) -> set[str]:
    """The digests that a record of a reinstatement forgives to one of `names`; none if it is not as it must be."""
    at: JSON = record.body.get("at")
    try:
        statement = Statement.from_json(record.body.get("statement"))
        if statement.body.get("offender") not in names:
            return set()
        day = day_of(check_second(at if isinstance(at, str) else ""))
        return set(read_reinstatement(statement, principals, day).violations)
    except UsageError:
        return set()
