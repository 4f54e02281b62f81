"""GROUP BY CUBE, ROLLUP and GROUPING SETS: DuckDB's answer under k = 1; above it totals tell of no hidden cell."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.joint import Joint, differences, oracle
from tests.property.worlds import Table, World

from mpcstats.cards.load import load_cards
from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.plan.cost import sizings
from mpcstats.plan.margins import check_chooses
from mpcstats.plan.physical import Outcome
from mpcstats.suppression.audit import Bounds, audit
from mpcstats.suppression.layout import grouping_sets

KEY = {"type": "text", "level": "HIGH", "person": True, "key": "trim-upper", "nullable": False}
PEOPLE: dict[str, dict[str, Any]] = {
    "pid": {**KEY, "unique": True},
    "g": {"type": "integer", "level": "LOW", "domain": [1, 2, 3], "nullable": True},
    "s": {"type": "text", "level": "LOW", "domain": ["F", "M"], "nullable": False},
}
BILLS: dict[str, dict[str, Any]] = {
    "pid": {**KEY, "unique": True},
    "n": {"type": "integer", "level": "LOW", "minimum": 0, "maximum": 900, "nullable": True},
    "z": {"type": "integer", "level": "LOW", "minimum": -5, "maximum": 5, "nullable": False},
}
VISITS = {**BILLS, "pid": {**KEY, "most": 2}}
ASKED = """SELECT p.g, p.s, COUNT(*) AS persons, SUM(b.n) AS paid{more}
FROM a.people p JOIN b.bills b USING (pid) GROUP BY {groups}"""


@dataclass(frozen=True)
class Rows:
    """Of each person the group, the sex, and what b has of the bill; None: b has none."""

    rows: tuple[tuple[int | None, str, int | None], ...]
    nullable: bool = True  # whether the group may be NULL

    def joint(self, directory: Path, engine: str = "clear") -> Joint:
        people = tuple((f"P{i}", g, s) for i, (g, s, _) in enumerate(self.rows))
        bills = tuple((f"P{i}", n, 1) for i, (_, _, n) in enumerate(self.rows))
        most = max(2, len(self.rows))
        about = {**PEOPLE, "g": {**PEOPLE["g"], "nullable": self.nullable}}
        tables = (
            Table("a", "people", most, about, people),
            Table("b", "bills", most, BILLS, bills),
            Table("b", "visits", most, VISITS, bills),
        )
        return World(tables).joint(directory, engine)


people = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, None]), st.sampled_from(["F", "M"]))
    .flatmap(lambda p: st.tuples(st.just(p[0]), st.just(p[1]), st.sampled_from([0, 7, 900, None]))),
    min_size=1,
    max_size=12,
).map(lambda rows: Rows(tuple(rows)))  # fmt: skip

INSIDE = """SELECT COUNT(*) AS n FROM (SELECT p.g, COUNT(*) AS c FROM a.people p GROUP BY CUBE (p.g)) x
JOIN b.bills b ON b.n = x.c"""
GROUPS = [
    "CUBE (p.g, p.s)",
    "ROLLUP (p.g, p.s)",
    "ROLLUP (s, 1)",
    "GROUPING SETS ((p.g, p.s), (p.s), ())",
    "GROUPING SETS ((p.g, p.s), p.g)",
    "p.g, CUBE (p.s)",
    "CUBE ((p.g, p.s))",
]


def asked(groups: str, more: str = "") -> str:
    return ASKED.format(groups=groups, more=more)


@pytest.mark.parametrize("groups", GROUPS)
def test_without_a_minimum_the_answer_is_that_of_duckdb(groups: str) -> None:
    @settings(max_examples=3)
    @given(rows=people)
    def check(rows: Rows) -> None:
        text = asked(groups, ", GROUPING(p.s) AS over, COUNT(b.n) AS known")
        with tempfile.TemporaryDirectory() as folder:
            joint = rows.joint(Path(folder))
            with joint.together() as connection:
                found = joint.ask(text)
                assert not differences(found, *oracle(connection, text), ordered=False)

    check()


def test_a_total_more_or_less_is_seen(tmp_path: Path) -> None:
    """Negative control of the comparison."""
    joint = Rows(((1, "F", 7), (2, "M", 8))).joint(tmp_path)
    with joint.together() as connection:
        wanted = oracle(connection, asked("CUBE (p.g, p.s)"))
        assert not differences(joint.ask(asked("CUBE (p.g, p.s)")), *wanted, ordered=False)
        assert differences(joint.ask(asked("ROLLUP (p.g, p.s)")), *wanted, ordered=False)


K = 3
FULL = [(g, s) for g in (1, 2, 3) for s in ("F", "M")]


def filled(counts: Sequence[int]) -> Rows:
    """So many persons in each cell, who paid 100 each."""
    rows = ((g, s, 100) for (g, s), n in zip(FULL, counts, strict=True) for _ in range(n))
    return Rows(tuple(rows), nullable=False)


def cells(answer: Answer) -> dict[tuple[Any, Any], tuple[Any, str]]:
    """Persons and state, by key; no key is NULL in these tables."""
    return {
        (row[0], row[1]): (row[2], states[2])
        for row, states in zip(answer.rows, answer.states, strict=True)
    }


@pytest.mark.parametrize("engine", ["clear", "rep3"])
def test_a_hidden_cell_stays_hidden_beside_totals(tmp_path: Path, engine: str) -> None:
    joint = filled([2, 9, 9, 9, 9, 9]).joint(tmp_path, engine)
    plan = joint.plan(asked("CUBE (p.g, p.s)"), k=K)
    answer = joint.answer(plan)
    found = cells(answer)
    hidden = [key for key, (_, state) in found.items() if state != "value"]
    assert (1, "F") in hidden
    assert len(hidden) == 4
    assert found[None, None] == (47, "value")
    layout = grouping_sets((3, 2), [(0, 1), (0,), (1,), ()])
    keys = [(g, s) for g in (1, 2, 3, None) for s in ("F", "M", None)]
    published = {i: found[key][0] for i, key in enumerate(keys) if found[key][1] == "value"}
    known = {i: Bounds(K) for i, key in enumerate(keys) if key in hidden}
    intervals = audit(layout, published, known={**known, 0: Bounds(0, K - 1)})
    assert (intervals[0].low, intervals[0].high) == (0, K - 1)
    # Negative control: with the other cells of its row and column it would be known.
    both = {**published, 1: 9, 3: 9}
    assert audit(layout, both, cells=[0])[0].width == 0
    assert {"margins", "gate"} <= {sizing.card for sizing in sizings(plan)}


def test_totals_without_room_stay_inside(tmp_path: Path) -> None:
    joint = filled([1, K, 9, 9, 9, 9]).joint(tmp_path)
    found = cells(joint.ask(asked("CUBE (p.g, p.s)"), k=K))
    assert all(state == "suppressed" for (g, s), (_, state) in found.items() if s is None)
    assert found[3, "M"] == (9, "value")


def test_nothing_is_hidden_where_nothing_is_small(tmp_path: Path) -> None:
    rows = Rows((*filled([K] * 6).rows, *((None, s, 1) for s in ("F", "M") for _ in range(K))))
    found = rows.joint(tmp_path).ask(asked("CUBE (p.g, p.s)"), k=K)
    assert found.suppressed == 0
    assert len(found.rows) == 15


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (asked("GROUPING SETS (p.g, p.s)"), "a grouping set of all keys"),
        (asked("GROUPING SETS (CUBE (p.g, p.s), (p.g))"), "inside another is not supported"),
        (asked("CUBE (p.g, p.s)", ", AVG(b.n) AS mean"), "ask for SUM and COUNT in place of AVG"),
        (asked("CUBE (p.g, p.s)", ", MAX(b.n) AS most"), "counts and sums beside totals"),
        (asked("CUBE (p.g, p.s)", ", COUNT(DISTINCT b.n) AS d"), "counts and sums beside totals"),
        (asked("CUBE (p.g, p.s)", ", SUM(b.z) AS below"), "may be below 0"),
        (asked("CUBE (p.g, p.s)") + " HAVING COUNT(*) > 4", "HAVING on a question with totals"),
        (asked("CUBE (p.g, p.s)").replace("b.bills", "b.visits"), "one row a person"),
        (asked("CUBE (p.g, p.s)", ", GROUPING(b.n) AS x"), "GROUPING of one key"),
        ("SELECT p.g FROM a.people p JOIN b.bills b USING (pid) GROUP BY CUBE (p.g)",
         "at least one count or sum"),
        (INSIDE, "CUBE"),
        (asked("CUBE (p.g, g)"), "every key of GROUP BY with totals once"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_refused(tmp_path: Path, text: str, told: str) -> None:
    joint = filled([K] * 6).joint(tmp_path)
    with pytest.raises(UsageError, match=told):
        joint.plan(text, k=K)


def test_a_party_that_cannot_choose_as_planned_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    joint = filled([K] * 6).joint(tmp_path, "rep3")
    plan = joint.plan(asked("CUBE (p.g, p.s)"), k=K)
    outcome = plan.aggregate
    assert isinstance(outcome, Outcome)
    assert outcome.beside is not None
    check_chooses(plan, "x")
    other = replace(outcome, beside=replace(outcome.beside, method="optimal"))
    steps = tuple(other if step == outcome else step for step in plan.steps)
    optimal = replace(plan, steps=steps)
    assert optimal.digest() != plan.digest()
    check_chooses(optimal, "a")
    with pytest.raises(UsageError, match="expected highspy"):
        check_chooses(optimal, "x")


def test_the_cost_of_totals_is_that_of_the_card(tmp_path: Path) -> None:
    joint = filled([2, 9, 9, 9, 9, 9]).joint(tmp_path, "rep3")
    plan = joint.plan(asked("CUBE (p.g, p.s)"), k=K)
    outcome = joint.run(plan)
    (sizing,) = [s for s in all_sizings(plan) if s.card == "margins" and s.sizes]
    cost = load_cards()["margins"].cost
    compute = cost.bytes["compute"].evaluate(sizing.sizes)
    sent = {
        p: sum(
            size
            for (party, step), size in outcome.traffic.bytes_by_step.items()
            if party == p and step.startswith("run/gate/margins/")
        )
        for p in plan.compute
    }
    first, *others = sent.values()
    assert others == [compute] * 2
    assert first == compute + cost.bytes["seat0"].evaluate(sizing.sizes)
    assert 4 * 3 == sizing.sizes["cells"] == plan.cells


def all_sizings(plan: Any) -> list[Any]:
    return [run for sizing in sizings(plan) for run in (sizing, *sizing.then, *sizing.beside)]
