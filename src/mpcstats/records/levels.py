"""Sensitivity levels of data, their Chinese names, and how data of each level may be opened."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum


class OpenType(Enum):
    """How data may be opened to others; the value is the name in the regulations."""

    PROHIBITED = "不予开放"
    CONDITIONAL = "有条件开放"
    UNCONDITIONAL = "无条件开放"


class Condition(Enum):
    """What a conditional opening asks for."""

    REVIEW = "审核开放"
    REAL_NAME = "实名认证开放"


class Level(IntEnum):
    """How sensitive a column is; of several, the highest counts."""

    NONE = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3

    @property
    def chinese(self) -> str:
        """The name in the regulations."""
        return _CHINESE[self]

    @property
    def open_type(self) -> OpenType:
        """Whether data of this level may be opened at all."""
        if self is Level.HIGH:
            return OpenType.PROHIBITED
        return OpenType.UNCONDITIONAL if self is Level.NONE else OpenType.CONDITIONAL

    @property
    def condition(self) -> Condition | None:
        """What a conditional opening asks for; None if the opening is not conditional."""
        return {Level.MODERATE: Condition.REVIEW, Level.LOW: Condition.REAL_NAME}.get(self)


_CHINESE = {
    Level.NONE: "不敏感",
    Level.LOW: "低敏感",
    Level.MODERATE: "较敏感",
    Level.HIGH: "高敏感",
}


def highest(levels: Iterable[Level]) -> Level:
    """The highest of `levels`; NONE if there is none."""
    return max(levels, default=Level.NONE)
