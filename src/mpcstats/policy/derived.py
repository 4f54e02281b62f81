"""The level of every column that a plan derives: that of what it came from, until the gate and no further.

A fragment's columns come from the items that its owner reads for them and from those by which it picks rows; what a
lookup adds is as sensitive as the fragment that is looked up; a total comes from its factors, from the hits that it
needs and from the rows of its spine. Secret sharing lowers no level. What passes the gate is an aggregate of at least
k persons: LOW, or what it came from if that is less. Of a fragment's value columns each has the level of all items
that the fragment reads for values: the plan does not say which is whose, and the highest counts. A column of a shared
table has the level of all items of all fragments that reach the table, by values or by which rows there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mpcstats.plan import physical as plans
from mpcstats.plan.flow import reached
from mpcstats.plan.physical import Fragment, Item, OutputColumn, Physical
from mpcstats.plan.tableshape import shapes
from mpcstats.policy.sensitivity import Weight, is_blind, item_level, weighed
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level, highest

Stage = Literal["fragment", "lookup", "table", "aggregate", "output"]
KEY = "key"
ROWS = "rows"  # which rows there are: picked by a fragment's filters
HIT = "hit"
PERSONS = "persons counted"  # what the gate holds against k
AFTER_GATE = Level.LOW


@dataclass(frozen=True, slots=True)
class Derived:
    """A column `name` that `of` (a fragment, a step, the answer) yields, its level, and the items that made it so.

    A `blind` key is compared under a run's pseudonyms or on shares, and shown to nobody: it has its level, and does
    not count for the question's.
    """

    of: str
    name: str
    stage: Stage
    level: Level
    because: tuple[str, ...]
    blind: bool = False

    def __str__(self) -> str:
        names = ", ".join(self.because) or "nothing above NONE"
        blind = ", a blind key" if self.blind else ""
        return f"{self.of}.{self.name}: {self.level.name} {self.level.chinese} from {names}{blind}"


def derived(plan: Physical, catalogue: Catalogue) -> tuple[Derived, ...]:
    """Every derived column of `plan`, in the order in which it comes to be.

    Raises UsageError for a dataset that the catalogue does not know.
    """
    return tuple(_Deriving(plan, catalogue).columns())


class _Deriving:
    """One walk along a plan."""

    def __init__(self, plan: Physical, catalogue: Catalogue) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._reached = reached(plan)

    def columns(self) -> Iterator[Derived]:
        for fragment in self._plan.fragments:
            yield from self._of_fragment(fragment)
        for step in self._plan.steps:
            if isinstance(step, plans.Lookup | plans.PrivateJoin):
                yield from self._of_lookup(step)
        yield from self._of_tables()
        yield from self._of_aggregate()
        yield from self._of_output()

    def _of_fragment(self, fragment: Fragment) -> Iterator[Derived]:
        keys = [item for item in fragment.items if item.use == "key"]
        if keys:
            yield self._key(fragment, keys)
        yield self._made(fragment.name, ROWS, "fragment", _used(fragment))
        for value in fragment.values:
            yield self._made(fragment.name, value.name, "fragment", _used(fragment, "value"))
        for code in fragment.codes:
            yield self._made(fragment.name, code.name, "fragment", _used(fragment, "group"))
        for column in fragment.columns:
            yield self._made(fragment.name, column.name, "fragment", fragment.items)

    def _key(self, fragment: Fragment, keys: list[Item]) -> Derived:
        """The key column has the level of the keys as they are, blind or not."""
        levels = {f"{i.dataset}.{i.column}": item_level(i, self._catalogue) for i in keys}
        top = highest(levels.values())
        names = sorted(name for name, level in levels.items() if level is top is not Level.NONE)
        blind = all(is_blind(item, self._catalogue) for item in keys)
        return Derived(fragment.name, KEY, "fragment", top, tuple(names), blind)

    def _of_lookup(self, step: plans.Lookup | plans.PrivateJoin) -> Iterator[Derived]:
        right = self._plan.fragment(step.right)
        yield self._made(step.name, HIT, "lookup", self._hits([step.name]))
        for value in right.values:
            yield self._made(step.name, value.name, "lookup", _used(right, "value"))
        for code in right.codes:
            yield self._made(step.name, code.name, "lookup", _used(right, "group"))

    def _of_tables(self) -> Iterator[Derived]:
        """Which rows each table has, and each column in the first table that has it."""
        seen: set[str] = set()
        for name, shape in shapes(self._plan).items():
            weight = self._weight(self._reaching(name))
            new = [column for column in shape.columns if column not in seen]
            for column in (ROWS, *new):
                yield Derived(name, column, "table", weight.level, weight.columns)
            seen |= set(new)

    def _reaching(self, step: str) -> tuple[Item, ...]:
        """All that is read by the fragments that reach the table of `step`."""
        names = sorted(self._reached[step])
        return tuple(item for name in names for item in self._plan.fragment(name).items)

    def _of_aggregate(self) -> Iterator[Derived]:
        step = self._plan.aggregate
        yield self._made(step.name, PERSONS, "aggregate", self._base())
        for group in step.groups:
            yield self._made(step.name, group.column, "aggregate", self._group(group))
        for total in step.totals:
            yield self._made(step.name, total.name, "aggregate", self._total(total))

    def _of_output(self) -> Iterator[Derived]:
        step = self._plan.aggregate
        for column in self._plan.output:
            if column.kind in ("group", "grouping"):
                items = self._group(step.groups[column.position])
            else:
                items = self._total(step.totals[column.position])
            before = self._weight(items)
            level, because = before.level, before.columns
            # What an approval exempts from the rule's minimums is no aggregate of many for sure.
            if level > AFTER_GATE and not self._exempt(column):
                level, because = AFTER_GATE, (f"the gate of {self._plan.gate.k} persons",)
            yield Derived("answer", column.name, "output", level, because)

    def _exempt(self, column: OutputColumn) -> bool:
        return column.kind not in ("group", "grouping") and any(
            release.columns is None or {column.position, column.by} & set(release.columns)
            for release in self._plan.gate.releases
            if release.exempt is not None
        )

    def _made(self, of: str, name: str, stage: Stage, items: Iterable[Item]) -> Derived:
        weight = self._weight(items)
        return Derived(of, name, stage, weight.level, weight.columns)

    def _weight(self, items: Iterable[Item]) -> Weight:
        return weighed(set(items), self._catalogue)

    def _hits(self, lookups: Iterable[str]) -> tuple[Item, ...]:
        """What decides which spine rows have a match: how the right fragments' rows were picked."""
        return tuple(item for name in lookups for item in _used(self._plan.joined(name)))

    def _base(self) -> tuple[Item, ...]:
        """What decides which rows are counted: the fragments' own picks, and the criterion."""
        step = self._plan.aggregate
        if isinstance(step, plans.Sum):
            fragments = [self._plan.fragment(name) for name in step.fragments]
            return tuple(item for fragment in fragments for item in _used(fragment))
        if isinstance(step, plans.Outcome):
            return self._reaching(step.name)
        spine = _used(self._plan.fragment(step.spine))
        hits = step.lookups if isinstance(step, plans.PrivateJoin) else _named(step.criterion)
        return (*spine, *self._hits(dict.fromkeys(hits)))

    def _group(self, group: plans.GroupKey) -> tuple[Item, ...]:
        found = [item for f in self._sources(group.source) for item in _used(f, "group")]
        return (*self._base(), *found)

    def _total(self, total: plans.Total) -> tuple[Item, ...]:
        found = [*self._base()]
        for term in total.terms:
            found += self._hits(term.under)
            for factor in term.factors:
                found += [i for f in self._sources(factor.source) for i in _used(f, "value")]
        return tuple(found)

    def _sources(self, source: str) -> tuple[Fragment, ...]:
        """The fragments behind the source of a Ref or a GroupKey."""
        step = self._plan.aggregate
        if isinstance(step, plans.Outcome):
            return tuple(self._plan.fragment(name) for name in sorted(self._reached[step.name]))
        if source != plans.SPINE:
            return (self._plan.joined(source),)
        names = step.fragments if isinstance(step, plans.Sum) else (step.spine,)
        return tuple(self._plan.fragment(name) for name in names)


def _used(fragment: Fragment, use: plans.Use | None = None) -> tuple[Item, ...]:
    """What the fragment reads for `use` and to pick its rows; for the latter alone without `use`.

    Special codes count for everything: a row that is there at all may tell of one.
    """
    wanted = {"filter", use} if use is not None else {"filter"}
    # A key that is not blind is weighed as what it is, and a blind one not at all (sensitivity.weighed).
    return tuple(
        item for item in fragment.items if item.use in wanted or item.use == "key" or item.special
    )


def _named(criterion: plans.Criterion) -> Iterator[str]:
    """The lookups that a criterion asks."""
    match criterion:
        case plans.Hit(lookup=name):
            yield name
        case plans.Not(of=inner):
            yield from _named(inner)
        case plans.All(of=parts) | plans.Any(of=parts):
            for part in parts:
                yield from _named(part)
        case _:
            return
