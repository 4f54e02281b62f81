"""What the catalogue implies about an expression: type, bounds, labels, whether NULL is possible, key or not.

Bounds hold for all data that keep to the catalogue; a filter never tightens them. `fact` does interval
arithmetic; what it does not know has no bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlglot import exp

from mpcstats.plan.keys import UPPER_TRIMMED
from mpcstats.plan.physical import Label
from mpcstats.records.catalogue import Column

Kind = Literal["integer", "text", "boolean", "null", "other"]
Columns = Mapping[tuple[str, str], "Fact"]  # (name in FROM, column) -> what is known of it

BOOLEAN = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.StartsWith, exp.Escape)
TEXTS = (
    *(
        exp.Substring,
        exp.Left,
        exp.Right,
        exp.Upper,
        exp.Lower,
        exp.Trim,
        exp.Replace,
        exp.Reverse,
        exp.Initcap,
    ),
    *(
        exp.Concat,
        exp.DPipe,
        exp.Pad,
        exp.Repeat,
        exp.SplitPart,
        exp.RegexpReplace,
        exp.RegexpExtract,
    ),
)
ARITHMETIC = (exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Abs)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of an expression over the rows of a relation.

    `labels` are all its values but NULL; `key` its normalisation if it is a key; `distinct` bounds the number of
    its values; `total` bounds the sum of its absolute values over all rows.
    """

    kind: Kind
    minimum: int | None = None
    maximum: int | None = None
    labels: tuple[Label, ...] | None = None
    nullable: bool = True
    key: str | None = None
    distinct: int | None = None
    total: int | None = None
    person: bool = False  # the key names persons
    most: int | None = None  # rows that have one and the same value
    counts: bool = False  # it is a COUNT

    @property
    def names_persons(self) -> bool:
        """Whether it is a key of persons: only these join owners, and only these the gate counts."""
        return self.key is not None and self.person

    @property
    def bounded(self) -> tuple[int, int] | None:
        """(minimum, maximum) of an integer, None where they are not known."""
        if self.kind != "integer" or self.minimum is None or self.maximum is None:
            return None
        return self.minimum, self.maximum

    def whole(self, rows: int) -> int | None:
        """The least known bound on the sum of absolute values over at most `rows` rows."""
        if self.bounded is None:
            return None
        by_rows = rows * max(map(abs, self.bounded))
        return by_rows if self.total is None else min(by_rows, self.total)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a relation: its columns, at most how many rows, and which sets of columns are unique."""

    rows: int
    columns: Mapping[str, Fact] = field(hash=False)
    unique: frozenset[frozenset[str]] = frozenset()


OTHER = Fact("other")
NULL = Fact("null", labels=())


def of_column(column: Column) -> Fact:
    """The fact of a catalogue column."""
    kind: Kind = "integer" if column.type == "integer" else "text"
    labels = None if column.domain is None else tuple(column.domain)
    minimum, maximum = column.minimum, column.maximum
    if kind == "integer" and labels and all(isinstance(label, int) for label in labels):
        numbers = [int(label) for label in labels]
        minimum = min(numbers) if minimum is None else minimum
        maximum = max(numbers) if maximum is None else maximum
    nullable = column.nullable
    return Fact(
        kind,
        minimum,
        maximum,
        labels,
        nullable,
        column.key,
        column.distinct,
        person=column.person,
        most=column.most,
    )


def values(known: Fact, rows: int) -> int:
    """At most how many different values, NULL aside, a column of `rows` rows has."""
    bounds = [rows]
    if known.labels is not None:
        bounds.append(len(known.labels))
    if known.distinct is not None:
        bounds.append(known.distinct)
    if known.bounded is not None:
        bounds.append(known.bounded[1] - known.bounded[0] + 1)
    return min(bounds)


def integer(minimum: int, maximum: int, *, nullable: bool = False) -> Fact:
    """The fact of an integer within bounds."""
    return Fact("integer", minimum, maximum, nullable=nullable)


def fact(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    """What is known of `node` over at most `rows` rows whose `columns` are known."""
    known = _fact(node, columns, rows)
    return replace(known, total=known.whole(rows))


def _fact(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    match node:
        case exp.Paren() | exp.Alias() | exp.IgnoreNulls():
            return fact(node.this, columns, rows)
        case exp.Column():
            return columns.get((node.table, node.name), OTHER)
        case exp.Literal() | exp.Boolean() | exp.Null():
            return _literal(node)
        case _ if isinstance(node, ARITHMETIC):
            return _arithmetic(node, columns, rows)
        case exp.AggFunc() | exp.RowNumber() | exp.Window() | exp.Filter():
            return _aggregate(node, columns, rows)
        case exp.Case() | exp.If() | exp.Coalesce() | exp.Greatest() | exp.Least() | exp.Nullif():
            return _choice(node, columns, rows)
        case exp.Upper() | exp.Trim():
            inner = fact(node.this, columns, rows)
            plain = isinstance(node, exp.Upper) or node.expression is None
            return inner if plain and inner.key in UPPER_TRIMMED else _text(node, columns, rows)
        case _ if isinstance(node, TEXTS):
            return _text(node, columns, rows)
        case _ if isinstance(node, BOOLEAN):
            return Fact("boolean", labels=(False, True), nullable=_may_be_null(node, columns, rows))
        case _:
            return OTHER


def _text(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    """A text function of columns: NULL where one of its arguments is, or where it finds nothing."""
    may = any(fact(part, columns, rows).nullable for part in node.iter_expressions())
    return Fact("text", nullable=may or isinstance(node, exp.RegexpExtract | exp.SplitPart))


def united(facts: Iterable[Fact]) -> Fact:
    """What is known of a value that has one of `facts`."""
    given = list(facts)
    some = [f for f in given if f.kind != "null"]
    if not some:
        return NULL
    nullable = any(f.nullable for f in given)
    if len({f.kind for f in some}) > 1:
        return replace(OTHER, nullable=nullable)
    lows, highs = [f.minimum for f in some], [f.maximum for f in some]
    minimum = None if None in lows else min(low for low in lows if low is not None)
    maximum = None if None in highs else max(high for high in highs if high is not None)
    labels: tuple[Label, ...] | None = None
    if all(f.labels is not None for f in some):
        labels = tuple(dict.fromkeys(label for f in some for label in f.labels or ()))
    keys = {f.key for f in some}
    key = keys.pop() if len(keys) == 1 and len(some) == len(given) else None
    total = _added([f.total for f in some])
    person = all(f.person for f in some)
    counts = all(f.counts for f in some)
    return Fact(
        some[0].kind,
        minimum,
        maximum,
        labels,
        nullable,
        key,
        total=total,
        person=person,
        counts=counts,
    )


def _added(totals: list[int | None]) -> int | None:
    known = [total for total in totals if total is not None]
    return sum(known) if len(known) == len(totals) else None


def _literal(node: exp.Expr) -> Fact:
    if isinstance(node, exp.Null):
        return NULL
    if isinstance(node, exp.Boolean):
        return Fact("boolean", labels=(bool(node.this),), nullable=False)
    if node.is_string:
        return Fact("text", labels=(str(node.this),), nullable=False)
    if node.is_int:
        value = int(node.this)
        return Fact("integer", value, value, labels=(value,), nullable=False)
    return replace(OTHER, nullable=False)


def _arithmetic(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    left = fact(node.this, columns, rows)
    if isinstance(node, exp.Neg | exp.Abs):
        return _one_sided(node, left)
    right = fact(node.expression, columns, rows)
    nullable = left.nullable or right.nullable
    a, b = left.bounded, right.bounded
    if a is None or b is None:
        return replace(OTHER, nullable=True)
    match node:
        case exp.Add():
            result = integer(a[0] + b[0], a[1] + b[1], nullable=nullable)
            return replace(result, total=_added([left.total, right.total]))
        case exp.Sub():
            result = integer(a[0] - b[1], a[1] - b[0], nullable=nullable)
            return replace(result, total=_added([left.total, right.total]))
        case exp.Mul():
            corners = [x * y for x in a for y in b]
            scaled = [
                one.total * max(map(abs, other))
                for one, other in ((left, b), (right, a))
                if one.total is not None
            ]
            result = integer(min(corners), max(corners), nullable=nullable)
            return replace(result, total=min(scaled, default=None))
        case _:
            # |x // d| and |x % d| are at most |x|, with the sign of x or, for //, of x and d.
            reach = max(abs(a[0]), abs(a[1]))
            zero = b[0] <= 0 <= b[1]  # x // 0 and x % 0 are NULL
            low = -reach if a[0] < 0 or b[0] < 0 else 0
            return integer(low, reach, nullable=nullable or zero)


def _one_sided(node: exp.Expr, inner: Fact) -> Fact:
    if inner.bounded is None:
        return replace(OTHER, nullable=inner.nullable)
    low, high = inner.bounded
    if isinstance(node, exp.Neg):
        labels = (-low,) if low == high else None
        return Fact("integer", -high, -low, labels, inner.nullable, total=inner.total)
    smallest = 0 if low <= 0 <= high else min(abs(low), abs(high))
    result = integer(smallest, max(abs(low), abs(high)), nullable=inner.nullable)
    return replace(result, total=inner.total)


def _choice(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    """One of several values; NULL only if every one of them, or the one that is taken, can be."""
    match node:
        case exp.Case():
            results = [branch.args["true"] for branch in node.args["ifs"]]
            default = node.args.get("default")
            return united(fact(n, columns, rows) for n in [*results, default or exp.Null()])
        case exp.If():
            otherwise = node.args.get("false") or exp.Null()
            return united(fact(n, columns, rows) for n in (node.args["true"], otherwise))
        case exp.Nullif():
            return replace(fact(node.this, columns, rows), nullable=True, key=None)
    arguments = [fact(n, columns, rows) for n in (node.this, *node.expressions)]
    # COALESCE, and in DuckDB GREATEST and LEAST too, pass NULL over.
    return replace(united(arguments), nullable=all(f.nullable for f in arguments), key=None)


def _aggregate(node: exp.Expr, columns: Columns, rows: int) -> Fact:
    match node:
        case exp.Filter() | exp.Window():
            inner = fact(node.this, columns, rows)
            never_null = isinstance(node.this, exp.Count | exp.CountIf | exp.RowNumber)
            # A window gives its sum to every row: the bound on the total is lost.
            total = None if isinstance(node, exp.Window) else inner.total
            return replace(inner, nullable=inner.nullable or not never_null, key=None, total=total)
        case exp.Count(this=exp.Distinct(expressions=[value])):
            return replace(integer(0, values(fact(value, columns, rows), rows)), counts=True)
        case exp.Count() | exp.CountIf():
            return replace(integer(0, rows), counts=True)
        case exp.RowNumber():
            return integer(0, rows)
        case exp.Sum() if not isinstance(node.this, exp.Distinct | exp.Order):
            inner = fact(node.this, columns, rows)
            if inner.bounded is None:
                return OTHER
            low, high = inner.bounded
            smallest, largest = low * (rows if low < 0 else 1), high * (rows if high > 0 else 1)
            # Over all groups, the absolute values of the sums add up to no more than those of the rows.
            return Fact("integer", smallest, largest, nullable=inner.nullable, total=inner.total)
        case exp.Min() | exp.Max() | exp.AnyValue() | exp.First() | exp.Last():
            if node.args.get("count") or node.expressions:
                return OTHER
            return replace(fact(node.this, columns, rows), key=None, distinct=None)
        case exp.Lag() | exp.Lead():
            given = [fact(node.this, columns, rows)]
            if node.args.get("default"):
                given.append(fact(node.args["default"], columns, rows))
            return replace(united(given), nullable=True, key=None)
        case _:
            return OTHER


def _may_be_null(node: exp.Expr, columns: Columns, rows: int) -> bool:
    """Whether the truth value of a predicate can be NULL; a sub-query may always give one."""
    match node:
        case exp.Is() | exp.Exists() | exp.NullSafeEQ() | exp.NullSafeNEQ() | exp.Boolean():
            return False
        case exp.Not() | exp.Paren() | exp.Escape():
            return _may_be_null(node.this, columns, rows)
        case exp.Connector():
            return any(_may_be_null(n, columns, rows) for n in (node.this, node.expression))
    if node.find(exp.Query) is not None:
        return True
    return any(fact(n, columns, rows).nullable for n in node.iter_expressions())
