"""Noise on a plan: which totals a rule wants blurred, which limits there are for a person, and the step for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mpcstats.plan.limits import Limited, Limits
from mpcstats.plan.moving.moves import moves
from mpcstats.plan.physical import Noise, NoisyColumn, PaddedJoin, Physical
from mpcstats.policy.magnitude import sums
from mpcstats.policy.rule import Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.loss import NOTHING, Loss

NAME = "noise"


def wanted(plan: Physical, rule: Rule, catalogue: Catalogue) -> tuple[int, ...]:
    """The positions of the totals that `rule` wants noise on: counts, or all."""
    if rule.noise == "none":
        return ()
    amounts = sums(plan, catalogue) if rule.noise == "counts" else ()
    return tuple(i for i, t in enumerate(plan.aggregate.totals) if t.name not in amounts)


def limits_of(policy: Policy, rule: Rule | None, datasets: Iterable[str]) -> Limited:
    """What owners let one person add to these datasets, where `rule` asks for noise and the policy has limits."""
    if rule is None or rule.noise == "none":
        return {}
    asked = set(datasets)
    return {
        b.dataset: found for b in policy.privacy if b.dataset in asked and (found := _limits(b))
    }


def _limits(budget: PrivacyBudget) -> Limits | None:
    if budget.rows_per_person is None:
        return None
    clamps = sorted((name, low, high) for name, (low, high) in budget.clamps.items())
    return Limits(budget.rows_per_person, tuple(clamps))


def datasets(plan: Physical) -> tuple[str, ...]:
    """The datasets that `plan` reads, in order of their names."""
    return tuple(sorted({item.dataset for f in plan.fragments for item in f.items}))


def with_noise(
    plan: Physical, rule: Rule | None, catalogue: Catalogue, limits: Limited
) -> Physical:
    """The plan with the noise that the rule wants before its gate; as it is where nothing says how much, or cannot be.

    The plan's fragments are within `limits`, and the step says so.

    What is missing then, the condition `noise` says: such a plan is refused.
    """
    if rule is None or not rule.permit or rule.privacy is None:
        return plan
    moved = {i: moves(plan, catalogue, i, limits) for i in wanted(plan, rule, catalogue)}
    known = {i: m for i, m in moved.items() if m is not None}
    if not known or len(known) < len(moved):
        return plan
    columns = tuple(
        NoisyColumn.of(i, rule.privacy.part(each, len(known)), each) for i, each in known.items()
    )
    gate, kept = plan.gate, tuple(sorted(limits.items()))
    step = Noise(NAME, gate.of, columns, rule.privacy.sticky, kept)
    return replace(plan, steps=(*plan.steps[:-1], step, gate))


def lost(plan: Physical) -> dict[str, Loss]:
    """What an answer of `plan` tells of a person, for each dataset that it reads; nothing without noise or dummies."""
    step = plan.aggregate
    found = [] if plan.noise is None else [plan.noise.loss]
    if isinstance(step, PaddedJoin):
        found.append(step.law.loss)
    return dict.fromkeys(datasets(plan), sum(found, start=NOTHING)) if found else {}
