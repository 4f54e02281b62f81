"""A permit: the only thing that a run accepts, and only `policy.check` can make one."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field

from mpcstats.errors import InternalError
from mpcstats.plan.physical import Physical
from mpcstats.records.levels import Level

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Permit:
    """Party `party` permits `plan`, and no other: `plan_digest` is its hash, `policy_digest` that of the policy."""

    plan: Physical = field(repr=False)
    party: str
    level: Level
    rule: str
    plan_digest: str
    policy_digest: str
    papers: tuple[str, ...]  # digests of the papers that a run of the plan uses up
    template: str | None  # digest of the approved template that the question is one of
    # Not kept: dataclasses.replace would hand it on to a permit for another plan.
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise InternalError("expected a permit from policy.check, got one that was made up")
        if self.plan.digest() != self.plan_digest:
            raise InternalError("expected the permit's plan to have the permit's hash")


def issue(
    plan: Physical,
    *,
    party: str,
    level: Level,
    rule: str,
    policy_digest: str,
    papers: tuple[str, ...] = (),
    template: str | None = None,
) -> Permit:
    """The permit for `plan`. For policy.check alone; a test holds that nothing else calls it."""
    return Permit(plan, party, level, rule, plan.digest(), policy_digest, papers, template, _SEAL)
