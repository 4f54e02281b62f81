"""`mpcstats explain`: what a question would do, learn and cost, and what the policy says; nothing is sent."""

from __future__ import annotations

from mpcstats.cli.asking import (
    DataFolder,
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
from mpcstats.cli.options import ConsortiumPath
from mpcstats.party.client import explained
from mpcstats.party.desk.paper import read_paper_files
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
    paper: PaperFiles = None,
) -> None:
    """Print the plan, who learns what, the cost, and this party's decision. No other party is needed.

    Needs --local FOLDER, or --consortium FILE and --party NAME. Exit code 3 if the decision is no.
    """
    records, defaults = Where(local, consortium, party, data=data).records()
    asked = question_of(
        read_question(question),
        initiator=records.party,
        asking=Asking(today(), user, project),
        given=Defaults(scenario, purpose),
        defaults=defaults,
        to=to or None,
    )
    explanation = explained(asked, records, read_paper_files(paper or ()))
    print(explanation.text)
    if explanation.refusal is not None:
        raise explanation.refusal
