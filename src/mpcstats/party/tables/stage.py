"""What the steps of one party work with: the engine, the plan, the party's own rows and the columns still wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpcstats.engines.api import Engine
from mpcstats.errors import InternalError
from mpcstats.party.data.sources import Rows
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.plan.tables import Column


@dataclass(frozen=True, slots=True)
class Stage:
    """`rows` by fragment name, those of this party's own fragments alone."""

    engine: Engine
    plan: Physical
    rows: Mapping[str, Rows] = field(repr=False)

    def own(self, fragment: Fragment) -> Rows | None:
        """This party's rows of `fragment`, None if another party owns it."""
        return self.rows.get(fragment.name)


def column_of(fragment: Fragment, name: str) -> Column:
    """The fragment's column of that name. Raises InternalError if there is none."""
    for column in fragment.columns:
        if column.name == name:
            return column
    raise InternalError(f"expected a column {name!r} in fragment {fragment.name}")
