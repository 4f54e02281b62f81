"""Every dataset that the question reads is registered with the public platform, under a code that is in force."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.records.registration.register import missing_codes


def registration(case: Case) -> Iterator[Reason]:
    """Every dataset without a live code on the question's day."""
    register = case.registers.registrations
    if register is None:
        yield Reason(
            "registration", "there is no register of registrations here: what is unknown is denied"
        )
        return
    datasets = dict.fromkeys(i.dataset for f in case.plan.fragments for i in f.items)
    for one in missing_codes(register, day=case.day, datasets=datasets):
        yield Reason("registration", one.words)
