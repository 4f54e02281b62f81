"""Checks on shares: the answer is that of the rows that pass, as DuckDB has them; a lie is left out, or stops all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.checked import CROSSED, ROWS, consortium, poisoned
from tests.joint import Joint, differences, oracle

from mpcstats.party.answer import Answer
from mpcstats.plan.physical import Physical

PASSING = {
    "bureau.settlement": ("fee = fund + own", "out_day - in_day BETWEEN 0 AND 30"),
    "hospitals.cases": ("drug <= total",),
}
QUESTIONS = {
    "sum": "SELECT SUM(s.fee) AS fee, COUNT(*) AS n FROM bureau.settlement s",
    "one part": "SELECT SUM(s.fund) AS fund FROM bureau.settlement s",
    "by kind": "SELECT s.kind, SUM(s.fee) AS fee, COUNT(*) AS n FROM bureau.settlement s GROUP BY s.kind ORDER BY 1",
    "filtered": "SELECT SUM(s.own) AS own FROM bureau.settlement s WHERE s.kind = 21 AND s.fee > 299",
    "expression": "SELECT SUM(s.fee - 2 * s.own) AS x, SUM(CASE WHEN s.fund > s.own THEN 1 ELSE 0 END) AS n "
    "FROM bureau.settlement s",
    "with days": "SELECT SUM(s.fee) AS fee, SUM(s.out_day - s.in_day) AS days FROM bureau.settlement s",
    "each person": "SELECT COUNT(*) AS persons, SUM(p.fee) AS fee, MAX(p.fee) AS most FROM "
    "(SELECT certno, SUM(fee) AS fee FROM bureau.settlement GROUP BY certno) p",
    "union": "SELECT c.party, SUM(c.total) AS total FROM hospitals.cases c GROUP BY c.party ORDER BY 1",
    "looked up": "SELECT COUNT(*) AS n, SUM(s.fee - c.total) AS apart FROM bureau.settlement s "
    "JOIN hospitals.cases c ON c.setl_id = s.setl_id",
    "left join": "SELECT COUNT(*) AS n, SUM(c.drug) AS drug, SUM(s.fee) AS fee FROM bureau.settlement s "
    "LEFT JOIN hospitals.cases c ON c.setl_id = s.setl_id",
    "semi": "SELECT SUM(s.fee) AS fee FROM bureau.settlement s WHERE s.setl_id IN "
    "(SELECT setl_id FROM hospitals.cases WHERE total > 0)",
    "other way": "SELECT SUM(c.total) AS total, SUM(s.fund) AS fund FROM hospitals.cases c "
    "JOIN bureau.settlement s ON c.setl_id = s.setl_id",
}


def plainly(text: str) -> str:
    """The question of the rows that pass the checks of which it reads a column."""
    words = set(re.findall(r"\w+", text))
    for name, conditions in PASSING.items():
        asked = [c for c in conditions if words & set(re.findall(r"[a-z_]+", c))]
        if asked:
            text = text.replace(name, f"(SELECT * FROM {name} WHERE {' AND '.join(asked)})")
    return text


def agree(joint: Joint, text: str, wanted: str, *, more: int = 0) -> list[str]:
    """Where the checked answer to `text`, but for its columns of what is left out, is not DuckDB's to `wanted`."""
    answer = joint.ask(text, checks="leave-out")
    with joint.together() as connection:
        columns, rows = oracle(connection, wanted)
    n = len(columns)
    found = type(answer)(
        answer.columns[:n],
        tuple(row[:n] for row in answer.rows),
        tuple(row[:n] for row in answer.states),
        answer.labels,
    )
    assert all(name.startswith("left_out_") for name in answer.columns[n:])
    return differences(found, columns, rows)


ON_SHARES = (
    "each person",
    "left join",
)  # the others in the clear: the same plans, and a tenth of the time


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_that_of_rows_that_pass(name: str, tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="rep3" if name in ON_SHARES else "clear")
    assert not agree(joint, QUESTIONS[name], plainly(QUESTIONS[name]))


def left_out(answer: Answer) -> dict[str, object]:
    """By owner, from the first row: the number, or its state where there is none."""
    row, states = answer.rows[0], answer.states[0]
    return {
        name.removeprefix("left_out_"): value if state == "value" else state
        for name, value, state in zip(answer.columns, row, states, strict=True)
        if name.startswith("left_out_")
    }


