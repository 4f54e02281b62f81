"""Firsts: of each run of rows of a shared table the first one that is there and has a flag."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError
from mpcstats.party.data.given import run_starts
from mpcstats.party.tables.form import bits_of, every
from mpcstats.party.tables.stage import Stage
from mpcstats.party.tables.table import Table
from mpcstats.party.tables.tally import cell_codes
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value
from mpcstats.protocols.firsts import firsts
from mpcstats.protocols.group_by_public import one_hot
from mpcstats.session import Session, parallel


async def once(session: Session, stage: Stage, step: plans.Firsts, table: Table) -> Table:
    """The table with the flags of `step`; a row that is not there has none."""
    engine = stage.engine
    names = list(dict.fromkeys(flagged.of for flagged in step.flags if flagged.of is not None))
    rows = await parallel(
        *(
            bits_of(session.narrow(f"flag{i}"), engine, table.value(name), 0, 1)
            for i, name in enumerate(names)
        ),
        _starts(session.narrow("starts"), stage, step, table),
    )
    starting = rows.pop()
    there = every(starting, table.rows) if table.present is None else table.present
    if rows and table.present is not None:
        (kept,) = await engine.conj(
            session.narrow("there"), [(Bits.stack(rows), there.repeat(len(rows)))]
        )
        rows = [kept.rows(i) for i in range(len(names))]
    known = dict(zip(names, rows, strict=True))
    asked = [there if f.of is None else known[f.of] for f in step.flags]
    if step.cell is not None:
        asked = await _in_cells(session.narrow("cells"), engine, step, table, asked)
    found = await firsts(session.narrow("firsts"), engine, starting, Bits.stack(asked))
    apart = [found.rows(range(c, len(asked), step.cells)) for c in range(step.cells)]
    first = reduce(xor, apart)  # a row is in one cell
    made = {
        flagged.column.name: Value(0, 1, None, first.rows(i), None)
        for i, flagged in enumerate(step.flags)
    }
    return Table(table.rows, table.present, {**table.columns, **made})


async def _in_cells(
    session: Session, engine: Engine, step: plans.Firsts, table: Table, flags: Sequence[Bits]
) -> list[Bits]:
    """Each of the flags in the rows of each cell, flag by flag."""
    codes = await cell_codes(session.narrow("codes"), engine, table, step.cell or "", step.cells)
    hot = await one_hot(session.narrow("hot"), engine, codes, step.cells)
    every_cell = Bits.stack([hot] * len(flags))
    every_flag = Bits.stack([flag.repeat(step.cells) for flag in flags])
    (both,) = await engine.conj(session.narrow("both"), [(every_cell, every_flag)])
    return [both.rows(i) for i in range(both.width)]


async def _starts(session: Session, stage: Stage, step: plans.Firsts, table: Table) -> Bits:
    """One row: 1 where a run begins, as the owner of the rows puts it in, or as the table has it."""
    engine: Engine = stage.engine
    if step.fragment is None:
        if step.starts is None:
            raise InternalError(f"expected runs in step {step.name}, got none")
        return await bits_of(session, engine, table.value(step.starts), 0, 1)
    fragment = stage.plan.fragment(step.fragment)
    own, given = stage.own(fragment), None
    if own is not None:
        begins = np.zeros((1, table.rows), dtype=np.bool_)
        told = run_starts([own.columns[key.name] for key in step.keys])
        begins[0, : told.size] = told
        given = slicing.pack(begins)
    return await engine.share_bits(session, given, owner=fragment.owner, length=table.rows, width=1)
