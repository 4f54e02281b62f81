"""Questions on tables of shares on engine shamir: the oracle's answer, and no party sends more than the cards say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gated import OPEN, default_rules, hospitals, planned

from mpcstats.cards.load import load_cards
from mpcstats.plan.cost import affordable
from mpcstats.plan.physical import Physical
from mpcstats.policy.least import Least

NAMES = ("h1", "h2", "h3", "h4", "h5")
CARDS = load_cards()
INSTITUTIONS = replace(default_rules(), persons=2)
GROUPED = "SELECT ward, COUNT(*) AS n, SUM(fee) AS fee FROM all_.cases GROUP BY ward ORDER BY ward"


def rows(party: str) -> list[tuple[str, int, int, int]]:
    i = NAMES.index(party)
    return [(f"{party}_{j}", 1 + j % 4, j, 1000 * (i + 1) + j) for j in range(12)]


def loose(plan: Physical) -> int:
    """By what factor bytes may stay below the bounds of the cards that play."""
    return 6 if any(step.card in ("derive", "divide") for step in plan.steps) else 3


@pytest.mark.parametrize("count", [3, pytest.param(5, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("text", "least"),
    [
        (GROUPED, INSTITUTIONS),
        (GROUPED.replace("ward, COUNT", "COUNT").partition(" GROUP")[0], INSTITUTIONS),
        ("SELECT VAR_SAMP(fee) AS v FROM all_.cases", OPEN),
        (
            "SELECT ward, COUNT(*) AS n FROM all_.cases WHERE fee > 1003 GROUP BY ward ORDER BY ward",
            OPEN,
        ),
        (GROUPED.replace("SUM(fee)", "SUM(CASE WHEN day > 5 THEN fee END)"), INSTITUTIONS),
    ],
)
def test_a_question_on_tables(tmp_path: Path, count: int, text: str, least: Least) -> None:
    parties = NAMES[:count]
    joint = hospitals(tmp_path, {party: rows(party) for party in parties})
    oracle = joint.run(planned(joint, text, least, parties[:1])).results[parties[0]]
    joint = replace(joint, engine="shamir", compute=parties)
    plan = replace(planned(joint, text, least, parties[:1]), threshold=joint.threshold)
    outcome = joint.run(plan)
    answer = outcome.results[parties[0]]
    assert answer is not None
    assert answer == oracle
    assert any(cell is not None for row in answer.rows for cell in row)
    cost = affordable(plan, CARDS)
    assert cost is not None
    sent: Counter[str] = Counter()
    for (party, _), size in outcome.traffic.bytes_by_step.items():
        sent[party] += size
    for party in parties:
        assert sent[party] <= cost.bytes_sent[party], party
    assert outcome.traffic.rounds <= cost.rounds
    # The negative control: the bounds are of this question, and not of anything.
    assert sum(cost.bytes_sent.values()) <= loose(plan) * sum(sent.values())
