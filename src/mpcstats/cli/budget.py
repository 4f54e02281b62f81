"""`mpcstats budget`: what was asked of a party, and what is left of its budgets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, LedgerOwner
from mpcstats.cli.sheet import print_json, print_sheet
from mpcstats.party.desk.budget import Lost, spent
from mpcstats.party.question import today


def budget(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    since: Annotated[str, typer.Option(help="The first day of questions that are counted.")] = (
        "0001-01-01"
    ),
    until: Annotated[str | None, typer.Option(help="The last day; today if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a party's own ledger shows as spent: questions by project, template, initiator, purpose and dataset,
    and what noisy answers have told of any one person, beside what the policy permits.
    """
    found = spent(consortium, party, since=since, until=until or today())
    if as_json:
        print_json(asdict(found))
        return
    rows = [[each.per, each.name, str(each.questions)] for each in found.questions]
    if rows:
        print_sheet(["per", "name", "questions"], rows)
    else:
        print(f"{party} has permitted no question in these days")
    for allowed in found.allowed:
        print(f"rule {allowed.rule}: {allowed.budget}")
    for lost in found.losses:
        print(f"privacy of {lost.dataset}: {_words(lost)}")


def _words(lost: Lost) -> str:
    pure = "no epsilon without a delta" if lost.epsilon is None else f"epsilon {lost.epsilon}"
    if lost.budget is None:
        return f"{pure}, rho {lost.rho}; no budget, so nothing may be told"
    return f"{pure}, rho {lost.rho} of {lost.budget}{': spent' if lost.spent else ''}"
