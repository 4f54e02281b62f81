"""The step of a run that compares its cells with those of earlier runs, and keeps them before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.data.sources import Rows
from mpcstats.party.past.persons import Persons
from mpcstats.party.past.release import Universe
from mpcstats.party.past.releases import WORDS, Releases
from mpcstats.plan.physical import Cohort, Comparison, Physical
from mpcstats.protocols.differencing import Earlier, Index, differencing, told
from mpcstats.session import Session, Words

FOLDER = "history"
INDEX = "persons.index"


@dataclass(frozen=True, slots=True)
class Past:
    """Where a party keeps what it compares with, `folder`, and the run `label` whose cells it will keep there."""

    folder: Path = field(repr=False)
    label: str


async def compared(
    session: Session,
    engine: Engine,
    plan: Physical,
    step: Comparison,
    members: Bits,
    rows: Mapping[str, Rows],
    past: Past | None,
) -> Bits:
    """One row: 1 where a cell may be opened beside earlier ones. The cells have been kept by all holders by then.

    Raises Disagreement if others have kept another history, UsageError if the history or the index is full or
    damaged.
    """
    universe = Universe(plan.fragment(step.everybody).owner, plan.compute, step.persons)
    releases = None
    empty = engine.public(session, np.zeros(0, dtype=np.uint64))
    if session.me in universe.holders:
        if past is None:
            raise InternalError("expected a place for the history at who holds it, got none")
        folder = past.folder / universe.digest.hex()[:32]
        releases = Releases(folder, universe, len(empty.parts))
    own = np.zeros(WORDS, dtype=np.uint64) if releases is None else releases.told()
    others = await told(session.narrow("before"), universe.holders, own)
    if releases is None:
        earlier = _nothing(step)
    else:
        releases.settle(others)
        earlier = releases.earlier(step.cells, empty)
    index = _index(session, plan, step, rows, past)
    found = await differencing(session, engine, members, index, earlier, k=step.k)
    if releases is not None and past is not None:
        releases.keep(past.label, found)
    done = np.zeros(1, dtype=np.uint64)
    await told(session.narrow("after"), universe.holders, done)
    return found.allowed


def _nothing(step: Comparison) -> Earlier:
    """What a party that keeps no history passes on."""
    return Earlier(Arith((step.cells, step.persons), (), None), Arith((step.cells,), (), None))


def _index(
    session: Session,
    plan: Physical,
    step: Comparison,
    rows: Mapping[str, Rows],
    past: Past | None,
) -> Index:
    """The index as this party sees it; at its owner all persons have a position by then."""
    owner = plan.fragment(step.everybody).owner
    if session.me != owner or past is None:
        return Index(owner, step.persons, None, None)
    # One index for all runs of this capacity or another, and whoever computes: positions do not depend on these.
    persons = Persons(past.folder / INDEX, step.persons)
    persons.add(rows[step.everybody].keys)
    positions = persons.positions(_keys(plan, step, rows))
    return Index(owner, step.persons, positions, len(persons))


def _keys(plan: Physical, step: Comparison, rows: Mapping[str, Rows]) -> Words:
    """The digests of the spine's keys, row by row."""
    if step.along is not None:
        return rows[step.along.spine].columns[step.along.key].values
    if not isinstance(plan.aggregate, Cohort):
        raise InternalError("expected a comparison along a spine or along a table, got neither")
    return rows[plan.aggregate.spine].keys
