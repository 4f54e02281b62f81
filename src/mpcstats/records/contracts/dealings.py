"""All dealings of one owner, folded from its log: which contracts and packages there are, and who broke which.

The fold is the contract: whoever has the owner's records comes to the same verdict on every action, and finds
out an owner that hands over what its contract does not give, or hides a violation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.contracts.contract import Contract
from mpcstats.records.contracts.dealing import (
    ACCESS,
    ACTION,
    CONTRACT,
    PACKAGE,
    Access,
    Package,
    Report,
    Verdict,
    evaluate,
    refusals,
    signed_by,
)
from mpcstats.records.principals import Principals
from mpcstats.records.record import Record
from mpcstats.records.second import check_second, day_of
from mpcstats.records.signed import Statement
from mpcstats.records.standing import (
    REINSTATEMENT,
    VIOLATION,
    Standing,
    Violation,
    read_violation,
    standing,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A contract, the digest of its statement, and how many uses its packages give together."""

    contract: Contract
    digest: str
    granted: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that the log holds and that was not answered, and every reason why it must not be; () if none."""

    access: Access
    digest: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A package and how many uses and releases were reported of it."""

    package: Package
    used: int = 0
    released: int = 0


class Dealings:
    """The fold; `add` takes the owner's records in order. Kinds that are no dealing are passed over."""

    def __init__(self, owner: str, principals: Principals) -> None:
        self.owner = owner
        self.due: list[Violation] = []  # shown by an action, and not written down so far
        # What other custodians can go by: violations that an action, signed by the offender, shows; and
        # reinstatements, which are signed too.
        self.proven: list[Record] = []
        self.pending: Pending | None = None  # the request that the next record may answer
        self.verdict: Verdict | None = None  # on the last action
        self.standings: list[Record] = []  # violations and reinstatements
        self.last = "0001-01-01T00:00:00Z"  # when the last dealing came in
        self._principals = principals
        self._contracts: dict[str, Held] = {}
        self._packages: dict[str, Given] = {}
        self._nonces: set[tuple[str, str]] = set()

    @classmethod
    def of(cls, owner: str, records: Iterable[Record], principals: Principals) -> Self:
        """The dealings of `owner` in its log. Raises UsageError as `add`."""
        dealings = cls(owner, principals)
        for record in records:
            dealings.add(record)
        return dealings

    def add(self, record: Record) -> None:
        """One record more. Raises UsageError with its number if it cannot come next; the dealings are as they were."""
        try:
            if record.kind in (VIOLATION, REINSTATEMENT):
                self._add_standing(record)
            elif record.kind in (CONTRACT, ACCESS, PACKAGE, ACTION):
                self._add_dealing(record)
        except UsageError as error:
            raise UsageError(f"record {record.index} of {self.owner}: {error}") from None

    def standing(self, name: str) -> Standing:
        """Whether `name` may ask and act, by this log."""
        return standing(self.standings, name, self._principals)

    def held(self, name: str) -> Held:
        """The contract of that name. Raises UsageError if there is none."""
        if name not in self._contracts:
            raise UsageError(f"expected a contract of {self.owner}, got {name[:64]!r}")
        return self._contracts[name]

    def contract(self, statement: Statement, day: str) -> Contract:
        """The contract that `statement` makes. Raises UsageError if the owner has not signed it, or it is there."""
        made = signed_by(statement, CONTRACT, Contract, "owner", self._principals, day)
        if made.owner != self.owner:
            raise UsageError(f"contract: expected one of {self.owner}, got one of {made.owner}")
        if made.name in self._contracts:
            raise UsageError(f"contract: expected a new name, got {made.name}, which is there")
        return made

    def access(self, statement: Statement, day: str) -> Access:
        """What `statement` asks for. Raises UsageError if it is forged, a replay, or its contract unknown."""
        asked = signed_by(statement, ACCESS, Access, "user", self._principals, day)
        self._check_new(asked.user, asked.nonce, ACCESS)
        self.held(asked.contract)
        return asked

    def report(self, statement: Statement, day: str) -> Report:
        """What `statement` reports. Raises UsageError if it is forged, a replay, or of no package given here."""
        report = signed_by(statement, ACTION, Report, "actor", self._principals, day)
        self._check_new(report.actor, report.nonce, ACTION)
        if report.package not in self._packages:
            raise UsageError(
                f"action: expected a package of {self.owner}, got {report.package[:16]}, which is none"
            )
        return report

    def _check_new(self, signer: str, nonce: str, kind: str) -> None:
        if (signer, nonce) in self._nonces:
            raise UsageError(f"{kind} of {signer}: expected a fresh nonce, got one again: a replay")

    def _add_dealing(self, record: Record) -> None:
        if self.due:
            raise UsageError(
                f"expected the violation of {self.due[0].offender} that the action before shows, got "
                f"a record of kind {record.kind}: it was hidden"
            )
        statement, at = unwrapped(record.body)
        day = day_of(at)
        # An owner that dates a record back could let somebody in after the contract's last day.
        if at < self.last:
            raise UsageError(f"expected a dealing from {self.last} on, got one of {at}")
        match record.kind:
            case "contract":
                made = self.contract(statement, day)
                self._contracts[made.name] = Held(made, statement.digest)
                self.pending = None
            case "access":
                asked = self.access(statement, day)
                self._nonces.add((asked.user, asked.nonce))
                self.pending = Pending(asked, statement.digest, self._reasons(asked, day))
            case "package":
                self._add_package(statement, at)
                self.pending = None
            case _:
                self._add_action(statement, record, at)
                self.pending = None
        self.last = at

    def _reasons(self, asked: Access, day: str) -> tuple[str, ...]:
        held = self.held(asked.contract)
        why = self.standing(asked.user).why
        revoked = () if why is None else (f"{asked.user} has no right to ask: {why}",)
        return revoked + refusals(
            asked, held.contract, granted=held.granted, principals=self._principals, day=day
        )

    def _add_package(self, statement: Statement, at: str) -> None:
        package = signed_by(statement, PACKAGE, Package, "owner", self._principals, day_of(at))
        # The answer is settled by the log as it was at the request: what others write in between is not at fault.
        pending = self.pending
        if pending is None or package.access != pending.digest:
            raise UsageError(
                "package: expected the request that it answers right before it, got none"
            )
        if pending.reasons:
            raise UsageError(f"package: expected none, because {'; '.join(pending.reasons)}")
        asked = pending.access
        if package != self.package(asked, digest=pending.digest, at=at):
            raise UsageError("package: expected what its contract gives, got something else")
        held = self.held(asked.contract)
        self._contracts[asked.contract] = replace(held, granted=held.granted + asked.uses)
        self._packages[statement.digest] = Given(package)

    def package(self, asked: Access, *, digest: str, at: str) -> Package:
        """The package that the contract gives to who `asked` by the statement of that digest."""
        held = self.held(asked.contract)
        contract = held.contract
        return Package(
            owner=self.owner,
            contract=held.digest,
            access=digest,
            asset=contract.asset.name,
            reference=contract.asset.digest,
            user=asked.user,
            purpose=asked.purpose,
            query=asked.query,
            actions=contract.actions,
            level=contract.level,
            until=contract.until,
            uses=asked.uses,
            at=at,
        )

    def _add_action(self, statement: Statement, record: Record, at: str) -> None:
        report = self.report(statement, day_of(at))
        given = self._packages[report.package]
        self._nonces.add((report.actor, report.nonce))
        self.verdict = verdict = evaluate(
            report,
            given.package,
            used=given.used,
            released=given.released,
            revoked=self.standing(report.actor).revoked,
            day=day_of(at),
        )
        if verdict.what is not None:
            self.due.append(
                Violation(
                    offender=report.actor,
                    what=verdict.what,
                    subject=statement.digest,
                    entry=record.index,
                    by=self.owner,
                    at=at,
                )
            )
            return
        self._packages[report.package] = (
            replace(given, released=given.released + 1)
            if report.is_release
            else replace(given, used=given.used + 1)
        )

    def _add_standing(self, record: Record) -> None:
        if record.kind == VIOLATION:
            violation = read_violation(record)
            if violation in self.due:
                self.due.remove(violation)
                self.proven.append(record)
        else:
            self.proven.append(record)
        self.standings.append(record)


def wrapped(statement: Statement, at: str) -> dict[str, JSON]:
    """The body of a record that holds `statement`, come in at the second `at`."""
    return {"at": check_second(at), "statement": statement.to_json()}


def unwrapped(body: Mapping[str, JSON]) -> tuple[Statement, str]:
    """The statement in a record's body and the second at which it came in. Raises UsageError if it holds none."""
    at = body.get("at")
    if set(body) != {"at", "statement"} or not isinstance(at, str):
        raise UsageError("expected a record of a statement and the second at which it came in")
    return Statement.from_json(body["statement"]), check_second(at)
