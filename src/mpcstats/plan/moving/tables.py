"""How far the cells of shared tables move: what a person's rows become, step by step, and what they add to a cell.

What is not surely bounded is not: a quotient, an extreme, a quantile, a row of several persons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod

from mpcstats.plan import tables
from mpcstats.plan.limits import Limited
from mpcstats.plan.moving.cells import Cells, counted, moved
from mpcstats.plan.persons import Apart, apart
from mpcstats.plan.physical import Fragment, Outcome, Physical
from mpcstats.plan.tables import Column, TableStep
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.contribution import Sensitivity


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of which each row is one person's; `origin` names the rows: tables of one origin have the same ones.

    `turning`: why a row may stay and be another one when its person leaves one of several datasets: flags whether a
    row was found, steps that aggregate. Without any, each row stays as it is, comes or goes. `marks`: flags that are
    true of found rows alone, and the flag of the find.
    """

    apart: Apart
    columns: Mapping[str, Column]
    origin: str
    turning: frozenset[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)


def of_outcome(
    plan: Physical, step: Outcome, catalogue: Catalogue, column: int, limits: Limited
) -> Sensitivity | None:
    """How far total `column` of `step` moves; None where nothing bounds it."""
    walk = _Walk(plan, catalogue, limits)
    for other in plan.steps:
        if isinstance(other, TableStep):
            walk.play(other)
    return walk.cells.get(step.of, {}).get(step.totals[column].name)


