"""Playing the steps of a relational plan: tables from tables, up to the cells that the gate may open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpcstats.errors import InternalError
from mpcstats.party.tables.derived import derived
from mpcstats.party.tables.deviation import deviation
from mpcstats.party.tables.find import find
from mpcstats.party.tables.give import give_fragments, stacked
from mpcstats.party.tables.grouping import group, group_owned
from mpcstats.party.tables.margins import margins
from mpcstats.party.tables.match import match as match_tables
from mpcstats.party.tables.neighbours import neighbours
from mpcstats.party.tables.once import once
from mpcstats.party.tables.outcome import outcome
from mpcstats.party.tables.quotients import quotients
from mpcstats.party.tables.ranks import quantiles
from mpcstats.party.tables.spread import spread
from mpcstats.party.tables.stage import Stage
from mpcstats.party.tables.table import Table
from mpcstats.party.tables.tally import tally
from mpcstats.plan import tables as plans
from mpcstats.plan.needs import tables_of, wanted_after
from mpcstats.protocols.cells import Cells
from mpcstats.session import Session, parallel


async def play_tables(
    session: Session,
    stage: Stage,
    steps: Sequence[plans.TableStep],
    last: plans.Outcome,
    *,
    on_step: Callable[[str], None],
    kept: str | None = None,
) -> tuple[Cells, Table | None]:
    """The cells of `last`, whose tables `steps` make; `on_step` hears the name of each of these when it is done.

    With them the whole table of the step `kept`, if one is named.

    Steps whose tables are there are played side by side. Tables and columns that no later step reads are dropped.
    Raises InternalError for a step whose tables never come.
    """
    tables: dict[str, Table] = {}
    wanted = {step.name: wanted_after([*steps, last], i) for i, step in enumerate(steps)}
    left, whole = list(steps), None
    while left:
        ready = [step for step in left if all(name in tables for name in tables_of(step))]
        if not ready:
            raise InternalError(f"expected tables that step {left[0].name} can be made of")
        played = await parallel(
            *(
                play_table(
                    session.narrow(step.name),
                    stage,
                    step,
                    [tables[name] for name in tables_of(step)],
                    wanted[step.name],
                )
                for step in ready
            )
        )
        for step, table in zip(ready, played, strict=True):
            tables[step.name] = table.cut(wanted[step.name])
            whole = table if step.name == kept else whole
            on_step(step.name)
        left = [step for step in left if step not in ready]
        read = {name for step in (*left, last) for name in tables_of(step)}
        tables = {name: table for name, table in tables.items() if name in read}
    return await outcome(session.narrow(last.name), stage.engine, last, tables[last.of]), whole


async def play_table(
    session: Session,
    stage: Stage,
    step: plans.TableStep,
    of: Sequence[Table],
    wanted: frozenset[str],
) -> Table:
    """The table of `step`, made of the tables `of`, at least with those of its columns that are `wanted`."""
    engine = stage.engine
    match step:
        case plans.Give():
            return await give_fragments(session, stage, step)
        case plans.Stack():
            return await stacked(session, engine, of)
        case plans.Find():
            return await find(session, stage, step, of[0])
        case plans.Match():
            return await match_tables(session, engine, step, of[0], of[1])
        case plans.Derive():
            return await derived(session, engine, step, of)
        case plans.Group():
            return await group(session, engine, step, of[0])
        case plans.GroupOwned():
            return await group_owned(session, stage, step, of[0])
        case plans.Firsts():
            return await once(session, stage, step, of[0])
        case plans.Neighbours():
            return await neighbours(session, engine, step, of[0], wanted)
        case _:
            return await _play_cells(session, stage, step, of[0])


async def _play_cells(session: Session, stage: Stage, step: plans.Cellwise, table: Table) -> Table:
    match step:
        case plans.Tally():
            return await tally(session, stage.engine, step, table)
        case plans.Spread():
            return await spread(session, stage.engine, step, table)
        case plans.Quantile():
            return await quantiles(session, stage.engine, step, table)
        case plans.Deviation():
            return await deviation(session, stage.engine, step, table)
        case plans.Divide():
            return await quotients(session, stage.engine, step, table)
        case plans.Margins():
            return await margins(session, stage.engine, step, table)
