"""The algebra of a question over several owners: frozen nodes over columns whose names are their own in the question.

Expressions are sqlglot trees of the DuckDB dialect whose columns name no relation. Every node knows what the
catalogue implies about it: facts of its columns, a bound on its rows, sets of columns that are unique. These are
worked out once a node, which therefore has no slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from sqlglot import exp

from mpcstats.plan.facts import Fact, Shape, fact, integer, united, values
from mpcstats.plan.joins import not_null
from mpcstats.plan.logical import conjuncts

PERSON = "#person"  # in the name of a column that stands for the person behind a row, and was not asked for
INSTITUTION = (
    "#institution"  # in that of a column that counts the rows of an institution behind a row
)
PART = "#part"  # in that of a column with what one institution adds to another column

Expr = exp.Expr
Facts = Mapping[str, Fact]
Named = tuple[str, Expr]
JoinKind = Literal["inner", "left", "mark"]
AggregateKind = Literal["count", "sum", "min", "max", "any", "distinct", "quantile", "variance"]
WindowKind = Literal["lead", "lag", "row_number"]


@dataclass(frozen=True)
class Owned:
    """What one owner's database computes: `query`, whose output columns have the names of `shape`.

    `party` names the columns that hold the owner's own name in every row.
    """

    owner: str
    query: exp.Select = field(repr=False)
    shape: Shape = field(repr=False)
    party: frozenset[str] = frozenset()

    @property
    def facts(self) -> Facts:
        """What is known of each column."""
        return self.shape.columns

    @property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return self.shape.rows

    @property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        return self.shape.unique


@dataclass(frozen=True)
class Union:
    """The rows of all parts together, with the columns that all have."""

    parts: tuple[Rel, ...]

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column."""
        first, *others = (part.facts for part in self.parts)
        return {
            name: united((known, *(facts[name] for facts in others)))
            for name, known in first.items()
            if all(name in facts for facts in others)
        }

    @cached_property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return sum(part.rows for part in self.parts)

    @cached_property
    def unique(self) -> frozenset[frozenset[str]]:
        """What is unique in every part, where a column tells the parts apart."""
        telling = frozenset.intersection(
            *(p.party if isinstance(p, Owned) else frozenset() for p in self.parts)
        )
        common = frozenset.intersection(*(part.unique for part in self.parts))
        return frozenset(columns for columns in common if columns & telling)


@dataclass(frozen=True)
class Extend:
    """`input` with computed columns."""

    input: Rel
    columns: tuple[Named, ...]

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column."""
        return {**self.input.facts, **{n: known(e, self.input) for n, e in self.columns}}

    @cached_property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return self.input.rows

    @cached_property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        return self.input.unique


@dataclass(frozen=True)
class Filter:
    """The rows of `input` for which `condition` is true.

    With `guards` it is a check, which owners are not trusted to make: it is computed on shares, and so is whatever
    reads one of the columns `guards`, for the check is of the very shares that the question reads.
    """

    input: Rel
    condition: Expr
    guards: frozenset[str] = frozenset()

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column: one that the condition compares, or says is not NULL, is not."""
        given = {("", name): about for name, about in self.input.facts.items()}
        found = not_null(given, conjuncts(self.condition))
        return {name: about for (_, name), about in found.items()}

    @property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return self.input.rows

    @property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        return self.input.unique


@dataclass(frozen=True)
class Join:
    """Rows of `left` with the rows of `right` whose columns `on` are equal and for which all of `residual` is true.

    inner: pairs. left: these, and left rows without one, NULL on the right. mark: every left row once. `flag` is a
    column that says whether there is such a right row.
    """

    left: Rel
    right: Rel
    kind: JoinKind
    on: tuple[tuple[str, str], ...]
    flag: str
    residual: tuple[Expr, ...] = ()

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column."""
        own = dict(self.left.facts)
        if self.kind == "mark":
            return {**own, self.flag: BOOLEAN}
        right = dict(self.right.facts)
        # A row that comes several times counts as often in a sum.
        if self.most != 1:
            own = {name: replace(about, total=None) for name, about in own.items()}
        if repeats(self.left, [a for a, _ in self.on]) != 1:
            right = {name: replace(about, total=None) for name, about in right.items()}
        own[self.flag] = BOOLEAN
        if self.kind == "left":
            right = {name: replace(about, nullable=True) for name, about in right.items()}
        return {**own, **right}

    @cached_property
    def most(self) -> int | None:
        """At most how many right rows a left row has; None if that is not known."""
        return repeats(self.right, [b for _, b in self.on])

    @cached_property
    def rows(self) -> int:
        """A bound on the number of rows."""
        if self.kind == "mark":
            return self.left.rows
        return self.left.rows * (self.right.rows if self.most is None else self.most)

    @cached_property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        if self.kind == "mark":
            return self.left.unique
        found = self.left.unique if self.most == 1 else frozenset[frozenset[str]]()
        if self.kind == "left":
            return found
        if repeats(self.left, [a for a, _ in self.on]) == 1:
            found |= self.right.unique
        # Both sides' keys are equal in every row, and so is either as good as the other.
        for a, b in self.on:
            if self.left.facts[a].kind == self.right.facts[b].kind:
                found |= {u - {a} | {b} for u in found if a in u}
                found |= {u - {b} | {a} for u in found if b in u}
        return found


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregate of a group's rows; count without `of`: of all rows. `at`: (numerator, denominator) of a quantile.

    `hidden`: it is for the gate alone, and is never shown; of nothing it is 0. `counts`: it is a number of rows, of
    persons or of ones, or of whatever else.
    """

    name: str
    kind: AggregateKind
    of: Expr | None = None
    at: tuple[int, int] | None = None
    support: Expr | None = None  # which rows contribute; None: all
    hidden: bool = False
    counts: bool = False


