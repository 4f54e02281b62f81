"""Exact samplers against the probabilities that they promise, with fixed keys; and samplers of a wrong scale fail."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from tests import laws
from tests.chisquare import agrees, limit, statistic

from mpcstats.algebra import discrete
from mpcstats.algebra.discrete import Draw
from mpcstats.errors import UsageError
from mpcstats.session import Stream
from mpcstats.session.draws import StreamDraw, SystemDraw, encoded, keyed_draw

SAMPLES = 20_000
RANGE = range(-300, 301)
Sampler = Callable[[Draw, Fraction], int]
Law = Callable[[float], laws.Chance]

CASES = [
    (discrete.discrete_laplace, laws.laplace, Fraction(10)),
    (discrete.discrete_laplace, laws.laplace, Fraction(7, 3)),
    (discrete.discrete_laplace, laws.laplace, Fraction(1, 3)),
    (discrete.discrete_laplace, laws.laplace, Fraction(100, 7)),
    (discrete.discrete_gaussian, laws.gaussian, Fraction(1, 4)),
    (discrete.discrete_gaussian, laws.gaussian, Fraction(2)),
    (discrete.discrete_gaussian, laws.gaussian, Fraction(201, 2)),
    (discrete.geometric, laws.geometric, Fraction(5, 2)),
    (discrete.half_geometric, laws.half_geometric, Fraction(1, 2)),
    (discrete.half_geometric, laws.half_geometric, Fraction(12)),
]


def drawn(sampler: Sampler, value: Fraction, n: int = SAMPLES) -> list[int]:
    draw = keyed_draw(bytes(32), sampler.__name__, str(value))
    return [sampler(draw, value) for _ in range(n)]


@pytest.mark.parametrize(("sampler", "law", "value"), CASES)
def test_a_sampler_has_its_law(sampler: Sampler, law: Law, value: Fraction) -> None:
    assert agrees(drawn(sampler, value), law(float(value)), RANGE)


@pytest.mark.parametrize(("sampler", "law", "value"), [CASES[0], CASES[6], CASES[9]])
def test_a_sampler_of_another_scale_is_seen(sampler: Sampler, law: Law, value: Fraction) -> None:
    """Negative control: a scale that is a quarter too large, a variance that is."""
    wrong = drawn(sampler, value * Fraction(5, 4))
    assert not agrees(wrong, law(float(value)), RANGE)


def test_halves_add_up_to_a_geometric_and_differences_to_a_laplace() -> None:
    """What makes the parts of two parties one discrete Laplace."""
    draw, scale = keyed_draw(bytes(32), "halves"), Fraction(8)
    halves = [[discrete.half_geometric(draw, scale) for _ in range(SAMPLES)] for _ in range(4)]
    sums = [a + b for a, b in zip(*halves[:2], strict=True)]
    assert agrees(sums, laws.geometric(8), RANGE)
    both = [a + b - c - d for a, b, c, d in zip(*halves, strict=True)]
    assert agrees(both, laws.laplace(8), RANGE)
    alone = [a - c for a, c in zip(halves[0], halves[2], strict=True)]
    assert not agrees(alone, laws.laplace(8), RANGE)  # negative control


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 64, 100])
def test_uniform_numbers_are_uniform(bound: int) -> None:
    draw = keyed_draw(bytes(32), "below", bound)
    sample = [discrete.below(draw, bound) for _ in range(SAMPLES)]
    assert set(sample) == set(range(bound))
    if bound > 1:
        assert agrees(sample, lambda k: 1 / bound if 0 <= k < bound else 0.0, range(bound))


def test_large_scales_stay_exact() -> None:
    """Beyond what floating point can tell apart: half of the draws are above the median, all bits occur."""
    scale = Fraction(3 * 2**90, 7)
    sample = [abs(z) for z in drawn(discrete.discrete_laplace, scale, 4000)]
    above = sum(z * 10**6 > 693147 * scale for z in sample)
    assert abs(above - 2000) < 160  # 5 standard deviations
    assert len({z % 64 for z in sample}) == 64


@pytest.mark.parametrize(
    ("sampler", "what"),
    [
        (discrete.discrete_laplace, "scale"),
        (discrete.discrete_gaussian, "variance"),
        (discrete.geometric, "scale"),
        (discrete.half_geometric, "scale"),
    ],
)
@pytest.mark.parametrize("value", [Fraction(0), Fraction(-1, 2)])
def test_what_is_no_scale_is_refused(sampler: Sampler, what: str, value: Fraction) -> None:
    with pytest.raises(UsageError, match=rf"^expected a {what} above 0, got {value}$"):
        sampler(SystemDraw(), value)


def test_the_test_itself_counts_right() -> None:
    """A sample that is exactly as expected has statistic 0; the limit is near the true one (65.4 at 20 degrees)."""
    found, freedom = statistic([0] * 500 + [1] * 500, lambda _: 0.5, range(2))
    assert (found, freedom) == (0.0, 1)
    assert abs(limit(20) - 65.42) < 1.0


# draws


def test_a_stream_gives_its_bits_in_order_however_they_are_asked_for() -> None:
    words = Stream(bytes(16)).words(64).tolist()
    plain = sum(w << 64 * i for i, w in enumerate(words))
    draw, at = StreamDraw(Stream(bytes(16))), 0
    for n in (1, 0, 63, 64, 65, 7, 1000, 3, 2000):
        assert draw.bits(n) == plain >> at & ((1 << n) - 1)
        at += n


def test_a_keyed_draw_is_the_same_for_the_same_name_alone() -> None:
    def bits(*name: bytes | int | str, key: bytes = bytes(32)) -> int:
        return keyed_draw(key, *name).bits(128)

    same = bits("a", 1, b"x")
    assert same == bits("a", 1, b"x")
    others = [bits("a", 1), bits("a", "1", b"x"), bits("a1", b"x"), bits("a", 1, "x")]
    others.append(bits("a", 1, b"x", key=b"\1" + bytes(31)))
    assert len({same, *others}) == 6


def test_names_that_only_end_elsewhere_are_told_apart() -> None:
    assert encoded(["ab", "c"]) == b"s2:abs1:c"
    assert encoded(["a", "bc"]) != encoded(["ab", "c"])
    assert encoded([1]) != encoded(["1"]) != encoded([b"1"])


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^expected a noise key of 32 bytes, got 16$"):
        keyed_draw(bytes(16), "a")


def test_the_systems_draw_has_the_width_asked_for() -> None:
    assert SystemDraw().bits(0) == 0
    assert max(SystemDraw().bits(3) for _ in range(400)) == 7


def test_a_draw_does_not_show_its_bits() -> None:
    assert repr(keyed_draw(bytes(32), "a")) == "<draw>"
