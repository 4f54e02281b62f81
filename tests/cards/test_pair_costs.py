"""What two parties send, open and take in rounds is what the cards of their joins say, whatever the keys."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from tests.dealt import bytes_below
from tests.pairing import known_key, table_of

from mpcstats.cards.load import load_cards
from mpcstats.protocols.private_join import Join, private_join
from mpcstats.protocols.private_join_padded import Padding, private_join_padded
from mpcstats.session import Opening, Session
from mpcstats.testing import Outcome, run_together

CARDS = load_cards()
PARTIES = ("a", "b", "c", "d")
PADDING = Padding(Fraction(2), 2)
RECIPIENTS = [("a",), ("b",), ("c",), ("a", "b"), ("b", "d"), ("a", "c", "d")]


def played(join: Join, common: int, padding: Padding | None) -> Outcome[list[Opening]]:
    async def body(session: Session) -> list[Opening]:
        table = None
        if session.me == "a":
            table = table_of(range(3))
        if session.me == "b":
            rows = range(3 - common, 6 - common)
            table = table_of({i: (i,) for i in rows} if join.bits else rows)
        step = session.narrow("it")
        if padding is None:
            await private_join(step, join, table, key=known_key())
        else:
            await private_join_padded(step, join, padding, table, key=known_key())
        return session.openings

    return run_together(PARTIES, body)


def sizes_of(join: Join, dummies: int | None) -> dict[str, int]:
    others = [party for party in join.told if party != "a"]
    return {
        "matcher_rows": join.matcher_rows,
        "holder_rows": join.holder_rows,
        **({} if dummies is None else {"dummies": dummies}),
        "summed": int(bool(join.bits)),
        "told": len(others),
        "size_told": sum(party in join.size_to for party in others),
        "masks": sum(party != "a" for party in join.sums_to),
        "answers": sum(party != "b" for party in join.sums_to),
    }


def check(card: str, outcome: Outcome[Any], sizes: dict[str, int]) -> None:
    cost = CARDS[card].cost
    expected = {p: cost.bytes[r].evaluate(sizes) for p, r in (("a", "matcher"), ("b", "holder"))}
    assert bytes_below(outcome, "run/it") == expected
    assert outcome.traffic.span("run/it/") == cost.rounds.evaluate(sizes)


def check_openings(card: str, outcome: Outcome[list[Opening]], join: Join) -> None:
    size = next(o.id for o in CARDS[card].leakage.opened if o.id.endswith("size"))
    expected = [("suppression-pattern", join.told, (1,)), (size, join.size_to, (1,))]
    if join.bits:
        expected.append(("gated-cell", join.sums_to, (len(join.bits),)))
    for openings in outcome.results.values():
        assert [(o.leak, o.to, o.shape) for o in openings] == expected
    assert {leak for leak, _, _ in expected} <= CARDS[card].leakage.ids


@pytest.mark.parametrize("size_to", [("a",), ("a", "b"), ("a", "c", "b")])
@pytest.mark.parametrize("common", [0, 2])
def test_a_count_costs_what_its_card_says(size_to: tuple[str, ...], common: int) -> None:
    join = Join("a", "b", 5, 4, size_to)
    outcome = played(join, common, None)
    check("private_join", outcome, sizes_of(join, None))
    check_openings("private_join", outcome, join)


@pytest.mark.parametrize(("sums_to", "common"), [*product(RECIPIENTS, [1]), (("a", "b"), 0)])
def test_sums_cost_what_their_card_says(sums_to: tuple[str, ...], common: int) -> None:
    join = Join("a", "b", 3, 4, ("a",) if "d" in sums_to else ("a", "b"), 1, (4,), sums_to)
    outcome = played(join, common, None)
    check("private_join", outcome, sizes_of(join, None))
    check_openings("private_join", outcome, join)


@pytest.mark.parametrize("size_to", [("a",), ("a", "b")])
@pytest.mark.parametrize("bits", [(), (4,)])
def test_dummies_cost_what_their_card_says(size_to: tuple[str, ...], bits: tuple[int, ...]) -> None:
    join = Join("a", "b", 3, 4, size_to, 1, bits, ("b",) if bits else ())
    outcome = played(join, 1, PADDING)
    dummies = 2 * PADDING.shift * (2 if "b" in join.told else 1)
    assert PADDING.rows(join) == dummies
    check("private_join_padded", outcome, sizes_of(join, dummies))
    check_openings("private_join_padded", outcome, join)


def test_rows_in_several_blocks_cost_the_same() -> None:
    join = Join("a", "b", 2100, 1030, ("a",))
    check("private_join", played(join, 1, None), sizes_of(join, None))


def test_a_row_too_many_is_seen() -> None:
    """Negative control."""
    join = Join("a", "b", 5, 4, ("a", "b"))
    outcome = played(join, 1, None)
    for wrong in ({"matcher_rows": 6}, {"told": 2}):
        with pytest.raises(AssertionError):
            check("private_join", outcome, {**sizes_of(join, None), **wrong})
    with pytest.raises(AssertionError):
        check_openings("private_join", outcome, Join("a", "b", 5, 4, ("a",)))
