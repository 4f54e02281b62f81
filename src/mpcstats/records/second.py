"""Seconds as files write them: YYYY-MM-DDThh:mm:ssZ, in UTC. Seconds written so sort as text does."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from mpcstats.errors import UsageError

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def check_second(text: str) -> str:
    """`text`, if it is a second that exists. Raises UsageError if not."""
    try:
        if FORM.fullmatch(text) is None:
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"expected a time as YYYY-MM-DDThh:mm:ssZ, got {text[:40]!r}") from None
    return text


def _valid(text: str) -> str:
    try:
        return check_second(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


Second = Annotated[str, AfterValidator(_valid)]


def day_of(second: str) -> str:
    """The day in UTC of a second."""
    return second[:10]
