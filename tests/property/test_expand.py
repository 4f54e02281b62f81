"""Expanding equals numpy's indexing, a lookup whose left keys repeat the plain join; costs are those of the card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import dealt

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Bits, Positions
from mpcstats.errors import UsageError
from mpcstats.protocols.expand import distinct, expand, expand_found
from mpcstats.protocols.lookup_join import LeftTable, Lookup, RightTable, lookup_join
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
OWNERS = ["a", "b", "c", "d"]


def run(
    engine: Engine,
    values: Words,
    sources: Positions,
    owner: str,
    *,
    compact: bool = False,
    grouped: bool = False,
) -> Outcome[tuple[Words, Words]]:
    async def body(session: Session) -> tuple[Words, Words]:
        x = dealt.numbers(session, engine.compute, values)
        y = dealt.bits(session, engine.compute, values, 5)
        first, second = await expand(
            session.narrow("expand"),
            engine,
            [x, y],
            sources if session.me == owner else None,
            owner=owner,
            rows_out=sources.size,
            compact=compact,
            grouped=grouped,
        )
        rows = await opened(session.narrow("y"), engine, second)
        return (
            await opened(session.narrow("x"), engine, first),
            slicing.join_bits(slicing.pack(rows), sources.size),
        )

    return run_together(PARTIES, body)


def check(outcome: Outcome[tuple[Words, Words]], values: Words, sources: Positions) -> None:
    padded = np.append(values, np.uint64(0))  # -1 names the zero at the end
    for first, second in outcome.results.values():
        assert np.array_equal(first, padded[sources])
        assert np.array_equal(second, padded[sources] & np.uint64(31))


@settings(max_examples=30)
@given(
    values=st.lists(
        st.sampled_from([0, 2**64 - 1, 2**63]) | st.integers(0, 2**64 - 1), max_size=20
    ),
    owner=st.sampled_from(OWNERS),
    compact=st.booleans(),
    grouped=st.booleans(),
    data=st.data(),
)
def test_any_sources_of_any_owner(
    values: list[int], owner: str, compact: bool, grouped: bool, data: st.DataObject
) -> None:
    source = st.integers(-1, len(values) - 1)
    drawn = data.draw(st.lists(source, max_size=70))
    if compact:  # the sources that occur become 0 to m - 1
        kinds = sorted({s for s in drawn if s >= 0})
        drawn = [kinds.index(s) if s >= 0 else s for s in drawn]
    sources = np.array(sorted(drawn) if grouped else drawn, dtype=np.intp)
    numbers = np.array(values, dtype=np.uint64)
    for engine in (Clear(("c",)), Rep3(TRIO)):
        outcome = run(engine, numbers, sources, owner, compact=compact, grouped=grouped)
        check(outcome, numbers, sources)


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("n", "rows_out"), [(1, 1), (3, 70), (66, 9)])
def test_it_costs_what_its_card_says(
    owner: str, compact: bool, grouped: bool, n: int, rows_out: int
) -> None:
    values = np.arange(n, dtype=np.uint64)
    sources = np.zeros(rows_out, dtype=np.intp)
    outcome = run(Rep3(TRIO), values, sources, owner, compact=compact, grouped=grouped)
    cost = load_cards()["expand"].cost
    outside = int(owner not in TRIO)
    sizes = {
        "rows": n,
        "occurring": min(n, rows_out),
        "rows_out": rows_out,
        "moved": 2,
        "picks": int(not compact),
        "places": int(not grouped),
        "outside": outside,
    }
    if not outside:
        o = TRIO.index(owner)
        roles = {"owner": o, "after_owner": (o + 1) % 3, "before_owner": (o + 2) % 3}
        expected = {TRIO[seat]: cost.bytes[role].evaluate(sizes) for role, seat in roles.items()}
    else:
        expected = {p: cost.bytes[f"outside_seat{i}"].evaluate(sizes) for i, p in enumerate(TRIO)}
        expected["d"] = cost.bytes["outside_owner"].evaluate(sizes)
    assert dealt.bytes_below(outcome, "run/expand") == expected
    most = cost.rounds.evaluate(sizes)
    assert most <= 2 * outcome.traffic.span("run/expand")
    assert outcome.traffic.span("run/expand") <= most


@pytest.mark.parametrize("owner", OWNERS)
def test_traffic_tells_nothing_of_the_sources(owner: str) -> None:
    shapes = set()
    for sources in ([0] * 6, [0, 1, 2, 3, 4, 4], [-1] * 6, [3, 0, -1, 3, 0, 2]):
        outcome = run(Rep3(TRIO), np.arange(5, dtype=np.uint64), np.array(sources), owner)
        shapes.add((outcome.traffic.shape, outcome.traffic.rounds))
    assert len(shapes) == 1


@pytest.mark.parametrize(
    ("sources", "compact", "grouped", "message"),
    [
        ([0, 3], False, False, "expected sources from -1 to 2"),
        ([-2, 0], False, False, "expected sources from -1 to 2"),
        ([1, 0], False, True, "expected ascending sources"),
        ([0, 2], True, False, "expected sources without a gap"),
        ([1, 2], True, False, "expected sources without a gap"),
    ],
)
def test_the_owner_refuses_sources_that_break_a_promise(
    sources: list[int], compact: bool, grouped: bool, message: str
) -> None:
    values = np.arange(3, dtype=np.uint64)
    with pytest.raises(UsageError, match=message):
        run(Rep3(TRIO), values, np.array(sources), "a", compact=compact, grouped=grouped)


def test_rows_cannot_come_of_nothing() -> None:
    with pytest.raises(UsageError, match="from -1 to -1"):
        run(Rep3(TRIO), np.zeros(0, dtype=np.uint64), np.array([0]), "a")


def key(number: int) -> tuple[int, int]:
    return (number * 2**40 + 7, number)


@settings(max_examples=20)
@given(
    left=st.lists(st.integers(0, 8), max_size=20),
    right=st.lists(st.integers(0, 8), unique=True, max_size=8),
    owner=st.sampled_from(["a", "d"]),
)
def test_a_lookup_with_repeated_left_keys_is_the_plain_join(
    left: list[int], right: list[int], owner: str
) -> None:
    """Rows beyond the left owner's own have no key; distinct keys are padded to a bound of their own."""
    engine = Rep3(TRIO)
    lookup = Lookup(owner, "b", "c", left_rows=12, right_rows=9, values=2)
    rows_out = 21
    left_keys = np.array([key(k) for k in left], dtype=np.uint64).reshape(-1, 2)
    right_keys = np.array([key(k) for k in right], dtype=np.uint64).reshape(-1, 2)
    values = np.array([[2**64 - 1 - k, k * 10] for k in right], dtype=np.uint64).reshape(-1, 2)

    async def body(session: Session) -> tuple[Words, Words]:
        table = sources = None
        if session.me == owner:
            keys, own = distinct(left_keys)
            table = LeftTable(keys)
            sources = np.full(rows_out, -1)
            sources[: own.size] = own
        found = await lookup_join(
            session.narrow("lookup"),
            engine,
            lookup,
            left=table,
            right=RightTable(right_keys, values) if session.me == "b" else None,
        )
        rows = await expand_found(
            session.narrow("rows"), engine, found, sources, owner=owner, rows_out=rows_out
        )
        hit = (await engine.to_arith(session.narrow("bit"), rows.hit))[0]
        shown = [
            await engine.multiply(session.narrow(f"m{i}"), hit, column)
            for i, column in enumerate(rows.columns)
        ]
        values_shown = [
            await opened(session.narrow(f"v{i}"), engine, column) for i, column in enumerate(shown)
        ]
        return await opened(session.narrow("hit"), engine, rows.hit), np.stack(values_shown)

    hit, shown = run_together(PARTIES, body).results["c"]
    expected = [k in right for k in left] + [False] * (rows_out - len(left))
    assert hit[0].astype(bool).tolist() == expected
    joined = [[2**64 - 1 - k, k * 10] if k in right else [0, 0] for k in left] + [[0, 0]] * (
        rows_out - len(left)
    )
    assert shown.T.tolist() == joined


