"""Operations: the closed list of kinds of computing that a rule may permit, and which of them a plan needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from mpcstats.plan.physical import Cohort, Lookup, Outcome, Physical, PrivateJoin, Sum
from mpcstats.plan.tables import Aggregate, Group, Neighbours, Spread, Tally
from mpcstats.policy.magnitude import moments, sums
from mpcstats.records.catalogue import Catalogue

# count: how many in a cell; sum: totals that are no counts (an average is a sum and a count); join: tables of
# several owners by a key; group-by: more than one cell; moments: sums of products of amounts.
Operation = Literal[
    "count",
    "sum",
    "join",
    "group-by",
    "moments",
    "quantile",
    "histogram",
    "distinct",
    "top-k",
    "window",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

# What the protocol of a card is for, where that is one operation. The others are means to any (sort, shuffle) or
# none (gate).
OF_CARD: Mapping[str, Operation] = {
    "sum": "count",
    "partial_sum": "count",
    "long_sum": "sum",
    "cohort_count": "count",
    "lookup_join": "join",
    "private_join": "join",
    "private_join_padded": "join",
    "sort_join": "join",
    "group_by": "group-by",
    "group_by_owned": "group-by",
    "group_by_public": "group-by",
    "moments": "moments",
    "regression": "moments",
    "quantile": "quantile",
    "extreme": "quantile",
    "histogram": "histogram",
    "distinct": "distinct",
    "top_k": "top-k",
    "window": "window",
}
MEANS = frozenset(
    (
        *("gate", "sort", "radix_sort", "shuffle", "permute", "compact", "expand", "divide"),
        *("margins", "differencing", "noise"),
        *("table", "derive", "firsts", "flag_count"),
    )
)


def operations(plan: Physical, catalogue: Catalogue) -> tuple[str, ...]:
    """The operations of `plan`, each once; a step of a kind that is not known here gives its card's name.

    "count" is always among them: the gate counts the persons of every cell, by whatever protocol.
    """
    found: dict[str, None] = {"count": None}
    counted = _counted(plan)
    for step in plan.steps:
        match step:
            case Lookup() | PrivateJoin():
                found["join"] = None
            case Sum() | Cohort() | Outcome() if step.groups:
                found["group-by"] = None
            case Sum() | Cohort() | Outcome() | Tally():
                pass  # counts; whether the totals are sums is asked below
            case Spread():
                others = (a for a in step.aggregates if a.column.name not in counted)
                found |= {_of_aggregate(aggregate): None for aggregate in others}
            case Group() if any(aggregate.kind == "distinct" for aggregate in step.aggregates):
                found |= {"group-by": None, "distinct": None}
            case Neighbours() if all(f.kind == "starts" for f in step.functions):
                pass  # a sort by person, for the gate
            case _ if step.card not in MEANS:
                found[OF_CARD.get(step.card, step.card)] = None
    if sums(plan, catalogue):
        found["sum"] = None
    if moments(plan, catalogue):
        found["moments"] = None
    return tuple(found)


def _counted(plan: Physical) -> frozenset[str]:
    """The columns by which the gate counts the persons of cells, and which it does not open."""
    found: set[str] = set()
    for step in plan.steps:
        if isinstance(step, Outcome):
            found |= {*step.persons, *step.counts} - {total.name for total in step.totals}
    return frozenset(found)


def _of_aggregate(aggregate: Aggregate) -> Operation:
    """An extreme is a quantile: the value of one row."""
    return "distinct" if aggregate.kind == "distinct" else "quantile"
