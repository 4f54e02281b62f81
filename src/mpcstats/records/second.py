"""Seconds as files write them: YYYY-MM-DDThh:mm:ssZ, in UTC. Seconds written so sort as text does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

from mpcstats.errors import UsageError

FORM = "%Y-%m-%dT%H:%M:%SZ"


def check_second(text: str) -> str:
    """`text`, if it is a second. Raises UsageError if not."""
    try:
        fits = _written(_read(text)) == text  # strptime takes other forms too
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"expected a time as YYYY-MM-DDThh:mm:ssZ, got {text[:40]!r}")
    return text


def _valid(text: str) -> str:
    try:
        return check_second(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Second = Annotated[str, AfterValidator(_valid)]


def day_of(second: str) -> str:
    """The day of `second`, in UTC."""
    return second[:10]


def seconds_between(first: str, last: str) -> int:
    """Seconds from `first` to `last`; below 0 if `last` is the earlier one."""
    return round((_read(last) - _read(first)).total_seconds())


def later_second(second: str, seconds: int) -> str:
    """The second that many seconds after `second`."""
    return _written(_read(second) + timedelta(seconds=seconds))


def _read(text: str) -> datetime:
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


def _written(moment: datetime) -> str:
    # Not strftime: its %Y writes years below 1000 without the zeros.
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
