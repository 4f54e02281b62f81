"""Which queries of fragments keep persons apart, by their text alone: what is not surely so is not."""

from __future__ import annotations

import tomllib

import pytest

from mpcstats.plan.keys import encoded
from mpcstats.plan.persons import Apart, apart
from mpcstats.plan.physical import Fragment
from mpcstats.records.catalogue import Catalogue

CATALOGUE_TEXT = """version = 1
[[dataset]]
name = "a.people"
owner = "a"
rows = 9
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper" }
ward = { type = "integer", level = "LOW" }
fee = { type = "integer", level = "LOW" }
"""
CATALOGUE = Catalogue.of_table(tomllib.loads(CATALOGUE_TEXT), "a test")
TABLE = "(SELECT NULLIF(UPPER(TRIM(pid)), '') AS pid, ward, fee FROM a.people) AS p"
APART = [
    f"SELECT p.pid AS key, p.fee + 1 AS v FROM {TABLE} WHERE p.ward = 1 AND p.fee > 7",
    f"SELECT p.pid AS key, SUM(p.fee) AS v FROM {TABLE} GROUP BY p.pid HAVING COUNT(*) > 1",
    f"SELECT q.pid AS key FROM (SELECT p.pid, SUM(p.fee) AS f FROM {TABLE} GROUP BY p.pid) AS q WHERE q.f > 3",
    f"SELECT p.pid AS key, ROW_NUMBER() OVER (PARTITION BY p.pid ORDER BY p.fee) AS v FROM {TABLE}",
    f"SELECT q.who AS key, MAX(q.fee) AS v FROM (SELECT p.pid AS who, p.fee FROM {TABLE}) AS q GROUP BY q.who",
]
TOGETHER = [
    f"SELECT SUM(p.fee) AS v FROM {TABLE}",
    f"SELECT p.ward AS key, SUM(p.fee) AS v FROM {TABLE} GROUP BY p.ward",
    f"SELECT p.ward AS pid, SUM(p.fee) AS v FROM {TABLE} GROUP BY p.ward",
    # A name that is another column, a part of a name, a number of names.
    f"SELECT q.pid AS key, SUM(q.fee) AS v FROM (SELECT p.ward AS pid, p.fee FROM {TABLE}) AS q GROUP BY q.pid",
    f"SELECT q.r AS key, SUM(q.fee) AS v FROM (SELECT SUBSTR(p.pid, 1, 1) AS r, p.fee FROM {TABLE}) AS q GROUP BY q.r",
    f"SELECT q.n AS key, COUNT(*) AS v FROM (SELECT COUNT(p.pid) AS n FROM {TABLE} GROUP BY p.pid) AS q GROUP BY q.n",
    f"SELECT q.ward AS key, COUNT(*) AS v FROM (SELECT p.pid, p.ward FROM {TABLE}) AS q GROUP BY q.ward",
    f"SELECT p.pid AS key FROM {TABLE} WHERE p.fee > (SELECT AVG(fee) FROM a.people)",
    f"SELECT p.pid AS key, (SELECT 1) AS v FROM {TABLE}",
    f"SELECT p.pid AS key FROM {TABLE} ORDER BY p.fee LIMIT 3",
    f"SELECT DISTINCT p.pid AS key FROM {TABLE}",
    f"SELECT p.pid AS key, RANK() OVER (ORDER BY p.fee) AS v FROM {TABLE}",
    f"SELECT p.pid AS key, SUM(p.fee) OVER (PARTITION BY p.ward) AS v FROM {TABLE}",
    f"SELECT p.pid AS key FROM {TABLE} CROSS JOIN a.people AS q",
    f"SELECT p.pid AS key FROM {TABLE}, a.people AS q WHERE q.ward = p.ward",
    f"SELECT p.pid AS key FROM {TABLE} WHERE p.ward IN (SELECT ward FROM a.people)",
    f"SELECT p.pid AS key FROM {TABLE} UNION ALL SELECT p.pid FROM {TABLE}",
    f"WITH w AS (SELECT 1) SELECT p.pid AS key FROM {TABLE}",
    "SELECT v AS key FROM (VALUES (1)) AS t(v)",
    "SELECT 1 AS key",
]


def kept(sql: str) -> Apart | None:
    return apart(Fragment("f", "a", sql, 9, (), (), ()), CATALOGUE, {})


@pytest.mark.parametrize("sql", APART)
def test_persons_apart(sql: str) -> None:
    assert kept(sql) is not None
    assert kept(f"SELECT CAST(key AS VARCHAR) AS key FROM ({sql}) AS f") is not None


@pytest.mark.parametrize("sql", TOGETHER)
def test_persons_together(sql: str) -> None:
    assert kept(sql) is None
    assert kept(f"SELECT CAST(key AS VARCHAR) AS key FROM ({sql}) AS f") is None


def test_rows_of_a_person_and_what_names_it() -> None:
    rows, grouped = kept(APART[0]), kept(APART[1])
    assert rows == Apart(frozenset({"key"}), None)
    assert grouped == Apart(frozenset({"key"}), 1)
    both = kept(f"SELECT p.pid AS key, p.ward AS w FROM {TABLE} GROUP BY p.pid, p.ward")
    assert both == Apart(frozenset({"key"}), None)


def test_an_encoded_key_names_the_person() -> None:
    """Alone, or with other columns; another text of a name may be that of two persons."""
    for parts in (['"pid"'], ['"pid"', '"ward"'], ['"ward"', '"fee"', '"pid"']):
        sql = f"SELECT {encoded(parts)} AS key FROM (SELECT p.pid, p.ward, p.fee FROM {TABLE}) AS f"
        assert kept(sql) == Apart(frozenset({"key"}), None)
    for text in ('"pid" || "ward"', encoded(['"ward"']), 'LENGTH("pid")'):
        sql = f"SELECT {text} AS key FROM (SELECT p.pid, p.ward FROM {TABLE}) AS f"
        assert kept(sql) == Apart(frozenset(), None)
