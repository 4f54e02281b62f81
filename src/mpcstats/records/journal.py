"""A journal: signed statements in order, one JSON object a line, each of which says after which one it comes.

The rights register, consents, registrations and projects are journals; what they mean is folded from the
statements. `after` in a statement's body is the journal's head when it was signed: a statement that is moved,
left out or put in twice no longer fits. The head is SHA-256 over DOMAIN, the head before and the statement's
digest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from mpcstats.errors import UsageError
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import counted, said

M = TypeVar("M", bound=BaseModel)
DOMAIN = b"mpcstats journal 1"
EMPTY = "0" * 64  # the head of a journal without statements
LINE_LIMIT = 256 * 1024  # bytes

# Takes the statements one after the other, and raises UsageError for one that cannot come next: the fold that
# a journal is read for, such as a register's `add`.
Add = Callable[[Statement], None]


@dataclass(frozen=True, slots=True)
class Journal:
    """Statements whose signatures are checked and whose order fits. Immutable: `with_` gives a longer one."""

    statements: tuple[Statement, ...] = ()
    head: str = EMPTY

    @classmethod
    def of(
        cls, statements: Iterable[Statement], principals: Principals, add: Add | None = None
    ) -> Self:
        """The journal of these statements. Raises UsageError with the number of the first that does not fit."""
        fitting: list[Statement] = []
        head = EMPTY
        for number, statement in enumerate(statements, 1):
            try:
                head = _next(head, statement, principals)
                if add is not None:
                    add(statement)
            except UsageError as error:
                raise UsageError(f"statement {number}: {error}") from None
            fitting.append(statement)
        return cls(tuple(fitting), head)

    @classmethod
    def load(cls, path: Path, principals: Principals, add: Add | None = None) -> Self:
        """The journal in the file at `path`; empty if there is none. Raises UsageError with file and line."""
        try:
            return cls.of(_read(path), principals, add)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    def with_(self, statement: Statement, principals: Principals) -> Self:
        """The journal with one more. Raises UsageError if it has no good signature, or comes after another one."""
        head = _next(self.head, statement, principals)
        return type(self)((*self.statements, statement), head)


def _next(head: str, statement: Statement, principals: Principals) -> str:
    """The head after `statement`, if it fits a journal with head `head`."""
    if not statement.signers(principals):
        raise UsageError(f"{statement.kind}: expected a signature, got none")
    after = statement.body.get("after")
    if after != head:
        raise UsageError(
            f"{statement.kind}: expected a statement after {head[:16]}, got one after "
            f"{str(after)[:16]}: it was moved, is old, or one before it is missing; sign it again"
        )
    return following(head, statement)


def following(head: str, statement: Statement) -> str:
    """The head of a journal with head `head` and one statement more."""
    parts = (DOMAIN, bytes.fromhex(head), bytes.fromhex(statement.digest))
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()


def append(
    path: Path, statement: Statement, principals: Principals, add: Add | None = None
) -> Journal:
    """Add `statement` to the file at `path`, made if there is none; it is on disk when this returns.

    `add` is given the file's statements and then this one. Raises UsageError as `Journal.load` does; then the
    file is as it was.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise UsageError(f"{path}: expected a journal to write, got: {error.strerror}") from None
    with os.fdopen(descriptor, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two who append at once: the second sees the first's
        journal = Journal.load(path, principals, add).with_(statement, principals)
        if add is not None:
            add(statement)
        file.write(line_of(statement).encode())
        file.flush()
        os.fsync(file.fileno())
    return journal


def line_of(statement: Statement) -> str:
    """The statement as a line of a journal's file."""
    return json.dumps(statement.to_json(), ensure_ascii=False, sort_keys=True) + "\n"


def body_as(statement: Statement, model: type[M]) -> M:
    """The statement's body as `model`. Raises UsageError with the place of every fault in it."""
    try:
        return model.model_validate(statement.body)
    except ValidationError as error:
        faults = [
            f"{counted(dict(statement.body), e['loc'])}: {said(e['msg'])}" for e in error.errors()
        ]
        raise UsageError(f"{statement.kind}: " + "; ".join(faults)) from None


def _read(path: Path) -> list[Statement]:
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UsageError(f"expected a journal to read, got: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LIMIT:
            raise UsageError(f"line {number}: expected at most {LINE_LIMIT} bytes, got {len(line)}")
        try:
            value: Any = json.loads(line)
            found.append(Statement.from_json(value))
        except (ValueError, RecursionError):
            raise UsageError(f"line {number}: expected one JSON object, got other text") from None
        except UsageError as error:
            raise UsageError(f"line {number}: {error}") from None
    return found
