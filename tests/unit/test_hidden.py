"""Who is behind a row is told by the catalogue's keys alone, whatever a question calls its columns."""

from __future__ import annotations

import pytest
from tests.unit.test_rewrites import CATALOGUE

from mpcstats.errors import UsageError
from mpcstats.plan import tables
from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Answer
from mpcstats.plan.relational.build import build
from mpcstats.plan.relational.planning import Planned, relational


def context(text: str) -> Context:
    return Context(text, CATALOGUE, ("a", "b", "c"), lambda *_: ("a", "b", "c"))


def plan(text: str) -> Planned:
    return relational(context(text))


def joined(inner: str) -> str:
    return f"SELECT COUNT(*) FROM ({inner}) t JOIN b.u u ON u.z = t.y AND u.pid = t.p"


def persons(answer: Answer) -> set[str]:
    """The columns that may stand for persons: of texts, as person keys are."""
    facts = answer.input.facts
    return {name for name, fact in facts.items() if fact.names_persons or "#person" in name}


@pytest.mark.parametrize("name", ["#person", "x#person", "person_hidden"])
@pytest.mark.parametrize(
    "inner",
    [
        'SELECT x AS "{}", y, pid AS p FROM a.t',
        'SELECT MAX(x) AS "{}", y, MAX(pid) AS p FROM a.t GROUP BY y',
        'SELECT day + 1 AS "{}", fee AS y, pid AS p FROM n.visits',
    ],
)
def test_a_column_of_the_question_is_no_person_whatever_it_is_called(inner: str, name: str) -> None:
    text = joined(inner.format(name)).replace("u.z = t.y AND ", "")
    answer, _ = build(context(text))
    assert persons(answer)  # those of b.u, at least
    assert all(answer.input.facts[column].kind == "text" for column in persons(answer))


@pytest.mark.parametrize(
    "inner",
    [
        "SELECT DISTINCT 5 AS five, y, pid AS p FROM a.t",
        "SELECT DISTINCT y, pid AS p, ROW_NUMBER() OVER (ORDER BY y) AS r FROM a.t",
    ],
)
def test_distinct_rows_that_cannot_be_grouped_stay_as_they_are(inner: str) -> None:
    (sql,) = [f.sql for f in plan(joined(inner)).fragments if f.owner == "a"]
    assert "DISTINCT" in sql
    assert "GROUP BY" not in sql


@pytest.mark.parametrize("limit", ["1 + 1", "-1", "10%"])
def test_a_limit_is_a_whole_number(limit: str) -> None:
    with pytest.raises(UsageError, match="expected a whole number in LIMIT"):
        plan(
            f"SELECT t.x, COUNT(*) FROM a.t t JOIN b.u u ON u.pid = t.pid GROUP BY 1 LIMIT {limit}"
        )


def test_a_filter_is_carried_into_a_joined_sub_query_once() -> None:
    """Where it was carried again and again, planning did not end."""
    found = plan(
        "SELECT COUNT(*) FROM b.v t JOIN (SELECT r.pid AS k FROM a.visits r JOIN b.u s ON s.pid = r.pid) z "
        "ON z.k = t.pid WHERE t.pid > 'm'"
    )
    assert [fragment.sql.count("'m'") for fragment in found.fragments if "'m'" in fragment.sql]
    assert all(fragment.sql.count("'m'") <= 1 for fragment in found.fragments)


def test_rows_that_name_nobody_are_no_persons() -> None:
    """pid is unique, and may be NULL: a row is another person only where it is not."""
    found = plan("SELECT COUNT(*) FROM a.t t LEFT JOIN b.u u ON u.pid = t.pid")
    (step,) = [s for s in found.steps if isinstance(s, tables.Tally)]
    (outcome,) = [s for s in found.steps if isinstance(s, tables.Outcome)]
    (persons,) = [a for a in step.aggregates if a.column.name in outcome.persons]
    assert (persons.kind, persons.of is None) == ("sum", False)
