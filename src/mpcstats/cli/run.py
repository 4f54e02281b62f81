"""`mpcstats run`: ask a question and print the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.asking import (
    DataFolder,
    EngineChoice,
    LocalFolder,
    PaperFiles,
    PartyName,
    PartyPath,
    Project,
    Purpose,
    QuestionFile,
    Recipients,
    Scenario,
    User,
    Where,
    read_question,
)
from mpcstats.cli.options import AsJson, ConsortiumPath
from mpcstats.cli.page import PagePath, write_page
from mpcstats.cli.progress import RunProgress
from mpcstats.errors import PolicyRefused, TransportFault, UsageError
from mpcstats.party.ask import Result, step_count
from mpcstats.party.client import Asked, Party
from mpcstats.party.desk.paper import read_paper_files

LOG_LINES = 3  # of another local party's log, where it is at fault


def run(
    question: QuestionFile,
    local: LocalFolder = None,
    consortium: ConsortiumPath = None,
    party: PartyName = None,
    party_file: PartyPath = None,
    data: DataFolder = None,
    scenario: Scenario = None,
    purpose: Purpose = None,
    to: Recipients = None,
    user: User = None,
    project: Project = None,
    engine: EngineChoice = None,
    paper: PaperFiles = None,
    as_json: AsJson = False,
    html: PagePath = None,
    keep: Annotated[
        Path | None, typer.Option(help="With --local: keep keys, ledgers and logs here.")
    ] = None,
) -> None:
    """Ask a question together with the other parties.

    Needs --local FOLDER, or --consortium FILE and --party NAME. Exit codes: 2 the question, a file or this
    party's data; 3 a policy says no (with every reason); 4 another party's fault; 1 a defect of mpcstats.
    """
    where = Where(local, consortium, party, party_file, data)
    text = read_question(question)
    papers = read_paper_files(paper or ())
    _check_place(html)
    with where.open(keep) as asking:
        asked = asking.sql(
            text,
            scenario=scenario,
            purpose=purpose,
            to=to or None,
            user=user,
            project=project,
            papers=papers,
            engine=engine,
        )
        if local is not None and keep is None and asking.name not in asked.question.recipients:
            raise UsageError(
                "the answer would go with the temporary folder of this run: name a folder with --keep; "
                "answers of other recipients are in its ledgers/answers"
            )
        result = _played(asking, asked, as_json=as_json)
        page = asking.page(result) if html is not None else ""
    if as_json:
        print(_json(result.to_json()))
    else:
        asks = asked.question
        print(f"{asks.initiator} asks, scenario {asks.scenario}: {asks.purpose}\n")
        print(f"{result}\n\n{_figures(result)}\n\n{result.compared()}")
    if html is not None:
        write_page(html, page)


def _played(asking: Party, asked: Asked, *, as_json: bool) -> Result:
    """The finished run; why there is none is said to who asks before the error goes on."""
    with RunProgress(shown=not as_json) as progress:
        try:
            return asked.run(
                on_plan=lambda permit: progress.begin(step_count(permit)),
                on_step=progress.step,
                on_progress=progress.rows,
            )
        except PolicyRefused as refusal:
            if as_json:
                print(_json({"refused_by": refusal.party, "reasons": list(refusal.reasons)}))
            raise
        except TransportFault as fault:
            for line in asking.log(fault.party).splitlines()[-LOG_LINES:]:
                print(f"{fault.party}'s log: {line}", file=sys.stderr)
            raise


def _check_place(html: Path | None) -> None:
    """Before anything is asked: an answer that has cost a run should not lack a place for its page."""
    if html is not None and (html.is_dir() or not html.parent.is_dir()):
        got = "a folder" if html.is_dir() else f"no folder {html.parent}"
        raise UsageError(f"{html}: expected a file to write, got: {got}")


def _figures(result: Result) -> str:
    lines = [f"plan {result.permit.plan_digest[:16]}, run {result.label[:16]}"]
    for audit in result.audits:
        lines.append(
            f"for {result.permit.party} alone: of {audit.rows:,} rows of {audit.relation}, {audit.null_keys:,} "
            f"have no key and {audit.invalid_keys:,} an invalid one: they match nothing; "
            f"{audit.repeated_keys:,} have a key that an earlier row has"
        )
    if result.kept is not None and result.kept.exists():
        lines.append(f"receipt {result.kept}: mpcstats receipt verify checks it")
    for trouble in result.closed.troubles:
        lines.append(f"the run has ended well; its closing has not: {trouble}")
    for party, datasets in result.left_out.items():
        for dataset, persons in datasets.items():
            lines.append(f"{party}: persons of {dataset} left out for want of consent: {persons}")
    for party, spent in result.spent.items():
        lines.append(
            f"{party}: {spent['rounds']} rounds, {spent['bytes_sent']:,} bytes sent, "
            f"{spent['wall_ms']} ms, {spent['cpu_ms']} CPU ms"
        )
    return "\n".join(lines)


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)
