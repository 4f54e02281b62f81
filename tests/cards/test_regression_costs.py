"""A regression sends what its card says: rounds exactly, bytes exactly at the first party, at most at others."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mpcstats.cards.load import load_cards
from mpcstats.protocols.design import Design, Rules
from mpcstats.protocols.gram import gram
from mpcstats.protocols.regression import regression
from mpcstats.protocols.regression_cost import sizes
from mpcstats.session import Session
from mpcstats.testing import run_together

CARD = load_cards()["regression"]
NAMES = "abcdefg"
SMALL = Design(rows=8, columns=(3,), outcome=6, fraction_bits=2, magnitude_bits=3)


def measured(
    n: int, t: int, design: Design, providers: str, to: str, value: int
) -> tuple[int, dict[str, int]]:
    parties = tuple(dict.fromkeys((*NAMES[:n], *providers, *to)))
    rows = np.full((5, len(design.columns) + 1), value, dtype=np.int64)
    rows[:, 0] += np.arange(5) % 2

    async def party(session: Session) -> object:
        own = gram(design, rows[:, :-1], rows[:, -1]) if session.me in providers else None
        return await regression(
            session,
            tuple(NAMES[:n]),
            design,
            Rules(4),
            providers=tuple(providers),
            to=tuple(to),
            own=own,
            threshold=t,
        )

    traffic = run_together(parties, party).traffic
    return traffic.rounds, {p: traffic.bytes_sent[p] for p in parties}


@pytest.mark.parametrize(
    ("n", "t", "design", "providers", "to"),
    [
        (3, 1, SMALL, "abc", "b"),
        (3, 1, Design(8, (3,), 6, 2, 3, tell_rows=True, r_squared=True), "bc", "bx"),
        (4, 1, Design(100, (30, 4), 500), "xy", "y"),
        (5, 2, SMALL, "bde", "c"),
        (5, 1, SMALL, "bcx", "x"),
        (7, 3, Design(8, (), 6, 2, 3), "bcdefg", "b"),
    ],
)
def test_rounds_and_bytes_are_those_of_the_card(
    n: int, t: int, design: Design, providers: str, to: str
) -> None:
    insiders = len(set(providers) & set(to))
    given = sizes(
        design,
        Rules(4),
        parties=n,
        threshold=t,
        providers=len(providers),
        insiders=insiders,
        recipients=len(to),
    )
    cost = CARD.cost_on("shamir")
    most = {role: formula.evaluate(given) for role, formula in cost.bytes.items()}
    found = {value: measured(n, t, design, providers, to, value) for value in (0, 2)}
    assert found[0] == found[2]  # whatever the values are
    rounds, sent = found[0]
    assert rounds == cost.rounds.evaluate(given)
    for party, size in sent.items():
        bound = most["compute"] * (party in NAMES[:n]) + most["provider"] * (party in providers)
        assert size <= bound, party
        if party in NAMES[: 2 * t + 1] and party not in (
            *providers,
            *to,
        ):  # but for keys, as the first
            assert size >= bound - 16 * given["keys"], party
    assert "a" not in to
    own = most["provider"] - most["provider"] // n if "a" in providers else 0
    assert sent["a"] == most["compute"] + own


def test_both_costs_on_the_card_are_one() -> None:
    given = dict.fromkeys(CARD.cost.sizes, 0)
    for values in product((2, 5), repeat=2):
        given |= dict(zip(("words_each", "products"), values, strict=True))
        given |= {"parties": 7, "threshold": 3, "steps": 9, "sums": 4, "keys": 2}
        for role in CARD.cost.bytes:
            on = CARD.cost_on("shamir").bytes[role]
            assert on.evaluate(given) == CARD.cost.bytes[role].evaluate(given)
