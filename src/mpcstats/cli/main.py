"""The `mpcstats` command: its sub-commands, and what an error prints and returns."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from mpcstats.cli import (
    bench,
    bill,
    catalogue,
    consent,
    demo,
    explain,
    keys,
    ledger,
    paper,
    policy,
    project,
    provenance,
    receipt,
    registration,
    rights,
    run,
    serve,
    standing,
    trace,
)
from mpcstats.errors import MpcstatsError, PeerFault, PolicyRefused, TransportFault, UsageError
from mpcstats.party.memory import keep_freed_memory
from mpcstats.party.version import version as installed

EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_PEER = 4
EXIT_INTERNAL = 1
EXIT_TERMINATED = 128 + signal.SIGTERM

app = typer.Typer(
    name="mpcstats",
    help="Joint statistics over the private data of several organisations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("keys")(keys.keys)
app.command("principal")(keys.principal)
app.command("serve")(serve.serve_command)
app.command("run")(run.run)
app.command("explain")(explain.explain_command)
app.command("provenance")(provenance.provenance_command)
app.command("bench")(bench.bench)
app.command("bench-party", hidden=True)(bench.bench_party)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(ledger.app, name="ledger")
app.add_typer(bill.app, name="bill")
app.add_typer(rights.app, name="rights")
app.add_typer(registration.app, name="registration")
app.add_typer(policy.app, name="policy")
app.add_typer(paper.app, name="paper")
app.add_typer(project.app, name="project")
app.add_typer(receipt.app, name="receipt")
app.add_typer(standing.app, name="standing")
app.add_typer(consent.app, name="consent")
app.add_typer(trace.app, name="trace")
app.add_typer(demo.app, name="demo")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mpcstats {installed()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """Joint statistics over the private data of several organisations."""


def main() -> None:
    """Run the command of sys.argv. Ends the process: 0, 1 a defect, 2 usage, 3 refused, 4 another party's fault."""
    # An exit like any other: what was started is ended, and what was temporary is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    keep_freed_memory()  # the process is ours, and no thread has started
    try:
        app()
    except MpcstatsError as error:
        Console(stderr=True, soft_wrap=True).print(
            _said(error), style="red", highlight=False, markup=False
        )
        sys.exit(exit_code(error))


def exit_code(error: MpcstatsError) -> int:
    """The process's exit code for `error`."""
    match error:
        case PolicyRefused():
            return EXIT_REFUSED
        case UsageError():
            return EXIT_USAGE
        case PeerFault() | TransportFault():
            return EXIT_PEER
        case _:
            return EXIT_INTERNAL


def _said(error: MpcstatsError) -> str:
    """The error as it is printed: of a refusal, each reason on a line of its own, as `explain` does."""
    if isinstance(error, PolicyRefused):
        lines = [f"refused by the policy of {error.party}", *error.reasons]
        if error.violations:
            lines.append(
                f"recorded as a violation ({', '.join(error.violations)}): who asked may not ask "
                f"{error.party} any more until it is reinstated (mpcstats standing)"
            )
        return "\n  ".join(lines)
    names = {PolicyRefused: "", UsageError: "error: ", TransportFault: "another party: "}
    return names.get(type(error), f"{type(error).__name__}: ") + str(error)
