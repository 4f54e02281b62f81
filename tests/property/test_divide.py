"""Division, ratios and averages equal Python's integers, for every choice of digits, sign and ring."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import wide
from mpcstats.cards import arithmetic
from mpcstats.cards.load import load_cards
from mpcstats.engines import prefix
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols import long_division
from mpcstats.protocols.divide import Number, average, divide, ratio
from mpcstats.session import Opening, Session
from mpcstats.testing import opened, opened_wide, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES: list[tuple[Engine, tuple[str, ...]]] = [(Rep3(TRIO), PARTIES), (Clear(("a",)), ("a", "d"))]
DIGITS = {1: ((-1, 1),), 2: ((1 << 20, 2),), 3: ((1 << 20, 3),), 4: ((1 << 20, 4),)}


async def shared(session: Session, engine: Engine, values: list[int], *, broad: bool) -> Number:
    """From an outside owner, in Z_2^64 or, by way of bits, in Z_2^128."""
    words = wide.wide(values)
    if not broad:
        own = words[0] if session.me == "d" else None
        return await engine.share(session, own, owner="d", shape=(len(values),))
    rows = slicing.slice_rows(words, 128) if session.me == "d" else None
    bits = await engine.share_bits(
        session.narrow("rows"), rows, owner="d", length=len(values), width=128
    )
    return await engine.from_bits_wide(session.narrow("number"), bits)


async def plain(session: Session, engine: Engine, secret: Number) -> list[int]:
    if isinstance(secret, Wide):
        return await opened_wide(session, engine, secret)
    return [int(v) for v in (await opened(session, engine, secret)).view("int64")]


def quotient(n: int, d: int) -> int:
    """Truncated toward zero, 0 for a divisor of 0."""
    return 0 if d == 0 else (abs(n) // abs(d)) * (1 if (n < 0) == (d < 0) else -1)


def half_away(n: int, d: int) -> int:
    if d == 0:
        return 0
    return quotient(2 * n + (abs(d) if n >= 0 else -abs(d)), 2 * d)


def check(
    body: Callable[[Session, Engine], Coroutine[Any, Any, Any]], expected: Any, digit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_division, "DIGITS", DIGITS[digit])
        for engine, parties in ENGINES:
            for result in run_together(parties, lambda s, e=engine: body(s, e)).results.values():  # type: ignore[misc]
                assert result == expected


def numbers(width: int) -> st.SearchStrategy[int]:
    top = 2**width - 1
    return st.sampled_from([0, 1, -1, top, -top]) | st.integers(-top, top)


@st.composite
def problems(draw: Any) -> tuple[list[tuple[int, int]], int, int, bool, bool]:
    """Pairs, their bounds in bits, and whether each side is in 128 bits."""
    a = draw(st.sampled_from([1, 2, 7, 30, 64]))
    b = draw(st.sampled_from([1, 2, 3, 20, 65]))
    small = st.integers(-3, 3) if b > 1 else st.integers(-1, 1)
    pairs = draw(st.lists(st.tuples(numbers(a), numbers(b) | small), max_size=4))
    return pairs, a, b, a > 63 or draw(st.booleans()), b > 63 or draw(st.booleans())


@pytest.mark.parametrize("digit", [1, 2, 3, 4])
def test_every_pair_of_small_numbers(digit: int) -> None:
    pairs = [(n, d) for n in range(-15, 16) for d in range(-7, 8)]
    engine = Rep3(TRIO)

    async def body(session: Session) -> Any:
        n = await shared(session.narrow("n"), engine, [p for p, _ in pairs], broad=False)
        d = await shared(session.narrow("d"), engine, [q for _, q in pairs], broad=False)
        whole = await divide(
            session.narrow("divide"), engine, n, d,
            numerator_bits=4, denominator_bits=3, digit=digit,
        )  # fmt: skip
        near = await ratio(
            session.narrow("ratio"), engine, n, d,
            numerator_bits=4, denominator_bits=3, digit=digit, decimals=1, rounded=True,
        )  # fmt: skip
        return [
            await plain(session.narrow(f"open{i}"), engine, r)
            for i, r in enumerate((whole.quotient, whole.remainder, near.value))
        ]

    assert run_together(PARTIES, body).results["d"] == [
        [quotient(n, d) for n, d in pairs],
        [0 if d == 0 else n - d * quotient(n, d) for n, d in pairs],
        [half_away(10 * n, d) for n, d in pairs],
    ]


@settings(max_examples=8)
@given(problem=problems(), digit=st.sampled_from([1, 2, 3, 4]))
def test_quotients_and_remainders(problem: Any, digit: int) -> None:
    pairs, a, b, broad_a, broad_b = problem

    async def body(session: Session, engine: Engine) -> Any:
        n = await shared(session.narrow("n"), engine, [p for p, _ in pairs], broad=broad_a)
        d = await shared(session.narrow("d"), engine, [q for _, q in pairs], broad=broad_b)
        found = await divide(
            session.narrow("divide"), engine, n, d, numerator_bits=a, denominator_bits=b
        )
        assert isinstance(found.quotient, Wide) == (a > 63)
        assert isinstance(found.remainder, Wide) == (min(a, b) > 63)
        return (
            await plain(session.narrow("q"), engine, found.quotient),
            await plain(session.narrow("r"), engine, found.remainder),
            (await opened(session.narrow("u"), engine, found.undefined))[0].tolist(),
        )

    expected = (
        [quotient(n, d) for n, d in pairs],
        [0 if d == 0 else n - d * quotient(n, d) for n, d in pairs],
        [int(d == 0) for _, d in pairs],
    )
    check(body, expected, digit)


@settings(max_examples=8)
@given(
    problem=problems(),
    digit=st.sampled_from([1, 2, 4]),
    decimals=st.sampled_from([0, 1, 4]),
    rounded=st.booleans(),
)
def test_ratios(problem: Any, digit: int, decimals: int, rounded: bool) -> None:
    pairs, a, b, broad_a, broad_b = problem

    async def body(session: Session, engine: Engine) -> Any:
        n = await shared(session.narrow("n"), engine, [p for p, _ in pairs], broad=broad_a)
        d = await shared(session.narrow("d"), engine, [q for _, q in pairs], broad=broad_b)
        found = await ratio(
            session.narrow("ratio"),
            engine,
            n,
            d,
            decimals=decimals,
            numerator_bits=a,
            denominator_bits=b,
            rounded=rounded,
        )
        assert isinstance(found.value, Wide) == (a + {0: 0, 1: 4, 4: 14}[decimals] > 63)
        return (
            await plain(session.narrow("q"), engine, found.value),
            (await opened(session.narrow("u"), engine, found.undefined))[0].tolist(),
        )

    of = half_away if rounded else quotient
    expected = ([of(n * 10**decimals, d) for n, d in pairs], [int(d == 0) for _, d in pairs])
    check(body, expected, digit)


@pytest.mark.parametrize("bits", [63, 127])
def test_the_widest_numbers(bits: int) -> None:
    top = 2**bits - 1
    pairs = [(top, 1), (-top, -1), (-top, top), (top, 2), (1, -top), (top, -(2 ** (bits - 1)))]

    async def body(session: Session) -> Any:
        engine = Rep3(TRIO)
        n = await shared(session.narrow("n"), engine, [p for p, _ in pairs], broad=bits > 63)
        d = await shared(session.narrow("d"), engine, [q for _, q in pairs], broad=bits > 63)
        found = await divide(session, engine, n, d, numerator_bits=bits, denominator_bits=bits)
        return [
            await plain(session.narrow("q"), engine, found.quotient),
            await plain(session.narrow("r"), engine, found.remainder),
        ]

    found = run_together(PARTIES, body).results["b"]
    quotients = [quotient(n, d) for n, d in pairs]
    rests = [n - d * q for (n, d), q in zip(pairs, quotients, strict=True)]
    assert found == [quotients, rests]


@settings(max_examples=8)
@given(
    pairs=st.lists(st.tuples(st.integers(-31, 31), numbers(9), st.integers(0, 400)), max_size=5),
    digit=st.sampled_from([1, 2, 3, 4]),
)
def test_a_bound_of_the_quotient_saves_steps(pairs: list[tuple[int, int, int]], digit: int) -> None:
    """Also where the numerator has 128 bits: the result then has 64."""
    triples = [(q * d + (r % max(1, abs(d))) * (-1 if q * d < 0 else 1), d) for q, d, r in pairs]

    async def body(session: Session, engine: Engine) -> Any:
        n = await shared(session.narrow("n"), engine, [p for p, _ in triples], broad=True)
        d = await shared(session.narrow("d"), engine, [q for _, q in triples], broad=False)
        whole = await divide(
            session.narrow("divide"), engine, n, d,
            numerator_bits=70, denominator_bits=9, quotient_bits=5,
        )  # fmt: skip
        near = await ratio(
            session.narrow("ratio"), engine, n, d, rounded=True, decimals=0,
            numerator_bits=70, denominator_bits=9, quotient_bits=6,
        )  # fmt: skip
        results = (whole.quotient, whole.remainder, near.value)
        assert all(isinstance(r, Arith) for r in results)
        return [await plain(session.narrow(f"open{i}"), engine, r) for i, r in enumerate(results)]

    expected = [
        [quotient(n, d) for n, d in triples],
        [0 if d == 0 else n - d * quotient(n, d) for n, d in triples],
        [half_away(n, d) for n, d in triples],
    ]
    check(body, expected, digit)


def test_what_division_means_is_what_duckdb_says() -> None:
    connection = duckdb.connect()
    for n, d in [(7, 2), (-7, 2), (7, -2), (-7, -2), (6, 3), (0, -5), (2**62, -3), (-(2**70), 9)]:
        query = f"SELECT ({n})::HUGEINT // ({d})::HUGEINT, ({n})::HUGEINT % ({d})::HUGEINT"
        found = connection.execute(query).fetchall()
        assert found == [(quotient(n, d), n - d * quotient(n, d))]
    connection.close()


def test_averages_of_money_by_cell() -> None:
    totals, counts = [1001, -1001, 5, -5, 0, 2**40], [2, 2, 2, 0, 3, 7]

    async def body(session: Session, engine: Engine) -> Any:
        total = await shared(session.narrow("n"), engine, totals, broad=False)
        count = await shared(session.narrow("d"), engine, counts, broad=False)
        assert isinstance(count, Arith)
        found = [
            await average(
                session.narrow(name),
                engine,
                total,
                count,
                decimals=decimals,
                total_bits=41,
                count_bits=3,
                rounded=rounded,
                quotient_bits=bits,
            )
            for name, decimals, rounded, bits in (("two", 2, False, 47), ("none", 0, True, None))
        ]
        return [
            await plain(session.narrow(f"open{i}"), engine, r.value) for i, r in enumerate(found)
        ]

    two = [50050, -50050, 250, 0, 0, 100 * 2**40 // 7]
    check(body, [two, [501, -501, 3, 0, 0, (2**41 + 7) // 14]], 4)


def test_digits_follow_the_number_of_elements() -> None:
    assert [long_division.digit_bits(n) for n in (0, 1024, 1025, 8192, 8193)] == [4, 4, 2, 2, 1]


def sizes(
    a: int, b: int, q: int, *, rows: int, rounded: bool, rest: bool, lifted: bool
) -> dict[str, int]:
    """The public sizes of a division, for the card."""
    return {
        "rows": rows,
        "dividend": a,
        "divisor": b,
        "quotient": q,
        "rounded": int(rounded),
        "limbs": 1 + (q > 63),
        "rest": (1 + (min(a, b) > 63)) * rest,
        "lifted": int(lifted),
    }


async def at_once(session: Session, engine: Engine, values: list[int], *, broad: bool) -> Number:
    """Numbers that all parties have in the same round; if `broad`, of no meaning above 2^64."""
    x = await shared(session, engine, [v % 2**64 for v in values], broad=False)
    if broad:
        return Wide(x.shape, tuple(np.stack([part, part]) for part in x.parts), x.constant_at)
    return x


@pytest.mark.parametrize(
    ("digit", "rows", "few"), [(1, 70, True), (2, 3, True), (4, 70, True), (4, 65, False)]
)
@pytest.mark.parametrize(
    ("a", "b", "q", "kind"),
    [
        (9, 4, 9, "divide"),
        (2, 1, 2, "divide"),
        (64, 66, 64, "divide"),
        (64, 66, 7, "divide"),
        (11, 5, 11, "ratio"),
        (70, 5, 64, "rounded"),
        (70, 5, 3, "rounded"),
    ],
)
def test_rounds_and_bytes_are_the_cards(
    digit: int,
    rows: int,
    few: bool,
    a: int,
    b: int,
    q: int,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With other thresholds than the real ones, so that few rows are enough."""
    monkeypatch.setattr(long_division, "DIGITS", DIGITS[digit])
    monkeypatch.setattr(arithmetic, "DIGITS", DIGITS[digit])
    if not few:
        monkeypatch.setattr(prefix, "FEW_ELEMENTS", 64)
        monkeypatch.setattr(arithmetic, "FEW_ELEMENTS", 64)
    card = load_cards()["divide"].cost
    decimals, a_before = (3, a - 10) if kind != "divide" else (0, a)
    lifted = kind != "divide" and a > 63
    # The same for other numbers: zeros, among them the divisors, and the largest.
    largest = (2**a_before - 1, 2**b - 1)
    for n_value, d_value in [(0, 0), largest] if a < 64 else [largest]:

        async def body(session: Session, v: int = n_value, u: int = d_value) -> list[Opening]:
            engine = Rep3(TRIO)
            broad = kind == "divide" and a > 63
            n = await at_once(session.narrow("n"), engine, [v] * rows, broad=broad)
            d = await at_once(session.narrow("d"), engine, [u] * rows, broad=b > 63)
            step = session.narrow("step")
            if kind == "divide":
                await divide(
                    step, engine, n, d, numerator_bits=a, denominator_bits=b, quotient_bits=q
                )
            else:
                await ratio(
                    step,
                    engine,
                    n,
                    d,
                    decimals=decimals,
                    numerator_bits=a_before,
                    denominator_bits=b,
                    rounded=kind == "rounded",
                    quotient_bits=q,
                )
            return session.openings

        outcome = run_together(PARTIES, body)
        public = sizes(
            a, b, q, rows=rows, rounded=kind == "rounded", rest=kind == "divide", lifted=lifted
        )
        found = [0, 0, 0]
        for (party, path), size in outcome.traffic.bytes_by_step.items():
            if path.startswith("run/step/"):
                found[TRIO.index(party)] += size
        every = card.bytes["compute"].evaluate(public)
        extra = [card.bytes[f"seat{i}"].evaluate(public) for i in (0, 2)]
        assert found == [every + extra[0], every, every + extra[1]]
        bound = card.rounds.evaluate(public)
        assert bound // 2 < outcome.traffic.span("run/step") <= bound
        assert all(openings == [] for openings in outcome.results.values())


