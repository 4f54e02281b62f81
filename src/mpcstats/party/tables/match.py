"""Match: rows of a shared table with those of another whose keys are equal, by a sort join."""

from __future__ import annotations

from collections.abc import Mapping

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.party.tables.carried import Carried, carried
from mpcstats.party.tables.form import bits_of, both
from mpcstats.party.tables.give import stacked
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.derive import Value
from mpcstats.protocols.sort_join import Side, sort_join
from mpcstats.session import Session, parallel


async def match(
    session: Session, engine: Engine, step: plans.Match, left: Table, right: Table
) -> Table:
    """`most` blocks of as many rows as `left`: block m has each left row with its m-th match."""
    brings = step.kind in ("inner", "left")
    wanted = frozenset(column.name for column in step.columns if brings)
    brought = carried(right.values(wanted))
    sides = await parallel(
        _side(session.narrow("left"), engine, step, left, right, carried({})),
        _side(session.narrow("right"), engine, step, left, right, brought, at_right=True),
    )
    blocks = await sort_join(
        session.narrow("join"), engine, [sides[0]], [sides[1]], kind=step.kind, most=step.most
    )
    tables = []
    for m, block in enumerate(blocks):
        found = brought.values(block.columns)
        if (
            step.kind == "left"
        ):  # a row that is there may have no match: then what it brings is NULL
            found = await _under(session.narrow(f"known{m}"), engine, block.hit, found)
        hit = Value(0, 1, None, block.hit, None)
        tables.append(Table(left.rows, block.present, {**left.columns, **found, step.hit: hit}))
    return await stacked(session.narrow("blocks"), engine, tables)


async def _side(
    session: Session,
    engine: Engine,
    step: plans.Match,
    left: Table,
    right: Table,
    brought: Carried,
    *,
    at_right: bool = False,
) -> Side:
    """A side's keys within bounds that hold on both sides; a row matches if no part of its key is NULL."""
    pairs = [(left.value(a), right.value(b)) for a, b in step.on]
    own = [pair[at_right] for pair in pairs]
    keys = await parallel(
        *(
            bits_of(
                session.narrow(str(i)),
                engine,
                own[i],
                min(a.minimum, b.minimum),
                max(a.maximum, b.maximum),
            )
            for i, (a, b) in enumerate(pairs)
        )
    )
    known = [value.known for value in own if value.known is not None]
    matchable = await conjunction(session.narrow("known"), engine, known) if known else None
    present = (right if at_right else left).present
    return Side(Bits.stack(keys), brought.columns, present, matchable)


async def _under(
    session: Session, engine: Engine, hit: Bits, values: Mapping[str, Value]
) -> dict[str, Value]:
    """The values, NULL where there is no hit."""
    known = await parallel(
        *(
            both(session.narrow(str(i)), engine, hit, value.known)
            for i, value in enumerate(values.values())
        )
    )
    return {
        name: Value(value.minimum, value.maximum, value.number, value.bits, row)
        for (name, value), row in zip(values.items(), known, strict=True)
    }
