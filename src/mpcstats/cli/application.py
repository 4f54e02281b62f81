"""The application behind the command: its sub-commands, each of which is imported only if it is asked for.

To import them all takes half a second, more than most commands take themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from mpcstats.party.version import version as installed

ABOUT = "Joint statistics over the private data of several organisations."


def application(only: str | None = None) -> typer.Typer:
    """The application with all commands, or with the one of that name in COMMANDS."""
    app = typer.Typer(
        name="mpcstats",
        help=ABOUT,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for name, add in COMMANDS.items():
        if only in (None, name):
            add(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mpcstats {installed()}")
        raise typer.Exit


def _options(
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


def _keys(app: typer.Typer) -> None:
    from mpcstats.cli import keys

    app.command("keys")(keys.keys)


def _principal(app: typer.Typer) -> None:
    from mpcstats.cli import keys

    app.command("principal")(keys.principal)


def _serve(app: typer.Typer) -> None:
    from mpcstats.cli import serve

    app.command("serve")(serve.serve_command)


def _run(app: typer.Typer) -> None:
    from mpcstats.cli import run

    app.command("run")(run.run)


def _adjudicate(app: typer.Typer) -> None:
    from mpcstats.cli import adjudicate

    app.command("adjudicate")(adjudicate.adjudicate)


def _rule_commitment(app: typer.Typer) -> None:
    from mpcstats.cli import adjudicate

    app.command("rule-commitment")(adjudicate.commitment)


def _explain(app: typer.Typer) -> None:
    from mpcstats.cli import explain

    app.command("explain")(explain.explain_command)


def _provenance(app: typer.Typer) -> None:
    from mpcstats.cli import provenance

    app.command("provenance")(provenance.provenance_command)


def _bench(app: typer.Typer) -> None:
    from mpcstats.cli import bench

    app.command("bench")(bench.bench)


def _bench_party(app: typer.Typer) -> None:
    from mpcstats.cli import bench

    app.command("bench-party", hidden=True)(bench.bench_party)


def _catalogue(app: typer.Typer) -> None:
    from mpcstats.cli import catalogue

    app.add_typer(catalogue.app, name="catalogue")


def _ledger(app: typer.Typer) -> None:
    from mpcstats.cli import ledger

    app.add_typer(ledger.app, name="ledger")


def _bill(app: typer.Typer) -> None:
    from mpcstats.cli import bill

    app.add_typer(bill.app, name="bill")


def _rights(app: typer.Typer) -> None:
    from mpcstats.cli import rights

    app.add_typer(rights.app, name="rights")


def _registration(app: typer.Typer) -> None:
    from mpcstats.cli import registration

    app.add_typer(registration.app, name="registration")


def _policy(app: typer.Typer) -> None:
    from mpcstats.cli import policy

    app.add_typer(policy.app, name="policy")


def _paper(app: typer.Typer) -> None:
    from mpcstats.cli import paper

    app.add_typer(paper.app, name="paper")


def _project(app: typer.Typer) -> None:
    from mpcstats.cli import project

    app.add_typer(project.app, name="project")


def _receipt(app: typer.Typer) -> None:
    from mpcstats.cli import receipt

    app.add_typer(receipt.app, name="receipt")


def _standing(app: typer.Typer) -> None:
    from mpcstats.cli import standing

    app.add_typer(standing.app, name="standing")


def _consent(app: typer.Typer) -> None:
    from mpcstats.cli import consent

    app.add_typer(consent.app, name="consent")


def _trace(app: typer.Typer) -> None:
    from mpcstats.cli import trace

    app.add_typer(trace.app, name="trace")


def _demo(app: typer.Typer) -> None:
    from mpcstats.cli import demo

    app.add_typer(demo.app, name="demo")


COMMANDS: Mapping[str, Callable[[typer.Typer], None]] = {
    "keys": _keys,
    "principal": _principal,
    "serve": _serve,
    "run": _run,
    "adjudicate": _adjudicate,
    "rule-commitment": _rule_commitment,
    "explain": _explain,
    "provenance": _provenance,
    "bench": _bench,
    "bench-party": _bench_party,
    "catalogue": _catalogue,
    "ledger": _ledger,
    "bill": _bill,
    "rights": _rights,
    "registration": _registration,
    "policy": _policy,
    "paper": _paper,
    "project": _project,
    "receipt": _receipt,
    "standing": _standing,
    "consent": _consent,
    "trace": _trace,
    "demo": _demo,
}
