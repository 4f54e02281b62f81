"""Relational plans by hand: fragments with the rows of their owners, steps on them, and the table that comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.party.data.given import GivenColumn
from mpcstats.party.data.sources import Rows
from mpcstats.party.tables.play import play_table
from mpcstats.party.tables.stage import Stage
from mpcstats.party.tables.table import Broad, Table
from mpcstats.plan.needs import tables_of
from mpcstats.plan.physical import Fragment, Gate, Physical, Release, Step
from mpcstats.plan.tables import LEAST_DIGEST, Column, TableStep
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, opened, opened_wide, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES: tuple[Engine, ...] = (Rep3(TRIO), Clear(("c",)))
LOW, HIGH = -(1 << 61), (1 << 61) - 1

Cell = int | str | None
Row = dict[str, int | None]


def number(name: str, minimum: int = LOW, maximum: int = HIGH, *, nullable: bool = True) -> Column:
    return Column(name, "number", minimum, maximum, nullable)


def flag(name: str, *, nullable: bool = True) -> Column:
    return Column(name, "flag", 0, 1, nullable)


def digest(name: str, *, nullable: bool = True) -> Column:
    return Column(name, "digest", 0, (1 << 64) - 1, nullable)


@dataclass(frozen=True, slots=True)
class Part:
    """A fragment and what its owner has: for each column as many cells as there are rows."""

    name: str
    owner: str
    bound: int
    columns: Mapping[Column, Sequence[Cell]]

    @property
    def fragment(self) -> Fragment:
        columns = tuple(self.columns)
        return Fragment(self.name, self.owner, "", self.bound, (), (), (), columns=columns)

    @property
    def rows(self) -> Rows:
        columns = {c.name: given(c, cells) for c, cells in self.columns.items()}
        return Rows(np.empty((0, 2), dtype=np.uint64), {}, {}, columns)


def given(column: Column, cells: Sequence[Cell]) -> GivenColumn:
    known = np.array([cell is not None for cell in cells], dtype=np.bool_)
    if column.kind == "digest":
        halves = [halves_of(cell) for cell in cells]
        return GivenColumn(np.array(halves, dtype=np.uint64).reshape(len(cells), 2), known)
    numbers = [0 if cell is None else int(cell) % (1 << 64) for cell in cells]
    return GivenColumn(np.array(numbers, dtype=np.uint64), known)


def halves_of(text: Cell) -> tuple[int, int]:
    """The two halves of a text's digest, highest byte first; zeros for NULL."""
    if text is None:
        return (0, 0)
    head = hashlib.sha256(str(text).encode()).digest()
    return int.from_bytes(head[:8], "big"), int.from_bytes(head[8:16], "big")


def short(text: Cell) -> int | None:
    """What a shared digest of the text opens to."""
    return None if text is None else halves_of(text)[0] | LEAST_DIGEST


def plan_of(engine: Engine, parts: Sequence[Part], steps: Sequence[Step], last: str) -> Physical:
    """A plan of these fragments and steps, with a gate on step `last`."""
    return Physical(
        question="",
        scenario="",
        purpose="",
        initiator="a",
        engine=engine.name,
        compute=engine.compute,
        fragments=tuple(part.fragment for part in parts),
        steps=(*steps, Gate("gate", last, (Release(("a",), 1),))),
        output=(),
    )


def play(
    engine: Engine, parts: Sequence[Part], steps: Sequence[TableStep], last: str
) -> Outcome[list[Row | None]]:
    """The table of step `last` at every party: rows by column name, None for a row that is not there."""
    plan = plan_of(engine, parts, steps, last)

    async def body(session: Session) -> list[Row | None]:
        own = {part.name: part.rows for part in parts if part.owner == session.me}
        stage = Stage(engine, plan, own)
        tables: dict[str, Table] = {}
        for step in steps:
            tables[step.name] = await play_table(
                session.narrow(step.name),
                stage,
                step,
                [tables[name] for name in tables_of(step)],
                frozenset(name for table in tables.values() for name in table.columns),
            )
        return await rows_of(session.narrow("open"), engine, tables[last])

    return run_together(PARTIES, body)


def everywhere(parts: Sequence[Part], steps: Sequence[TableStep], last: str) -> list[Row | None]:
    """The same table at every party with every engine."""
    found = [
        rows for engine in ENGINES for rows in play(engine, parts, steps, last).results.values()
    ]
    assert all(rows == found[0] for rows in found)
    return found[0]


def present(rows: Sequence[Row | None]) -> list[Row]:
    return [row for row in rows if row is not None]


async def rows_of(session: Session, engine: Engine, table: Table) -> list[Row | None]:
    """The table, opened to everybody."""
    there = np.ones(table.rows, dtype=np.uint64)
    if table.present is not None:
        there = (await opened(session.narrow("present"), engine, table.present))[0]
    columns: dict[str, list[int | None]] = {}
    for name, column in table.columns.items():
        step = session.narrow(name)
        if isinstance(column, Broad):
            columns[name] = list(await opened_wide(step, engine, column.number))
            continue
        shared = column.number
        if shared is None:
            assert column.bits is not None
            shared = await engine.from_bits(step.narrow("number"), column.bits)
            shared = shared.plus(column.minimum)
        words: Words = await opened(step.narrow("value"), engine, shared)
        known = np.ones(table.rows, dtype=np.uint64)
        if column.known is not None:
            known = (await opened(step.narrow("known"), engine, column.known))[0]
        kind = np.uint64 if column.maximum >= 1 << 63 else np.int64
        numbers = words.view(kind)
        columns[name] = [int(n) if k else None for n, k in zip(numbers, known, strict=True)]
    return [
        {name: cells[i] for name, cells in columns.items()} if there[i] else None
        for i in range(table.rows)
    ]
