"""Expressions of frames: each is the tree that its SQL parses to, and what cannot be one is refused with a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import sqlglot

from mpcstats.errors import UsageError
from mpcstats.plan.expression import Expression, Origin
from mpcstats.plan.functions import (
    avg,
    case,
    coalesce,
    count,
    count_distinct,
    greatest,
    least,
    max_,
    min_,
    sum_,
)

T = Origin("t", ("a", "b", "s", "date", "Two words", "order"), "x.t")
A, B, S = (T.column(name) for name in ("a", "b", "s"))

WRITTEN = (
    (A + 1, "t.a + 1"),
    (1 + A, "1 + t.a"),
    (A - 1 - B, "t.a - 1 - t.b"),
    (A - (1 - B), "t.a - (1 - t.b)"),
    (1 - A, "1 - t.a"),
    ((A + B) * 2, "(t.a + t.b) * 2"),
    (A + B * 2, "t.a + t.b * 2"),
    (2 * A, "2 * t.a"),
    (A * -5, "t.a * -5"),
    (A - -5, "t.a - -5"),
    (A / B, "t.a / t.b"),
    (7 / A, "7 / t.a"),
    (A // 7, "t.a // 7"),
    (7 // A, "7 // t.a"),
    (A // B // 2, "t.a // t.b // 2"),
    (A // (B // 2), "t.a // (t.b // 2)"),
    (A % 2, "t.a % 2"),
    (7 % A, "7 % t.a"),
    (-A, "-t.a"),
    (-(A + 1), "-(t.a + 1)"),
    (-A * B, "-t.a * t.b"),
    (abs(A), "ABS(t.a)"),
    (A == 1, "t.a = 1"),
    (1 == A, "t.a = 1"),  # noqa: SIM300 - as somebody may write it
    (A != B, "t.a <> t.b"),
    (A < 1, "t.a < 1"),
    (1 < A, "t.a > 1"),  # noqa: SIM300
    (A <= 1, "t.a <= 1"),
    (A > 1, "t.a > 1"),
    (A >= B + 1, "t.a >= t.b + 1"),
    ((A == 1) & (B == 2), "t.a = 1 AND t.b = 2"),
    ((A == 1) & (B == 2) & (S == "x"), "t.a = 1 AND t.b = 2 AND t.s = 'x'"),
    ((A == 1) & (B == 2) | (S == "x"), "t.a = 1 AND t.b = 2 OR t.s = 'x'"),
    ((A == 1) & ((B == 2) | (S == "x")), "t.a = 1 AND (t.b = 2 OR t.s = 'x')"),
    (~(A == 1), "NOT t.a = 1"),
    (~(A == 1) & (B == 2), "NOT t.a = 1 AND t.b = 2"),
    (~((A == 1) & (B == 2)), "NOT (t.a = 1 AND t.b = 2)"),
    (~~(A == 1), "NOT (NOT t.a = 1)"),
    (A.between(1, B + 1), "t.a BETWEEN 1 AND t.b + 1"),
    (~A.between(1, 2), "t.a NOT BETWEEN 1 AND 2"),
    (A.is_in([1, 2]), "t.a IN (1, 2)"),
    (S.is_in(("x", B)), "t.s IN ('x', t.b)"),
    (~S.is_in(["x"]), "t.s NOT IN ('x')"),
    (A.is_null(), "t.a IS NULL"),
    (~A.is_null(), "t.a IS NOT NULL"),
    ((A + 1).is_null(), "t.a + 1 IS NULL"),
    (S.like("E1%"), "t.s LIKE 'E1%'"),
    (~S.like("E1_"), "NOT t.s LIKE 'E1_'"),
    (S.trim().upper() == "X", "UPPER(TRIM(t.s)) = 'X'"),
    (S.lower().length() + 1, "LENGTH(LOWER(t.s)) + 1"),
    (S == "it's", "t.s = 'it''s'"),
    (coalesce(A, 0), "COALESCE(t.a, 0)"),
    (coalesce(A, B, 0) + 1, "COALESCE(t.a, t.b, 0) + 1"),
    (greatest(A, B, 0), "GREATEST(t.a, t.b, 0)"),
    (least(A, 0), "LEAST(t.a, 0)"),
    (case((A < 1, "low")), "CASE WHEN t.a < 1 THEN 'low' END"),
    (
        case((A < 1, "low"), ((A < 9) & (B == 1), S), default="high"),
        "CASE WHEN t.a < 1 THEN 'low' WHEN t.a < 9 AND t.b = 1 THEN t.s ELSE 'high' END",
    ),
    (count(), "COUNT(*)"),
    (count(A), "COUNT(t.a)"),
    (count_distinct(A), "COUNT(DISTINCT t.a)"),
    (sum_(A * B), "SUM(t.a * t.b)"),
    (sum_(case((A == 1, B), default=0)), "SUM(CASE WHEN t.a = 1 THEN t.b ELSE 0 END)"),
    (min_(A), "MIN(t.a)"),
    (max_(A), "MAX(t.a)"),
    (avg(A), "AVG(t.a)"),
    (sum_(A) / count(), "SUM(t.a) / COUNT(*)"),
    (T.column("Two words") + 1, 't."Two words" + 1'),
    (T.column("order") + 1, 't."order" + 1'),
    (T.column("date") + 1, 't."date" + 1'),
)


@pytest.mark.parametrize(("expression", "text"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_an_expression_is_what_its_sql_parses_to(expression: Expression, text: str) -> None:
    written = expression.tree.sql("duckdb")
    assert sqlglot.parse_one(written, read="duckdb") == sqlglot.parse_one(text, read="duckdb")


def test_parentheses_that_matter_make_another_tree() -> None:
    one, other = (e.tree.sql("duckdb") for e in ((A + B) * 2, A + B * 2))
    assert sqlglot.parse_one(one) != sqlglot.parse_one(other)


def truth() -> object:
    return A == 1 and B == 2


def chained() -> object:
    return 1 < A < 2


def listed() -> object:
    return A in [B]


BAD: Iterable[tuple[Callable[[], object], str]] = (
    (truth, "expected no true or false of t.a = 1"),
    (chained, "expected no true or false of t.a > 1"),
    (listed, "expected no true or false of"),
    (lambda: not A, "expected no true or false of t.a: its value is with the owners of the data"),
    (lambda: bool(A == A), "use .between(low, high) instead of low <= x <= high"),
    (lambda: A == None, "got None: write .is_null()"),  # noqa: E711
    (lambda: A == 0.5, "expected a column, a whole number or a text, got float 0.5"),
    (lambda: A == True, "got bool True"),  # noqa: E712
    (lambda: A == b"x", "got bytes b'x'"),
    (lambda: A + b"x", "got bytes b'x'"),
    (lambda: A == 1 << 63, "expected a whole number of 64 bits, got 9.223e+18"),
    (lambda: A == "\ud800", "expected a text in valid Unicode"),
    (lambda: (A == 1) & B, "expected a condition, got the value t.b"),
    (lambda: A == 1 & B, "expected a condition, got int 1: compare it, and put each comparison"),
    (lambda: (A == 1) | 1, "expected a condition, got int 1"),
    (lambda: ~A, "expected a condition, got the value t.a"),
    (lambda: (A == 1) + 1, "expected a value, got the condition t.a = 1"),
    (lambda: (A == 1) == B, "expected a value, got the condition t.a = 1"),
    (lambda: sum_(A == 1), "expected a value, got the condition t.a = 1"),
    (
        lambda: sum_(count() + 1),
        "expected no aggregate of an aggregate, got one of <expression COUNT",
    ),
    (lambda: count_distinct(max_(A)), "expected no aggregate of an aggregate"),
    (lambda: A.is_in([]), "expected at least one value in is_in([...]), got none"),
    (lambda: A.is_in("xy"), "expected a list of values or a frame, got str 'xy'"),
    (lambda: A.is_in(3), "expected a list of values or a frame, got int 3"),  # type: ignore[arg-type]
    (lambda: A.is_in([None]), "got None: write .is_null()"),
    (lambda: S.like(1), "expected a pattern as a text, got int 1"),  # type: ignore[arg-type]
    (case, "expected case((condition, value), ...), got no branch"),
    (lambda: case((A, 1)), "expected a condition, got the value t.a"),
    (lambda: case(A == 1), "expected a branch (condition, value), got"),  # type: ignore[arg-type]
    (lambda: coalesce(None), "got None"),
)


@pytest.mark.parametrize(("write", "said"), BAD)
def test_what_is_no_expression_is_refused_where_it_is_written(
    write: Callable[[], object], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        write()
    assert said in str(caught.value)


def test_an_expression_is_in_no_set_and_never_changes() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(A)
    taken = A.tree
    taken.set("this", None)
    assert repr(A) == "<expression t.a>"
    assert (A + B).origins == {T}
    assert count().origins == frozenset()
