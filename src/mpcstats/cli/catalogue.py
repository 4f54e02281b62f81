"""`mpcstats catalogue`: which data exist, what is known of them, what is wrong with it, and which level to propose."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mpcstats.cli.options import AsJson, ConsortiumPath, Day, PrincipalsPath, Printed
from mpcstats.cli.sheet import print_json
from mpcstats.party.desk.catalogue import (
    Grid,
    Registers,
    checked,
    decisions,
    exported,
    listed,
    save,
    shown,
)
from mpcstats.party.desk.classify import DEFAULT_ROWS, classify
from mpcstats.party.question import today

CatalogueFile = Annotated[
    Path, typer.Argument(help="The catalogue: a file of TOML, CSV or JSON.", show_default=False)
]
RulesPath = Annotated[
    Path | None, typer.Option("--rules", help="Rules of classification; else those of mpcstats.")
]

app = typer.Typer(help="The catalogue of data resources.", no_args_is_help=True)


@app.callback()
def catalogue() -> None:
    """The catalogue of data resources."""


@app.command("list")
def list_command(file: CatalogueFile, as_json: AsJson = False) -> None:
    """Print the datasets with level, open type and share type, in English and Chinese."""
    _print(listed(file), as_json=as_json)


@app.command("show")
def show(
    file: CatalogueFile,
    dataset: Annotated[str, typer.Argument(help="A dataset of it.")],
) -> None:
    """Print one dataset: all metadata, all items, what its level means in the standards' terms."""
    found = shown(file, dataset)
    _print(found.metadata)
    _print(found.items)
    for note in found.notes:
        print(note)


@app.command("check")
def check(
    file: CatalogueFile,
    rules: RulesPath = None,
    levels: Annotated[
        Path | None,
        typer.Option(help="The journal of levels; else as the consortium file says."),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(help="The journal of sources; else as the consortium file says."),
    ] = None,
    principals: PrincipalsPath = None,
    consortium: ConsortiumPath = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Print bounds and metadata that are missing, conflicts, overdue reviews, special ranges; exit code 1 on errors."""
    registers = Registers.load(
        rules=rules,
        principals=principals,
        consortium=consortium,
        reviews=levels,
        settlements=sources,
    )
    found = checked(file, registers, day or today())
    errors = sum(finding.weight == "error" for finding in found)
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            print(finding)
        print(f"{file}: {errors} errors, {len(found) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@app.command("decisions")
def decisions_command(
    levels: Annotated[Path, typer.Argument(help="The journal of levels.")],
    rules: RulesPath = None,
    principals: PrincipalsPath = None,
    consortium: ConsortiumPath = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Print who decided on which level, when and why, and what the column counts as now."""
    registers = Registers.load(
        rules=rules, principals=principals, consortium=consortium, reviews=levels
    )
    _print(decisions(registers, day or today()), as_json=as_json)


@app.command("classify")
def classify_command(
    data: Annotated[
        Path | None, typer.Argument(help="A file of CSV or Parquet; it is read here, and stays.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="A catalogue that has an entry for the data.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The dataset's name.")] = None,
    rules: RulesPath = None,
    sample: Annotated[int, typer.Option(help="Rows that are sampled at most.")] = DEFAULT_ROWS,
    write: Annotated[
        bool, typer.Option("--write", help="Print TOML to be pasted into a catalogue.")
    ] = False,
) -> None:
    """Propose a level for each column of a file or of a catalogue's dataset. Counts are printed, never a value."""
    found = classify(data=data, catalogue=catalogue, dataset=dataset, rules=rules, rows=sample)
    if write:
        print(found.toml, end="")
        return
    _print(found.grid)
    print(f"{found.sampled:,} rows sampled; a reviewer confirms or overrides each proposal")


@app.command("export")
def export(
    file: CatalogueFile,
    form: Annotated[
        str, typer.Option("--format", help="csv (one row an item), json or toml.")
    ] = "csv",
    chinese: Annotated[
        bool, typer.Option("--chinese", help="Fields and terms under their Chinese names.")
    ] = False,
    out: Printed = None,
) -> None:
    """Write the catalogue in another form."""
    _give(exported(file, form, chinese=chinese), out)


@app.command("import")
def import_command(file: CatalogueFile, out: Printed = None) -> None:
    """Read a catalogue of CSV or JSON, check it, and write it as TOML, its own form."""
    _give(exported(file, "toml", chinese=False), out)


def _give(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
    else:
        save(text, out)
        print(f"written to {out}")


def _print(grid: Grid, *, as_json: bool = False) -> None:
    if as_json:
        print_json(grid.objects())
        return
    table = Table(title=grid.title, title_justify="left")
    for head in grid.heads:
        table.add_column(head, overflow="fold")
    for row in grid.rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)
