"""Measured rounds and payload bytes equal the cards' formulas, for every party and step of random questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.cards.card import Card
from mpcstats.cards.load import load_cards
from mpcstats.engines.rep3 import Rep3
from mpcstats.plan import physical as plans
from mpcstats.plan.cost import estimate
from mpcstats.protocols import criterion as criteria
from mpcstats.protocols.cells import Behind, Cells
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Summand
from mpcstats.protocols.safety import Rules
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session
from mpcstats.testing import Outcome, run_together

LABELS = (0, 1)


def criterion_of(formula: criteria.Formula | None) -> plans.Criterion:
    if formula is None:
        return plans.Always()
    if isinstance(formula, criteria.Bit):
        return plans.Hit(f"lookup{formula.position}")
    if isinstance(formula, criteria.Not):
        return plans.Not(criterion_of(formula.of))
    parts = tuple(criterion_of(part) for part in formula.of)
    return plans.All(parts) if isinstance(formula, criteria.All) else plans.Any(parts)


def source(column: int) -> str:
    return plans.SPINE if column < 0 else f"lookup{column}"


def plan_of(question: Any, compute: tuple[str, ...]) -> plans.Physical:
    tables = (question.spine, *question.tables)
    fragments = tuple(
        plans.Fragment(
            f"f{i}",
            table.owner,
            "",
            table.bound,
            (plans.ValueColumn("v", 0, 1),),
            (plans.CodeColumn("g", LABELS),),
            (),
        )
        for i, table in enumerate(tables)
    )
    lookups = tuple(
        plans.Lookup(f"lookup{i}", "f0", f"f{i + 1}", helper)
        for i, helper in enumerate(question.helpers)
    )
    totals = tuple(
        plans.Total(
            f"t{i}",
            tuple(
                plans.Term(
                    tuple(plans.Ref(source(f), "v") for f in factors),
                    tuple(f"lookup{u}" for u in under),
                )
                for factors, under in terms
            ),
            1,
        )
        for i, terms in enumerate(question.totals)
    )
    groups = tuple(plans.GroupKey(source(g), "g", LABELS) for g in question.groups)
    names = tuple(step.name for step in lookups)
    cohort = plans.Cohort("cohort", "f0", names, criterion_of(question.formula), groups, totals)
    last = plans.Gate("gate", "cohort", (plans.Release(question.recipients, question.k),))
    return plans.Physical(
        "q", "s", "p", "a", "rep3", compute, fragments, (*lookups, cohort, last), ()
    )


def measured(outcome: Outcome[Any], step: str) -> Counter[str]:
    sent: Counter[str] = Counter()
    for (party, path), size in outcome.traffic.bytes_by_step.items():
        if path.startswith((f"run/{step}/", f"run/{step}#")):
            sent[party] += size
    return sent


def check(plan: plans.Physical, outcome: Outcome[Any]) -> None:
    cost = estimate(plan, load_cards())
    for step in cost.steps:
        assert step.exact
        expected = {party: size for party, size in step.bytes_sent.items() if size}
        assert dict(measured(outcome, step.step)) == expected, step.step
    assert sum(outcome.traffic.bytes_sent.values()) == cost.total_bytes


def check_rounds(card: Card, measured_rounds: int, formula: int) -> None:
    """Equal to the formula, or at most that and at least half of it."""
    if card.cost.rounds_kind == "exact":
        assert measured_rounds == formula, card.id
    else:
        assert formula <= 2 * measured_rounds, card.id
        assert measured_rounds <= formula, card.id


def random_question(worlds: ModuleType, seed: int, tables: int) -> Any:
    rng = np.random.default_rng(seed)
    spine_owner = "abcde"[rng.integers(5)]

    def table(owner: str) -> Any:
        count = int(rng.integers(0, 6))
        keys = tuple(int(k) for k in rng.choice(12, count, replace=False))
        zeros = (0,) * count
        return worlds.Table(owner, max(1, count + int(rng.integers(0, 140))), keys, zeros, zeros)

    owners = [str(rng.choice([o for o in "abcde" if o != spine_owner])) for _ in range(tables)]
    helpers = tuple(next(h for h in "cab" if h not in (spine_owner, o)) for o in owners)
    columns = range(-1, tables)
    totals = []
    for _ in range(int(rng.integers(0, 4))):
        terms = []
        for _ in range(int(rng.integers(1, 3))):
            factors = tuple(int(f) for f in rng.choice(columns, int(rng.integers(0, 3))))
            terms.append((factors, tuple(sorted({f for f in factors if f >= 0}))))
        totals.append(tuple(terms))
    groups = tuple(int(g) for g in rng.permutation(columns)[: int(rng.integers(0, 3))])
    bits = [criteria.Bit(t) for t in range(tables)]
    formula: criteria.Formula | None = None
    if tables and rng.integers(4):
        formula = bits[0] if tables == 1 else criteria.All((criteria.Any(tuple(bits)), *bits[1:]))
    recipients = tuple(str(p) for p in rng.permutation(list("abcde"))[: int(rng.integers(1, 3))])
    return worlds.Question(
        table(spine_owner),
        tuple(table(o) for o in owners),
        helpers,
        formula,
        groups,
        tuple(totals),
        1,
        recipients,
    )


@settings(max_examples=80)
@given(seed=st.integers(0, 2**32), tables=st.integers(0, 3))
def test_bytes_of_every_party_and_step_equal_the_formulas(
    worlds: ModuleType, seed: int, tables: int
) -> None:
    question = random_question(worlds, seed, tables)
    outcome = run_together(worlds.PARTIES, worlds.body(question))
    check(plan_of(question, worlds.COMPUTE), outcome)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), tables=st.integers(0, 3))
def test_rounds_of_every_step_equal_the_formulas(
    worlds: ModuleType, seed: int, tables: int
) -> None:
    question = random_question(worlds, seed, tables)
    traffic = run_together(worlds.PARTIES, worlds.body(question, apart=True)).traffic
    together = run_together(worlds.PARTIES, worlds.body(question)).traffic
    cost = estimate(plan_of(question, worlds.COMPUTE), load_cards())
    cards = load_cards()
    for step in cost.steps:
        check_rounds(cards[step.card], traffic.span(f"run/{step.step}"), step.rounds)
    # A party that need not wait begins the next step early: the whole takes no more rounds than its steps.
    assert together.rounds <= sum(step.rounds for step in cost.steps)


def test_a_byte_too_many_is_seen(worlds: ModuleType) -> None:
    """Negative control."""
    question = random_question(worlds, 3, 1)

    async def body(session: Session) -> None:
        await worlds.play(session, Rep3(worlds.COMPUTE), question)
        step = session.narrow("gate-and-more")
        if session.me == "a":
            await step.exchange(send={"b": np.zeros(1, dtype=np.uint64)})
        elif session.me == "b":
            await step.exchange(receive={"a": 1})

    outcome = run_together(worlds.PARTIES, body)
    with pytest.raises(AssertionError):
        check(plan_of(question, worlds.COMPUTE), outcome)


@pytest.mark.parametrize("owners", [("a",), ("d",), ("a", "b", "d"), ("d", "e"), ("b", "c", "a")])
@pytest.mark.parametrize("recipients", [("a",), ("e",), ("b", "d")])
def test_a_sum_and_its_gate_cost_what_their_cards_say(
    worlds: ModuleType, owners: tuple[str, ...], recipients: tuple[str, ...]
) -> None:
    groups = (plans.GroupKey("f0", "g", (0, 1, 2)),)
    totals = (plans.Total("t", (plans.Term((plans.Ref("f0", "v"),)),), 1),)
    steps = (
        plans.Sum("sum", tuple(f"f{i}" for i in range(len(owners))), groups, totals),
        plans.Gate("gate", "sum", (plans.Release(recipients, 2),)),
    )
    fragments = tuple(
        plans.Fragment(f"f{i}", owner, "", 3, (), (), ()) for i, owner in enumerate(owners)
    )
    plan = plans.Physical("q", "s", "p", "a", "rep3", worlds.COMPUTE, fragments, steps, ())
    counts = np.array([[1, 2, 3], [10, 20, 30]], dtype=np.uint64)

    async def body(session: Session) -> Any:
        engine = Rep3(worlds.COMPUTE)
        vectors: Sequence[Summand] = [
            Summand(owner, counts if session.me == owner else None) for owner in owners
        ]
        summed = await vector_sum(session.narrow("sum"), engine, vectors, shape=(2, 3))
        persons = tuple(each[0] for each in summed.by_provider)
        cells = Cells(3, persons, summed.total[1:].flat(), (Behind(),))
        return await gate(session.narrow("gate"), engine, cells, Rules(2), to=recipients)

    outcome = run_together(worlds.PARTIES, body)
    check(plan, outcome)
    cards = load_cards()
    for step in estimate(plan, cards).steps:
        check_rounds(cards[step.card], outcome.traffic.span(f"run/{step.step}"), step.rounds)
    opened = outcome.results[recipients[0]]
    assert opened.shown.tolist() == [False, True, True]
    assert opened.values.tolist() == [[0, 20 * len(owners), 30 * len(owners)]]


def less_than_rows(width: int) -> int:
    """Ands of the tree with a tie leaf below, by the recursion of gate/spec.md."""
    leaves, ands = width + 1, 0
    while leaves > 1:
        pairs = leaves // 2
        ands += 2 * pairs - 1
        leaves -= pairs
    return ands


@pytest.mark.parametrize("width", [1, 2, 7, 32, 63, 64])
@pytest.mark.parametrize("n", [1, 64, 1000])
def test_less_than_costs_two_ands_a_bit_at_most(width: int, n: int) -> None:
    async def body(session: Session) -> None:
        engine = Rep3(("a", "b", "c"))
        zeros = np.zeros((width, -(-n // 64)), dtype=np.uint64)
        x = await engine.share_bits(
            session.narrow("x"),
            zeros if session.me == "a" else None,
            owner="a",
            length=n,
            width=width,
        )
        await engine.less_than(session.narrow("less"), x, x)

    outcome = run_together(("a", "b", "c"), body)
    rows = less_than_rows(width)
    assert rows <= 2 * width
    assert set(measured(outcome, "less").values()) == {8 * rows * -(-n // 64)}
