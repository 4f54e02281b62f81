"""The decision: a case against one party's policy gives a permit, or every reason why not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from mpcstats.errors import PolicyRefused
from mpcstats.policy.case import Case, Condition
from mpcstats.policy.conditions.approval import approved
from mpcstats.policy.conditions.bounds import bounds
from mpcstats.policy.conditions.budget import budget
from mpcstats.policy.conditions.checked import checked
from mpcstats.policy.conditions.columns_known import columns_known
from mpcstats.policy.conditions.exempted import exempted
from mpcstats.policy.conditions.gate_rules import gate_rules
from mpcstats.policy.conditions.granted import asked, granted
from mpcstats.policy.conditions.helpers_accepted import helpers_accepted
from mpcstats.policy.conditions.history import history
from mpcstats.policy.conditions.licence import operated
from mpcstats.policy.conditions.noise import added, noise
from mpcstats.policy.conditions.operations_permitted import operations_permitted
from mpcstats.policy.conditions.padded import padded
from mpcstats.policy.conditions.profile import profile
from mpcstats.policy.conditions.project import own_project
from mpcstats.policy.conditions.protocols import protocols
from mpcstats.policy.conditions.quantiles import quantiles
from mpcstats.policy.conditions.standing import standing
from mpcstats.policy.conditions.table import table
from mpcstats.policy.permit import Permit, issue
from mpcstats.policy.reason import VIOLATIONS, Reason
from mpcstats.policy.uses import uses

# All are asked, so that a refusal has every reason; the order is that of the reasons.
CONDITIONS: tuple[Condition, ...] = (
    standing,
    table,
    columns_known,
    helpers_accepted,
    bounds,
    operations_permitted,
    protocols,
    gate_rules,
    quantiles,
    history,
    checked,
    noise,
    padded,
    exempted,
    profile,
    operated,
    own_project,
    granted,
    budget,
)

# Of these, what depends on the engine of the plan and on nothing that one party alone knows.
ON_ENGINE: tuple[Condition, ...] = (
    helpers_accepted,
    bounds,
    protocols,
    gate_rules,
    history,
    checked,
    added,
    padded,
)


def on_engine(case: Case) -> tuple[Reason, ...]:
    """Every reason against computing the plan on its engine: the same at all parties that have the same records."""
    return tuple(reason for condition in ON_ENGINE for reason in condition(case))


def reasons(case: Case) -> tuple[Reason, ...]:
    """Every reason against the case; none if it is permitted."""
    return tuple(reason for condition in CONDITIONS for reason in condition(case))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition says; it is passed if there is no reason."""

    condition: str
    reasons: tuple[Reason, ...]


def findings(case: Case) -> tuple[Finding, ...]:
    """The reasons against the case, condition by condition, each requirement of the rule by itself."""
    found: list[Finding] = []
    for condition in CONDITIONS:
        if condition is granted:
            found += (Finding(f"granted: {name}", why) for name, why in asked(case))
        else:
            name = condition.__name__.replace("_", " ")
            found.append(Finding(name, tuple(condition(case))))
    return tuple(found)


def digest(against: tuple[Reason, ...]) -> str:
    """SHA-256 of reasons, in hex: parties that decide alike have the same."""
    said = [[reason.code, reason.text] for reason in against]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def check(case: Case, *, party: str) -> Permit:
    """The permit of `party` for the case's plan. Raises PolicyRefused with every reason; what is unknown is denied."""
    against = reasons(case)
    if against or case.rule is None:
        violations = dict.fromkeys(r.code for r in against if r.code in VIOLATIONS)
        raise PolicyRefused(party, tuple(r.text for r in against), tuple(violations))
    return issue(
        case.plan,
        party=party,
        level=case.found.level,
        rule=case.rule.name,
        policy_digest=case.policy.digest,
        papers=uses(case),
        template=min(approved(case), default=None),
    )
