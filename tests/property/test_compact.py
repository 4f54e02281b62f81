"""Compaction equals numpy's stable partition; columns go back to where they were; copies down runs equal plain ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.column import Column
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, PeerFault
from mpcstats.protocols import runs
from mpcstats.protocols.compact import compact
from mpcstats.session import Session, Words
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
EXTREMES = [0, 1, 2**63, 2**64 - 1]
WORLDS: list[tuple[Engine, tuple[str, ...]]] = [
    (Rep3(TRIO), (*TRIO, "d")),
    (Clear(("a",)), ("a", "b")),
]


async def put_in(
    session: Session, engine: Engine, values: Words, owner: str, width: int | None
) -> Arith | Bits:
    """Numbers (width None) or bit rows of `owner`."""
    mine = session.me == owner
    if width is None:
        given = values if mine else None
        return await engine.share(session, given, owner=owner, shape=values.shape)
    rows = slicing.slice_bits(values, width) if mine else None
    return await engine.share_bits(session, rows, owner=owner, length=values.size, width=width)


async def show(session: Session, engine: Engine, secret: Column) -> list[int]:
    """Its elements at every party."""
    value = await opened(session, engine, secret)
    if isinstance(secret, Arith):
        return [int(v) for v in value]
    return [int(v) for v in slicing.join_bits(slicing.pack(value), secret.length)]


def moved(
    engine: Engine, parties: tuple[str, ...], flags: Words, values: Words
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Count, numbers and bit rows in the new order, and the numbers put back; at the last party."""

    async def body(session: Session) -> tuple[list[int], list[int], list[int], list[int]]:
        flag = await put_in(session.narrow("flags"), engine, flags, "a", 1)
        numbers = await put_in(session.narrow("numbers"), engine, values, parties[-1], None)
        rows = await put_in(session.narrow("rows"), engine, values, parties[-1], 64)
        assert isinstance(flag, Bits)
        found = await compact(session.narrow("compact"), engine, flag, [numbers, rows])
        # What is put back is another column than what was moved: the moved one and a number added.
        first, second = found.columns
        assert isinstance(first, Arith)
        back, _ = await found.arrangement.restore(
            session.narrow("back"), engine, [first.plus(1), second]
        )
        return (
            await show(session.narrow("c"), engine, found.count),
            await show(session.narrow("n"), engine, first),
            await show(session.narrow("r"), engine, second),
            await show(session.narrow("b"), engine, back),
        )

    return run_together(parties, body).results[parties[-1]]


def check_moved(flags: Words, values: Words) -> None:
    order = np.argsort(flags == 0, kind="stable")
    expected = values[order].tolist()
    for engine, parties in WORLDS:
        count, numbers, rows, back = moved(engine, parties, flags, values)
        assert count == [int(flags.sum())]
        assert numbers == expected
        assert rows == expected
        assert back == (values + np.uint64(1)).tolist()


@settings(max_examples=30)
@given(
    flags=st.lists(st.booleans(), max_size=20)
    | st.integers(0, 70).flatmap(lambda n: st.sampled_from([[True] * n, [False] * n])),
    seed=st.integers(0, 2**32),
)
def test_flagged_rows_come_first_each_kind_in_its_order(flags: list[bool], seed: int) -> None:
    n = len(flags)
    values = np.random.default_rng(seed).integers(0, 2**63, n, dtype=np.uint64)
    values[::3] = np.array(EXTREMES * n, dtype=np.uint64)[: values[::3].size]
    check_moved(np.array(flags, dtype=np.uint64), values)


def test_two_orders_are_not_taken_for_one() -> None:
    """Negative control: the unflagged rows in another order."""
    with pytest.raises(AssertionError):
        check_moved(np.array([0, 1, 2], dtype=np.uint64), np.arange(3, dtype=np.uint64))


def test_other_numbers_of_rows_and_flags_are_refused() -> None:
    engine = Clear(("a",))

    async def body(session: Session) -> None:
        flags = await put_in(session.narrow("f"), engine, np.zeros(3, dtype=np.uint64), "a", 2)
        assert isinstance(flags, Bits)
        with pytest.raises(InternalError, match="expected one row of flags, got 2"):
            await compact(session.narrow("wide"), engine, flags, [])
        found = await compact(session.narrow("compact"), engine, flags.rows(0), [])
        short = flags.first(2)
        with pytest.raises(InternalError, match="expected columns of 3 rows, got 2"):
            await found.arrangement.restore(session.narrow("back"), engine, [short])

    run_together(("a",), body)


class Wrong(Clear):
    """An engine that opens destinations of which one is there twice, or beyond the rows."""

    def __init__(self, last: int) -> None:
        super().__init__(("a",))
        self.last = last

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        value = np.arange(x.shape[0], dtype=np.uint64)
        value[-1] = self.last
        return value


@pytest.mark.parametrize("last", [0, 3, 2**64 - 1])
def test_destinations_that_are_no_permutation_are_a_fault(last: int) -> None:
    with pytest.raises(PeerFault, match="expected every place of 3 rows once, got another"):
        moved(Wrong(last), ("a",), np.ones(3, dtype=np.uint64), np.ones(3, dtype=np.uint64))


def copied(
    engine: Engine, parties: tuple[str, ...], keys: Words, values: Words
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Where runs begin and end, numbers and bit rows copied from there."""

    async def body(session: Session) -> tuple[list[int], list[int], list[int], list[int]]:
        key = await put_in(session.narrow("keys"), engine, keys, "a", 3)
        numbers = await put_in(session.narrow("numbers"), engine, values, parties[-1], None)
        rows = await put_in(session.narrow("rows"), engine, values, parties[-1], 64)
        assert isinstance(key, Bits)
        starting = await runs.starts(
            session.narrow("starts"), engine, [key.rows(0), key.rows([1, 2])]
        )
        found = await runs.from_starts(session.narrow("down"), engine, starting, [numbers, rows])
        return (
            await show(session.narrow("s"), engine, starting),
            await show(session.narrow("e"), engine, runs.ends(starting)),
            await show(session.narrow("n"), engine, found[0]),
            await show(session.narrow("r"), engine, found[1]),
        )

    return run_together(parties, body).results[parties[-1]]


@settings(max_examples=25)
@given(
    lengths=st.lists(st.sampled_from([1, 1, 2, 3, 9]) | st.integers(50, 70), max_size=7),
    seed=st.integers(0, 2**32),
)
def test_rows_get_what_the_first_of_their_run_has(lengths: list[int], seed: int) -> None:
    """First rows themselves hold junk, of which nothing is said."""
    keys = np.repeat(np.arange(len(lengths)), lengths).astype(np.uint64)
    values = np.random.default_rng(seed).integers(0, 2**63, keys.size, dtype=np.uint64)
    values[::4] = 2**64 - 1
    begins = np.flatnonzero(np.diff(keys, prepend=np.uint64(99)))
    first = np.repeat(begins, lengths) if lengths else begins
    inner = np.flatnonzero(first != np.arange(keys.size))
    for engine, parties in WORLDS:
        starting, ending, numbers, rows = copied(engine, parties, keys, values)
        assert np.flatnonzero(starting).tolist() == begins.tolist()
        assert [(i + 1) % max(keys.size, 1) for i in np.flatnonzero(ending)] == [
            *begins[1:],
            *begins[:1],
        ]
        for found in (numbers, rows):
            assert [found[i] for i in inner] == values[first[inner]].tolist()
