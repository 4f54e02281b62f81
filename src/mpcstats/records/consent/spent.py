"""What has been used up: tokens once, grants as often as they may, in SQLite, atomically and for good.

A consent is spent when its run *starts*, whatever the run's end. Reserving first and committing at the end would
leave the end to whom it pays to crash: a recipient that has seen the opened value and then goes silent would get
the token back and could ask again. So a run that fails costs the person a new token; that is the safe side. The
run's label is kept with it, and a second start under the same label is a replay too.

The file is written before the journal: `uses` holds also what a crash has kept out of the journal, to be written
there afterwards.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from mpcstats.errors import UsageError
from mpcstats.records.consent.acts import Use
from mpcstats.records.consent.grants import Due
from mpcstats.records.consent.holdings import used_up
from mpcstats.records.consent.terms import Refusal

WAIT = 30.0  # seconds that one process waits for another
APPLICATION = 0x6D706331  # "mpc1" in the file's head: a file of this form

# number: the first use of a consent is 1, and so on; the primary key refuses a second one of a number.
_SCHEMA = (
    (
        "CREATE TABLE spent (consent TEXT NOT NULL, number INTEGER NOT NULL, run TEXT NOT NULL, "
        "PRIMARY KEY (consent, number), UNIQUE (consent, run)) WITHOUT ROWID"
    ),
    "CREATE TABLE use (id INTEGER PRIMARY KEY, run TEXT NOT NULL, body TEXT NOT NULL)",
    *(
        f"CREATE TRIGGER {table}_{change} BEFORE {change} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'what is spent stays spent'); END"
        for table in ("spent", "use")
        for change in ("update", "delete")
    ),
    f"PRAGMA application_id = {APPLICATION}",
)


class Spent:
    """The open file. Processes may each open it; `with` closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file at `path`, made with mode 0600 if there is none. Raises UsageError if it is another file."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        except (OSError, sqlite3.Error):
            raise UsageError(f"{path}: expected a file to write what is spent, got none") from None
        made = cls(path, connection)
        try:
            with made._transaction():
                made._claim()
        except BaseException:
            connection.close()
            raise
        return made

    def spend(self, dues: Sequence[Due], uses: Sequence[Use], run: str) -> tuple[Refusal, ...]:
        """Spend all of `dues` for `run`, or nothing and every reason why not; on disk when this returns ().

        `uses` are what the journal is to hold of it.
        """
        with self._transaction() as connection:
            found = tuple(self._refused(connection, dues, run))
            if not found:
                for due in dues:
                    connection.execute(
                        "INSERT INTO spent SELECT ?, 1 + COALESCE(MAX(number), 0), ? FROM spent "
                        "WHERE consent = ?",
                        (due.consent, run, due.consent),
                    )
                rows = ((run, use.model_dump_json()) for use in uses)
                connection.executemany("INSERT INTO use (run, body) VALUES (?, ?)", rows)
        return found

    def times(self, consent: str) -> int:
        """How often the consent has been used."""
        with self._transaction() as connection:
            return _times(connection, consent)

    def uses(self) -> tuple[Use, ...]:
        """Every use, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT body FROM use ORDER BY id").fetchall()
        return tuple(Use.model_validate_json(body) for (body,) in rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _refused(
        self, connection: sqlite3.Connection, dues: Sequence[Due], run: str
    ) -> Iterator[Refusal]:
        if len({due.consent for due in dues}) != len(dues):
            raise UsageError(f"{run}: expected every consent once, got one twice")
        for due in dues:
            if due.most is not None and _times(connection, due.consent) >= due.most:
                yield used_up(due.consent, due.most, once=due.once)
            elif connection.execute(
                "SELECT 1 FROM spent WHERE consent = ? AND run = ?", (due.consent, run)
            ).fetchone():
                yield Refusal(
                    "replayed", due.consent, "expected a new run, got one that has used it"
                )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            # IMMEDIATE: who looks whether it is spent also holds the right to spend it.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
        except sqlite3.Error as error:
            raise UsageError(
                f"{self.path}: expected a file of what is spent, got: {error}"
            ) from None

    def _claim(self) -> None:
        connection = self._connection
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in _SCHEMA:
                connection.execute(statement)
        if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            raise UsageError(f"{self.path}: expected a file of what is spent, got another database")


def _times(connection: sqlite3.Connection, consent: str) -> int:
    (times,) = connection.execute(
        "SELECT COUNT(*) FROM spent WHERE consent = ?", (consent,)
    ).fetchone()
    return int(times)
