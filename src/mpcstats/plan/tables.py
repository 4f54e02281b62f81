"""Steps on shared tables: tables made from fragments and from one another, counted cell by cell, up to an outcome.

A shared table has a public number of rows, a secret bit a row that says whether the row is there (filtered and
padding rows are not), and named columns. A column's name is its own in the whole plan. All of it is plain frozen
data; plan.physical says what a plan is made of, and party.tables plays these steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from mpcstats.plan.cells import GroupKey, Label, Total

Kind = Literal["number", "flag", "digest", "wide"]
LEAST_DIGEST = 1 << 63  # digests have 63 bits of SHA-256 below a bit that is 1; numbers are smaller
# Of a cell, all of an amount: the gate multiplies sums of up to 20 of these by 100, which must stay below 2^62.
MOST_CONTRIBUTED = 1 << 50
FRACTION_DIGITS = 17  # of a quotient's second part: 10^17 < 2^57


@dataclass(frozen=True, slots=True)
class Column:
    """A column of shared values, within [minimum, maximum] where they are not NULL.

    number: a signed integer. flag: SQL's boolean, 0 or 1. digest: 63 bits of SHA-256 of a text below a 1, only
    compared for equality. wide: a signed integer of 128 bits, which only a Divide takes. `counts`: of a fragment,
    a COUNT of its owner's rows, whatever else the fragment reads.
    """

    name: str
    kind: Kind
    minimum: int
    maximum: int
    nullable: bool = False
    counts: bool = False


# Expressions on shares, as protocols.expression has them.


@dataclass(frozen=True, slots=True)
class Reference:
    """The column of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A public number; 1 and 0 are also true and false."""

    value: int


@dataclass(frozen=True, slots=True)
class Null:
    """SQL's NULL."""


Arithmetic = Literal["add", "sub", "mul", "neg", "abs", "floordiv", "mod", "least", "greatest"]
Logic = Literal["coalesce", "if", "lt", "le", "eq", "and", "or", "not", "isnull", "within"]
Op = Arithmetic | Logic


@dataclass(frozen=True, slots=True)
class Call:
    """SQL's meaning of `op`, NULL rules included; "if": condition, then, else.

    "within": a column, least, greatest: whether its word is a number between these, whatever the column's bounds.
    """

    op: Op
    args: tuple[Node, ...]


Node = Reference | Number | Null | Call


# Steps that make tables.


@dataclass(frozen=True, slots=True)
class Give:
    """The rows of the fragments, one fragment after another, each filled up to its bound with rows that are not there.

    Every fragment has the `columns`, and perhaps others that are not put in.
    """

    card: ClassVar[str] = "table"
    name: str
    fragments: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """The rows of the tables `of`, with the columns that all of them have, one table after another."""

    card: ClassVar[str] = "table"
    name: str
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Find:
    """Table `of` with `columns` of the row of fragment `right` that has the key, NULL where none has it.

    Row i of `of` is row i of fragment `left`, whose owner so knows its keys: the digest column `left_key`, equal to
    `right_key` of the other side, where no two rows have the same. `distinct` bounds the number of different keys on
    the left; None: no two rows have the same one. `hit`: the flag whether a row was found.
    """

    card: ClassVar[str] = "lookup_join"
    name: str
    of: str
    left: str
    left_key: str
    right: str
    right_key: str
    helper: str
    distinct: int | None
    columns: tuple[Column, ...]
    hit: str


@dataclass(frozen=True, slots=True)
class Match:
    """Each row of table `left` with each of the rows of table `right` whose columns `on` are equal, at most `most`.

    "inner": rows with a match. "left": these, and rows without one, NULL on the right. "semi", "anti": left rows that
    have a match, that have none; `most` is 1. The result has `most` blocks of as many rows as `left`; its columns are
    those of `left`, `columns` of `right`, and `hit`: whether there is a match.
    """

    card: ClassVar[str] = "sort_join"
    name: str
    left: str
    right: str
    on: tuple[tuple[str, str], ...]
    kind: Literal["inner", "left", "semi", "anti"]
    most: int
    columns: tuple[Column, ...]
    hit: str


