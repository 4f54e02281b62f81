"""Sorting by several keys, each way round, with wanted ranks, and back into the old order: as Python sorts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
WORLDS: list[tuple[Engine, tuple[str, ...]]] = [
    (Rep3(TRIO), (*TRIO, "d")),
    (Clear(("a",)), ("a", "b")),
]
Keys = Sequence[tuple[int, bool, list[int]]]  # width, descending, values
Found = tuple[list[list[int]], list[int], list[int] | None]


def run(
    engine: Engine,
    parties: tuple[str, ...],
    keys: Keys,
    ranks: Sequence[int] | None,
    *,
    restore: bool = False,
) -> Found:
    """Sorted keys, where rows were before, and those numbers put back; at the last party."""
    n = len(keys[0][2])
    numbers = np.arange(n, dtype=np.uint64)

    async def body(session: Session) -> Found:
        by = []
        for i, (width, down, values) in enumerate(keys):
            owner = parties[i % len(parties)]
            rows = slicing.slice_bits(np.array(values, dtype=np.uint64), width)
            own = rows if session.me == owner else None
            step = session.narrow(f"key{i}")
            shared = await engine.share_bits(step, own, owner=owner, length=n, width=width)
            by.append(Key(shared, down))
        own = numbers if session.me == parties[-1] else None
        column = await engine.share(session.narrow("numbers"), own, owner=parties[-1], shape=(n,))
        wanted = None if ranks is None else np.array(ranks, dtype=np.intp)
        found = await sort(session.narrow("sort"), engine, by, [column], ranks=wanted)
        (carried,) = found.columns
        assert isinstance(carried, Arith)
        shown = []
        for i, key in enumerate(found.keys):
            rows = slicing.pack(await opened(session.narrow(f"k{i}"), engine, key))
            shown.append([int(v) for v in slicing.join_bits(rows, key.length)])
        places = await opened(session.narrow("c"), engine, carried)
        back = None
        if restore:
            step = session.narrow("back")
            (old,) = await found.arrangement.restore(step, engine, found.columns)
            back = [int(v) for v in await opened(session.narrow("b"), engine, old)]
        return shown, [int(p) for p in places], back

    return run_together(parties, body).results[parties[-1]]


def plain(keys: Keys) -> list[int]:
    def rank(i: int) -> list[int]:
        return [-values[i] if down else values[i] for _, down, values in keys]

    return sorted(range(len(keys[0][2])), key=rank)


WIDTHS = st.sampled_from([1, 2, 64])
TABLES = st.tuples(
    st.integers(0, 20), st.lists(st.tuples(WIDTHS, st.booleans()), min_size=1, max_size=3)
)


@settings(max_examples=25)
@given(table=TABLES, data=st.data())
def test_several_keys(table: tuple[int, list[tuple[int, bool]]], data: st.DataObject) -> None:
    n, kinds = table
    columns = [
        data.draw(st.lists(st.integers(0, 2**width - 1), min_size=n, max_size=n))
        for width, _ in kinds
    ]
    keys = [(w, down, values) for (w, down), values in zip(kinds, columns, strict=True)]
    ranks = data.draw(st.none() | st.sets(st.integers(0, max(n - 1, 0)), max_size=n).map(sorted))
    ranks = [] if n == 0 and ranks else ranks
    order = plain(keys)
    wanted = order if ranks is None else [order[r] for r in ranks]
    for engine, parties in WORLDS:
        shown, places, back = run(engine, parties, keys, ranks, restore=ranks is None)
        assert places == wanted
        assert shown == [[values[i] for i in wanted] for _, _, values in keys]
        assert back == (None if ranks is not None else list(range(n)))


def test_the_keys_the_other_way_round_are_another_order() -> None:
    """Negative control."""
    keys: Keys = [(2, False, [0, 1, 1]), (2, True, [1, 2, 3])]
    _, places, _ = run(*WORLDS[0], keys, None)
    assert places == plain(keys) != plain(keys[::-1])


def test_few_ranks_of_many_rows_need_few_comparisons() -> None:
    values = np.random.default_rng(1).permutation(3000).astype(np.uint64)

    async def body(session: Session) -> list[tuple[list[int], int]]:
        engine = Clear(("a",))
        rows = slicing.slice_bits(values, 12)
        keys = await engine.share_bits(session, rows, owner="a", length=3000, width=12)
        found = []
        for name, ranks in (("all", np.arange(3000)), ("few", np.array([0, 1499, 1500, 2999]))):
            before = len(session.openings)
            result = await sort(session.narrow(name), engine, [Key(keys)], ranks=ranks)
            numbers = slicing.join_bits(result.keys[0].parts[0], ranks.size)
            compared = sum(o.shape[0] for o in session.openings[before:])
            found.append((numbers.tolist(), compared))
        return found

    (every, many), (some, few) = run_together(("a",), body).results["a"]
    assert every == list(range(3000))
    assert some == [0, 1499, 1500, 2999]
    assert 2 * few < many


@pytest.mark.parametrize("ranks", [[1, 0], [0, 0], [3], [-1]])
def test_other_ranks_are_refused(ranks: list[int]) -> None:
    with pytest.raises(UsageError, match="expected ascending ranks from 0 to 2, got others"):
        run(Clear(("a",)), ("a",), [(2, False, [1, 2, 3])], ranks)


def test_what_is_sorted_in_part_cannot_be_put_back() -> None:
    keys: Keys = [(2, False, [1, 2, 3])]
    with pytest.raises(InternalError, match="expected all rows to be arranged, got some of them"):
        run(Clear(("a",)), ("a",), keys, [0, 1, 2], restore=True)


def test_something_to_sort_by_is_needed() -> None:
    async def body(session: Session) -> None:
        await sort(session, Clear(("a",)), [])

    with pytest.raises(UsageError, match="expected at least one key to sort by, got none"):
        run_together(("a",), body)
