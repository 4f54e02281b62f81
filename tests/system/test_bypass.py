"""Ways around the governance at a node: who asks can neither pass its violations on nor keep them out of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.system.test_malicious import question as plain
from tests.system.test_malicious import start
from tests.system.test_papers import Registers

from mpcstats.errors import PolicyRefused
from mpcstats.party.ask import ask
from mpcstats.party.decisions import Decisions
from mpcstats.party.node import Node
from mpcstats.party.question import Question, days_about
from mpcstats.records.day import later
from mpcstats.records.signed import Statement

if TYPE_CHECKING:
    from tests.system.conftest import Town

OTHER = {"sql": "SELECT COUNT(*) FROM bureau.enrolment", "slots": []}
ID = "99010119900307123X"


def refused(node: Node, question: Question, papers: tuple[Statement, ...]) -> str:
    with pytest.raises(PolicyRefused) as caught:
        node.decide(question, papers)
    return str(caught.value)


def offenders(town: Town) -> list[Any]:
    return [e.body["offender"] for e in town.entries("bureau") if e.kind == "violation"]


def test_a_name_that_nobody_has_signed_under_takes_no_violation(town: Town) -> None:
    registers = Registers(town)
    question = replace(registers.question(), user="bureau.someone")
    outside = registers.papers(question, template=OTHER)[1:]
    with town.node() as node:
        assert "outside the template" in refused(node, question, outside)
        assert offenders(town) == ["bureau"]
        # Neither another name, nor none, nor that of a person who signs.
        for user in ("bureau.another", None, "bureau.desk"):
            asked = replace(question, user=user)
            assert "may not ask since entry" in refused(node, asked, registers.papers(question))


def test_who_has_signed_answers_alone(town: Town) -> None:
    registers = Registers(town)
    question = registers.question()
    with town.node() as node:
        refused(node, question, registers.papers(question, template=OTHER))
        assert offenders(town) == ["bureau.desk"]
        said = refused(node, replace(question, user=None), registers.papers(question))
        assert "may not ask" not in said
        # Its name without its signature is refused all the same.
        assert "bureau.desk may not ask" in refused(node, question, registers.papers(question)[1:])


def test_no_refusal_is_too_long_to_be_written_down(town: Town) -> None:
    registers = Registers(town)
    question = registers.question()
    many = [f"p{n}" * 8 for n in range(64)]
    change = {"initiators": many, "recipients": many, "users": many}
    outside = registers.papers(question, template=OTHER)
    papers = [registers.papers(question, number=f"A-{n}", **change)[1] for n in range(29)]
    key = registers.keys["bureau"]
    papers = [Statement.of(p.kind, p.body).sign("bureau", key) for p in papers]
    with town.node() as node:
        refused(node, question, (*papers, *outside))
    kinds = town.ledger("bureau")
    assert kinds == ["request", "decision", "violation"]
    reasons: Any = town.entries("bureau")[1].body["reasons"]
    assert reasons[-1].startswith("and ")


def test_no_number_of_a_person_is_kept_with_a_question(town: Town) -> None:
    registers = Registers(town)
    question = registers.question()
    asked = replace(question, text=f"-- about {ID}\n{question.text}")
    with town.node() as node:
        refused(node, asked, registers.papers(asked, template=OTHER))
    assert all(ID[:17] not in entry.content for entry in town.entries("bureau"))
    assert "-- about [number]" in str(town.entries("bureau")[0].body["text"])


@pytest.mark.parametrize("days", [-1, 1])
def test_what_is_stopped_today_does_not_run_as_of_yesterday(town: Town, days: int) -> None:
    now = datetime.now(UTC)
    if len(days_about(now)) > 1:
        pytest.skip("both days may be asked about around midnight")
    registers = Registers(town)
    question = replace(registers.question(), day=later(now.date().isoformat(), days))
    with town.node() as node:
        assert "ask again with today's date" in refused(node, question, registers.papers(question))


def test_who_waits_with_a_permit_does_not_outlast_the_registers(town: Town) -> None:
    registers = Registers(town)
    question = registers.question()
    with town.node() as node:
        permit = node.decide(question, registers.papers(question))
        node.decisions.check_unchanged()
        registers.add("project-stopped", "office.two", because="a test")
        with pytest.raises(PolicyRefused, match="registers have changed since"):
            node.decisions.check_unchanged()
    assert permit.papers


def test_a_run_begins_by_looking_at_the_registers_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: Decisions) -> None:
        raise PolicyRefused("bureau", ("as the test says",))

    start(town)
    monkeypatch.setattr(Decisions, "check_unchanged", stopped)
    with town.node() as node, pytest.raises(PolicyRefused, match="as the test says"):
        ask(node, plain())
    assert all("start" not in town.ledger(party) for party in ("bureau", "hospital", "insurer"))
