"""A private join whose size is hidden by dummies, in place of one that tells it exactly."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.physical import PaddedGate, PaddedJoin, Physical, PrivateJoin
from mpcstats.records.privacy.padding import Padding


def padded(plan: Physical, law: Padding) -> Physical:
    """The plan with dummies of that law in its private join; another plan as it is."""
    step, gate = plan.aggregate, plan.gate
    if not isinstance(step, PrivateJoin):
        return plan
    join = PaddedJoin.of(step, law)
    steps = (join if each is step else each for each in plan.steps[:-1])
    own = PaddedGate(gate.name, gate.of, gate.releases, gate.magnitudes)
    return replace(plan, steps=(*steps, own))
