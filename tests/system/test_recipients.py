"""Two recipients over TLS: an approval exempts small cells for one of them, and every ledger says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mpcstats.errors import PolicyRefused
from mpcstats.party.ask import ask
from mpcstats.party.desk.receipt import check_receipt
from mpcstats.party.files.keys import make_signing_key, principal_entry, read_signing_key
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.question import Question, today
from mpcstats.party.sandbox.demo import plain_answer
from mpcstats.records.day import later
from mpcstats.records.signed import Statement

if TYPE_CHECKING:
    from tests.system.conftest import Town

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
TEXT = (
    (DEMO / "question.sql")
    .read_text("utf-8")
    .replace("e.insutype", "e.insuplc")
    .replace("GROUP BY e.insuplc", "WHERE e.insuplc IS NOT NULL GROUP BY e.insuplc")
)
PARTIES = ("bureau", "hospital", "insurer")
LEAST = 11
DAY = today()


def asked() -> Question:
    return Question(TEXT, "commercial", "a test", "bureau", ("bureau", "insurer"), DAY)


def approval(town: Town, **change: Any) -> Statement:
    """By an authoriser, who is made a principal: the bureau may see two columns of every cell."""
    path, public = make_signing_key("office.one", town.folder / "keys")
    entry = principal_entry("office.one", public, ["authoriser"], real_name=True)
    (town.folder / "principals.toml").write_text(f"version = 1\n{entry}", "utf-8")
    registers = 'registers = { principals = "principals.toml" }\nsilence'
    town.variant("consortium.toml", "consortium.toml", ("silence", registers))
    body: Mapping[str, Any] = {
        "number": "E-1",
        "template": {"sql": TEXT, "slots": []},
        "scenario": "commercial",
        "purposes": ["a test"],
        "initiators": ["bureau"],
        "recipients": ["bureau", "insurer"],
        "uses": 1,
        "persons": LEAST,
        "since": later(DAY, -1),
        "until": later(DAY, 30),
        "exemption": {
            "recipients": ["bureau"],
            "cells": ["persons", "fund_fen"],
            "because": "the bureau answers for the fund",
        },
        **change,
    }
    return Statement.of("approval", body).sign("office.one", read_signing_key(path))


def plain(town: Town) -> Sequence[tuple[Any, ...]]:
    return plain_answer(TEXT, LocalFile.load(DEMO, data=town.data))


def kept(town: Town) -> dict[str, Any]:
    """The only answer that a recipient which did not ask has kept."""
    (path,) = (town.folder / "ledgers" / "answers").iterdir()
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_an_approval_opens_small_cells_to_one_recipient_and_not_to_the_other(town: Town) -> None:
    paper = approval(town)
    town.serve("hospital")
    town.serve("insurer")
    town.wait("hospital", "insurer")
    with town.node() as node:
        result = ask(node, asked(), (paper,))
        with pytest.raises(PolicyRefused, match="has been used up"):
            ask(node, asked(), (paper,))
    whole = plain(town)
    small = [row for row in whole if row[1] < LEAST]
    assert 0 < len(small) < len(whole)
    # The bureau: persons and the fund's money of every cell, the insurer's by the rule.
    assert result.answer is not None
    assert [row[:3] for row in result.answer.rows] == [row[:3] for row in whole]
    by_rule = [row[3] if row[1] >= LEAST else None for row in whole]
    assert [row[3] for row in result.answer.rows] == by_rule
    # The insurer: cells of 11 persons or more.
    town.wait_log("insurer", "kept ")
    other = kept(town)
    hidden = [[row[0], None, None, None] for row in small]
    assert [row for row in other["rows"] if row[1] is None] == hidden
    assert [tuple(r) for r in other["rows"] if r[1] is not None] == [
        row for row in whole if row[1] >= LEAST
    ]
    assert sum(states.count("suppressed") for states in other["states"]) == 3 * len(small)
    # Every ledger: what is exempted, to whom, by which approval; and each release.
    exempted = {
        "to": ["bureau"],
        "k": 1,
        "contributors": 1,
        "columns": ["persons", "fund_fen"],
        "cells": None,
        "approval": paper.digest,
    }
    for party in PARTIES:
        entries = town.entries(party)
        decisions = [e.body for e in entries if e.kind == "decision" and e.body["permit"]]
        assert [body["exempted"] for body in decisions] == [[exempted]]
        assert decisions[0]["approvals"] == [paper.digest]
        (finish,) = [e.body["gate"] for e in entries if e.kind == "finish"]
        assert isinstance(finish, Mapping)
        assert finish["k"] == LEAST
        assert finish["suppressed"] is None
        assert finish["releases"] == [
            {
                **exempted,
                "to": ["bureau", "insurer"],
                "k": LEAST,
                "columns": None,
                "approval": None,
            },
            exempted,
        ]
    # The receipt holds, and the answer has it.
    assert result.answer.receipt == result.receipt
    assert result.kept is not None
    checks = check_receipt(result.kept, town.consortium, principals=town.folder / "principals.toml")
    assert [finding for finding in checks if not finding.good] == []


def test_without_an_authoriser_nothing_is_exempted(town: Town) -> None:
    """Negative control: the same paper, signed by nobody who may."""
    paper = approval(town)
    forged = Statement.of(paper.kind, paper.body).sign(
        "bureau", read_signing_key(town.folder / "keys" / "bureau.sign")
    )
    town.serve("hospital")
    town.serve("insurer")
    town.wait("hospital", "insurer")
    with town.node() as node:
        result = ask(node, asked(), (forged,))
    assert result.answer is not None
    assert result.answer.suppressed == 3 * sum(row[1] < LEAST for row in plain(town))
    (decision,) = [e.body for e in town.entries("bureau") if e.kind == "decision"]
    assert decision["exempted"] == []
    assert decision["approvals"] == []
