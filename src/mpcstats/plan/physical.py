"""The physical plan: fragments that owners compute at home, steps that run a protocol, one gate, one output.

All of it is plain frozen data. Every party derives it from the question by itself; `digest` is what the
handshake compares. A step names its card; who plays which role and which public sizes the card's formulas
need can be read off the plan (plan.cost).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mpcstats.errors import InternalError
from mpcstats.plan.cells import SPINE, GroupKey, Label, Ref, Term, Total
from mpcstats.plan.gates import Gate, JoinGate, KeptGate, PaddedGate, Release
from mpcstats.plan.needs import made_by
from mpcstats.plan.noise import Noise, NoisyColumn
from mpcstats.plan.offer import tolerated
from mpcstats.plan.private import PaddedJoin, PrivateJoin
from mpcstats.plan.strictness import Checks
from mpcstats.plan.sums import PartialSum, Sum
from mpcstats.plan.tables import Amount, Backing, Column, Outcome, TableStep

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = (
    "SPINE",
    "Aggregated",
    "All",
    "Along",
    "Always",
    "Amount",
    "Any",
    "Audit",
    "Backing",
    "CodeColumn",
    "Cohort",
    "Comparison",
    "Criterion",
    "Fragment",
    "Gate",
    "GroupKey",
    "Hit",
    "Item",
    "JoinGate",
    "KeptGate",
    "Label",
    "Lookup",
    "Noise",
    "NoisyColumn",
    "Not",
    "Outcome",
    "OutputColumn",
    "PaddedGate",
    "PaddedJoin",
    "PartialSum",
    "Physical",
    "PrivateJoin",
    "Ref",
    "Release",
    "Step",
    "Sum",
    "Term",
    "Total",
    "Use",
    "ValueColumn",
)

UNSAID = ("threshold", None)  # a plan on an engine without a choice says nothing of it
Use = Literal["key", "filter", "value", "group", "contributor"]


@dataclass(frozen=True, slots=True)
class Item:
    """One catalogue column that a fragment reads, and what for; `special` if a filter may pick a special code."""

    dataset: str
    column: str
    use: Use
    special: bool = False


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A column of integers that a fragment yields, one value a key, never below `minimum` or above `maximum`.

    `counts`: it is a COUNT of the owner's rows, whatever else the fragment reads.
    """

    name: str
    minimum: int
    maximum: int
    counts: bool = False


