"""The states of a registration, and the table of steps between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from mpcstats.errors import UsageError


class State(Enum):
    """Where a registration stands; the value is its Chinese name."""

    DRAFT = "草稿"
    SUBMITTED = "已提交"
    REVIEWED = "形式审核通过"
    PUBLICITY = "公示"
    OBJECTED = "异议处理"
    CODED = "已赋码"
    CHANGED = "已变更"
    CORRECTED = "已更正"
    RENEWED = "已续期"
    CANCELLED = "已注销"
    EXPIRED = "已到期"  # never entered: a coded one is so from the day after its last


Step = Literal[
    "draft",
    "submit",
    "accept",
    "return",
    "publish",
    "object",
    "dismiss",
    "uphold",
    "code",
    "change",
    "correct",
    "renew",
    "cancel",
]
Signer = Literal["holder", "registrar", "both", "either", "objector"]

CODED = frozenset({State.CODED, State.CHANGED, State.CORRECTED, State.RENEWED})
OPEN = frozenset({State.DRAFT, State.SUBMITTED, State.REVIEWED, State.PUBLICITY, State.OBJECTED})

TABLE: Mapping[tuple[State, Step], State] = {
    (State.DRAFT, "draft"): State.DRAFT,
    (State.DRAFT, "submit"): State.SUBMITTED,
    (State.SUBMITTED, "accept"): State.REVIEWED,
    (State.SUBMITTED, "return"): State.DRAFT,
    (State.REVIEWED, "publish"): State.PUBLICITY,
    (State.PUBLICITY, "object"): State.OBJECTED,
    (State.OBJECTED, "object"): State.OBJECTED,
    (State.OBJECTED, "dismiss"): State.PUBLICITY,  # once no objection is open
    (State.OBJECTED, "uphold"): State.DRAFT,
    (State.PUBLICITY, "code"): State.CODED,
    **{(state, "change"): State.CHANGED for state in CODED},
    **{(state, "correct"): State.CORRECTED for state in CODED},
    **{(state, "renew"): State.RENEWED for state in CODED},
    **{(state, "cancel"): State.CANCELLED for state in CODED | OPEN},
}

# Who signs a step. both: the holder, who asks for it, and the registrar, who has checked its form.
SIGNED_BY: Mapping[Step, Signer] = {
    "draft": "holder",
    "submit": "holder",
    "accept": "registrar",
    "return": "registrar",
    "publish": "registrar",
    "object": "objector",
    "dismiss": "registrar",
    "uphold": "registrar",
    "code": "registrar",
    "change": "both",
    "correct": "both",
    "renew": "both",
    "cancel": "either",
}


def following_state(state: State, step: Step) -> State:
    """The state after `step`. Raises UsageError, with what may come, if it may not come now."""
    found = TABLE.get((state, step))
    if found is None:
        known = ", ".join(s for at, s in TABLE if at is state) or "nothing"
        raise UsageError(f"expected {known} in state {state.name} {state.value}, got {step}")
    return found
