"""`mpcstats budget`: what a party's own ledger shows as spent, by what is counted, and of each dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.test_standing_desk import Desk
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.budget import Lost, spent
from mpcstats.party.files.keys import read_signing_key
from mpcstats.records.ledger import Ledger

RULE = """[[rule]]
scenario = "audit"
level = "{level}"
permit = true
leakage = ["gated-cell"]
recipients = ["*"]
engines = ["rep3"]
noise = "counts"
privacy = {{ epsilon = "1/2" }}
budget = {{ questions = 3, per = "initiator", period = "year" }}
"""
BUDGETS = """
[[privacy]]
dataset = "a.people"
epsilon = "1"

[[privacy]]
dataset = "b.stays"
rho = "1/2"
"""
POLICY = f"version = 1\n{RULE.format(level='NONE')}{RULE.format(level='LOW')}{BUDGETS}"
LOSS = {"epsilon": "1/2", "rho": "1/8"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    (tmp_path / "p.toml").write_text(POLICY, encoding="utf-8")
    return made


def entered(desk: Desk, *records: tuple[str, dict[str, Any]]) -> None:
    key = read_signing_key(desk.offices.keys["bureau"])
    with Ledger.open(desk.folder / "bureau.sqlite", party="bureau", signing_key=key) as ledger:
        for kind, body in records:
            ledger.append(kind, body)


def question(
    number: int, day: str, initiator: str, *datasets: str
) -> list[tuple[str, dict[str, Any]]]:
    """A question, and the permit that charges each of the datasets that it reads."""
    name = f"{number:064x}"
    asked = {"question": name, "initiator": initiator, "purpose": "a study", "day": day}
    permit = {"question": name, "permit": True, "plan": name, "datasets": list(datasets)}
    charged = {"privacy": dict.fromkeys(datasets, LOSS)}
    return [("request", asked), ("decision", {**permit, **charged})]


def test_what_is_spent_is_counted_by_everything(desk: Desk) -> None:
    entered(
        desk,
        *question(1, "2026-02-01", "hospital", "a.people"),
        *question(2, "2026-03-01", "insurer", "a.people", "b.stays"),
        ("charge", {"question": f"{2:064x}"}),
        ("decision", {"question": f"{1:064x}", "permit": False}),
    )
    found = spent(desk.consortium, "bureau", since="2026-01-01", until="2026-12-31")
    assert {(a.per, a.name): a.questions for a in found.questions} == {
        ("initiator", "hospital"): 1,
        ("initiator", "insurer"): 2,
        ("purpose", "a study"): 3,
        ("dataset", "a.people"): 3,
        ("dataset", "b.stays"): 2,
    }
    assert [each.budget for each in found.allowed] == ["3 questions a year for each initiator"] * 2
    assert found.losses == (
        Lost("a.people", "1", "1/4", "epsilon 1", True),
        Lost("b.stays", "1/2", "1/8", "rho 1/2", False),
    )
    later = spent(desk.consortium, "bureau", since="2026-02-02", until="2026-12-31")
    assert {(a.per, a.name): a.questions for a in later.questions}["dataset", "a.people"] == 2
    assert later.losses == found.losses  # a loss is for ever


def test_a_loss_without_a_budget_is_shown(desk: Desk) -> None:
    (desk.folder / "p.toml").write_text(POLICY.rpartition("[[privacy]]")[0], encoding="utf-8")
    entered(desk, *question(1, "2026-02-01", "hospital", "b.stays"))
    found = spent(desk.consortium, "bureau", since="2026-01-01", until="2026-12-31")
    assert found.losses[1] == Lost("b.stays", "1/2", "1/8", None, True)


def printed(desk: Desk, *more: str) -> str:
    arguments = ["budget", "--consortium", str(desk.consortium), "--party", "bureau", *more]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_it(desk: Desk) -> None:
    assert "bureau has permitted no question in these days" in printed(desk)
    entered(desk, *question(1, "2026-02-01", "hospital", "a.people"))
    entered(desk, *question(2, "2026-02-01", "hospital", "a.people"))
    said = printed(desk)
    assert "hospital" in said
    assert "rule audit x LOW 低敏感: 3 questions a year for each initiator" in said
    assert "privacy of a.people: epsilon 1, rho 1/4 of epsilon 1: spent" in said
    assert "privacy of b.stays: epsilon 0, rho 0 of rho 1/2\n" in said
    plain = json.loads(printed(desk, "--json", "--since", "2026-02-02"))
    assert plain["questions"] == []
    assert plain["losses"][0]["spent"] is True
    with pytest.raises(UsageError, match="day"):
        printed(desk, "--until", "yesterday")
