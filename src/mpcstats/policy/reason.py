"""A reason why a plan is refused: a code that programs read, and a sentence that people do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "no-rule",  # the policy does not speak of this scenario and level
    "denied",  # the policy says no
    "nearest",  # no reason of its own: what could be asked instead
    "minimum-persons",
    "recipient",
    "engine",
    "minimum-parties",
    "corruptions",  # a protocol that withstands fewer colluding parties than the rule asks for
    "blind-key",
    "partial",  # an answer of those who are left of a run
    "card",  # a protocol that nobody knows, was withdrawn, or runs elsewhere
    "leakage",
    "adversary",
    "helper",
    "history",  # cells that are not compared with earlier ones
    "gate",  # a rule of the gate that no card offers
    "checks",  # of what owners put in, which the plan does not make
    "operation",  # a kind of step that the rule does not name
    "form",  # an answer that may not look so
    "requester",  # a role that does not ask
    "permitted",  # no ground of refusal: which rule permits (policy.authorise)
    "real-name",
    "licence",
    "approval",
    "project",
    "rights",
    "registration",
    "acknowledgement",
    "catalogue",
    "standing",
    "paper",  # a paper with a bad signature, out of date, or by somebody who may not sign it
    "outside-template",
    "over-budget",  # by who asks, alone
    "used-up",  # by others too
    "replayed-token",
]
# What its sender must have known to be forbidden: recorded, and it loses its sender the right to ask.
VIOLATIONS: frozenset[Code] = frozenset({"outside-template", "over-budget", "replayed-token"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not; `text` names column, level, rule or principal, and what would pass."""

    code: Code
    text: str

    def __str__(self) -> str:
        return self.text
