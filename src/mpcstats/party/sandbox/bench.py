"""Benchmarks: local processes over TLS, three or two, run one task (party.sandbox.tasks), and say what it took.

The network between them is the machine's own, or one of transport.shaping that is not there. Tasks run on data
that are nobody's: no permit is needed, and none is made.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.files.keys import make_keys
from mpcstats.party.sandbox.local import LOOPBACK as HOST
from mpcstats.party.sandbox.local import environment, free_ports
from mpcstats.party.sandbox.machine import peak_memory
from mpcstats.party.sandbox.tasks import PARTIES, TASKS, Task, pairing
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
PROGRESS = "progress"  # the first word of a line in which a party says how much of its work is done

Heard = Callable[[float], None]
"""Hears which part of the work, 0 to 1, the slowest party has done."""


@dataclass(slots=True)
class _Clock:
    """Wall and CPU seconds from `start` to `stop`; CPU seconds are those of all threads."""

    wall: float = 0.0
    cpu: float = 0.0

    def start(self) -> None:
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def stop(self) -> None:
        self.wall, self.cpu = time.monotonic() - self.wall, time.process_time() - self.cpu


def parties_of(task: str) -> tuple[str, ...]:
    """Who runs the task."""
    return pairing.PARTIES if task in pairing.TASKS else PARTIES


def bench(
    task: str, rows: int, *, network: str = LOOPBACK.name, heard: Heard = lambda _: None
) -> dict[str, Any]:
    """Run `task` on `rows` rows in processes of their own: task, rows, network, rounds, and figures by party.

    wall_s runs from when every party has its inputs, after the handshake, to the answer, without its check.
    Raises as `check` does, and InternalError if a party fails or an answer is wrong.
    """
    check(task, rows, network)
    parties = parties_of(task)
    with tempfile.TemporaryDirectory(prefix="mpcstats-bench-") as temporary:
        folder = Path(temporary)
        _write_places(folder, parties)
        processes = {party: _start(folder, party, task, rows, network) for party in parties}
        try:
            said = _said(processes, heard)
        finally:
            for process in processes.values():
                process.kill()
                with process:  # waits, and closes its pipes
                    pass
        figures = {party: _figures(party, *said[party]) for party in parties}
    rounds = max(figure.pop("rounds") for figure in figures.values())
    return {"task": task, "rows": rows, "network": network, "rounds": rounds, "parties": figures}


def _said(
    processes: Mapping[str, subprocess.Popen[bytes]], heard: Heard
) -> dict[str, tuple[bytes, bytes]]:
    """What each process has written to its two outputs, without the lines of progress, which `heard` hears."""
    errors: dict[str, list[bytes]] = {party: [] for party in processes}
    done = dict.fromkeys(processes, 0.0)

    def listen(party: str, process: subprocess.Popen[bytes]) -> None:
        for line in process.stderr or ():
            match line.split():
                case [word, part] if word == PROGRESS.encode():
                    done[party] = float(part)
                    heard(min(done.values()))
                case _:
                    errors[party].append(line)

    threads = [
        threading.Thread(target=listen, args=each, daemon=True) for each in processes.items()
    ]
    for thread in threads:
        thread.start()
    out = {party: p.stdout.read() if p.stdout else b"" for party, p in processes.items()}
    for thread in threads:
        thread.join()
    return {party: (out[party], b"".join(errors[party])) for party in processes}


def check(task: str, rows: int, network: str) -> None:
    """Raises UsageError for an unknown task or network, or a number of rows that is out of bounds."""
    known = (*TASKS, *pairing.TASKS)
    if task not in known:
        raise UsageError(f"expected a task, got {task!r}: all, {', '.join(known)}")
    if network not in PROFILES:
        raise UsageError(f"expected a network of {', '.join(PROFILES)}, got {network!r}")
    if not 1 <= rows <= MOST_ROWS:
        raise UsageError(f"expected 1 to {MOST_ROWS} rows, got {rows}")


def play(
    folder: Path, party: str, name: str, rows: int, network: str, heard: Heard
) -> dict[str, Any]:
    """One party's part of the task `name`; `folder` holds every party's certificate and address.

    `heard` hears which part of this party's work is done, where a task says so.
    """
    places = json.loads((folder / PLACES).read_text(encoding="utf-8"))
    identity = Identity(party, folder / f"{party}.crt", folder / f"{party}.key")
    peers = {
        other: Peer(other, HOST, place["port"], place["fingerprint"], folder / f"{other}.crt")
        for other, place in places.items()
        if other != party
    }
    clock = _Clock()

    parties = parties_of(name)

    async def body(session: Session) -> None:
        step = session.narrow(TIMED)
        if name in pairing.TASKS:
            pair = pairing.PairTask(
                session, rows, clock.start, clock.stop, lambda done, of: heard(done / of)
            )
            await pairing.TASKS[name](pair, step)
            return
        task = Task(session, Rep3(PARTIES), rows, clock.start, clock.stop)
        answer, expected = await TASKS[name](task, step)
        await task.check(answer, expected)

    with Listener(identity, HOST, places[party]["port"], peers, silence=SILENCE) as listener:
        others = list(peers.values())
        label = places[party]["label"]
        with Mesh.connect(
            identity, listener, label, others, silence=SILENCE, profile=PROFILES[network]
        ) as mesh:
            terms = {"task": name, "rows": str(rows), "network": network}
            seeds = agree(mesh, party, parties, terms)
            traffic = mesh.run(Program(party, body(Session(party, parties, seeds))))
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


def _write_places(folder: Path, parties: Sequence[str]) -> None:
    label = "0" * 32  # one run for each folder
    places = {}
    for party, port in zip(parties, free_ports(len(parties)), strict=True):
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
