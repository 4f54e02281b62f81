"""Sizes of the steps that make shared tables row by row, as party.tables plays them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mpcstats.cards.arithmetic import log2_ceil
from mpcstats.plan import tables
from mpcstats.plan.needs import wanted_after
from mpcstats.plan.nodework import Division, NodeWork
from mpcstats.plan.onehot import one_hot
from mpcstats.plan.physical import Fragment, Outcome, Physical
from mpcstats.plan.prepared import (
    Table,
    Tables,
    common_width,
    spread_over,
    spreadable,
    summands,
    together,
)
from mpcstats.plan.sizing import Sizing, beside, everyone, outside, owned, put_in, seated, worked
from mpcstats.plan.tables import Column
from mpcstats.plan.work import NONE, RING, anded, negative, to_bits

# protocols.order_by: bits of keys that are sorted digit by digit, if few words move along, or if many do.
NARROW, DIGIT, FEW_WORDS = 6, 3, 4


def row_sizing(of: Tables, step: tables.Rowwise) -> tuple[Sizing, ...]:
    """The runs of protocols that a step is composed of, in order; none if nobody sends anything."""
    match step:
        case tables.Give():
            return _give(of.plan, step)
        case tables.Stack():
            return _stack(of, step)
        case tables.Find():
            return _find(of, step)
        case tables.Match():
            return _match(of, step)
        case tables.Derive():
            return _derive(of, step)
        case tables.Group():
            return _group(of, step)
        case tables.GroupOwned():
            return _group_owned(of, step)
        case tables.Firsts():
            return _firsts(of, step)
        case tables.Neighbours():
            return _neighbours(of, step)


def grouped(
    plan: Physical, step: str, *, rows: int, key: int, groups: int, sums: int, spreads: list[int]
) -> tuple[Sizing, ...]:
    """A group-by; `spreads` are the bits of the columns whose spread is wanted, with one that says NULL.

    Each after the first is a table of its own, beside. Narrow keys are sorted digit by digit (protocols.order_by).
    """
    runs, digits = [], []
    for i, value in enumerate(spreads or [0]):
        carried = (sums if i == 0 else 0) + min(value, 1)
        narrow = 1 + key + value <= (NARROW if carried <= FEW_WORDS else DIGIT)
        sizes = {
            "rows": rows,
            "width": 1 + key + value + log2_ceil(rows),
            "key": key,
            "value": value,
            "present": 1,
            "spread": min(value, 1),
            "sums": sums if i == 0 else 0,
            "groups": min(groups, rows),
        }
        roles = everyone(plan, "compute_after") + seated(plan, 0)
        if narrow:
            roles = Counter({who: n for who, n in roles.items() if who[0] != "compute"})
            radix = {"rows": rows, "width": 1 + key + value, "moved": 1 + carried}
            digits.append(Sizing(step, "radix_sort", radix, everyone(plan, "each_digit")))
        runs.append(Sizing(step, "group_by", sizes, roles))
    return (*beside(runs), *beside(digits))


def _give(plan: Physical, step: tables.Give) -> tuple[Sizing, ...]:
    runs: list[Sizing] = []
    for name in step.fragments:
        fragment = plan.fragment(name)
        columns = [_own(fragment, column) for column in step.columns]
        runs += _given(plan, step.name, fragment.owner, columns, fragment.rows)
    return beside(runs)


def _given(
    plan: Physical, step: str, owner: str, columns: list[Column], rows: int
) -> tuple[Sizing, ...]:
    """Columns that an owner puts in, with a bit for each row that says whether it is there."""
    fields = sum(RING if c.kind == "digest" else 1 for c in columns if c.kind != "number")
    bits = 1 + fields + sum(c.nullable for c in columns)
    numbers = sum(c.kind == "number" for c in columns)
    return put_in(plan, step, owner, rows=rows, bits=bits, numbers=numbers)


def _own(fragment: Fragment, column: Column) -> Column:
    return next(own for own in fragment.columns if own.name == column.name)


def _stack(of: Tables, step: tables.Stack) -> tuple[Sizing, ...]:
    """Tables one after another; a column that is not in one form everywhere becomes a number."""
    runs: list[Sizing] = []
    parts = [of.table(name) for name in step.of]
    shared = [n for n in parts[0].shape.columns if all(n in part.shape.columns for part in parts)]
    turned = [n for n in shared if _differ(parts, n)]
    for part in parts:
        work = together(part.as_number(n) for n in turned if part.column(n).kind != "digest")
        runs += worked(of.plan, step.name, work, rows=part.rows)
    return beside(runs)


def _differ(parts: list[Table], name: str) -> bool:
    """Whether the column is not all numbers, and not all bits above one least value."""
    held = {part.forms[name] for part in parts}
    bounds = {(part.column(name).minimum, part.column(name).maximum) for part in parts}
    return held != {"number"} and (held != {"bits"} or len(bounds) > 1)


def _find(of: Tables, step: tables.Find) -> tuple[Sizing, ...]:
    plan = of.plan
    left, right = plan.fragment(step.left), plan.fragment(step.right)
    columns = [_own(right, column) for column in step.columns]
    known = sum(column.nullable for column in columns)
    keys = left.rows if step.distinct is None else step.distinct
    run = looked_up(
        plan, step.name, left.owner, right.owner, keys, right.rows, len(columns) + known
    )
    runs = [replace(run, roles={**run.roles, ("helper", step.helper): 1})]
    flags = known + sum(column.kind == "flag" for column in columns)
    texts = sum(column.kind == "digest" for column in columns)
    shares = [
        run
        for owner in (left.owner, step.helper)  # each holds a summand of every column
        for run in put_in(
            plan, step.name, owner, rows=keys, bits=flags, numbers=len(columns) + known - flags
        )
    ]
    runs += beside(shares)
    turned = together([to_bits(RING, keys)] * texts)
    runs += worked(plan, step.name, turned, rows=keys)
    if step.distinct is not None:
        numbers, bits = len(columns) + known - flags - texts, 1 + flags + RING * texts
        runs.append(_expand(plan, step, left, keys, numbers, bits))
    return (*runs, *worked(plan, step.name, anded(known), rows=left.rows))


def looked_up(
    plan: Physical, step: str, left: str, right: str, keys: int, rows: int, values: int
) -> Sizing:
    """A lookup join of `keys` of owner `left` in `rows` of owner `right`; without the helper's part."""
    sizes = {
        "left_rows": keys,
        "right_rows": rows,
        "values": values,
        "left_outside": outside(plan, left),
    }
    roles = everyone(plan) + Counter({("left", left): 1, ("right", right): 1})
    return Sizing(step, "lookup_join", sizes, roles)