@dataclass(frozen=True, slots=True)
class CodeColumn:
    """A group column that a fragment yields: the position of each row's label in the public `labels`."""

    name: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """A query that tells the owner the rows, null keys, invalid keys and distinct keys of one relation."""

    relation: str
    sql: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """What `owner` computes from its own tables: at most `rows` rows, one a key.

    `sql` (DuckDB) yields `key` (text, normalised and injectively encoded, never NULL, distinct), then every
    value column as BIGINT, then every code column as BIGINT. A fragment of a Sum step has no key: it yields
    one row for each cell of `codes` that occurs. A fragment of a Give or a Find has `columns` alone, in that order:
    numbers and flags as BIGINT, digests as the text that is to be digested.
    """

    name: str
    owner: str
    sql: str
    rows: int
    values: tuple[ValueColumn, ...]
    codes: tuple[CodeColumn, ...]
    items: tuple[Item, ...]
    audits: tuple[Audit, ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """True for the spine rows whose key lookup `lookup` has found."""

    lookup: str


@dataclass(frozen=True, slots=True)
class Always:
    """True for every valid row of the spine."""


@dataclass(frozen=True, slots=True)
class Not:
    """True where `of` is false."""

    of: Criterion


@dataclass(frozen=True, slots=True)
class All:
    """True where every one of `of` is true; at least two."""

    of: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True where at least one of `of` is true; at least two."""

    of: tuple[Criterion, ...]


Criterion = Hit | Always | Not | All | Any


@dataclass(frozen=True, slots=True)
class Lookup:
    """For each row of the left fragment, whether the right one has its key, and its columns if so."""

    card: ClassVar[str] = "lookup_join"
    name: str
    left: str
    right: str
    helper: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Persons and totals, by cell, over the rows of the spine that meet the criterion."""

    card: ClassVar[str] = "cohort_count"
    name: str
    spine: str
    lookups: tuple[str, ...]
    criterion: Criterion
    groups: tuple[GroupKey, ...]
    totals: tuple[Total, ...]


@dataclass(frozen=True, slots=True)
class Along:
    """Who is in the cells of an outcome: row i of the shared `table` is row i of fragment `spine`, one person each.

    The table's flag columns `cells` say in which cell a row is (none: there is one cell), the fragment's digest column
    `key` whose it is.
    """

    table: str
    spine: str
    key: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which cells of the aggregate `of` may be opened beside earlier ones: none that differs in 1 to k - 1 persons.

    Fragment `everybody` has the keys of all persons of the spine's owner, whose index of them has `persons` positions;
    `cells` earlier cells are compared with, whether or not there are as many. `along` says who is in the cells of an
    outcome; a cohort has a spine of its own.
    """

    card: ClassVar[str] = "differencing"
    name: str
    of: str
    everybody: str
    persons: int
    cells: int
    k: int
    along: Along | None = None

    def __post_init__(self) -> None:
        if self.persons < 1 or self.cells < 1 or self.k < 1:
            raise InternalError("expected a comparison with somebody, with a minimum of at least 1")


@dataclass(frozen=True, slots=True)
class Tests:
    """What the gate can test of an aggregate's cells: how many lower bounds on persons it has, and what of columns.

    `backing` has an entry a column, `institutions` the labels of those of each dataset of amounts, `amounts` what
    they contribute. `nullable` are the positions of the columns that may be NULL; `having`: cells may not be in the
    answer; `compared`: or not be opened beside earlier ones.
    """

    persons: int
    backing: tuple[Backing, ...]
    institutions: tuple[tuple[Label, ...], ...] = ()
    amounts: tuple[Amount, ...] = ()
    nullable: tuple[int, ...] = ()
    having: bool = False
    compared: bool = False


Step = (
    Sum
    | Lookup
    | Cohort
    | PrivateJoin
    | PaddedJoin
    | TableStep
    | Outcome
    | Comparison
    | Noise
    | Gate
    | JoinGate
    | PaddedGate
    | KeptGate
)


Aggregated = Sum | Cohort | PrivateJoin | Outcome  # what has cells


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of the answer: the label of group key `position`, or the total at `position`.

    grouping: 1 in cells that group key `position` does not tell apart, else 0, as SQL's GROUPING.
    ratio: that total, a whole number, and the total `by`, its fraction (plan.tables.Quotient); root: the
    square root of such a number. quotient: that total divided by the total `by`, both of which the recipient gets.
    left-out: that total, which nobody asked for, says how many rows of an owner have failed checks.
    """

    name: str
    kind: Literal["group", "total", "ratio", "root", "quotient", "grouping", "left-out"]
    position: int
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Physical:
    """All that a run does, in order. Fragments first, then steps; the last step is the gate."""

    question: str
    scenario: str
    purpose: str
    initiator: str
    engine: str
    compute: tuple[str, ...]
    fragments: tuple[Fragment, ...]
    steps: tuple[Step, ...]
    output: tuple[OutputColumn, ...]
    order: tuple[tuple[int, bool], ...] = ()  # ORDER BY: (output position, descending)
    limit: int | None = None  # LIMIT: so many rows of the ordered answer
    checks: Checks = "none"  # what becomes of rows that fail the catalogue's checks
    threshold: int | None = (
        None  # compute parties who together learn nothing, where the engine has a choice
    )

    def __post_init__(self) -> None:
        names = [f.name for f in self.fragments] + [s.name for s in self.steps]
        if len(set(names)) != len(names):
            raise InternalError(
                f"expected every fragment and step to have a name of its own, got {names}"
            )
        if not self.steps or not isinstance(self.steps[-1], Gate):
            raise InternalError("expected a plan that ends in a gate")
        if sum(isinstance(step, Gate) for step in self.steps) != 1:
            raise InternalError("expected one gate")

    @property
    def gate(self) -> Gate:
        """The only step that opens values."""
        gate = self.steps[-1]
        if not isinstance(gate, Gate):  # held by __post_init__
            raise InternalError("expected a plan that ends in a gate")
        return gate

    @property
    def noise(self) -> Noise | None:
        """The step that adds noise to the cells, if there is one."""
        return next((step for step in self.steps if isinstance(step, Noise)), None)

    @property
    def aggregate(self) -> Aggregated:
        """The step whose cells the gate opens."""
        for step in self.steps:
            if step.name == self.gate.of and isinstance(step, Aggregated):
                return step
        raise InternalError(f"expected the gate to open cells of a step, got {self.gate.of!r}")

    @property
    def comparison(self) -> Comparison | None:
        """The step that compares the cells with earlier ones, if there is one."""
        return next((step for step in self.steps if isinstance(step, Comparison)), None)

    @property
    def cells(self) -> int:
        """Number of cells of the answer: the product of the group keys' label counts."""
        count = 1
        for group in self.aggregate.groups:
            count *= len(group.labels)
        return count

    @property
    def tests(self) -> Tests:
        """What the gate can test of the aggregate's cells."""
        step = self.aggregate
        none = tuple(Backing() for _ in step.totals)
        match step:
            case Sum():
                return Tests(len(step.fragments), none)
            case PrivateJoin():
                return Tests(1, none)
            case Cohort():
                return Tests(1, none, compared=self.comparison is not None)
            case Outcome():
                made = [made_by(other) for other in self.steps if isinstance(other, TableStep)]
                nullable = {c.name for columns in made for c in columns if c.nullable}
                return Tests(
                    len(step.persons),
                    step.backing or none,
                    tuple(each.labels for each in step.institutions),
                    step.amounts,
                    tuple(i for i, t in enumerate(step.totals) if t.name in nullable),
                    step.appears is not None,
                    self.comparison is not None,
                )

    @property
    def parties(self) -> tuple[str, ...]:
        """Everyone who takes part: compute parties, then providers, then recipients and the initiator."""
        everyone = (
            *self.compute,
            *(f.owner for f in self.fragments),
            *self.gate.recipients,
            self.initiator,
        )
        return tuple(dict.fromkeys(everyone))

    def fragment(self, name: str) -> Fragment:
        """The fragment of that name. Raises InternalError if there is none."""
        for fragment in self.fragments:
            if fragment.name == name:
                return fragment
        raise InternalError(f"expected a fragment of the plan, got {name!r}")

    def lookup(self, name: str) -> Lookup:
        """The lookup step of that name. Raises InternalError if there is none."""
        for step in self.steps:
            if step.name == name and isinstance(step, Lookup):
                return step
        raise InternalError(f"expected a lookup of the plan, got {name!r}")

    @property
    def tolerated(self) -> int:
        """How many compute parties together learn nothing, by the engine's scheme."""
        return tolerated(self.engine, self.threshold)

    def joined(self, source: str) -> Fragment:
        """The fragment whose columns a Ref of that source names, of a lookup or a private join."""
        step = self.aggregate
        if isinstance(step, PrivateJoin) and source == step.name:
            return self.fragment(step.right)
        return self.fragment(self.lookup(source).right)

    def canonical(self) -> str:
        """The plan as JSON with sorted keys; equal plans give equal text, other plans other text."""
        plain = {name: value for name, value in _fields(self).items() if (name, value) != UNSAID}
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of the canonical text, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _fields(node: DataclassInstance) -> dict[str, object]:
    fields = {f.name: _plain(getattr(node, f.name)) for f in dataclasses.fields(node)}
    return {"node": type(node).__name__, **fields}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise InternalError(f"expected plain data in a plan, got {type(value).__name__}")
