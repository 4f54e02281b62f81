"""What noise adds is the parts of all compute parties, again and again for the same, and costs what its card says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import laws
from tests.chisquare import agrees
from tests.dealt import bytes_below, numbers

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.held import Summand
from mpcstats.protocols.noise import DIVIDED, Asked, Law, noise
from mpcstats.session import Session
from mpcstats.session.draws import keyed_draw
from mpcstats.testing import Outcome, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
LAPLACE, GAUSS = Law("laplace", Fraction(10)), Law("gaussian", Fraction(801, 2))
KEYS = {party: bytes([i]) * 32 for i, party in enumerate(PARTIES)}
RANGE = range(-300, 301)


@dataclass(frozen=True, slots=True)
class Case:
    """Values by column, their laws, and what is asked: the state of each provider by a number."""

    values: tuple[tuple[int, ...], ...]
    laws: tuple[Law | None, ...]
    matter: bytes = b"q"
    states: tuple[tuple[str, int], ...] = ()
    keys: tuple[tuple[str, bytes], ...] = tuple(KEYS.items())

    @property
    def elements(self) -> int:
        return len(self.values[0]) * sum(law is not None for law in self.laws)


def run(case: Case, engine: Engine | None = None) -> Outcome[list[int]]:
    used: Engine = Rep3(TRIO) if engine is None else engine
    flat = np.array([v % (1 << 64) for c in case.values for v in c], dtype=np.uint64)

    async def body(session: Session) -> list[int]:
        states = tuple(
            Summand(o, np.full(4, s, dtype=np.uint64) if o == session.me else None)
            for o, s in case.states
        )
        asked = Asked(case.matter, states, dict(case.keys).get(session.me))
        given = numbers(session, used.compute, flat)
        found = await noise(session.narrow("noise"), used, given, case.laws, asked=asked)
        result = await opened(session.narrow("test"), used, found.values)
        return [int(v) for v in result.view(np.int64)]

    return run_together(PARTIES, body)


def noised(case: Case, engine: Engine | None = None) -> list[int]:
    """The values with their noise; the same at every party."""
    (found,) = {tuple(result) for result in run(case, engine).results.values()}
    return list(found)


def added(case: Case, engine: Engine | None = None) -> list[list[int]]:
    """The noise alone, by column."""
    found = iter(noised(case, engine))
    return [[next(found) - v for v in column] for column in case.values]


def zeros(count: int, *column_laws: Law | None, states: Sequence[tuple[str, int]] = ()) -> Case:
    return Case(((0,) * count,) * len(column_laws), column_laws, states=tuple(states))


BASE = Case(((5, 1 << 62, -3), (0, 0, 0)), (LAPLACE, GAUSS), states=(("a", 1), ("d", 7)))


def test_the_noise_is_the_sum_of_everybodys_part() -> None:
    """With the keys of all but one as they were, the difference is that one's part."""
    before = added(BASE)
    parts = []
    for party in TRIO:
        keys = {**KEYS, party: b"\xff" * 32}
        after = added(replace(BASE, keys=tuple(keys.items())))
        assert after != before
        parts.append([[y - x for x, y in zip(*c, strict=True)] for c in zip(before, after, strict=True)])  # fmt: skip
    fresh = added(replace(BASE, keys=tuple((p, b"\xff" * 32) for p in PARTIES)))
    for column in range(2):
        for cell in range(3):
            moved = sum(part[column][cell] for part in parts)
            assert before[column][cell] + moved == fresh[column][cell]


def test_the_same_question_on_the_same_data_gets_the_same_noise() -> None:
    assert noised(BASE) == noised(BASE)
    assert added(BASE) == added(replace(BASE, values=((9, 9, 9), (8, 8, 8))))


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, matter=b"other"),
        replace(BASE, states=(("a", 1), ("d", 8))),
        replace(BASE, states=(("a", 1),)),
        replace(BASE, laws=(Law("laplace", Fraction(11)), Law("gaussian", Fraction(401)))),
        replace(BASE, keys=tuple({**KEYS, "b": bytes(31) + b"\1"}.items())),
    ],
    ids=["question", "state", "providers", "laws", "key"],
)
def test_anything_else_gets_other_noise(other: Case) -> None:
    assert all(x != y for x, y in zip(added(BASE), added(other), strict=True))


def test_no_two_cells_or_columns_share_their_noise() -> None:
    columns = added(zeros(200, Law("laplace", Fraction(10**6)), Law("laplace", Fraction(10**6))))
    assert len({value for column in columns for value in column}) == 400


def test_columns_without_a_law_are_left_as_they_are() -> None:
    case = Case(((1, 2), (3, 4), (5, 6)), (None, LAPLACE, None))
    first, second, third = added(case)
    assert first == third == [0, 0]
    assert any(second)