def test_nothing_is_on_the_card_that_is_opened() -> None:
    assert load_cards()["divide"].leakage.opened == ()


NARROW, BROAD = Arith((3,), (), None), Wide((3,), (), None)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda s: divide(s, Rep3(TRIO), NARROW, NARROW, numerator_bits=64, denominator_bits=3),
            UsageError,
            "a numerator of 1 to 63 bits without its sign, got 64",
        ),
        (
            lambda s: divide(s, Rep3(TRIO), BROAD, BROAD, numerator_bits=64, denominator_bits=128),
            UsageError,
            "a denominator of 1 to 127 bits without its sign, got 128",
        ),
        (
            lambda s: divide(
                s, Rep3(TRIO), NARROW, NARROW[:2], numerator_bits=9, denominator_bits=3
            ),
            InternalError,
            "two vectors of one shape",
        ),
        (
            lambda s: divide(
                s,
                Rep3(TRIO),
                NARROW,
                NARROW,
                numerator_bits=9,
                denominator_bits=3,
                quotient_bits=10,
            ),
            UsageError,
            "a quotient of 1 to 9 bits, got 10",
        ),
        (
            lambda s: ratio(
                s, Rep3(TRIO), NARROW, NARROW, decimals=39, numerator_bits=9, denominator_bits=3
            ),
            UsageError,
            "0 to 38 decimals, got 39",
        ),
        (
            lambda s: ratio(
                s, Rep3(TRIO), NARROW, NARROW, decimals=30, numerator_bits=63, denominator_bits=3
            ),
            UsageError,
            "at most 127 bits with the decimals, got 163: take fewer decimals",
        ),
        (
            lambda s: ratio(
                s, Rep3(TRIO), NARROW, NARROW, decimals=2, numerator_bits=63, denominator_bits=3
            ),
            UsageError,
            "at most 62 bits where decimals need 128, got 63",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        run_together(("d", "e"), call)
