"""Rounds and bytes of shuffle, compact, sort and sort_join are what their cards say; what they open is on them too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.column import Column
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.compact import compact
from mpcstats.protocols.sort import Key, sort
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.session import Opening, Session
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
CARDS = load_cards()
Sizes = dict[str, int]
Body = Callable[[Session, Rep3], Awaitable[Any]]


async def rows(session: Session, engine: Rep3, n: int, width: int, seed: int) -> Bits:
    """Random bit rows, put in by a."""
    drawn = np.random.default_rng(seed).integers(0, 2**63, (width, slicing.words(n)), np.uint64)
    own = drawn if session.me == "a" else None
    return await engine.share_bits(session, own, owner="a", length=n, width=width)


async def numbers(session: Session, engine: Rep3, n: int) -> Arith:
    own = np.arange(n, dtype=np.uint64) if session.me == "b" else None
    return await engine.share(session, own, owner="b", shape=(n,))


async def columns(session: Session, engine: Rep3, n: int) -> list[Column]:
    """Three words a row: a number, and rows of 65 bits."""
    return [
        await numbers(session.narrow("numbers"), engine, n),
        await rows(session.narrow("rows"), engine, n, 65, 1),
    ]


async def wait_for_all(session: Session) -> None:
    """What follows begins at all parties at once: one that need not wait would begin early and count more rounds.

    Twice: who comes last to the first exchange has all messages of it, and goes on in the same round.
    """
    others = [p for p in session.parties if p != session.me]
    one = np.zeros(1, dtype=np.uint64)
    for _ in range(2):
        await session.exchange(send=dict.fromkeys(others, one), receive=dict.fromkeys(others, 1))


def run(body: Body) -> Outcome[list[Opening]]:
    """All three parties play `body`; its protocol's step is `it`. Gives the openings of every party."""

    async def play(session: Session) -> list[Opening]:
        await body(session, Rep3(TRIO))
        return session.openings

    return run_together(TRIO, play)


def sent(outcome: Outcome[Any], step: str) -> dict[str, int]:
    """Bytes of each party at `step` and below."""
    by_step = outcome.traffic.bytes_by_step.items()
    return {p: sum(b for (who, s), b in by_step if who == p and s.startswith(step)) for p in TRIO}


def check_exact(card: str, outcome: Outcome[Any], step: str, sizes: Sizes) -> None:
    cost = CARDS[card].cost
    assert outcome.traffic.span(step) == cost.rounds.evaluate(sizes)
    assert set(sent(outcome, step).values()) == {cost.bytes["compute"].evaluate(sizes)}


def check_bounded(card: str, outcome: Outcome[Any], sizes: Sizes, *, loose: float | None) -> None:
    """Within the bounds, and these at most `loose` times as much."""
    cost = CARDS[card].cost
    rounds, size = outcome.traffic.span("run/it/"), max(sent(outcome, "run/it/").values())
    bounds = cost.rounds.evaluate(sizes), cost.bytes["compute"].evaluate(sizes)
    assert rounds <= bounds[0]
    assert size <= bounds[1]
    if loose is not None:
        assert bounds[0] <= loose * rounds
        assert bounds[1] <= loose * size


def check_openings(card: str, outcome: Outcome[list[Opening]]) -> None:
    declared = {(o.id, o.to) for o in CARDS[card].leakage.opened}
    for openings in outcome.results.values():
        assert {(o.leak, "compute" if o.to == TRIO else o.to) for o in openings} == declared


def shuffled(n: int) -> Body:
    async def body(session: Session, engine: Rep3) -> None:
        moved = await columns(session, engine, n)
        await wait_for_all(session.narrow("before"))
        found = await engine.shuffle(session.narrow("it"), moved)
        await wait_for_all(session.narrow("between"))
        await engine.unshuffle(session.narrow("back"), found.order, found.columns)

    return body


def compacted(n: int) -> Body:
    async def body(session: Session, engine: Rep3) -> None:
        flags = await rows(session.narrow("flags"), engine, n, 1, 2)
        moved = await columns(session, engine, n)
        await wait_for_all(session.narrow("before"))
        found = await compact(session.narrow("it"), engine, flags, moved)
        await wait_for_all(session.narrow("between"))
        await found.arrangement.restore(session.narrow("back"), engine, found.columns)

    return body


SIZES = [0, 1, 2, 63, 64, 65, 200]


@pytest.mark.parametrize("n", SIZES)
def test_a_shuffle_and_its_undoing_cost_what_the_card_says(n: int) -> None:
    outcome = run(shuffled(n))
    for step in ("run/it/", "run/back/"):
        check_exact("shuffle", outcome, step, {"rows": n, "moved": 3})
    check_openings("shuffle", outcome)