@dataclass(frozen=True, slots=True)
class Computed:
    """A column and the expression that gives it."""

    column: Column
    node: Node


@dataclass(frozen=True, slots=True)
class Derive:
    """The tables `of`, of equally many rows, side by side, with computed columns; rows stay where `keep` is true.

    Which rows are there is what the first of `of` says.
    """

    card: ClassVar[str] = "derive"
    name: str
    of: tuple[str, ...]
    columns: tuple[Computed, ...]
    keep: Node | None = None


Aggregation = Literal["count", "sum", "min", "max", "distinct"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A number of the rows of one group or cell, never NULL; `of` names the column that it is taken over.

    count: rows, or those where `of` is not NULL. sum: of the values that are not NULL, 0 if there are none. min, max,
    distinct: of the values that are not NULL; without any, min and max are junk and distinct is 0.
    `where`: a flag that is never NULL; a sum of cells, or of an owner's groups, is of the rows in which it is 1.
    `only`: the cells of which the aggregate is told; it is 0 in all others. None: no such condition.
    """

    column: Column
    kind: Aggregation
    of: str | None = None
    where: str | None = None
    only: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each combination of the `keys` (NULL is a value of a key), at most `groups`; the rest is lost."""

    card: ClassVar[str] = "group_by"
    name: str
    of: str
    keys: tuple[Column, ...]
    aggregates: tuple[Aggregate, ...]
    groups: int


@dataclass(frozen=True, slots=True)
class GroupOwned:
    """As Group, where row i of `of` is row i of `fragment`, whose owner so knows the keys; counts and sums alone.

    `keys` are columns of the fragment. A group is there if one of its rows is. `apart` are more of its columns, flags
    of which each row has just one: an aggregate `where` one of them is of the rows that have it.
    """

    card: ClassVar[str] = "group_by_owned"
    name: str
    of: str
    fragment: str
    keys: tuple[Column, ...]
    aggregates: tuple[Aggregate, ...]
    groups: int
    apart: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Flagged:
    """The flag `column`, made of the flag `of`, which is never NULL; None: of whether the row is there."""

    column: Column
    of: str | None


@dataclass(frozen=True, slots=True)
class Firsts:
    """Table `of` with flags, each 1 in the first row of a run that is there and has the flag it is made of.

    With a `cell` it is so for the rows of each of `cells` cells by themselves.
    Row i of `of` is row i of fragment `fragment`, whose owner has its rows in runs: those that have the same `keys`,
    columns of the fragment, follow one another. Without a fragment a run begins where the flag `starts` is 1.
    """

    card: ClassVar[str] = "firsts"
    name: str
    of: str
    fragment: str | None
    keys: tuple[Column, ...]
    starts: str | None
    cell: str | None
    cells: int
    flags: tuple[Flagged, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A column that rows are ordered by."""

    name: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A column of a window: `of`, `by` rows ahead or behind, NULL beyond the partition; or the row's number, from 1.

    starts: the flag whether the row is the first one of its partition.
    """

    column: Column
    kind: Literal["lead", "lag", "row_number", "starts"]
    of: str | None = None
    by: int = 1


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The rows of `of` in the order of `partition` and `order`, with columns of their neighbours in the partition."""

    card: ClassVar[str] = "window"
    name: str
    of: str
    partition: tuple[str, ...]
    order: tuple[Order, ...]
    functions: tuple[Neighbour, ...]


# Steps over cells: row c of their tables is cell c. `cell` is a column of `of` that says in which cell a row counts,
# never NULL, from 0 to cells - 1; None: there is one cell. All rows of a table of cells are there.


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and sums of each cell."""

    card: ClassVar[str] = "group_by_public"
    name: str
    of: str
    cell: str | None
    cells: int
    aggregates: tuple[Aggregate, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Extremes and numbers of distinct values of each cell."""

    card: ClassVar[str] = "group_by"
    name: str
    of: str
    cell: str | None
    cells: int
    aggregates: tuple[Aggregate, ...]


@dataclass(frozen=True, slots=True)
class Quantile:
    """The ceil(c numerator / denominator)-th smallest of the c values of `value` that are not NULL; junk if c is 0."""

    card: ClassVar[str] = "quantile"
    name: str
    of: str
    cell: str | None
    cells: int
    value: str
    numerator: int
    denominator: int
    column: Column


@dataclass(frozen=True, slots=True)
class Deviation:
    """Of the c values of `value` that are not NULL: c sum(x^2) - sum(x)^2 and c (c - 1), two wide columns."""

    card: ClassVar[str] = "moments"
    name: str
    of: str
    cell: str | None
    cells: int
    value: str
    numerator: Column
    denominator: Column


@dataclass(frozen=True, slots=True)
class Quotient:
    """numerator / denominator as `whole`, cut off toward zero, and what is left, cut off after FRACTION_DIGITS digits.

    whole + fraction / 10^FRACTION_DIGITS; both have the quotient's sign. NULL where the denominator is 0.
    """

    numerator: str
    denominator: str
    whole: Column
    fraction: Column


@dataclass(frozen=True, slots=True)
class Divide:
    """Table `of` with quotients."""

    card: ClassVar[str] = "divide"
    name: str
    of: str
    quotients: tuple[Quotient, ...]


@dataclass(frozen=True, slots=True)
class Institutions:
    """Columns with the rows of each institution of one dataset in a cell; `labels` says whose; None: nobody knows."""

    labels: tuple[Label, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """Columns with an amount of each cell by its size, and with what each institution of the dataset `of` adds to it.

    No part is below 0. Rows of several institutions count whole for each of them. None and no parts: the institutions
    are counted alone.
    """

    total: str | None
    parts: tuple[str, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Backing:
    """What stands behind one total, where that is not all that stands behind its cell.

    support: the column with the persons who contribute to it; rests: with persons who do not. rank: of a quantile,
    numerator and denominator. amounts: the positions of those that it is made of; none: it is none of amounts.
    """

    support: str | None = None
    rests: tuple[str, ...] = ()
    rank: tuple[int, int] | None = None
    amounts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Margins:
    """The cells of table `of` and totals: of each of `axes` the number of labels, and whether their total is there.

    Cells are the product of the axes' nodes, the last axis running fastest, a total behind its labels. Columns stay
    within their bounds: these hold for all rows that are counted.
    """

    card: ClassVar[str] = "margins"
    name: str
    of: str
    axes: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Totals that are shown beside cells: the keys of each grouping set, by position, and how cells are hidden.

    `kinds`: for each total of the outcome whether it is the number of persons, another count, or amounts of at least
    0; all are sums over the rows of a cell. `method` chooses secondary cells; `percent` as in protocols.margins.
    """

    sets: tuple[tuple[int, ...], ...]
    kinds: tuple[Literal["persons", "count", "amount"], ...]
    method: Literal["greedy", "optimal"] = "greedy"
    percent: int = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate may open of table `of`, whose rows are the cells: the columns `totals`, by name.

    `persons` are columns of which each is at most the number of persons of a cell; `appears` is a flag: a cell
    without it is not shown at all (HAVING). `backing` has an entry a total, or none at all. `institutions` are those
    behind amounts, of each dataset of amounts; `amounts` what these contribute, where that is asked for. `beside`: the
    cells are those of a table with totals.
    """

    card: ClassVar[str] = "table"
    name: str
    of: str
    groups: tuple[GroupKey, ...]
    totals: tuple[Total, ...]
    persons: tuple[str, ...]
    backing: tuple[Backing, ...] = ()
    institutions: tuple[Institutions, ...] = ()
    amounts: tuple[Amount, ...] = ()
    appears: str | None = None
    beside: Beside | None = None

    @property
    def counts(self) -> tuple[str, ...]:
        """The columns that count persons behind totals, each once."""
        names = (name for each in self.backing for name in (each.support, *each.rests))
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that the gate tests and does not open, each once."""
        found = [
            *self.persons,
            *self.counts,
            *(name for each in self.institutions for name in each.rows),
            *(name for each in self.amounts for name in (each.total, *each.parts) if name),
        ]
        return tuple(dict.fromkeys(found))


Rowwise = Give | Stack | Find | Match | Derive | Group | GroupOwned | Firsts | Neighbours
Cellwise = Tally | Spread | Quantile | Deviation | Divide | Margins
TableStep = Rowwise | Cellwise
