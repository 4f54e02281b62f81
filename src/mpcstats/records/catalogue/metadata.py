"""The terms of the catalogue's core metadata: how data are shared, how often they change, how good they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from mpcstats.records.levels import Level, OpenType
from mpcstats.records.tomlfile import Table

E = TypeVar("E", bound=Enum)


class ShareType(Enum):
    """Whether other public bodies may have the data; the value is the name in the rules of sharing."""

    UNCONDITIONAL = "无条件共享"
    CONDITIONAL = "有条件共享"
    REFUSED = "不予共享"


class UpdateCycle(Enum):
    """How often the owner brings the data up to date; the value is the name in the catalogue's forms."""

    REAL_TIME = "实时"
    DAILY = "每日"
    WEEKLY = "每周"
    MONTHLY = "每月"
    QUARTERLY = "每季度"
    HALF_YEARLY = "每半年"
    YEARLY = "每年"
    IRREGULAR = "不定期"


# What a column speaks of, for rules about columns that come together (records.catalogue.combination).
Kind = Literal[
    "identity",
    "contact",
    "account",
    "diagnosis",
    "treatment",
    "amount",
    "place",
    "day",
    "institution",
]
Format = Literal["database", "csv", "xlsx", "json", "parquet", "document", "other"]
Domain = Literal["personal", "public"]
Consent = Literal["none", "per-matter", "opt-out"]
PerMille = Annotated[int, Field(ge=0, le=1000)]
ITEM = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[^.\s]{1,128}")


class Quality(Table):
    """What the owner has measured of a column, per mille of its values."""

    completeness: PerMille | None = None  # not missing
    validity: PerMille | None = (
        None  # in their form, with a right check character where there is one
    )
    accuracy: PerMille | None = None  # as the original says
    consistency: PerMille | None = None  # as other items of the same element say
    timeliness: PerMille | None = None  # there by the update cycle


def _level(value: object) -> object:
    for level in Level:
        if value is level or value in (level.name, level.chinese):
            return level
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


def _member(kind: type[E]) -> Callable[[object], object]:
    """A validator that takes the name or the Chinese value of a member."""

    def read(value: object) -> object:
        for member in kind:
            if value is member or value in (member.name, member.value):
                return member
        raise ValueError(f"expected one of {', '.join(m.name for m in kind)}")

    return read


def _item(value: object) -> object:
    if isinstance(value, str) and ITEM.fullmatch(value):
        return value
    raise ValueError("expected an item as owner.dataset.column")


LevelName = Annotated[Level, BeforeValidator(_level)]
Share = Annotated[ShareType, BeforeValidator(_member(ShareType))]
Open = Annotated[OpenType, BeforeValidator(_member(OpenType))]
Cycle = Annotated[UpdateCycle, BeforeValidator(_member(UpdateCycle))]
ItemName = Annotated[str, BeforeValidator(_item)]  # "bureau.settlement.certno"
Text = Annotated[str, Field(min_length=1, max_length=4000)]


def plain(value: Any, *, chinese: bool = False) -> Any:
    """A value of a catalogue's model as plain data that the model reads again, defaults left out.

    Levels and terms by their names, or with `chinese` by the names in the rules.
    """
    if isinstance(value, Level):
        return value.chinese if chinese else value.name
    if isinstance(value, Enum):
        return value.value if chinese else value.name
    if isinstance(value, Table):
        about = type(value).model_fields
        fields = {name: getattr(value, name) for name in about}
        return {
            name: plain(part, chinese=chinese)
            for name, part in fields.items()
            if about[name].is_required() or (part != about[name].default and part not in ((), {}))
        }
    if isinstance(value, dict):
        return {name: plain(part, chinese=chinese) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, chinese=chinese) for part in value]
    return value
