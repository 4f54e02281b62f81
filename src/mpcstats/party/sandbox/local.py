"""A consortium on one machine: fresh keys, free loopback ports, and every other party as a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.scan import stored
from mpcstats.party.data.source import GivenFrame, Source
from mpcstats.party.files.config import Address, Consortium
from mpcstats.party.files.enginefiles import engine_lines
from mpcstats.party.files.keys import Made, make_keys
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.files.sourcetable import written
from mpcstats.party.node import Node
from mpcstats.records.tomlfile import toml_text

LOOPBACK = "127.0.0.1"
ENDING = 10.0  # seconds for a process to end by itself
TICK = 0.02
LISTENS = "listens at"  # party.serve says so in its log


class Local:
    """Runs `config`: a node of the initiator in this process, one process for each other party.

    A context manager. All that the run writes (keys, ledgers, logs) is in `folder`, which goes with it unless
    `keep` names one. `made` are parties' keys that were made before, such as those that have signed registers.
    """

    def __init__(
        self,
        config: LocalFile,
        *,
        keep: Path | None = None,
        silence: float | None = None,
        made: Mapping[str, Made] | None = None,
    ) -> None:
        self.config = config
        self._made = {} if made is None else made
        self._keep = keep is not None
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                raise UsageError(
                    f"{keep}: expected an empty folder, got one with files: name another"
                )
        self.folder = Path(tempfile.mkdtemp(prefix="mpcstats-")) if keep is None else keep.resolve()
        self._silence = config.silence if silence is None else silence
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, IO[bytes]] = {}
        self._node: Node | None = None

    def __enter__(self) -> Self:
        try:
            self.consortium = _write_files(self.config, self.folder, self._silence, self._made)
            others = [party for party in self.config.parties if party != self.config.initiator]
            for party in others:
                self._start(party)
            self._node = Node.open(self.consortium, self.config.initiator)
            for party in others:
                self._await_listening(party)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def node(self) -> Node:
        """The initiator's node; only inside the context."""
        if self._node is None:
            raise InternalError("expected the node inside the context, got it outside")
        return self._node

    @property
    def pids(self) -> dict[str, int]:
        """The process of each other party."""
        return {party: process.pid for party, process in self._processes.items()}

    def log(self, party: str) -> str:
        """What the node of `party` has said."""
        path = self.folder / f"{party}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End every process that this object has started, by its own pid; remove the folder unless it is kept."""
        if self._node is not None:
            self._node.close()
            self._node = None
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for log in self._logs.values():
            log.close()
        self._processes.clear()
        self._logs.clear()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, party: str) -> None:
        log = (self.folder / f"{party}.log").open("ab")
        self._logs[party] = log
        # The child ends when its standard input does, so it does not outlive this process.
        self._processes[party] = subprocess.Popen(
            [
                *(sys.executable, "-m", "mpcstats.cli", "serve", "--until-input-ends"),
                *("--consortium", str(self.consortium), "--party", party),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment(),
        )

    def _await_listening(self, party: str) -> None:
        """Raises UsageError with the last line of its log if the party's process ends before it listens."""
        end = time.monotonic() + self._silence
        while LISTENS not in self.log(party) and time.monotonic() < end:
            if self._processes[party].poll() is not None:
                said = self.log(party).strip().splitlines()
                raise UsageError(
                    f"the process of {party} has ended: {said[-1] if said else 'it said nothing'}"
                )
            time.sleep(TICK)


def environment() -> dict[str, str]:
    """The child imports the same mpcstats as this process does."""
    source = str(Path(__file__).parents[3])
    paths = [source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _write_files(
    config: LocalFile, folder: Path, silence: float, given: Mapping[str, Made]
) -> Path:
    """The consortium file, and every party's own; the path of the first."""
    ports = free_ports(len(config.parties))
    entries = []
    for party, port in zip(config.parties, ports, strict=True):
        made = given[party] if party in given else make_keys(party, folder / "keys")
        certificate = os.path.relpath(made.certificate, folder)
        entries.append(made.entry(Address(LOOPBACK, port), certificate))
        _write_party(config, folder, made)
    head = [
        f"name = {toml_text(config.name)}",
        f"catalogue = {toml_text(str(config.catalogue.resolve()))}",
        f"policy = {toml_text(str(config.policy.resolve()))}",
        f"silence = {silence:.3f}",
        *engine_lines(config.compute, config.engines),
        "",
    ]
    path = folder / "consortium.toml"
    path.write_text("\n".join([*head, *config.registers.lines(), *entries]), encoding="utf-8")
    Consortium.load(path)
    return path


def _write_party(config: LocalFile, folder: Path, made: Made) -> None:
    party, here = made.party, folder / "parties"
    consent = config.consent.get(party)
    lines = [
        f"party = {toml_text(party)}",
        f"tls_key = {toml_text(os.path.relpath(made.tls_key, here))}",
        f"signing_key = {toml_text(os.path.relpath(made.signing_key, here))}",
        f'ledger = "../ledgers/{party}.sqlite"',
        *([] if consent is None else [f"consent = {toml_text(str(consent.resolve()))}"]),
        "",
        "[data]",
        *(
            f"{toml_text(dataset)} = {written(_filed(dataset, source, folder))}"
            for dataset, source in config.data.get(party, {}).items()
        ),
        "",
    ]
    (folder / "ledgers").mkdir(exist_ok=True)
    here.mkdir(exist_ok=True)
    (here / f"{party}.toml").write_text("\n".join(lines), encoding="utf-8")


def _filed(dataset: str, source: Source, folder: Path) -> Source:
    """A frame as a file below `folder`: its owner's process reads files."""
    if not isinstance(source, GivenFrame):
        return source
    frames = folder / "frames"
    frames.mkdir(mode=0o700, exist_ok=True)
    return stored(dataset, source, frames / f"{dataset}.parquet")


def free_ports(count: int) -> Sequence[int]:
    """Ports of the loopback address that nobody listens at now."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket())
            probe.bind((LOOPBACK, 0))
            found.append(int(probe.getsockname()[1]))
        return found
