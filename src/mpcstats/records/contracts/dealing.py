"""The statements of a dealing: what a user asks for, what the owner hands over, what the user then does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.contracts.contract import Action, Contract, Purpose, Some
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest, Nonce
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.second import Second
from mpcstats.records.signed import Statement
from mpcstats.records.standing import What
from mpcstats.records.tomlfile import Listed, Table

M = TypeVar("M", bound=Table)
CONTRACT = "contract"
ACCESS = "access"
PACKAGE = "package"
ACTION = "action"
Word = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,31}$")]
Uses = Annotated[int, Field(ge=1, le=1 << 31)]


class Access(Table):
    """What `user` signs to be given an asset: for which purpose and query, under which contract, how many uses."""

    contract: Annotated[str, Field(min_length=1, max_length=64)]
    asset: Annotated[str, Field(min_length=1, max_length=64)]
    user: PrincipalName
    purpose: Purpose
    query: Digest
    uses: Uses
    nonce: Nonce


class Package(Table):
    """What the owner signs and hands over: the data reference with the contract that goes with it."""

    owner: PrincipalName
    contract: Digest  # of the contract's statement
    access: Digest  # of the statement that asked
    asset: Annotated[str, Field(min_length=1, max_length=64)]
    reference: Digest
    user: PrincipalName
    purpose: Purpose
    query: Digest
    actions: Annotated[tuple[Action, ...], Listed, Some]
    level: Literal["HIGH", "MODERATE", "LOW", "NONE"]
    until: Day
    uses: Uses
    at: Second


class Report(Table):
    """What `actor` signs when it has acted: all that one use did, or a job's release of its cells.

    `result` is the digest of what was released and `cells` how many cells; no value of them is here.
    """

    package: Digest  # of the package's statement
    actor: PrincipalName
    # Any word: who owns up to an action that no contract knows has done something that none allows.
    actions: Annotated[tuple[Word, ...], Listed, Some]
    query: Digest
    result: Digest | None = None
    cells: Annotated[int, Field(ge=0, le=1 << 40)] | None = None
    nonce: Nonce

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.actions)) != len(self.actions):
            raise ValueError("expected different actions, got one twice")
        release = "release" in self.actions
        if release and len(self.actions) > 1:
            raise ValueError("expected a release as a report of its own, got it with other actions")
        if release != (self.result is not None) or release != (self.cells is not None):
            raise ValueError("expected result and cells with a release, and with nothing else")
        return self

    @property
    def is_release(self) -> bool:
        """Whether it opens the cells of a job, rather than is one."""
        return self.actions == ("release",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a contract says of an action; `what` and `why` are None if it is allowed."""

    what: What | None = None
    why: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the action is no violation."""
        return self.what is None


ALLOWED = Verdict()


def evaluate(
    report: Report, package: Package, *, used: int, released: int, revoked: bool, day: str
) -> Verdict:
    """What the package's contract says of the action in `report`, after `used` uses and `released` releases.

    A pure function of its arguments, so that every node that has the records comes to the same verdict.
    """
    others = [action for action in report.actions if action not in package.actions]
    if report.actor != package.user:
        return Verdict("disallowed-action", f"the package is for {package.user}")
    if revoked:
        return Verdict("disallowed-action", "the right to act was gone before")
    if others:
        return Verdict("disallowed-action", f"the contract does not allow {', '.join(others)}")
    if day > package.until:
        return Verdict("disallowed-action", f"the contract ended on {package.until}")
    if report.query != package.query:
        return Verdict("outside-template", "the package is for another query")
    if not report.is_release and used >= package.uses:
        return Verdict("over-budget", f"the package is for {package.uses} uses")
    if report.is_release and released >= used:
        return Verdict("over-budget", f"{used} jobs were reported, and as many releases")
    return ALLOWED


def refusals(
    access: Access, contract: Contract, *, granted: int, principals: Principals, day: str
) -> tuple[str, ...]:
    """Every reason why `contract` does not give `access` a package on `day`, after `granted` uses; () if it does."""
    found: list[str] = []
    if access.asset != contract.asset.name:
        found.append(f"contract {contract.name} is for {contract.asset.name}, not {access.asset}")
    if not any(principals.has(access.user, role, day) for role in contract.roles):
        found.append(f"{access.user} has none of the roles {', '.join(contract.roles)} on {day}")
    if access.user.partition(".")[0] not in contract.parties:
        found.append(f"contract {contract.name} is for {', '.join(contract.parties)}")
    if access.purpose not in contract.purposes:
        found.append(
            f"contract {contract.name} is for {', '.join(contract.purposes)}, not {access.purpose}"
        )
    if not contract.since <= day <= contract.until:
        found.append(
            f"contract {contract.name} is valid {contract.since} to {contract.until}, not on {day}"
        )
    if contract.uses is not None and granted + access.uses > contract.uses:
        found.append(
            f"contract {contract.name} has {contract.uses - granted} uses left, {access.uses} asked for"
        )
    return tuple(found)


def signed_by(
    statement: Statement, kind: str, model: type[M], field: str, principals: Principals, day: str
) -> M:
    """The body of `statement` as `model`, if it is of `kind` and signed by who its `field` names, valid on `day`.

    Raises UsageError if not: then it says nothing about anybody, least of all about who is named in it.
    """
    if statement.kind != kind:
        raise UsageError(f"expected a statement of kind {kind}, got {statement.kind}")
    body = body_as(statement, model)
    name: str = getattr(body, field)
    signers = statement.signers(principals)
    if signers != (name,):
        raise UsageError(
            f"{kind}: expected the signature of {name} and no other, got {', '.join(signers) or 'none'}"
        )
    known = principals.get(name)
    if known is None or not known.valid(day):
        raise UsageError(f"{kind}: expected a principal that may act on {day}, got {name}")
    return body
