"""Group and GroupOwned: one row for each combination of keys, with counts, sums, extremes and distinct values."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.errors import InternalError
from mpcstats.party.data.given import GivenColumn, codes_of
from mpcstats.party.tables.aggregate import aggregated, spread_names, spreadable, summands
from mpcstats.party.tables.form import keys_of, of_key
from mpcstats.party.tables.give import put_in
from mpcstats.party.tables.stage import Stage, column_of
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.group_by import group_by
from mpcstats.protocols.group_by_owned import group_by_owned
from mpcstats.session import Session, Words


async def group(session: Session, engine: Engine, step: plans.Group, table: Table) -> Table:
    """As many rows as `groups` says, or as `table` has if these are fewer."""
    own = [table.value(key.name) for key in step.keys]
    keys = await keys_of(session.narrow("keys"), engine, own)
    summed = await summands(session.narrow("sums"), engine, step.aggregates, table)
    values = await spreadable(session.narrow("spreads"), engine, step.aggregates, table)
    found = await group_by(
        session.narrow("group"),
        engine,
        keys,
        groups=step.groups,
        sums=list(summed.values()),
        spreads=values,
        present=table.present,
    )
    sums = dict(zip(summed, found.sums, strict=True))
    spreads = dict(zip(spread_names(step.aggregates), found.spreads, strict=True))
    columns = {
        key.name: of_key(bits, like)
        for key, bits, like in zip(step.keys, found.keys, own, strict=True)
    }
    columns |= aggregated(step.aggregates, found.persons, sums, spreads)
    return Table(found.valid.length, found.valid, columns)


async def group_owned(
    session: Session, stage: Stage, step: plans.GroupOwned, table: Table
) -> Table:
    """As many rows as `groups` says; a group is there if one of its rows is."""
    fragment, engine = stage.plan.fragment(step.fragment), stage.engine
    if table.rows != fragment.rows:
        raise InternalError(f"expected the rows of fragment {fragment.name}, got {table.rows} rows")
    own = stage.own(fragment)
    codes, groups = None, None
    if own is not None:
        codes, groups = _owned(step, [own.columns[key.name] for key in step.keys], table.rows)
    summed = await summands(session.narrow("sums"), engine, step.aggregates, table)
    found = await group_by_owned(
        session.narrow("group"),
        engine,
        list(summed.values()),
        codes,
        owner=fragment.owner,
        rows=table.rows,
        groups=step.groups,
        valid=table.present,
    )
    keys = await put_in(
        session.narrow("keys"),
        engine,
        fragment.owner,
        [column_of(fragment, key.name) for key in step.keys],
        groups or (),
        rows=groups[0].known.size if groups else None,
        bound=step.groups,
    )
    present = await engine.negative(session.narrow("present"), -found.counts)
    sums = dict(zip(summed, found.sums, strict=True))
    columns = {**keys.columns, **aggregated(step.aggregates, found.counts, sums, {})}
    return Table(step.groups, present, columns)


def _owned(
    step: plans.GroupOwned, keys: list[GivenColumn], rows: int
) -> tuple[Words, list[GivenColumn]]:
    """The group of each row, of none for rows beyond the owner's own; and the keys of the groups."""
    own, first = codes_of(keys)
    codes = np.full(rows, step.groups, dtype=np.uint64)
    codes[: own.size] = own
    return codes, [key.taken(first[: step.groups]) for key in keys]
