"""How sensitive a question is: the level of the most sensitive column that its plan reads, blind keys aside."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.plan.physical import Item, Physical
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level, highest


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The level, the columns that have it, and whether person keys join data unseen."""

    level: Level
    columns: tuple[str, ...]
    blind_keys: bool


def sensitivity(plan: Physical, catalogue: Catalogue) -> Sensitivity:
    """The sensitivity of `plan`. Raises UsageError for a column that the catalogue does not know."""
    items = {item for fragment in plan.fragments for item in fragment.items}
    # A special code is of level HIGH in whatever use: a blind key does not cover it.
    counted = {item for item in items if item.special or not _blind(item, catalogue)}
    levels = {item: item_level(item, catalogue) for item in counted}
    top = highest(levels.values())
    columns = sorted(
        {_words(item) for item, level in levels.items() if level is top and top is not Level.NONE}
    )
    return Sensitivity(top, tuple(columns), any(_blind(item, catalogue) for item in items))


def item_level(item: Item, catalogue: Catalogue) -> Level:
    """The level of what a fragment reads: HIGH where a filter may pick a special code."""
    if item.special:
        return Level.HIGH
    dataset = catalogue.dataset(item.dataset)
    # A column that the catalogue does not have cannot be in a plan; unknown means the highest level.
    return dataset.columns[item.column].level if item.column in dataset.columns else Level.HIGH


def _blind(item: Item, catalogue: Catalogue) -> bool:
    """Whether a key is only compared unseen, so that its value and membership are shown to nobody."""
    column = catalogue.dataset(item.dataset).columns.get(item.column)
    return item.use == "key" and column is not None and column.key is not None


def _words(item: Item) -> str:
    what = "special codes of " if item.special else ""
    return f"{what}{item.dataset}.{item.column}"
