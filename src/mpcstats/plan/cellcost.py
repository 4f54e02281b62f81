"""Sizes of the steps over the cells of shared tables, as party.tables plays them."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.cards.arithmetic import log2_ceil
from mpcstats.plan import tables
from mpcstats.plan.flagcount import counted_as_bits, flag_sizes
from mpcstats.plan.onehot import one_hot, public_sizes
from mpcstats.plan.prepared import (
    Table,
    Tables,
    spread_over,
    spreadable,
    summands,
    together,
    width_of,
)
from mpcstats.plan.rowcost import divided, grouped
from mpcstats.plan.sizing import Sizing, beside, everyone, seated, worked
from mpcstats.plan.tables import FRACTION_DIGITS, Column, Outcome
from mpcstats.plan.work import NONE, PRODUCT, RING, Work, anded

NARROW = 62  # a sum of 64 bits stays below 2^62 where its square is taken
FRACTION_BITS = (10**FRACTION_DIGITS - 1).bit_length()


def cell_sizing(of: Tables, step: tables.Cellwise | Outcome) -> tuple[Sizing, ...]:
    """The runs of protocols that a step is composed of, in order; none if nobody sends anything."""
    table = of.table(step.of)
    match step:
        case tables.Tally():
            return _tally(of, step, table)
        case tables.Spread():
            return _spread(of, step, table)
        case tables.Quantile():
            return _quantile(of, step, table)
        case tables.Deviation():
            return _deviation(of, step, table)
        case tables.Divide():
            return _divide(of, step, table)
        case tables.Margins():
            return ()
        case Outcome():
            return _outcome(of, step, table)


def _codes(table: Table, cell: str | None, cells: int) -> Work:
    """The number of each row's cell as bits."""
    if cell is None or cells == 1:
        return NONE
    return table.as_bits(cell, like=[Column(cell, "number", 0, cells - 1)])


def _tally(of: Tables, step: tables.Tally, table: Table) -> tuple[Sizing, ...]:
    """One cell is counted by sums under a flag, which is not more than the card's figures say.

    A column that may come as a bit or as a number counts as both.
    """
    wheres = dict.fromkeys(a.where for a in step.aggregates if a.where is not None)
    as_numbers = together(table.as_number(name) for name in wheres)
    table = replace(table, forms={**table.forms, **dict.fromkeys(wheres, "number")})
    flags = _flags(step, table)
    sure = {name for name in flags if table.forms[name] == "bits"}
    numbers = [
        a for a in step.aggregates if a.kind != "sum" or a.where is not None or a.of not in sure
    ]
    sums, added = summands(numbers, table)
    within, flagged = _flagged(step, table)
    sums += within
    made = _codes(table, step.cell, step.cells).beside(added.then(flagged))
    made = as_numbers.then(made)
    sizes = public_sizes(table.rows, step.cells, sums)
    whole = step.cell is None or step.cells == 1
    exact = not whole and len(sure) == len(flags)
    run = Sizing(step.name, step.card, sizes, everyone(of.plan), exact=exact)
    counted: tuple[Sizing, ...] = ()
    if flags:
        rows = len(flags) * step.cells
        width = log2_ceil(step.cells)
        inside = anded(one_hot(width, step.cells), log2_ceil(width)).then(anded(step.cells))
        made = made.then(inside if not whole else NONE).then(anded(rows))
        card = Sizing(step.name, "flag_count", flag_sizes(table.rows, rows), everyone(of.plan))
        counted = (card,)
    return (run, *counted, *worked(of.plan, step.name, made, rows=table.rows))


def _flags(step: tables.Tally, table: Table) -> list[str]:
    """The columns whose sums are numbers of bits, and may be counted on these."""
    if not counted_as_bits(table.rows, step.cells):
        return []
    names = dict.fromkeys(
        a.of for a in step.aggregates if a.kind == "sum" and a.of is not None and a.where is None
    )
    return [name for name in names if _is_flag(table, name)]


def _flagged(step: tables.Tally, table: Table) -> tuple[int, Work]:
    """How many sums are of rows with a flag, and their products a row: in one cell one a column, if that is masked."""
    asked = [a for a in step.aggregates if a.where is not None]
    if step.cells > 1:
        return len(asked), together([PRODUCT for _ in asked])
    masked = {
        a.of for a in asked if a.of is not None and (table.shape.partial or table.nullable(a.of))
    }
    return len(asked), together([PRODUCT for _ in masked])


def _is_flag(table: Table, name: str) -> bool:
    column = table.column(name)
    ends = (0, 1) if column.kind == "flag" else (column.minimum, column.maximum)
    return ends == (0, 1) and not column.nullable and table.forms[name] != "number"


def _spread(of: Tables, step: tables.Spread, table: Table) -> tuple[Sizing, ...]:
    names = spread_over(step.aggregates)
    if step.cells == 1 and all(a.kind == "distinct" for a in step.aggregates):
        return _distinct(of, step, table, names)
    made = spreadable(step.aggregates, table).beside(_codes(table, step.cell, step.cells))
    runs = grouped(
        of.plan,
        step.name,
        rows=table.rows + step.cells,  # one more row for each cell, so that each has a group
        key=max(1, log2_ceil(step.cells)),
        groups=step.cells,
        sums=0,
        spreads=[width_of(table.column(name)) + 1 for name in names],
    )
    return (*runs, *worked(of.plan, step.name, made, rows=table.rows))


