"""A plan of two parties as they play it: the private join of their fragments, and what it opens as cells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mpcstats.errors import InternalError
from mpcstats.party.data.sources import Rows
from mpcstats.plan.physical import Fragment, PaddedJoin, Physical, PrivateJoin
from mpcstats.plan.told import told
from mpcstats.protocols.cells import Opened
from mpcstats.protocols.private_join import Join, Joined, Progress, Table, private_join
from mpcstats.protocols.private_join_padded import Padding, private_join_padded
from mpcstats.session import Session, Words


async def play_join(
    session: Session,
    plan: Physical,
    step: PrivateJoin,
    rows: Mapping[str, Rows],
    on_progress: Progress | None = None,
) -> Opened | None:
    """Take part in `step` with the `rows` of this party's own fragments. What it opens at each recipient, None
    elsewhere. `on_progress` hears how many rows of this party's work are done.
    """
    (release,) = plan.gate.releases  # party.compile holds this
    left, right = plan.fragment(step.left), plan.fragment(step.right)
    who = told(plan, step)
    join = Join(
        matcher=who.matcher,
        holder=who.holder,
        matcher_rows=left.rows,
        holder_rows=right.rows,
        size_to=who.size_to,
        k=release.k,
        bits=tuple(_bits(right, name) for name in step.columns),
        sums_to=who.sums_to,
    )
    table, inside = _table(session.me, plan, step, rows), session.narrow(step.name)
    if isinstance(step, PaddedJoin):
        padding = Padding(step.law.epsilon, step.law.shift)
        found = await private_join_padded(inside, join, padding, table, on_progress=on_progress)
    else:
        found = await private_join(inside, join, table, on_progress=on_progress)
    return _opened(step, found) if session.me in release.recipients else None


def _bits(fragment: Fragment, name: str) -> int:
    """Of the largest absolute value that the column may have."""
    (column,) = (each for each in fragment.values if each.name == name)
    return max(1, max(abs(column.minimum), abs(column.maximum)).bit_length())


def _table(me: str, plan: Physical, step: PrivateJoin, rows: Mapping[str, Rows]) -> Table | None:
    if plan.fragment(step.left).owner == me:
        return Table(rows[step.left].keys)
    if plan.fragment(step.right).owner != me:
        return None
    own = rows[step.right]
    return Table(own.keys, _values(own, step.columns) if step.columns else None)


def _values(own: Rows, columns: tuple[str, ...]) -> Words:
    values = np.empty((own.keys.shape[0], len(columns)), dtype=np.uint64)
    for i, name in enumerate(columns):
        values[:, i] = own.values[name].view(np.uint64)
    return values


def _opened(step: PrivateJoin, found: Joined) -> Opened:
    """The one cell of the answer: shown if there are as many matches as the gate asks for."""
    if found.shown is None:
        raise InternalError("expected a recipient to be told whether there are enough matches")
    shown = np.array([found.shown])
    values = np.zeros((len(step.totals), 1), dtype=np.int64)
    if found.shown:
        values[:, 0] = [_total(step, i, found) for i in range(len(step.totals))]
    flags = np.repeat(shown[None, :], len(step.totals), axis=0)
    return Opened(shown, flags, flags.copy(), values)


def _total(step: PrivateJoin, position: int, found: Joined) -> int:
    ((*factors,),) = (term.factors for term in step.totals[position].terms)
    if factors and found.sums is not None:
        return found.sums[step.columns.index(factors[0].column)]
    if not factors and found.size is not None:
        return found.size
    raise InternalError(f"expected total {step.totals[position].name} among what was opened")
