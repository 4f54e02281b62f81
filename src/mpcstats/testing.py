"""The public test kit: all parties in one thread, a tamper hook, and suites that hold an engine to its contract."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import wide
from mpcstats.engines.api import Engine, Extra, Masked
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits, Elements
from mpcstats.engines.wide import Wide
from mpcstats.errors import UsageError
from mpcstats.session import Session, Stream, Words, parallel
from mpcstats.transport.lockstep import Outcome, Tamper, flipped, lockstep

__all__ = [
    "Outcome",
    "Tamper",
    "check_engine",
    "flipped",
    "lockstep",
    "opened",
    "opened_wide",
    "run_together",
]

T = TypeVar("T")
Check = Callable[[Session, Engine, str, "Sample"], Coroutine[Any, Any, None]]

LEAK = "test"


def run_together(
    parties: tuple[str, ...],
    body: Callable[[Session], Coroutine[Any, Any, T]],
    *,
    tamper: Tamper | None = None,
) -> Outcome[T]:
    """Run the same coroutine function at every party, as a real run does."""
    return lockstep(dict.fromkeys(parties, body), tamper=tamper)


async def opened(session: Session, engine: Engine, secret: Column) -> Words:
    """The secret's value at every party of the session: numbers, or one 0/1 row for each bit."""
    if isinstance(secret, Elements):
        secret = secret.bits()
    numbers = (
        secret
        if isinstance(secret, Arith)
        else await engine.to_arith(session.narrow("bits"), secret)
    )
    value = await engine.reveal(session.narrow("open"), numbers, leak=LEAK, to=session.parties)
    if value is None:
        raise AssertionError("a recipient got nothing")
    return value


async def opened_wide(session: Session, engine: Engine, secret: Wide) -> list[int]:
    """The secret's values at every party of the session, in [-2^127, 2^127)."""
    value = await engine.reveal_wide(session, secret, leak=LEAK, to=session.parties)
    if value is None:
        raise AssertionError("a recipient got nothing")
    return wide.ints(value)


