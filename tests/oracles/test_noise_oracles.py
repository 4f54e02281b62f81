"""Samplers against OpenDP's and accounting against Google's dp-accounting: oracles of development, nothing else.

Both libraries are other implementations of the same papers. They are in the extra `oracles`; without them these tests
are skipped, and tests/unit/test_discrete.py and test_privacy.py stand alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import log, sqrt
from typing import Any

import pytest
from tests import laws
from tests.chisquare import LEAST, limit

from mpcstats.algebra.discrete import discrete_gaussian, discrete_laplace
from mpcstats.protocols.noise import Law
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import NOTHING, Loss, delta, epsilon
from mpcstats.records.privacy.mechanism import Mechanism
from mpcstats.session.draws import keyed_draw

pytestmark = pytest.mark.extras
REASON = "needs the extra `oracles`"
SAMPLES = 40_000


def opendp_sample(kind: str, scale: float) -> list[int]:
    dp = pytest.importorskip("opendp.prelude", reason=REASON)
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if kind == "laplace":
        made = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)
    else:
        made = dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=scale)
    found: list[int] = made([0] * SAMPLES)
    return found


def alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two samples of one size may be of one law (chi-square of homogeneity, false alarms 1e-6)."""
    counts, against = Counter(one), Counter(other)
    found, classes, rest = 0.0, 0, [0, 0]
    for value in {*counts, *against}:
        x, y = counts[value], against[value]
        if x + y < 2 * LEAST:
            rest = [rest[0] + x, rest[1] + y]
            continue
        found += (x - y) ** 2 / (x + y)
        classes += 1
    if sum(rest):
        found += (rest[0] - rest[1]) ** 2 / sum(rest)
        classes += 1
    return found < limit(classes - 1)


@pytest.mark.parametrize("scale", ["1/2", "3", "25"])
def test_laplace_is_that_of_opendp(scale: str) -> None:
    theirs = opendp_sample("laplace", float(Fraction(scale)))
    draw = keyed_draw(bytes(32), "oracle", scale)
    assert alike([discrete_laplace(draw, Fraction(scale)) for _ in range(SAMPLES)], theirs)
    parts = [Law("laplace", Fraction(scale)).part(draw, 2) for _ in range(2 * SAMPLES)]
    both = [x + y for x, y in zip(parts[::2], parts[1::2], strict=True)]
    assert alike(both, theirs)
    wider = [discrete_laplace(draw, Fraction(scale) * Fraction(11, 10)) for _ in range(SAMPLES)]
    assert not alike(wider, theirs)  # negative control


@pytest.mark.parametrize("sigma", [1, 4, 20])
def test_gaussian_is_that_of_opendp(sigma: int) -> None:
    theirs = opendp_sample("gaussian", float(sigma))
    draw = keyed_draw(bytes(32), "oracle", sigma)
    assert alike([discrete_gaussian(draw, Fraction(sigma**2)) for _ in range(SAMPLES)], theirs)
    wider = [discrete_gaussian(draw, Fraction(5 * sigma**2, 4)) for _ in range(SAMPLES)]
    assert not alike(wider, theirs)  # negative control


def accounting() -> Any:
    return pytest.importorskip("dp_accounting", reason=REASON)


def losses(name: str) -> Any:
    accounting()
    module = pytest.importorskip("dp_accounting.pld.privacy_loss_distribution", reason=REASON)
    return getattr(module, name)


@pytest.mark.parametrize(("multiplier", "times"), [(1, 1), (2, 3), (10, 50), (40, 7)])
def test_epsilon_is_that_of_renyi_accounting(multiplier: int, times: int) -> None:
    dp = accounting()
    accountant = pytest.importorskip("dp_accounting.rdp", reason=REASON).RdpAccountant()
    accountant.compose(dp.GaussianDpEvent(noise_multiplier=multiplier), times)
    one = Loss.concentrated(Fraction(1, 2 * multiplier**2))
    total = sum([one] * times, start=NOTHING)
    for small in (Fraction(1, 10**6), Fraction(1, 100)):
        ours, theirs = float(epsilon(total.rho, small)), accountant.get_epsilon(float(small))
        # They try a list of orders, we the best one: never above, and near.
        assert 0.97 * theirs <= ours <= theirs * (1 + 1e-9)


@pytest.mark.parametrize(("scale", "moved", "times"), [("10", 1, 1), ("10", 3, 4), ("7/2", 2, 2)])
def test_a_pure_loss_is_that_of_the_privacy_loss_distribution(
    scale: str, moved: int, times: int
) -> None:
    made = losses("from_discrete_laplace_mechanism")
    theirs = made(float(1 / Fraction(scale)), sensitivity=moved, value_discretization_interval=1e-5)
    loss = Mechanism("laplace", Fraction(scale)).loss(Sensitivity(moved, moved**2, 1))
    total = sum([loss] * times, start=NOTHING)
    assert total.epsilon is not None
    found = theirs.self_compose(times).get_epsilon_for_delta(0)
    # Rounded up to steps of 1e-5 at every composition.
    assert float(total.epsilon) - 1e-9 <= found <= float(total.epsilon) + times * 2e-5


@pytest.mark.parametrize(("variance", "moved"), [(2, 1), (4, 2), (50, 5)])
def test_what_two_parts_lose_is_less_than_charged(variance: int, moved: int) -> None:
    """The privacy loss distribution of the very law of two parts, and of it moved: delta is below ours."""
    two, reach = laws.sum_of_two(laws.gaussian(variance / 2), 80), int(8 * sqrt(variance)) + 6
    made = losses("from_two_probability_mass_functions")
    logs = [{z: log(two(z - by)) for z in range(-reach, reach + 1)} for by in (0, moved)]
    theirs = made(logs[1], logs[0], value_discretization_interval=1e-4)
    charged = Mechanism("gaussian", Fraction(variance)).loss(Sensitivity(moved, moved**2, 1)).rho
    for at in ("1/2", "1", "2"):
        exact, ours = (
            theirs.get_delta_for_epsilon(float(Fraction(at))),
            delta(charged, Fraction(at)),
        )
        assert exact <= float(ours)
        assert exact > 0.01 * float(ours)


def test_less_than_was_lost_is_seen() -> None:
    """Negative control: half of the charge does not cover the loss of two parts."""
    made = losses("from_discrete_gaussian_mechanism")
    exact = made(10.0, sensitivity=5).get_delta_for_epsilon(0.5)
    charged = Mechanism("gaussian", Fraction(100)).loss(Sensitivity(5, 25, 1)).rho
    assert float(delta(charged / 6, Fraction(1, 2))) < exact < float(delta(charged, Fraction(1, 2)))
