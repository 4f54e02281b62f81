"""The register of levels: what was proposed, what reviewers decided and why, and when it is to be looked at again.

It is the fold of a journal of four kinds of signed statements:

| kind | says | signed by |
| --- | --- | --- |
| level-proposed | a rule proposes a level for a column | a party, or a user |
| level-confirmed | the proposal is right | a reviewer who did not propose it |
| level-overridden | another level is right, and why | a reviewer who did not propose it |
| level-regraded | a level that was decided changes, up or down, on evidence (by digest) | a reviewer |

A decision never makes a column less sensitive than the catalogue says, which all parties have agreed on (`graded`):
to lower a level, the parties agree on another catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.catalogue.metadata import LevelName, Text
from mpcstats.records.classification.rules import ReviewTerms
from mpcstats.records.day import Day, later
from mpcstats.records.journal import body_as
from mpcstats.records.levels import Level, highest
from mpcstats.records.names import DatasetName, Digest
from mpcstats.records.principals import Principals, Role
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table

PROPOSED = "level-proposed"
CONFIRMED = "level-confirmed"
OVERRIDDEN = "level-overridden"
REGRADED = "level-regraded"
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
Where = tuple[str, str]  # (dataset, column)


class _Body(Table):
    after: str
    day: Day
    dataset: DatasetName
    column: ColumnName
    reason: Text

    @property
    def where(self) -> Where:
        """The column that is spoken of."""
        return self.dataset, self.column


class ProposedBody(_Body):
    """A rule proposes `level`; `confidence` is the rule's, in a word."""

    level: LevelName
    rule: Text
    confidence: Text


class ConfirmedBody(_Body):
    """The proposal with that digest is right; to be looked at again by `review_by`."""

    proposal: Digest
    review_by: Day


class OverriddenBody(ConfirmedBody):
    """Of that proposal another `level` is right."""

    level: LevelName


class RegradedBody(_Body):
    """The level `was` becomes `level` on the evidence with that SHA-256, such as a test of re-identification."""

    was: LevelName
    level: LevelName
    evidence: Digest
    review_by: Day


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the decision log; `before` is the level that was proposed or decided until then."""

    day: str
    kind: str
    dataset: str
    column: str
    before: Level
    level: Level
    by: tuple[str, ...]
    reason: str
    review_by: str
    evidence: str | None
    statement: str

    @property
    def name(self) -> str:
        """owner.dataset.column."""
        return f"{self.dataset}.{self.column}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that no reviewer has decided on."""

    body: ProposedBody
    by: tuple[str, ...]
    statement: str


