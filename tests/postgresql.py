"""A PostgreSQL server of the tests' own: on loopback, in a folder that goes with it, ended by its own pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mpcstats.party.sandbox.local import LOOPBACK, free_ports

PROGRAMS = Path("/usr/lib/postgresql")  # where Debian keeps the server's, by version
UP = 60.0  # seconds for a server to begin or end, on a busy machine
# A locale in which a < B < c, unlike bytes: what compares texts by it gives other rows than DuckDB.
LOCALE = ("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
SETTINGS = ("fsync=off", "log_statement=all", "lc_messages=C")
OWNER = "owner"  # the role that owns the tables


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; every statement that it was sent is in its log."""

    port: int
    folder: Path

    def url(self, database: str, role: str = OWNER) -> str:
        """The address of one of its databases."""
        return f"postgresql://{role}@{LOOPBACK}:{self.port}/{database}"

    def run(self, database: str, *statements: str) -> None:
        """Run statements as the role that owns the tables."""
        psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, database: str, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to a table."""
        psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
        with psycopg.connect(self.url(database)) as connection, connection.cursor() as cursor:
            places = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def copy(self, database: str, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add many rows to a table."""
        psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
        with (
            psycopg.connect(self.url(database)) as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


def program(name: str) -> Path | None:
    """Where one of PostgreSQL's programs is."""
    found = shutil.which(name)
    if found is not None:
        return Path(found).resolve()
    versions = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return versions[-1] if versions else None


@contextmanager
def served() -> Iterator[Server]:
    """A server while the context lasts. Skips, in words, where the extra or the server is not installed."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    pytest.importorskip("ibis", reason="needs the extra `postgres`")
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="mpcstats-postgres-"))
    (port,) = free_ports(1)
    user = _user()
    if user:
        shutil.chown(folder, user["user"], user["group"])
    try:
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", OWNER, "-A", "trust", *LOCALE, "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **user,
        )
        server = Server(port, folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(
                        postgres,
                        "-D",
                        folder / "data",
                        "-h",
                        LOOPBACK,
                        "-p",
                        str(port),
                        "-k",
                        folder,
                    ),
                    *(part for setting in SETTINGS for part in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                **user,
            )
            try:
                _await(server, process)
                yield server
            finally:
                process.send_signal(signal.SIGINT)  # it ends its sessions, then itself
                process.wait(UP)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> dict[str, Any]:
    """The user that the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("needs a user other than root to run PostgreSQL: postgres or nobody")


def _await(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + UP
    while "ready to accept connections" not in server.log():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the PostgreSQL server did not begin: {server.log()[-500:]}")
        time.sleep(0.05)
