"""Consortia made by hand for the system tests: files, `serve` processes that are ended by their own pid, a sweep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from mpcstats.party.files.config import Address
from mpcstats.party.files.keys import make_keys
from mpcstats.party.node import Node
from mpcstats.party.sandbox.local import LOOPBACK, environment, free_ports
from mpcstats.party.sandbox.synthetic import TABLES, write_tables
from mpcstats.records.ledger import Entry, entries

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
PERSONS = 6000
UP = 30.0  # seconds for a process to start or end, on a busy machine
MPCSTATS = (sys.executable, "-m", "mpcstats.cli")


def cli(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """`mpcstats` with these arguments, in a process of its own, until it ends."""
    return subprocess.run(
        [*MPCSTATS, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        text=True,
        timeout=timeout,
        check=False,
    )


def until(condition: Callable[[], bool], *, seconds: float = UP) -> None:
    """Wait for `condition`; fails if it has not come after `seconds`."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def processes_of(folder: Path) -> list[int]:
    """The processes whose command line names something in `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            named = str(folder).encode() in path.read_bytes()
        except OSError:  # it has just ended
            continue
        if named and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found


class Town:
    """The settlement demo's three parties in `folder`, set up by hand: files, and the processes that were asked for.

    A party may have a consortium file or a party file of its own, which differs from the others'.
    """

    def __init__(self, folder: Path, data: Path, *, silence: float) -> None:
        self.folder = folder
        self.data = data
        self.consortium = folder / "consortium.toml"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()
        ports = free_ports(len(PARTIES))
        self._made = {party: make_keys(party, folder / "keys") for party in PARTIES}
        self.addresses = dict(zip(PARTIES, (Address(LOOPBACK, p) for p in ports), strict=True))
        members = [
            self._made[party].entry(self.addresses[party], f"keys/{party}.crt") for party in PARTIES
        ]
        for name in ("catalogue.toml", "policy.toml"):
            (folder / name).write_text((SETTLEMENT / name).read_text("utf-8"), "utf-8")
        self.consortium.write_text(
            'name = "by hand"\ncatalogue = "catalogue.toml"\npolicy = "policy.toml"\n'
            'compute = ["bureau", "hospital", "insurer"]\n'
            f"silence = {silence}\n\n" + "\n".join(members),
            "utf-8",
        )
        (folder / "parties").mkdir()
        (folder / "ledgers").mkdir()
        for party in PARTIES:
            self.write_party(party, {})

    def write_party(self, party: str, files: Mapping[str, Path]) -> None:
        """The file of `party`; `files` (dataset -> path) in place of the good ones."""
        own = {
            path.split(".")[0].replace("/", "."): self.data / path
            for path in TABLES
            if path.startswith(f"{party}/")
        }
        lines = [f'"{name}" = "{path}"' for name, path in {**own, **files}.items()]
        (self.folder / "parties" / f"{party}.toml").write_text(
            f'party = "{party}"\ntls_key = "../keys/{party}.key"\n'
            f'signing_key = "../keys/{party}.sign"\nledger = "../ledgers/{party}.sqlite"\n\n'
            "[data]\n" + "\n".join(lines) + "\n",
            "utf-8",
        )

    def variant(self, file: str, name: str, *changes: tuple[str, str]) -> Path:
        """A copy of `file` as `name`, each change (old text, new text) made; the old text must be there."""
        text = (self.folder / file).read_text("utf-8")
        for old, new in changes:
            assert old in text, f"{file} has no {old!r}"
            text = text.replace(old, new)
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def fingerprint(self, party: str) -> str:
        """Of the party's certificate."""
        return self._made[party].fingerprint

    def serve(
        self, party: str, *, consortium: Path | None = None, command: Sequence[str] = MPCSTATS
    ) -> int:
        """Start the node of `party`; its pid. `wait` says when it listens."""
        log: IO[bytes] = self._stack.enter_context(self._log(party).open("ab"))
        where = self.consortium if consortium is None else consortium
        process = subprocess.Popen(
            [*command, "serve", "--consortium", str(where), "--party", party],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
        )
        self.processes[party] = process
        return process.pid

    def wait(self, *parties: str) -> None:
        """Until the nodes of `parties` listen."""
        for party in parties:
            self.wait_log(party, "listens at")

    def node(self, consortium: Path | None = None) -> Node:
        """The bureau's node in this process; close it, or use `with`."""
        return Node.open(self.consortium if consortium is None else consortium, "bureau")

    def log(self, party: str) -> str:
        """What the node of `party` has said."""
        return self._log(party).read_text("utf-8") if self._log(party).exists() else ""

    def wait_log(self, party: str, text: str) -> None:
        """Until the node of `party` has said `text`."""
        end = time.monotonic() + UP
        while text not in self.log(party) and time.monotonic() < end:
            assert self.processes[party].poll() is None, self.log(party)
            time.sleep(0.02)
        assert text in self.log(party)

    def ledger(self, party: str) -> list[str]:
        """The kinds of entries of the party's ledger, in order."""
        return [entry.kind for entry in self.entries(party)]

    def entries(self, party: str) -> tuple[Entry, ...]:
        """The party's ledger."""
        path = self.folder / "ledgers" / f"{party}.sqlite"
        return entries(path) if path.exists() else ()

    def close(self) -> None:
        """End what has been started, each by its own pid."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(UP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._stack.close()
        until(lambda: processes_of(self.folder) == [])

    def _log(self, party: str) -> Path:
        return self.folder / f"{party}.log"


@pytest.fixture(scope="session")
def town_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settlement demo's tables for a small town; only read."""
    where = tmp_path_factory.mktemp("town-data")
    write_tables(where, persons=PERSONS, seed=1)
    return where


@pytest.fixture
def make_town(tmp_path: Path, town_data: Path) -> Iterator[Callable[[float], Town]]:
    """Makes the one town of a test, given its silence; all its processes end with the test."""
    with ExitStack() as stack:

        def make(silence: float) -> Town:
            town = Town(tmp_path, town_data, silence=silence)
            stack.callback(town.close)
            return town

        yield make


@pytest.fixture
def town(make_town: Callable[[float], Town]) -> Town:
    """A town whose silence no test waits for."""
    return make_town(20)


@pytest.fixture
def mpcstats() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a process of its own."""
    return cli


@pytest.fixture
def no_process_of() -> Callable[[Path], None]:
    """Fails if a process of that folder does not end by itself."""
    return lambda folder: until(lambda: processes_of(folder) == [])


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[Path]:
    """A path for `--keep`; after the test no process of that run may be left."""
    folder = tmp_path / "kept"
    yield folder
    until(lambda: processes_of(folder) == [])