class Levels:
    """What the journal says: `add` takes the statements in order."""

    def __init__(self, principals: Principals, terms: ReviewTerms) -> None:
        self._principals = principals
        self._terms = terms
        self._day = ""
        self._waiting: dict[Where, Waiting] = {}
        self._decided: dict[Where, Decision] = {}
        self._log: list[Decision] = []

    def add(self, statement: Statement) -> None:
        """Take the next statement. Raises UsageError if it cannot come next, or its signer may not say so."""
        known: Mapping[str, Callable[[Statement], None]] = {
            PROPOSED: self._propose,
            CONFIRMED: self._confirm,
            OVERRIDDEN: self._override,
            REGRADED: self._regrade,
        }
        if statement.kind not in known:
            raise UsageError(f"expected a statement of {', '.join(known)}, got {statement.kind}")
        known[statement.kind](statement)

    @property
    def log(self) -> tuple[Decision, ...]:
        """The decision log, oldest first."""
        return tuple(self._log)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The proposals that nobody has decided on, oldest first."""
        return tuple(self._waiting.values())

    def decision(self, dataset: str, column: str) -> Decision | None:
        """The decision that holds for a column, if there is one."""
        return self._decided.get((dataset, column))

    def level(self, dataset: str, column: str, day: str) -> Level | None:
        """What a column counts as on `day`; None if nobody has decided. An overdue decision counts as the terms say."""
        found = self.decision(dataset, column)
        if found is None:
            return None
        return found.level if day <= found.review_by else max(found.level, self._terms.overdue)

    def overdue(self, day: str) -> tuple[Decision, ...]:
        """The decisions whose day of review has passed."""
        return tuple(d for d in self._decided.values() if d.review_by < day)

    def _propose(self, statement: Statement) -> None:
        body = body_as(statement, ProposedBody)
        by = self._signers(statement, body.day, "party", "user")
        self._waiting[body.where] = Waiting(body, by, statement.digest)
        self._day = body.day

    def _confirm(self, statement: Statement) -> None:
        body = body_as(statement, ConfirmedBody)
        waiting, by = self._reviewing(statement, body)
        self._decide(statement, body, waiting.body.level, by, before=waiting.body.level)

    def _override(self, statement: Statement) -> None:
        body = body_as(statement, OverriddenBody)
        waiting, by = self._reviewing(statement, body)
        if body.level is waiting.body.level:
            raise UsageError(
                f"{OVERRIDDEN}: expected another level than the proposed {body.level.name}: confirm it"
            )
        self._decide(statement, body, body.level, by, before=waiting.body.level)

    def _regrade(self, statement: Statement) -> None:
        body = body_as(statement, RegradedBody)
        by = self._signers(statement, body.day, "reviewer")
        found = self._decided.get(body.where)
        if found is None or found.level is not body.was:
            now = "none" if found is None else found.level.name
            raise UsageError(
                f"{REGRADED}: expected {'.'.join(body.where)} to have the decided level {body.was.name}, "
                f"got {now}"
            )
        if body.level is body.was:
            raise UsageError(f"{REGRADED}: expected another level than {body.was.name}")
        self._decide(statement, body, body.level, by, before=body.was, evidence=body.evidence)

    def _reviewing(
        self, statement: Statement, body: ConfirmedBody
    ) -> tuple[Waiting, tuple[str, ...]]:
        """The proposal that a reviewer decides on, and who does."""
        by = self._signers(statement, body.day, "reviewer")
        waiting = self._waiting.get(body.where)
        if waiting is None or waiting.statement != body.proposal:
            raise UsageError(
                f"{statement.kind}: expected the digest of the waiting proposal for "
                f"{'.'.join(body.where)}, got {body.proposal[:16]}"
            )
        same = sorted(set(by) & set(waiting.by))
        if same:
            raise UsageError(
                f"{statement.kind}: expected a reviewer who did not propose it, got {', '.join(same)}"
            )
        return waiting, by

    def _decide(
        self,
        statement: Statement,
        body: ConfirmedBody | RegradedBody,
        level: Level,
        by: tuple[str, ...],
        *,
        before: Level,
        evidence: str | None = None,
    ) -> None:
        latest = later(body.day, self._terms.within_days)
        if not body.day < body.review_by <= latest:
            raise UsageError(
                f"{statement.kind}: expected review_by after {body.day} and not after {latest}, got "
                f"{body.review_by}"
            )
        decided = self._decided.get(body.where)
        if decided is not None and level < decided.level and evidence is None:
            raise UsageError(
                f"{statement.kind}: expected a {REGRADED} statement with evidence, to lower the decided "
                f"level {decided.level.name}, got {level.name} without"
            )
        made = Decision(
            body.day,
            statement.kind,
            body.dataset,
            body.column,
            before,
            level,
            by,
            body.reason,
            body.review_by,
            evidence,
            statement.digest,
        )
        self._waiting.pop(body.where, None)
        self._decided[body.where] = made
        self._log.append(made)
        self._day = body.day

    def _signers(self, statement: Statement, day: str, *roles: Role) -> tuple[str, ...]:
        """Who has signed, each in one of `roles` on `day`, which is none before the last statement's."""
        if day < self._day:
            raise UsageError(f"{statement.kind}: expected a day not before {self._day}, got {day}")
        signers = statement.signers(self._principals)
        wrong = [s for s in signers if not any(self._principals.has(s, r, day) for r in roles)]
        if wrong or not signers:
            raise UsageError(
                f"{statement.kind}: expected a signature by a {' or '.join(roles)} on {day}, got "
                f"{', '.join(wrong) or 'none'}"
            )
        return signers


def graded(catalogue: Catalogue, levels: Levels, day: str) -> Catalogue:
    """The catalogue with each column at the higher of its own level and that of the register on `day`."""
    datasets = []
    for dataset in catalogue.datasets:
        columns = {}
        for name, column in dataset.columns.items():
            decided = levels.level(dataset.name, name, day)
            level = highest([column.level, *([] if decided is None else [decided])])
            columns[name] = column.model_copy(update={"level": level})
        datasets.append(dataset.model_copy(update={"columns": columns}))
    return Catalogue(tuple(datasets), catalogue.unions, catalogue.added, catalogue.crosschecks)
