"""Parties that alter what is to be run: an initiator, or a peer, with another plan, policy, level or sub-plan.

Who says so openly is refused by every honest node before a share is sent. Who lies about it changes nothing of
what honest nodes compute from their own rows, open and record: they have planned by themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from mpcstats.errors import Disagreement, PeerFault, PolicyRefused, TransportFault
from mpcstats.party import node as party_node
from mpcstats.party.agreement import Terms
from mpcstats.party.ask import ask
from mpcstats.party.node import Node
from mpcstats.party.question import Question, today
from mpcstats.plan.physical import Always, Cohort, Gate, Lookup, Physical
from mpcstats.policy.permit import issue

if TYPE_CHECKING:
    from tests.system.conftest import Town

SETTLEMENT = Path(__file__).parents[2] / "demos" / "settlement"
OTHERS = ("hospital", "insurer")
ASKED = ["request", "decision"]
SILENCE = 4.0  # seconds that a run may hang in which a liar has sent nothing


def question(name: str = "question.sql", scenario: str = "supervision") -> Question:
    text = (SETTLEMENT / name).read_text("utf-8")
    return Question(text, scenario, "an attack", "bureau", ("bureau",), today())


def with_step(plan: Physical, kind: type, **change: Any) -> Physical:
    steps = (replace(s, **change) if isinstance(s, kind) else s for s in plan.steps)
    return replace(plan, steps=tuple(steps))


def released(plan: Physical, **change: Any) -> Physical:
    """The plan with another rule for what its gate opens."""
    (release,) = plan.gate.releases
    return with_step(plan, Gate, releases=(replace(release, **change),))


def narrowed(plan: Physical) -> Physical:
    """Every fragment of the hospital's yields one person alone."""
    return replace(
        plan,
        fragments=tuple(
            replace(f, sql=f"SELECT * FROM ({f.sql}) AS x WHERE key = 'one'")
            if f.owner == "hospital"
            else f
            for f in plan.fragments
        ),
    )


def swapped_helper(plan: Physical) -> Physical:
    first = next(step for step in plan.steps if isinstance(step, Lookup))
    owner = plan.fragment(first.left).owner
    return with_step(plan, Lookup, helper=owner)


ALTERED: Mapping[str, Callable[[Physical], Physical]] = {
    "the gate's k": lambda plan: released(plan, k=1),
    "a recipient": lambda plan: released(plan, recipients=("bureau", "insurer")),
    "another party's fragment": narrowed,
    "the criterion": lambda plan: with_step(plan, Cohort, criterion=Always()),
    "the helper": swapped_helper,
    "the scenario": lambda plan: replace(plan, scenario="commercial"),
    "who computes": lambda plan: replace(plan, compute=("insurer", "bureau", "hospital")),
}


def attacking(node: Node, alter: Callable[[Physical], Physical], *, lie: bool) -> Node:
    """`node`, which runs its plan altered by `alter`; with `lie` it says and signs the honest plan all the same."""
    target: Any = node
    decide, terms, take_part = node.decide, node.terms, node.take_part
    plans: list[Physical] = []

    def signing(label: str, asked: str, _: Physical, agreed: Mapping[str, str]) -> Terms:
        return Terms(label, asked, plans[-1], agreed)

    def lying(*given: Any, **named: Any) -> Any:
        with patch.object(party_node, "Terms", signing):
            return take_part(*given, **named)

    if lie:
        target.take_part = lying

    def altered(asked: Question, papers: Any = ()) -> Any:
        honest = decide(asked, papers)
        plans.append(honest.plan)
        target.terms = lambda q, p: terms(q, honest if lie else p)
        return issue(
            alter(honest.plan),
            party=honest.party,
            level=honest.level,
            rule=honest.rule,
            policy_digest=honest.policy_digest,
        )

    target.decide = altered
    return node


def start(town: Town, *, evil: str | None = None, command: tuple[str, ...] = ()) -> None:
    for party in OTHERS:
        if party == evil:
            town.serve(party, command=command)
        else:
            town.serve(party)
    town.wait(*OTHERS)


def openings(town: Town, party: str) -> list[Any]:
    """What the party has opened, as its ledger says."""
    return [
        [e.body[name] for name in ("step", "leak", "to", "shape")]
        for e in town.entries(party)
        if e.kind == "opening"
    ]


