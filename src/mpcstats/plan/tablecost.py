"""Sizes of the steps on shared tables, each with the protocols that it is composed of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mpcstats.plan import tables
from mpcstats.plan.cellcost import cell_sizing
from mpcstats.plan.flow import on_tables
from mpcstats.plan.physical import Outcome, Physical
from mpcstats.plan.prepared import Tables
from mpcstats.plan.rowcost import row_sizing
from mpcstats.plan.sizing import Sizing


def table_sizings(plan: Physical) -> tuple[Sizing, ...]:
    """The sizes and roles of each step of `plan` on shared tables, in order; raises InternalError as shapes does.

    First the run of the step's own protocol, if it has one, then those of the others.
    """
    of = Tables.of(plan)
    return tuple(_composed(step, _runs(of, step)) for step in on_tables(plan))


def _runs(of: Tables, step: tables.TableStep | Outcome) -> tuple[Sizing, ...]:
    if isinstance(step, tables.Cellwise | Outcome):
        return cell_sizing(of, step)
    return row_sizing(of, step)


def _composed(step: tables.TableStep | Outcome, runs: Sequence[Sizing]) -> Sizing:
    if runs and runs[0].card == step.card:
        first, others = _named(runs[0], step.name), runs[1:]
    else:
        first, others = Sizing(step.name, step.card, {}, {}), runs
    then = (_named(run, f"{step.name}/{run.card}{i}") for i, run in enumerate(others))
    return replace(first, then=tuple(then))


def _named(run: Sizing, name: str) -> Sizing:
    """The run, and those beside it, under names of their own."""
    more = (replace(each, step=f"{name}/{i}") for i, each in enumerate(run.beside, 1))
    return replace(run, step=name, beside=tuple(more))
