"""Levels: their names in the regulations, how each may be opened, and which of several counts."""

from __future__ import annotations

import pytest

from mpcstats.records.levels import Condition, Level, OpenType, highest

RULES = [
    (Level.NONE, "不敏感", OpenType.UNCONDITIONAL, None),
    (Level.LOW, "低敏感", OpenType.CONDITIONAL, Condition.REAL_NAME),
    (Level.MODERATE, "较敏感", OpenType.CONDITIONAL, Condition.REVIEW),
    (Level.HIGH, "高敏感", OpenType.PROHIBITED, None),
]


@pytest.mark.parametrize(("level", "chinese", "open_type", "condition"), RULES)
def test_each_level_follows_the_regulations(
    level: Level, chinese: str, open_type: OpenType, condition: Condition | None
) -> None:
    assert (level.chinese, level.open_type, level.condition) == (chinese, open_type, condition)


def test_every_level_has_a_rule() -> None:
    assert [rule[0] for rule in RULES] == sorted(Level)


def test_only_a_conditional_opening_has_a_condition() -> None:
    for level in Level:
        assert (level.condition is not None) == (level.open_type is OpenType.CONDITIONAL)


def test_the_regulations_names_are_the_values() -> None:
    assert [t.value for t in OpenType] == ["不予开放", "有条件开放", "无条件开放"]
    assert [c.value for c in Condition] == ["审核开放", "实名认证开放"]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], Level.NONE),
        ([Level.LOW], Level.LOW),
        ([Level.MODERATE, Level.HIGH, Level.NONE], Level.HIGH),
        (iter([Level.LOW, Level.MODERATE]), Level.MODERATE),
    ],
)
def test_the_highest_counts(levels: list[Level], expected: Level) -> None:
    assert highest(levels) is expected
