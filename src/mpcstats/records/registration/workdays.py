"""Working days: Monday to Friday, but for the days off and the weekend days worked that a file lists."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.day import Day, check_day, later
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

SATURDAY = 5
MOST_DAYS = 10_000


Days = Annotated[tuple[Day, ...], Field(max_length=MOST_DAYS), Listed]


class HolidaysFile(Table):
    """holidays.toml: `off` are weekdays on which nobody works, `worked` Saturdays and Sundays on which all do."""

    version: Version
    off: Days = ()
    worked: Days = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for day in (*self.off, *self.worked):
            if (day in self.worked) != _weekend(day):
                what = (
                    "a Saturday or Sunday in worked" if day in self.worked else "a weekday in off"
                )
                raise ValueError(f"expected {what}, got {day}")
        return self


class Calendar:
    """Which days are working days. Without lists: every day but Saturday and Sunday."""

    def __init__(self, off: tuple[str, ...] = (), worked: tuple[str, ...] = ()) -> None:
        self._off = frozenset(off)
        self._worked = frozenset(worked)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The calendar of the file at `path`; that of weekends alone without one. Raises UsageError with place."""
        if path is None:
            return cls()
        table = read_toml(path, HolidaysFile)
        return cls(table.off, table.worked)

    def works(self, day: str) -> bool:
        """Whether `day` is a working day."""
        return day in self._worked or not (_weekend(day) or day in self._off)

    def after(self, day: str, count: int) -> str:
        """The `count`-th working day after `day`, which is not counted itself. Raises UsageError if none is near."""
        at = check_day(day)
        for _ in range(MOST_DAYS):
            if count <= 0:
                return at
            at = later(at, 1)
            count -= self.works(at)
        raise UsageError(f"expected working days after {day}, got none: look at the days off")


def _weekend(day: str) -> bool:
    return date.fromisoformat(day).weekday() >= SATURDAY
