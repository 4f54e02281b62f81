"""The public test kit: all parties in one thread, a tamper hook, and suites that hold an engine to its contract."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine, Masked
from mpcstats.engines.share import Arith, Bits
from mpcstats.session import Session, Stream, Words, parallel
from mpcstats.transport.lockstep import Outcome, Tamper, flipped, lockstep

__all__ = ["Outcome", "Tamper", "check_engine", "flipped", "lockstep", "opened", "run_together"]

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


async def opened(session: Session, engine: Engine, secret: Arith | Bits) -> Words:
    """The secret's value at every party of the session: numbers, or one 0/1 row for each row of bits."""
    numbers = (
        secret
        if isinstance(secret, Arith)
        else await engine.to_arith(session.narrow("bits"), secret)
    )
    value = await engine.reveal(session.narrow("open"), numbers, leak=LEAK, to=session.parties)
    if value is None:
        raise AssertionError("a recipient got nothing")
    return value


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


CHECKS: dict[str, Check] = {
    "linear": _check_linear,
    "products": _check_products,
    "bits": _check_bits,
    "comparisons": _check_comparisons,
    "conversions": _check_conversions,
    "recipients": _check_recipients,
    "shuffle": _check_shuffle,
    "open bits": _check_open_bits,
    "open order": _check_open_order,
}


def check_engine(engine: Engine, *, sizes: tuple[int, ...] = (0, 1, 5, 64, 130)) -> None:
    """Hold `engine` to engines.api: every operation, inputs of every owner, openings to every recipient.

    Runs in lockstep with two parties that do not compute. Raises AssertionError with what differs.
    """
    parties = (*engine.compute, "outside-1", "outside-2")
    for n in sizes:
        for owner in (*engine.compute, "outside-1"):
            for check in CHECKS.values():
                _run_check(parties, engine, owner, check, Sample(n))


def _run_check(
    parties: tuple[str, ...], engine: Engine, owner: str, check: Check, sample: Sample
) -> None:
    async def body(session: Session) -> None:
        await check(session, engine, owner, sample)

    run_together(parties, body)
