"""A regression of real processes over TLS: it ends well, and without one of them every other one names a lost peer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mpcstats.party.files.keys import make_keys
from mpcstats.party.sandbox.local import free_ports

PARTY = Path(__file__).with_name("regression_party.py")
SOURCE = Path(__file__).parents[2] / "src"
SILENCE = 20.0
MANY = 10_000  # runs that nobody waits for


@contextmanager
def started(folder: Path, runs: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    names = ("a", "b", "c")
    places = {
        name: (port, make_keys(name, folder).fingerprint)
        for name, port in zip(names, free_ports(len(names)), strict=True)
    }
    (folder / "places.json").write_text(json.dumps(places), encoding="utf-8")
    processes = {
        name: subprocess.Popen(
            [sys.executable, str(PARTY), str(folder), name, str(runs), str(SILENCE)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            text=True,
        )
        for name in names
    }
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def last(process: subprocess.Popen[str]) -> Any:
    """What it has printed last, as JSON."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def test_a_regression_of_processes_over_tls(tmp_path: Path) -> None:
    with started(tmp_path, 1) as processes:
        found = {name: last(process) for name, process in processes.items()}
    coefficients = found.pop("a")["coefficients"]
    assert coefficients == pytest.approx([5, 3], abs=2**-9)
    assert all(other == {"coefficients": None} for other in found.values())


def test_a_party_that_is_killed_is_a_fault_of_the_transport_at_every_other_one(
    tmp_path: Path,
) -> None:
    with started(tmp_path, MANY) as processes:
        out = processes["b"].stdout
        assert out is not None
        assert out.readline() == "fitted\n"  # in the middle of one of the next
        processes["b"].kill()
        found = {name: last(processes[name]) for name in ("a", "c")}
    assert all(said["fault"] == "TransportFault" for said in found.values())
    # Who hears of it second may hear of the first party's end first.
    assert "b" in {said["party"] for said in found.values()}
