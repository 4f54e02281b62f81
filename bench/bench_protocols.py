"""Every task of `mpcstats bench` under pytest-benchmark, on loopback. Seconds are recorded, never held to a bound.

pytest bench -m '' --benchmark-enable --benchmark-only; `make bench` writes the report that people read.
Wall seconds of the benchmark itself include starting the processes; what counts is in extra_info: rounds, and for
each party wall_s, cpu_s, bytes_sent and peak_rss_bytes (`mpcstats bench`).
"""

from __future__ import annotations

import os

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mpcstats.party.sandbox.bench import bench, work
from mpcstats.party.sandbox.tasks import TASKS

ROWS = int(float(os.environ.get("MPCSTATS_BENCH_ROWS", "1e6")))
REPEATS = int(os.environ.get("MPCSTATS_BENCH_REPEATS", "3"))


@pytest.mark.parametrize("task", list(TASKS))
def test_task(benchmark: BenchmarkFixture, task: str) -> None:
    found = benchmark.pedantic(bench, args=(work(task, ROWS),), rounds=REPEATS)
    benchmark.extra_info.update(found)
    parties = found["parties"].values()
    cpu = sum(p["cpu_s"] for p in parties)
    sent = sum(p["bytes_sent"] for p in parties)
    wall = max(p["wall_s"] for p in parties)
    peak = max(p["peak_rss_bytes"] for p in parties)
    print(
        f"\n{task}: {ROWS:,} rows, {found['rounds']} rounds, {sent / ROWS:.2f} bytes a row over all parties, "
        f"{wall:.3f} s, {cpu:.3f} CPU s over all parties, peak {peak / 1e6:.0f} MB"
    )
