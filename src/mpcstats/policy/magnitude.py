"""Magnitudes: the totals of a plan that may be amounts rather than counts, so that one contributor could stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from mpcstats.plan.physical import (
    SPINE,
    Cohort,
    Fragment,
    Outcome,
    Physical,
    PrivateJoin,
    Step,
    Sum,
    Term,
    ValueColumn,
)
from mpcstats.policy.amounts import MOST, Amount, amounts, surely_count
from mpcstats.records.catalogue import Catalogue

KNOWN = (*get_args(Step),)
# A value column of a fragment; None if the fragment has none of the name that a total refers to.
Factor = tuple[Fragment, ValueColumn | None]


def magnitudes(plan: Physical, catalogue: Catalogue) -> tuple[str, ...]:
    """The totals of `plan` that the rules on contributors and dominance are about, by name.

    A total is one if a factor of one of its terms is (a) not surely a count and (b) not surely of datasets without
    a contributor item. A factor is surely a count if it is a COUNT of rows or its fragment reads no column for its
    value, and if it is never below 0 nor above the row bound of the smallest dataset that the fragment reads: each
    row then adds 0 or 1, where larger constants (a CASE over thresholds) could be amounts in disguise. A factor is
    surely without contributors if every dataset that its fragment reads has no contributor item. A term without
    factors is the number 1, a count. What cannot be told (a fragment that names no column, a dataset that the
    catalogue lacks, a step of a kind that is not known here) is a magnitude: so is a SUM of 0 and 1 that shares its
    fragment with an amount.
    A total of shared tables is one if an amount (policy.amounts) of such a fragment may reach it.
    """

    def amount(factor: Factor) -> bool:
        return not (_surely_count(factor, catalogue) or _has_no_contributors(factor[0], catalogue))

    def contributed(made: Amount) -> bool:
        return any(not _has_no_contributors(plan.fragment(name), catalogue) for name in made.of)

    unknown = (step.name for step in plan.steps if type(step) not in KNOWN)
    return (
        *_totals(plan, lambda factors: any(map(amount, factors))),
        *_of_outcome(plan, catalogue, contributed),
        *unknown,
    )


def sums(plan: Physical, catalogue: Catalogue) -> tuple[str, ...]:
    """The totals of `plan` that are not surely counts, whether their datasets have contributors or not."""
    return (
        *_totals(plan, lambda factors: not all(_surely_count(f, catalogue) for f in factors)),
        *_of_outcome(plan, catalogue, lambda made: bool(made.of)),
    )


def moments(plan: Physical, catalogue: Catalogue) -> tuple[str, ...]:
    """The totals of `plan` that sum products of two or more factors that are not surely counts."""

    def multiplied(factors: list[Factor]) -> int:
        return sum(not _surely_count(factor, catalogue) for factor in factors)

    return (
        *_totals(plan, lambda factors: multiplied(factors) > 1),
        *_of_outcome(plan, catalogue, lambda made: made.degree >= MOST),
    )


def _of_outcome(
    plan: Physical, catalogue: Catalogue, holds: Callable[[Amount], bool]
) -> tuple[str, ...]:
    """The totals of shared tables for whose amounts `holds` is true."""
    outcomes = [step for step in plan.steps if isinstance(step, Outcome)]
    made = amounts(plan, catalogue) if outcomes else {}
    return tuple(
        total.name
        for step in outcomes
        for total in step.totals
        if holds(made[step.name][total.name])
    )


def _totals(plan: Physical, holds: Callable[[list[Factor]], bool]) -> tuple[str, ...]:
    """The totals that have a term for whose factors `holds` is true."""
    found = {
        total.name: None
        for step in plan.steps
        if isinstance(step, Sum | Cohort | PrivateJoin)
        for total in step.totals
        if any(holds(factors) for term in total.terms for factors in _read(plan, step, term))
    }
    return tuple(found)


def _read(plan: Physical, step: Sum | Cohort | PrivateJoin, term: Term) -> Iterator[list[Factor]]:
    """The factors of `term`; of a sum, once for each owner, whose fragments have columns of the same names."""
    if isinstance(step, Sum):
        for name in step.fragments:
            fragment = plan.fragment(name)
            yield [(fragment, _column(fragment, ref.column)) for ref in term.factors]
        return
    right = {name: plan.joined(name) for name in step.lookups}
    sources = {SPINE: plan.fragment(step.spine), **right}
    yield [(sources[ref.source], _column(sources[ref.source], ref.column)) for ref in term.factors]


def _column(fragment: Fragment, name: str) -> ValueColumn | None:
    return next((column for column in fragment.values if column.name == name), None)


def _surely_count(factor: Factor, catalogue: Catalogue) -> bool:
    fragment, column = factor
    return column is not None and surely_count(
        fragment, column.minimum, column.maximum, catalogue, counted=column.counts
    )


def _has_no_contributors(fragment: Fragment, catalogue: Catalogue) -> bool:
    """Whether no dataset that the fragment reads has a contributor item; False where that cannot be told."""
    datasets = {item.dataset for item in fragment.items}
    return bool(datasets) and all(
        catalogue.has(name) and catalogue.dataset(name).contributor is None for name in datasets
    )
