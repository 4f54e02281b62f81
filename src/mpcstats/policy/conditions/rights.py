"""The rights register: every input's holder has licensed the initiator, and recipients may operate what is made."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.records.rights.admission import Input, missing


def rights(case: Case) -> Iterator[Reason]:
    """Every right that the question lacks. Recipients other than the initiator publish what they are given."""
    register = case.registers.rights
    if register is None:
        yield Reason("rights", "there is no register of rights here: what is unknown is denied")
        return
    plan = case.plan
    publishers = [party for party in plan.gate.recipients if party != plan.initiator]
    lacking = missing(
        register,
        day=case.day,
        initiator=plan.initiator,
        publishers=publishers,
        inputs=inputs(case),
        scenario=plan.scenario,
        purpose=plan.purpose,
    )
    for one in lacking:
        yield Reason("rights", one.words)


def inputs(case: Case) -> tuple[Input, ...]:
    """The datasets that the plan reads, whose they are by the catalogue, and their columns."""
    columns: dict[str, dict[str, None]] = {}
    for fragment in case.plan.fragments:
        for item in fragment.items:
            columns.setdefault(item.dataset, {})[item.column] = None
    known = {name for name in columns if case.catalogue.has(name)}
    return tuple(
        Input(name, case.catalogue.dataset(name).owner if name in known else "nobody", tuple(read))
        for name, read in columns.items()
    )
