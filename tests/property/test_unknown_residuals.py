"""Further comparisons of joins that are neither true nor false: no match, and the left row is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.joint import Joint, differences, oracle
from tests.unit.test_rewrites import CATALOGUE, tables

QUESTIONS = (
    "SELECT COUNT(*) AS n, COUNT(u.z) AS k FROM a.t LEFT JOIN b.u ON u.pid = t.pid AND u.x > t.x",
    "SELECT COUNT(*) AS n, COUNT(v.w) AS k FROM a.t LEFT JOIN b.v ON v.pid = t.pid AND v.w > t.x",
    "SELECT COUNT(*) AS n FROM a.t WHERE NOT EXISTS (SELECT 1 FROM b.u WHERE u.pid = t.pid AND u.x > t.x)",
    "SELECT COUNT(*) AS n FROM a.t WHERE NOT EXISTS (SELECT 1 FROM b.v WHERE v.pid = t.pid AND v.w > t.x)",
    (
        "SELECT COUNT(*) AS n FROM a.t JOIN (SELECT pid, MIN(fee > 3) AS low FROM n.visits GROUP BY pid) AS g "
        "ON g.pid = t.pid WHERE g.low"
    ),
)


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_the_answer_is_that_of_the_plain_tables(tmp_path: Path, text: str, seed: int) -> None:
    with tables(seed) as connection:
        files = {d.name: tmp_path / f"{d.name}.csv" for d in CATALOGUE.datasets}
        for name, path in files.items():
            connection.execute(f"COPY {name} TO '{path}' (HEADER)")
    joint = Joint(CATALOGUE, files, ("a", "b", "c"), "a")
    with joint.together() as connection:
        assert not differences(joint.ask(text), *oracle(connection, text))
