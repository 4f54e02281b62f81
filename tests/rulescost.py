"""What the gate's rules cost the questions of the domain pack, by the cards: the table of docs/disclosure.md.

PYTHONPATH=src python -m tests.rulescost   # prints it
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tests.joint import CARDS, Joint
from tests.pack import DATA, DEMO, QUESTIONS, question

from mpcstats.plan.cost import Estimate, estimate
from mpcstats.plan.question import Setting, plan_question

# Nothing is counted; persons; and beside them contributors, their contributions and complements.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "k = 1": {"k": 1},
    "k = 11": {"k": 11},
    "all rules": {"k": 11, "contributors": True, "contributions": True, "complement": True},
}


def costs(joint: Joint, name: str) -> list[Estimate]:
    """Of one question, in the order of SETTINGS; every compute party helps."""
    return [
        estimate(
            plan_question(
                question(name),
                Setting(
                    catalogue=joint.catalogue,
                    engine=joint.engine,
                    compute=joint.compute,
                    initiator=joint.initiator,
                    recipients=(joint.initiator,),
                    scenario=joint.scenario,
                    purpose="a figure",
                    helpers=lambda *_: joint.compute,
                    **asked,
                ),
            ),
            CARDS,
        )
        for asked in SETTINGS.values()
    ]


def more(least: Estimate, each: Estimate) -> int:
    """How many percent of bytes `each` has beyond `least`."""
    return round(100 * (each.total_bytes / least.total_bytes - 1))


def lines() -> Iterator[str]:
    """The table, as it stands in the page."""
    joint = Joint.of_local(DEMO, data=DATA)
    yield "| question | MB, k = 1 | k = 11 | more | all rules | more | rounds |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in QUESTIONS:
        one, persons, every = costs(joint, name)
        sizes = [f"{each.total_bytes / 1e6:.1f}" for each in (one, persons, every)]
        rounds = f"{one.rounds}, {persons.rounds}, {every.rounds}"
        yield (
            f"| {name} | {sizes[0]} | {sizes[1]} | {more(one, persons)} % "
            f"| {sizes[2]} | {more(one, every)} % | {rounds} |"
        )


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