def _distinct(
    of: Tables, step: tables.Spread, table: Table, names: tuple[str, ...]
) -> tuple[Sizing, ...]:
    """Distinct values of one cell are counted without a group-by."""
    runs = []
    for name in names:
        key = width_of(table.column(name))
        width = key + 1 + max(1, log2_ceil(table.rows))
        sizes = {"rows": table.rows, "key": key, "absence": 1, "width": width, "kept": 0}
        runs.append(Sizing(step.name, "distinct", sizes, everyone(of.plan) + seated(of.plan, 0)))
    made = together(table.as_bits(n).beside(anded(int(table.nullable(n)))) for n in names)
    return (*beside(runs), *worked(of.plan, step.name, made, rows=table.rows))


def _in_cells(table: Table, value: str, cell: str | None, cells: int) -> Work:
    """For each cell a row of bits: which rows are in it, and have a value that is not NULL."""
    there = anded(int(table.nullable(value)))
    if cell is None or cells == 1:
        return there
    width = log2_ceil(cells)
    hot = anded(one_hot(width, cells), log2_ceil(width))
    codes = _codes(table, cell, cells).then(hot)
    return there.beside(codes).then(anded(cells))


def _quantile(of: Tables, step: tables.Quantile, table: Table) -> tuple[Sizing, ...]:
    value = width_of(table.column(step.value))
    sizes = {
        "rows": table.rows,
        "value": value,
        "at": 1,
        "absence": 1,
        "sorts": 1,
        "parts": 1,
        "first": 0,
        "front": -(-(value + 1) // RING),
        "width": value + 2 + max(1, log2_ceil(table.rows)),
        "several": 0,
    }
    # The same for each cell, side by side.
    run = Sizing(step.name, step.card, sizes, everyone(of.plan, times=step.cells))
    made = table.as_bits(step.value).beside(_in_cells(table, step.value, step.cell, step.cells))
    return (run, *worked(of.plan, step.name, made, rows=table.rows))


def _deviation(of: Tables, step: tables.Deviation, table: Table) -> tuple[Sizing, ...]:
    """Sums of values and of squares of each cell, then their terms."""
    column = table.column(step.value)
    # Values are taken less the middle of their bounds.
    most = column.maximum - (column.minimum + column.maximum) // 2
    narrow = table.rows * most * most < 1 << NARROW
    by_code = narrow and step.cell is not None and step.cells > 1
    terms = dict.fromkeys(("rows", "masked", "lifted", "narrow", "broad"), 0) | {
        "cells": step.cells,
        "narrow_moments": 1 + (table.rows * most < 1 << NARROW) + narrow,
    }
    roles = everyone(of.plan) + seated(of.plan, 0)
    last = Sizing(step.name, step.card, terms, roles)
    number = table.as_number(step.value)
    if by_code:
        there = anded(int(table.nullable(step.value)))
        codes = _codes(table, step.cell, step.cells)
        made = number.then(PRODUCT).beside(there).beside(codes)
        sizes = public_sizes(table.rows, step.cells, 2)
        run = Sizing(step.name, "group_by_public", sizes, everyone(of.plan))
        return (last, run, *worked(of.plan, step.name, made, rows=table.rows))
    sizes = {
        "rows": table.rows,
        "masked": 1,
        "lifted": int(not narrow),
        "narrow": int(narrow),
        "broad": int(not narrow),
        "cells": 0,
        "narrow_moments": 0,
    }
    cells = everyone(of.plan, times=step.cells) + seated(of.plan, 0, times=step.cells)
    run = Sizing(step.name, step.card, sizes, cells)
    made = number.beside(_in_cells(table, step.value, step.cell, step.cells))
    return (last, run, *worked(of.plan, step.name, made, rows=table.rows))


def _divide(of: Tables, step: tables.Divide, table: Table) -> tuple[Sizing, ...]:
    """A quotient and what is left of it, then the fraction of what is left."""
    wholes, fractions, works = [], [], []
    for each in step.quotients:
        numerator, denominator = table.column(each.numerator), table.column(each.denominator)
        n, d = _magnitude(numerator), _magnitude(denominator)
        whole = min(n, _magnitude(each.whole))
        rest = 1 if min(n, d) < RING else 2
        scaled = min(n, d) + FRACTION_BITS
        wholes.append(divided(of.plan, step.name, table.rows, n, d, whole, rest=rest))
        lifted = int(scaled >= RING and rest == 1)
        fractions.append(
            divided(of.plan, step.name, table.rows, scaled, d, FRACTION_BITS, rest=0, lifted=lifted)
        )
        works += [
            table.as_number(name)
            for name in (each.numerator, each.denominator)
            if table.column(name).kind != "wide"
        ]
        works.append(anded(numerator.nullable + denominator.nullable, 2))
    return (
        *beside(wholes),
        *beside(fractions),
        *worked(of.plan, step.name, together(works), rows=table.rows),
    )


def _magnitude(column: Column) -> int:
    """Bits of the greatest magnitude within the bounds, at least 1."""
    return max(1, abs(column.minimum).bit_length(), abs(column.maximum).bit_length())


def _outcome(of: Tables, step: Outcome, table: Table) -> tuple[Sizing, ...]:
    """All as numbers, and which cells appear."""
    names = [*(total.name for total in step.totals), *step.numbers]
    works = [table.as_number(name) for name in names]
    if step.appears is not None:
        known = anded(int(table.nullable(step.appears)))
        works.append(table.as_bits(step.appears).then(known))
    return worked(of.plan, step.name, together(works), rows=table.rows)
