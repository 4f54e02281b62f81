"""`mpcstats bench`: rounds, bytes, seconds and memory of one protocol, three processes over TLS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.party.sandbox import bench as benchmarks


def bench(
    protocol: Annotated[str, typer.Argument(help=", ".join(benchmarks.TASKS))],
    rows: Annotated[str, typer.Option(help="Number of rows; 1e6 may be written so.")] = "1000000",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run PROTOCOL on random data in three local processes over TLS, and say what it took.

    Seconds of a shared machine are rough; rounds and bytes are exact.
    """
    found = benchmarks.bench(protocol, _whole(rows))
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['protocol']}, {found['rows']:,} rows: {found['rounds']} rounds")
    for party, spent in found["parties"].items():
        print(
            f"  {party}: {spent['wall_s']:.3f} s, {spent['cpu_s']:.3f} CPU s, "
            f"{spent['bytes_sent']:,} bytes sent, peak {spent['peak_rss_bytes'] / 1e6:.0f} MB"
        )


def bench_party(folder: Path, party: str, protocol: str, rows: int) -> None:
    """One party of a benchmark; started by `bench`."""
    print(json.dumps(benchmarks.play(folder, party, protocol, rows)))


def _whole(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(f"expected a number of rows, got {text!r}") from None
    if not number.is_integer():
        raise typer.BadParameter(f"expected a whole number of rows, got {text!r}")
    return int(number)