def test_an_initiator_that_alters_the_plan_openly_is_refused_by_every_honest_node(
    town: Town,
) -> None:
    start(town)
    for what, alter in ALTERED.items():
        before = {party: len(town.entries(party)) for party in OTHERS}
        with town.node() as node, pytest.raises(Disagreement) as caught:
            ask(attacking(node, alter, lie=False), question())
        assert "plan (here" in caught.value.reason, what
        for party in OTHERS:
            town.wait_log(party, "Disagreement")
            assert town.ledger(party)[before[party] :] == ASKED, what
    # The control: without the attack the same nodes answer.
    with town.node() as node:
        assert ask(node, question()).answer is not None


def test_an_initiator_that_lies_about_its_plan_changes_nothing_at_honest_nodes(
    make_town: Callable[[float], Town],
) -> None:
    town = make_town(SILENCE)
    start(town)
    with town.node() as node:
        ask(node, question())
    honest = {party: openings(town, party) for party in OTHERS}
    assert all(honest.values())
    for what, same in (
        ("a recipient", False),
        ("another party's fragment", True),
        ("the scenario", False),
    ):
        before = {party: len(openings(town, party)) for party in OTHERS}
        with (
            town.node() as node,
            suppress(PeerFault, TransportFault),
        ):  # a run that breaks off is as good
            ask(attacking(node, ALTERED[what], lie=True), question())
        for party in OTHERS:
            opened = openings(town, party)[before[party] :]
            assert opened in ([], honest[party]), what
            assert opened or not same, what  # the lie is not found out, and gains nothing


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("policy.toml", ("minimum_persons = 11", "minimum_persons = 5")),
        (
            "catalogue.toml",
            (
                'hifp_pay = { type = "integer", level = "MODERATE"',
                'hifp_pay = { type = "integer", level = "LOW"',
            ),
        ),
    ],
    ids=["policy", "level"],
)
def test_an_initiator_with_a_laxer_policy_or_level_is_refused(
    town: Town, file: str, change: tuple[str, str]
) -> None:
    town.variant(file, f"lax-{file}", change)
    own = town.variant("consortium.toml", "lax.toml", (file, f"lax-{file}"))
    start(town)
    with town.node(own) as node, pytest.raises(Disagreement) as caught:
        ask(node, question())
    assert f"{file.removesuffix('.toml')} (here" in caught.value.reason
    for party in OTHERS:
        assert "opening" not in town.ledger(party)
        assert "finish" not in town.ledger(party)


def test_an_initiator_that_skips_its_own_decision_meets_those_of_the_others(town: Town) -> None:
    """A question that its own policy refuses, sent all the same with a permit that it made up."""
    start(town)
    with town.node() as node:
        good = node.decide(question())
        target: Any = node
        target.decide = lambda *_: good
        with pytest.raises(PolicyRefused) as caught:
            ask(node, question("refused.sql", "commercial"))
    assert caught.value.party in OTHERS
    assert any("special diseases" in reason for reason in caught.value.reasons)
    for party in OTHERS:
        assert "start" not in town.ledger(party)


# A peer whose process alters the plan that it has made by itself.
EVIL = """
import sys
sys.path.insert(0, {root!r})
from tests.system.test_malicious import ALTERED, attacking
from mpcstats.party.node import Node
from mpcstats.cli.main import main
init = Node.__init__
def evil(node, *a, **k):
    init(node, *a, **k)
    attacking(node, ALTERED[{what!r}], lie={lie})
Node.__init__ = evil
main()
"""
ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize("what", ["the gate's k", "another party's fragment"])
def test_a_peer_that_alters_the_plan_openly_is_named(town: Town, what: str) -> None:
    program = EVIL.format(root=ROOT, what=what, lie=False)
    start(town, evil="insurer", command=(sys.executable, "-c", program))
    with town.node() as node, pytest.raises(Disagreement) as caught:
        ask(node, question())
    assert caught.value.party == "insurer"
    for party in ("bureau", *OTHERS):
        assert town.ledger(party) == ASKED


def test_a_peer_that_lies_about_its_plan_gets_nothing_that_is_not_in_it(
    make_town: Callable[[float], Town],
) -> None:
    """It makes itself a recipient; what honest parties open goes to the bureau alone."""
    town = make_town(SILENCE)
    program = EVIL.format(root=ROOT, what="a recipient", lie=True)
    start(town, evil="insurer", command=(sys.executable, "-c", program))
    with (
        town.node() as node,
        suppress(PeerFault, TransportFault),
    ):  # a run that breaks off is as good
        ask(node, question())
    opened = [*openings(town, "hospital"), *openings(town, "bureau")]
    assert opened
    assert all(to == ["bureau"] for _, _, to, _ in opened)
