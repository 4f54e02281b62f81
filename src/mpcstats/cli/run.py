"""`mpcstats run`: ask a question and print the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.asking import (
    ConsortiumFile,
    DataFolder,
    LocalFolder,
    PartyName,
    PartyPath,
    Purpose,
    QuestionFile,
    Recipients,
    Scenario,
    Where,
    read_question,
)
from mpcstats.cli.progress import RunProgress
from mpcstats.errors import PolicyRefused
from mpcstats.party.ask import Result, step_count


def run(
    question: QuestionFile,
    local: LocalFolder = None,
    consortium: ConsortiumFile = None,
    party: PartyName = None,
    party_file: PartyPath = None,
    data: DataFolder = None,
    scenario: Scenario = None,
    purpose: Purpose = None,
    to: Recipients = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="With --local: keep keys, ledgers and logs here.")
    ] = None,
) -> None:
    """Ask a question together with the other parties. Exit code 3 and every reason if a policy says no."""
    where = Where(local, consortium, party, party_file, data)
    text = read_question(question)
    with where.open(keep) as asking:
        asked = asking.sql(text, scenario=scenario, purpose=purpose, to=to or None)
        with RunProgress(shown=not as_json) as progress:
            try:
                result = asked.run(
                    on_plan=lambda permit: progress.begin(step_count(permit)), on_step=progress.step
                )
            except PolicyRefused as refusal:
                if as_json:
                    print(_json({"refused_by": refusal.party, "reasons": list(refusal.reasons)}))
                raise
    print(_json(as_object(result)) if as_json else f"{result}\n\n{_figures(result)}")


def as_object(result: Result) -> dict[str, object]:
    """A finished run as plain data; without columns and rows where this party is no recipient."""
    table = {} if result.answer is None else result.answer.to_json()
    return {**table, "run": result.label, "plan": result.permit.plan_digest, "spent": result.spent}


def _figures(result: Result) -> str:
    lines = [f"plan {result.permit.plan_digest[:16]}, run {result.label[:16]}"]
    for audit in result.audits:
        lines.append(
            f"{audit.relation}: {audit.rows:,} rows; dropped {audit.null_keys:,} without a key and "
            f"{audit.invalid_keys:,} with an invalid one; {audit.repeated_keys:,} repeat a key"
        )
    for party, spent in result.spent.items():
        lines.append(
            f"{party}: {spent['rounds']} rounds, {spent['bytes_sent']:,} bytes sent, "
            f"{spent['wall_ms']} ms, {spent['cpu_ms']} CPU ms"
        )
    return "\n".join(lines)


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)
