"""Columns, conditions and aggregates as objects with operators: what a frame (plan.frame) is written with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from mpcstats.errors import UsageError
from mpcstats.plan.names import DIALECT, LARGEST

# How tightly the parts of a tree hold together: a part that holds less than its place asks for gets parentheses.
OR, AND, NOT, TEST, SUM, PRODUCT, SIGN, WHOLE = range(1, 9)
TESTS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Like)
RANKS: tuple[tuple[tuple[type[exp.Expr], ...], int], ...] = (
    ((exp.Or,), OR),
    ((exp.And,), AND),
    ((exp.Not,), NOT),
    (TESTS, TEST),
    ((exp.Add, exp.Sub), SUM),
    ((exp.Mul, exp.Div, exp.IntDiv, exp.Mod), PRODUCT),
    ((exp.Neg,), SIGN),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """A relation whose columns an expression may name, by its `name` in FROM; `source` is what it reads.

    `passes` is a relation of the same name whose columns it passes on as they are: they may be named for its own.
    """

    name: str
    columns: tuple[str, ...]
    source: str
    passes: Origin | None = None

    def stands_for(self, other: Origin) -> bool:
        """Whether a column of `other` is the same column of this one."""
        return self == other or (self.passes is not None and self.passes.stands_for(other))

    def column(self, name: str) -> Expression:
        """The column `name`, which it has."""
        tree = exp.Column(this=identifier(name), table=identifier(self.name))
        return Expression(tree, frozenset({self}))


class Rows(ABC):
    """Rows in which a value can be looked up."""

    __slots__ = ()

    @property
    @abstractmethod
    def tree(self) -> exp.Select:
        """The SELECT that gives them."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The names of their columns."""


