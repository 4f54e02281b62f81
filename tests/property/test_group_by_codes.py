"""Both group-bys equal plain numpy for any codes, values and valid rows; they cost what their cards say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import dealt

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols import group_by_public as public
from mpcstats.protocols.group_by_owned import group_by_owned
from mpcstats.protocols.group_by_public import Grouped, group_by_public
from mpcstats.session import Message, Session, Words
from mpcstats.testing import Outcome, flipped, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
U64 = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)


async def shown(session: Session, engine: Engine, found: Grouped) -> list[list[int]]:
    columns = [found.counts, *found.sums]
    return [
        [int(x) for x in await opened(session.narrow(f"open{i}"), engine, column)]
        for i, column in enumerate(columns)
    ]


def plain(codes: Words, columns: list[Words], groups: int, valid: Words | None) -> list[list[int]]:
    kept = np.ones(codes.size, dtype=bool) if valid is None else valid.astype(bool)
    found = []
    for column in [np.ones(codes.size, dtype=np.uint64), *columns]:
        found.append([int(column[kept & (codes == g)].sum(dtype=np.uint64)) for g in range(groups)])
    return found


def run_public(
    engine: Engine,
    codes: Words,
    columns: list[Words],
    groups: int,
    valid: Words | None,
    tamper: Any = None,
) -> Outcome[list[list[int]]]:
    async def body(session: Session) -> list[list[int]]:
        compute = engine.compute
        found = await group_by_public(
            session.narrow("group"),
            engine,
            dealt.bits(session, compute, codes, public.code_width(groups), 1),
            [dealt.numbers(session, compute, c, 2 + i) for i, c in enumerate(columns)],
            groups=groups,
            valid=None if valid is None else dealt.bits(session, compute, valid, 1, 9),
        )
        return await shown(session, engine, found)

    return run_together(PARTIES, body, tamper=tamper)


def run_owned(
    engine: Engine,
    codes: Words,
    columns: list[Words],
    groups: int,
    valid: Words | None,
    owner: str,
    tamper: Any = None,
) -> Outcome[list[list[int]]]:
    async def body(session: Session) -> list[list[int]]:
        compute = engine.compute
        found = await group_by_owned(
            session.narrow("group"),
            engine,
            [dealt.numbers(session, compute, c, 2 + i) for i, c in enumerate(columns)],
            codes if session.me == owner else None,
            owner=owner,
            rows=codes.size,
            groups=groups,
            valid=None if valid is None else dealt.bits(session, compute, valid, 1, 9),
        )
        return await shown(session, engine, found)

    return run_together(PARTIES, body, tamper=tamper)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Words, list[Words], int, Words | None]:
    """Codes (some of no group), up to two columns, a number of groups, valid bits or none."""
    n = draw(st.integers(0, 30))
    groups = draw(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 13, 100]))
    most = (1 << public.code_width(groups)) - 1
    code = st.integers(0, most) | st.just(0)

    def column(of: st.SearchStrategy[int]) -> Words:
        return np.array(draw(st.lists(of, min_size=n, max_size=n)), dtype=np.uint64)

    columns = [column(U64) for _ in range(draw(st.integers(0, 2)))]
    valid = column(st.integers(0, 1)) if draw(st.booleans()) else None
    return column(code), columns, groups, valid


@settings(max_examples=30)
@given(tables())
def test_public_groups(table: tuple[Words, list[Words], int, Words | None]) -> None:
    for engine in (Clear(("a",)), Rep3(TRIO)):
        for result in run_public(engine, *table).results.values():
            assert result == plain(*table)


@settings(max_examples=30)
@given(tables(), st.sampled_from(["a", "b", "c", "d"]))
def test_owned_groups(table: tuple[Words, list[Words], int, Words | None], owner: str) -> None:
    for engine in (Clear(("a",)), Rep3(TRIO)):
        for result in run_owned(engine, *table, owner).results.values():
            assert result == plain(*table)


@pytest.mark.parametrize("groups", [1, 3, 8, 100])
def test_many_blocks_in_two_lanes(groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "BLOCK_ROWS", 128)
    rng = np.random.default_rng(groups)
    codes = rng.integers(0, groups, 700, dtype=np.uint64)
    column = rng.integers(0, 2**64, 700, dtype=np.uint64)
    valid = rng.integers(0, 2, 700, dtype=np.uint64)
    outcome = run_public(Rep3(TRIO), codes, [column], groups, valid)
    assert outcome.results["b"] == plain(codes, [column], groups, valid)


@pytest.mark.parametrize("width", range(9))
def test_one_hot_rows(width: int) -> None:
    values = np.arange(1 << width, dtype=np.uint64)
    counts = {1 << width, (1 << width) * 2 // 3 or 1, 1}
    engine = Rep3(TRIO)

    async def body(session: Session) -> list[Words]:
        bits = dealt.bits(session, TRIO, values, width)
        return [
            await opened(
                session.narrow(f"open{count}"),
                engine,
                await public.one_hot(session.narrow(f"hot{count}"), engine, bits, count),
            )
            for count in sorted(counts)
        ]

    for rows, count in zip(run_together(TRIO, body).results["a"], sorted(counts), strict=True):
        assert np.array_equal(rows, np.eye(1 << width, dtype=np.uint64)[:count])


@pytest.mark.parametrize("groups", [1, 2, 3, 8, 13, 64, 100, 1000])
@pytest.mark.parametrize("sums", [0, 1, 3])
def test_the_split_is_the_cheapest(groups: int, sums: int) -> None:
    chosen = public.split(groups, sums)

    def words(split: public.Split) -> int:
        return split.high + (split.low - 1) * (1 + sums)

    assert chosen.high * chosen.low >= groups
    for bits in range(public.code_width(groups) + 1):
        other = public.Split(-(-groups >> bits), bits)
        assert words(chosen) <= words(public.Split(-(-groups // other.low), bits))


@pytest.mark.parametrize("groups", [1, 2, 5, 13, 100])
@pytest.mark.parametrize("sums", [0, 1, 2])
@pytest.mark.parametrize("n", [0, 1, 65, 700])
@pytest.mark.parametrize("checked", [False, True])
def test_public_groups_cost_what_the_card_says(
    groups: int, sums: int, n: int, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "BLOCK_ROWS", 128)
    zeros = np.zeros(n, dtype=np.uint64)
    outcome = run_public(Rep3(TRIO), zeros, [zeros] * sums, groups, zeros if checked else None)
    split = public.split(groups, sums)
    cost = load_cards()["group_by_public"].cost
    sizes = {
        "rows": n,
        "high": split.high,
        "low": split.low,
        "sums": sums,
        "valid": int(checked),
        "ands": public.ands(groups, sums),
        "levels": public.levels(groups, sums),
        "turns": max(1, -(-n // 256)),
    }
    sent = cost.bytes["compute"].evaluate(sizes)
    assert dealt.bytes_below(outcome, "run/group") == (dict.fromkeys(TRIO, sent) if sent else {})
    most = cost.rounds.evaluate(sizes)
    found = outcome.traffic.span("run/group")
    assert found <= most <= 2 * found


@pytest.mark.parametrize("owner", ["a", "b", "c", "d"])
@pytest.mark.parametrize("sums", [0, 1, 2])
@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize(("n", "groups"), [(0, 1), (65, 4), (9, 30)])
def test_owned_groups_cost_what_the_card_says(
    owner: str, sums: int, checked: bool, n: int, groups: int
) -> None:
    zeros = np.zeros(n, dtype=np.uint64)
    valid = zeros if checked else None
    outcome = run_owned(Rep3(TRIO), zeros, [zeros] * sums, groups, valid, owner)
    cost = load_cards()["group_by_owned"].cost
    outside = int(owner not in TRIO)
    sizes = {
        "rows": n,
        "groups": groups,
        "sums": sums,
        "moved": sums + 1,
        "valid": int(checked),
        "outside": outside,
    }
    compute = cost.bytes["compute"].evaluate(sizes)
    if outside:
        expected = {p: cost.bytes[f"outside_seat{i}"].evaluate(sizes) for i, p in enumerate(TRIO)}
        expected["d"] = cost.bytes["outside_owner"].evaluate(sizes)
    else:
        o = TRIO.index(owner)
        roles = {"owner": o, "after_owner": (o + 1) % 3, "before_owner": (o + 2) % 3}
        expected = {TRIO[seat]: cost.bytes[role].evaluate(sizes) for role, seat in roles.items()}
    for party in TRIO:
        expected[party] += compute
    expected = {party: size for party, size in expected.items() if size}
    assert dealt.bytes_below(outcome, "run/group") == expected
    most = cost.rounds.evaluate(sizes)
    found = outcome.traffic.span("run/group")
    assert found <= most <= 2 * found


def test_traffic_tells_nothing_of_codes_and_values() -> None:
    shapes = set()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, (1, 3, 7)[seed], 40, dtype=np.uint64)
        column = rng.integers(0, 2**64, 40, dtype=np.uint64)
        valid = rng.integers(0, 2, 40, dtype=np.uint64)
        first = run_public(Rep3(TRIO), codes, [column], 7, valid).traffic
        second = run_owned(Rep3(TRIO), codes, [column], 7, valid, "b").traffic
        shapes.add((first.shape, first.rounds, second.shape, second.rounds))
    assert len(shapes) == 1


@pytest.mark.parametrize("protocol", ["group_by_public", "group_by_owned"])
def test_nothing_is_opened(protocol: str) -> None:
    zeros = np.zeros(3, dtype=np.uint64)
    openings: list[str] = []

    async def body(session: Session) -> None:
        engine = Rep3(TRIO)
        column = dealt.numbers(session, TRIO, zeros)
        if protocol == "group_by_public":
            codes = dealt.bits(session, TRIO, zeros, 1)
            await group_by_public(session, engine, codes, [column], groups=2)
        else:
            own = zeros if session.me == "d" else None
            await group_by_owned(session, engine, [column], own, owner="d", rows=3, groups=2)
        openings.extend(o.leak for o in session.openings)

    run_together(PARTIES, body)
    assert openings == []
    assert load_cards()[protocol].leakage.opened == ()


@pytest.mark.parametrize("owner", [None, "a", "d"])
def test_a_flip_is_a_fault_or_a_wrong_result(owner: str | None) -> None:
    """Of every message of a small run in turn; without an owner the codes are shared."""
    codes = np.array([0, 5, 6, 2], dtype=np.uint64)
    column = np.array([1, 2, 3, 2**63], dtype=np.uint64)
    valid = np.array([1, 1, 0, 1], dtype=np.uint64)

    def found(tamper: Any = None) -> Outcome[list[list[int]]]:
        if owner is None:
            return run_public(Rep3(TRIO), codes, [column], 7, valid, tamper)
        return run_owned(Rep3(TRIO), codes, [column], 7, valid, owner, tamper)

    honest = found()
    names = sorted(name for name in honest.traffic.round_of if name[1].startswith("run/group"))
    seen = 0
    for name in names:

        def change(message: Message, name: tuple[str, str] = name) -> Message:
            return flipped(message) if (message.sender, message.step) == name else message

        try:
            seen += found(change).results != honest.results
        except PeerFault:
            seen += 1
    assert (
        seen > len(names) // 2
    )  # flips of bits that stand for no row, or of what is not read again, change nothing


def test_what_cannot_be_is_refused() -> None:
    zeros = np.zeros(3, dtype=np.uint64)
    with pytest.raises(UsageError, match="at least one group"):
        run_public(Rep3(TRIO), zeros, [], 0, None)
    with pytest.raises(UsageError, match="at least one group"):
        run_owned(Rep3(TRIO), zeros, [], 0, None, "a")
    with pytest.raises(InternalError, match="columns of 3 elements"):
        run_public(Rep3(TRIO), zeros, [zeros[:2]], 2, None)
    with pytest.raises(InternalError, match="columns of 3 elements"):
        run_owned(Rep3(TRIO), zeros, [zeros[:2]], 2, None, "a")

    async def wide(session: Session) -> None:
        codes = dealt.bits(session, TRIO, zeros, 3)
        await group_by_public(session, Rep3(TRIO), codes, [], groups=2)

    with pytest.raises(InternalError, match="codes of 1 bits, got 3"):
        run_together(TRIO, wide)

    async def short(session: Session) -> None:
        await group_by_owned(session, Rep3(TRIO), [], zeros, owner="a", rows=4, groups=2)

    with pytest.raises(UsageError, match="expected 4 codes"):
        run_together(TRIO, short)


def test_a_row_of_no_group_counts_nowhere_and_would_if_codes_were_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: if the last high row were what the others leave, rows of no group would fall to it."""
    codes = np.array([0, 5, 6, 7], dtype=np.uint64)
    assert sum(run_public(Rep3(TRIO), codes, [], 5, None).results["a"][0]) == 1
    hot = public.one_hot

    async def wrong(session: Session, engine: Engine, bits: Bits, count: int) -> Bits:
        found = await hot(session, engine, bits, count)
        if count != public.split(5, 0).high:
            return found
        return Bits.stack([found.rows([0, 1]), ~(found.rows(0) ^ found.rows(1))])

    monkeypatch.setattr(public, "one_hot", wrong)
    assert sum(run_public(Rep3(TRIO), codes, [], 5, None).results["a"][0]) == 2