def test_who_fails_is_told_by_owner(tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="clear")
    assert left_out(joint.ask(QUESTIONS["sum"], checks="leave-out")) == {"bureau": 2}
    assert left_out(joint.ask(QUESTIONS["with days"], checks="leave-out")) == {"bureau": 3}
    answer = joint.ask(QUESTIONS["union"], checks="leave-out")
    assert left_out(answer) == {"h1": 0, "h2": 1}
    # Of looked up rows those that are found: s6 at h2.
    answer = joint.ask(QUESTIONS["left join"], checks="leave-out")
    assert left_out(answer) == {"bureau": 2, "h1": 0, "h2": 1}


def test_a_few_failing_rows_are_not_told_and_none_are(tmp_path: Path) -> None:
    """Of each person there are at most 3 settlements, so 2 failing ones are of 1 person at least."""
    joint = consortium(tmp_path, engine="clear")
    by_k = {k: joint.ask(QUESTIONS["sum"], k=k, checks="leave-out") for k in (1, 2)}
    assert left_out(by_k[1]) == {"bureau": 2}
    assert left_out(by_k[2]) == {"bureau": "suppressed"}
    assert by_k[1].rows[0][:2] == by_k[2].rows[0][:2] == (1300, 5)
    none = [row for row in ROWS["bureau.settlement"] if row[0] in ("s1", "s2", "s6")]
    joint = consortium(tmp_path, {**ROWS, "bureau.settlement": none}, engine="clear")
    assert left_out(joint.ask(QUESTIONS["sum"], k=2, checks="leave-out")) == {"bureau": 0}


@pytest.mark.parametrize("name", QUESTIONS)
def test_stop_answers_nothing_if_one_row_fails(name: str, tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="clear")
    answer = joint.ask(QUESTIONS[name], checks="stop")
    values = {
        v
        for row, states in zip(answer.rows, answer.states, strict=True)
        for c, v, s in zip(answer.columns, row, states, strict=True)
        if c not in answer.labels
    }
    assert values <= {None}
    assert {s for states in answer.states for s in states} - {"value"} <= {"suppressed"}
    sound = {
        "bureau.settlement": [ROWS["bureau.settlement"][i] for i in (0, 1, 5)],
        "h1.cases": ROWS["h1.cases"],
        "h2.cases": [*ROWS["h2.cases"][:1], ("s6", "f", 695, 80)],
    }
    joint = consortium(tmp_path, sound, engine="clear")
    with joint.together() as connection:
        assert not differences(
            joint.ask(QUESTIONS[name], checks="stop"), *oracle(connection, QUESTIONS[name])
        )


LIES = {
    "beyond the maximum": {5: 1_001},
    "below the minimum": {5: -501},
    "beyond every comparison": {5: 1 << 63, 0: (1 << 62) + 700},
    "that wraps": {5: (1 << 64) - (1 << 40)},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["one part", "each person", "by kind"])
def test_a_word_out_of_bounds_counts_nowhere(name: str, lie: str, tmp_path: Path) -> None:
    """The bureau's node lies: its own checks have passed. The row is as if it were not there."""
    joint = consortium(tmp_path, engine="clear")
    column = {"one part": "fund"}.get(name, "fee")
    rows = [r for i, r in enumerate(ROWS["bureau.settlement"]) if i not in LIES[lie]]
    honest = consortium(tmp_path, {**ROWS, "bureau.settlement": rows}, engine="clear")
    right = honest.ask(QUESTIONS[name], checks="leave-out")
    joint = consortium(tmp_path, engine="clear")
    with poisoned("bureau", column, LIES[lie]):
        found = joint.ask(QUESTIONS[name], checks="leave-out")
        unchecked = joint.ask(QUESTIONS[name])
        stopped = joint.ask(QUESTIONS[name], checks="stop")
    n = len(unchecked.columns)
    assert [row[:n] for row in found.rows] == [row[:n] for row in right.rows]
    assert [row[:n] for row in found.rows] != [*unchecked.rows]
    assert left_out(found) == {"bureau": 2 + len(LIES[lie])}
    assert stopped.suppressed


def test_a_looked_up_word_out_of_bounds_is_not_found(tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="clear")
    with poisoned("h1", "total", {0: 5_000}):
        answer = joint.ask(QUESTIONS["looked up"], checks="leave-out")
        assert answer.rows[0][:2] == (1, 400 - 444)
        assert left_out(answer) == {"bureau": 2, "h1": 1, "h2": 1}