@dataclass(frozen=True)
class Group:
    """One row for each combination of values of the keys, which are columns of `input`; `person`: see Answer."""

    input: Rel
    keys: tuple[str, ...]
    aggregates: tuple[Aggregated, ...]

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column."""
        given = self.input.facts
        return {
            **{key: given[key] for key in self.keys},
            **{a.name: of_aggregate(a, self.input, self.most) for a in self.aggregates},
        }

    @cached_property
    def most(self) -> int:
        """At most how many rows a group has."""
        # What is known of how often a key comes says nothing of NULL, which is a group too.
        if any(self.input.facts[key].nullable for key in self.keys):
            return self.input.rows
        known_most = repeats(self.input, self.keys)
        return self.input.rows if known_most is None else min(known_most, self.input.rows)

    @cached_property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return min(self.input.rows, combinations(self.input, self.keys))

    @cached_property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        return frozenset({frozenset(self.keys)})


@dataclass(frozen=True, slots=True)
class Ordering:
    """A column that rows are ordered by."""

    name: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Windowed:
    """A column of a window: the column `of`, `by` rows ahead or behind; or the row's number."""

    name: str
    kind: WindowKind
    of: str | None = None
    by: int = 1


@dataclass(frozen=True)
class Window:
    """`input` with columns of neighbouring rows in the partition."""

    input: Rel
    partition: tuple[str, ...]
    order: tuple[Ordering, ...]
    functions: tuple[Windowed, ...]

    @cached_property
    def facts(self) -> Facts:
        """What is known of each column."""
        given = self.input.facts
        found = dict(given)
        for function in self.functions:
            if function.of is None:
                found[function.name] = integer(1, max(1, self.rows))
            else:
                found[function.name] = replace(given[function.of], nullable=True, person=False)
        return found

    @cached_property
    def rows(self) -> int:
        """A bound on the number of rows."""
        return self.input.rows

    @cached_property
    def unique(self) -> frozenset[frozenset[str]]:
        """Sets of columns of which no two rows have the same values."""
        return self.input.unique


Rel = Owned | Union | Extend | Filter | Join | Group | Window


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the answer, an expression over the keys and the aggregates."""

    name: str
    node: Expr


@dataclass(frozen=True, slots=True)
class Contributed:
    """What institutions contribute to an aggregate of amounts: aggregates of its sum, and of the rows of each of them.

    `of` is the position among the answer's `institutions` of the dataset that they are of. Without a total it is the
    sum of the parts; without parts the institutions are counted alone.
    """

    aggregate: str
    of: int
    total: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The question's outer SELECT: cells by `keys`, of those for which `having` is true; sorted, and cut off.

    `person` is the column of `input` that names the person whom a row is about, None if there is none: the number of
    its values in a cell is at most the number of the cell's persons. `counted`: where rows are groups of owners' rows,
    columns each of whose sums over a cell is at most that number. `contributed`: who stands behind amounts.
    """

    input: Rel
    keys: tuple[Named, ...]
    aggregates: tuple[Aggregated, ...]
    outputs: tuple[Output, ...]
    person: str | None
    having: Expr | None = None
    order: tuple[tuple[int, bool], ...] = ()
    limit: int | None = None
    counted: tuple[str, ...] = ()
    institutions: tuple[
        tuple[str, ...], ...
    ] = ()  # for each dataset of amounts, a column an institution
    contributed: tuple[Contributed, ...] = ()
    backed: tuple[
        tuple[str, ...], ...
    ] = ()  # as `counted`, for those who contribute to each aggregate; () is all
    sets: tuple[tuple[int, ...], ...] = ()  # of each grouping set the positions of its keys