@pytest.mark.parametrize("n", SIZES)
def test_a_compaction_costs_what_its_card_says(n: int) -> None:
    outcome = run(compacted(n))
    check_exact("compact", outcome, "run/it/", {"rows": n, "moved": 3})
    check_exact("shuffle", outcome, "run/back/", {"rows": n, "moved": 3})
    check_openings("compact", outcome)


def test_a_word_too_many_is_seen() -> None:
    """Negative control."""
    with pytest.raises(AssertionError):
        check_exact("compact", run(compacted(64)), "run/it/", {"rows": 64, "moved": 4})
    with pytest.raises(AssertionError):
        check_openings("compact", run(shuffled(3)))


def sorted_by(n: int, widths: tuple[int, ...]) -> Body:
    async def body(session: Session, engine: Rep3) -> None:
        keys = [
            Key(await rows(session.narrow(f"key{w}"), engine, n, w, w), descending=bool(w % 2))
            for w in widths
        ]
        await sort(session.narrow("it"), engine, keys, await columns(session, engine, n))

    return body


@pytest.mark.parametrize("widths", [(1,), (64,), (7, 5), (70, 64)])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 40, 1000])
def test_a_sort_stays_within_its_card_and_near_it(n: int, widths: tuple[int, ...]) -> None:
    outcome = run(sorted_by(n, widths))
    width = sum(widths) + max(1, (n - 1).bit_length())
    sizes = {"rows": n, "width": width, "moved": -(-width // 64) + 3}
    # 1.5 is for the mean; a single sort may take a batch or two fewer.
    check_bounded("sort", outcome, sizes, loose=1.65 if n == 1000 else None)
    if n > 1:
        check_openings("sort", outcome)


@pytest.mark.parametrize("width", [2, 8, 21, 64, 85])
@pytest.mark.parametrize("n", [2, 64, 90])
def test_one_batch_costs_what_the_specification_says(n: int, width: int) -> None:
    async def body(session: Session, engine: Rep3) -> None:
        x = (await rows(session.narrow("x"), engine, n, width, 3)).elements()
        y = (await rows(session.narrow("y"), engine, n, width, 4)).elements()
        await wait_for_all(session.narrow("before"))
        await engine.open_order(session.narrow("it"), x, y, None, leak="shuffled-order")

    outcome = run(body)
    ands = {2: 2, 8: 8, 21: 22, 64: 64, 85: 86}[width] - 1
    assert set(sent(outcome, "run/it/").values()) == {slicing.words(n) * (16 * ands + 8) + 32}
    assert outcome.traffic.span("run/it/") == ands.bit_length() + 1


def joined(left: int, right: int, most: int, kind: Kind, *, flags: bool) -> Body:
    """Keys of 9 bits; the right side is two tables of about half of the rows."""

    async def side(session: Session, engine: Rep3, n: int, *, brings: bool) -> Side:
        marks = [await rows(session.narrow(f"mark{i}"), engine, n, 1, 5 + i) for i in range(2)]
        brought = await columns(session, engine, n) if brings else []
        keys = await rows(session.narrow("keys"), engine, n, 9, n)
        return Side(keys, tuple(brought), *(marks if flags else ()))

    async def body(session: Session, engine: Rep3) -> None:
        halves = (right // 2, right - right // 2)
        rights = [
            await side(session.narrow(f"r{i}"), engine, n, brings=True)
            for i, n in enumerate(halves)
        ]
        lefts = [await side(session.narrow("l"), engine, left, brings=False)]
        await sort_join(session.narrow("it"), engine, lefts, rights, kind=kind, most=most)

    return body


@pytest.mark.parametrize(
    ("kind", "most", "flags"),
    [
        (Kind.INNER, 1, False),
        (Kind.LEFT, 3, True),
        (Kind.SEMI, 2, False),
        (Kind.ANTI, 1, True),
    ],
)
@pytest.mark.parametrize(("left", "right"), [(1, 1), (20, 0), (400, 600)])
def test_a_join_stays_within_its_card_and_near_it(
    left: int, right: int, kind: Kind, most: int, flags: bool
) -> None:
    outcome = run(joined(left, right, most, kind, flags=flags))
    brings = kind in (Kind.INNER, Kind.LEFT)
    n = left + right
    sizes = {
        "rows": n,
        "tables": 3,
        "width": 9 + 1 + flags + max(1, (n - 1).bit_length()),
        "moved": 3 if brings else 0,
        "copies": most if brings else 1,
    }
    check_bounded("sort_join", outcome, sizes, loose=1.65 if n == 1000 else None)
    check_openings("sort_join", outcome)


def test_a_join_beyond_its_bound_is_seen() -> None:
    """Negative control: the card for one match, a join of three."""
    outcome = run(joined(400, 600, 3, Kind.INNER, flags=False))
    sizes = {"rows": 1000, "tables": 3, "width": 20, "moved": 3, "copies": 1}
    with pytest.raises(AssertionError):
        check_bounded("sort_join", outcome, sizes, loose=None)
