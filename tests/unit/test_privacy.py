"""What noise costs: losses add up exactly, conversions are tight, budgets refuse in words, a log is folded right."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb, exp, log, pi, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests import laws

from mpcstats.errors import UsageError
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.contribution import Contribution, Sensitivity
from mpcstats.records.privacy.loss import (
    NOTHING,
    Loss,
    delta,
    epsilon,
    read_charged,
    read_fraction,
)
from mpcstats.records.privacy.mechanism import (
    Mechanism,
    gaussian_for,
    laplace_for,
    root_above,
)
from mpcstats.records.privacy.padding import Padding
from mpcstats.records.privacy.spending import Losses, charges, read_charges

ONE = Sensitivity(1, 1, 1)
HALF = Fraction(1, 2)


def fraction(text: str) -> Fraction:
    return Fraction(text)


# losses


def test_losses_add_up_as_fractions() -> None:
    tenth = Loss.pure(Fraction(1, 10))
    total = sum([tenth] * 10, start=NOTHING)
    assert total == Loss(Fraction(1), Fraction(1, 20))
    mixed = total + Loss.concentrated(Fraction(1, 3))
    assert mixed == Loss(None, Fraction(23, 60))
    assert str(mixed) == "rho 23/60"
    assert str(total) == "epsilon 1, rho 1/20"


def test_a_loss_below_nothing_is_refused() -> None:
    zero = Fraction(0)
    for wrong in ((Fraction(-1), zero), (None, Fraction(-1)), (None, zero, Fraction(-1))):
        with pytest.raises(UsageError, match=r"^expected a loss of at least 0, got one below$"):
            Loss(*wrong)


def test_dummies_lose_a_delta_that_adds_up() -> None:
    padding = Padding(HALF, Fraction(1, 1000))
    assert padding.loss == Loss(HALF, Fraction(1, 8), Fraction(1, 1000))
    both = padding.loss + padding.loss + Loss.pure(HALF)
    assert both == Loss(Fraction(3, 2), Fraction(3, 8), Fraction(1, 500))
    assert (padding.loss + Loss.concentrated(HALF)).delta == Fraction(1, 1000)
    assert str(both) == "epsilon 3/2, rho 3/8, delta 1/500"
    assert read_charges(charges({"d": both, "e": Loss.pure(HALF)})) == {
        "d": both,
        "e": Loss.pure(HALF),
    }
    assert "delta" not in str(
        charges({"e": Loss.pure(HALF)})
    )  # as it was written before there were dummies


@pytest.mark.parametrize("delta_", [Fraction(1, 2), Fraction(1, 7), Fraction(1, 10**9)])
@pytest.mark.parametrize("epsilon_", [Fraction(1, 10), Fraction(2, 3), Fraction(5)])
def test_the_number_of_dummies_is_the_least_that_does(epsilon_: Fraction, delta_: Fraction) -> None:
    shift = Padding(epsilon_, delta_).shift
    assert exp(-float(epsilon_) * shift) <= float(delta_)
    assert shift == 1 or exp(-float(epsilon_) * (shift - 1)) > float(delta_)


@pytest.mark.parametrize("wrong", [(0, HALF), (-1, HALF), (1, 0), (1, 1)])
def test_dummies_need_an_epsilon_and_a_delta(wrong: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="to hide a size by dummies"):
        Padding(*map(Fraction, wrong))


@pytest.mark.parametrize("text", ["0.5", "1/0", "-1", "", "1e3", "1 / 2", "1" * 10, 1, None])
def test_a_number_that_is_no_fraction_is_refused(text: object) -> None:
    with pytest.raises(UsageError, match=r"^expected a number as text, as \"3\" or \"1/2\", got "):
        read_fraction(text)


def test_fractions_are_read() -> None:
    assert read_fraction("3") == 3
    assert read_fraction("22/7") == Fraction(22, 7)
    assert read_charged("1" * 50) == int("1" * 50)
    with pytest.raises(UsageError, match="expected a number that was charged"):
        read_charged("1.5")


def plain_delta(rho: float, eps: float) -> float:
    """The least over a fine grid of orders."""
    orders = [1 + 10 ** (k / 500) for k in range(-2000, 2001)]
    exponents = [(a - 1) * (a * rho - eps) + a * log(1 - 1 / a) - log(a - 1) for a in orders]
    return exp(min(exponents))


@pytest.mark.parametrize("rho", ["1/1000", "1/8", "1/2", "3"])
@pytest.mark.parametrize("eps", ["0", "1/10", "1", "8"])
def test_the_conversion_is_the_least_over_all_orders(rho: str, eps: str) -> None:
    found = delta(Fraction(rho), Fraction(eps))
    expected = min(1.0, plain_delta(float(Fraction(rho)), float(Fraction(eps))))
    assert expected * 0.99 <= float(found) <= expected * 1.0000001


def test_the_conversion_holds_for_the_gaussian_and_is_not_far_from_its_truth() -> None:
    """Of a discrete Gaussian of sigma 10 and shift 1 the exact delta is a sum over all integers."""
    variance, eps = 100, 0.3
    chance = laws.gaussian(variance)
    exact = sum(max(0.0, chance(z) - exp(eps) * chance(z - 1)) for z in range(-150, 151))
    bound = float(delta(Fraction(1, 2 * variance), Fraction(3, 10)))
    assert exact < bound < 10 * exact


def test_epsilon_is_the_inverse_of_delta() -> None:
    for rho, wanted in ((fraction("1/8"), Fraction(1, 10**6)), (Fraction(2), Fraction(1, 100))):
        found = epsilon(rho, wanted)
        assert delta(rho, found) <= wanted < delta(rho, found * Fraction(999999, 1000000))
    assert epsilon(Fraction(0), HALF) == 0
    with pytest.raises(UsageError, match=r"^expected a delta above 0 and below 1, got 1$"):
        epsilon(HALF, Fraction(1))
    with pytest.raises(UsageError, match=r"^expected rho and epsilon of at least 0"):
        delta(Fraction(-1), HALF)


# mechanisms


@given(
    moved=st.integers(1, 10**6), numerator=st.integers(1, 1000), denominator=st.integers(1, 1000)
)
def test_laplace_noise_loses_what_it_is_made_for(
    moved: int, numerator: int, denominator: int
) -> None:
    wanted = Fraction(numerator, denominator)
    found = laplace_for(Sensitivity(moved, moved**2, 1), wanted)
    assert found.loss(Sensitivity(moved, moved**2, 1)) == Loss.pure(wanted)


@pytest.mark.parametrize("scale", ["7/2", "20"])
def test_the_loss_of_laplace_noise_is_that_of_its_law(scale: str) -> None:
    """The largest log-ratio of the law and the law moved by 3."""
    chance = laws.laplace(float(Fraction(scale)))
    ratio = max(log(chance(z) / chance(z - 3)) for z in range(-60, 61))
    loss = Mechanism("laplace", Fraction(scale)).loss(Sensitivity(3, 9, 1))
    assert loss.epsilon is not None
    assert abs(ratio - float(loss.epsilon)) < 1e-9


def renyi(order: float, variance: int, shift: int) -> float:
    """Of the sum of two discrete Gaussians and the same moved by `shift`, over `order`."""
    exact = laws.sum_of_two(laws.gaussian(variance / 2), 40)
    total = sum(exact(z) ** order * exact(z - shift) ** (1 - order) for z in range(-22, 23))
    return log(total) / (order - 1) / order


@pytest.mark.parametrize("variance", [2, 5])
@pytest.mark.parametrize("shift", [1, 2])
def test_the_loss_of_gaussian_noise_bounds_that_of_two_parts(variance: int, shift: int) -> None:
    loss = Mechanism("gaussian", Fraction(variance)).loss(Sensitivity(shift, shift**2, 1))
    worst = max(renyi(order, variance, shift) for order in (1.01, 1.5, 2.0, 4.0))
    assert 0.9 * float(loss.rho) < worst <= float(loss.rho) * (1 + 1e-9)


@settings(max_examples=40)
@given(
    l2=st.integers(1, 10**14), cells=st.integers(1, 100),
    numerator=st.integers(1, 100), denominator=st.integers(1, 1000),
)  # fmt: skip
def test_gaussian_noise_is_as_little_as_its_loss_lets(
    l2: int, cells: int, numerator: int, denominator: int
) -> None:
    moved, rho = Sensitivity(l2, l2, cells), Fraction(numerator, denominator)
    found = gaussian_for(moved, rho)
    assert found.loss(moved).rho <= rho
    least = max(Fraction(l2) / (2 * rho), Fraction(2))
    assert least <= found.parameter <= least * Fraction(102, 100) + HALF


def test_the_gap_counts_where_the_variance_is_small_alone() -> None:
    gaps = [
        Mechanism("gaussian", Fraction(w)).loss(ONE).rho - Fraction(1, 2 * w) for w in (2, 4, 20)
    ]
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert float(gaps[0]) < 2 * 5 * 2**-14  # about 2 sqrt(d) L * D2 / sqrt(w)
    assert gaps[2] <= Fraction(2, 1 << 48)


def test_the_bound_of_the_gap_is_above_the_true_one() -> None:
    """L = ln r of spec.md, and 5 * 2^-floor(7 w)."""
    for w in (2.0, 2.5, 3.0, 4.0):
        q = exp(-pi * pi * w / 2)
        ratio = (1 + 2 * q + 2 * q**4) / (1 - 2 * q + 2 * q**4)
        assert log(ratio) <= 5 * q <= 5 * 2.0 ** -int(7 * w)


@pytest.mark.parametrize(
    ("kind", "parameter", "words"),
    [
        ("laplace", "0", "expected a scale above 0 for noise, got 0"),
        ("laplace", "-1", "expected a scale above 0 for noise, got -1"),
        ("gaussian", "1", "expected a variance of at least 2 for noise, got 1"),
    ],
)
def test_noise_without_a_bound_is_refused(kind: Any, parameter: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        Mechanism(kind, Fraction(parameter))


def test_noise_for_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="expected an epsilon above 0"):
        laplace_for(ONE, Fraction(0))
    with pytest.raises(UsageError, match="expected a rho above 0"):
        gaussian_for(ONE, Fraction(0))


@given(numerator=st.integers(1, 10**20), denominator=st.integers(1, 10**40))
def test_a_root_is_rounded_up_and_near(numerator: int, denominator: int) -> None:
    number = Fraction(numerator, denominator)
    found = root_above(number)
    assert number <= found**2 <= number * (1 + Fraction(1, 1 << 30))


def test_mechanisms_say_what_they_are() -> None:
    assert str(Mechanism("laplace", Fraction(7, 2))) == "discrete Laplace of scale 7/2"
    assert str(Mechanism("gaussian", Fraction(50))) == "discrete Gaussian of variance 50"


# contributions


def test_what_a_person_adds_is_bounded_by_its_limits() -> None:
    limits = Contribution(rows=3, cells=2, low=-5, high=100)
    assert limits.of_sum() == Sensitivity(300, 90000, 2)
    assert limits.of_rows() == Sensitivity(3, 9, 2)
    assert limits.of_persons() == Sensitivity(2, 2, 2)


@settings(max_examples=60)
@given(data=st.data(), rows=st.integers(1, 4), cells=st.integers(1, 3))
def test_no_person_moves_an_answer_further(data: Any, rows: int, cells: int) -> None:
    low, high = -3, 7
    limits = Contribution(rows, cells, low, high)
    own = data.draw(
        st.lists(st.tuples(st.integers(0, cells - 1), st.integers(low, high)), max_size=rows)
    )
    sums, counts = [0] * cells, [0] * cells
    for cell, value in own:
        sums[cell] += value
        counts[cell] += 1
    persons = [min(n, 1) for n in counts]
    found = (
        (sums, limits.of_sum()),
        (counts, limits.of_rows()),
        (persons, limits.of_persons()),
    )
    for moved, bound in found:
        assert sum(map(abs, moved)) <= bound.l1
        assert sum(m * m for m in moved) <= bound.l2_squared
        assert sum(m != 0 for m in moved) <= bound.cells


def test_limits_that_are_none_are_refused() -> None:
    for wrong in ((0, 1, 0, 1), (1, 0, 0, 1), (1, 1, 2, 1)):
        with pytest.raises(UsageError, match=r"^expected a person to have a row and a cell"):
            Contribution(*wrong)
    with pytest.raises(UsageError, match="noise on what never changes"):
        Contribution(1, 1, 0, 0).of_sum()


# budgets


def budget(**limits: str) -> PrivacyBudget:
    return PrivacyBudget.model_validate({"dataset": "bureau.enrolment", **limits})


def test_a_budget_takes_what_fits_and_says_what_does_not() -> None:
    three = budget(epsilon="3")
    assert three.refusal(Loss.pure(Fraction(5, 2)), Loss.pure(HALF)) is None
    assert three.refusal(Loss.pure(Fraction(11, 4)), Loss.pure(HALF)) == (
        "bureau.enrolment: its budget is epsilon 3, of which 11/4 is spent, and this question costs "
        "1/2: ask for less, or with more noise"
    )
    eighth = budget(rho="1/8")
    assert eighth.refusal(Loss.pure(HALF), NOTHING) is None
    said = eighth.refusal(Loss.pure(HALF), Loss.concentrated(Fraction(1, 10**13)))
    assert said is not None
    assert "costs about 0.000001" in said


def test_gaussian_noise_is_not_within_a_pure_budget() -> None:
    gauss, pure = Loss.concentrated(Fraction(1, 100)), Loss.pure(HALF)
    for lost, asked, whose in (
        (pure, gauss, "this question"),
        (gauss, pure, "an earlier question"),
    ):
        said = budget(epsilon="9").refusal(lost, asked)
        assert said is not None
        assert f"the noise of {whose} is Gaussian" in said


def test_a_budget_with_a_delta_goes_by_the_conversion() -> None:
    both = budget(epsilon="1", delta="1/1000000")
    fits = (
        bisect_left(
            range(1, 1000), 1, key=lambda k: epsilon(Fraction(1, k), Fraction(1, 10**6)) <= 1
        )
        + 1
    )
    assert both.refusal(NOTHING, Loss.concentrated(Fraction(1, fits))) is None
    said = both.refusal(NOTHING, Loss.concentrated(Fraction(1, fits - 1)))
    assert said is not None
    assert said.startswith("bureau.enrolment: its budget is epsilon 1, delta 1/1000000; with this ")
    assert both.refusal(Loss.concentrated(Fraction(1, fits)), Loss.concentrated(Fraction(1, 99)))


def test_dummies_fit_a_budget_with_a_delta_above_theirs() -> None:
    padded = Padding(HALF, Fraction(1, 10**6)).loss
    for limits in ({"epsilon": "9"}, {"rho": "9"}, {"epsilon": "9", "delta": "1/1000000"}):
        said = budget(**limits).refusal(NOTHING, padded)
        assert said is not None
        assert "with this question delta alone would be 1/1000000: ask for dummies" in said
        assert budget(**limits).refusal(NOTHING, Loss.pure(HALF)) is None
    assert budget(epsilon="9", delta="1/999999").refusal(NOTHING, padded) is None
    assert budget(epsilon="1/2", delta="1/999999").refusal(NOTHING, padded) is not None


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"epsilon": "1", "rho": "1"},
        {"rho": "1", "delta": "1/2"},
        {"epsilon": "1", "delta": "1"},
        {"epsilon": "0.5"},
        {"epsilon": 1},
    ],
)
def test_a_budget_that_is_none_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        budget(**limits)


# the log


@dataclass(frozen=True)
class Entry:
    kind: str
    body: dict[str, Any]
    index: int = 0
    time: str = "2026-01-01T00:00:00Z"
    seen: list[str] = field(default_factory=list)


def decision(plan: str, *, permit: bool = True, **lost: Loss) -> Entry:
    return Entry("decision", {"plan": plan, "permit": permit, "privacy": charges(lost)})


def finish(plan: str, answer: str) -> Entry:
    return Entry("finish", {"plan": plan, "noise": answer})


def test_every_permit_counts_and_no_refusal_does() -> None:
    found = Losses.of(
        [
            decision("q", d=Loss.pure(HALF), e=Loss.pure(Fraction(1, 3))),
            decision("q", d=Loss.pure(HALF)),
            decision("r", permit=False, d=Loss.pure(HALF)),
            Entry("decision", {"plan": "s", "permit": True}),
            Entry("request", {"question": "s", "privacy": "no table"}),
        ]
    )
    assert found.lost("d") == Loss(Fraction(1), Fraction(1, 4))
    assert found.lost("e") == Loss.pure(Fraction(1, 3))
    assert found.lost("f") == NOTHING


def test_a_repeated_answer_costs_nothing() -> None:
    """Also with Gaussian noise, after which a pure loss is one again."""
    gauss = Loss.concentrated(Fraction(1, 8))
    first = [decision("q", d=Loss.pure(HALF)), finish("q", "A"), decision("r", d=gauss)]
    assert Losses.of(first).lost("d").epsilon is None
    repeated = [*first, finish("r", "A")]
    assert Losses.of(repeated).lost("d") == Loss.pure(HALF)


def test_another_answer_or_a_run_that_did_not_end_counts() -> None:
    asked = decision("q", d=Loss.pure(HALF))
    for entries in (
        [asked, finish("q", "A"), asked, finish("q", "B")],
        [asked, finish("q", "A"), asked],
        [asked, finish("q", "A"), asked, finish("other", "A")],
    ):
        assert Losses.of(entries).lost("d") == Loss(Fraction(1), Fraction(1, 4))


def test_one_permit_is_taken_back_once() -> None:
    asked = decision("q", d=Loss.pure(HALF))
    entries = [asked, finish("q", "A"), asked, finish("q", "A"), finish("q", "A")]
    assert Losses.of(entries).lost("d") == Loss.pure(HALF)


@pytest.mark.parametrize(
    "said", ["none", {"d": 1}, {"d": {"rho": "1"}}, {"d": {"epsilon": 1, "rho": "1"}}]
)
def test_a_charge_that_cannot_be_read_is_refused(said: Any) -> None:
    with pytest.raises(UsageError):
        Losses.of([Entry("decision", {"plan": "q", "permit": True, "privacy": said})])


def test_the_fraction_of_a_walk_is_what_half_a_success_is() -> None:
    """C(2k, k) 4^-k times p^k sums to (1 - p)^(-1/2): the series that makes halves add up (spec.md)."""
    p = 0.7
    assert abs(sum(comb(2 * k, k) / 4**k * p**k for k in range(400)) - 1 / sqrt(1 - p)) < 1e-9
