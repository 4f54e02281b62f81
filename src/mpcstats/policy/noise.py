"""Noise on a plan: what one person moves each total by, which totals a rule wants blurred, and the step for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from mpcstats.plan.persons import apart
from mpcstats.plan.physical import (
    SPINE,
    Cohort,
    Fragment,
    Item,
    Noise,
    NoisyColumn,
    Physical,
    Total,
    ValueColumn,
)
from mpcstats.policy.magnitude import sums
from mpcstats.policy.rule import Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss

NAME = "noise"


def wanted(plan: Physical, rule: Rule, catalogue: Catalogue) -> tuple[int, ...]:
    """The positions of the totals that `rule` wants noise on: counts, or all."""
    if rule.noise == "none":
        return ()
    amounts = sums(plan, catalogue) if rule.noise == "counts" else ()
    return tuple(i for i, t in enumerate(plan.aggregate.totals) if t.name not in amounts)


def with_noise(plan: Physical, rule: Rule | None, catalogue: Catalogue) -> Physical:
    """The plan with the noise that the rule wants before its gate; as it is where nothing says how much, or cannot be.

    What is missing then, the condition `noise` says: such a plan is refused.
    """
    if rule is None or not rule.permit or rule.privacy is None:
        return plan
    moved = {i: moves(plan, catalogue, i) for i in wanted(plan, rule, catalogue)}
    known = {i: m for i, m in moved.items() if m is not None}
    if not known or len(known) < len(moved):
        return plan
    columns = tuple(
        NoisyColumn.of(i, rule.privacy.part(each, len(known)), each) for i, each in known.items()
    )
    gate = plan.gate
    return replace(
        plan, steps=(*plan.steps[:-1], Noise(NAME, gate.of, columns, rule.privacy.sticky), gate)
    )


def lost(plan: Physical) -> dict[str, Loss]:
    """What an answer of `plan` tells of a person, for each dataset that it reads; nothing without noise."""
    if plan.noise is None:
        return {}
    datasets = sorted({item.dataset for f in plan.fragments for item in f.items})
    return dict.fromkeys(datasets, plan.noise.loss)


def moves(plan: Physical, catalogue: Catalogue, column: int) -> Sensitivity | None:
    """How far the cells of total `column` move if one person's rows are left out of one dataset, or of all.

    None where nothing bounds it. In a cohort each fragment has one row a key, and a key names one person. Where the row
    comes of that person's rows alone (plan.persons), leaving a person out changes one row of the spine, or what one row
    finds, by no more than its terms can be. Where a looked-up
    column is a group key, the row may move from a cell to another.
    """
    step = plan.aggregate
    if not isinstance(step, Cohort) or not _of_persons(plan, step, catalogue):
        return None
    total = _most(plan, step, step.totals[column])
    if total is None or total == 0:
        return None
    cells = 1 if all(group.source == SPINE for group in step.groups) else 2
    return Sensitivity(cells * total, cells * total * total, cells)


def _of_persons(plan: Physical, step: Cohort, catalogue: Catalogue) -> bool:
    """Whether every row of the spine and of what it looks up comes of one person's rows alone, and has its key."""
    keyed = [
        plan.fragment(step.spine),
        *(plan.fragment(plan.lookup(n).right) for n in step.lookups),
    ]
    keys = [[item for item in f.items if item.use == "key"] for f in keyed]
    return all(
        bool(items)
        and all(_is_person(item, catalogue) for item in items)
        and apart(fragment, frozenset(item.column for item in items))
        for fragment, items in zip(keyed, keys, strict=True)
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
    found: Iterator[ValueColumn] = (column for column in fragment.values if column.name == name)
    column = next(found, None)
    return None if column is None else max(abs(column.minimum), abs(column.maximum))
