"""A fragment's SQL (DuckDB) for another engine: the same rows, or a refusal that names what has no equal there.

What a fragment is made of is an allow-list. Where engines give one text two meanings, the text is written so that
it has DuckDB's; what cannot be written so is refused. Tables become sub-queries over the owner's own ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.overflow import (
    ARITHMETIC,
    DIVISIONS,
    HUGE,
    Overflow,
    bounds,
    large_columns,
)
from mpcstats.plan.names import DIALECT

# What DuckDB's TRIM takes off: the spaces of Unicode (category Zs). Other engines take off U+0020 alone.
SPACES = "".join(map(chr, (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))
# Patterns that say the same in every engine; they come from plan.keys.
PATTERNS = frozenset({"[0-9]{15}", "[0-9]{17}[0-9X]"})
QUERIES = (
    *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Subquery, exp.Table),
    *(exp.TableAlias, exp.Alias, exp.Identifier, exp.Column, exp.Star, exp.Distinct, exp.Union),
    *(exp.Except, exp.Intersect, exp.Order, exp.Ordered, exp.Limit, exp.Exists, exp.Tuple),
)
VALUES = (
    *(exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Case, exp.If, exp.Coalesce, exp.Nullif),
    *(exp.Greatest, exp.Least, exp.Try, exp.Cast, exp.TryCast, exp.DataType, *ARITHMETIC),
)
CONDITIONS = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Not),
    *(exp.And, exp.Or, exp.Like, exp.NullSafeEQ, exp.NullSafeNEQ),
)
TEXTS = (
    *(exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length, exp.DPipe, exp.StartsWith),
    *(exp.RegexpFullMatch, exp.MD5),
)
AGGREGATES = (
    *(exp.Sum, exp.Count, exp.Min, exp.Max, exp.Filter, exp.Window, exp.WindowSpec),
    *(exp.RowNumber, exp.Lag, exp.Lead),
)
KNOWN = frozenset((*QUERIES, *VALUES, *CONDITIONS, *TEXTS, *AGGREGATES))
JOINS = frozenset({"", "INNER", "CROSS", "OUTER"})
BITS: Mapping[exp.DType, int] = {exp.DType.INT: 32, exp.DType.BIGINT: 64}  # that TRY_CAST may give


class Porting:
    """DuckDB's SQL in the words of one engine; `name` is how errors call it."""

    name: str
    dialect: str
    exact: exp.DataType  # numbers that hold every product of two of 64 bits
    text: exp.DataType

    def port(self, sql: str, tables: Mapping[str, str], place: str) -> str:
        """The engine's text of `sql`, each dataset read as the sub-query that `tables` has for it.

        Raises UsageError, which begins with `place`, for what the engine does not compute as DuckDB does.
        """
        tree = sqlglot.parse_one(sql, dialect=DIALECT)
        for node in tree.walk():
            self._check(node, place)
        self._bind(tree, tables)
        overflow = Overflow(large_columns(tree))
        for attempt in [node for node in tree.walk() if isinstance(node, exp.Try)]:
            self._guard(attempt, overflow)
        tree = self._each(tree)
        try:
            return tree.sql(dialect=self.dialect, unsupported_level=ErrorLevel.RAISE)
        except SqlglotError:
            raise self.refusal(place, "what the fragment computes") from None

    def refusal(self, place: str, what: str) -> UsageError:
        """The error that `what` is not computed here."""
        return UsageError(
            f"{place}: expected a fragment that {self.name} computes as DuckDB does, got one with {what}: "
            "ask without it, or keep the dataset in a file"
        )

    def _check(self, node: exp.Expr, place: str) -> None:
        kind = type(node)
        if kind not in KNOWN:
            raise self.refusal(place, kind.__name__)
        match node:
            case exp.Join() if node.method or node.kind not in JOINS:
                raise self.refusal(place, f"a {node.method or node.kind} join")
            case exp.Distinct() if node.args.get("on") is not None:
                raise self.refusal(place, "DISTINCT ON")
            case exp.Select() if node.args.get("qualify") is not None:
                raise self.refusal(place, "QUALIFY")
            case exp.Like() if not _plain_text(node.expression):
                raise self.refusal(place, r"LIKE with a pattern that is no text, or has a \ in it")
            case exp.RegexpFullMatch() if node.expression.name not in PATTERNS:
                raise self.refusal(place, "a regular expression")
            case exp.Substring() if not _is_plain_part(node):
                raise self.refusal(place, "a part of a text from other places than 1, 2, ...")
            case exp.Trim() if node.args.get("position") or node.args.get("collation"):
                raise self.refusal(place, "TRIM of one side")
            case exp.TryCast():
                if node.to.this not in BITS:
                    raise self.refusal(place, f"TRY_CAST to {node.to.this.value}")
                if not _holds_a_number(node):
                    raise self.refusal(place, "TRY_CAST of a text")
            case exp.Cast() if not node.is_type(*exp.DataType.TEXT_TYPES, exp.DType.BIGINT):
                raise self.refusal(place, f"CAST to {node.to.this.value}")
            case exp.Literal() if not node.is_string and not str(node.this).isdigit():
                raise self.refusal(place, "a number with a fraction")

    def _bind(self, tree: exp.Expr, tables: Mapping[str, str]) -> None:
        for table in list(tree.find_all(exp.Table)):
            dataset = f"{table.db}.{table.name}"
            if dataset not in tables:
                raise InternalError(f"expected a dataset that was loaded, got {dataset}")
            # The same names for what follows; `_each` puts the owner's relation there.
            table.set("alias", table.args.get("alias") or exp.TableAlias(this=table.this.copy()))
            table.meta["relation"] = tables[dataset]

    def _guard(self, attempt: exp.Try, overflow: Overflow) -> None:
        inner = attempt.this
        found = overflow.attempt(inner)
        value: exp.Expr = inner.copy()
        if found.bits != HUGE:
            value = exp.cast(value, exp.DType.BIGINT)
            value.meta["exact"] = True
        fails = exp.false() if found.fails is None else found.fails
        guarded = exp.Case(ifs=[exp.If(this=exp.Not(this=exp.Paren(this=fails)), true=value)])
        for node in list(guarded.find_all(*ARITHMETIC)):
            self._make_exact(node)
        attempt.set("this", guarded)

    def _make_exact(self, node: exp.Expr) -> None:
        """Its operands as exact numbers, a divisor of 0 as none."""
        node.meta["exact"] = True
        for part in list(node.iter_expressions()):
            if not isinstance(part.unnest(), ARITHMETIC):
                part.replace(exp.Cast(this=part.copy(), to=self.exact.copy()))
        if isinstance(node, DIVISIONS):
            zero = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
            node.set("expression", zero)

    def _each(self, tree: exp.Expr) -> exp.Expr:
        """Every node rewritten, operands before what is made of them."""
        for node in reversed(list(tree.bfs())):
            new = self.rewritten(node)
            if new is node:
                continue
            if node is tree:
                tree = new
            else:
                node.replace(new)
        return tree

    def rewritten(self, node: exp.Expr) -> exp.Expr:
        """`node` so that the engine gives it DuckDB's meaning."""
        match node:
            case exp.Table() if "relation" in node.meta:
                return self._relation(node)
            case exp.Try():
                return exp.Paren(this=node.this)
            case exp.Trim() if node.expression is None:
                return exp.Trim(this=node.this, expression=exp.Literal.string(SPACES))
            case exp.Length():
                return exp.cast(exp.Length(this=node.this), exp.DType.BIGINT)
            case exp.TryCast():
                return self._number(node)
            case exp.RegexpFullMatch():
                return self.matched(node.this, str(node.expression.find(exp.Literal).this))
            case exp.Cast() if node.is_type(*exp.DataType.TEXT_TYPES):
                return exp.Cast(this=node.this, to=self.text.copy())
        return node

    def matched(self, text: exp.Expr, pattern: str) -> exp.Expr:
        """Whether the whole of `text` is of `pattern`, one of PATTERNS."""
        raise NotImplementedError

    def _relation(self, table: exp.Table) -> exp.Expr:
        query = sqlglot.parse_one(table.meta["relation"], dialect=self.dialect)
        return exp.Subquery(this=query, alias=table.args["alias"].copy())

    def _number(self, node: exp.TryCast) -> exp.Expr:
        """The number where it has the type, NULL elsewhere; of one character where it is a digit."""
        inner, kind = node.this, node.to.copy()
        ends: tuple[exp.Expr, ...]
        if isinstance(inner, exp.Substring):
            ends = tuple(self.rewritten(exp.Literal.string(digit)) for digit in "09")
        else:
            ends = tuple(exp.Literal.number(n) for n in bounds(BITS[node.to.this]))
        low, high = ends
        within = exp.Between(this=inner.copy(), low=low, high=high)
        return exp.Case(ifs=[exp.If(this=within, true=exp.Cast(this=inner.copy(), to=kind))])


