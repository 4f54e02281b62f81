"""Questions under a rule that asks for noise: what is planned, said, run, charged and refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import InternalError, PolicyRefused, UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.compile import Known, Records, case_of, compile_question, planned
from mpcstats.party.data.given import GivenColumn
from mpcstats.party.data.sources import Rows, Sources
from mpcstats.party.explained import explained
from mpcstats.party.noise import NoiseKeys, OwnNoise
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.plan.cost import estimate
from mpcstats.plan.matter import matter
from mpcstats.plan.moving.moves import moves
from mpcstats.plan.physical import Noise, NoisyColumn, Physical
from mpcstats.policy.check import reasons
from mpcstats.policy.noise import lost
from mpcstats.policy.rule import Helper, Policy, Rule, wider
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss
from mpcstats.records.privacy.spending import Losses, charges
from mpcstats.testing import Outcome
from mpcstats.transport.lockstep import lockstep

COMPUTE = ("a", "b", "c")
CARDS = load_cards()
HALF = Fraction(1, 2)
CATALOGUE = """version = 1
[[dataset]]
name = "a.people"
owner = "a"
rows = 300
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true, nullable = false }
ward = { type = "integer", level = "LOW", domain = [1, 2], nullable = false }
fee = { type = "integer", level = "LOW", minimum = 0, maximum = 900, nullable = false }

[[dataset]]
name = "a.visits"
owner = "a"
rows = 900
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper" }

