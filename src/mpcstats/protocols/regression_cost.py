"""What a regression sends, counted from public sizes by solving it once in the clear, with nothing in it."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

from mpcstats.engines.shamir.field.circuit import Tally
from mpcstats.engines.shamir.field.sharing import width
from mpcstats.errors import InternalError
from mpcstats.protocols.design import Design, Rules
from mpcstats.protocols.regression import solve


def work(design: Design, rules: Rules, providers: int, insiders: int) -> Tally:
    """Products, openings and rounds of the solution; `insiders` are providers that learn it."""
    names = [str(i) for i in range(providers)]
    tally = Tally(design.prime(providers))
    body = solve(
        tally, design, rules, {name: [0] * design.sums for name in names}, names[:insiders]
    )
    try:
        body.send(None)
    except StopIteration:
        return tally
    raise InternalError("expected a circuit in the clear to wait for nothing")


def sizes(
    design: Design,
    rules: Rules,
    *,
    parties: int,
    threshold: int,
    providers: int,
    insiders: int = 0,
    recipients: int = 1,
) -> Mapping[str, int]:
    """The sizes that the card's formulas are over, with `parties` compute parties."""
    done = work(design, rules, providers, insiders)
    return {
        "parties": parties,
        "threshold": threshold,
        "words_each": width(design.prime(providers)),
        "sums": design.sums,
        "products": done.products,
        "openings": done.openings,
        "steps": done.rounds,
        "results": design.results,
        "recipients": recipients,
        # The first party draws the key of every n - t parties that it is one of, and sends it to the others of them.
        "keys": comb(parties - 1, parties - threshold - 1) * (parties - threshold - 1),
    }
