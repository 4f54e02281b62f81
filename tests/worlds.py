"""Random cohort questions on three compute parties and two outside owners, with their plain answers.

Loaded by the fixture `worlds`: property, card and tamper tests run the same questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.api import Engine
from mpcstats.engines.rep3 import Rep3
from mpcstats.protocols import cohort_count as cohorts
from mpcstats.protocols import criterion as criteria
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Held, Summand
from mpcstats.protocols.lookup_join import Found, LeftTable, Lookup, RightTable, lookup_join
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Words

COMPUTE = ("a", "b", "c")
PARTIES = (*COMPUTE, "d", "e")
Digests = NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    """One owner's keys (small ints), a value column and a code column with two labels."""

    owner: str
    bound: int
    keys: tuple[int, ...]
    values: tuple[int, ...]
    codes: tuple[int, ...]

    def row(self, key: int) -> tuple[int, int] | None:
        """Value and code of a key, None if it is not there."""
        if key not in self.keys:
            return None
        i = self.keys.index(key)
        return self.values[i], self.codes[i]


@dataclass(frozen=True)
class Question:
    """A spine with a value and a code, tables looked up in it, a formula over the hits, groups and totals.

    `groups` holds -1 for the spine's code and t for table t's. A total is a list of terms; a term is the columns
    that it multiplies (same numbering) and the hits that it needs besides.
    """

    spine: Table
    tables: tuple[Table, ...]
    helpers: tuple[str, ...]
    formula: criteria.Formula | None
    groups: tuple[int, ...]
    totals: tuple[tuple[tuple[tuple[int, ...], tuple[int, ...]], ...], ...]
    k: int = 1
    recipients: tuple[str, ...] = ("a",)


def digests(keys: Sequence[int]) -> Digests:
    """Stand-ins for the 128-bit digests of keys: distinct for distinct keys."""
    column = np.array(keys, dtype=np.uint64)
    return np.stack([column * np.uint64(0x9E3779B97F4A7C15), column], axis=1)


def words(values: Sequence[int]) -> Words:
    """Signed numbers as residues."""
    return np.array([v % (1 << 64) for v in values], dtype=np.uint64)


def holds(formula: criteria.Formula | None, hits: Sequence[bool]) -> bool:
    """The formula on plain bits."""
    if formula is None:
        return True
    if isinstance(formula, criteria.Bit):
        return hits[formula.position]
    if isinstance(formula, criteria.Not):
        return not holds(formula.of, hits)
    parts = [holds(part, hits) for part in formula.of]
    return all(parts) if isinstance(formula, criteria.All) else any(parts)


def plain(question: Question) -> tuple[list[int], list[list[int]]]:
    """Persons by cell, and totals by cell, in Python integers."""
    cells = list(product(*([range(2)] * len(question.groups))))
    persons = [0] * len(cells)
    totals = [[0] * len(cells) for _ in question.totals]
    for key, value, code in zip(
        question.spine.keys, question.spine.values, question.spine.codes, strict=True
    ):
        rows = [table.row(key) for table in question.tables]
        hits = [row is not None for row in rows]
        if not holds(question.formula, hits):
            continue
        codes = tuple(code if g < 0 else (rows[g] or (0, -1))[1] for g in question.groups)
        if -1 in codes:
            continue
        cell = cells.index(codes)
        persons[cell] += 1
        for total, terms in zip(totals, question.totals, strict=True):
            for factors, under in terms:
                if all(hits[u] for u in under):
                    number = 1
                    for f in factors:
                        number *= value if f < 0 else (rows[f] or (0, 0))[0]
                    total[cell] += number
    return persons, totals


async def look_up(session: Session, engine: Engine, question: Question, t: int) -> Found:
    """Lookup of table t in the spine; its store carries the value and the code."""
    spine, table = question.spine, question.tables[t]
    columns = np.stack([words(table.values), words(table.codes)], axis=1)
    return await lookup_join(
        session,
        engine,
        Lookup(spine.owner, table.owner, question.helpers[t], spine.bound, table.bound, 2),
        left=LeftTable(digests(spine.keys)) if session.me == spine.owner else None,
        right=RightTable(digests(table.keys), columns) if session.me == table.owner else None,
    )


def outline(question: Question, session: Session, found: Sequence[Found]) -> cohorts.Cohort:
    """The cohort of the question, as this party sees it."""
    spine = question.spine
    own = session.me == spine.owner
    padded = np.zeros(spine.bound, dtype=np.uint64)
    padded[: len(spine.keys)] = words(spine.values)
    column = Held(spine.bound, (Summand(spine.owner, padded if own else None),))
    codes = words(spine.codes) if own else None
    columns = {-1: column, **{t: f.columns[0] for t, f in enumerate(found)}}
    return cohorts.Cohort(
        owner=spine.owner,
        rows=spine.bound,
        valid=len(spine.keys) if own else None,
        formula=question.formula,
        hits=tuple(f.hit for f in found),
        groups=tuple(
            cohorts.SpineGroup(2, codes) if g < 0 else cohorts.HeldGroup(2, found[g].columns[1])
            for g in question.groups
        ),
        totals=tuple(
            tuple(
                cohorts.Term(tuple(columns[f] for f in factors), under) for factors, under in terms
            )
            for terms in question.totals
        ),
    )


async def play(
    session: Session, engine: Engine, question: Question, *, apart: bool = False
) -> Opened | None:
    """The whole question: lookups one after the other, the cohort, the gate; `apart`: nobody runs ahead."""
    found = []
    for t in range(len(question.tables)):
        found.append(await look_up(session.narrow(f"lookup{t}"), engine, question, t))
        if apart:
            await wait_for_all(session.narrow(f"after-{t}"))
    counted = await cohorts.cohort_count(
        session.narrow("cohort"), engine, outline(question, session, found)
    )
    if apart:
        await wait_for_all(session.narrow("after-cohort"))
    behind = tuple(Behind() for _ in question.totals)
    cells = Cells(2 ** len(question.groups), (counted.persons,), counted.totals, behind)
    step = session.narrow("gate")
    return await gate(step, engine, cells, Rules(question.k), to=question.recipients)


async def wait_for_all(session: Session) -> None:
    """A message from everybody to everybody: the next step begins at all parties at once."""
    others = [p for p in session.parties if p != session.me]
    await session.exchange(send={p: words([0]) for p in others}, receive=dict.fromkeys(others, 1))


def body(question: Question, engine: Engine | None = None, *, apart: bool = False) -> Any:
    """The coroutine function that every party plays."""
    chosen = engine if engine is not None else Rep3(COMPUTE)

    async def run(session: Session) -> Opened | None:
        return await play(session, chosen, question, apart=apart)

    return run


def expected(question: Question) -> tuple[list[bool], list[list[int]]]:
    """What a recipient must see: cells shown, and totals with 0 where a cell is not shown."""
    persons, totals = plain(question)
    shown = [p >= question.k for p in persons]
    return shown, [[v if s else 0 for v, s in zip(total, shown, strict=True)] for total in totals]