[[dataset]]
name = "b.stays"
owner = "b"
rows = 300
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true, nullable = false }
kind = { type = "integer", level = "LOW", domain = [1, 2], nullable = false }
days = { type = "integer", level = "LOW", minimum = -5, maximum = 40, nullable = false }
visit = { type = "text", level = "LOW", key = "exact", unique = true, nullable = false }
"""
JOINED = "FROM a.people p JOIN b.stays s USING (pid)"
COUNT = f"SELECT ward, COUNT(*) AS n {JOINED} GROUP BY ward"
FEES = f"SELECT ward, COUNT(*) AS n, SUM(p.fee) AS fee {JOINED} GROUP BY ward"
RULE: dict[str, Any] = {
    "scenario": "audit",
    "permit": True,
    "minimum_persons": 5,
    "leakage": ["size-bound", "data-state", "gated-cell", "suppression-pattern"],
    "recipients": ["*"],
    "engines": ["rep3"],
    "noise": "counts",
    "privacy": {"epsilon": "1/2"},
}
BUDGETS = [{"dataset": name, "epsilon": "2"} for name in ("a.people", "a.visits", "b.stays")]
KEYS = {
    party: NoiseKeys.of(Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32))
    for i, party in enumerate(COMPUTE)
}
PERSONS = 120  # half of them in each ward


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("noisy") / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("noisy")
    rows = range(PERSONS)
    people = ["pid,ward,fee", *(f"P{i},{1 + i % 2},{i}" for i in rows)]
    stays = ["pid,kind,days,visit", *(f"P{i},{1 + i % 2},3,V{i}" for i in rows)]
    found = {}
    for name, lines in (("a.people", people), ("b.stays", stays)):
        found[name] = folder / f"{name}.csv"
        found[name].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found


def records(known: Catalogue, *, budgets: Any = BUDGETS, **rule: Any) -> Records:
    rules = [Rule.model_validate({**RULE, **rule, "level": level.name}) for level in Level]
    accepted = tuple(Helper(owner=owner, accepts=["c"]) for owner in "ab")
    policy = Policy.of(
        tuple(rules), accepted, tuple(PrivacyBudget.model_validate(b) for b in budgets)
    )
    return Records("a", known, policy, CARDS, COMPUTE, COMPUTE)


def question(text: str = COUNT, initiator: str = "a") -> Question:
    return Question(text, "audit", "a test", initiator, (initiator,), "2026-03-01")


def counted(*lost_before: Loss) -> Known:
    """What a ledger shows that has charged these losses to both datasets."""
    losses = Losses()
    for i, loss in enumerate(lost_before):
        both = dict.fromkeys(("a.people", "b.stays"), loss)
        losses.add(Entry("decision", {"plan": str(i), "permit": True, "privacy": charges(both)}))
    return Known(losses=losses)


class Entry:
    """A record of a ledger."""

    index = 0
    time = "2026-03-01T00:00:00Z"

    def __init__(self, kind: str, body: Mapping[str, Any]) -> None:
        self.kind = kind
        self.body = body


def refused(known: Records, asked: Question, before: Known | None = None) -> list[str]:
    with pytest.raises(PolicyRefused) as caught:
        compile_question(asked, known, (), counted() if before is None else before)
    return [reason.replace("rule audit x LOW 低敏感 ", "") for reason in caught.value.reasons]


# the plan


def test_the_plan_adds_noise_for_what_one_person_moves(known: Catalogue) -> None:
    plan = planned(question(), records(known))
    assert plan.noise == Noise("noise", "cohort", (NoisyColumn(0, "laplace", 2, 1, 1, 1, 1),))
    assert lost(plan) == dict.fromkeys(("a.people", "b.stays"), Loss.pure(HALF))


def test_amounts_have_noise_where_the_rule_says_all(known: Catalogue) -> None:
    counts = planned(question(FEES), records(known))
    assert counts.noise is not None
    assert [each.column for each in counts.noise.columns] == [0]
    step = planned(question(FEES), records(known, noise="all")).noise
    assert step is not None
    # Each of two totals has half of the epsilon: the scale of the fee is 900 over a quarter.
    assert [(e.column, e.numerator, e.l1) for e in step.columns] == [(0, 4, 1), (1, 3600, 900)]
    assert step.loss == Loss(HALF, Fraction(1, 16))


def test_gaussian_noise_is_planned_for_its_rho(known: Catalogue) -> None:
    asked = {"mechanism": "gaussian", "rho": "1/8"}
    step = planned(question(), records(known, privacy=asked)).noise
    assert step is not None
    assert step.columns[0].kind == "gaussian"
    assert 4 <= step.columns[0].numerator / step.columns[0].denominator < 4.01
    assert step.loss.epsilon is None
    assert step.loss.rho <= Fraction(1, 8)


def test_a_group_that_is_looked_up_moves_a_person_between_cells(known: Catalogue) -> None:
    text = f"SELECT ward, kind, COUNT(*) AS n {JOINED} GROUP BY ward, kind"
    plan = planned(question(text), records(known))
    assert any(group.source != "spine" for group in plan.aggregate.groups)
    assert moves(plan, known, 0) == Sensitivity(2, 2, 2)


APART = {
    "a condition on a row": f"SELECT ward, COUNT(*) AS n {JOINED} WHERE p.fee > 7 GROUP BY ward",
    "a condition on what is looked up": f"SELECT ward, COUNT(*) AS n {JOINED} WHERE s.days > 1 GROUP BY ward",
    "rows of a person added up": "SELECT COUNT(*) AS n FROM a.people p JOIN "
    "(SELECT pid, SUM(days) AS d FROM b.stays GROUP BY pid) s USING (pid) WHERE s.d > 3",
}  # fmt: skip
TOGETHER = {
    "a mean over everybody": f"SELECT ward, COUNT(*) AS n {JOINED} "
    "WHERE p.fee > (SELECT AVG(fee) FROM a.people) GROUP BY ward",
    "whoever is there at all": f"SELECT ward, COUNT(*) AS n {JOINED} "
    "WHERE EXISTS (SELECT 1 FROM a.people q WHERE q.fee > 899) GROUP BY ward",
    "others of the ward": f"SELECT p.ward, COUNT(*) AS n {JOINED} WHERE p.ward IN "
    "(SELECT ward FROM a.people WHERE fee > 7) GROUP BY p.ward",
    "persons side by side": "SELECT p.ward, COUNT(*) AS n FROM a.people p, a.people q, b.stays s "
    "WHERE p.pid = s.pid AND p.ward = q.ward AND q.fee = 899 GROUP BY p.ward",
    "the first of all": "SELECT COUNT(*) AS n FROM "
    "(SELECT pid FROM a.people ORDER BY fee LIMIT 9) p JOIN b.stays s USING (pid)",
    "a rank": "SELECT COUNT(*) AS n FROM (SELECT pid, ROW_NUMBER() OVER (ORDER BY fee) AS r "
    "FROM a.people) p JOIN b.stays s USING (pid) WHERE p.r < 9",
}


@pytest.mark.parametrize("text", APART.values(), ids=list(APART))
def test_what_hangs_on_one_person_alone_has_noise(known: Catalogue, text: str) -> None:
    assert planned(question(text), records(known)).noise is not None


@pytest.mark.parametrize("text", TOGETHER.values(), ids=list(TOGETHER))
def test_what_one_person_could_move_for_many_is_not_answered(known: Catalogue, text: str) -> None:
    """Noise for one person's row would not be enough: the plan has none, and the rule refuses, if it can be planned."""
    try:
        plan = planned(question(text), records(known))
    except UsageError:
        return
    assert plan.noise is None
    assert any(
        "nothing bounds what one person adds" in why
        for why in refused(records(known), question(text))
    )


