"""A shared table: a public number of rows, which of them are there, and named columns of shared values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mpcstats.engines.share import Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError
from mpcstats.plan.tables import Column
from mpcstats.protocols.derive import Value

DIGEST_BITS = 64


@dataclass(frozen=True, slots=True)
class Broad:
    """Numbers of 128 bits within [minimum, maximum], never NULL."""

    minimum: int
    maximum: int
    number: Wide = field(repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """`present`: one row of bits, which of the `rows` are there (None: all are). Values of other rows are junk."""

    rows: int
    present: Bits | None
    columns: Mapping[str, Value | Broad]

    def value(self, name: str) -> Value:
        """The column of that name. Raises InternalError if there is none, or it is one of 128 bits."""
        column = self.columns.get(name)
        if not isinstance(column, Value):
            raise InternalError(f"expected a column {name!r} of 64 bits in a shared table")
        return column

    def cut(self, names: frozenset[str]) -> Table:
        """The table with those of its columns that are among `names`."""
        kept = {name: column for name, column in self.columns.items() if name in names}
        return Table(self.rows, self.present, kept)

    def values(self, names: frozenset[str]) -> dict[str, Value]:
        """The columns of 64 bits of `names` that there are, in the table's order."""
        return {n: c for n, c in self.columns.items() if n in names and isinstance(c, Value)}


def bounds(column: Column) -> tuple[int, int]:
    """Least and greatest number of a column of the plan, as it is shared."""
    if column.kind == "digest":
        return 0, (1 << DIGEST_BITS) - 1
    if column.kind == "flag":
        return 0, 1
    return column.minimum, column.maximum
