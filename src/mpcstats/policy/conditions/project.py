"""The question belongs to a registered project that is running, and is one of the project's analyses."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.conditions.approval import fitting
from mpcstats.policy.reason import Reason


def own_project(case: Case) -> Iterator[Reason]:
    """Why the question may not name its project, where the rule asks for none: it would spend others' budget."""
    rule, initiator = case.rule, case.plan.initiator
    if rule is None or not rule.permit or "project" in rule.requires:
        return
    if case.project is None or case.projects is None:
        return
    found = case.projects.get(case.project, case.day)
    if found is None or initiator not in found.registration.initiators:
        yield Reason(
            "project",
            f"{initiator} may not ask in project {case.project}: name one of its own, or none",
        )


def project(case: Case) -> Iterator[Reason]:
    """Why the question is no part of a project that may run it."""
    if case.project is None:
        yield Reason("project", "expected a question of a registered project, it names none")
        return
    if case.projects is None:
        yield Reason(
            "project",
            f"there is no register of projects here, so project {case.project} is unknown: what is "
            "unknown is denied",
        )
        return
    found = case.projects.get(case.project, case.day)
    if found is None:
        yield Reason("project", f"project {case.project} is not registered on {case.day}")
        return
    for why in found.faults(case.asked, fitting(case), case.inputs):
        yield Reason("project", f"project {case.project}: {why}")
    for name, owner in sorted(found.registration.datasets.items()):
        # The owner is who freezes it: a sponsor that named itself could freeze another's data.
        if case.catalogue.has(name) and case.catalogue.dataset(name).owner != owner:
            yield Reason(
                "project",
                f"project {case.project}: {owner} is not the owner of {name}, as the project was registered",
            )
    if case.rule is not None and case.rule.government_led and not found.registration.government_led:
        yield Reason(
            "project",
            f"rule {case.rule.name} asks for a government-led project, {case.project} is none",
        )
