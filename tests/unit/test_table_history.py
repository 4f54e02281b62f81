"""Tables of shares whose rows are one owner's persons are compared with earlier cells, also those of cohorts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.dealt import bytes_below
from tests.unit.test_noise_limits import CATALOGUE, question, records

from mpcstats.errors import PolicyRefused
from mpcstats.party.compile import compile_question, planned
from mpcstats.party.data.sources import Sources
from mpcstats.party.past.comparing import Past
from mpcstats.party.run import play
from mpcstats.plan.cost import estimate
from mpcstats.plan.physical import Cohort, Comparison, Outcome
from mpcstats.transport.lockstep import lockstep

PERSONS = 40
GROUPED = "(SELECT pid, SUM(days) AS d FROM c.stays GROUP BY pid)"
TEXT = f"SELECT p.ward, COUNT(*) AS n, SUM(s.d) AS d FROM a.people p JOIN {GROUPED} s USING (pid) {{}} GROUP BY p.ward"
WHOLE = TEXT.format("")
WITHOUT = TEXT.format("WHERE p.age <> 37")  # the one person of that age
FEWER = TEXT.format("WHERE p.age >= 10")
RULE: dict[str, Any] = {
    "noise": "none",
    "privacy": None,
    "minimum_persons": 5,
    "history": {"persons": 310, "cells": 8},
}
TABLES = {**RULE, "rounding": 2}


def test_a_table_of_persons_is_compared() -> None:
    plan = planned(question(WHOLE), records(**TABLES))
    assert isinstance(plan.aggregate, Outcome)
    step = plan.comparison
    assert isinstance(step, Comparison)
    assert step.along is not None
    assert len(step.along.cells) == plan.cells == 2
    assert plan.fragment(step.along.spine).owner == plan.fragment(step.everybody).owner == "a"
    assert plan.tests.compared
    compile_question(question(WHOLE), records(**TABLES))


NOT = {
    "several rows a person": "SELECT s.kind, COUNT(*) AS n FROM b.stays s JOIN a.people p USING (pid) GROUP BY s.kind",
    "a total of some": WHOLE.replace("SUM(s.d) AS d FROM", "SUM(CASE WHEN p.age > 9 THEN s.d ELSE 0 END) AS d FROM"),
    "a condition on cells": f"{WHOLE} HAVING COUNT(*) > 20",
    "totals beside cells": WHOLE.replace("GROUP BY p.ward", "GROUP BY CUBE (p.ward)"),
    "an owner's own cells": "SELECT kind, COUNT(*) AS n FROM b.stays GROUP BY kind",
}  # fmt: skip


@pytest.mark.parametrize("text", NOT.values(), ids=list(NOT))
def test_what_is_no_such_table_is_refused(text: str) -> None:
    # Totals are not rounded.
    known = records(**(RULE if "CUBE" in text else TABLES))
    plan = planned(question(text), known)
    assert not isinstance(plan.aggregate, Cohort)
    assert plan.comparison is None
    with pytest.raises(PolicyRefused, match="can be compared"):
        compile_question(question(text), known)


def data(folder: Path) -> dict[str, Path]:
    persons = range(PERSONS)
    lines = {
        "a.people": ["pid,ward,age", *(f"P{i},{1 + i % 2},{i}" for i in persons)],
        "c.stays": ["pid,kind,days", *(f"P{i},{1 + i % 3},3" for i in persons)],
    }
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    return {name: folder / f"{name}.csv" for name in lines}


def asked(folder: Path, text: str, **rule: Any) -> list[tuple[Any, ...]]:
    """The answer; every party keeps its history in `folder`, and sends what its estimate says."""
    known = records(**rule)
    permit = compile_question(question(text), known)
    files = data(folder)
    label = hashlib.sha256(text.encode() + str(rule).encode()).hexdigest()[:32]

    def body(party: str) -> Any:
        own = {n: p for n, p in files.items() if CATALOGUE.dataset(n).owner == party}
        rows = Sources(party, own, CATALOGUE).read(permit.plan).rows
        past = Past(folder / party, label)
        return lambda session: play(session, permit, rows, past=past)

    outcome = lockstep({party: body(party) for party in permit.plan.parties})
    cost = estimate(permit.plan, known.cards)
    assert all(n <= cost.bytes_sent.get(p, 0) for p, n in outcome.traffic.bytes_sent.items())
    for step in (step for step in cost.steps if step.card == "differencing"):
        assert bytes_below(outcome, "run/history") == step.bytes_sent
    answer = outcome.results["a"]
    assert answer is not None
    return [tuple(row) for row in answer.rows]


def shown(rows: Sequence[tuple[Any, ...]]) -> list[bool]:
    return [row[1] is not None for row in rows]


def test_one_person_less_is_suppressed(tmp_path: Path) -> None:
    assert shown(asked(tmp_path, WHOLE, **TABLES)) == [True, True]
    # Ward 2 lacks one person: the difference would be that person's. Ward 1 is the same cohort again.
    assert shown(asked(tmp_path, WITHOUT, **TABLES)) == [True, False]
    assert shown(asked(tmp_path, FEWER, **TABLES)) == [True, True]


def test_without_a_history_the_difference_is_told(tmp_path: Path) -> None:
    """The negative control: 3 days, of one person."""
    plain = {**TABLES, "history": None}
    first, second = asked(tmp_path, WHOLE, **plain), asked(tmp_path, WITHOUT, **plain)
    assert first[1][2] - second[1][2] == 3


@pytest.mark.parametrize("rules", [(RULE, TABLES), (TABLES, RULE)], ids=["cohort", "table"])
def test_tables_and_cohorts_know_one_another(tmp_path: Path, rules: Any) -> None:
    """One index of one owner's persons: who asks the second question otherwise is compared all the same."""
    first, second = rules
    kinds = [type(planned(question(WHOLE), records(**rule)).aggregate) for rule in rules]
    assert set(kinds) == {Cohort, Outcome}
    assert shown(asked(tmp_path, WHOLE, **first)) == [True, True]
    assert shown(asked(tmp_path, WITHOUT, **second)) == [True, False]


def test_one_cell_of_all(tmp_path: Path) -> None:
    text = WHOLE.replace("SELECT p.ward, COUNT", "SELECT COUNT").replace("GROUP BY p.ward", "")
    assert [row[0] is not None for row in asked(tmp_path, text, **TABLES)] == [True]
    less = text.replace(" s USING (pid)", " s USING (pid) WHERE p.age <> 37")
    assert [row[0] is not None for row in asked(tmp_path, less, **TABLES)] == [False]
