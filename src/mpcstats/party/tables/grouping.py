"""Group and GroupOwned: one row for each combination of keys, with counts, sums, extremes and distinct values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.given import GivenColumn, codes_of
from mpcstats.party.tables.aggregate import (
    Summed,
    aggregated,
    spread_names,
    spreadable,
    summands,
)
from mpcstats.party.tables.form import keys_of, of_key
from mpcstats.party.tables.give import put_in
from mpcstats.party.tables.stage import Stage, column_of
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.group_by import group_by
from mpcstats.protocols.group_by_owned import group_by_owned
from mpcstats.protocols.group_by_public import Grouped
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
        codes, groups = _owned(step, own.columns, table.rows)
    summed = await summands(session.narrow("sums"), engine, step.aggregates, table)
    found = await group_by_owned(
        session.narrow("group"),
        engine,
        list(summed.values()),
        codes,
        owner=fragment.owner,
        rows=table.rows,
        groups=step.groups * max(1, len(step.apart)),
        valid=table.present,
    )
    counts, sums = _together(step, found, list(summed))
    keys = await put_in(
        session.narrow("keys"),
        engine,
        fragment.owner,
        [column_of(fragment, key.name) for key in step.keys],
        groups or (),
        rows=groups[0].known.size if groups else None,
        bound=step.groups,
    )
    present = await engine.negative(session.narrow("present"), -counts)
    columns = {**keys.columns, **aggregated(step.aggregates, counts, sums, {})}
    return Table(step.groups, present, columns)


def _owned(
    step: plans.GroupOwned, columns: Mapping[str, GivenColumn], rows: int
) -> tuple[Words, list[GivenColumn]]:
    """The group of each row, of none for rows beyond the owner's own; and the keys of the groups.

    Where flags tell a group's rows apart, a group is as many as there are flags, one after the other.
    """
    keys = [columns[key.name] for key in step.keys]
    own, first = codes_of(keys)
    kinds = max(1, len(step.apart))
    codes = np.full(rows, step.groups * kinds, dtype=np.uint64)
    inside = own < step.groups
    codes[: own.size][inside] = own[inside] * np.uint64(kinds)
    if step.apart:
        flags = np.stack([columns[flag.name].values for flag in step.apart])
        if np.any(flags > 1) or np.any(np.sum(flags, axis=0) != 1):
            raise UsageError(
                f"fragment {step.fragment}: expected each row to be of one of the {kinds} institutions that the "
                "catalogue names, got a row of none or of several: state them all in the catalogue"
            )
        codes[: own.size][inside] += np.argmax(flags, axis=0).astype(np.uint64)[inside]
    return codes, [key.taken(first[: step.groups]) for key in keys]


def _together(
    step: plans.GroupOwned, found: Grouped, summed: Sequence[Summed]
) -> tuple[Arith, dict[Summed, Arith]]:
    """The rows of each group and its sums, and those of the rows with each flag."""
    names = [flag.name for flag in step.apart]
    sums: dict[Summed, Arith] = {}
    counts, *whole = (_added(each, len(names)) for each in (found.counts, *found.sums))
    sums |= dict(zip(summed, whole, strict=True))
    for i, name in enumerate(names):
        sums["count", "", name] = found.counts[i :: len(names)]
        for (kind, of), each in zip(summed, found.sums, strict=True):
            sums[kind, of, name] = each[i :: len(names)]
    return counts, sums


def _added(each: Arith, kinds: int) -> Arith:
    """The sums of as many elements one after the other as there are kinds."""
    if not kinds:
        return each
    return reduce(Arith.__add__, (each[i::kinds] for i in range(kinds)))
