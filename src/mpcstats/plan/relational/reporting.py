"""What is told of rows that fail checks: how many are left out, by owner, or nothing at all.

The numbers are totals of the answer like others: shown where they are 0, or where as many persons are behind them as
the gate asks of a total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from mpcstats.plan import tables
from mpcstats.plan.cells import Total
from mpcstats.plan.physical import OutputColumn
from mpcstats.plan.relational.checkpoint import Checkpoint
from mpcstats.plan.relational.draft import Draft
from mpcstats.plan.tables import (
    Aggregate,
    Backing,
    Call,
    Column,
    Computed,
    Node,
    Number,
    Outcome,
    Reference,
)

EVERYBODY = (
    1 << 40
)  # more persons than any minimum asks for: behind a 0 stands nobody whom it could tell of
PREFIX = "left_out_"
Reported = tuple[Outcome, tuple[OutputColumn, ...]]


def reported(draft: Draft, outcome: Outcome, output: tuple[OutputColumn, ...]) -> Reported:
    """The outcome and output of a question whose rows are checked as its context says.

    leave-out: with the number of rows left out of each owner beside each cell. stop: no cell has persons if a row of
    any owner fails, so that the gate opens none.
    """
    if not draft.checkpoints:
        return outcome, output
    if outcome.beside is not None:
        raise draft.context.refuse(
            None,
            "totals beside cells and rows that are left out by checks are not supported together: ask for the cells "
            "alone",
        )
    return Reporting(draft, outcome, output).reported()


class Reporting:
    """The failing rows of one draft, counted."""

    def __init__(self, draft: Draft, outcome: Outcome, output: tuple[OutputColumn, ...]) -> None:
        self._draft = draft
        self._outcome = outcome
        self._output = output
        self._counts: list[str] = []

    def reported(self) -> Reported:
        """The outcome and the output."""
        failing = [(point, self._failing(point)) for point in self._draft.checkpoints]
        computed = (
            self._stopped(failing) if self._draft.context.checks == "stop" else self._told(failing)
        )
        beside = self._everywhere(self._derived("failing", tuple(self._counts), computed))
        if self._draft.context.checks == "stop":
            return self._suppressed(beside, computed[0].column), self._output
        found = replace(self._outcome, of=self._derived("outputs", (self._outcome.of, beside), ()))
        return self._with_totals(found, computed)

    def _failing(self, point: Checkpoint) -> Node:
        """The number of rows, in a table of one row."""
        draft = self._draft
        column = Column(draft.names.fresh(f"{point.owner}_failing"), "number", 0, point.rows)
        step = draft.name("failing_rows")
        aggregate = Aggregate(column, "sum", point.fails)
        draft.steps.append(tables.Tally(step, point.step, None, 1, (aggregate,)))
        self._counts.append(step)
        return Reference(column.name)

    def _stopped(self, failing: Sequence[tuple[Checkpoint, Node]]) -> tuple[Computed, ...]:
        """A flag: whether no row fails."""
        flag = Column(self._draft.names.fresh("all_pass"), "flag", 0, 1)
        return (Computed(flag, Call("eq", (_sum([node for _, node in failing]), Number(0)))),)

    def _told(self, failing: Sequence[tuple[Checkpoint, Node]]) -> tuple[Computed, ...]:
        """For each owner the number of its rows that fail, and of persons surely behind them."""
        found = []
        for owner in dict.fromkeys(point.owner for point, _ in failing):
            own = [(point, node) for point, node in failing if point.owner == owner]
            total = _sum([node for _, node in own])
            fresh = self._draft.names.fresh
            most = sum(point.rows for point, _ in own)
            number = Column(fresh(f"{PREFIX}{owner}"), "number", 0, most)
            persons = Column(fresh(f"{PREFIX}{owner}_persons"), "number", 0, EVERYBODY)
            behind = Call("greatest", tuple(_persons(point, node) for point, node in own))
            none = Call("eq", (total, Number(0)))
            found.append(Computed(number, total))
            found.append(Computed(persons, Call("if", (none, Number(EVERYBODY), behind))))
        return tuple(found)

    def _derived(self, name: str, of: tuple[str, ...], computed: tuple[Computed, ...]) -> str:
        step = self._draft.name(name)
        self._draft.steps.append(tables.Derive(step, of, computed))
        return step

    def _everywhere(self, step: str) -> str:
        """The one row of the table of `step`, once for each cell."""
        count = 1
        for group in self._outcome.groups:
            count *= len(group.labels)
        if count == 1:
            return step
        name = self._draft.name("in_each_cell")
        self._draft.steps.append(tables.Stack(name, (step,) * count))
        return name

    def _suppressed(self, beside: str, passes: Column) -> Outcome:
        """The outcome, without persons in any cell unless all rows pass."""
        computed = []
        for name in self._outcome.persons:
            column = Column(self._draft.names.fresh(f"{name}_if"), "number", 0, EVERYBODY)
            node = Call("if", (Reference(passes.name), Reference(name), Number(0)))
            computed.append(Computed(column, node))
        of = self._derived("outputs", (self._outcome.of, beside), tuple(computed))
        persons = tuple(each.column.name for each in computed)
        return replace(self._outcome, of=of, persons=persons)

    def _with_totals(self, found: Outcome, computed: Sequence[Computed]) -> Reported:
        """The outcome with a total for each owner, behind those that were asked for."""
        numbers, persons = computed[::2], computed[1::2]
        backing = found.backing or (Backing(),) * len(found.totals)
        made = replace(
            found,
            totals=(
                *found.totals,
                *(Total(n.column.name, (), n.column.maximum) for n in numbers),
            ),
            backing=(*backing, *(Backing(p.column.name) for p in persons)),
        )
        shown = tuple(
            OutputColumn(number.column.name, "left-out", len(found.totals) + i)
            for i, number in enumerate(numbers)
        )
        return made, (*self._output, *shown)


def _sum(nodes: Sequence[Node]) -> Node:
    return reduce(lambda a, b: Call("add", (a, b)), nodes)


def _persons(point: Checkpoint, failing: Node) -> Node:
    """At least so many persons are behind rows of which each person has at most `most`."""
    if point.most is None:
        return Call("least", (failing, Number(1)))
    return Call("floordiv", (Call("add", (failing, Number(point.most - 1))), Number(point.most)))
