"""What flows through a plan's shared tables: which fragments reach each, and what a reader makes of each column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.physical import Fragment, Outcome, Physical
from mpcstats.plan.tables import Aggregate, Column, Neighbour, Node, TableStep

T = TypeVar("T")
Known = Mapping[str, T]  # what is made of each column of a table, by name


class Reader(Protocol[T]):
    """What is made of columns; `reach` are the names of the fragments that reach the table."""

    def given(self, fragment: Fragment, column: Column) -> T:
        """Of a column of a fragment, as it is put in."""

    def either(self, parts: Sequence[T]) -> T:
        """Of a column whose values come from one or another."""

    def flag(self) -> T:
        """Of the flag whether a row was found."""

    def computed(self, column: Column, node: Node, known: Known[T], reach: frozenset[str]) -> T:
        """Of what `node` gives."""

    def key(self, of: T) -> T:
        """Of a column by which shared rows have been grouped."""

    def aggregated(self, aggregate: Aggregate, of: T | None, reach: frozenset[str]) -> T:
        """Of a number of several rows; `of`: what is made of the column that it is taken over."""

    def neighbour(self, function: Neighbour, of: T | None) -> T:
        """Of a column of a window."""

    def quantile(self, of: T, reach: frozenset[str]) -> T:
        """Of a quantile."""

    def deviation(self, of: T, reach: frozenset[str]) -> tuple[T, T]:
        """Of the two terms of a variance."""

    def divided(self, numerator: T, denominator: T) -> T:
        """Of both parts of a quotient."""


def inputs(step: TableStep | Outcome) -> tuple[str, ...]:
    """The fragments and tables that a step works on, by name."""
    match step:
        case tables.Give():
            return step.fragments
        case tables.Find():
            return (step.of, step.right)
        case tables.Match():
            return (step.left, step.right)
        case tables.GroupOwned():
            return (step.of, step.fragment)
        case tables.Firsts() if step.fragment is not None:
            return (step.of, step.fragment)
        case tables.Stack() | tables.Derive():
            return step.of
        case _:
            return (step.of,)


def on_tables(plan: Physical) -> Iterator[TableStep | Outcome]:
    """The steps of `plan` that work on shared tables, in order."""
    for step in plan.steps:
        if isinstance(step, TableStep | Outcome):
            yield step


def reached(plan: Physical) -> Mapping[str, frozenset[str]]:
    """The fragments from which anything flows into the table of each such step: values, or which rows there are."""
    fragments = {fragment.name for fragment in plan.fragments}
    found: dict[str, frozenset[str]] = {}
    for step in on_tables(plan):
        parts = (frozenset({n}) if n in fragments else found[n] for n in inputs(step))
        found[step.name] = frozenset().union(*parts)
    return found


def flow(plan: Physical, reader: Reader[T]) -> Mapping[str, Known[T]]:
    """What `reader` makes of each column of each shared table of `plan`, by step; a plan of which shapes are known."""
    found: dict[str, dict[str, T]] = {}
    reach = reached(plan)
    for step in on_tables(plan):
        found[step.name] = dict(_made(plan, step, reader, found, reach[step.name]))
    return found


def _made(
    plan: Physical,
    step: TableStep | Outcome,
    reader: Reader[T],
    found: Mapping[str, Known[T]],
    reach: frozenset[str],
) -> Iterator[tuple[str, T]]:
    match step:
        case tables.Give():
            given = [plan.fragment(name) for name in step.fragments]
            for column in step.columns:
                yield column.name, reader.either([reader.given(f, _own(f, column)) for f in given])
        case tables.Stack():
            parts = [found[table] for table in step.of]
            for name in parts[0]:
                if all(name in part for part in parts):
                    yield name, reader.either([part[name] for part in parts])
        case tables.Find():
            yield from found[step.of].items()
            right = plan.fragment(step.right)
            yield from ((c.name, reader.given(right, _own(right, c))) for c in step.columns)
            yield step.hit, reader.flag()
        case tables.Match():
            yield from found[step.left].items()
            yield from ((c.name, found[step.right][c.name]) for c in step.columns)
            yield step.hit, reader.flag()
        case tables.Derive():
            known: Known[T] = _beside(found[name] for name in step.of)
            yield from known.items()
            for computed in step.columns:
                made = reader.computed(computed.column, computed.node, known, reach)
                yield computed.column.name, made
        case tables.Firsts():
            yield from found[step.of].items()
            yield from ((flagged.column.name, reader.flag()) for flagged in step.flags)
        case tables.Neighbours():
            known = found[step.of]
            yield from known.items()
            for function in step.functions:
                of = None if function.of is None else known[function.of]
                yield function.column.name, reader.neighbour(function, of)
        case Outcome() | tables.Margins():
            yield from found[step.of].items()
        case _:
            yield from _of_groups(plan, step, reader, found[step.of], reach)


def _of_groups(
    plan: Physical,
    step: TableStep,
    reader: Reader[T],
    known: Known[T],
    reach: frozenset[str],
) -> Iterator[tuple[str, T]]:
    """Of steps whose rows are groups or cells."""
    match step:
        case tables.Group():
            yield from ((key.name, reader.key(known[key.name])) for key in step.keys)
            yield from _aggregated(step.aggregates, reader, known, reach)
        case tables.GroupOwned():
            fragment = plan.fragment(step.fragment)
            yield from ((k.name, reader.given(fragment, _own(fragment, k))) for k in step.keys)
            yield from _aggregated(step.aggregates, reader, known, reach)
        case tables.Tally() | tables.Spread():
            yield from _aggregated(step.aggregates, reader, known, reach)
        case tables.Quantile():
            yield step.column.name, reader.quantile(known[step.value], reach)
        case tables.Deviation():
            numerator, denominator = reader.deviation(known[step.value], reach)
            yield step.numerator.name, numerator
            yield step.denominator.name, denominator
        case tables.Divide():
            yield from known.items()
            for each in step.quotients:
                made = reader.divided(known[each.numerator], known[each.denominator])
                yield each.whole.name, made
                yield each.fraction.name, made
        case _:
            raise InternalError(f"expected a step on shared tables, got {step.name}")


def _aggregated(
    aggregates: Iterable[Aggregate], reader: Reader[T], known: Known[T], reach: frozenset[str]
) -> Iterator[tuple[str, T]]:
    for each in aggregates:
        of = None if each.of is None else known[each.of]
        yield each.column.name, reader.aggregated(each, of, reach)


def _own(fragment: Fragment, column: Column) -> Column:
    """The fragment's own column of that name, with its own bounds."""
    return next(own for own in fragment.columns if own.name == column.name)


def _beside(parts: Iterable[Known[T]]) -> dict[str, T]:
    """Tables side by side; a name is that of one column."""
    beside: dict[str, T] = {}
    for part in parts:
        beside = {**part, **beside}
    return beside