def _expand(
    plan: Physical, step: tables.Find, left: Fragment, keys: int, numbers: int, bits: int
) -> Sizing:
    """What was found for distinct keys, for each row of the left owner."""
    sizes = {
        "rows": keys,
        "occurring": min(keys, left.rows),
        "rows_out": left.rows,
        "moved": numbers + -(-bits // RING),
        "picks": 0,
        "places": 1,
        "outside": outside(plan, left.owner),
    }
    return Sizing(step.name, "expand", sizes, owned(plan, left.owner))


def _match(of: Tables, step: tables.Match) -> tuple[Sizing, ...]:
    left, right = of.table(step.left), of.table(step.right)
    works, key = [], 0
    for one, other in step.on:
        a, b = left.column(one), right.column(other)
        works.append((left, left.as_bits(one, like=[b]), left.nullable(one)))
        works.append((right, right.as_bits(other, like=[a]), right.nullable(other)))
        key += common_width([a, b])
    runs: list[Sizing] = []
    for side in (left, right):
        mine = [(work, null) for table, work, null in works if table is side]
        nulls = sum(null for _, null in mine)
        # Which keys are not NULL, and then which rows take part.
        made = together(work for work, _ in mine).beside(anded(max(0, nulls - 1), nulls))
        runs += worked(of.plan, step.name, made, rows=side.rows)
    rows = left.rows + right.rows
    brings = step.kind in ("inner", "left")
    numbers, bits = right.carried([c.name for c in step.columns] if brings else [])
    moved = numbers + -(-bits // RING)
    run = joined(of.plan, step.name, rows=rows, key=key, moved=moved, copies=step.most)
    runs = [run, *beside(runs)]
    known = sum(right.nullable(column.name) for column in step.columns)
    after = anded(step.most * known, 1) if step.kind == "left" else NONE
    return (*runs, *worked(of.plan, step.name, after, rows=left.rows))


def joined(plan: Physical, step: str, *, rows: int, key: int, moved: int, copies: int) -> Sizing:
    """A sort join of two tables with `rows` together, by keys of so many bits."""
    sizes = {
        "rows": rows,
        "tables": 2,
        "width": key + 1 + max(1, log2_ceil(rows)) + 1,
        "moved": moved,
        "copies": copies,
    }
    return Sizing(step, "sort_join", sizes, everyone(plan))


def _derive(of: Tables, step: tables.Derive) -> tuple[Sizing, ...]:
    parts = [of.table(name) for name in step.of]
    rows = parts[0].rows
    columns = {name: c for part in parts for name, c in part.shape.columns.items()}
    forms = {name: form for part in parts for name, form in part.forms.items()}
    nodes = NodeWork(columns, forms, rows)
    work = nodes.of([computed.node for computed in step.columns], step.keep)
    divisions = [_division(of.plan, step.name, division, rows) for division in nodes.divisions]
    return (*worked(of.plan, step.name, work, rows=rows), *divisions)


def _division(plan: Physical, step: str, division: Division, rows: int) -> Sizing:
    """A quotient and what is left; how deep in an expression, is not known: one after another."""
    numerator, denominator, quotient = division
    run = divided(plan, step, rows, numerator, denominator, quotient, rest=1)
    return replace(run, exact=False)


def divided(
    plan: Physical,
    step: str,
    rows: int,
    dividend: int,
    divisor: int,
    quotient: int,
    *,
    rest: int,
    lifted: int = 0,
) -> Sizing:
    """A division by the card of divide."""
    sizes = {
        "rows": rows,
        "dividend": dividend,
        "divisor": divisor,
        "quotient": quotient,
        "rounded": 0,
        "limbs": 1 if quotient < RING else 2,
        "rest": rest,
        "lifted": lifted,
    }
    return Sizing(step, "divide", sizes, everyone(plan) + seated(plan, 0, 2))


def _group(of: Tables, step: tables.Group) -> tuple[Sizing, ...]:
    table = of.table(step.of)
    names = [key.name for key in step.keys]
    sums, added = summands(step.aggregates, table)
    made = together([*map(table.as_key, names), added, spreadable(step.aggregates, table)])
    spreads = [table.key_width(name) for name in spread_over(step.aggregates)]
    runs = grouped(
        of.plan,
        step.name,
        rows=table.rows,
        key=sum(map(table.key_width, names)),
        groups=step.groups,
        sums=sums,
        spreads=spreads,
    )
    return (*runs, *worked(of.plan, step.name, made, rows=table.rows))


def _group_owned(of: Tables, step: tables.GroupOwned) -> tuple[Sizing, ...]:
    plan, table = of.plan, of.table(step.of)
    fragment = plan.fragment(step.fragment)
    sums, added = summands(step.aggregates, table)
    sizes = {
        "rows": table.rows,
        "groups": step.groups * max(1, len(step.apart)),
        "sums": sums,
        "moved": 1 + sums,
        "valid": 1,
        "outside": outside(plan, fragment.owner),
    }
    run = Sizing(step.name, step.card, sizes, everyone(plan) + owned(plan, fragment.owner))
    keys = [_own(fragment, key) for key in step.keys]
    return (
        run,
        *worked(plan, step.name, added, rows=table.rows),
        *_given(plan, step.name, fragment.owner, keys, step.groups),
        *worked(plan, step.name, negative(RING), rows=step.groups),
    )


def _firsts(of: Tables, step: tables.Firsts) -> tuple[Sizing, ...]:
    table = of.table(step.of)
    sizes = {"rows": table.rows, "flags": len(step.flags) * step.cells}
    run = Sizing(step.name, step.card, sizes, everyone(of.plan))
    asked = dict.fromkeys(name for name in (step.starts, *(f.of for f in step.flags)) if name)
    made = together(map(table.as_bits, asked))
    there = anded(len({flagged.of for flagged in step.flags} - {None}))
    if step.cell is not None:
        width = log2_ceil(step.cells)
        codes = table.as_bits(step.cell, like=[Column(step.cell, "number", 0, step.cells - 1)])
        made = made.beside(codes.then(anded(one_hot(width, step.cells), log2_ceil(width))))
        there = there.then(anded(sizes["flags"]))
    given: tuple[Sizing, ...] = ()
    if step.fragment is not None:
        owner = of.plan.fragment(step.fragment).owner
        given = put_in(of.plan, step.name, owner, rows=table.rows, bits=1, numbers=0)
    return (run, *given, *worked(of.plan, step.name, made.then(there), rows=table.rows))


def _neighbours(of: Tables, step: tables.Neighbours) -> tuple[Sizing, ...]:
    table, later = of.table(step.of), _later(of.plan, step)
    by = [*step.partition, *(order.name for order in step.order)]
    asked = {f.of for f in step.functions if f.of is not None}
    moving = [name for name in table.shape.columns if name in later | asked]
    numbers, bits = table.carried(moving)
    width = sum(map(table.key_width, by)) + 1 + max(1, log2_ceil(table.rows))
    apart = [f for f in step.functions if f.kind in ("lead", "lag")]
    sizes = {
        "rows": table.rows,
        "partition": sum(map(table.key_width, step.partition)),
        "absence": 1,
        "width": width,
        "moved": -(-width // RING) + numbers + -(-bits // RING),
        "distances": len(apart),
        "furthest": max((f.by for f in apart), default=1),
        "numbered": sum(f.kind == "row_number" for f in step.functions),
        "restored": 0,
        "restores": 0,
    }
    run = Sizing(step.name, step.card, sizes, everyone(of.plan))
    made = together(map(table.as_key, by))
    known = anded(sum(f.of is not None and table.nullable(f.of) for f in apart))
    return (run, *worked(of.plan, step.name, made.then(known), rows=table.rows))


def _later(plan: Physical, step: tables.TableStep) -> frozenset[str]:
    """The columns that later steps read."""
    on_tables = [each for each in plan.steps if isinstance(each, tables.TableStep | Outcome)]
    return wanted_after(on_tables, on_tables.index(step))