def test_a_group_of_an_owner_out_of_bounds_is_not_found(tmp_path: Path) -> None:
    """Without checks of single rows owners aggregate, and what they put in has bounds all the same."""
    joint = consortium(tmp_path, engine="clear", row_checks=False)
    text = (
        "SELECT COUNT(*) AS n, SUM(c.total) AS total FROM bureau.settlement s JOIN "
        "(SELECT certno, MAX(total) AS total FROM hospitals.cases GROUP BY certno) c ON c.certno = s.certno"
    )
    right = 300 + 444 + 505 + 695 + 300
    assert joint.ask(text, checks="leave-out").rows == ((5, right, 0, 0, 0),)
    with poisoned("h1", "max", dict.fromkeys(range(3), -7)):
        answer = joint.ask(text, checks="leave-out")
        assert answer.rows[0][:2] == (2, 505 + 695)
        assert left_out(answer) == {"bureau": 0, "h1": 3, "h2": 0}
        assert joint.ask(text).rows != ((2, 505 + 695),)  # negative control


def test_owners_compute_nothing_of_what_is_checked(tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="clear")
    text = "SELECT SUM(s.fee - s.own) AS x FROM bureau.settlement s WHERE s.fund > 5 AND s.kind + 1 = 22"
    (fragment,) = joint.plan(text, checks="leave-out").fragments
    assert "- " not in fragment.sql
    assert "> 5" not in fragment.sql
    assert "22" in fragment.sql  # of what is not checked they do
    (fragment,) = joint.plan(text).fragments
    assert "> 5" in fragment.sql  # negative control


def read(plan: Physical) -> set[str]:
    return {item.column for fragment in plan.fragments for item in fragment.items}


def test_checks_read_only_what_they_need(tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine="clear")
    text = "SELECT s.kind, COUNT(*) AS n FROM bureau.settlement s GROUP BY s.kind"
    assert read(joint.plan(text, checks="stop")) == read(joint.plan(text))
    plan = joint.plan(QUESTIONS["one part"], checks="stop")
    assert read(plan) - {"certno"} == {"fee", "fund", "own"}
    assert plan.checks == "stop"
    assert plan.digest() != joint.plan(QUESTIONS["one part"], checks="leave-out").digest()


def test_a_row_is_held_against_another_owner(tmp_path: Path) -> None:
    """s2 has another fee at its hospital; the others without a case pass."""
    joint = consortium(tmp_path, more=CROSSED)
    text = QUESTIONS["looked up"]
    beside = "NOT EXISTS (SELECT 1 FROM hospitals.cases r WHERE r.setl_id = l.setl_id AND ABS(l.fee - r.total) >= 10)"
    wanted = plainly(text).replace(
        "bureau.settlement", f"(SELECT * FROM bureau.settlement l WHERE {beside})"
    )
    assert not agree(joint, text, wanted)
    assert left_out(joint.ask(text, checks="leave-out")) == {"bureau": 3, "h1": 0, "h2": 1}
    assert agree(
        consortium(tmp_path, engine="clear"), text, wanted
    )  # negative control: without the cross-check
    # A question of settlements alone brings in no hospital.
    assert {f.owner for f in joint.plan(QUESTIONS["sum"], checks="leave-out").fragments} == {
        "bureau"
    }


def test_a_consistent_lie_meets_its_witness(tmp_path: Path) -> None:
    """The bureau adds 300 to fee and own part alike: no check of its rows sees it, its patient's hospital does."""
    text = QUESTIONS["looked up"]
    found = {}
    for more in ("", CROSSED):
        joint = consortium(tmp_path, more=more)
        with poisoned("bureau", "fee", {0: 600}), poisoned("bureau", "own", {0: 400}):
            answer = joint.ask(text, checks="leave-out")
        found[more] = answer.rows[0][1]
        assert (left_out(answer)["bureau"] == "suppressed") == bool(
            more
        )  # beside no person no number is told
    assert found == {"": 300 - 44, CROSSED: 0}


def test_one_number_in_two_forms_is_one_number(tmp_path: Path) -> None:
    """A column that is grouped by its place among labels, and compared as a number: both are the owner's inputs."""
    text = (
        "SELECT s.kind, SUM(s.fund) AS fund FROM bureau.settlement s WHERE s.kind < s.fund + 900 "
        "GROUP BY s.kind ORDER BY 1"
    )
    joint = consortium(tmp_path, engine="clear")
    assert [row[:2] for row in joint.ask(text, checks="leave-out").rows] == [(11, 310), (21, 500)]
    (fragment,) = joint.plan(text, checks="leave-out").fragments
    (place,) = [c.name for c in fragment.columns if "kind" in c.name and c.maximum == 1]
    with poisoned(
        "bureau", place, {0: 0}
    ):  # s1 is said to be of kind 21, and to stand among those of kind 11
        answer = joint.ask(text, checks="leave-out")
        assert [row[:2] for row in answer.rows] == [(11, 310), (21, 300)]
        assert left_out(answer) == {"bureau": 3}
