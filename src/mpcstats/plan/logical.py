"""The logical plan: one block, which counts and sums over the rows of joined sources, as frozen nodes.

The SQL door makes a block of scans. Each rule (plan.rules) gives a block that says the same and is nearer to
what can be run: scans become relations whose facts are known, these become sources split by owner, and measures
become sums of products of columns that owners compute at home. Expressions are sqlglot trees of the DuckDB
dialect in which every column names its relation; nothing changes a tree after it has entered a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from mpcstats.plan.facts import Shape
from mpcstats.plan.physical import Criterion, GroupKey, Label, OutputColumn, Term

Expr = exp.Expr


@dataclass(frozen=True, slots=True)
class Scan:
    """A name of FROM, and the table or sub-query behind it; nothing is known of it yet."""

    name: str
    item: Expr


@dataclass(frozen=True, slots=True)
class Relation:
    """A scan with the facts that the catalogue gives, and the one owner or the one union whose rows it reads."""

    name: str
    item: Expr
    shape: Shape
    owner: str | None
    union: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """A column of integers of a fragment: `sql` is its whole select expression.

    Within [minimum, maximum] on every row; the absolute values of all rows add up to at most `total`.
    """

    name: str
    sql: Expr
    minimum: int
    maximum: int
    total: int

    @property
    def largest(self) -> int:
        """The largest absolute value of one row."""
        return max(abs(self.minimum), abs(self.maximum))


@dataclass(frozen=True, slots=True)
class Code:
    """A group column of a fragment: the position of the value of `sql` in `labels`."""

    name: str
    sql: Expr
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """What one owner computes at home: its relations joined, filtered by `where`, one row a key.

    `multiplicity` names the value column that counts the joined rows of a key, or is None where there is at
    most one. A local without a key (of a question without joins) has one row for each cell of its codes.
    """

    name: str
    owner: str
    members: tuple[Relation, ...]
    where: tuple[Expr, ...] = ()
    key: Expr | None = None
    values: tuple[Value, ...] = ()
    codes: tuple[Code, ...] = ()
    multiplicity: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """One relation over a union: a part at each owner.

    merge "rows": the rows of all parts together. merge "persons": a key is there if a part has it, once, and its
    columns are the sums of the parts' columns.
    """

    name: str
    merge: Literal["rows", "persons"]
    parts: tuple[Local, ...]


Source = Scan | Relation | Local | Merged


@dataclass(frozen=True, slots=True)
class Group:
    """A group column of the answer; `key` once it is known which fragment yields its code."""

    sql: Expr
    key: GroupKey | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate of the answer over the joined rows; `terms` once it is a sum of products.

    "rows": their number, or that of those where `sql` is not NULL. "distinct": the number of values of `sql`.
    "sum": the sum of `sql`. A reference of a term names a local; `bound` is the largest absolute value.
    """

    name: str
    kind: Literal["rows", "distinct", "sum"]
    sql: Expr | None
    terms: tuple[Term, ...] = ()
    bound: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """The spine looks its keys up in the local `right`; `helper` holds neither side."""

    right: str
    helper: str


@dataclass(frozen=True, slots=True)
class Block:
    """Groups and measures over the join of `sources`, kept where all `conditions` and `criterion` hold.

    `tests` are sources that are not joined: the criterion asks only whether they have a row's key. A Hit of the
    criterion names a source of `sources` or `tests`.
    """

    sources: tuple[Source, ...]
    conditions: tuple[Expr, ...]
    groups: tuple[Group, ...]
    measures: tuple[Measure, ...]
    output: tuple[OutputColumn, ...]
    order: tuple[tuple[int, bool], ...] = ()
    tests: tuple[Source, ...] = ()
    criterion: tuple[Criterion, ...] = ()
    spine: str | None = None
    looks: tuple[Look, ...] = ()


def locals_of(source: Source) -> tuple[Local, ...]:
    """The fragments-to-be of a source that has been split by owner; none before."""
    match source:
        case Local():
            return (source,)
        case Merged(parts=parts):
            return parts
        case _:
            return ()


def members_of(source: Source) -> tuple[str, ...]:
    """The names of FROM that stand for `source` in expressions."""
    match source:
        case Local(members=members):
            return tuple(member.name for member in members)
        case _:
            return (source.name,)


def tables_of(node: Expr) -> tuple[str, ...]:
    """The names of FROM that the columns of `node` name, in order of their first place."""
    columns = node.find_all(exp.Column, bfs=False)
    return tuple(dict.fromkeys(column.table for column in columns if column.table))


def conjuncts(node: Expr | None) -> tuple[Expr, ...]:
    """The conditions that `node` joins by AND."""
    if node is None:
        return ()
    plain = node.unnest()
    if isinstance(plain, exp.And):
        return (*conjuncts(plain.this), *conjuncts(plain.expression))
    return (plain,)
