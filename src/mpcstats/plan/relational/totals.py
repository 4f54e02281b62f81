"""Totals beside the cells of an answer (GROUP BY CUBE and the like): what may have them, and how they come about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from sqlglot import exp

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import Aggregated, Answer, Expr
from mpcstats.plan.relational.counting import Cells
from mpcstats.plan.relational.draft import Draft
from mpcstats.plan.relational.opening import Key
from mpcstats.plan.relational.whose import one_row_each
from mpcstats.suppression.layout import grouping_sets
from mpcstats.suppression.slack import Amounts, largest

SLACK = 1 << 62
Kind = Literal["persons", "count", "amount"]


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals that the grouping sets of one answer ask for. Raises UsageError where there can be none."""

    draft: Draft
    answer: Answer
    most: int  # of cells

    def check(self) -> None:
        """The rows are of persons, each in one cell, and what is asked of cells are their counts and sums."""
        answer, refuse = self.answer, self.draft.context.refuse
        if answer.having is not None:
            raise refuse(
                answer.having, "HAVING on a question with totals is not supported", "HAVING"
            )
        persons = self.draft.context.persons
        if persons and (answer.person is None or not one_row_each(answer.input, answer.person)):
            raise refuse(
                None,
                "totals beside cells are sums of cells, and persons can only be added up where each is in one cell: "
                "expected one row a person; make it so by a sub-query that groups by the person, or ask for each "
                "grouping set by a question of its own",
            )
        if not any(not self._of_keys(item.node) for item in answer.outputs):
            raise refuse(None, "expected at least one count or sum beside totals")
        for item in answer.outputs:
            if not self._of_keys(item.node):
                self._aggregated(item.node)

    def added(self, cells: Cells, keys: Sequence[Key]) -> tuple[list[Key], int]:
        """The keys with a label for all of them behind the others, and how many cells; `cells` get their totals."""
        over = {a for kept in self.answer.sets for a in range(len(keys)) if a not in kept}
        axes = tuple((len(key.labels), i in over) for i, key in enumerate(keys))
        count = prod(size + total for size, total in axes)
        if count > self.most:
            raise self.draft.context.refuse(
                self.answer.keys[0][1], f"expected at most {self.most} cells, got {count}"
            )
        for place, table in enumerate(cells.tables):
            step = self.draft.name("margins")
            self.draft.steps.append(tables.Margins(step, table.step, axes))
            cells.tables[place] = replace(table, step=step, rows=count)
        totals = [
            replace(key, labels=(*key.labels, None)) if i in over else key
            for i, key in enumerate(keys)
        ]
        return totals, count

    def beside(self, cells: Cells, keys: Sequence[Key]) -> tables.Beside:
        """What the gate is told of them; `keys` are those without a label for all."""
        asked = [i.node for i in self.answer.outputs if not self._of_keys(i.node)]
        found = tables.Beside(
            self.answer.sets,
            tuple(self._kind(self._aggregated(node)) for node in asked),
            self.draft.context.suppression,
            self.draft.context.percent,
        )
        layout = grouping_sets([len(key.labels) for key in keys], self.answer.sets)
        rows = self.answer.input.rows
        widest = Amounts(found.percent, least=rows, floor=rows)
        for node in asked:
            aggregate = self._aggregated(node)
            known = cells.facts[aggregate.name].bounded
            said = self.draft.names.said(aggregate.name)
            if known is None or known[0] < 0:
                raise self.draft.refuse(
                    aggregate.name,
                    f"{said} may be below 0, and amounts beside totals must not be: sum up what is at least 0",
                )
            if largest(widest, known[1], len(self.answer.sets), len(layout.atoms)) >= SLACK:
                raise self.draft.refuse(
                    aggregate.name,
                    f"{said} may be too large to be shown beside totals: state tighter bounds in the catalogue",
                )
        return found

    def _aggregated(self, node: Expr) -> Aggregated:
        plain = node.unnest()
        for aggregate in self.answer.aggregates:
            if isinstance(plain, exp.Column) and plain.name == aggregate.name:
                if aggregate.kind in ("count", "sum"):
                    return aggregate
                break
        raise self.draft.context.refuse(
            node,
            "expected counts and sums beside totals, which add up cell by cell: ask for SUM and COUNT in place of AVG, "
            "and for other aggregates by a question without totals",
        )

    def _kind(self, aggregate: Aggregated) -> Kind:
        answer = self.answer
        if aggregate.kind == "sum":
            return "amount"
        named = answer.person is not None and not answer.input.facts[answer.person].nullable
        if aggregate.of is None and named and self.draft.context.persons:
            return "persons"
        return "count"

    def _of_keys(self, node: Expr) -> bool:
        """Whether an output is a group key, or says whether a cell is a total over one: all but aggregates."""
        plain = node.unnest()
        keys = {name for name, _ in self.answer.keys}
        return isinstance(plain, exp.Grouping) or (
            isinstance(plain, exp.Column) and plain.name in keys
        )