def test_the_explanation_says_mechanism_scale_and_price(known: Catalogue) -> None:
    said = explained(question(), records(known), (), counted())
    for words in (
        "noise: noise v1, adds discrete Laplace of scale 2 to n, which one person moves by 1 at most",
        ", the same if asked again: ",
        "costs epsilon 1/2, rho 1/8 of each dataset",
        "because the policy asks for noise, and repeats must not average it away",
    ):
        assert words in str(said)


def test_noise_costs_what_the_card_says(known: Catalogue) -> None:
    plan = planned(question(), records(known))
    (step,) = (s for s in estimate(plan, CARDS).steps if s.card == "noise")
    assert (step.rounds, step.bytes_sent) == (2, {"a": 64 + 16, "b": 64 + 16, "c": 16})


# what is asked, without who asks


def test_who_asks_and_in_which_words_makes_no_other_noise(known: Catalogue) -> None:
    first = planned(question(), records(known))
    for other in (
        question(initiator="b"),
        replace(question(), purpose="another"),
        question(f"-- a comment\n{COUNT}"),
        question(COUNT.replace("AS n", "AS persons")),
        question(COUNT.replace("ward, COUNT(*) AS n", "COUNT(*) AS n, ward")),
    ):
        plan = planned(other, records(known))
        assert plan.digest() != first.digest()
        assert matter(plan) == matter(first), other
    stricter = planned(question(), records(known, minimum_persons=9))
    assert matter(stricter) == matter(first)


def test_another_computation_or_law_has_other_noise(known: Catalogue) -> None:
    first = matter(planned(question(), records(known)))
    others = [
        planned(question(FEES), records(known)),
        planned(question(COUNT.replace("GROUP", "WHERE fee > 7 GROUP")), records(known)),
        planned(question(), records(known, privacy={"epsilon": "1/4"})),
    ]
    assert len({first, *map(matter, others)}) == 4


# the run


def run(
    known: Catalogue,
    data: Mapping[str, Path],
    asked: Question,
    keys: Mapping[str, NoiseKeys] = KEYS,
) -> Outcome[Answer | None]:
    return heard(known, data, asked, keys)[0]


def heard(
    known: Catalogue,
    data: Mapping[str, Path],
    asked: Question,
    keys: Mapping[str, NoiseKeys] = KEYS,
    signers: bytes = b"s",
    **rule: Any,
) -> tuple[Outcome[Answer | None], set[str | None]]:
    """The run, and what the parties say of which answer it was."""
    permit = compile_question(asked, records(known, **rule), (), counted())
    noises = {party: OwnNoise(own, [signers]) for party, own in keys.items()}

    def body(party: str) -> Any:
        own = {n: p for n, p in data.items() if known.dataset(n).owner == party}
        rows = Sources(party, own, known).read(permit.plan).rows
        return lambda session: play(session, permit, rows, own_noise=noises.get(party))

    outcome = lockstep({party: body(party) for party in permit.plan.parties})
    return outcome, {noise.answer for noise in noises.values()}


def counts(outcome: Outcome[Answer | None], party: str = "a") -> list[int]:
    answer = outcome.results[party]
    assert answer is not None
    return [int(str(row[1])) for row in answer.rows]


