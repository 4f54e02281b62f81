"""Give and Stack: the rows of fragments as shares, and tables one after another."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.data.given import GivenColumn
from mpcstats.party.tables.form import every, numbers_of, rows_of
from mpcstats.party.tables.stage import Stage, column_of
from mpcstats.party.tables.table import DIGEST_BITS, Table, bounds
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value
from mpcstats.protocols.table import Own, give_rows
from mpcstats.session import Session, parallel


async def give_fragments(session: Session, stage: Stage, step: plans.Give) -> Table:
    """All fragments side by side: a column as the step has it, whatever a single fragment promises beyond it."""
    tables = await parallel(
        *(_fragment(session.narrow(name), stage, step, name) for name in step.fragments)
    )
    return await stacked(session.narrow("stack"), stage.engine, tables)


async def _fragment(session: Session, stage: Stage, step: plans.Give, name: str) -> Table:
    fragment = stage.plan.fragment(name)
    columns = [column_of(fragment, column.name) for column in step.columns]
    own = stage.own(fragment)
    # Without a column it is asked only which rows are there; the fragment has keys that say how many.
    rows = None if own is None else next(iter(own.columns.values())).known.size
    mine = [] if own is None else [own.columns[column.name] for column in columns]
    return await put_in(
        session, stage.engine, fragment.owner, columns, mine, rows=rows, bound=fragment.rows
    )


async def put_in(
    session: Session,
    engine: Engine,
    owner: str,
    columns: Sequence[plans.Column],
    own: Sequence[GivenColumn],
    *,
    rows: int | None,
    bound: int,
) -> Table:
    """A table of at most `bound` rows with `columns`; `own` and the number of its `rows` at `owner` alone."""
    numbers = [i for i, column in enumerate(columns) if column.kind == "number"]
    fields = [i for i, column in enumerate(columns) if column.kind != "number"]
    nullable = [i for i, column in enumerate(columns) if column.nullable]
    widths = [DIGEST_BITS if columns[i].kind == "digest" else 1 for i in fields]
    table = None
    if rows is not None:
        bits = [own[i].words for i in fields]
        known = [own[i].known.astype("uint64") for i in nullable]
        table = Own(rows, tuple(own[i].words for i in numbers), (*bits, *known))
    present, given = await give_rows(
        session,
        engine,
        table,
        owner=owner,
        rows=bound,
        numbers=len(numbers),
        widths=[*widths, *(1 for _ in nullable)],
    )
    found = {}
    for i, column in enumerate(columns):
        known_bits = given.fields[len(fields) + nullable.index(i)] if i in nullable else None
        number = given.numbers[numbers.index(i)] if i in numbers else None
        field = given.fields[fields.index(i)] if i in fields else None
        found[column.name] = Value(*bounds(column), number, field, known_bits)
    return Table(bound, present, found)


async def stacked(session: Session, engine: Engine, tables: Sequence[Table]) -> Table:
    """The rows of `tables`, one table after another, with the columns that all of them have."""
    if len(tables) == 1:
        return tables[0]
    names = [n for n in tables[0].columns if all(n in table.columns for table in tables)]
    columns = await parallel(
        *(
            _united(session.narrow(str(i)), engine, [table.value(name) for table in tables])
            for i, name in enumerate(names)
        )
    )
    rows = [table.rows for table in tables]
    present = _flags([table.present for table in tables], rows)
    return Table(sum(rows), present, dict(zip(names, columns, strict=True)))


async def _united(session: Session, engine: Engine, values: Sequence[Value]) -> Value:
    """One column, in every form that all have; as numbers if there is none."""
    bits = [value.bits for value in values if value.bits is not None]
    numbers = [value.number for value in values if value.number is not None]
    one_form = len(bits) == len(values) and len({(v.minimum, v.maximum) for v in values}) == 1
    if not one_form and len(numbers) < len(values):
        numbers = await numbers_of(session, engine, values)
    return Value(
        min(value.minimum for value in values),
        max(value.maximum for value in values),
        Arith.concatenate(numbers) if len(numbers) == len(values) else None,
        Bits.concatenate(bits) if one_form else None,
        _flags([value.known for value in values], [rows_of(value) for value in values]),
    )


def _flags(rows: Sequence[Bits | None], lengths: Sequence[int]) -> Bits | None:
    """The rows of flags one after another; None stands for as many ones."""
    like = next((row for row in rows if row is not None), None)
    if like is None:
        return None
    return Bits.concatenate(
        [every(like, n) if row is None else row for row, n in zip(rows, lengths, strict=True)]
    )
