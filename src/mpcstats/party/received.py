"""What one recipient has received: the gate's releases to it, laid over one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError
from mpcstats.plan.physical import PaddedJoin, Physical, Release
from mpcstats.protocols.cells import Opened

Flags = NDArray[np.bool_]


def columns_of(plan: Physical, release: Release) -> NDArray[np.intp]:
    """The positions of the columns that `release` is about."""
    return _positions(release.columns, len(plan.aggregate.totals))


def cells_of(plan: Physical, release: Release) -> NDArray[np.intp]:
    """The positions of the cells that `release` is about."""
    return _positions(release.cells, plan.cells)


def _positions(named: tuple[int, ...] | None, count: int) -> NDArray[np.intp]:
    return np.arange(count, dtype=np.intp) if named is None else np.array(named, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Received:
    """What the releases to one recipient say together: a column of a cell is released if one of them releases it.

    `asked`, `released`, `known` and `values` have shape (columns, cells): what some release is about, what may be
    known, where that is a number, and the number. `present`, shape (cells,): whether the cell is a row of the
    answer; `empty`: no release needs to hide that it has no persons, and it has none.
    """

    asked: Flags = field(repr=False)
    released: Flags = field(repr=False)
    known: Flags = field(repr=False)
    values: NDArray[np.int64] = field(repr=False)
    present: Flags = field(repr=False)
    empty: Flags = field(repr=False)


def received(plan: Physical, opened: Sequence[Opened | None]) -> Received:
    """The releases of `plan`, of which `opened` holds those to this party, None for the others.

    A cell is a row if it is in a release and none has shown it to be empty; where HAVING decides, if it is shown.
    """
    releases = plan.gate.releases
    if len(opened) != len(releases):
        raise InternalError(f"expected what {len(releases)} releases open, got {len(opened)}")
    shape = (len(plan.aggregate.totals), plan.cells)
    asked, released, known = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
    values = np.zeros(shape, dtype=np.int64)
    given, shown, empty = (np.zeros(plan.cells, dtype=np.bool_) for _ in range(3))
    for release, found in zip(releases, opened, strict=True):
        if found is None:
            continue
        columns, cells = columns_of(plan, release), cells_of(plan, release)
        place = np.ix_(columns, cells)
        asked[place] = True
        values[place] = np.where(found.known, found.values, values[place])
        released[place] |= found.released
        known[place] |= found.known
        given[cells] = True
        shown[cells] |= found.shown
        # Then a cell is hidden for want of any person, or by HAVING; or because rows have failed checks, or because
        # the noise of a size leaves it open whether there is one.
        if release.k == 1 and plan.checks != "stop" and not isinstance(plan.aggregate, PaddedJoin):
            empty[cells] |= ~found.shown
    present = given & (shown if plan.tests.having else ~empty)
    return Received(asked, released, known, values, present, empty)
