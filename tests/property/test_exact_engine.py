"""Sums of bit rows, numbers as bits and back, and 128 bits in rep3: against Python's ints, sizes and seats."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import wide
from mpcstats.engines import lanes, prefix
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3, numbers
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError
from mpcstats.session import Session
from mpcstats.testing import Outcome, check_engine, opened, opened_wide, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
U64 = st.sampled_from([0, 1, 2**63, 2**63 - 1, 2**64 - 1]) | st.integers(0, 2**64 - 1)
ENGINES: list[tuple[Engine, tuple[str, ...]]] = [(Rep3(TRIO), PARTIES), (Clear(("a",)), ("a", "d"))]


async def number(session: Session, engine: Engine, values: list[int], owner: str = "d") -> Arith:
    words = np.array([v % 2**64 for v in values], dtype=np.uint64)
    own = words if session.me == owner else None
    return await engine.share(session, own, owner=owner, shape=words.shape)


async def rows(
    session: Session, engine: Engine, values: list[int], width: int, owner: str = "d"
) -> Bits:
    limbs = wide.wide(values)[: slicing.words(width)]
    own = slicing.slice_rows(limbs, width) if session.me == owner else None
    return await engine.share_bits(session, own, owner=owner, length=len(values), width=width)


async def plain(session: Session, engine: Engine, secret: Bits) -> list[int]:
    found = await opened(session, engine, secret)
    return [sum(int(b) << i for i, b in enumerate(column)) for column in found.T]


def same_everywhere(outcome: Outcome[Any], expected: Any) -> None:
    for result in outcome.results.values():
        assert result == expected


@settings(max_examples=30)
@given(
    pairs=st.lists(st.tuples(U64, U64, st.integers(0, 1)), max_size=5),
    width=st.integers(1, 70),
    few=st.booleans(),
)
def test_sums_with_either_schedule(
    pairs: list[tuple[int, int, int]], width: int, few: bool
) -> None:
    x, y, c = ([p[i] % 2**width for p in pairs] for i in range(3))
    x = [(v | v << 60) % 2**width for v in x]

    def body(engine: Engine) -> Callable[[Session], Coroutine[Any, Any, Any]]:
        async def run(session: Session) -> Any:
            a = await rows(session.narrow("x"), engine, x, width)
            b = await rows(session.narrow("y"), engine, y, width, "a")
            carry = await rows(session.narrow("c"), engine, c, 1)
            plus = await engine.add_bits(session.narrow("add"), a, b, carry=carry)
            minus = await engine.add_bits(session.narrow("subtract"), a, ~b, carry=1)
            after = await engine.increment(session.narrow("next"), a, carry)
            return [
                await plain(session.narrow(f"open{i}"), engine, secret)
                for i, secret in enumerate((plus, minus, after))
            ]

        return run

    expected = [
        [(p + q + r) % 2**width for p, q, r in zip(x, y, c, strict=True)],
        [(p - q) % 2**width for p, q in zip(x, y, strict=True)],
        [(p + r) % 2**width for p, r in zip(x, c, strict=True)],
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix, "FEW_ELEMENTS", 1 << 20 if few else -1)
        for engine, parties in ENGINES:
            same_everywhere(run_together(parties, body(engine)), expected)


@pytest.mark.parametrize("leaves", range(71))
def test_schedules_reach_every_leaf_in_the_rounds_and_ands_that_the_spec_says(leaves: int) -> None:
    for elements in (1, 10**6):
        levels = prefix.schedule(leaves, elements)
        begin = list(range(leaves))  # the first leaf of the block that ends here
        for level in levels:
            before = list(begin)
            for high, low in level.final + level.inner:
                assert before[high] == low + 1
                begin[high] = before[low]
            assert all(begin[high] == 0 for high, _ in level.final)
            assert all(begin[high] > 0 for high, _ in level.inner)
        assert begin == [0] * leaves
    if leaves == 64:
        assert [ands(64, elements) for elements in (1, 10**6)] == [321, 223]
        assert [len(prefix.schedule(64, elements)) for elements in (1, 10**6)] == [6, 7]


def ands(leaves: int, elements: int) -> int:
    return sum(len(v.final) + 2 * len(v.inner) for v in prefix.schedule(leaves, elements))


def test_many_elements_take_the_other_schedule() -> None:
    values = np.random.default_rng(5).integers(0, 2**64, 5000, dtype=np.uint64)
    engine = Rep3(TRIO)

    async def body(session: Session) -> Any:
        own = values if session.me == "d" else None
        x = await engine.share(session.narrow("x"), own, owner="d", shape=values.shape)
        bits = await engine.to_bits(session.narrow("bits"), x)
        back = await engine.from_bits(session.narrow("back"), bits)
        return await opened(session.narrow("open"), engine, back)

    outcome = run_together(PARTIES, body)
    assert np.array_equal(outcome.results["a"], values)
    assert outcome.traffic.span("run/bits") == 8


@settings(max_examples=30)
@given(values=st.lists(U64, max_size=5), width=st.integers(1, 64), signed=st.booleans())
def test_numbers_become_bits_and_bits_numbers(values: list[int], width: int, signed: bool) -> None:
    low = [v % 2**width for v in values]
    read = [v - 2**width if signed and v >> (width - 1) else v for v in low]

    def body(engine: Engine) -> Callable[[Session], Coroutine[Any, Any, Any]]:
        async def run(session: Session) -> Any:
            x = await number(session.narrow("x"), engine, values)
            bits = await engine.to_bits(session.narrow("bits"), x, width=width)
            narrow = await engine.from_bits(session.narrow("narrow"), bits, signed=signed)
            broad = await engine.from_bits_wide(session.narrow("broad"), bits, signed=signed)
            again = await engine.to_bits(session.narrow("again"), broad, width=65)
            return (
                await plain(session.narrow("open0"), engine, bits),
                (await opened(session.narrow("open1"), engine, narrow)).tolist(),
                await opened_wide(session.narrow("open2"), engine, broad),
                await plain(session.narrow("open3"), engine, again),
            )

        return run

    expected = (low, [v % 2**64 for v in read], read, [v % 2**65 for v in read])
    for engine, parties in ENGINES:
        same_everywhere(run_together(parties, body(engine)), expected)


EDGES = [-(2**62), 2**62 - 1, 0, -1, 1]
SMALL = st.sampled_from(EDGES) | st.integers(-(2**62), 2**62 - 1)


@settings(max_examples=30)
@given(pairs=st.lists(st.tuples(SMALL, SMALL), max_size=5), owner=st.sampled_from(PARTIES))
def test_lifted_numbers_and_their_products(pairs: list[tuple[int, int]], owner: str) -> None:
    engine = Rep3(TRIO)
    x, y = ([p[i] for p in pairs] for i in range(2))

    async def body(session: Session) -> Any:
        p = await number(session.narrow("x"), engine, x, owner)
        q = await number(session.narrow("y"), engine, y, "a")
        a = await engine.lift(session.narrow("x-wide"), p)
        b = await engine.lift(session.narrow("y-wide"), q)
        product = await engine.multiply_wide(session.narrow("product"), a, b)
        total = await engine.dot_wide(session.narrow("dot"), a, product)
        return [
            await opened_wide(session.narrow(f"open{i}"), engine, secret)
            for i, secret in enumerate((a, product, total))
        ]

    half = 2**127
    triple = (sum(p * p * q for p, q in pairs) + half) % (2 * half) - half
    same_everywhere(run_together(PARTIES, body), [x, [p * q for p, q in pairs], [triple]])


def test_a_number_beyond_the_bound_is_not_lifted_rightly() -> None:
    """Negative control: why lift has a bound."""
    engine = Rep3(TRIO)

    async def body(session: Session) -> Any:
        x = await number(session.narrow("x"), engine, [2**62] * 64, "a")
        return await opened_wide(session.narrow("o"), engine, await engine.lift(session, x))

    assert run_together(TRIO, body).results["a"] != [2**62] * 64


def sent(outcome: Outcome[Any], step: str) -> list[int]:
    found = dict.fromkeys(TRIO, 0)
    for (party, path), size in outcome.traffic.bytes_by_step.items():
        if path.startswith((f"run/{step}/", f"run/{step}#")):
            found[party] += size
    return [found[p] for p in TRIO]


WORD = 3 * 8  # bytes of a row of 130 bits
STEPS: dict[str, tuple[int, tuple[int, int, int]]] = {  # step -> rounds, bytes by seat
    "to_bits": (7, (321 * WORD + 64 * WORD, 321 * WORD, 321 * WORD)),
    "wide_to_bits": (8, (769 * WORD + 128 * WORD, 769 * WORD, 769 * WORD)),
    "from_bits": (8, (321 * WORD + 130 * 8, 321 * WORD, 321 * WORD + 64 * WORD)),
    "from_32_bits": (9, (161 * WORD + 130 * 8, 161 * WORD, 161 * WORD + 64 * WORD)),
    "from_2_bits": (2, (2 * 130 * 8,) * 3),
    "from_bits_wide": (10, (385 * WORD + 130 * 16, 385 * WORD, 385 * WORD + 128 * WORD)),
    "lift": (2, (130 * 16, 130 * 8, 130 * 8)),
    "multiply_wide": (1, (130 * 16,) * 3),
    "dot_wide": (1, (16,) * 3),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("values", [[0] * 130, list(range(130))], ids=["zeros", "numbers"])
def test_rounds_and_bytes_of_every_step(step: str, values: list[int]) -> None:
    engine = Rep3(TRIO)

    async def body(session: Session) -> None:
        # An outside owner's input: all three begin the step in the same round.
        x = await number(session.narrow("x"), engine, values)
        bits = await rows(session.narrow("rows"), engine, values, 64)
        broad = Wide(x.shape, tuple(np.stack([p, p]) for p in x.parts), x.constant_at)
        calls: dict[str, Callable[[Session], Coroutine[Any, Any, Any]]] = {
            "to_bits": lambda s: engine.to_bits(s, x),
            "wide_to_bits": lambda s: engine.to_bits(s, broad),
            "from_bits": lambda s: engine.from_bits(s, bits),
            "from_32_bits": lambda s: engine.from_bits(s, bits.rows(slice(0, 32))),
            "from_2_bits": lambda s: engine.from_bits(s, bits.rows(slice(0, 2))),
            "from_bits_wide": lambda s: engine.from_bits_wide(s, bits),
            "lift": lambda s: engine.lift(s, x),
            "multiply_wide": lambda s: engine.multiply_wide(s, broad, broad),
            "dot_wide": lambda s: engine.dot_wide(s, broad, broad),
        }
        await calls[step](session.narrow("step"))

    outcome = run_together(PARTIES, body)
    rounds, size = STEPS[step]
    assert tuple(sent(outcome, "step")) == size
    assert outcome.traffic.span("run/step") == rounds


def test_taking_the_mask_off_costs_less_than_bit_by_bit() -> None:
    """Why from_bits does so above numbers.FEW_BITS rows: bytes of all parties for 64 elements."""
    for width in range(1, 65):
        one_by_one = 3 * width * 64 * 8
        masked = 3 * 8 * (ands(min(width + 1, 64), 64) + max(0, 63 - width)) + 2 * 64 * 8
        assert (masked < one_by_one) == (width >= 2)
    assert numbers.FEW_BITS == 2  # two rows: as good as equal, in a third of the rounds


def test_lanes_come_apart_as_they_went_together() -> None:
    first, second = (
        Bits(70, 2, (np.arange(4, dtype=np.uint64).reshape(2, 2) + np.uint64(i),), 0)
        for i in (0, 10)
    )
    joined = lanes.beside([first, second])
    assert (joined.length, joined.width) == (256, 2)
    for lane, old in zip(lanes.apart(joined, 2, 70), (first, second), strict=True):
        assert (lane.length, lane.width) == (70, 2)
        assert np.array_equal(lane.parts[0], old.parts[0])
    absent = lanes.beside([Bits(70, 2, (), None)] * 3)
    assert [lane.length for lane in lanes.apart(absent, 3, 70)] == [70] * 3
    with pytest.raises(InternalError, match="expected 3 lanes of 2 words"):
        lanes.apart(joined, 3, 70)
    with pytest.raises(InternalError, match="one shape"):
        lanes.beside([first, first.rows(0)])


@pytest.mark.parametrize(("engine", "parties"), ENGINES)
def test_what_has_no_meaning_is_refused(engine: Engine, parties: tuple[str, ...]) -> None:
    three, two = Bits(3, 2, (), None), Bits(2, 2, (), None)
    x = Wide((3,), (), None)
    calls: list[Callable[[Session], Coroutine[Any, Any, Any]]] = [
        lambda s: engine.add_bits(s, three, two),
        lambda s: engine.add_bits(s, three, three, carry=2),
        lambda s: engine.increment(s, three, three),
        lambda s: engine.select(s, three, [three]),
        lambda s: engine.select(s, three, [three, two]),
        lambda s: engine.to_bits(s, x, width=129),
        lambda s: engine.to_bits(s, Arith((3,), (), None), width=0),
        lambda s: engine.from_bits(s, Bits(3, 65, (), None)),
        lambda s: engine.from_bits_wide(s, Bits(3, 129, (), None)),
        lambda s: engine.multiply_wide(s, x, Wide((2,), (), None)),
        lambda s: engine.dot_wide(s, x, Wide((2,), (), None)),
    ]
    for call in calls:
        with pytest.raises(InternalError, match="expected"):
            run_together(("d", *parties[:1]), call)


class WrongCarry(Rep3):
    async def add_bits(self, session: Session, x: Bits, y: Bits, *, carry: Bits | int = 0) -> Bits:
        return await super().add_bits(session, x, y, carry=0)


class WrongLift(Rep3):
    async def lift(self, session: Session, x: Arith) -> Wide:
        return (await super().lift(session, x)).plus(1 << 64)


class WrongSign(Rep3):
    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        return await super().from_bits(session, bits)


class Talkative(Rep3):
    async def reveal_wide(self, session: Session, x: Wide, *, leak: str, to: Any) -> Any:
        return await super().reveal_wide(session, x, leak=leak, to=session.parties)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (WrongCarry(TRIO), "difference of 1 bits"),
        (WrongLift(TRIO), "lift"),
        (WrongSign(TRIO), "signed"),
        (Talkative(TRIO), "reveal_wide: expected the value at its recipient"),
    ],
)
def test_an_engine_that_errs_is_caught(engine: Rep3, words: str) -> None:
    """Negative controls of check_engine."""
    with pytest.raises(AssertionError, match=words):
        check_engine(engine, sizes=(5,))