def test_an_answer_is_noisy_and_the_same_again(known: Catalogue, data: dict[str, Path]) -> None:
    first = run(known, data, question())
    found = counts(first)
    assert found != [PERSONS // 2] * 2
    assert all(abs(n - PERSONS // 2) < 60 for n in found)
    assert counts(run(known, data, question())) == found
    assert counts(run(known, data, question(initiator="b")), "b") == found
    cost = estimate(compile_question(question(), records(known), (), counted()).plan, CARDS)
    assert {p: n for p, n in first.traffic.bytes_sent.items() if n} == cost.bytes_sent


def test_other_keys_or_other_data_give_other_noise(
    known: Catalogue, data: dict[str, Path], tmp_path: Path
) -> None:
    found = counts(run(known, data, question()))
    other = NoiseKeys.of(Ed25519PrivateKey.from_private_bytes(b"\7" * 32))
    assert counts(run(known, data, question(), {**KEYS, "b": other})) != found
    changed = tmp_path / "people.csv"
    text = data["a.people"].read_text(encoding="utf-8")
    changed.write_text(f"{text}Q1,1,1\nQ2,1,1\n", encoding="utf-8")
    # Persons whom b does not know: the true counts are the same, the state of a's data is not.
    assert counts(run(known, {**data, "a.people": changed}, question())) != found


def test_all_compute_parties_say_which_answer_it_was(
    known: Catalogue, data: dict[str, Path]
) -> None:
    (first,), (again,) = (heard(known, data, question())[1] for _ in range(2))
    (other,) = heard(known, data, question(FEES))[1]
    (rekeyed,) = heard(known, data, question(), signers=b"t")[1]
    assert first == again
    assert len({first, other, rekeyed, None}) == 4


def test_noise_that_is_not_sticky_is_new_in_every_run(
    known: Catalogue, data: dict[str, Path]
) -> None:
    fresh: dict[str, Any] = {"privacy": {"epsilon": "1/100", "sticky": False}}
    found = [heard(known, data, question(), **fresh) for _ in range(2)]
    assert counts(found[0][0]) != counts(found[1][0])  # equal with a chance below 10^-4
    assert [answers for _, answers in found] == [{None}, {None}]
    plan = planned(question(), records(known))
    case = case_of(plan, question(), records(known, privacy={"epsilon": "1/2", "sticky": False}))
    (why, *_) = (r.text for r in reasons(replace(case, losses=Losses())))
    assert why.endswith("that is new in every run, and that of the plan is not")


def test_a_plan_with_noise_does_not_run_without_keys(
    known: Catalogue, data: dict[str, Path]
) -> None:
    with pytest.raises(InternalError, match="expected this party's keys of noise"):
        run(known, data, question(), {})


# a party's secrets


def rows(*numbers: int) -> dict[str, Rows]:
    values = np.array(numbers, dtype=np.int64)
    keys = np.stack([values, values], axis=1).view(np.uint64)
    return {"f": Rows(keys, {"v": values}, {})}


def test_a_state_changes_with_the_rows_and_not_with_their_order() -> None:
    own, other = KEYS["a"], KEYS["b"]
    state = own.state(rows(1, 2, 3)).tolist()
    assert len(state) == 4
    assert state == own.state(rows(3, 1, 2)).tolist()
    for changed in (rows(1, 2, 4), rows(1, 2), {"g": rows(1, 2, 3)["f"]}, {}):
        assert state != own.state(changed).tolist()
    assert state != other.state(rows(1, 2, 3)).tolist()


def test_a_state_of_shared_columns_and_of_cells() -> None:
    def given(*numbers: int) -> dict[str, Rows]:
        words = np.array(numbers, dtype=np.uint64)
        column = GivenColumn(words, np.ones(len(numbers), dtype=np.bool_))
        return {"f": Rows(np.empty((0, 2), dtype=np.uint64), {}, {}, {"x": column})}

    def cells(*numbers: int) -> dict[str, Rows]:
        return {"f": Rows(np.empty((0, 2), np.uint64), {"x": np.array(numbers, np.int64)}, {})}

    own = KEYS["a"]
    assert own.state(given(1, 2)).tolist() == own.state(given(2, 1)).tolist()
    assert own.state(given(1, 2)).tolist() != own.state(given(1, 3)).tolist()
    assert own.state(cells(1, 2)).tolist() != own.state(cells(2, 1)).tolist()


def test_keys_follow_from_the_signing_key_and_are_not_shown() -> None:
    signing = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert NoiseKeys.of(signing) == KEYS["a"]
    assert KEYS["a"].parts != KEYS["a"].states
    assert repr(KEYS["a"]) == "NoiseKeys()"


# refusals


def test_a_rule_that_does_not_say_how_much_refuses(known: Catalogue) -> None:
    said = refused(records(known, privacy=None), question())
    assert (
        said
        == [
            'asks for noise on counts, and does not say how much: give it privacy = { epsilon = "..." }',
            "asks for noise on counts, and n has none: the plan does not add it",
        ][: len(said)]
    )


def test_what_nothing_bounds_has_no_noise(known: Catalogue) -> None:
    alone = question("SELECT COUNT(*) AS n FROM a.visits")
    (why,) = refused(records(known), alone)
    assert why.startswith(
        "asks for noise on counts, and n has none: nothing bounds what one person"
    )


def test_a_plan_whose_noise_is_too_little_is_refused(known: Catalogue) -> None:
    held = records(known)
    plan = planned(question(), held)

    def said(changed: Physical) -> list[str]:
        return [r.text for r in reasons(case_of(changed, question(), held, (), counted()))]

    def with_column(plan: Physical, **change: Any) -> Physical:
        assert plan.noise is not None
        noise = replace(plan.noise, columns=(replace(plan.noise.columns[0], **change),))
        return replace(plan, steps=(*plan.steps[:-2], noise, plan.gate))

    assert said(plan) == []
    (costs,) = said(with_column(plan, numerator=1))
    assert costs.endswith(
        "epsilon 1/2 an answer, and that of the plan costs more: epsilon 1, rho 1/2"
    )
    (bare,) = said(replace(plan, steps=(*plan.steps[:-2], plan.gate)))
    assert bare.endswith("n has none: the plan does not add it")
    looked_up = planned(
        question(f"SELECT ward, kind, COUNT(*) AS n {JOINED} GROUP BY ward, kind"), held
    )
    assert said(looked_up) == []
    assert said(with_column(looked_up, l1=1)) == [
        "the plan's noise on n is for less than a person adds to it"
    ]


def test_the_accountant_refuses_what_is_over_the_budget(known: Catalogue) -> None:
    held = records(known)
    three = [Loss.pure(HALF)] * 3
    assert compile_question(question(), held, (), counted(*three)).plan.noise is not None
    assert refused(held, question(), counted(*three, Loss.pure(Fraction(1, 4)))) == [
        f"{name}: its budget is epsilon 2, of which 7/4 is spent, and this question costs 1/2: ask "
        "for less, or with more noise"
        for name in ("a.people", "b.stays")
    ]


def test_what_was_not_counted_or_has_no_budget_is_denied(known: Catalogue) -> None:
    (first, _) = refused(records(known), question(), Known())
    assert first.startswith("a.people has a budget of epsilon 2, and what was told before was not")
    (only,) = refused(records(known, budgets=BUDGETS[:1]), question())
    assert only.startswith("b.stays has no budget of privacy")


def test_without_the_protocol_nobody_adds_noise(known: Catalogue) -> None:
    fewer = Cards({n: c for n, c in CARDS.items() if n != "noise"}, CARDS.leakage)
    plan = planned(question(), records(known))
    held = replace(records(known), cards=fewer)
    case = case_of(plan, question(), records(known), (), counted())
    said = [r.text for r in reasons(replace(case, cards=held.cards))]
    assert any(text.endswith("which no protocol here adds") for text in said)


# policies


@pytest.mark.parametrize(
    ("privacy", "words"),
    [
        ({}, "expected epsilon of laplace noise and no other number, got none"),
        ({"rho": "1"}, "expected epsilon of laplace noise and no other number, got rho"),
        ({"mechanism": "gaussian", "epsilon": "1"}, "expected rho of gaussian noise"),
        ({"epsilon": "0"}, "expected epsilon above 0"),
    ],
)
def test_an_amount_that_is_none_is_refused(privacy: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rule.model_validate({**RULE, "level": "LOW", "privacy": privacy})


def test_an_amount_without_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="to say what its privacy is for"):
        Rule.model_validate({**RULE, "level": "LOW", "noise": "none"})


def test_more_noise_is_narrower() -> None:
    def rule(**privacy: str) -> Rule:
        return Rule.model_validate({**RULE, "level": "LOW", "privacy": privacy or None})

    more, less = rule(epsilon="1/4"), rule(epsilon="1/2")
    gauss = rule(mechanism="gaussian", rho="1/8")
    assert list(wider(more, less)) == []
    for one, other in ((less, more), (rule(), more), (gauss, less)):
        assert list(wider(one, other)) == ["noise for a larger loss"]
    assert list(wider(less, gauss)) == []
    assert list(wider(more, rule())) == []


def test_budgets_are_part_of_a_policys_digest_and_stand_once(known: Catalogue) -> None:
    with_them, without = records(known), records(known, budgets=())
    assert with_them.policy.digest != without.policy.digest
    with pytest.raises(UsageError, match=r"expected one \[\[privacy\]\] for each dataset"):
        records(known, budgets=[BUDGETS[0], BUDGETS[0]])
