"""Who asks has read and signed the texts of the jurisdiction's profile: confidentiality and the like."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.conditions.real_name import unsigned
from mpcstats.policy.reason import Reason


def acknowledgement(case: Case) -> Iterator[Reason]:
    """Every text that the user, who has signed the question, has not acknowledged, or not lately."""
    register, profile = case.registers.acknowledgements, case.registers.profile
    if register is None or profile is None:
        yield Reason(
            "acknowledgement",
            "there is no register of acknowledgements, or no profile, here: what is unknown is denied",
        )
    elif case.user is None:
        yield Reason(
            "acknowledgement",
            f"a user of {case.plan.initiator} must have acknowledged the texts of profile "
            f"{profile.name}, and the question names none",
        )
    else:
        if case.user.partition(".")[0] != case.plan.initiator:
            words = f"{case.user} is nobody of {case.plan.initiator}, which asks"
            yield Reason("acknowledgement", words)
        yield from unsigned(case)  # the name alone is the initiator's word
        for why in register.missing(profile, case.user, case.day):
            yield Reason("acknowledgement", why)