class Expression:
    """A column, a value, a condition or an aggregate; immutable, and operators make larger ones of it.

    + - * / // % compute as in SQL (`/` gives a fraction, // a whole number), == != < <= > >= compare, & | ~ join
    conditions. Whole numbers of 64 bits and texts stand for themselves, and are literals in the SQL whatever they
    hold. bool() raises UsageError, because what a comparison says is known only where the data are.
    """

    __slots__ = ("_origins", "_tree")
    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so no set could hold it

    def __init__(self, tree: exp.Expr, origins: frozenset[Origin] = frozenset()) -> None:
        self._tree = tree
        self._origins = origins

    @property
    def tree(self) -> exp.Expr:
        """Its sqlglot tree, a copy: whatever is done to it, the expression stays as it is."""
        return self._tree.copy()

    @property
    def origins(self) -> frozenset[Origin]:
        """The relations whose columns it names."""
        return self._origins

    @property
    def is_condition(self) -> bool:
        """Whether it is true or false of a row, and not a value."""
        return _rank(self._tree) <= TEST

    @property
    def is_aggregate(self) -> bool:
        """Whether it is an aggregate of many rows, or is computed from one; not for those of a frame in is_in()."""
        nodes = self._tree.walk(prune=lambda node: isinstance(node, exp.Query))
        return any(isinstance(node, exp.AggFunc) for node in nodes)

    def __repr__(self) -> str:
        return f"<expression {self._tree.sql(DIALECT)}>"

    def __bool__(self) -> bool:
        raise UsageError(
            f"expected no true or false of {self._tree.sql(DIALECT)}: its value is with the owners of the data; "
            "join conditions with & | ~ (each in parentheses, instead of and, or, not), use "
            ".between(low, high) instead of low <= x <= high, and .is_in([...]) instead of in"
        )

    def __add__(self, other: object) -> Expression:
        return _binary(exp.Add, self, other, SUM)

    def __radd__(self, other: object) -> Expression:
        return _binary(exp.Add, other, self, SUM)

    def __sub__(self, other: object) -> Expression:
        return _binary(exp.Sub, self, other, SUM)

    def __rsub__(self, other: object) -> Expression:
        return _binary(exp.Sub, other, self, SUM)

    def __mul__(self, other: object) -> Expression:
        return _binary(exp.Mul, self, other, PRODUCT)

    def __rmul__(self, other: object) -> Expression:
        return _binary(exp.Mul, other, self, PRODUCT)

    def __truediv__(self, other: object) -> Expression:
        return _binary(exp.Div, self, other, PRODUCT)

    def __rtruediv__(self, other: object) -> Expression:
        return _binary(exp.Div, other, self, PRODUCT)

    def __floordiv__(self, other: object) -> Expression:
        return _binary(exp.IntDiv, self, other, PRODUCT)

    def __rfloordiv__(self, other: object) -> Expression:
        return _binary(exp.IntDiv, other, self, PRODUCT)

    def __mod__(self, other: object) -> Expression:
        return _binary(exp.Mod, self, other, PRODUCT)

    def __rmod__(self, other: object) -> Expression:
        return _binary(exp.Mod, other, self, PRODUCT)

    def __neg__(self) -> Expression:
        return made(exp.Neg(this=_part(value(self), WHOLE)), self)

    def __abs__(self) -> Expression:
        return made(exp.Abs(this=value(self).tree), self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _test(exp.EQ, self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _test(exp.NEQ, self, other)

    def __lt__(self, other: object) -> Expression:
        return _test(exp.LT, self, other)

    def __le__(self, other: object) -> Expression:
        return _test(exp.LTE, self, other)

    def __gt__(self, other: object) -> Expression:
        return _test(exp.GT, self, other)

    def __ge__(self, other: object) -> Expression:
        return _test(exp.GTE, self, other)

    def __and__(self, other: object) -> Expression:
        return _joined(exp.And, self, other, AND)

    def __rand__(self, other: object) -> Expression:
        return _joined(exp.And, other, self, AND)

    def __or__(self, other: object) -> Expression:
        return _joined(exp.Or, self, other, OR)

    def __ror__(self, other: object) -> Expression:
        return _joined(exp.Or, other, self, OR)

    def __invert__(self) -> Expression:
        return made(exp.Not(this=_part(condition(self), TEST)), self)

    def between(self, low: object, high: object) -> Expression:
        """Whether it is at least `low` and at most `high`."""
        parts = [value(self), value(low), value(high)]
        this, least, most = (_part(part, SUM) for part in parts)
        return made(exp.Between(this=this, low=least, high=most), *parts)

    def is_in(self, values: Iterable[object] | Rows) -> Expression:
        """Whether it is one of `values`, or of those in the one column of a frame.

        Over a frame of another owner this is a semi-join, and with ~ an anti-join, as IN and NOT IN are in SQL.
        """
        this = _part(value(self), SUM)
        if isinstance(values, Rows):
            if len(values.columns) != 1:
                raise UsageError(
                    "expected a frame of one column to look values up in: select one of "
                    f"{', '.join(values.columns)}"
                )
            return made(exp.In(this=this, query=exp.Subquery(this=values.tree)), self)
        if isinstance(values, str | bytes | Expression) or not isinstance(values, Iterable):
            raise UsageError(f"expected a list of values or a frame, got {_said(values)}")
        parts = [value(part) for part in values]
        if not parts:
            raise UsageError("expected at least one value in is_in([...]), got none")
        return made(exp.In(this=this, expressions=[p.tree for p in parts]), self, *parts)

    def is_null(self) -> Expression:
        """Whether it is missing; `~x.is_null()` says that it is there."""
        return made(exp.Is(this=_part(value(self), SUM), expression=exp.Null()), self)

    def like(self, pattern: str) -> Expression:
        """Whether the text fits `pattern`, where % stands for any characters and _ for one."""
        if not isinstance(pattern, str):
            raise UsageError(f"expected a pattern as a text, got {_said(pattern)}")
        this = _part(value(self), SUM)
        return made(exp.Like(this=this, expression=value(pattern).tree), self)

    def upper(self) -> Expression:
        """The text in upper case."""
        return made(exp.Upper(this=value(self).tree), self)

    def lower(self) -> Expression:
        """The text in lower case."""
        return made(exp.Lower(this=value(self).tree), self)

    def trim(self) -> Expression:
        """The text without blanks at its ends."""
        return made(exp.Trim(this=value(self).tree), self)

    def length(self) -> Expression:
        """How many characters the text has."""
        return made(exp.Length(this=value(self).tree), self)


def value(given: object) -> Expression:
    """`given` as a value: an expression that is no condition, a whole number of 64 bits, or a text.

    Raises UsageError for anything else.
    """
    if isinstance(given, Expression):
        if given.is_condition:
            raise UsageError(
                f"expected a value, got the condition {given.tree.sql(DIALECT)}: put each comparison in "
                "parentheses, and make a value of a condition with case((condition, 1), default=0)"
            )
        return given
    if given is None:
        raise UsageError("expected a value, got None: write .is_null() for what is missing")
    if isinstance(given, Integral) and not isinstance(given, bool):
        number = int(given)
        if not -LARGEST - 1 <= number <= LARGEST:
            raise UsageError(f"expected a whole number of 64 bits, got {number:.3e}")
        return Expression(exp.Literal.number(number))
    if isinstance(given, str):
        try:
            given.encode()
        except UnicodeEncodeError:
            raise UsageError("expected a text in valid Unicode") from None
        return Expression(exp.Literal.string(given))
    raise UsageError(f"expected a column, a whole number or a text, got {_said(given)}")


def made(tree: exp.Expr, *parts: Expression) -> Expression:
    """The expression of `tree`, which is made of these parts."""
    return Expression(tree, frozenset(origin for part in parts for origin in part.origins))


def condition(given: object) -> Expression:
    """`given`, if it is a condition. Raises UsageError if not."""
    if isinstance(given, Expression) and given.is_condition:
        return given
    raise UsageError(
        f"expected a condition, got {_said(given)}: compare it, and put each comparison that & | ~ join in "
        "parentheses: (t.a == 1) & (t.b == 2)"
    )


def identifier(name: str) -> exp.Identifier:
    """`name` as SQL names things: in quotes wherever it is more than a plain word."""
    plain = exp.SAFE_IDENTIFIER_RE.match(name) is not None
    if plain:
        plain = [t.token_type for t in sqlglot.tokenize(name, DIALECT)] == [TokenType.VAR]
    return exp.Identifier(this=name, quoted=not plain)


def _rank(tree: exp.Expr) -> int:
    return next((rank for kinds, rank in RANKS if isinstance(tree, kinds)), WHOLE)


def _part(of: Expression, least: int) -> exp.Expr:
    """The tree of a part whose place asks that it holds together as `least` does."""
    tree = of.tree
    return exp.Paren(this=tree) if _rank(tree) < least else tree


def _binary(kind: type[exp.Expr], left: object, right: object, rank: int) -> Expression:
    """Left to right, as Python and SQL read it: a right part of the same rank has had parentheses."""
    first, second = value(left), value(right)
    tree = kind(this=_part(first, rank), expression=_part(second, rank + 1))
    return made(tree, first, second)


def _test(kind: type[exp.Expr], left: object, right: object) -> Expression:
    first, second = value(left), value(right)
    tree = kind(this=_part(first, SUM), expression=_part(second, SUM))
    return made(tree, first, second)


def _joined(kind: type[exp.Expr], left: object, right: object, rank: int) -> Expression:
    first, second = condition(left), condition(right)
    tree = kind(this=_part(first, rank), expression=_part(second, rank + 1))
    return made(tree, first, second)


def _said(given: object) -> str:
    if isinstance(given, Expression):
        return f"the value {given.tree.sql(DIALECT)}"
    return f"{type(given).__name__} {given!r:.40}"
