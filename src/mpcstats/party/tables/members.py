"""Members: which rows of a shared table are in which cell, one row of bits a cell."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError
from mpcstats.party.tables.form import bits_of
from mpcstats.party.tables.table import Table
from mpcstats.session import Session, parallel


async def members_of(session: Session, engine: Engine, table: Table, cells: Sequence[str]) -> Bits:
    """The flag columns `cells`, 0 in rows that are not there; without one, of one cell, which rows are there.

    Raises InternalError for a table of which all rows are there: owners' tables are filled up.
    """
    there = table.present
    if there is None:
        raise InternalError("expected a table that says which of its rows are there")
    if not cells:
        return there
    flags = await parallel(
        *(bits_of(session.narrow(name), engine, table.value(name), 0, 1) for name in cells)
    )
    members = Bits.stack(list(flags))
    (found,) = await engine.conj(session.narrow("there"), [(members, there.repeat(len(cells)))])
    return found
