"""`mpcstats demo`: a whole joint question on made-up data, with nothing to set up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mpcstats.cli.progress import RunProgress
from mpcstats.party.sandbox import demo
from mpcstats.party.sandbox.demo import Shown
from mpcstats.party.sandbox.governed import Governed
from mpcstats.party.sandbox.scene import Scene
from mpcstats.party.sandbox.scenes import scenes

app = typer.Typer(help="Demonstrations on made-up data.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)
Persons = Annotated[int, typer.Option(min=1000, max=125_000, help="Enrolled persons.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same data.")]


@app.callback()
def demos() -> None:
    """Demonstrations on made-up data."""


@app.command("copy")
def copy(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    persons: Persons = 120_000,
    seed: Seed = 1,
    engines: Annotated[
        bool,
        typer.Option(
            "--engines", help="The demo of all engines instead, whose few rows come with it."
        ),
    ] = False,
) -> None:
    """Copy the settlement demo's files and its made-up data into FOLDER, to change them and ask your own questions.

    With --engines, a smaller one: five parties that offer rep3, shamir and pair, to compare whom one has to trust.
    """
    if engines:
        demo.copy_trust(folder)
        for name in ("sums", "join"):
            question = folder / f"{name}.sql"
            console.print(f"compare: mpcstats explain --local {folder} --question {question}")
        console.print(
            f"ask: mpcstats run --local {folder} --question {question} --engine pair", markup=False
        )
        return
    for path, rows in demo.copy(folder, persons=persons, seed=seed).items():
        console.print(f"  {folder / 'data' / path}: {rows:,} rows")
    console.print(f"ask: mpcstats run --local {folder} --question {folder / 'question.sql'}")


@app.command("settlement")
def settlement(
    persons: Annotated[
        int, typer.Option(min=1000, max=125_000, help="Enrolled persons.")
    ] = 120_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="Keep data, keys, ledgers and logs in this new folder.")
    ] = None,
) -> None:
    """Bureau, hospital and insurer, three processes over mutual TLS, answer one question together.

    Exit code 1 if the joint answer is not the plain one.
    """
    with tempfile.TemporaryDirectory(prefix="mpcstats-demo-") as temporary:
        where = Path(temporary) if keep is None else keep
        console.print(f"made-up data of {persons:,} enrolled persons (seed {seed}):")
        for path, rows in demo.make_data(where / "data", persons=persons, seed=seed).items():
            console.print(f"  {path}: {rows:,} rows")
        with RunProgress() as progress:
            shown = demo.settlement(
                where / "data", where / "run", on_begin=progress.begin, on_step=progress.step
            )
        _print(shown)
    if not shown.passed:
        raise typer.Exit(1)


@app.command("governance")
def governance(
    persons: Annotated[int, typer.Option(min=3000, max=20_000, help="Enrolled persons.")] = 10_000,
    seed: Seed = 1,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep data, keys, registers, papers, ledgers and receipts in this folder."
        ),
    ] = None,
) -> None:
    """One request from question to receipt: registers, papers, a run, the receipt, a violation, a bill.

    Exit code 1 if anything is not as it should be.
    """
    with tempfile.TemporaryDirectory(prefix="mpcstats-demo-") as temporary:
        where = Path(temporary) if keep is None else keep
        where.mkdir(parents=True, exist_ok=True)
        passed = True
        with Governed(where, persons=persons, seed=seed) as town, RunProgress() as progress:
            for scene in scenes(town, on_begin=progress.begin, on_step=progress.step):
                _print_scene(scene)
                passed = passed and scene.passed
    if keep is not None:
        console.print(f"\nall of it is in {keep}", markup=False)
    if not passed:
        raise typer.Exit(1)


def _print_scene(scene: Scene) -> None:
    _title(escape(scene.title))
    for line in scene.lines:
        console.print(f"  {line}", markup=False)
    if scene.rows:
        table = Table(*scene.heads, box=None)
        for row in scene.rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    for what, so in scene.must.items():
        console.print(f"  {'yes' if so else 'NO'}: {what}", style="green" if so else "red")


def _print(shown: Shown) -> None:
    plan = shown.result.permit.plan
    _title("the question")
    console.print(shown.question.text.strip(), markup=False)
    _title("the policy's decision")
    permit = shown.result.permit
    console.print(
        f"permitted at every party: level {permit.level.name} {permit.level.chinese}, rule {permit.rule}, "
        f"cells of {plan.gate.k} persons or more, to {', '.join(plan.gate.recipients)}"
    )
    _title("the answer")
    console.print(str(shown.result), markup=False)
    same = "equal to" if shown.equal else "NOT EQUAL to"
    answer = shown.result.answer
    groups = (
        f", in groups of {plan.gate.k} or more" if answer is not None and answer.suppressed else ""
    )
    console.print(f"{same} the plain answer of DuckDB over all tables together{groups}")
    _title("who learned what")
    for line in shown.learned:
        console.print(line, markup=False)
    _title("what it took")
    console.print(_figures(shown))
    _title("a question that is refused")
    console.print(f"{shown.refused.initiator} asks: {shown.refused.purpose}", markup=False)
    if shown.refusal is None:
        console.print("PERMITTED, and should have been refused", style="red")
    else:
        for reason in shown.refusal.reasons:
            console.print(f"  {shown.refusal.party}: {reason}", markup=False)
    _title("the ledgers")
    for party, report in shown.ledgers.items():
        state = "whole" if report.fault is None else f"BROKEN: {report.fault}"
        console.print(f"  {party}: {report.entries} entries, {state}, root {report.root}")
    for audit in shown.result.audits:
        console.print(
            f"  told to {permit.party} alone: {audit.relation} has {audit.rows:,} rows, "
            f"{audit.null_keys:,} without a key, {audit.invalid_keys:,} with an invalid one"
        )


def _figures(shown: Shown) -> Table:
    table = Table("party", "rounds", "bytes sent", "seconds", "CPU seconds", "peak MB", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for party, spent in shown.result.spent.items():
        table.add_row(
            party,
            str(spent["rounds"]),
            f"{spent['bytes_sent']:,}",
            f"{spent['wall_ms'] / 1000:.2f}",
            f"{spent['cpu_ms'] / 1000:.2f}",
            f"{spent['peak_rss_bytes'] / 1e6:.0f}",
        )
    return table


def _title(text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")
