"""Benchmarks: three local processes over TLS run one task (party.sandbox.tasks), and say what it took.

The network between them is the machine's own, or one of transport.shaping that is not there. Tasks run on data
that are nobody's: no permit is needed, and none is made.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.files.keys import make_keys
from mpcstats.party.sandbox.local import LOOPBACK as HOST
from mpcstats.party.sandbox.local import environment, free_ports
from mpcstats.party.sandbox.machine import peak_memory
from mpcstats.party.sandbox.tasks import PARTIES, TASKS, Task
from mpcstats.session import Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh
from mpcstats.transport.shaping import LOOPBACK, PROFILES

MOST_ROWS = 1 << 28
SILENCE = 30.0
PLACES = "places.json"
TIMED = "timed"


@dataclass(slots=True)
class _Clock:
    """Wall and CPU seconds from `start` to `stop`; CPU seconds are those of all threads."""

    wall: float = 0.0
    cpu: float = 0.0

    def start(self) -> None:
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def stop(self) -> None:
        self.wall, self.cpu = time.monotonic() - self.wall, time.process_time() - self.cpu


def bench(task: str, rows: int, *, network: str = LOOPBACK.name) -> dict[str, Any]:
    """Run `task` on `rows` rows in three processes: task, rows, network, rounds, and figures by party.

    wall_s runs from when every party has its inputs, after the handshake, to the answer, without its check.
    Raises as `check` does, and InternalError if a party fails or an answer is wrong.
    """
    check(task, rows, network)
    with tempfile.TemporaryDirectory(prefix="mpcstats-bench-") as temporary:
        folder = Path(temporary)
        _write_places(folder)
        processes = {party: _start(folder, party, task, rows, network) for party in PARTIES}
        try:
            said = {party: process.communicate() for party, process in processes.items()}
        finally:
            for process in processes.values():
                process.kill()
        figures = {party: _figures(party, *said[party]) for party in PARTIES}
    rounds = max(figure.pop("rounds") for figure in figures.values())
    return {"task": task, "rows": rows, "network": network, "rounds": rounds, "parties": figures}


def check(task: str, rows: int, network: str) -> None:
    """Raises UsageError for an unknown task or network, or a number of rows that is out of bounds."""
    if task not in TASKS:
        raise UsageError(f"expected a task, got {task!r}: all, {', '.join(TASKS)}")
    if network not in PROFILES:
        raise UsageError(f"expected a network of {', '.join(PROFILES)}, got {network!r}")
    if not 1 <= rows <= MOST_ROWS:
        raise UsageError(f"expected 1 to {MOST_ROWS} rows, got {rows}")


def play(folder: Path, party: str, name: str, rows: int, network: str) -> dict[str, Any]:
    """One party's part of the task `name`; `folder` holds every party's certificate and address."""
    places = json.loads((folder / PLACES).read_text(encoding="utf-8"))
    identity = Identity(party, folder / f"{party}.crt", folder / f"{party}.key")
    peers = {
        other: Peer(other, HOST, place["port"], place["fingerprint"], folder / f"{other}.crt")
        for other, place in places.items()
        if other != party
    }
    clock = _Clock()

    async def body(session: Session) -> None:
        task = Task(session, Rep3(PARTIES), rows, clock.start, clock.stop)
        answer, expected = await TASKS[name](task, session.narrow(TIMED))
        await task.check(answer, expected)

    with Listener(identity, HOST, places[party]["port"], peers, silence=SILENCE) as listener:
        others = list(peers.values())
        label = places[party]["label"]
        with Mesh.connect(
            identity, listener, label, others, silence=SILENCE, profile=PROFILES[network]
        ) as mesh:
            terms = {"task": name, "rows": str(rows), "network": network}
            seeds = agree(mesh, party, PARTIES, terms)
            traffic = mesh.run(Program(party, body(Session(party, PARTIES, seeds))))
    timed = {
        step: sent
        for (sender, step), sent in traffic.bytes_by_step.items()
        if sender == party and step.startswith(f"run/{TIMED}")
    }
    return {
        "rounds": traffic.span(f"run/{TIMED}"),
        "wall_s": round(clock.wall, 4),
        "cpu_s": round(clock.cpu, 4),
        "bytes_sent": sum(timed.values()),
        "peak_rss_bytes": peak_memory(),
    }


def _write_places(folder: Path) -> None:
    label = "0" * 32  # one run for each folder
    places = {}
    for party, port in zip(PARTIES, free_ports(len(PARTIES)), strict=True):
        made = make_keys(party, folder)
        places[party] = {"port": port, "fingerprint": made.fingerprint, "label": label}
    (folder / PLACES).write_text(json.dumps(places), encoding="utf-8")


def _start(folder: Path, party: str, task: str, rows: int, network: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "mpcstats.cli", "bench-party", str(folder), party),
            *(task, str(rows), network),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def _figures(party: str, out: bytes, err: bytes) -> dict[str, Any]:
    try:
        figures: Mapping[str, Any] = json.loads(out)
    except ValueError:
        said = err.decode(errors="replace").strip().splitlines()
        raise InternalError(
            f"{party} has failed: {said[-1] if said else 'it said nothing'}"
        ) from None
    return dict(figures)