def test_one_party_that_sees_everything_adds_all_of_the_noise() -> None:
    """The rehearsal's engine: its one part has the whole law."""
    (column,) = added(zeros(4000, LAPLACE), Clear(("c",)))
    assert agrees(column, laws.laplace(10), RANGE)


def honest(law: Law, count: int) -> list[int]:
    """What the parts of two parties add up to."""
    parts = [
        [law.part(keyed_draw(KEYS[party], "test", i), 2) for i in range(count)] for party in "ab"
    ]
    return [x + y for x, y in zip(*parts, strict=True)]


def test_two_parts_of_a_laplace_are_that_laplace() -> None:
    assert agrees(honest(LAPLACE, 6000), laws.laplace(10), RANGE)
    assert not agrees(honest(LAPLACE, 6000), laws.laplace(12), RANGE)  # negative control


def test_beyond_the_largest_divided_scale_each_part_is_whole() -> None:
    law = Law("laplace", Fraction(DIVIDED + 1))
    part = [law.part(keyed_draw(bytes(32), "test", i), 2) for i in range(6000)]
    tens = [z // 512 for z in part]  # classes of 512 numbers
    chance = laws.laplace(DIVIDED + 1)
    grouped = [sum(chance(512 * k + i) for i in range(512)) for k in range(-12, 12)]
    assert agrees(tens, lambda k: grouped[k + 12] if -12 <= k < 12 else 0.0, range(-12, 12))


@pytest.mark.parametrize("variance", [2, 9])
def test_two_parts_of_a_gaussian_are_nearly_one(variance: int) -> None:
    """The law of the sum is that of one of twice the variance, but for a factor of its parity: spec.md, Gaussian."""
    law = Law("gaussian", Fraction(variance))
    each = laws.gaussian(variance / 2)
    exact = laws.sum_of_two(each, 60)
    assert agrees(honest(law, 6000), exact, range(-60, 61))
    one = laws.gaussian(variance)
    ratios = [exact(z) / one(z) for z in range(-10, 11)]
    assert len({round(r, 9) for r in ratios}) <= 2
    # ln of the greatest ratio is at most 5 exp(-pi^2 s^2), s^2 the variance of a part.
    assert max(ratios) / min(ratios) <= exp(5 * exp(-9.8696 * variance / 2)) + 1e-9


@settings(max_examples=25)
@given(
    cells=st.integers(0, 5),
    owners=st.lists(st.sampled_from(PARTIES), max_size=3, unique=True),
    which=st.lists(st.sampled_from([LAPLACE, GAUSS, None]), min_size=1, max_size=3),
)
def test_it_costs_what_its_card_says(
    cells: int, owners: list[str], which: list[Law | None]
) -> None:
    case = zeros(cells, *which, LAPLACE, states=[(owner, 1) for owner in owners])
    outcome = run(case)
    cost = load_cards()["noise"].cost
    sizes = {"elements": case.elements, "providers": len(owners)}
    expected = {p: cost.bytes["compute"].evaluate(sizes) for p in TRIO}
    for owner in owners:
        role = "provider_inside" if owner in TRIO else "provider_outside"
        expected[owner] = expected.get(owner, 0) + cost.bytes[role].evaluate(sizes)
    assert bytes_below(outcome, "run/noise") == {p: size for p, size in expected.items() if size}
    assert outcome.traffic.span("run/noise/") == cost.rounds.evaluate(sizes)


def test_a_cost_of_one_column_more_is_seen() -> None:
    """Negative control."""
    found = bytes_below(run(zeros(3, LAPLACE, LAPLACE)), "run/noise")
    cost = load_cards()["noise"].cost.bytes["compute"]
    assert found["a"] != cost.evaluate({"elements": 3, "providers": 0})


@pytest.mark.parametrize(
    ("case", "error", "words"),
    [
        (zeros(2, None, None), InternalError, "expected values of 2 columns with a law for one, got 4"),
        (Case(((1, 2, 3),), (LAPLACE, None)), InternalError, "expected values of 2 columns"),
        (replace(BASE, keys=()), InternalError, "expected a noise key at a compute party, got none"),
        (replace(BASE, keys=(("a", b"x"),)), UsageError, "expected a noise key of 32 bytes, got 1"),
    ],
    ids=["no law", "unequal columns", "no key", "short key"],
)  # fmt: skip
def test_what_cannot_be_noise_is_refused(case: Case, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run(case)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_a_law_without_spread_is_refused(kind: str) -> None:
    what = {"laplace": "scale", "gaussian": "variance"}[kind]
    with pytest.raises(UsageError, match=f"^expected a {what} of noise above 0, got 0$"):
        Law(kind, Fraction(0))  # type: ignore[arg-type]


def test_a_key_is_not_shown() -> None:
    assert "key" not in repr(Asked(b"q", (), b"\7" * 32))
