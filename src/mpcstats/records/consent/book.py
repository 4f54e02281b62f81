"""An owner's consent journal as an open book: read on from where it was left, written under a lock.

`journal.append` reads a whole journal for every statement. That suits registers of hundreds; a run that uses the
consents of many persons writes many statements into a journal of many. The book keeps the fold of what it has
read and the hash of those bytes: what others have added since is read on. A file that no longer begins with what
was read is refused, for a journal that was put back to an old copy would bring revoked consents back. Over the
end of a process only who has kept the `head`, as a ledger does, can see that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.consent.acts import RECORD_KIND
from mpcstats.records.consent.grants import Consents
from mpcstats.records.journal import LINE_LIMIT, Journal, line_of
from mpcstats.records.principals import Principals
from mpcstats.records.second import seconds_between
from mpcstats.records.signed import Statement

SKEW_SECONDS = 60
BLOCK = 1 << 20  # bytes that are hashed at a time


@dataclass(frozen=True, slots=True)
class Page:
    """The book while nobody else may write: the fold up to its last record, and `record` for the next."""

    consents: Consents
    book: Book
    file: BinaryIO

    def at(self, second: str) -> str:
        """`second`, or that of the last record if it is a little later: another process has looked at its clock after.

        A second that is earlier by more than SKEW_SECONDS stays, and no record can be made at it.
        """
        last = self.consents.second or second
        return last if 0 < seconds_between(second, last) <= SKEW_SECONDS else second

    def record(self, statement: Statement, *, second: str) -> str:
        """Write a statement down as the owner's next record; its digest. Raises UsageError if it does not hold."""
        self.book.write(self.file, statement, second)
        return statement.digest


class Book:
    """The journal of `owner` in the file at `path`. Threads may share it; processes may each have one."""

    def __init__(
        self,
        path: Path,
        owner: str,
        principals: Principals,
        signing_key: Ed25519PrivateKey,
        *,
        longest: int | None,
    ) -> None:
        self.path, self.owner = path, owner
        self._principals, self._key = principals, signing_key
        self._threads = threading.Lock()
        self._consents = Consents(owner, principals, longest=longest)
        self._tip = Journal()
        self._hash = hashlib.sha256()  # of the bytes that were read
        self._size = self._lines = 0

    @contextmanager
    def reading(self) -> Iterator[Consents]:
        """The fold of all records; nobody writes meanwhile. Raises UsageError with file and line if it is not whole."""
        with self._threads:
            if self._size or self.path.exists():
                with self._open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH)
                    self._catch_up(file)
            yield self._consents

    @contextmanager
    def writing(self) -> Iterator[Page]:
        """The page to write on; the file is made if there is none. What was recorded is on disk at the end."""
        with self._threads, self._open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            try:
                yield Page(self._consents, self, file)
            finally:
                self._flush(file)

    @property
    def head(self) -> str:
        """The journal's head as last read: who keeps it can see later whether records were cut off."""
        return self._tip.head

    def write(self, file: BinaryIO, statement: Statement, second: str) -> None:
        """For a page alone: sign the next record, hold it against the fold, and write it."""
        line: dict[str, JSON] = {
            "after": self._tip.head,
            "second": second,
            "statement": statement.to_json(),
        }
        record = Statement.of(RECORD_KIND, line).sign(self.owner, self._key)
        text = line_of(record).encode()
        self._take(record, text)
        file.write(text)

    def _open(self, mode: Literal["rb", "a+b"]) -> BinaryIO:
        try:
            return self.path.open(mode)
        except OSError as error:
            raise UsageError(f"{self.path}: expected a journal, got: {error.strerror}") from None

    def _flush(self, file: BinaryIO) -> None:
        try:
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{self.path}: expected to write the journal, got: {error.strerror}"
            ) from None

    def _catch_up(self, file: BinaryIO) -> None:
        file.seek(0)
        if not self._begins_as_read(file):
            raise UsageError(
                f"{self.path}: expected the journal to begin with the {self._lines} records that were "
                "read, got another: it was changed or cut off; find out by whom, then start again"
            )
        while line := file.readline(LINE_LIMIT + 2):
            try:
                self._take(_statement(line), line)
            except UsageError as error:
                raise UsageError(f"{self.path}: line {self._lines + 1}: {error}") from None

    def _begins_as_read(self, file: BinaryIO) -> bool:
        found, left = hashlib.sha256(), self._size
        while left and (block := file.read(min(BLOCK, left))):
            found.update(block)
            left -= len(block)
        return left == 0 and found.digest() == self._hash.digest()

    def _take(self, record: Statement, line: bytes) -> None:
        # The head alone: the fold keeps what is to be kept of the statements before it.
        tip = Journal(head=self._tip.with_(record, self._principals).head)
        self._consents.add(record)
        self._tip = tip
        self._hash.update(line)
        self._size += len(line)
        self._lines += 1


def _statement(line: bytes) -> Statement:
    if len(line) > LINE_LIMIT + 1 or not line.endswith(b"\n"):
        raise UsageError(f"expected a whole line of at most {LINE_LIMIT} bytes, got another")
    try:
        return Statement.from_json(json.loads(line))
    except (ValueError, RecursionError):
        raise UsageError("expected one JSON object, got other text") from None
