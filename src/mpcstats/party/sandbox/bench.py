"""Benchmarks: local processes over TLS run one task (party.sandbox.tasks), and say what it took.

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
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpcstats.algebra import group
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.shamir import Shamir
from mpcstats.engines.shamir.group import MOST
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.files.keys import make_keys
from mpcstats.party.sandbox.local import LOOPBACK as HOST
from mpcstats.party.sandbox.local import environment, free_ports
from mpcstats.party.sandbox.machine import peak_memory
from mpcstats.party.sandbox.tasks import NAMES, ON_SHAMIR, PARTIES, TASKS, Task, pairing
from mpcstats.session import Program, Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.identity import Identity, Peer
from mpcstats.transport.listener import Listener
from mpcstats.transport.mesh import Mesh
from mpcstats.transport.shaping import LOOPBACK, PROFILES

MOST_ROWS = 1 << 28
SILENCE = 30.0
PLACES = "places.json"
REP3, SHAMIR, PAIR = "rep3", "shamir", "pair"
PARTIES_ON = {REP3: (3, 3), SHAMIR: (3, MOST), PAIR: (2, 2)}  # fewest and most
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


@dataclass(frozen=True, slots=True)
class Work:
    """What is run: a task on so many rows, over a network, on engine rep3, shamir or pair, by so many parties."""

    task: str
    rows: int
    network: str = LOOPBACK.name
    engine: str = REP3
    parties: int = len(PARTIES)

    @property
    def names(self) -> tuple[str, ...]:
        """The parties."""
        return tuple(NAMES[: self.parties])

    def check(self) -> None:
        """Raises UsageError for what is unknown, out of bounds, or not of one another."""
        known = (*TASKS, *pairing.TASKS)
        if self.task not in known:
            raise UsageError(f"expected a task, got {self.task!r}: all, {', '.join(known)}")
        if self.network not in PROFILES:
            raise UsageError(f"expected a network of {', '.join(PROFILES)}, got {self.network!r}")
        if not 1 <= self.rows <= MOST_ROWS:
            raise UsageError(f"expected 1 to {MOST_ROWS} rows, got {self.rows}")
        if self.engine not in (REP3, SHAMIR, PAIR):
            raise UsageError(f"expected engine {REP3}, {SHAMIR} or {PAIR}, got {self.engine!r}")
        if self.engine == PAIR and self.task not in pairing.TASKS:
            raise UsageError(f"expected {', '.join(pairing.TASKS)} on {PAIR}, got {self.task}")
        if self.engine != PAIR and self.task in pairing.TASKS:
            raise UsageError(f"expected engine {PAIR} for {self.task}, got {self.engine}")
        if self.engine == SHAMIR and self.task not in ON_SHAMIR:
            raise UsageError(f"expected one of {', '.join(ON_SHAMIR)} on shamir, got {self.task}")
        least, most = PARTIES_ON[self.engine]
        if not least <= self.parties <= most:
            count = f"{least}" if least == most else f"{least} to {most}"
            hint = f": --engine {SHAMIR} takes more" if self.engine == REP3 else ""
            raise UsageError(f"expected {count} parties on {self.engine}, got {self.parties}{hint}")


def work(
    task: str,
    rows: int,
    *,
    network: str = LOOPBACK.name,
    engine: str | None = None,
    parties: int | None = None,
) -> Work:
    """The work, on the engine that the task is for and by as few parties as it needs, if nothing else is said.

    Raises UsageError as its `check` does.
    """
    chosen = engine or (PAIR if task in pairing.TASKS else REP3)
    count = parties if parties is not None else PARTIES_ON.get(chosen, PARTIES_ON[REP3])[0]
    asked = Work(task, rows, network, chosen, count)
    asked.check()
    return asked


def bench(asked: Work, *, heard: Heard = lambda _: None) -> dict[str, Any]:
    """Run it in processes of their own: task, rows, network, engine, rounds, and figures by party.

    wall_s runs from when every party has its inputs, after the handshake, to the answer, without its check.
    Raises UsageError without the extra that the engine needs, InternalError if a party fails or an answer is wrong.
    """
    if asked.engine == PAIR:
        group.check_installed()
    parties = asked.names
    with tempfile.TemporaryDirectory(prefix="mpcstats-bench-") as temporary:
        folder = Path(temporary)
        _write_places(folder, parties)
        with ExitStack() as started:  # leaving it closes pipes and waits for the processes
            processes = {
                party: started.enter_context(_start(folder, party, asked)) for party in parties
            }
            try:
                said = _said(processes, heard)
            finally:
                for process in processes.values():
                    process.kill()
        figures = {party: _figures(party, *said[party]) for party in parties}
    rounds = max(figure.pop("rounds") for figure in figures.values())
    return {
        "task": asked.task,
        "rows": asked.rows,
        "network": asked.network,
        "engine": asked.engine,
        "rounds": rounds,
        "parties": figures,
    }


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


def play(folder: Path, party: str, asked: Work, heard: Heard) -> dict[str, Any]:
    """One party's part of the work; `folder` holds every party's certificate and address.

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

    parties = asked.names

    async def body(session: Session) -> None:
        step = session.narrow(TIMED)
        if asked.engine == PAIR:
            pair = pairing.PairTask(
                session, asked.rows, clock.start, clock.stop, lambda done, of: heard(done / of)
            )
            await pairing.TASKS[asked.task](pair, step)
            return
        engine = Shamir(parties) if asked.engine == SHAMIR else Rep3(parties)
        task = Task(session, engine, asked.rows, clock.start, clock.stop)
        answer, expected = await TASKS[asked.task](task, step)
        await task.check(answer, expected)

    with Listener(identity, HOST, places[party]["port"], peers, silence=SILENCE) as listener:
        others = list(peers.values())
        label = places[party]["label"]
        with Mesh.connect(
            identity, listener, label, others, silence=SILENCE, profile=PROFILES[asked.network]
        ) as mesh:
            terms = {name: str(value) for name, value in asdict(asked).items()}
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


def _start(folder: Path, party: str, asked: Work) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "mpcstats.cli", "bench-party", str(folder), party),
            *(str(value) for value in asdict(asked).values()),
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
