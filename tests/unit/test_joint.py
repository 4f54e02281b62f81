"""The one-thread runner of questions: it answers as DuckDB does, and its comparison finds every difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.joint import Joint, differences, oracle

from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.records.catalogue import Catalogue

CATALOGUE = """
version = 1
[[dataset]]
name = "a.people"
owner = "a"
rows = 6
[dataset.columns]
id = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true }
sex = { type = "text", level = "LOW", domain = ["F", "M"], nullable = false }
[[dataset]]
name = "b.bills"
owner = "b"
rows = 6
[dataset.columns]
id = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true }
fee = { type = "integer", level = "LOW", minimum = 0, maximum = 90, nullable = false }
"""
TEXT = (
    "SELECT e.sex, COUNT(*) AS n, SUM(c.fee) AS fee FROM a.people e JOIN b.bills c USING (id) "
    "GROUP BY e.sex ORDER BY 1"
)


@pytest.fixture
def joint(tmp_path: Path) -> Joint:
    (tmp_path / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    files = {"a.people": tmp_path / "people.csv", "b.bills": tmp_path / "bills.csv"}
    files["a.people"].write_text("id,sex\nx,F\ny,M\nz,F\n", "utf-8")
    files["b.bills"].write_text("id,fee\n X,7\nz,8\ny ,9\nw,1\n", "utf-8")
    return Joint(Catalogue.load(tmp_path / "catalogue.toml"), files, ("a", "b", "c"), "a")


@pytest.mark.parametrize(("engine", "compute"), [("rep3", ("a", "b", "c")), ("clear", ("c",))])
def test_a_question_over_two_parties_is_answered_as_duckdb_does(
    joint: Joint, engine: str, compute: tuple[str, ...]
) -> None:
    answer = replace(joint, engine=engine, compute=compute).ask(TEXT)
    assert answer.rows == (("F", 2, 15), ("M", 1, 9))
    with joint.together() as connection:
        assert differences(answer, *oracle(connection, TEXT)) == []
        # The negative control: of another question DuckDB says something else.
        columns, rows = oracle(connection, TEXT.replace("SUM(c.fee)", "SUM(c.fee + 1)"))
        assert differences(answer, columns, rows) == [
            "row 0, fee: expected 17, got 15",
            "row 1, fee: expected 10, got 9",
        ]


def test_a_smaller_cell_than_k_is_suppressed(joint: Joint) -> None:
    assert joint.ask(TEXT, k=2).rows == (("F", 2, 15), ("M", None, None))


def test_a_question_that_no_database_takes_is_refused_before_it_runs(joint: Joint) -> None:
    with pytest.raises(UsageError, match="no valid SQL"):
        joint.plan("SELECT COUNT(*) FROM (SELECT id FROM a.people WHERE sex > 'F' || 1 + 'x') e")


def answer(*rows: tuple[object, ...]) -> Answer:
    states = tuple(("value",) * len(row) for row in rows)
    return Answer(("a", "b"), rows, states)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (answer((1, 2.0)), [(1, 2.0), (3, 4.0)]),
        (answer((1, 2.0)), [(2, 2.0)]),
        (answer((1.0, 2.0)), [(1, 2.0)]),
        (answer((1, 2.0)), [("1", 2.0)]),
        (answer((1, 2.0)), [(1, 2.00000001)]),
        (answer((1, 2.0)), [(1, None)]),
        (answer((1, 2.0), (3, 4.0)), [(3, 4.0), (1, 2.0)]),
    ],
)
def test_a_difference_is_found(found: Answer, wanted: list[tuple[object, ...]]) -> None:
    assert differences(found, ["a", "b"], wanted)
    assert differences(found, ["a", "c"], wanted)


def test_what_counts_as_the_same() -> None:
    assert differences(answer((1, 2.0)), ["a", "b"], [(1, 2.0000000001)]) == []
    rows = [(3, 4.0), (1, 2.0)]
    assert differences(answer((1, 2.0), (3, 4.0)), ["a", "b"], rows, ordered=False) == []
