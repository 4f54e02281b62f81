"""The least that is asked of the gate for a plan: what the rule asks, or the jurisdiction's profile if that is more."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.plan.physical import Physical, Release
from mpcstats.plan.strictness import Checks, stricter
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.rule import Policy
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.policy.suppression import DEFAULT, Suppression
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.profiles.profile import Profile


@dataclass(frozen=True, slots=True)
class Least:
    """Minimums of persons and, for magnitudes, of contributors; the rules of plan.physical.Release."""

    persons: int = 1
    contributors: int = 1
    p: int = 0
    largest: tuple[int, int] | None = None
    complement: bool = False
    zeros: bool = False
    rounding: int = 1
    suppression: Suppression = DEFAULT
    quantiles: int = 1  # multiples of which they are told as, above 1 wherever their rank is

    def release(self, recipients: tuple[str, ...]) -> Release:
        """The release of all cells to `recipients` under these rules."""
        return Release(
            recipients,
            self.persons,
            self.contributors,
            self.p,
            self.largest,
            self.complement,
            self.zeros,
            self.rounding,
        )


def least(
    plan: Physical, *, catalogue: Catalogue, policy: Policy, profile: Profile | None = None
) -> Least:
    """What the policy asks of a plan like this one; without a rule, which permits nothing, the profile's."""
    amounts = bool(magnitudes(plan, catalogue))
    persons = 1 if profile is None else profile.minimum_persons
    contributors = 1 if profile is None or not amounts else profile.minimum_contributors
    p = 0 if profile is None or not amounts else profile.dominance
    rule = policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    if rule is None:
        return Least(persons, contributors, p)
    persons = max(persons, rule.minimum_persons)
    zeros = rule.zeros == "shown"
    if not amounts:
        return Least(
            persons,
            complement=rule.complement,
            zeros=zeros,
            rounding=rule.rounding,
            suppression=rule.suppression or DEFAULT,
            quantiles=rule.quantile_rounding,
        )
    concentration = rule.concentration
    return Least(
        persons,
        max(contributors, rule.minimum_contributors),
        max(p, rule.dominance),
        None if concentration is None else (concentration.largest, concentration.percent),
        rule.complement,
        zeros,
        rule.rounding,
        rule.suppression or DEFAULT,
        rule.quantile_rounding,
    )


def least_checks(plan: Physical, *, catalogue: Catalogue, policy: Policy) -> Checks:
    """What the policy asks about rows that fail checks, of a plan like this one; no less than the plan has."""
    rule = policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    return plan.checks if rule is None else stricter(plan.checks, rule.checks)