MOST_APART = 16  # rows of one key that labels tell apart
BOOLEAN = Fact("boolean", labels=(False, True), nullable=False)


def known(node: Expr, rel: Rel) -> Fact:
    """What is known of `node` over the rows of `rel`."""
    return about(node, rel.facts, rel.rows)


def about(node: Expr, facts: Facts, rows: int) -> Fact:
    """What is known of `node` over at most `rows` rows with columns of `facts`."""
    return fact(node, {("", name): known for name, known in facts.items()}, rows)


def of_aggregate(aggregated: Aggregated, rel: Rel, most: int) -> Fact:
    """What is known of an aggregate over groups of at most `most` rows of `rel`, none of them empty."""
    if aggregated.kind == "count" or aggregated.of is None:
        return integer(0, max(1, most))
    if aggregated.kind == "distinct":
        return integer(0, max(1, values(known(aggregated.of, rel), most)))
    inner = known(aggregated.of, rel)
    if aggregated.kind == "sum":
        return about(exp.Sum(this=aggregated.of.copy()), rel.facts, most)
    return replace(inner, key=None, distinct=None, total=None)


def repeats(rel: Rel, columns: Iterable[str]) -> int | None:
    """At most how many rows have the same values in `columns`, none of them NULL; None if that is not known."""
    given = frozenset(columns)
    known_parts = [_labelled(rel, unique - given) for unique in rel.unique]
    apart = min((n for n in known_parts if n is not None), default=None)
    if apart is not None:
        return apart
    if isinstance(rel, Union):
        parts = [repeats(part, given) for part in rel.parts]
        return None if None in parts else sum(part for part in parts if part is not None)
    if isinstance(rel, Filter | Extend | Window):
        return repeats(rel.input, given & rel.input.facts.keys())
    bounds = [f.most for name in given if (f := rel.facts.get(name)) is not None and f.most]
    return min(bounds) if bounds and isinstance(rel, Owned) else None


def _labelled(rel: Rel, columns: Iterable[str]) -> int | None:
    """How many combinations of values the columns take, NULL among them, if all have few labels."""
    count = 1
    for name in columns:
        fact_of = rel.facts[name]
        if fact_of.labels is None or len(fact_of.labels) > MOST_APART:
            return None
        count *= len(fact_of.labels) + fact_of.nullable
    return count if count <= MOST_APART else None


def combinations(rel: Rel, keys: Iterable[str]) -> int:
    """At most how many combinations the keys take."""
    count = 1
    for key in keys:
        known_key = rel.facts[key]
        count *= values(known_key, rel.rows) + known_key.nullable
    return count


def at_owners(rel: Rel) -> bool:
    """Whether `rel` is what owners compute, each its own rows."""
    if isinstance(rel, Union):
        return all(isinstance(part, Owned) for part in rel.parts)
    return isinstance(rel, Owned)


def at_leaves(rel: Rel) -> frozenset[str]:
    """The columns that the owners of the rows of `rel` have, where rows are theirs one by one."""
    match rel:
        case Owned():
            return frozenset(rel.facts)
        case Union():
            plain = all(isinstance(part, Owned) for part in rel.parts)
            return frozenset(rel.facts) if plain else frozenset()
        case Filter() | Extend():
            return at_leaves(rel.input)
        case Join() if rel.kind == "mark" or rel.most == 1:
            known = at_leaves(rel.left)
            equal = {b for a, b in rel.on if a in known} if rel.kind == "inner" else set()
            return known | equal
    return frozenset()


def beginning(name: str) -> str:
    """What the names of all columns that count the rows of one dataset's institutions begin with."""
    return name.rpartition("_")[0]


def columns_of(node: Expr) -> frozenset[str]:
    """The names of the columns in `node`."""
    return frozenset(column.name for column in node.find_all(exp.Column))


def column(name: str) -> exp.Column:
    """The column of that name."""
    return exp.column(name, quoted=True)


def renamed(node: Expr, names: Mapping[str, Expr]) -> Expr:
    """`node` with expressions in place of columns."""

    def change(part: Expr) -> Expr:
        if isinstance(part, exp.Column) and part.name in names:
            found = names[part.name].copy()
            return found if isinstance(found, exp.Column) else exp.Paren(this=found)
        return part

    return node.copy().transform(change)
