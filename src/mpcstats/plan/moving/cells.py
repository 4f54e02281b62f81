"""How far columns of cells move: counts and sums of rows, and what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping

from mpcstats.plan import tables
from mpcstats.plan.persons import Apart
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference
from mpcstats.records.privacy.contribution import Contribution, Sensitivity

Cells = Mapping[str, Sensitivity | None]  # by column; None where nothing bounds it


def counted(
    step: tables.Tally | tables.Spread, rows: Apart, columns: Mapping[str, Column], *, turns: bool
) -> dict[str, Sensitivity | None]:
    """Of what is counted and added up over `rows`; `turns`: rows may change as well as come and go."""
    found: dict[str, Sensitivity | None] = {}
    for each in step.aggregates:
        of = None if each.of is None else columns[each.of]
        moved = _of(each, of, rows, step.cells)
        signed = each.kind == "distinct" or (of is not None and of.minimum < 0 < of.maximum)
        found[each.column.name] = _turned(moved, step.cells, signed=signed) if turns else moved
    return found


def _turned(of: Sensitivity | None, cells: int, *, signed: bool) -> Sensitivity | None:
    """Of rows that go from one cell or value to another: with d the vector before and e the one after, of d - e.

    Each has at most the norms `of`; |d - e|^2 <= |d|^2 + |e|^2 where no entry is below 0, else (|d| + |e|)^2.
    """
    if of is None:
        return None
    times = 4 if signed else 2
    return Sensitivity(2 * of.l1, times * of.l2_squared, min(cells, 2 * of.cells))


def _of(
    aggregate: tables.Aggregate, of: Column | None, below: Apart, cells: int
) -> Sensitivity | None:
    if aggregate.kind == "distinct" and aggregate.of in below.named:  # of persons: 1 a cell
        rows = cells if below.rows is None else below.rows
        return Contribution(rows, cells, 0, 1).of_persons()
    if below.rows is None:
        return None
    match aggregate.kind:
        case "count" | "distinct":
            return Contribution(below.rows, cells, 0, 1).of_rows()
        case "sum" if of is not None and (of.minimum, of.maximum) != (0, 0):
            return Contribution(below.rows, cells, of.minimum, of.maximum).of_sum()
        case _:
            return None


def moved(step: tables.Derive, known: Mapping[str, Cells]) -> dict[str, Sensitivity | None]:
    """Of tables of cells side by side, and of what is computed of their columns."""
    found = {n: m for name in step.of for n, m in known.get(name, {}).items()}
    for made in step.columns:
        found[made.column.name] = _computed(made.node, found)
    return found


def _computed(node: Node, known: Cells) -> Sensitivity | None:
    """Of sums and differences; NULL where there is nothing is told as it is, and moves nothing."""
    match node:
        case Reference(name):
            return known.get(name)
        case Call("neg", (inner,)) | Call("if", (_, inner, Null())):
            return _computed(inner, known)
        case Call("coalesce", (inner, Number(0))):
            return _computed(inner, known)
        case Call("add" | "sub", (left, right)):
            return _added(left, right, known)
        case Call("mul", (Number(factor), inner)) | Call("mul", (inner, Number(factor))):
            return _scaled(_computed(inner, known), abs(factor))
        case _:
            return None


def _added(left: Node, right: Node, known: Cells) -> Sensitivity | None:
    parts = [_computed(node, known) for node in (left, right) if not isinstance(node, Number)]
    moves = [part for part in parts if part is not None]
    if not moves or len(moves) < len(parts):
        return None
    if len(moves) == 1:
        return moves[0]
    l1 = sum(part.l1 for part in moves)
    return Sensitivity(l1, l1 * l1, sum(part.cells for part in moves))


def _scaled(of: Sensitivity | None, factor: int) -> Sensitivity | None:
    if of is None or factor == 0:
        return None
    return Sensitivity(factor * of.l1, factor * factor * of.l2_squared, of.cells)
