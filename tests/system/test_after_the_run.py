"""After a run: whatever a peer says, or whoever stops it, the answer that is there stays, and a label is used once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.system.test_malicious import OTHERS, question, start

from mpcstats.errors import MpcstatsError
from mpcstats.party import ask as asking
from mpcstats.party import closing
from mpcstats.party.ask import Result, ask
from mpcstats.party.decisions import Decisions
from mpcstats.party.node import Node

if TYPE_CHECKING:
    from tests.system.conftest import Town

# Processes of a peer that lies after the run, each in another message.
LIES = {
    "no figures": "node.Spent.to_json = lambda self: {'rounds': 1}",
    "an odd offer": "witness.Witness.offer = lambda *a, **k: {'checkpoint': 'x', 'old': -1, 'proof': 5}",
    "another's part": "closing._part_of = closing.part_of; closing.part_of = lambda *a, **k: "
    "closing._part_of(*a, **k).model_copy(update={'party': 'bureau'})",
}
EVIL = """
import sys
from mpcstats.cli.main import main
from mpcstats.party import closing, node
from mpcstats.records.ledger import witness
{lie}
main()
"""


def liar(lie: str) -> Sequence[str]:
    return (sys.executable, "-c", EVIL.format(lie=lie))


def answered(town: Town, node: Node) -> Result:
    result = ask(node, question())
    assert result.answer is not None
    assert "finish" in town.ledger("hospital")
    return result


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_answer_stays_whatever_a_peer_says_after_the_run(town: Town, lie: str) -> None:
    start(town, evil="insurer", command=tuple(liar(lie)))
    with town.node() as node:
        result = answered(town, node)
    assert any("insurer" in trouble for trouble in result.closed.troubles)
    assert all("bureau" in result.spent for _ in result.spent)


def test_the_answer_stays_for_who_stops_the_closing_by_hand(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    start(town)
    monkeypatch.setattr(closing, "_cosign", stopped)
    with town.node() as node:
        assert any("by hand" in trouble for trouble in answered(town, node).closed.troubles)


# A recipient whose node is told to stop while the parties close the run.
STOPPED = """
import sys
from mpcstats.cli.main import main
from mpcstats.party import node, serve
close = node.close
def stopping(*a):
    closed = close(*a)
    for talk in TALKS:
        talk._halt.set()
    return closed
node.close = stopping
TALKS = []
init = serve._Talk.__init__
def kept(self, *a):
    TALKS.append(self)
    init(self, *a)
serve._Talk.__init__ = kept
main()
"""


def test_a_recipient_that_is_stopped_while_it_closes_keeps_the_answer(town: Town) -> None:
    wider = ('recipients = ["bureau"]', 'recipients = ["bureau", "hospital"]')
    town.variant("policy.toml", "policy.toml", wider)
    start(town, evil="hospital", command=(sys.executable, "-c", STOPPED))
    both = replace(question(), recipients=("bureau", "hospital"))
    with town.node() as node:
        ask(node, both)
    town.wait_log("hospital", "kept ")
    assert list((town.folder / "ledgers" / "answers").iterdir())


def test_a_label_is_used_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    start(town)
    same = SimpleNamespace(token_hex=lambda _: "ab" * 16)
    monkeypatch.setattr(asking, "secrets", same)
    monkeypatch.setattr(Decisions, "_check_label", lambda *_: None)  # the initiator's own
    with town.node() as node:
        answered(town, node)
        with pytest.raises(MpcstatsError, match="a new label for its run"):
            ask(node, question())
    for party in OTHERS:
        assert town.ledger(party).count("start") == 1
