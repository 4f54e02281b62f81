"""In which form the columns of shared tables are: as numbers or as bits, as party.tables plays the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpcstats.plan.flow import Known, flow
from mpcstats.plan.nodework import Form, NodeWork
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.plan.tables import Aggregate, Column, Neighbour, Node
from mpcstats.plan.tableshape import Shapes


def forms(plan: Physical, shapes: Shapes) -> Mapping[str, Known[Form]]:
    """The form of each column of each shared table, by step."""
    columns = {name: column for shape in shapes.values() for name, column in shape.columns.items()}
    return flow(plan, _Reader(columns))


class _Reader:
    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns

    def given(self, fragment: Fragment, column: Column) -> Form:
        return "number" if column.kind == "number" else "bits"

    def either(self, parts: Sequence[Form]) -> Form:
        return parts[0] if len(set(parts)) == 1 else "either"

    def flag(self) -> Form:
        return "bits"

    def computed(
        self, column: Column, node: Node, known: Known[Form], reach: frozenset[str]
    ) -> Form:
        return NodeWork(self._columns, known, 0).form(node)

    def key(self, of: Form) -> Form:
        return "bits"

    def aggregated(self, aggregate: Aggregate, of: Form | None, reach: frozenset[str]) -> Form:
        return "number"

    def neighbour(self, function: Neighbour, of: Form | None) -> Form:
        if function.kind == "starts":
            return "bits"
        return "number" if of is None else of

    def quantile(self, of: Form, reach: frozenset[str]) -> Form:
        return "number"

    def deviation(self, of: Form, reach: frozenset[str]) -> tuple[Form, Form]:
        return "number", "number"

    def divided(self, numerator: Form, denominator: Form) -> Form:
        return "number"