@dataclass(slots=True)
class _Walk:
    """What is known of each table by name: `rows` of tables of rows, `cells` of tables of cells."""

    plan: Physical
    catalogue: Catalogue
    limits: Limited
    rows: dict[str, Rows] = field(default_factory=dict)
    cells: dict[str, Cells] = field(default_factory=dict)

    def play(self, step: TableStep) -> None:
        """What `step` makes; nothing where a row may come of several persons."""
        match step:
            case tables.Tally() | tables.Spread():
                if step.of in self.rows:
                    own = self.rows[step.of]
                    self.cells[step.name] = counted(
                        step, own.apart, own.columns, turns=bool(own.turning)
                    )
            case tables.Derive() if step.of[0] in self.cells:
                self.cells[step.name] = moved(step, self.cells)
            case tables.Divide():
                self.cells[step.name] = self.cells.get(step.of, {})
            case _:
                found = self._rows(step)
                if found is not None:
                    self.rows[step.name] = found

    def _rows(self, step: TableStep) -> Rows | None:
        match step:
            case tables.Give():
                given = [self._given(self.plan.fragment(name)) for name in step.fragments]
                return _together(step.name, given)
            case tables.Stack():
                return _together(step.name, [self.rows.get(name) for name in step.of])
            case tables.Find():
                return self._found(step)
            case tables.Match():
                return self._matched(step)
            case tables.Derive():
                return self._derived(step)
            case tables.Neighbours():
                own = self.rows.get(step.of)
                if own is None or not own.apart.named & set(step.partition):
                    return None
                added = {f.column.name: f.column for f in step.functions}
                return Rows(
                    own.apart, {**own.columns, **added}, step.name, own.turning | {step.name}
                )
            case tables.Firsts():
                return self._firsts(step)
            case tables.Group() | tables.GroupOwned():
                return self._grouped(step)
            case _:
                return None

    def _firsts(self, step: tables.Firsts) -> Rows | None:
        """A run is of one person's rows. Where they come and go together, none of them becomes the first one."""
        own = self.rows.get(step.of)
        if own is None:
            return None
        together = False
        if step.fragment is not None:
            given = self._given(self.plan.fragment(step.fragment))
            if given is None or not given.apart.named & {key.name for key in step.keys}:
                return None
            together = not own.turning and self._is_given(own.origin, step.fragment)
        added = {flagged.column.name: flagged.column for flagged in step.flags}
        turning = own.turning if together else own.turning | {step.name}
        return replace(own, columns={**own.columns, **added}, turning=turning)

    def _is_given(self, name: str, fragment: str) -> bool:
        """Whether step `name` puts in the rows of `fragment` and no others."""
        return any(
            isinstance(step, tables.Give) and step.name == name and step.fragments == (fragment,)
            for step in self.plan.steps
        )

    def _given(self, fragment: Fragment) -> Rows | None:
        found = apart(fragment, self.catalogue, self.limits)
        columns = {column.name: column for column in fragment.columns}
        return None if found is None else Rows(found, columns, fragment.name)

    def _found(self, step: tables.Find) -> Rows | None:
        """A row finds a row of its own person: both have that person's key."""
        own = self.rows.get(step.of)
        left = self._given(self.plan.fragment(step.left))
        right = self._given(self.plan.fragment(step.right))
        if own is None or left is None or right is None:
            return None
        if step.left_key not in left.apart.named or step.right_key not in right.apart.named:
            return None
        columns = {column.name: column for column in (*step.columns, _hit(step.hit))}
        named = own.apart.named | (right.apart.named & columns.keys())
        flags = {name: step.hit for name, column in columns.items() if column.kind == "flag"}
        return Rows(
            replace(own.apart, named=named),
            {**own.columns, **columns},
            own.origin,
            own.turning | {step.hit},
            {**own.marks, **flags},
        )

    def _matched(self, step: tables.Match) -> Rows | None:
        left, right = self.rows.get(step.left), self.rows.get(step.right)
        if left is None or right is None:
            return None
        if not any(a in left.apart.named and b in right.apart.named for a, b in step.on):
            return None
        columns = {column.name: column for column in (*step.columns, _hit(step.hit))}
        each = min(n for n in (step.most, right.apart.rows) if n is not None)
        rows = None if left.apart.rows is None else left.apart.rows * max(each, 1)
        named = left.apart.named | (right.apart.named & columns.keys())
        turning = left.turning | right.turning | ({step.hit} if step.kind == "left" else set())
        return Rows(Apart(named, rows), {**left.columns, **columns}, step.name, turning)

    def _derived(self, step: tables.Derive) -> Rows | None:
        parts = [self.rows[name] for name in step.of if name in self.rows]
        if len(parts) < len(step.of) or len({part.origin for part in parts}) > 1:
            return None
        columns = {n: c for part in reversed(parts) for n, c in part.columns.items()}
        named = frozenset[str]().union(*(part.apart.named for part in parts))
        marks = {n: flag for part in parts for n, flag in part.marks.items()}
        for made in step.columns:
            columns[made.column.name] = made.column
            if isinstance(made.node, tables.Reference) and made.node.name in named:
                named |= {made.column.name}
            for name in _needed(made.node) & marks.keys():
                marks[made.column.name] = marks[name]
        bounds = [part.apart.rows for part in parts if part.apart.rows is not None]
        # Of rows that were found, those that are not any more are gone.
        gone = {marks[n] for n in _needed(step.keep) if n in marks}
        turning = frozenset[str]().union(*(p.turning for p in parts)) - gone
        found = Apart(named, min(bounds, default=None))
        return Rows(found, columns, parts[0].origin, turning, marks)

    def _grouped(self, step: tables.Group | tables.GroupOwned) -> Rows | None:
        """Groups by a person's name: of each person as many as it has rows, or as the other keys have values."""
        own = self.rows.get(step.of)
        if own is None:
            return None
        named = own.apart.named
        if isinstance(step, tables.GroupOwned):
            given = self._given(self.plan.fragment(step.fragment))
            named = frozenset() if given is None else given.apart.named
        persons = frozenset(key.name for key in step.keys) & named
        if not persons:
            return None
        others = [key for key in step.keys if key.name not in persons]
        bounds = [] if own.apart.rows is None else [own.apart.rows]
        if all(key.kind != "digest" for key in others):
            bounds.append(prod(k.maximum - k.minimum + 1 + k.nullable for k in others))
        columns = {c.name: c for c in (*step.keys, *(a.column for a in step.aggregates))}
        turning = own.turning | {step.name} if step.aggregates or own.turning else own.turning
        return Rows(Apart(persons, min(bounds, default=None)), columns, step.name, turning)


def _needed(keep: tables.Node | None) -> frozenset[str]:
    """The flags that are true where `keep` is."""
    match keep:
        case tables.Reference(name):
            return frozenset({name})
        case tables.Call("coalesce", (of, tables.Number(0))):
            return _needed(of)
        case tables.Call("and", parts):
            return frozenset[str]().union(*map(_needed, parts))
        case _:
            return frozenset()


def _hit(name: str) -> Column:
    return Column(name, "flag", 0, 1)


def _together(name: str, parts: list[Rows | None]) -> Rows | None:
    """One table after another: a person may have rows in all of them."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        return None
    rows = [part.apart.rows for part in known]
    bounded = [n for n in rows if n is not None]
    named = frozenset[str].intersection(*(part.apart.named for part in known))
    columns = {
        name: _wider([part.columns[name] for part in known])
        for name in known[0].columns
        if all(name in part.columns for part in known)
    }
    total = sum(bounded) if len(bounded) == len(rows) else None
    turning = frozenset[str]().union(*(part.turning for part in known))
    return Rows(Apart(named, total), columns, name, turning)


def _wider(columns: list[Column]) -> Column:
    low, high = min(c.minimum for c in columns), max(c.maximum for c in columns)
    return replace(columns[0], minimum=low, maximum=high)
