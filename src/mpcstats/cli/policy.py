"""`mpcstats policy`: check a policy file, say what it permits and why, compare two, hold one to expected decisions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mpcstats.cli.asking import (
    DataFolder,
    LocalFolder,
    PartyName,
    Purpose,
    Recipients,
    Scenario,
    Where,
    read_question,
)
from mpcstats.cli.options import AsJson, ConsortiumPath
from mpcstats.cli.page import PagePath, write_page
from mpcstats.errors import UsageError
from mpcstats.party.desk.policy import (
    Row,
    changes_json,
    compared,
    decided,
    filled_file,
    findings_json,
    read_policy,
    rows,
    rows_json,
    summary,
    tested,
)
from mpcstats.party.desk.policy_page import page
from mpcstats.party.question import Asking, Defaults, question_of, today

EXIT_MORE = 1  # of diff: something is permitted more; of test: a case has failed
EXIT_DENIED = 3  # of explain --question, as of `mpcstats explain`

PolicyFile = Annotated[
    str, typer.Argument(help="A policy file, or 'default': the one that mpcstats comes with.")
]
PartiesFile = Annotated[
    Path | None,
    typer.Option(
        "--parties", help="Of which kind each party is; else @bureau stands for a party 'bureau'."
    ),
]

app = typer.Typer(help="Policies: what may be asked, and why not.", no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Policies: what may be asked, and why not."""


@app.command("check")
def check(file: PolicyFile, parties: PartiesFile = None) -> None:
    """Load a policy and hold it to its laws. Exit code 2 and every fault if it is not one."""
    for line in summary(read_policy(file, parties)):
        print(line)


@app.command("fill")
def fill(
    file: PolicyFile,
    parties: Annotated[
        Path, typer.Option("--parties", help="Of which kind each party is (parties.toml).")
    ],
) -> None:
    """Print a template with the names of parties in it: the policy file of a consortium."""
    print(filled_file(read_policy(file, parties)), end="")


@app.command("explain")
def explain(
    file: Annotated[
        str | None, typer.Argument(help="A policy file, or 'default'; not with --question.")
    ] = None,
    parties: PartiesFile = None,
    as_json: AsJson = False,
    html: PagePath = None,
    question: Annotated[
        Path | None, typer.Option("--question", help="Explain the decision on one question.")
    ] = None,
    local: LocalFolder = None,
    consortium: ConsortiumPath = None,
    party: PartyName = None,
    data: DataFolder = None,
    scenario: Scenario = None,
    purpose: Purpose = None,
    to: Recipients = None,
) -> None:
    """Which protocols are permitted for each scenario and level, and why not the others.

    With --question (and --local FOLDER, or --consortium FILE and --party NAME): this party's decision on it,
    condition by condition; exit code 3 if it is no.
    """
    if question is None:
        if file is None:
            raise UsageError("expected a policy file, 'default', or --question FILE")
        _explain_policy(file, parties, as_json=as_json, html=html)
    elif file is not None or html is not None or parties is not None:
        raise UsageError("expected --question without a policy file, --parties and --html")
    else:
        where = Where(local, consortium, party, data=data)
        _explain_question(where, question, Defaults(scenario, purpose), to, as_json=as_json)


@app.command("diff")
def diff(
    old: PolicyFile, new: PolicyFile, parties: PartiesFile = None, as_json: AsJson = False
) -> None:
    """What the second policy permits more than the first, and what no longer. Exit code 1 if there is more."""
    found = compared(read_policy(old, parties), read_policy(new, parties))
    if as_json:
        print(json.dumps(changes_json(found), ensure_ascii=False, indent=2))
    elif not found:
        print("both policies decide alike")
    else:
        table = _table("where", "permits more", "no longer permits")
        for change in found:
            table.add_row(change.where, "\n".join(change.more), "\n".join(change.less))
        _print(table)
        print("\n".join(_sentence(c.where, c.more, c.less) for c in found))
    if any(change.more for change in found):
        raise typer.Exit(EXIT_MORE)


@app.command("test")
def hold(
    file: PolicyFile,
    cases: Annotated[Path, typer.Option("--cases", help="A file of expected decisions.")],
    parties: PartiesFile = None,
    as_json: AsJson = False,
) -> None:
    """Hold a policy to its expected decisions. Exit code 1 and the cases that fail, if any do."""
    count, failed = tested(read_policy(file, parties), cases)
    if as_json:
        print(json.dumps({"cases": count, "failed": [asdict(f) for f in failed]}, indent=2))
    else:
        for failure in failed:
            print(f"{cases}: case {failure.number} ({failure.case}): {failure.fault}")
        print(f"{count - len(failed)} of {count} cases as expected")
    if failed:
        raise typer.Exit(EXIT_MORE)


def _explain_policy(file: str, parties: Path | None, *, as_json: bool, html: Path | None) -> None:
    loaded = read_policy(file, parties)
    found = rows(loaded)
    if html is not None:
        write_page(html, page(loaded, found))
    if as_json:
        print(json.dumps(rows_json(loaded, found), ensure_ascii=False, indent=2))
    elif html is None:
        _print(_matrix(found))


def _explain_question(
    where: Where, path: Path, given: Defaults, to: list[str] | None, *, as_json: bool
) -> None:
    records, defaults = where.records()
    asked = question_of(
        read_question(path),
        initiator=records.party,
        asking=Asking(today()),
        given=given,
        defaults=defaults,
        to=to or None,
    )
    level, found = decided(asked, records)
    if as_json:
        print(json.dumps(findings_json(found), ensure_ascii=False, indent=2))
    else:
        table = _table("condition", "decision", "reasons")
        for each in found:
            said = "\n".join(reason.text for reason in each.reasons)
            table.add_row(each.condition, "no" if said else "passed", said)
        print(level)
        _print(table)
    if any(each.reasons for each in found):
        raise typer.Exit(EXIT_DENIED)


def _matrix(found: tuple[Row, ...]) -> Table:
    table = _table("scenario", "level", "protocols permitted", "not permitted", "also")
    for row in found:
        others = "\n".join(
            f"{ground}: {'all' if len(names) == len(row.cells) else ', '.join(names)}"
            for ground, names in row.others
        )
        everything = len(row.permitted) == len(row.cells)
        permitted = "all" if everything else ", ".join(row.permitted) or "none"
        also = "\n".join(row.remarks) or ("" if row.permitted else row.because)
        table.add_row(row.scenario, row.level, permitted, others, also)
    return table


def _sentence(where: str, more: tuple[str, ...], less: tuple[str, ...]) -> str:
    sides = (("permits more", more), ("no longer permits", less))
    return f"{where}: " + "; ".join(f"{what}: {', '.join(said)}" for what, said in sides if said)


def _table(*heads: str) -> Table:
    table = Table(show_lines=True)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _print(table: Table) -> None:
    Console(markup=False, highlight=False).print(table)
