"""What a party sees when numbers become bits, bits numbers, or 64 bits 128, is uniform, whatever the numbers are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3 import Rep3, numbers
from mpcstats.protocols.derive import Value, derive
from mpcstats.protocols.expression import Call, Column, Number
from mpcstats.session import Message, Session, Stream
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")
RUNS = 64
N = 70  # a word of 64 elements, and one with padding
Name = tuple[str, str, str]
X, Y = Column("x"), Column("y")
DERIVED = [
    Call("if", (Call("lt", (X, Number(3))), X, Call("floordiv", (X, Number(7))))),
    Call("greatest", (X, Number(5))),
    Call("and", (Call("lt", (Y, Number(9))), Call("eq", (Y, Number(7))), Call("isnull", (X,)))),
    Call("mul", (X, Call("if", (Call("isnull", (X,)), Number(2), Number(4))))),
]


async def play(session: Session) -> None:
    engine = Rep3(TRIO)
    values = np.full(N, 7, dtype=np.uint64)
    own = values if session.me == "d" else None
    rows = slicing.slice_bits(values, 33) if session.me == "d" else None
    x = await engine.share(session.narrow("x"), own, owner="d", shape=(N,))
    bits = await engine.share_bits(session.narrow("rows"), rows, owner="d", length=N, width=33)
    await engine.to_bits(session.narrow("to"), x)
    await engine.negative(session.narrow("sign"), x, width=5)
    columns = {"x": Value(-9, 40, x, None, bits.rows(0)), "y": Value(0, (1 << 33) - 1, None, bits)}
    await derive(session.narrow("derive"), engine, DERIVED, columns, rows=N)
    # What is beyond the last element is no constant either: the complement has ones there.
    await engine.from_bits(session.narrow("from"), ~bits)
    await engine.from_bits_wide(session.narrow("from-wide"), bits)
    wide = await engine.lift(session.narrow("lift"), x)
    await engine.to_bits(session.narrow("wide"), wide)
    await engine.multiply_wide(session.narrow("product"), wide, wide)
    await engine.dot_wide(session.narrow("dot"), wide, wide)
    await engine.select(session.narrow("select"), bits.rows(0), [bits])
    await engine.reveal_wide(session.narrow("open"), wide, leak="test", to=("d",))


async def from_bits(session: Session) -> None:
    """What negative controls run: a number of few bits, at compute party b."""
    rows = slicing.slice_bits(np.full(N, 7, dtype=np.uint64), 33)
    own = rows if session.me == "b" else None
    engine = Rep3(TRIO)
    bits = await engine.share_bits(session.narrow("x"), own, owner="b", length=N, width=33)
    await engine.from_bits(session.narrow("from"), bits)


def suspicious(body: Callable[[Session], Coroutine[Any, Any, None]] = play) -> set[Name]:
    """Messages in which a word repeats over runs of the same inputs, or has far too many or too few ones.

    The words of rows that end in padding are left out where the padding is cut off before it is sent.
    """
    seen: dict[Name, list[Any]] = defaultdict(list)

    def listen(message: Message) -> Message:
        seen[message.step, message.sender, message.receiver].append(message.payload.copy())
        return message

    for _ in range(RUNS):
        run_together((*TRIO, "d"), body, tamper=listen)
    found = set()
    for name, payloads in seen.items():
        for i, column in enumerate(np.stack(payloads).T):
            if "/open#" in name[0] and "/from" in name[0] and i % 2:
                assert not np.any(column >> np.uint64(N - 64))
                continue
            ones = int(np.bitwise_count(column).sum())
            if len(set(column.tolist())) < RUNS or abs(ones - 32 * RUNS) > 10 * 4 * np.sqrt(RUNS):
                found.add(name)
    return found


def test_every_message_looks_uniform_whoever_gets_it() -> None:
    assert suspicious() == set()


def without_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: what P_1 and P_2 take off, and what P_0 splits by, is 0."""
    words = Stream.words

    def drawn(stream: Stream, *shape: int) -> Any:
        found = words(stream, *shape)
        return np.zeros_like(found) if shape == (1, N) else found

    monkeypatch.setattr(Stream, "words", drawn)


def test_a_mask_that_is_left_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    without_masks(monkeypatch)
    assert any(name[0] == "run/from/halves#0" for name in suspicious(from_bits))


def opened_to_the_first_seat(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A = x - B of from_bits, as P_0 reads it, over runs."""
    found = []
    minus = numbers._minus

    def watched(x: Any, y: Any) -> Any:
        found.append(x[0].copy())
        return minus(x, y)

    monkeypatch.setattr(numbers, "_minus", watched)

    for _ in range(RUNS):
        run_together(TRIO, from_bits)
    return found


def test_what_is_opened_to_the_first_seat_is_uniform(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.stack(opened_to_the_first_seat(monkeypatch))
    assert found.shape == (RUNS, N)
    assert len(set(found.reshape(-1).tolist())) == RUNS * N
    ones = np.bitwise_count(found).sum(axis=0)
    assert np.all(np.abs(ones.astype(int) - 32 * RUNS) < 10 * 4 * np.sqrt(RUNS))


def test_without_a_mask_the_first_seat_reads_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    without_masks(monkeypatch)
    assert set(np.stack(opened_to_the_first_seat(monkeypatch)).reshape(-1).tolist()) == {7}
