"""Noise over TLS: processes that keep nothing but signing keys give the same noisy answer, until a budget ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.test_noisy_questions import CATALOGUE, COUNT, PERSONS

import mpcstats as ms
from mpcstats.errors import PolicyRefused

LOCAL = """
name = "noisy"
catalogue = "catalogue.toml"
policy = "policy.toml"
compute = ["a", "b", "c"]
scenario = "audit"
purpose = "a test"

[data.a]
"a.people" = "people.csv"

[data.b]
"b.stays" = "stays.csv"
"""
RULE = """
[[rule]]
scenario = "audit"
level = "{level}"
permit = true
minimum_persons = 5
leakage = ["size-bound", "data-state", "gated-cell", "suppression-pattern"]
recipients = ["*"]
engines = ["rep3"]
noise = "counts"
privacy = {{ epsilon = "1/2" }}
"""
HELPERS = "".join(f'[[helper]]\nowner = "{owner}"\naccepts = ["c"]\n' for owner in "ab")
BUDGETS = "".join(
    f'[[privacy]]\ndataset = "{name}"\nepsilon = "1"\n' for name in ("a.people", "b.stays")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = "".join(RULE.format(level=level) for level in ("NONE", "LOW"))
    people = [f"P{i},{1 + i % 2},{i}" for i in range(PERSONS)]
    stays = [f"P{i},{1 + i % 2},3,V{i}" for i in range(PERSONS)]
    for name, text in {
        "local.toml": LOCAL,
        "catalogue.toml": CATALOGUE,
        "policy.toml": f"version = 1\n{rules}{HELPERS}{BUDGETS}",
        "people.csv": "\n".join(["pid,ward,fee", *people, ""]),
        "stays.csv": "\n".join(["pid,kind,days,visit", *stays, ""]),
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_repeated_question_has_one_answer_and_the_budget_an_end(folder: Path) -> None:
    with ms.local(folder) as party:
        asked = party.sql(COUNT)
        assert "adds discrete Laplace of scale 2 to n" in str(asked.explain())
        first, second = asked.run().answer, party.sql(f"-- again\n{COUNT}").run().answer
        assert first is not None
        assert second is not None
        assert list(first.rows) == list(second.rows)
        found = [int(str(row[1])) for row in first.rows]
        assert all(abs(n - PERSONS // 2) < 60 for n in found)
        # Only the first was charged: all three parties compute, so each has heard that the second was the same.
        assert party.sql(COUNT.replace("GROUP", "WHERE p.fee >= 0 GROUP")).run().answer is not None
        with pytest.raises(PolicyRefused, match="its budget is epsilon 1, of which 1 is spent"):
            party.sql(COUNT.replace("GROUP", "WHERE p.fee > 1 GROUP")).run()
