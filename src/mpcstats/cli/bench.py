"""`mpcstats bench`: rounds, bytes, seconds and memory of one task or of all, processes over TLS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mpcstats.cli.options import AsJson
from mpcstats.cli.progress import RunProgress
from mpcstats.errors import UsageError
from mpcstats.party.sandbox import bench as benchmarks
from mpcstats.party.sandbox.report import Report
from mpcstats.party.sandbox.tasks import ON_SHAMIR, TASKS, pairing

ALL = "all"
LOOPBACK = "loopback"


def bench(
    task: Annotated[
        str, typer.Argument(help=f"{ALL}, or one of {', '.join((*TASKS, *pairing.TASKS))}.")
    ],
    rows: Annotated[str, typer.Option(help="Number of rows; 1e6 may be written so.")] = "1000000",
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="loopback, lan (1 Gbit/s, 0.5 ms) or wan (100 Mbit/s, 40 ms). Repeatable."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="rep3, shamir or pair; without it the one that the task is for."),
    ] = None,
    parties: Annotated[
        int | None, typer.Option(help="How many compute: 3 on rep3, 3 to 15 on shamir, 2 on pair.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each; the median one is kept.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write bench.json and bench.md into this folder.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option(help="What to record as the commit; else what the code is from.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run TASK on random data in local processes over TLS, and say what it took.

    Milliseconds of a network are round trips; its rate is that of each party's uplink. Seconds of a shared
    machine are rough; rounds and bytes are exact, or random within the card's bound for what sorts.
    """
    every = ON_SHAMIR if engine == benchmarks.SHAMIR else tuple(TASKS)
    tasks = every if task == ALL else (task,)
    networks = network or [LOOPBACK]
    works = [
        benchmarks.work(name, _whole(rows), network=each, engine=engine, parties=parties)
        for each in networks
        for name in tasks
    ]
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out}: expected a folder, got a file")
    with RunProgress(shown=not as_json) as progress:
        progress.begin(len(works), "measuring the machine")
        report = Report.begin(commit)
        report.run(
            works,
            repeats=repeats,
            on_task=progress.step,
            heard=progress.within,
            folder=out,
        )
    if as_json:
        print(json.dumps(report.to_json()))
    else:
        for result in report.results:
            _print(result)
    if out is not None and not as_json:
        print(f"written: {', '.join(str(path) for path in report.write(out))}")


def bench_party(
    folder: Path, party: str, task: str, rows: int, network: str, engine: str, parties: int
) -> None:
    """One party of a benchmark; started by `bench`."""

    asked = benchmarks.work(task, rows, network=network, engine=engine, parties=parties)

    def heard(part: float) -> None:
        print(benchmarks.PROGRESS, f"{part:.4f}", file=sys.stderr, flush=True)

    print(json.dumps(benchmarks.play(folder, party, asked, heard)))


def _print(result: dict[str, Any]) -> None:
    print(
        f"{result['task']} on {result['engine']}, {result['rows']:,} rows, {result['network']}: "
        f"{result['rounds']} rounds"
    )
    for party, spent in result["parties"].items():
        print(
            f"  {party}: {spent['wall_s']:.3f} s, {spent['cpu_s']:.3f} CPU s, "
            f"{spent['bytes_sent']:,} bytes sent, peak {spent['peak_rss_bytes'] / 1e6:.0f} MB"
        )


def _whole(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(f"expected a number of rows, got {text!r}") from None
    if not number.is_integer():
        raise typer.BadParameter(f"expected a whole number of rows, got {text!r}")
    return int(number)
