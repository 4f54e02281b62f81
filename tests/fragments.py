"""Random fragments over two random tables of one owner, to be computed in several engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlglot
from hypothesis import strategies as st
from sqlglot import exp

from mpcstats.plan.fragment import _guarded
from mpcstats.plan.keys import normalised

CATALOGUE = """
version = 1

[[dataset]]
name = "a.persons"
owner = "a"
rows = 99
[dataset.columns]
id = { type = "integer", level = "LOW", unique = true }
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
rid = { type = "text", level = "HIGH", key = "resident-id" }
n = { type = "integer", level = "LOW" }
m = { type = "integer", level = "LOW", minimum = -99, maximum = 99 }
t = { type = "text", level = "LOW" }

[[dataset]]
name = "a.visits"
owner = "a"
rows = 99
[dataset.columns]
id = { type = "integer", level = "LOW", unique = true }
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
x = { type = "integer", level = "LOW" }
code = { type = "text", level = "LOW" }
"""
COLUMNS = {
    "persons": {
        "id": "BIGINT",
        "pid": "TEXT",
        "rid": "TEXT",
        "n": "BIGINT",
        "m": "BIGINT",
        "t": "TEXT",
    },
    "visits": {"id": "BIGINT", "pid": "TEXT", "x": "BIGINT", "code": "TEXT"},
}
EXTREME = 1 << 63
IDS = ("11010519491231002X", "11010519491231002x ", "110105194912310021", "110105491231002", "9")
INTEGERS = st.none() | st.sampled_from(
    (0, 1, -1, 2, 7, 99, -99, EXTREME - 1, -EXTREME, 1 << 32, -(1 << 31), 3_037_000_500)
)
SMALL = st.none() | st.integers(-99, 99)
TEXTS = st.none() | st.sampled_from(
    (
        "",
        " ",
        "a",
        "A",
        "b ",
        " B",
        "\u3000a",
        "a\u00a0",
        "中",
        "中文",
        "\t",
        "a\n",
        "it's",
        "a\\b",
        "10",
        "_%",
        "~",
    )
)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fragments:
    """Rows of the two tables, and the fragments' SQL: each yields `key`, a text, and the numbers v0 and v1."""

    persons: tuple[Row, ...]
    visits: tuple[Row, ...]
    queries: tuple[str, ...]


NAMES = ("v0", "v1")


def fragments(queries: int) -> st.SearchStrategy[Fragments]:
    """Tables and so many queries over them."""
    persons = st.tuples(TEXTS, st.none() | st.sampled_from(IDS), INTEGERS, SMALL, TEXTS)
    visits = st.tuples(TEXTS, INTEGERS, TEXTS)
    return st.builds(
        Fragments,
        st.lists(persons, min_size=1, max_size=9).map(_numbered),
        st.lists(visits, min_size=1, max_size=9).map(_numbered),
        st.lists(_query(), min_size=queries, max_size=queries).map(tuple),
    )