class Sample:
    """Numbers with extremes among them, the same at every party; `n` of them."""

    def __init__(self, n: int, key: int = 0) -> None:
        extremes = np.array([0, 1, 2**64 - 1, 2**63, 2**63 - 1, 2**32], dtype=np.uint64)
        drawn = Stream(key.to_bytes(16, "little"))
        self.n = n
        self.x = np.concatenate([extremes, drawn.words(n)])[:n]
        self.y = np.concatenate([extremes[::-1], drawn.words(n)])[:n]
        self.y[n // 2 :: 3] = self.x[n // 2 :: 3]  # equal pairs too
        self.flags = drawn.words(n) & np.uint64(1)


async def _at(session: Session, name: str, engine: Engine, values: Words, owner: str) -> Arith:
    given = values if session.me == owner else None
    return await engine.share(session.narrow(name), given, owner=owner, shape=values.shape)


async def _bits_at(
    session: Session, name: str, engine: Engine, values: Words, width: int, owner: str
) -> Bits:
    rows = slicing.slice_bits(values, width) if session.me == owner else None
    return await engine.share_bits(
        session.narrow(name), rows, owner=owner, length=values.size, width=width
    )


def _same(what: str, expected: Words, got: Words) -> None:
    if not np.array_equal(expected, got):
        raise AssertionError(f"{what}: the engine's result differs from the plain one")


async def _check_linear(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _at(session, "x", engine, s.x, owner)
    y = await _at(session, "y", engine, s.y, session.parties[0])
    linear = (x + y.scaled(3) - (-x)).plus(7).plus(s.flags)
    expected = s.x + s.y * np.uint64(3) + s.x + np.uint64(7) + s.flags
    _same("linear", expected, await opened(session.narrow("linear"), engine, linear))
    total = await opened(session.narrow("total"), engine, Arith.concatenate([x, y]).total())
    _same("total", np.atleast_1d(np.concatenate([s.x, s.y]).sum()), total)
    _same("selection", s.x[1::2], await opened(session.narrow("selection"), engine, x[1::2]))


async def _check_products(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _at(session, "x", engine, s.x, owner)
    y = await _at(session, "y", engine, s.y, session.parties[0])
    xy = await engine.multiply(session.narrow("multiply"), x, y)
    _same("multiply", s.x * s.y, await opened(session.narrow("product"), engine, xy))
    dot = await engine.dot(session.narrow("dot"), x, y)
    _same("dot", np.atleast_1d((s.x * s.y).sum()), await opened(session.narrow("sum"), engine, dot))


async def _check_bits(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    width = 5
    x = await _bits_at(session, "x", engine, s.x, width, owner)
    y = await _bits_at(session, "y", engine, s.y, width, session.parties[0])
    both, again = await engine.conj(session.narrow("and"), [(x, y), (y, ~y)])
    for name, secret, expected in [
        ("and", both, s.x & s.y),
        ("and of a row and its complement", again, s.x & np.uint64(0)),
        ("xor", x ^ y, s.x ^ s.y),
        ("not", ~x, ~s.x),
    ]:
        rows = np.stack([(expected >> np.uint64(b)) & np.uint64(1) for b in range(width)])
        _same(name, rows, await opened(session.narrow(f"open-{name}"), engine, secret))


async def _check_comparisons(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    for width in (1, 7, 63, 64):
        step = session.narrow(f"width{width}")
        low = np.uint64((1 << width) - 1)
        x = await _bits_at(step, "x", engine, s.x & low, width, owner)
        y = await _bits_at(step, "y", engine, s.y & low, width, session.parties[0])
        less, same = await parallel(
            engine.less_than(step.narrow("less"), x, y), engine.equal(step.narrow("equal"), x, y)
        )
        expected = ((s.x & low) < (s.y & low)).astype(np.uint64)[None, :]
        _same(f"less_than of {width} bits", expected, await opened(step.narrow("l"), engine, less))
        expected = ((s.x & low) == (s.y & low)).astype(np.uint64)[None, :]
        _same(f"equal of {width} bits", expected, await opened(step.narrow("e"), engine, same))


async def _check_conversions(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _at(session, "x", engine, s.x, owner)
    below = await engine.negative(session.narrow("negative"), x)
    expected = (s.x.view(np.int64) < 0).astype(np.uint64)[None, :]
    _same("negative", expected, await opened(session.narrow("sign"), engine, below))
    for width in (2, 7, 40):
        step = session.narrow(f"narrow{width}")
        short = (s.x.view(np.int64) >> (64 - width)).view(np.uint64)
        number = await _at(step, "x", engine, short, owner)
        below = await engine.negative(step.narrow("negative"), number, width=width)
        _same(f"negative of {width} bits", expected, await opened(step, engine, below))
    flags = await _bits_at(session, "flags", engine, s.flags, 1, owner)
    requests = [Masked(flags, p, values) for p in engine.compute for values in (s.x, s.y)]
    sums = await engine.masked_sums(session.narrow("masked"), requests)
    pair = [(s.flags * s.x).sum(), (s.flags * s.y).sum()]
    expected = np.array(pair * len(engine.compute), dtype=np.uint64)
    _same("masked_sums", expected, await opened(session.narrow("sums"), engine, sums))


async def _check_recipients(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _at(session, "x", engine, s.x, owner)
    for to in session.parties:
        value = await engine.reveal(session.narrow(f"to-{to}"), x, leak=LEAK, to=(to,))
        if (value is None) != (session.me != to):
            raise AssertionError("reveal: expected the value at its recipient and nowhere else")
        if value is not None:
            _same("reveal", s.x, value)


async def _check_shuffle(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    numbers = await _at(session, "numbers", engine, s.x, owner)
    wide = slicing.slice_rows(np.stack([s.y, s.flags]), 65)
    rows = await engine.share_bits(
        session.narrow("rows"),
        wide if session.me == owner else None,
        owner=owner,
        length=s.n,
        width=65,
    )
    shuffled = await engine.shuffle(session.narrow("shuffle"), [numbers, rows])
    mixed, mixed_rows = shuffled.columns
    x = await opened(session.narrow("x"), engine, mixed)
    bits = await opened(session.narrow("y"), engine, mixed_rows)
    y = slicing.join_rows(slicing.pack(bits), s.n) if s.n else np.empty((2, 0), dtype=np.uint64)
    together = sorted(zip(x.tolist(), *y.tolist(), strict=True))
    _same(
        "shuffle",
        np.array(
            sorted(zip(s.x.tolist(), s.y.tolist(), s.flags.tolist(), strict=True)), dtype=np.uint64
        ),
        np.array(together, dtype=np.uint64),
    )
    for again in range(2):  # the same order can be undone for one set of columns after another
        (back,) = await engine.unshuffle(session.narrow(f"back{again}"), shuffled.order, [mixed])
        _same("unshuffle", s.x, await opened(session.narrow(f"b{again}"), engine, back))


async def _check_open_order(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    index = np.arange(s.n, dtype=np.uint64)  # below the numbers: no two elements are equal
    for width in (1, 13, 64):
        step = session.narrow(f"width{width}")
        low = np.uint64((1 << width) - 1)
        x, y = s.x & low, s.y & low
        upper = await _bits_at(step, "x", engine, x, width, owner)
        other = await _bits_at(step, "y", engine, y, width, session.parties[0])
        of_x, of_y = (slicing.slice_bits(index * np.uint64(2) + i, 9) for i in (0, 1))
        left = Bits.stack([upper.constant(of_x), upper]).elements()
        right = Bits.stack([other.constant(of_y), other]).elements()
        at = (index[::-1] // np.uint64(2)).astype(np.intp)
        for name, places in (("in order", None), ("at places", at)):
            below = await engine.open_order(step.narrow(name), left, right, places, leak=LEAK)
            if (below is None) != (session.me not in engine.compute):
                raise AssertionError("open_order: expected outcomes at the compute parties alone")
            if below is not None:
                chosen = np.arange(s.n) if places is None else places
                tie = (x == y[chosen]) & (index <= index[chosen])
                expected = ((x < y[chosen]) | tie).astype(np.uint64)
                _same(f"open_order of {width} bits, {name}", expected, below.astype(np.uint64))


async def _check_open_bits(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _bits_at(session, "x", engine, s.x, 3, owner)
    # The complement has ones beyond the last element: they must not be opened.
    rows = await engine.reveal_bits(session.narrow("open"), ~x, leak=LEAK, to=engine.compute)
    if (rows is None) != (session.me not in engine.compute):
        raise AssertionError("reveal_bits: expected the rows at the compute parties alone")
    if rows is not None:
        _same("reveal_bits", slicing.slice_bits(~s.x, 3), rows)


async def _check_permute(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    numbers = await _at(session, "numbers", engine, s.x, owner)
    wide = await _bits_at(session, "wide", engine, s.y, 64, owner)
    flags = await _bits_at(session, "flags", engine, s.flags, 1, session.parties[0])
    order = Stream(bytes(16)).permutation(s.n).astype(np.intp)
    for keep in {s.n, s.n // 3}:
        step = session.narrow(f"keep{keep}")
        x, y, z = await engine.permute(
            step.narrow("permute"),
            [flags, numbers, wide],
            order[:keep] if session.me == owner else None,
            owner=owner,
            keep=keep,
        )
        kept = order[:keep]
        for name, got, expected in [
            ("flags", x, s.flags[kept][None, :]),
            ("numbers", y, s.x[kept]),
            ("wide", z, slicing.unpack(slicing.slice_bits(s.y[kept], 64), keep)),
        ]:
            _same(f"permute of {name}", expected, await opened(step.narrow(name), engine, got))


async def _check_outer(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = (await _at(session, "x", engine, s.x, owner)).repeat(3)
    y = await _at(session, "y", engine, s.y, session.parties[0])
    z = await engine.outer(session.narrow("outer"), x, y.repeat(2))
    expected = np.full((3, 2), (s.x * s.y).sum(dtype=np.uint64))
    _same("outer", expected, await opened(session.narrow("z"), engine, z))
    partial = engine.products(x, [y.repeat(1), y.repeat(2)]) + engine.products(x, [y.repeat(3)])
    twice = await engine.completed(session.narrow("completed"), partial)
    _same(
        "completed",
        np.uint64(2) * np.repeat(expected[:, :1], 3, axis=1),
        await opened(session.narrow("t"), engine, twice),
    )


async def _check_bit_sums(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    for width in (1, 33):
        step = session.narrow(f"width{width}")
        low = np.uint64((1 << width) - 1)
        x = await _bits_at(step, "x", engine, s.x & low, width, owner)
        y = await _bits_at(step, "y", engine, s.y & low, width, session.parties[0])
        flag = await _bits_at(step, "flag", engine, s.flags, 1, owner)
        found = {
            "sum": await engine.add_bits(step.narrow("sum"), x, y),
            "difference": await engine.add_bits(step.narrow("difference"), x, ~y, carry=1),
            "carry": await engine.add_bits(step.narrow("carry"), x, y, carry=flag),
            "next": await engine.increment(step.narrow("next"), x, flag),
            "choice": await engine.select(step.narrow("pick"), Bits.stack([flag, ~flag]), [x, y]),
        }
        expected = {
            "sum": s.x + s.y,
            "difference": s.x - s.y,
            "carry": s.x + s.y + s.flags,
            "next": s.x + s.flags,
            "choice": np.where(s.flags == 1, s.x, s.y),
        }
        for name, secret in found.items():
            got = await opened(step.narrow(f"open-{name}"), engine, secret)
            _same(f"{name} of {width} bits", _plain_rows(expected[name], width), got)


async def _check_numbers(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    x = await _at(session, "x", engine, s.x, owner)
    for width in (2, 9, 64):
        step = session.narrow(f"width{width}")
        rows = await engine.to_bits(step.narrow("bits"), x, width=width)
        got = await opened(step.narrow("rows"), engine, rows)
        _same(f"to_bits of {width} bits", _plain_rows(s.x, width), got)
        back = await engine.from_bits(step.narrow("number"), rows)
        low = s.x & np.uint64((1 << width) - 1)
        _same(f"from_bits of {width}", low, await opened(step.narrow("low"), engine, back))
        back = await engine.from_bits(step.narrow("signed"), rows, signed=True)
        top = np.uint64(1 << (width - 1))
        _same("signed", (low ^ top) - top, await opened(step.narrow("sign"), engine, back))


async def _check_wide_bits(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    for width in (2, 9, 64):
        step = session.narrow(f"width{width}")
        rows = await _bits_at(step, "rows", engine, s.x, width, owner)
        wider = await engine.from_bits_wide(step.narrow("wide"), rows, signed=True)
        low = s.x & np.uint64((1 << width) - 1)
        top = np.uint64(1 << (width - 1))
        _same_ints(
            f"from_bits_wide of {width}",
            [int(v) for v in ((low ^ top) - top).view(np.int64)],
            await opened_wide(step.narrow("open"), engine, wider),
        )


async def _check_wide(session: Session, engine: Engine, owner: str, s: Sample) -> None:
    small = [(v >> np.uint64(1)) - np.uint64(1 << 62) for v in (s.x, s.y)]  # in [-2^62, 2^62)
    numbers = [[int(v) for v in words.view(np.int64)] for words in small]
    x = await _at(session, "x", engine, small[0], owner)
    y = await _at(session, "y", engine, small[1], session.parties[0])
    a, b = await parallel(engine.lift(session.narrow("a"), x), engine.lift(session.narrow("b"), y))
    ab = await engine.multiply_wide(session.narrow("multiply"), a, b)
    bits = await engine.to_bits(session.narrow("bits"), ab)
    pairs = list(zip(*numbers, strict=True))
    for name, secret, expected in [
        ("lift", a, numbers[0]),
        ("linear", (a - b.scaled(3) + (-a)).plus(5), [5 - 3 * q for _, q in pairs]),
        ("multiply_wide", ab, [p * q for p, q in pairs]),
        ("total", ab.total(), [sum(p * q for p, q in pairs)]),
        (
            "dot_wide",
            await engine.dot_wide(session.narrow("dot"), a, b),
            [sum(p * q for p, q in pairs)],
        ),
        (
            "from_bits_wide",
            await engine.from_bits_wide(session.narrow("back"), bits, signed=True),
            [p * q for p, q in pairs],
        ),
    ]:
        _same_ints(name, expected, await opened_wide(session.narrow(name), engine, secret))
    for to in session.parties:
        value = await engine.reveal_wide(session.narrow(f"to-{to}"), a, leak=LEAK, to=(to,))
        if (value is None) != (session.me != to):
            raise AssertionError(
                "reveal_wide: expected the value at its recipient and nowhere else"
            )


def _plain_rows(values: Words, width: int) -> Words:
    return np.stack([(values >> np.uint64(b)) & np.uint64(1) for b in range(width)])


def _same_ints(what: str, expected: list[int], got: list[int]) -> None:
    half, whole = 1 << (wide.BITS - 1), 1 << wide.BITS
    if [(v + half) % whole - half for v in expected] != got:
        raise AssertionError(f"{what}: the engine's result differs from the plain one")


CHECKS: dict[str, Check] = {
    "linear": _check_linear,
    "products": _check_products,
    "bits": _check_bits,
    "comparisons": _check_comparisons,
    "conversions": _check_conversions,
    "recipients": _check_recipients,
    "shuffle": _check_shuffle,
    "open bits": _check_open_bits,
    "permute": _check_permute,
    "outer": _check_outer,
    "bit sums": _check_bit_sums,
    "numbers": _check_numbers,
    "wide": _check_wide,
    "wide bits": _check_wide_bits,
    "open order": _check_open_order,
}
# What an engine may do without, by check.
NEEDS: dict[str, Extra] = {
    "shuffle": "orders",
    "permute": "orders",
    "open order": "orders",
    "wide": "wide",
    "wide bits": "wide",
}


def check_engine(engine: Engine, *, sizes: tuple[int, ...] = (0, 1, 5, 64, 130)) -> None:
    """Hold `engine` to engines.api: every operation, inputs of every owner, openings to every recipient.

    Runs in lockstep with two parties that do not compute. What the engine does not offer must raise UsageError.
    Raises AssertionError with what differs.
    """
    parties = (*engine.compute, "outside-1", "outside-2")
    for n in sizes:
        for owner in (*engine.compute, "outside-1"):
            for name, check in CHECKS.items():
                if NEEDS.get(name) in {None, *engine.offers}:
                    _run_check(parties, engine, owner, check, Sample(n))
    for name, extra in NEEDS.items():
        if extra not in engine.offers:
            _check_refusal(parties, engine, name)


def _check_refusal(parties: tuple[str, ...], engine: Engine, name: str) -> None:
    try:
        _run_check(parties, engine, engine.compute[0], CHECKS[name], Sample(1))
    except UsageError:
        return
    raise AssertionError(f"{name}: expected UsageError of what the engine does not offer")


def _run_check(
    parties: tuple[str, ...], engine: Engine, owner: str, check: Check, sample: Sample
) -> None:
    async def body(session: Session) -> None:
        await check(session, engine, owner, sample)

    run_together(parties, body)
