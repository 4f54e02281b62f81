"""Explanations of plans on shared tables: what each step does, why, with whom, who learns what, what others cost."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from tests.plans import READMITTED, SHARED, STAY, changed

from mpcstats.cards.load import load_cards
from mpcstats.party.networks import NETWORKS
from mpcstats.plan.cost import estimate, protocols, public_sizes, waves_of
from mpcstats.plan.drawing import drawing
from mpcstats.plan.explain import text
from mpcstats.plan.explanation import Explanation, Joint, explanation, plain
from mpcstats.plan.learned import Learned
from mpcstats.plan.onehot import public_sizes as split_sizes
from mpcstats.plan.physical import Physical, Release
from mpcstats.protocols import group_by_public
from mpcstats.records.levels import Level

CARDS = load_cards()
ALL = {"STAY": STAY, "READMITTED": READMITTED, "SHARED": SHARED}


def found(plan: Physical) -> Explanation:
    return explanation(plan, CARDS, level=lambda _: Level.LOW, networks=NETWORKS)


def step(plan: Physical, name: str) -> Joint:
    (only,) = (each for each in found(plan).steps if each.name == name)
    return only


def others(joint: Joint) -> dict[str, str]:
    return {other.card: other.why_not for other in joint.choice.others}


@pytest.mark.parametrize("name", ALL)
def test_every_step_is_said_in_words(name: str) -> None:
    of = found(ALL[name])
    words = text(of)
    for joint in of.steps:
        assert joint.what
        assert joint.choice.because
        assert f"  {joint.name}: {joint.card} v{joint.version}, {joint.what}" in words
        assert not re.search(r"Column\(|Reference\(|<", joint.what + joint.choice.because)
    json.dumps(plain(of), allow_nan=False)
    assert drawing(of).count('<g class="step">') == len(of.steps) - 1


def test_a_find_says_who_helps_whom_and_what_a_sort_would_cost() -> None:
    find = step(STAY, "find_h2")
    assert (find.helper, find.helps, find.inputs) == ("h1", ("bureau", "h2"), ("find_h1", "c_h2"))
    assert find.what.startswith(
        "looks the keys setl_id_s (bureau) up in c_h2 (h2) and brings tot_fee_h2"
    )
    assert "no key twice" in find.choice.because
    assert {"left", "right", "helper", "compute"} == {role.role for role in find.roles}
    why = others(find)["sort_join"]
    amount, unit = re.search(r"at most ([0-9.]+) (MB|kB) over all parties", why).groups()  # type: ignore[union-attr]
    assert unit == "MB"
    assert float(amount) > 10 * sum(find.bytes_sent.values()) / 1e6
    repeated = changed(STAY, "find_h2", distinct=500)
    assert "(500 keys at most)" in step(repeated, "find_h2").choice.because
    assert {part.card for part in step(repeated, "find_h2").composed} == {"table", "expand"}


def test_a_match_says_why_it_is_no_lookup() -> None:
    assert others(step(SHARED, "insured_claims")) == {
        "lookup_join": "the rows of claims come from p, q, and no owner knows all of their keys"
    }
    own = changed(SHARED, "insured_claims", left="claims_q", kind="left")
    assert "accept no helper; it would take" in others(step(own, "insured_claims"))["lookup_join"]
    many = changed(own, "insured_claims", most=2)
    assert "2 times on the right" in others(step(many, "insured_claims"))["lookup_join"]
    fragments = tuple(replace(f, owner="bureau") for f in own.fragments)
    one = others(step(replace(own, fragments=fragments), "insured_claims"))
    assert one["lookup_join"] == "both sides are rows of bureau, and a lookup has two owners"


def test_a_group_says_why_no_owner_makes_it() -> None:
    why = others(step(SHARED, "persons"))
    assert why["group_by_owned"] == "no owner knows the keys of all rows of insured_claims"
    assert "at most" in others(step(SHARED, "counts"))["group_by"]
    assert "sums under one-hot rows take" in others(step(SHARED, "counts"))["group_by"]


def test_only_cards_that_there_are_are_named() -> None:
    fewer = type(CARDS)({n: CARDS[n] for n in CARDS if n != "sort_join"}, CARDS.leakage)
    of = explanation(STAY, fewer, level=lambda _: Level.LOW, networks=())
    assert not any(other.card == "sort_join" for s in of.steps for other in s.choice.others)


def test_what_is_learned_by_whom() -> None:
    said = found(SHARED).learned
    opened = {each.what for each in said if each.who == "bureau, h1, p"}
    assert "which of two rows of a fresh secret order comes first" in opened
    hidden = [each.what for each in said if each.who == "nobody"]
    assert any(words.startswith("what the rows of shared tables hold") for words in hidden)
    words = "which keys bureau and h3 have in common, as long as h1 colludes with neither"
    assert Learned("nobody", words) in found(STAY).learned
    # Lookups alone open nothing but the gate's cells.
    assert {each.who for each in found(STAY).learned} == {"bureau", "everybody", "nobody"}


def test_a_release_of_some_columns_names_quotients_by_either_part() -> None:
    some = Release(("p",), 30, columns=(0, 2))
    plan = changed(STAY, "gate", releases=(Release(("bureau",), 30), some))
    assert any("of n_case, avg_fee alone" in each.what for each in found(plan).learned)


def test_a_steps_protocols_are_its_own_and_what_it_is_composed_of() -> None:
    played = protocols(SHARED)
    assert played["spread"] == ("moments", "group_by_public", "derive")
    assert played["claims"] == ("table",)
    assert played["gate"] == ("gate",)
    assert [part.card for part in step(SHARED, "spread").composed] == ["group_by_public", "derive"]
    assert "composed with group_by_public, derive" in text(found(SHARED))


def test_fragments_show_their_columns_and_no_key_of_their_own() -> None:
    homes = {home.name: home.yields for home in found(STAY).fragments}
    assert homes["s"] == ("setl_id_s", "drg_code_s", "fund_pay_sumamt_s")


def test_steps_run_side_by_side_once_their_tables_are_there() -> None:
    waves = waves_of(SHARED)
    assert waves[:3] == (("claims_p", "claims_q", "insured"), ("claims",), ("insured_claims",))
    assert set(waves[4]) == {"counts", "extremes", "median", "spread"}
    cost = estimate(SHARED, CARDS)
    rounds = {each.step: each.rounds for each in cost.steps}
    longest = sum(max(rounds[name] for name in wave) for wave in waves)
    assert cost.rounds == longest + rounds["outcome"] + rounds["gate"]
    assert cost.rounds < sum(rounds.values())


@pytest.mark.parametrize("name", ALL)
def test_public_sizes_have_names_of_their_own(name: str) -> None:
    plan = ALL[name]
    sizes = public_sizes(plan)
    for joint in found(plan).steps:
        assert all(sizes[f"{joint.name} {size}"] == n for size, n in joint.sizes.items())
        for i, part in enumerate(joint.composed):
            place = f"{joint.name}/{part.card}{i}"
            assert all(sizes[f"{place} {size}"] == n for size, n in part.sizes.items())


@pytest.mark.parametrize("sums", [0, 1, 3, 7])
@pytest.mark.parametrize("groups", [1, 2, 3, 5, 20, 37, 64, 1000])
def test_the_split_of_a_public_group_by_is_the_protocols(groups: int, sums: int) -> None:
    split = group_by_public.split(groups, sums)
    sizes = split_sizes(70_000, groups, sums)
    assert (sizes["high"], sizes["low"]) == (split.high, split.low)
    assert sizes["ands"] == group_by_public.ands(groups, sums)
    assert sizes["levels"] == group_by_public.levels(groups, sums)
    assert sizes["turns"] == 2


def test_a_larger_bound_costs_more() -> None:
    """Negative control: figures follow the plan."""
    fragments = tuple(replace(f, rows=2 * f.rows) for f in SHARED.fragments)
    small, large = found(SHARED), found(replace(SHARED, fragments=fragments))
    assert large.total_bytes > 1.5 * small.total_bytes
