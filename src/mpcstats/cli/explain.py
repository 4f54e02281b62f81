"""`mpcstats explain`: what a question would do, learn and cost, and what the policy says; nothing is sent."""

from __future__ import annotations

import json

from mpcstats.cli.asking import (
    DataFolder,
    EngineChoice,
    LocalFolder,
    PaperFiles,
    PartyName,
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
from mpcstats.party.desk.paper import read_paper_files
from mpcstats.party.explained import explained
from mpcstats.party.question import Asking, Defaults, question_of, today


def explain_command(
    question: QuestionFile,
    local: LocalFolder = None,
    consortium: ConsortiumPath = None,
    party: PartyName = None,
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
) -> None:
    """Print the plan, who learns what, the cost, and this party's decision. No other party is needed.

    Needs --local FOLDER, or --consortium FILE and --party NAME. Exit code 3 if the decision is no.
    """
    records, defaults = Where(local, consortium, party, data=data).records()
    asked = question_of(
        read_question(question),
        initiator=records.party,
        asking=Asking(today(), user, project, engine),
        given=Defaults(scenario, purpose),
        defaults=defaults,
        to=to or None,
    )
    found = explained(asked, records, read_paper_files(paper or ()))
    if html is not None:
        write_page(html, found.to_html())
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif html is None:
        print(found)
    if found.refusal is not None:
        raise found.refusal
