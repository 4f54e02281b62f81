"""The small types that papers are made of: days, numbers, names and digests as their bodies write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mpcstats.records.names import PartyName
from mpcstats.records.tomlfile import Listed

Number = Annotated[
    str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_./-]{0,63}$")
]  # as its issuer files it
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=256), Listed]
Parties = Annotated[tuple[PartyName, ...], Field(min_length=1, max_length=64), Listed]
Count = Annotated[int, Field(ge=1, le=1 << 40)]


def joined(names: tuple[str, ...]) -> str:
    """The names in a sentence."""
    return ", ".join(names) or "nobody"