def uses_letters(sql: str) -> bool:
    """Whether the upper or lower case of a text matters to `sql` (DuckDB)."""
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    return tree.find(exp.Upper, exp.Lower) is not None


def _plain_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string) and "\\" not in str(node.this)


def _is_plain_part(node: exp.Substring) -> bool:
    """Whether it begins at a place from 1 on, which every engine counts alike."""
    start, length = node.args.get("start"), node.args.get("length")
    whole = isinstance(length, exp.Literal) or length is None
    if isinstance(node.this, exp.Literal) and isinstance(length, exp.Literal):
        return True  # a check character: its place is a remainder and one
    return whole and isinstance(start, exp.Literal) and int(cast(str, start.this)) >= 1


def _holds_a_number(node: exp.TryCast) -> bool:
    """Whether what is cast is a column of numbers, or one character; the engine refuses a column of texts itself."""
    inner = node.this.unnest()
    if isinstance(inner, exp.Substring):
        length = inner.args.get("length")
        return isinstance(length, exp.Literal) and str(length.this) == "1"
    return isinstance(inner, (exp.Column, *ARITHMETIC, exp.Sum, exp.Count, exp.Try))


def named_tables(sql: str) -> tuple[str, ...]:
    """The datasets that `sql` (DuckDB) names."""
    tables = sqlglot.parse_one(sql, dialect=DIALECT).find_all(exp.Table)
    return tuple(dict.fromkeys(f"{table.db}.{table.name}" for table in tables))
