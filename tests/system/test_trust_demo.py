"""The demo of three settings: its answers on every engine, its comparison, and a copy of its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.system.conftest import cli

from mpcstats.party.sandbox.local import environment

pytest.importorskip("rbcl", reason="needs the extra `pair`")

TRUST = Path(__file__).parents[2] / "demos" / "trust"


def test_the_demo_asks_on_every_engine_and_compares_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TRUST / "demo.py")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("45  946,200") == 2
    assert "on shamir, among bureau, insurer, north, south, west" in done.stdout
    assert "tolerates any 2 of 5 compute parties" in done.stdout
    assert done.stdout.strip().endswith("DuckDB's over all tables together")


def test_a_copy_offers_all_engines_and_research_leaves_shamir(tmp_path: Path) -> None:
    town = tmp_path / "town"
    copied = cli("demo", "copy", town, "--engines")
    assert copied.returncode == 0, copied.stderr
    assert f"mpcstats explain --local {town}" in copied.stdout.replace("\n", " ")
    asked = ("explain", "--local", town, "--question", town / "sums.sql")
    assert "rep3: chosen" in cli(*asked).stdout
    assert "shamir: chosen" in cli(*asked, "--scenario", "research").stdout
    again = cli("demo", "copy", town, "--engines")
    assert again.returncode == 2
    assert "expected a new or an empty folder" in again.stderr
