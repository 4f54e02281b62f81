"""What the gate's rules cost the questions of the domain pack, by the cards: the table of docs/disclosure.md.

PYTHONPATH=src python -m tests.rulescost               # prints it
PYTHONPATH=src python -m tests.rulescost Q07 Q11 Q12   # runs these, and prints CPU seconds of all parties together
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from tests.joint import CARDS, Joint
from tests.pack import DATA, DEMO, QUESTIONS, question, sampled

from mpcstats.plan.cost import Estimate, estimate
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question

ONE_IN = 4  # persons whose rows are timed
# Nothing is counted; persons; and beside them contributors, their contributions and complements.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "k = 1": {"k": 1},
    "k = 11": {"k": 11},
    "all rules": {"k": 11, "contributors": True, "contributions": True, "complement": True},
}


def plans(joint: Joint, name: str) -> list[Physical]:
    """Of one question, in the order of SETTINGS; every compute party helps."""
    return [
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
        )
        for asked in SETTINGS.values()
    ]


def costs(joint: Joint, name: str) -> list[Estimate]:
    """Of the plans of one question."""
    return [estimate(plan, CARDS) for plan in plans(joint, name)]


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


def seconds(joint: Joint, name: str) -> list[tuple[float, int]]:
    """CPU seconds of all parties together, without a network, and the bytes that they send, by setting."""
    found = []
    for plan in plans(joint, name):
        begun = process_time()
        traffic = joint.run(plan).traffic
        found.append((process_time() - begun, traffic.total_bytes))
    return found


def timed(names: Sequence[str]) -> Iterator[str]:
    """The table of seconds, on one in ONE_IN persons."""
    with TemporaryDirectory() as folder:
        joint = sampled(Joint.of_local(DEMO, data=DATA), Path(folder), one_in=ONE_IN)
        yield "| question | CPU s, k = 1 | k = 11 | all rules | more | more bytes |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: |"
        for name in names:
            found = seconds(joint, name)
            (least, few), (every, many) = found[0], found[-1]
            said = " | ".join(f"{each:.1f}" for each, _ in found)
            yield (
                f"| {name} | {said} | {round(100 * (every / least - 1))} % "
                f"| {round(100 * (many / few - 1))} % |"
            )


if __name__ == "__main__":
    for line in timed(sys.argv[1:]) if sys.argv[1:] else lines():
        sys.stdout.write(line + "\n")
