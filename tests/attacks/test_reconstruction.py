"""Linear reconstruction of a table: small cells are solved for from the totals beside them, and hidden with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.joint import Joint
from tests.property.test_totals import K, asked, cells, filled

from mpcstats.suppression.audit import audit
from mpcstats.suppression.layout import grouping_sets

SMALL = 2  # persons of the cell (1, "F"), below K
COUNTS = [SMALL, 9, 9, 9, 9, 9]
LAYOUT = grouping_sets((3, 2), [(0, 1), (0,), (1,), ()])
KEYS: list[Any] = [(g, s) for g in (1, 2, 3, None) for s in ("F", "M", None)]
TARGET = KEYS.index((1, "F"))


def solved(joint: Joint, k: int) -> int | None:
    """The persons of the small cell, from a table with totals; None if more than one number is possible."""
    found = cells(joint.answer(joint.plan(asked("CUBE (p.g, p.s)"), k=k))).items()
    shown = {KEYS.index(key): n for key, (n, state) in found if state == "value"}
    if TARGET in shown:
        return int(shown[TARGET])
    interval = audit(LAYOUT, shown, cells=[TARGET])[TARGET]
    return int(interval.low) if interval.width == 0 else None


def test_a_table_without_suppression_shows_the_cell(tmp_path: Path) -> None:
    assert solved(filled(COUNTS).joint(tmp_path), k=1) == SMALL


def test_the_cell_cannot_be_solved_for_in_a_table_with_totals(tmp_path: Path) -> None:
    assert solved(filled(COUNTS).joint(tmp_path), k=K) is None


def test_cells_and_totals_in_two_questions_still_solve_the_table(tmp_path: Path) -> None:
    """What complementary suppression does not see (docs/suppression.md): budgets bound it, and noise."""
    joint = filled(COUNTS).joint(tmp_path)
    counted = (
        "SELECT {0}, COUNT(*) AS persons FROM a.people p JOIN b.bills b USING (pid) GROUP BY {0}"
    )
    alone = joint.answer(joint.plan(counted.format("p.g, p.s"), k=K))
    totals = joint.answer(joint.plan(counted.format("p.g"), k=K))
    shown = {KEYS.index((g, s)): n for g, s, n in alone.rows if isinstance(n, int)}
    shown |= {KEYS.index((g, None)): n for g, n in totals.rows if isinstance(n, int)}
    assert TARGET not in shown
    interval = audit(LAYOUT, shown, cells=[TARGET])[TARGET]
    assert (interval.low, interval.high) == (SMALL, SMALL)
