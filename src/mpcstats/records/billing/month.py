"""Months as files write them: YYYY-MM, the period of every bill. Months written so sort as text does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from mpcstats.errors import UsageError
from mpcstats.records.day import check_day

MONTHS = 12


def check_month(text: str) -> str:
    """`text`, if it is a month. Raises UsageError if not."""
    try:
        check_day(f"{text}-01")
    except UsageError:
        raise UsageError(f"expected a month as YYYY-MM, got {text[:40]!r}") from None
    return text


def _valid(text: str) -> str:
    try:
        return check_month(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Month = Annotated[str, AfterValidator(_valid)]


def months(first: str, last: str) -> Iterator[str]:
    """Every month from `first` to `last`, both included; none if `first` is later."""
    year, month = int(first[:4]), int(first[5:])
    while (written := f"{year:04}-{month:02}") <= last:
        yield written
        year, month = (year, month + 1) if month < MONTHS else (year + 1, 1)
