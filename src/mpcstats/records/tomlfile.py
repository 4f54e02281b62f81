"""A TOML file that a person writes, held against a model; every error says which file and where in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mpcstats.errors import UsageError

M = TypeVar("M", bound=BaseModel)


class Table(BaseModel):
    """A table of a file: only the names it has, and types as they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def read_toml(path: Path, model: type[M]) -> M:
    """The file as `model`. Raises UsageError with file and place, and with every fault, not the first alone."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: expected a file to read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected text in UTF-8, got something else") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML, got: {error}") from None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = [f"{_place(e['loc'])}: {_said(e['msg'])}" for e in error.errors()]
        raise UsageError(f"{path}: " + "; ".join(faults)) from None


def _place(location: tuple[int | str, ...]) -> str:
    """`party[2].address` rather than `party.1.address`: people count from one."""
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        elif part != "[key]":
            place += f".{part}" if place else part
    return place or "the file"


def _said(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
