"""The [registers] of a consortium: which files hold what all parties have entered, beside catalogue and policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from mpcstats.records.profiles.profile import ProfileName
from mpcstats.records.tomlfile import Table, toml_text

Text = Annotated[str, Field(min_length=1)]


class RegistersTable(Table):
    """[registers] as the file says it; paths are relative to the file, `profile` is the name of a shipped one."""

    principals: Text | None = None  # TOML: who may sign, beside the parties
    projects: Text | None = None  # the others are journals, one JSON object a line
    rights: Text | None = None
    registrations: Text | None = None
    holidays: Text | None = None  # TOML: days off and worked weekends, for the registrations
    levels: Text | None = None
    sources: Text | None = None
    acknowledgements: Text | None = None
    profile: ProfileName | None = None


@dataclass(frozen=True, slots=True)
class RegisterFiles:
    """The files, each None where the consortium has none."""

    principals: Path | None = None
    projects: Path | None = None
    rights: Path | None = None
    registrations: Path | None = None
    holidays: Path | None = None
    levels: Path | None = None
    sources: Path | None = None
    acknowledgements: Path | None = None
    profile: ProfileName | None = None

    @classmethod
    def of(cls, table: RegistersTable, folder: Path) -> Self:
        """The files that `table` names, below `folder`."""
        named = table.model_dump(exclude={"profile"})
        paths = {name: None if text is None else folder / text for name, text in named.items()}
        return cls(**paths, profile=table.profile)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that there is a name for."""
        found = (getattr(self, f.name) for f in fields(self))
        return tuple(path for path in found if isinstance(path, Path))

    def lines(self) -> Iterator[str]:
        """The table as TOML, with absolute paths."""
        yield "[registers]"
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                text = str(value.resolve()) if isinstance(value, Path) else value
                yield f"{each.name} = {toml_text(text)}"
        yield ""
