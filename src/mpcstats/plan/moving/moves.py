"""Moves: how far the cells of a total move if one person's rows are left out of one dataset, or of all."""

from __future__ import annotations

from math import prod

from mpcstats.plan.limits import Limited
from mpcstats.plan.moving.summed import of_sum
from mpcstats.plan.moving.tables import of_outcome
from mpcstats.plan.persons import apart
from mpcstats.plan.physical import (
    SPINE,
    Cohort,
    Fragment,
    Item,
    Outcome,
    Physical,
    PrivateJoin,
    Sum,
    Total,
)
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.contribution import Sensitivity


def moves(
    plan: Physical, catalogue: Catalogue, column: int, limits: Limited | None = None
) -> Sensitivity | None:
    """How far total `column` moves, the datasets of `limits` being within them; None where nothing bounds it."""
    step, known = plan.aggregate, limits or {}
    match step:
        case Cohort():
            return _of_cohort(plan, step, catalogue, column, known)
        case Sum():
            return of_sum(plan, step, catalogue, column, known)
        case Outcome():
            return of_outcome(plan, step, catalogue, column, known)
        case PrivateJoin():
            return None  # two parties: no noise is added there


def _of_cohort(
    plan: Physical, step: Cohort, catalogue: Catalogue, column: int, limits: Limited
) -> Sensitivity | None:
    """In a cohort each fragment has one row a key, and a key names one person.

    Where the row comes of that person's rows alone, leaving a person out changes one row of the spine, or what one row
    finds, by no more than its terms can be. Where a looked-up column is a group key, the row may move from a cell to
    another.
    """
    if not _of_persons(plan, step, catalogue, limits):
        return None
    total = _most(plan, step, step.totals[column])
    if total is None or total == 0:
        return None
    cells = 1 if all(group.source == SPINE for group in step.groups) else 2
    return Sensitivity(cells * total, cells * total * total, cells)


def _of_persons(plan: Physical, step: Cohort, catalogue: Catalogue, limits: Limited) -> bool:
    """Whether every row of the spine and of what it looks up comes of one person's rows alone, and has its key."""
    fragments = [
        plan.fragment(step.spine),
        *(plan.fragment(plan.lookup(n).right) for n in step.lookups),
    ]
    return all(_has_persons(fragment, catalogue, limits) for fragment in fragments)


def _has_persons(fragment: Fragment, catalogue: Catalogue, limits: Limited) -> bool:
    items = [item for item in fragment.items if item.use == "key"]
    return (
        bool(items)
        and all(_is_person(item, catalogue) for item in items)
        and apart(fragment, catalogue, limits) is not None
    )


def _is_person(item: Item, catalogue: Catalogue) -> bool:
    if not catalogue.has(item.dataset):
        return False
    return catalogue.dataset(item.dataset).columns[item.column].person


def _most(plan: Physical, step: Cohort, total: Total) -> int | None:
    """The largest absolute value that one row of the spine adds to `total`."""
    found = 0
    for term in total.terms:
        bounds = [_bound(_fragment(plan, step, ref.source), ref.column) for ref in term.factors]
        if any(bound is None for bound in bounds):
            return None
        found += prod(bound for bound in bounds if bound is not None)
    return found


def _fragment(plan: Physical, step: Cohort, source: str) -> Fragment:
    return plan.fragment(step.spine if source == SPINE else plan.lookup(source).right)


def _bound(fragment: Fragment, name: str) -> int | None:
    column = next((column for column in fragment.values if column.name == name), None)
    return None if column is None else max(abs(column.minimum), abs(column.maximum))
