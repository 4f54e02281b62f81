"""The options that `run` and `explain` share: which parties, which question."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.errors import UsageError
from mpcstats.party.client import (
    Party,
    connect,
    consortium_records,
    local,
    local_file,
    local_records,
)
from mpcstats.party.compile import Records
from mpcstats.party.files.config import Consortium
from mpcstats.party.question import Defaults

QuestionFile = Annotated[Path, typer.Option("--question", help="A file with the question in SQL.")]
LocalFolder = Annotated[
    Path | None,
    typer.Option("--local", help="A folder with local.toml: all parties on this machine."),
]
PartyName = Annotated[
    str | None,
    typer.Option("--party", help="Which party asks; with --local, else its initiator."),
]
PartyPath = Annotated[
    Path | None, typer.Option("--party-file", help="The asking party's own file.")
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="With --local: the data's folder; else as local.toml says."),
]
Scenario = Annotated[
    str | None, typer.Option(help="Scenario; else as the question's file says, else local.toml.")
]
Purpose = Annotated[
    str | None, typer.Option(help="Purpose; else as the question's file says, else local.toml.")
]
Recipients = Annotated[
    list[str] | None, typer.Option("--to", help="Who learns the answer; else who asks. Repeatable.")
]

User = Annotated[
    str | None, typer.Option("--user", help="Who asks for the party, by principal's name.")
]
Project = Annotated[
    str | None, typer.Option("--project", help="The registered project that it belongs to.")
]
EngineChoice = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="rep3, shamir or pair; else the best that the consortium offers and the policy permits.",
    ),
]
PaperFiles = Annotated[
    list[Path] | None,
    typer.Option("--paper", help="A signed request, approval or licence. Repeatable."),
]


@dataclass(frozen=True, slots=True)
class Where:
    """Among whom a question is asked: a local.toml, or a party of a consortium."""

    local: Path | None
    consortium: Path | None
    party: str | None
    party_file: Path | None = None
    data: Path | None = None

    def __post_init__(self) -> None:
        if (self.local is None) == (self.consortium is None):
            raise UsageError(
                "expected --local FOLDER (all parties on this machine) or --consortium FILE --party NAME"
            )
        if self.consortium is not None and self.party is None:
            raise UsageError("expected --party with --consortium")

    @contextmanager
    def open(self, keep: Path | None = None) -> Iterator[Party]:
        """The asking party, connected."""
        if self.local is not None:
            with local(self.local, party=self.party, data=self.data, keep=keep) as party:
                yield party
        elif self.consortium is not None and self.party is not None:
            with connect(self.consortium, party=self.party, party_file=self.party_file) as party:
                yield party

    def records(self) -> tuple[Records, Defaults]:
        """What the asking party decides by; nothing is started."""
        if self.local is not None:
            config = local_file(self.local, party=self.party, data=self.data)
            return local_records(config), Defaults(config.scenario, config.purpose)
        agreed = Consortium.load(self.consortium or Path())
        return consortium_records(agreed, self.party or ""), Defaults()


def read_question(path: Path) -> str:
    """The text of the question's file. Raises UsageError with the path."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: expected a file with a question, got: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected text in UTF-8, got something else") from None
