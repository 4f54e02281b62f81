"""The ledger under pytest-benchmark: one append, and the check of a whole ledger. Seconds are never held to a bound.

pytest bench/bench_ledger.py -m '' --benchmark-enable --benchmark-only; MPCSTATS_BENCH_ENTRIES (1e5) is its size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pytest_benchmark.fixture import BenchmarkFixture

from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Ledger, verify

ENTRIES = int(float(os.environ.get("MPCSTATS_BENCH_ENTRIES", "1e5")))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BODY: dict[str, JSON] = {
    "run": "a" * 64,
    "plan": "b" * 64,
    "step": "run/gate/open#0",
    "leak": "gated-cell",
    "to": ["bureau"],
    "shape": [3, 12],
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger of ENTRIES entries, written in one transaction."""
    path: Path = tmp_path_factory.mktemp("bench") / "ledger.sqlite"
    with Ledger.open(path, party="bureau", signing_key=KEY) as made:
        with made.writing():
            for _ in range(ENTRIES):
                made.append("opening", BODY)
        yield made


def test_verify(benchmark: BenchmarkFixture, ledger: Ledger) -> None:
    report = benchmark.pedantic(verify, args=(ledger.path, ledger.public_key), rounds=3)
    assert (report.entries, report.fault) == (ENTRIES, None)


def test_append(benchmark: BenchmarkFixture, ledger: Ledger) -> None:
    """To the end of a ledger of that size, with its fsyncs."""
    benchmark.pedantic(ledger.append, args=("opening", BODY), rounds=200)


def test_proofs(benchmark: BenchmarkFixture, ledger: Ledger) -> None:
    """An inclusion proof, as a receipt has some for each party."""
    benchmark(ledger.inclusion, ENTRIES // 3, ENTRIES)
