"""Who is told what by a private join: the size of the intersection, and the sums over it."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.plan.physical import Physical, PrivateJoin


@dataclass(frozen=True, slots=True)
class Told:
    """`matcher` finds the matches, and so is in `size_to`; `holder` has the columns, whose sums `sums_to` learn."""

    matcher: str
    holder: str
    size_to: tuple[str, ...]
    sums_to: tuple[str, ...]

    @property
    def everybody(self) -> tuple[str, ...]:
        """Who is told whether there are as many matches as the gate asks for."""
        return tuple(dict.fromkeys((*self.size_to, *self.sums_to)))


def told(plan: Physical, step: PrivateJoin) -> Told:
    """By `step` of `plan`: a recipient learns the size if it asked for it, and the sums if there are any."""
    matcher, holder = plan.fragment(step.left).owner, plan.fragment(step.right).owner
    recipients = plan.gate.recipients
    counted = recipients if step.counts else ()
    size_to = tuple(dict.fromkeys((matcher, *counted)))
    return Told(matcher, holder, size_to, recipients if step.columns else ())
