"""How sensitive a question is: the level of the most sensitive column that its plan reads, blind keys aside, which
make it LOW at least.

Columns that are more sensitive together count together (the catalogue's combinations), unless one of them is a
blind key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mpcstats.plan.physical import Item, Physical
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.catalogue.combination import Met, met
from mpcstats.records.levels import Level, highest

# Of persons joined unseen, whatever else is read: who joins a table of one person asks whether that person is in the
# other, which is open nowhere.
JOINED = Level.LOW


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The level, the columns that have it, whether person keys join data unseen, and why columns count together."""

    level: Level
    columns: tuple[str, ...]
    blind_keys: bool
    combined: tuple[str, ...] = ()  # one reason for each combination that has the level


def sensitivity(plan: Physical, catalogue: Catalogue) -> Sensitivity:
    """The sensitivity of `plan`. Raises UsageError for a column that the catalogue does not know."""
    items = {item for fragment in plan.fragments for item in fragment.items}
    found = weighed(items, catalogue)
    blind = tuple(sorted({_words(item) for item in items if is_blind(item, catalogue)}))
    if blind and found.level < JOINED:
        return Sensitivity(JOINED, blind, True)
    return Sensitivity(found.level, found.columns, bool(blind), found.combined)


@dataclass(frozen=True, slots=True)
class Weight:
    """The level of some items together, the columns that give it, and the combinations that do, in words."""

    level: Level
    columns: tuple[str, ...] = ()
    combined: tuple[str, ...] = ()


def weighed(items: Iterable[Item], catalogue: Catalogue) -> Weight:
    """The level of `items` and why, blind keys left out. Raises UsageError for an unknown dataset."""
    # A special code is of level HIGH in whatever use: a blind key does not cover it.
    counted = [item for item in items if item.special or not is_blind(item, catalogue)]
    levels = {item: item_level(item, catalogue) for item in counted}
    combined = _met(counted, catalogue)
    top = highest((*levels.values(), *(m.combination.level for m in combined)))
    if top is Level.NONE:
        return Weight(top)
    highs = [m for m in combined if m.combination.level is top]
    columns = {_words(item) for item, level in levels.items() if level is top}
    columns |= {name for m in highs for name in m.columns}
    reasons = [f"{' with '.join(m.columns)}: {m.combination.because}" for m in highs]
    return Weight(top, tuple(sorted(columns)), tuple(reasons))


def item_level(item: Item, catalogue: Catalogue) -> Level:
    """The level of what a fragment reads: HIGH where a filter may pick a special code."""
    if item.special:
        return Level.HIGH
    dataset = catalogue.dataset(item.dataset)
    # A column that the catalogue does not have cannot be in a plan; unknown means the highest level.
    return dataset.columns[item.column].level if item.column in dataset.columns else Level.HIGH


def is_blind(item: Item, catalogue: Catalogue) -> bool:
    """Whether a key is only compared unseen, so that its value and membership are shown to nobody."""
    column = catalogue.dataset(item.dataset).columns.get(item.column)
    return item.use == "key" and column is not None and column.key is not None


def _met(items: Iterable[Item], catalogue: Catalogue) -> tuple[Met, ...]:
    """The combinations that the columns of `items` meet, whatever each is read for."""
    found = {}
    for item in items:
        column = catalogue.column(item.dataset, item.column)
        if column is not None:
            found[f"{item.dataset}.{item.column}"] = column
    return met(found, catalogue.combinations)


def _words(item: Item) -> str:
    what = "special codes of " if item.special else ""
    return f"{what}{item.dataset}.{item.column}"
