"""What an owner's engine does not compute as DuckDB does is refused by name; what it does is written for it."""

from __future__ import annotations

import pytest

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.porting import Porting
from mpcstats.party.data.postgres import PostgresPorting
from mpcstats.party.data.spark import SparkPorting

PORTINGS = [PostgresPorting(), SparkPorting()]
TABLES = {"a.t": "SELECT x, y, t FROM owned.t"}


def ported(porting: Porting, expression: str) -> str:
    return porting.port(f'SELECT {expression} AS v FROM "a"."t" AS "t"', TABLES, "f at a")


@pytest.mark.parametrize("porting", PORTINGS, ids=lambda porting: porting.name)
@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("x / y", "Div"),
        ("AVG(x)", "Avg"),
        ("x + 1.5", "a number with a fraction"),
        ("t LIKE y", "LIKE with a pattern that is no text"),
        (r"t LIKE 'a\_'", r"LIKE with a pattern that is no text, or has a \ in it"),
        ("t LIKE 'a_' ESCAPE '_'", "Escape"),
        ("t ILIKE 'a'", "ILike"),
        ("regexp_matches(t, '[a-z]')", "RegexpLike"),
        ("regexp_full_match(t, '[a-z]')", "a regular expression"),
        ("SUBSTR(t, 0, 2)", "a part of a text from other places than 1, 2, ..."),
        ("SUBSTR(t, -2, 2)", "a part of a text from other places than 1, 2, ..."),
        ("SUBSTR(t, x, 2)", "a part of a text from other places than 1, 2, ..."),
        ("TRY_CAST(t || '1' AS BIGINT)", "TRY_CAST of a text"),
        ("TRY_CAST(x AS DOUBLE)", "TRY_CAST to DOUBLE"),
        ("CAST(x AS SMALLINT)", "CAST to SMALLINT"),
        ("LTRIM(t)", "TRIM of one side"),
        ("QUANTILE_DISC(x, 0.5)", "PercentileDisc"),
        ("SHA256(t)", "SHA2"),
        ("current_user", "CurrentUser"),
        ("pg_sleep(9)", "Anonymous"),
        ("LAG(x IGNORE NULLS) OVER (ORDER BY y)", "IgnoreNulls"),
    ],
)
def test_what_is_computed_otherwise_is_refused(
    porting: Porting, expression: str, what: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ported(porting, expression)
    said = str(caught.value)
    begins = f"f at a: expected a fragment that {porting.name} computes as DuckDB does, got one with {what}"
    assert said.startswith(begins)
    assert said.endswith(": ask without it, or keep the dataset in a file")


@pytest.mark.parametrize(
    "query",
    [
        'SELECT DISTINCT ON (x) x AS v FROM "a"."t" AS "t"',
        'SELECT x AS v FROM "a"."t" AS "t" QUALIFY ROW_NUMBER() OVER (ORDER BY x) = 1',
        'SELECT x AS v FROM "a"."t" AS "t" POSITIONAL JOIN "a"."t" AS "u"',
        "SELECT x AS v FROM (VALUES (1)) AS t(x)",
        "SELECT x AS v FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO 'f'",
        "DROP TABLE a.t",
    ],
)
@pytest.mark.parametrize("porting", PORTINGS, ids=lambda porting: porting.name)
def test_other_queries_are_refused(porting: Porting, query: str) -> None:
    with pytest.raises(UsageError, match=r"^f at a: expected a fragment that "):
        porting.port(query, TABLES, "f at a")


@pytest.mark.parametrize("porting", PORTINGS, ids=lambda porting: porting.name)
def test_a_table_that_was_not_loaded_is_a_defect(porting: Porting) -> None:
    for name in ('"a"."u"', "pg_catalog.pg_authid", "t"):
        with pytest.raises(InternalError, match="expected a dataset that was loaded"):
            porting.port(f"SELECT COUNT(*) AS v FROM {name}", TABLES, "f at a")


@pytest.mark.parametrize("porting", PORTINGS, ids=lambda porting: porting.name)
def test_limits_on_a_persons_rows_are_computed_everywhere(porting: Porting) -> None:
    """Which rows count may differ between engines; that it hangs on the person's rows alone does not."""
    text = ported(porting, "ROW_NUMBER() OVER (PARTITION BY t ORDER BY MD5(t))")
    assert "MD5(" in text
    assert "PARTITION BY" in text


def test_texts_are_compared_by_bytes_in_postgresql() -> None:
    assert ported(PORTINGS[0], "t < 'b'") == (
        'SELECT t < (\'b\' COLLATE "C") AS v FROM (SELECT x, y, t FROM owned.t) AS "t"'
    )


def test_sums_hold_128_bits_in_spark() -> None:
    assert "SUM(CAST(x AS DECIMAL(38, 0)))" in ported(PORTINGS[1], "SUM(x)")
