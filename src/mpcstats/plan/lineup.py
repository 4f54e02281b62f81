"""Lineup: an outcome whose cells count persons of one owner, one a row of its fragment, so that they can be compared.

Then row i of the table that is counted is row i of that fragment, whose owner knows the person. Where a person has
several rows, where a total hangs on a part of a cell's persons, and where totals stand beside cells, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.plan import tables
from mpcstats.plan.persons import apart, key_column
from mpcstats.plan.physical import Along, Outcome, Physical
from mpcstats.plan.tables import Call, Column, Computed, Number, Reference, TableStep
from mpcstats.records.catalogue import Catalogue

MOST_CELLS = 64  # each is a column of flags
MEMBERS = "history_cells"


@dataclass(frozen=True, slots=True)
class Lineup:
    """The step that says of each row in which cell it is, none for one cell, and what is compared along it."""

    step: tables.Derive | None
    along: Along


def lineup(plan: Physical, outcome: Outcome, catalogue: Catalogue) -> Lineup | None:
    """The lineup of `outcome`, None if it has none."""
    steps = {step.name: step for step in plan.steps if isinstance(step, TableStep)}
    counted = [s for s in steps.values() if isinstance(s, _COUNTING)]
    whole = not any(each.support or each.rests for each in outcome.backing)
    if not counted or not whole or outcome.beside or outcome.appears or plan.cells > MOST_CELLS:
        return None
    first = counted[0]
    if any((s.cell, _there(steps, s.of)) != (first.cell, _there(steps, first.of)) for s in counted):
        return None
    found = _origin(steps, first.of)
    if found is None or any(isinstance(step, _REGROUPING) for step in steps.values()):
        return None
    fragment = plan.fragment(found)
    persons = apart(fragment, catalogue, {})
    key = key_column(fragment, catalogue)
    if persons is None or persons.rows != 1 or key is None:
        return None
    if first.cell is None:
        return Lineup(None, Along(first.of, found, key, ()))
    flags = tuple(_flag(first.cell, cell) for cell in range(first.cells))
    step = tables.Derive(MEMBERS, (first.of,), flags)
    return Lineup(step, Along(MEMBERS, found, key, tuple(made.column.name for made in flags)))


_COUNTING = tables.Tally | tables.Spread | tables.Quantile | tables.Deviation
_REGROUPING = tables.Group | tables.GroupOwned | tables.Match | tables.Neighbours | tables.Stack


def _flag(cell: str, number: int) -> Computed:
    """Whether a row is in the cell of that number."""
    node = Call("eq", (Reference(cell), Number(number)))
    return Computed(Column(f"history_cell_{number}", "flag", 0, 1), node)


def _origin(steps: dict[str, TableStep], name: str) -> str | None:
    """The fragment of which row i is row i of the table; None where rows have another order, or are several owners'."""
    match steps[name]:
        case tables.Give(fragments=(one,)):
            return one
        case tables.Find(of=of) | tables.Derive(of=(of,)):
            return _origin(steps, of)
        case _:
            return None


def _there(steps: dict[str, TableStep], name: str) -> str:
    """The table that has decided which of the rows are there."""
    step = steps[name]
    if isinstance(step, tables.Derive) and step.keep is None:
        return _there(steps, step.of[0])
    return name
