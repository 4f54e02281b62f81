"""Days as files write them: YYYY-MM-DD, in the civil calendar. Days written so sort as text does."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from pydantic import AfterValidator

from mpcstats.errors import UsageError


def check_day(text: str) -> str:
    """`text`, if it is a day. Raises UsageError if not."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"expected a day as YYYY-MM-DD, got {text[:40]!r}") from None
    if day.isoformat() != text:  # fromisoformat takes other forms too
        raise UsageError(f"expected a day as YYYY-MM-DD, got {text[:40]!r}")
    return text


def _valid(text: str) -> str:
    try:
        return check_day(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Day = Annotated[str, AfterValidator(_valid)]


def later(day: str, days: int) -> str:
    """The day that many days after `day`; before it where `days` is negative. Raises UsageError beyond year 9999."""
    try:
        return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
    except OverflowError:
        raise UsageError(
            f"expected a day within the calendar, got {days} days from {day}"
        ) from None


def years_later(day: str, years: int) -> str:
    """The day `years` after `day`, at most one of year 9999; of 29 February, 1 March where there is none."""
    start = date.fromisoformat(day)
    year = min(start.year + years, date.max.year)
    try:
        return start.replace(year=year).isoformat()
    except ValueError:
        return start.replace(year=year, month=3, day=1).isoformat()
