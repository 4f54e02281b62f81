"""Projects at the desk: draft a statement, append it to the journal, see what all projects are and did."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.desk.paper import read_paper
from mpcstats.party.files.config import Consortium
from mpcstats.party.history import History
from mpcstats.party.registers import load_principals
from mpcstats.records.canonical import JSON
from mpcstats.records.journal import Journal, append, body_as
from mpcstats.records.ledger import entries
from mpcstats.records.papers.project import MODELS, Line, Projects
from mpcstats.records.signed import Statement

KINDS = tuple(MODELS)


def draft(consortium: Path, kind: str, body: Path) -> Statement:
    """The unsigned statement of `kind` with the body in the TOML file, to come next in the consortium's journal.

    Raises UsageError with file and place.
    """
    if kind not in MODELS:
        raise UsageError(f"expected a kind of {', '.join(KINDS)}, got {kind[:40]!r}")
    agreed = Consortium.load(consortium)
    head = Journal.load(_journal(agreed), load_principals(agreed)).head
    made = Statement.of(kind, {"after": head, **read_body(body)})
    try:
        body_as(made, MODELS[kind])
    except UsageError as error:
        raise UsageError(f"{body}: {error}") from None
    return made


def append_file(consortium: Path, path: Path) -> str:
    """Append the statement in the file at `path` to the journal of projects; the journal's new head.

    Raises UsageError with the file if it holds none, or one that cannot come next.
    """
    statement = read_paper(path)
    agreed = Consortium.load(consortium)
    principals = load_principals(agreed)
    projects = Projects(principals)
    try:
        return append(_journal(agreed), statement, principals, projects.add).head
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def view(consortium: Path, day: str, ledgers: Sequence[Path]) -> tuple[Line, ...]:
    """Every project on `day`, with the most runs that one of the `ledgers` has of it. Raises UsageError."""
    agreed = Consortium.load(consortium)
    principals = load_principals(agreed)
    projects = Projects(principals)
    Journal.load(_journal(agreed), principals, projects.add)
    counted: dict[str, int] = {}
    for ledger in ledgers:
        for name, runs in History.of(entries(ledger)).runs.items():
            # Every party of a run writes it down: the counts of two ledgers are not added.
            counted[name] = max(runs, counted.get(name, 0))
    return projects.supervision(day, counted)


def _journal(consortium: Consortium) -> Path:
    if consortium.registers.projects is None:
        raise UsageError(
            f'{consortium.path}: expected projects = "...", a journal of projects, got none'
        )
    return consortium.registers.projects


def read_body(path: Path) -> dict[str, JSON]:
    """The TOML file as a statement's body, unchecked. Raises UsageError with the path if it is no TOML."""
    try:
        table: dict[str, JSON] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a file to read, got: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: expected TOML, got: {error}") from None
    return table