def test_distinct_keys_and_their_numbers() -> None:
    keys = np.array([[5, 1], [4, 1], [5, 1], [5, 0]], dtype=np.uint64)
    kept, sources = distinct(keys)
    assert kept.tolist() == [[5, 0], [4, 1], [5, 1]]
    assert np.array_equal(kept[sources], keys)
    kept, sources = distinct(np.zeros((0, 2), dtype=np.uint64))
    assert (kept.shape, sources.shape) == ((0, 2), (0,))


def test_a_wrong_promise_that_is_not_noticed_would_mix_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: without its check, `compact` takes differences over a row that does not occur."""
    from mpcstats.protocols import expand as module

    def unchecked(sources: Any, *_: Any, **__: Any) -> Any:
        return sources

    monkeypatch.setattr(module, "_checked", unchecked)
    values = np.array([5, 70, 900], dtype=np.uint64)
    outcome = run(Rep3(TRIO), values, np.array([0, 2]), "a", compact=True)
    assert outcome.results["a"][0].tolist() != [5, 900]


def test_bits_stay_bits() -> None:
    """An expansion of one row of bits alone."""

    async def body(session: Session) -> Bits:
        y = dealt.bits(session, TRIO, np.array([1, 0], dtype=np.uint64), 1)
        (found,) = await expand(
            session.narrow("e"),
            Rep3(TRIO),
            [y],
            np.array([1, 0, 0]) if session.me == "b" else None,
            owner="b",
            rows_out=3,
        )
        assert isinstance(found, Bits)
        return found

    found = run_together(TRIO, body).results
    rows = [found[p].parts[0] for p in TRIO]
    assert slicing.unpack(rows[0] ^ rows[1] ^ rows[2], 3).tolist() == [[0, 1, 1]]
