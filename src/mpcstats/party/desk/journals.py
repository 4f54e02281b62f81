"""An organisation's copy of a journal on disk, and a statement on its way into it: drafted, signed, appended."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals
from mpcstats.records.canonical import BODY_LIMIT
from mpcstats.records.journal import Add, Journal, append
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement

STATEMENT = {"kind", "body", "signatures"}
FILE_LIMIT = 4 * BODY_LIMIT  # bytes
AHEAD = timedelta(hours=14)  # the farthest time zone before UTC: its day has begun somewhere


@dataclass(frozen=True, slots=True)
class JournalFiles:
    """Where a journal is, and the files that say who may sign in it."""

    journal: Path
    consortium: Path
    principals: Path | None = None

    def who(self) -> Principals:
        """The consortium's parties and the principals of the file. Raises UsageError with file and place."""
        return load_principals(Consortium.load(self.consortium), self.principals)

    def load(self, principals: Principals, add: Add) -> Journal:
        """The journal, every statement given to `add`. Raises UsageError if there is none, with file and line."""
        if not self.journal.is_file():
            raise UsageError(f"{self.journal}: expected a journal, got no file")
        return Journal.load(self.journal, principals, add)


def journal_files(
    consortium: Path,
    register: Literal["rights", "registrations"],
    *,
    journal: Path | None = None,
    principals: Path | None = None,
) -> JournalFiles:
    """The files of one register: those that are given, else those that the consortium file names.

    Raises UsageError if neither names the journal.
    """
    named = Consortium.load(consortium).registers
    found: Path | None = getattr(named, register) if journal is None else journal
    if found is None:
        raise UsageError(
            f'{consortium}: expected {register} = "..." in [registers], or the journal named with '
            "--register, got neither"
        )
    return JournalFiles(found, consortium, principals)  # without, those of the consortium file


def enter(
    files: JournalFiles,
    statement: Path,
    signatures: Mapping[str, Path],
    fold: Callable[[Principals], Add],
    out: Path | None = None,
) -> Statement:
    """Sign the statement in a file and append it to the journal; with `out`, write it there for others to sign.

    A statement is drafted in TOML or JSON, with its `kind` beside what its body says but `after`, which is
    filled in; or it is what `out` was written as. `signatures` are names, each with the file of its key. Raises
    UsageError if its day has not come yet, or the register does not take it; the journal is as it was then.
    """
    principals = files.who()
    head = Journal.load(files.journal, principals, fold(principals)).head
    made = read_statement(statement, head)
    # A register's days never go back: one statement of a far day would let nothing more in.
    day, now = made.body.get("day"), today()
    if isinstance(day, str) and day > now:
        raise UsageError(
            f"{statement}: expected a day that has come, {now} at the latest, got {day[:40]}"
        )
    for name, key in signatures.items():
        made = made.sign(name, read_signing_key(key))
    if out is not None:
        write_new(out, json.dumps(made.to_json(), ensure_ascii=False, indent=2) + "\n")
        return made
    try:
        append(files.journal, made, principals, fold(principals))
    except UsageError as error:
        raise UsageError(f"{statement}: {error}") from None
    return made


def today() -> str:
    """The latest day that has begun anywhere."""
    return (datetime.now(UTC) + AHEAD).date().isoformat()


def read_statement(path: Path, head: str) -> Statement:
    """The statement in the file: a draft, to come after `head`, or one that others have signed already."""
    table = _table(path)
    try:
        if set(table) == STATEMENT:
            return Statement.from_json(table)
        kind = table.pop("kind", None)
        if not isinstance(kind, str):
            raise UsageError('expected the kind of statement, as kind = "right-first"')
        if "after" in table:
            raise UsageError("expected no after in a draft: the journal's head is filled in")
        return Statement.of(kind, {**table, "after": head})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_signed(path: Path) -> Statement:
    """The signed statement in a JSON file, such as a certificate. Raises UsageError with the file."""
    try:
        return Statement.from_json(_table(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def keys_of(given: Iterable[str]) -> dict[str, Path]:
    """Names and key files, each given as NAME=FILE. Raises UsageError for another form, or a name given twice."""
    found: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path) or name in found:
            raise UsageError(f"expected every signer once, as NAME=KEYFILE, got {name[:40]!r}")
        found[name] = Path(path)
    return found


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises UsageError if it is: nothing is replaced."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: expected no such file, got one: move it away first") from None
    except OSError as error:
        raise UsageError(f"{path}: expected a file to write, got: {error.strerror}") from None


def _table(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: expected a file to read, got: {error.strerror}") from None
    if len(data) > FILE_LIMIT:
        raise UsageError(f"{path}: expected at most {FILE_LIMIT} bytes, got {len(data)}")
    form = "JSON" if path.suffix == ".json" else "TOML"
    try:
        text = data.decode()
        table = json.loads(text) if form == "JSON" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # JSONDecodeError and TOMLDecodeError name line and column.
        raise UsageError(f"{path}: expected {form} in UTF-8, got: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: expected a table, got {type(table).__name__}")
    return table
