"""Questions under the rules of a policy, all parties in one thread: what each recipient is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.joint import Joint

from mpcstats.party.answer import Answer
from mpcstats.party.data.rehearsal import rehearse
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.least import Least
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.releases import by_own
from mpcstats.policy.template import ONE_OF_EACH, default_policy
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level

OPEN = Least()
PERSON = 'pid = { type = "text", level = "HIGH", person = true, key = "trim-upper" }'


def default_rules(scenario: str = "supervision") -> Least:
    """What the default policy asks of the gate for questions of moderate level."""
    rule = default_policy(ONE_OF_EACH).rule(scenario, Level.MODERATE)
    assert rule is not None
    return Least(
        rule.minimum_persons,
        rule.minimum_contributors,
        rule.dominance,
        None,
        rule.complement,
        rule.zeros == "shown",
    )


def planned(joint: Joint, text: str, least: Least, to: Sequence[str]) -> Physical:
    """The plan of the question with the gate that a node would give it under these rules."""
    setting = Setting(
        catalogue=joint.catalogue,
        engine=joint.engine,
        compute=joint.compute,
        initiator=joint.initiator,
        recipients=tuple(to),
        scenario=joint.scenario,
        purpose="a test",
        k=least.persons,
        helpers=lambda *_: joint.compute,
        contributors=least.contributors > 1,
        contributions=least.p > 0 or least.largest is not None,
        complement=least.complement and least.persons > 1,
        rounding=least.rounding,
    )
    plan = plan_question(text, setting)
    rehearse(plan, joint.catalogue)
    names = magnitudes(plan, joint.catalogue)
    amounts = tuple(i for i, t in enumerate(plan.aggregate.totals) if t.name in names)
    found = by_own(plan, joint.catalogue, least.release(tuple(to)))
    gate = replace(plan.gate, releases=found, magnitudes=amounts)
    return replace(plan, steps=(*plan.steps[:-1], gate))


def shown(
    joint: Joint, text: str, least: Least, to: Sequence[str] = ()
) -> Mapping[str, Answer | None]:
    """The answer of every party."""
    return joint.run(planned(joint, text, least, to or (joint.initiator,))).results


def cells(joint: Joint, text: str, least: Least) -> list[tuple[Any, ...]]:
    """The rows that the initiator is shown, None where a cell is suppressed."""
    answer = shown(joint, text, least)[joint.initiator]
    assert answer is not None
    return list(answer.rows)


def hospitals(
    folder: Path, rows: Mapping[str, Sequence[Sequence[Any]]], *, engine: str = "clear"
) -> Joint:
    """Hospitals, each an institution: of each row the person, the ward (1 to 4), the day and the fee."""
    tables = []
    for name, own in rows.items():
        tables.append(f"""
[[dataset]]
name = "{name}.cases"
owner = "{name}"
rows = {max(1, len(own))}
contributor = "code"
contributors = {{ {name} = ["{name.upper()}"] }}
[dataset.columns]
{PERSON}
code = {{ type = "text", level = "LOW", domain = {[n.upper() for n in rows]}, nullable = false }}
ward = {{ type = "integer", level = "LOW", domain = [1, 2, 3, 4], nullable = false }}
day = {{ type = "integer", level = "MODERATE", minimum = 0, maximum = 99, nullable = false }}
fee = {{ type = "integer", level = "MODERATE", minimum = 0, maximum = 1000000, nullable = false }}
""")
    of = ", ".join(f'"{name}.cases"' for name in rows)
    union = f'[[union]]\nname = "all_.cases"\nof = [{of}]\n'
    catalogue = folder / "catalogue.toml"
    catalogue.write_text(f"version = 1\n{''.join(tables)}{union}".replace("'", '"'), "utf-8")
    files = {}
    for name, own in rows.items():
        lines = ["pid,code,ward,day,fee"]
        lines += [f"{p},{name.upper()},{ward},{day},{fee}" for p, ward, day, fee in own]
        files[f"{name}.cases"] = folder / f"{name}.csv"
        files[f"{name}.cases"].write_text("\n".join(lines) + "\n", "utf-8")
    compute = tuple(rows)[:3] if engine == "rep3" else ("x",)
    return Joint(Catalogue.load(catalogue), files, compute, next(iter(rows)), engine)
