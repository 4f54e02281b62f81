"""Sums of many parties: engine shamir beside a plain MPyC array program, on one machine in one run.

pytest bench/bench_shamir.py -m '' --benchmark-enable --benchmark-only -s
Both run as so many processes; ours over mutually authenticated TLS, MPyC over plain sockets, to one recipient each. The
plain program gets MPCSTATS_BENCH_PLAIN_ROWS rows (1e5 without it: at 1e6 it takes minutes and gigabytes), ours
MPCSTATS_BENCH_ROWS (1e6) and as many as the plain one too. Seconds are recorded, never held to a bound.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mpcstats.party.sandbox.bench import bench, work

PLAIN = Path(__file__).with_name("plain_mpyc.py")
ROWS = int(float(os.environ.get("MPCSTATS_BENCH_ROWS", "1e6")))
PLAIN_ROWS = int(float(os.environ.get("MPCSTATS_BENCH_PLAIN_ROWS", "1e5")))
AIM = 3.0  # seconds for ten parties and 10^6 rows, on a quiet machine of two cores
TIMES = 20  # how often faster than the plain program
PATIENCE = 3600


def plain(parties: int, rows: int) -> float:
    """Wall seconds of the plain program."""
    ran = subprocess.run(
        [sys.executable, str(PLAIN), f"-M{parties}", "--no-log", str(rows)],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return float(ran.stdout.split()[-1])


def ours(parties: int, rows: int) -> float:
    """Wall seconds of the slowest party of engine shamir."""
    found = bench(work("sum", rows, engine="shamir", parties=parties))
    return float(max(spent["wall_s"] for spent in found["parties"].values()))


@pytest.mark.parametrize("parties", [3, 5, 7, 10])
def test_sum(benchmark: BenchmarkFixture, parties: int) -> None:
    seconds = benchmark.pedantic(ours, args=(parties, ROWS), rounds=1)
    alike, theirs = ours(parties, PLAIN_ROWS), plain(parties, PLAIN_ROWS)
    found = {
        "parties": parties,
        "rows": ROWS,
        "seconds": seconds,
        "plain_rows": PLAIN_ROWS,
        "plain_seconds": theirs,
        "ratio_at_plain_rows": theirs / alike,
        "ratio_by_row": theirs / PLAIN_ROWS / (seconds / ROWS),
    }
    benchmark.extra_info.update(found)
    print(
        f"\n{parties} parties: {ROWS:,} rows in {seconds:.2f} s (aim {AIM:g} s for ten and 10^6); plain MPyC "
        f"{PLAIN_ROWS:,} rows in {theirs:.2f} s, {found['ratio_at_plain_rows']:.0f} times ours on as many, "
        f"{found['ratio_by_row']:.0f} times by the row (aim {TIMES})"
    )
