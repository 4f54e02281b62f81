"""Checks on shares: the answer is that of the rows that pass, as DuckDB has them; a lie is left out, or stops all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.checked import consortium
from tests.joint import Joint, differences, oracle

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


@pytest.mark.parametrize("engine", ["clear", "rep3"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_that_of_rows_that_pass(name: str, engine: str, tmp_path: Path) -> None:
    joint = consortium(tmp_path, engine=engine)
    assert not agree(joint, QUESTIONS[name], plainly(QUESTIONS[name]))
