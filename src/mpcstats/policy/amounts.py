"""Amounts on shared tables: of which fragments' amounts each column may be made, as opposed to counts of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpcstats.plan.flow import Known, flow
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.plan.tables import Aggregate, Call, Column, Neighbour, Node, Number, Reference
from mpcstats.records.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Amount:
    """The fragments of whose amounts a column may be made, and how many amounts are multiplied in it, at most 2.

    `unit`: whether a row's value is 0 or 1, so that a sum of them is a count.
    """

    of: frozenset[str] = frozenset()
    degree: int = 0
    unit: bool = False


COUNT = Amount()
FLAG = Amount(unit=True)
MOST = 2  # more factors than two are as two


def amounts(plan: Physical, catalogue: Catalogue) -> Mapping[str, Known[Amount]]:
    """For each column of each shared table of `plan`, by step, what amounts it may be made of.

    Numbers of rows, flags, sums of either, their least, greatest and chosen ones are counts, and so are quotients of
    counts. A fragment's column is an amount unless it is a flag, a digest, or surely a count (surely_count). What
    cannot be told (a difference or a product of counts, a public number above 1, an extreme or a quantile of counts)
    is of all fragments that reach the table.
    """
    return flow(plan, _Reader(catalogue))


def surely_count(
    fragment: Fragment, minimum: int, maximum: int, catalogue: Catalogue, *, counted: bool = False
) -> bool:
    """Whether a column of the fragment within these bounds adds 0 or 1 for each row of a dataset.

    It is a COUNT of rows (`counted`), or the fragment reads no column for its value, and no more comes of it than the
    smallest of its datasets has rows: larger constants (a CASE over thresholds) could be amounts in disguise.
    """
    datasets = {item.dataset for item in fragment.items}
    if not datasets or not all(catalogue.has(name) for name in datasets):
        return False
    if counted:
        return minimum >= 0
    if any(item.use == "value" for item in fragment.items):
        return False
    rows = min(catalogue.dataset(name).rows for name in datasets)
    return minimum >= 0 and maximum <= rows


class _Reader:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def given(self, fragment: Fragment, column: Column) -> Amount:
        if column.kind in ("flag", "digest"):
            return FLAG
        counted, ends = column.counts, (column.minimum, column.maximum)
        if surely_count(fragment, *ends, self._catalogue, counted=counted):
            return FLAG if column.maximum <= 1 else COUNT
        return Amount(frozenset({fragment.name}), 1)

    def either(self, parts: Sequence[Amount]) -> Amount:
        return Amount(
            frozenset().union(*(part.of for part in parts)),
            max((part.degree for part in parts), default=0),
            all(part.unit for part in parts),
        )

    def flag(self) -> Amount:
        return FLAG

    def computed(
        self, column: Column, node: Node, known: Known[Amount], reach: frozenset[str]
    ) -> Amount:
        if column.kind in ("flag", "digest"):
            return FLAG
        found = self._node(node, known, reach)
        # A count is never below 0.
        return self._unknown(found, reach) if column.minimum < 0 else found

    def key(self, of: Amount) -> Amount:
        return of

    def aggregated(self, aggregate: Aggregate, of: Amount | None, reach: frozenset[str]) -> Amount:
        if of is None or aggregate.kind in ("count", "distinct"):
            return COUNT
        if aggregate.kind == "sum":
            return Amount(of.of, of.degree)
        return self._single(of, reach)

    def neighbour(self, function: Neighbour, of: Amount | None) -> Amount:
        return COUNT if of is None else of

    def quantile(self, of: Amount, reach: frozenset[str]) -> Amount:
        return self._single(of, reach)

    def deviation(self, of: Amount, reach: frozenset[str]) -> tuple[Amount, Amount]:
        return Amount(self._unknown(of, reach).of, MOST), COUNT

    def divided(self, numerator: Amount, denominator: Amount) -> Amount:
        return self.either([numerator, denominator])

    def _single(self, of: Amount, reach: frozenset[str]) -> Amount:
        """The value of one row: it says something of one contributor even where it is a count."""
        return of if of.unit else self._unknown(of, reach)

    def _unknown(self, found: Amount, reach: frozenset[str]) -> Amount:
        return found if found.of else Amount(reach, max(found.degree, 1))

    def _node(self, node: Node, known: Known[Amount], reach: frozenset[str]) -> Amount:
        match node:
            case Reference(name=name):
                return known[name]
            case Number(value=value):
                return FLAG if value in (0, 1) else self._unknown(COUNT, reach)
            case Call(op="lt" | "le" | "eq" | "and" | "or" | "not" | "isnull" | "within"):
                return FLAG
            case Call(op="if", args=(_, *values)):
                # Either value: which one is a matter of counts if both are.
                return self.either([self._node(value, known, reach) for value in values])
            case Call(op=op, args=args):
                return self._called(op, [self._node(arg, known, reach) for arg in args], reach)
            case _:
                return FLAG  # NULL adds nothing

    def _called(self, op: str, args: Sequence[Amount], reach: frozenset[str]) -> Amount:
        found = self.either(args)
        match op:
            case "add":
                return Amount(found.of, found.degree)
            case "abs" | "least" | "greatest" | "coalesce":
                return found
            case "mul" if found.unit:
                return FLAG
            case "mul" | "floordiv":
                degree = min(MOST, sum(arg.degree for arg in args))
                # A flag times a number keeps or drops it.
                plain = op == "mul" and any(arg.unit for arg in args)
                made = Amount(found.of, degree)
                return made if plain else self._unknown(made, reach)
            case _:
                return self._unknown(Amount(found.of, found.degree), reach)
