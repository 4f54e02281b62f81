"""Tally: counts and sums of each cell of a shared table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.tables.aggregate import Summed, aggregated, summands
from mpcstats.party.tables.form import bits_of, both, numbers_of
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.plan.flagcount import counted_as_bits
from mpcstats.protocols.derive import Value, as_bits, as_number
from mpcstats.protocols.flag_count import flag_count
from mpcstats.protocols.group_by_public import code_width, group_by_public, one_hot
from mpcstats.session import Session, parallel


async def tally(session: Session, engine: Engine, step: plans.Tally, table: Table) -> Table:
    """One row a cell. Flags are counted on bits where there are few cells, everything else is added up as numbers."""
    table = await _with_numbers(session.narrow("where"), engine, step, table)
    names = _flags(step, table)
    numbers = tuple(a for a in step.aggregates if not _is_counted(a, names))
    codes = None
    if step.cell is not None and step.cells > 1:
        codes = await cell_codes(session.narrow("cell"), engine, table, step.cell, step.cells)
    parts = await parallel(
        _whole(session, engine, numbers, table)
        if codes is None
        else _by_cell(session, engine, step, numbers, table, codes),
        _counted(session.narrow("counted"), engine, step, names, table, codes),
    )
    columns = {name: column for part in parts for name, column in part.columns.items()}
    return Table(step.cells, None, columns)


async def _by_cell(
    session: Session,
    engine: Engine,
    step: plans.Tally,
    aggregates: Sequence[plans.Aggregate],
    table: Table,
    codes: Bits,
) -> Table:
    summed = await summands(session.narrow("sums"), engine, aggregates, table)
    flagged = list(dict.fromkeys((a.of, a.where) for a in aggregates if a.where is not None))
    products = await parallel(
        *(
            engine.multiply(
                session.narrow(f"flagged{i}"), summed["sum", of or ""], _number(table, where or "")
            )
            for i, (of, where) in enumerate(flagged)
        )
    )
    summed |= {
        ("sum", of or "", where or ""): product
        for (of, where), product in zip(flagged, products, strict=True)
    }
    found = await group_by_public(
        session.narrow("group"),
        engine,
        codes,
        list(summed.values()),
        groups=step.cells,
        valid=table.present,
    )
    sums = dict(zip(summed, found.sums, strict=True))
    return Table(step.cells, None, aggregated(aggregates, found.counts, sums, {}))


async def _with_numbers(session: Session, engine: Engine, step: plans.Tally, table: Table) -> Table:
    """The table with the flags under which something is summed as numbers, each made once."""
    names = sorted({a.where for a in step.aggregates if a.where is not None})
    numbers = await numbers_of(session, engine, [table.value(name) for name in names])
    made = {name: Value(0, 1, number, None) for name, number in zip(names, numbers, strict=True)}
    return replace(table, columns={**table.columns, **made})


def _number(table: Table, flag: str) -> Arith:
    number = table.value(flag).number
    if number is None:
        raise InternalError(f"expected the flag {flag} as a number")
    return number


def _flags(step: plans.Tally, table: Table) -> list[str]:
    """The columns that are summed up and are bits, if these are counted as such."""
    if not counted_as_bits(table.rows, step.cells):
        return []
    names = dict.fromkeys(
        a.of for a in step.aggregates if a.kind == "sum" and a.of is not None and a.where is None
    )
    return [name for name in names if _is_flag(table.value(name))]


def _is_counted(aggregate: plans.Aggregate, flags: Sequence[str]) -> bool:
    return aggregate.kind == "sum" and aggregate.where is None and aggregate.of in flags


def _is_flag(value: Value) -> bool:
    ends = (value.minimum, value.maximum)
    return ends == (0, 1) and value.number is None and value.known is None


async def _counted(
    session: Session,
    engine: Engine,
    step: plans.Tally,
    names: Sequence[str],
    table: Table,
    codes: Bits | None,
) -> Table:
    """How many rows that are there have each of the flags, by cell."""
    if not names:
        return Table(step.cells, None, {})
    flags = await parallel(
        *(as_bits(session.narrow(str(i)), engine, table.value(n)) for i, n in enumerate(names))
    )
    rows = Bits.stack([flag.repeat(step.cells) for flag in flags])
    where = table.present
    if codes is not None:
        where = await one_hot(session.narrow("hot"), engine, codes, step.cells)
        if table.present is not None:
            there = table.present.repeat(step.cells)
            (where,) = await engine.conj(session.narrow("there"), [(where, there)])
    if where is not None:
        inside = Bits.stack([where] * len(names))
        (rows,) = await engine.conj(session.narrow("inside"), [(rows, inside)])
    counts = await flag_count(session.narrow("count"), engine, rows)
    by_flag = {name: counts[i * step.cells : (i + 1) * step.cells] for i, name in enumerate(names)}
    sums: dict[Summed, Arith] = {("sum", name): count for name, count in by_flag.items()}
    told = [a for a in step.aggregates if _is_counted(a, names)]
    return Table(step.cells, None, aggregated(told, counts, sums, {}))


async def cell_codes(session: Session, engine: Engine, table: Table, cell: str, cells: int) -> Bits:
    """The number of each row's cell as bits, as many as `cells` of them need."""
    bits = await bits_of(session, engine, table.value(cell), 0, cells - 1)
    return bits.rows(slice(0, code_width(cells)))


