"""Questions that random ones have shown to be planned or answered wrongly, on five small tables of three parties."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from tests.joint import Joint, differences, oracle
from tests.property.worlds import NAMES, Row, Table, World

from mpcstats.errors import UsageError

KEY: dict[str, Any] = {"type": "text", "level": "LOW", "key": "exact", "nullable": False}


def _table(name: str, keys: dict[str, Any], rows: list[Row]) -> Table:
    """Columns as worlds has them; NULL may be in all but pid and id."""
    numbers: dict[str, Any] = {"type": "integer", "level": "LOW"}
    columns: dict[str, dict[str, Any]] = {
        "pid": {**KEY, "level": "HIGH", "person": True, **keys},
        "id": {**numbers, "unique": True, "nullable": False, "minimum": 0, "maximum": 40},
        "g": {**numbers, "domain": [1, 2, 3]},
        "s": {"type": "text", "level": "LOW", "domain": ["F", "M"]},
        "n": {**numbers, "minimum": -5, "maximum": 5},
        "d": {**numbers, "minimum": 0, "maximum": 4},
        "t": {"type": "text", "level": "LOW"},
        "e": {**KEY, "nullable": True},
    }
    assert tuple(columns) == NAMES
    owner, own = name.split(".")
    return Table(owner, own, 6, columns, tuple(rows))


WORLD = World(
    (
        _table(
            "a.t",
            {"unique": True},
            [
                ("P1", 0, 1, "F", 5, 1, "ab", "X"),
                ("P2", 1, None, None, None, None, None, None),
                ("P3", 2, 3, "M", 5, 4, "", "X"),
                ("P4", 3, 2, "F", -5, 1, "b", None),
            ],
        ),
        _table(
            "a.u",
            {"most": 3},
            [
                ("P1", 0, 1, "M", 4, 1, "a", "Z"),
                ("P1", 1, 2, "F", -5, 0, "ab", "Y"),
                ("P3", 2, 3, "F", 5, 1, None, "Y"),
            ],
        ),
        _table(
            "b.t",
            {"most": 3},
            [
                ("P1", 0, 1, "F", 5, 1, "ab", "X"),
                ("P1", 1, None, "M", -4, 0, "b", "Y"),
                ("P3", 2, 2, None, None, 4, None, None),
            ],
        ),
        _table(
            "b.u",
            {"unique": True},
            [
                ("P1", 0, 1, "F", 5, 1, "ab", "X"),
                ("P3", 1, 2, "M", -5, 2, "b", "Y"),
                ("P5", 2, 3, "M", 1, 2, "b", "Y"),
            ],
        ),
        _table(
            "c.t",
            {"most": 3},
            [
                ("P1", 0, 1, "M", 5, 2, "ab", "X"),
                ("P1", 1, 1, "F", 5, 1, "b", "Y"),
                ("P1", 2, 2, None, 5, 0, None, None),
                ("P4", 3, 3, "M", -5, None, "a", "X"),
            ],
        ),
    )
)

EQUAL: list[str] = [
    # A union of unions: its parts have columns of their own beside those of the union.
    (
        "SELECT SUM(a.x) AS x FROM (SELECT r.pid, r.n AS x FROM all_.t r UNION ALL "
        "SELECT r.pid, r.d AS x FROM c.t r WHERE r.id > r.d) a"
    ),
    # A row that a join brings several times may make a sum larger than that of its table.
    "SELECT SUM(a.n) AS x FROM a.t a JOIN c.t b ON b.pid = a.pid",
    "SELECT SUM(b.n) AS x FROM c.t a JOIN a.t b ON b.pid = a.pid WHERE a.n > 0",
    "SELECT a.s AS s, QUANTILE_DISC(a.n, 0) AS x, QUANTILE_DISC(a.n, 1) AS y FROM all_.t a GROUP BY 1",
    # Of the left rows it is asked only whether they are there.
    (
        "SELECT COUNT(*) AS x FROM (SELECT r.pid, r.e FROM b.t r GROUP BY r.pid, r.e) a "
        "LEFT JOIN a.t b ON b.pid = a.pid"
    ),
    # The right key of a left join, shown and compared further.
    "SELECT b.g AS g, COUNT(*) AS x FROM b.t a LEFT JOIN a.t b ON b.pid = a.pid AND b.g = a.g AND b.g < a.n GROUP BY 1",
    "SELECT COUNT(*) AS x FROM b.t a SEMI JOIN (SELECT r.g FROM a.t r GROUP BY 1) b ON b.g = a.g AND b.g < a.n",
    # A key that is there wherever the row is.
    (
        "SELECT a.d AS d, b.s AS s, COUNT(*) AS x FROM b.t a JOIN all_.t b ON b.pid = a.pid AND a.d = b.d "
        "AND b.g <> a.n GROUP BY 1, 2"
    ),
    # Which texts are counted is computed on shares, not the texts.
    (
        "SELECT COUNT(CASE WHEN a.x > 1 THEN a.pid END) AS x "
        "FROM (SELECT r.pid, COUNT(DISTINCT r.d) AS x FROM all_.t r GROUP BY 1) a"
    ),
    # Owners are asked for nothing but how many rows they have.
    "SELECT VAR_SAMP(9) AS x, COUNT(DISTINCT a.id) AS y FROM a.t a",
    "SELECT VAR_SAMP(9) AS x FROM all_.t a GROUP BY a.party",
    # Rows of one key are told apart by a label, so there are at most as many.
    "SELECT COUNT(*) AS x FROM a.u a JOIN (SELECT DISTINCT r.pid, r.g FROM all_.t r) b ON b.pid = a.pid AND b.g > a.d",
    # A further comparison with NULL is no match, and its negation is true.
    "SELECT COUNT(*) AS x FROM b.t a ANTI JOIN a.t z ON z.pid = a.pid AND z.n > a.n",
    "SELECT COUNT(*) AS x FROM b.t a LEFT JOIN c.t z ON z.pid = a.pid AND z.n > a.n",
    (
        "SELECT COUNT(*) AS x FROM a.u a ANTI JOIN (SELECT r.pid, SUM(r.n) AS n FROM all_.t r GROUP BY 1 "
        "HAVING SUM(r.n) > 5) z ON z.pid = a.pid"
    ),
    # A key that is unique under each of its names.
    "SELECT COUNT(*) AS x FROM b.t a WHERE NOT EXISTS (SELECT 1 FROM a.t z WHERE z.pid = a.pid AND z.n > a.n)",
    # Of the columns that a filter compares none is NULL, several owners' too.
    (
        "SELECT COUNT(*) AS x FROM b.t a WHERE a.e IS NOT NULL AND a.e NOT IN "
        "(SELECT z.e FROM all_.t z WHERE z.e IS NOT NULL AND z.n < 0)"
    ),
    (
        "SELECT COUNT(*) AS x FROM b.t a WHERE a.n NOT IN (SELECT z.m FROM (SELECT r.pid, MAX(r.n) AS m FROM all_.t r "
        "GROUP BY 1) z WHERE z.m IS NOT NULL)"
    ),
    (
        "SELECT COUNT(*) AS x FROM b.t a WHERE a.g NOT IN "
        "(SELECT z.g FROM a.t z JOIN c.t y ON y.pid = z.pid WHERE z.g <> y.g)"
    ),
    # Whether there is one of several right rows, and whether it has a key.
    (
        "SELECT COUNT(*) AS x FROM all_.t a LEFT JOIN b.t b ON b.pid = a.pid "
        "JOIN (SELECT r.pid, r.e FROM b.t r GROUP BY 1, 2) c ON c.pid = a.pid WHERE b.pid IS NULL AND a.pid = 'P1'"
    ),
    "SELECT COUNT(*) AS x, COUNT(b.pid) AS y FROM a.t a LEFT JOIN b.t b ON b.pid = a.pid WHERE b.pid IS NULL",
    "SELECT a.g AS g, COUNT(*) AS x, COUNT(b.pid) AS y FROM a.t a LEFT JOIN b.t b ON b.pid = a.pid GROUP BY 1",
    # Groups of several owners' rows, of which each owner has one.
    (
        "SELECT COUNT(*) AS x, SUM(b.m) AS y, SUM(b.n) AS z FROM b.t a JOIN "
        "(SELECT r.pid, MIN(r.n) AS m, SUM(r.d) AS n FROM (SELECT pid, n, d FROM a.t UNION ALL "
        "SELECT pid, n, d FROM b.u) r GROUP BY 1 HAVING MIN(r.d) > 0) b ON b.pid = a.pid"
    ),
    (
        "SELECT b.m AS m, COUNT(*) AS x FROM c.t a JOIN (SELECT r.pid, MAX(CASE WHEN r.g > 1 THEN r.s END) AS m "
        "FROM (SELECT pid, g, s FROM a.t UNION ALL SELECT pid, g, s FROM b.u) r GROUP BY 1) b ON b.pid = a.pid "
        "GROUP BY 1"
    ),
    # An extreme of conditions.
    "SELECT a.k AS k, COUNT(*) AS x FROM (SELECT r.pid, MAX(r.d > 1) AS k FROM all_.t r GROUP BY r.pid) a GROUP BY 1",
]
CUBED = " * ".join(["a.n", "b.n"] * 14)
REFUSED = [
    (
        "SELECT COUNT(*) AS x FROM (SELECT r.pid, MIN(r.t) AS k FROM all_.t r GROUP BY 1) a WHERE a.k = 'ab'",
        "the min of a text over several owners' rows is not known",
    ),
    # Either of two conditions says of neither column that it is not NULL.
    (
        "SELECT COUNT(*) AS x FROM b.t a WHERE a.e NOT IN (SELECT z.e FROM all_.t z WHERE z.e IS NOT NULL OR z.n < 0)",
        "NOT IN over a column that may be NULL",
    ),
    ("SELECT COUNT(*) > 3 AS x FROM all_.t a", "x: expected a number, got a condition"),
    (
        f"SELECT COUNT(*) AS x FROM a.u a JOIN b.u b ON b.pid = a.pid WHERE {CUBED} > 3",
        "may reach beyond 2\\^62: state tighter bounds",
    ),
]


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Joint:
    return WORLD.joint(tmp_path_factory.mktemp("found"), "clear")


@pytest.fixture(scope="module")
def together(joint: Joint) -> duckdb.DuckDBPyConnection:
    return joint.together()


@pytest.mark.parametrize("text", EQUAL)
def test_it_equals_duckdb(joint: Joint, together: duckdb.DuckDBPyConnection, text: str) -> None:
    columns, rows = oracle(together, text)
    answer = joint.ask(text)
    assert answer.suppressed == 0
    assert differences(answer, columns, rows, ordered=False) == []


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_it_is_refused(joint: Joint, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        joint.plan(text)
