"""Values on their way through a sort or a join: one vector for each number, and all bits together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.protocols.derive import Value


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value is: the vector of its number, or the rows of its bits; and the row that says if it is known."""

    name: str
    minimum: int
    maximum: int
    number: int | None
    bits: slice
    known: int | None


@dataclass(frozen=True, slots=True)
class Carried:
    """The columns that values are carried as, and how to find the values again."""

    columns: tuple[Column, ...]
    places: tuple[_Place, ...]

    def values(self, columns: Sequence[Column]) -> dict[str, Value]:
        """The values by name, from `columns`: what these columns have become. Raises InternalError for other kinds."""
        numbers = [c for c in columns if isinstance(c, Arith)]
        rows = [c for c in columns if isinstance(c, Bits)]
        if len(numbers) + len(rows) != len(self.columns) or len(rows) > 1:
            raise InternalError("expected carried columns to stay what they were")
        found = {}
        for place in self.places:
            bits = None if place.number is not None else rows[0].rows(place.bits)
            known = None if place.known is None else rows[0].rows(place.known)
            number = None if place.number is None else numbers[place.number]
            found[place.name] = Value(place.minimum, place.maximum, number, bits, known)
        return found


def carried(values: Mapping[str, Value]) -> Carried:
    """A value goes as its number, if it has one, else as its bits."""
    numbers: list[Arith] = []
    rows: list[Bits] = []
    places = []
    width = 0
    for name, value in values.items():
        number, bits, known = None, slice(0, 0), None
        if value.number is not None:
            number = len(numbers)
            numbers.append(value.number)
        elif value.bits is not None:
            bits = slice(width, width + value.bits.width)
            rows.append(value.bits)
            width += value.bits.width
        if value.known is not None:
            known = width
            rows.append(value.known)
            width += 1
        places.append(_Place(name, value.minimum, value.maximum, number, bits, known))
    stacked = [Bits.stack(rows)] if rows else []
    return Carried((*numbers, *stacked), tuple(places))