async def _whole(
    session: Session, engine: Engine, aggregates: Sequence[plans.Aggregate], table: Table
) -> Table:
    """One cell of all rows that are there: it takes a flag as a number for each column that may be NULL."""
    over = list(dict.fromkeys((a.kind, a.of) for a in aggregates if a.of is not None))
    names = list(dict.fromkeys(name for _, name in over))
    rows, weight = await _weights(session.narrow("flags"), engine, table, names)
    summed = [name for kind, name in over if kind == "sum"]
    totals = await parallel(
        *(
            _sums(
                session.narrow(f"sum{i}"),
                engine,
                table.value(name),
                None if table.present is None and table.value(name).known is None else weight[name],
                [
                    _number(table, a.where)
                    for a in aggregates
                    if a.of == name and a.where is not None
                ],
            )
            for i, name in enumerate(summed)
        )
    )
    sums: dict[Summed, Arith] = {
        ("count", name): weight[name].total() for kind, name in over if kind == "count"
    }
    for name, found in zip(summed, totals, strict=True):
        within = [a.where for a in aggregates if a.of == name and a.where is not None]
        keys: list[Summed] = [("sum", name), *(("sum", name, flag) for flag in within)]
        sums |= dict(zip(keys, found, strict=True))
    return Table(1, None, aggregated(aggregates, rows.total(), sums, {}))


async def _sums(
    session: Session, engine: Engine, value: Value, weight: Arith | None, flags: Sequence[Arith]
) -> list[Arith]:
    """The sum of the rows that count, and of those of them that have each of the flags.

    weight: 1 in rows that count, 0 in others; None: all do.
    """
    number = await as_number(session.narrow("number"), engine, value)
    if weight is not None and not flags:
        return [await engine.dot(session.narrow("dot"), weight, number)]
    if weight is not None:  # one product a row, whatever the number of flags
        number = await engine.multiply(session.narrow("kept"), weight, number)
    step = session.narrow("flagged")
    flagged = await parallel(
        *(engine.dot(step.narrow(str(i)), flag, number) for i, flag in enumerate(flags))
    )
    return [number.total(), *flagged]


async def _weights(
    session: Session, engine: Engine, table: Table, names: Sequence[str]
) -> tuple[Arith, dict[str, Arith]]:
    """1 in each row that is there, 0 in others; by name, 1 only where the value is known, too."""
    nullable = {name: known for name in names if (known := table.value(name).known) is not None}
    joint = await parallel(
        *(
            both(session.narrow(str(i)), engine, table.present, known)
            for i, known in enumerate(nullable.values())
        )
    )
    there = [] if table.present is None else [table.present]
    flags = [*there, *(row for row in joint if row is not None)]
    numbers: list[Arith] = []
    if flags:
        matrix = await engine.to_arith(session.narrow("numbers"), Bits.stack(flags))
        numbers = [matrix[i] for i in range(len(flags))]
    rows = numbers.pop(0) if there else engine.public(session, np.ones(table.rows, np.uint64))
    found = dict(zip(nullable, numbers, strict=True))
    return rows, {name: found.get(name, rows) for name in names}