def _numbered(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple((number, *row) for number, row in enumerate(rows))


def _number(*columns: str) -> st.SearchStrategy[str]:
    plain = st.sampled_from(columns) | st.sampled_from(("0", "2", "7", "100000", "3000000000"))

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return st.one_of(
            st.tuples(inner, st.sampled_from(("+", "-", "*", "//", "%")), inner).map(
                lambda p: f"({p[0]} {p[1]} {p[2]})"
            ),
            inner.map(lambda a: f"(-{a})"),
            inner.map(lambda a: f"ABS({a})"),
            pair.map(lambda p: f"COALESCE({p[0]}, {p[1]})"),
            pair.map(lambda p: f"GREATEST({p[0]}, {p[1]})"),
            pair.map(lambda p: f"LEAST({p[0]}, {p[1]})"),
            pair.map(lambda p: f"NULLIF({p[0]}, {p[1]})"),
            st.tuples(inner, inner, inner).map(
                lambda p: f"CASE WHEN {p[0]} > {p[1]} THEN {p[2]} ELSE {p[0]} END"
            ),
        )

    return st.recursive(plain, deeper, max_leaves=5)


def _text(*columns: str) -> st.SearchStrategy[str]:
    plain = st.sampled_from(columns) | st.sampled_from(("'a'", "'B '", "'中'", "''", "'it''s'"))

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return st.one_of(
            inner.map(lambda a: f"UPPER({a})"),
            inner.map(lambda a: f"LOWER({a})"),
            inner.map(lambda a: f"TRIM({a})"),
            inner.map(lambda a: f"SUBSTR({a}, 1, 1)"),
            inner.map(lambda a: f"SUBSTR({a}, 2)"),
            pair.map(lambda p: f"({p[0]} || {p[1]})"),
            pair.map(lambda p: f"COALESCE({p[0]}, {p[1]})"),
            pair.map(lambda p: f"CASE WHEN {p[0]} < {p[1]} THEN {p[0]} ELSE {p[1]} END"),
        )

    return st.recursive(plain, deeper, max_leaves=3)


def _condition(
    number: st.SearchStrategy[str], text: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    compared = st.sampled_from(("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"))
    plain = st.one_of(
        st.tuples(number, compared, number).map(" ".join),
        st.tuples(text, compared, text).map(" ".join),
        st.tuples(number, number, number).map(lambda p: f"{p[0]} BETWEEN {p[1]} AND {p[2]}"),
        st.tuples(number, number).map(lambda p: f"{p[0]} NOT IN ({p[1]}, 1)"),
        text.map(lambda a: f"{a} IN ('a', 'A', '')"),
        text.map(lambda a: f"{a} LIKE '%a_'"),
        text.map(lambda a: f"starts_with({a}, 'a')"),
        text.map(lambda a: f"LENGTH({a}) > 1"),
        number.map(lambda a: f"{a} IS NULL"),
        st.just("EXISTS (SELECT 1 FROM {visits} AS w WHERE w.x > p.m)"),
        st.just("p.pid IN (SELECT w.pid FROM {visits} AS w WHERE w.pid IS NOT NULL)"),
        st.just("p.n > (SELECT SUM(w.x) FROM {visits} AS w)"),
    )

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return st.one_of(
            pair.map(lambda p: f"({p[0]} AND {p[1]})"),
            pair.map(lambda p: f"({p[0]} OR {p[1]})"),
            inner.map(lambda a: f"(NOT {a})"),
        )

    return st.recursive(plain, deeper, max_leaves=3)


def _query() -> st.SearchStrategy[str]:
    number, text = _number("p.n", "p.m", "v.x", "LENGTH(p.t)"), _text("p.t", "p.pid", "v.code")
    where = _condition(number, text)
    joined = "{persons} AS p LEFT JOIN {visits} AS v ON v.pid = p.pid"
    rows = st.tuples(text, number, number, where).map(
        lambda p: f"SELECT {p[0]} AS key, {p[1]} AS v0, {p[2]} AS v1 FROM {joined} WHERE {p[3]}"
    )
    flags = st.tuples(text, number, where, where).map(
        lambda p: (
            f"SELECT {p[0]} AS key, {p[1]} AS v0, CAST(({p[2]}) AS BIGINT) AS v1 FROM {joined} WHERE {p[3]}"
        )
    )
    keys = st.tuples(number, where).map(
        lambda p: (
            f"SELECT p.rid AS key, COUNT(*) AS v0, MIN({p[0]}) AS v1 FROM {joined} "
            f"WHERE {p[1]} GROUP BY p.rid"
        )
    )
    totals = st.sampled_from(
        ("SUM({})", "MIN({})", "MAX({})", "COUNT({})", "COUNT(DISTINCT {})", "2 * COUNT({}) - 1")
    )
    total = st.tuples(totals, number).map(lambda p: p[0].format(p[1]))
    some = st.tuples(total, where).map(lambda p: f"{p[0]} FILTER (WHERE {p[1]})") | total
    groups = st.tuples(text, total, some, where, st.sampled_from(("MIN", "MAX")), text).map(
        lambda p: (
            f"SELECT g.k AS key, g.a AS v0, g.b * 2 AS v1 FROM (SELECT {p[4]}({p[5]}) AS k, {p[1]} AS a, "
            f"{p[1]} AS b FROM {joined} WHERE {p[3]} GROUP BY {p[0]} HAVING COUNT(*) > 1 OR {p[1]} > 3) AS g"
        )
    )
    windows = st.tuples(text, number, st.sampled_from(("", "DESC")), number).map(
        lambda p: (
            f"SELECT {p[0]} AS key, LAG({p[1]}) OVER w AS v0, ROW_NUMBER() OVER w AS v1 FROM "
            f"{joined} WINDOW w AS (PARTITION BY p.t ORDER BY {p[3]} {p[2]}, p.id, v.id)"
        )
    )
    unions = st.tuples(number, number).map(
        lambda p: (
            "SELECT u.k AS key, u.n AS v0, u.m AS v1 FROM (SELECT DISTINCT p.t AS k, "
            f"{p[0]} AS n, {p[1]} AS m FROM {joined} UNION SELECT w.code, w.x, 1 FROM {{visits}} AS w) AS u"
        )
    )
    return st.one_of(rows, flags, keys, groups, windows, unions).map(_as_fragment)


def _as_fragment(query: str) -> str:
    """The query as plan.fragment writes one: keys normalised, arithmetic guarded, numbers of 64 bits."""
    inner = {}
    for table, columns in COLUMNS.items():
        normal = {"pid": "trim-upper", "rid": "resident-id"}
        picked = ", ".join(
            f'{normalised(normal[c], c)} AS "{c}"' if c in normal else f'"{c}"' for c in columns
        )
        inner[table] = f'(SELECT {picked} FROM "a"."{table}")'
    tree = cast(
        exp.Select,
        sqlglot.parse_one(query.format(persons="persons", visits="visits"), dialect="duckdb"),
    )
    guarded = _guarded(tree)
    for node in list(guarded.find_all(exp.Table)):
        source = sqlglot.parse_one(
            f"SELECT * FROM {inner[node.name]} AS {node.alias}", dialect="duckdb"
        )
        node.replace(source.args["from_"].this)
    numbers = ", ".join(f'TRY_CAST("{name}" AS BIGINT) AS "{name}"' for name in NAMES)
    return f'SELECT COALESCE("key", \'\') AS "key", {numbers} FROM ({guarded.sql("duckdb")}) AS fragment'
