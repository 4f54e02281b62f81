"""A TOML file that a person writes, held against a model; every error says which file and where in it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from mpcstats.errors import UsageError

M = TypeVar("M", bound=BaseModel)
Location: TypeAlias = tuple[int | str, ...]


class Table(BaseModel):
    """A table of a file: only the names it has, and types as they are written."""

    # Built when first used: a command reads few of the many kinds of files.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def _tuple(value: object) -> object:
    # TOML and JSON have lists only, and a strict model takes a tuple only; its items stay strict.
    return tuple(value) if isinstance(value, list) else value


Listed = BeforeValidator(_tuple)  # beside a tuple in a model's field


def _whole(value: object) -> object:
    # A literal is compared with ==, by which true and 1.0 are 1.
    if type(value) is not int:
        raise ValueError("expected a version as a whole number")
    return value


Version = Annotated[Literal[1], BeforeValidator(_whole)]  # the only form of these files so far


def counted(raw: dict[str, Any], location: Location) -> str:
    """`party[2].address` rather than `party.1.address`: people count from one."""
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        elif part != "[key]":
            place += f".{part}" if place else part
    return place or "the file"


def toml_text(text: str) -> str:
    """`text` as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_toml(
    path: Path, model: type[M], *, place: Callable[[dict[str, Any], Location], str] = counted
) -> M:
    """The file as `model`. Raises UsageError with file and place, and with every fault, not the first alone.

    `place` puts the location of a fault in the file's table into words.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: expected a file to read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected text in UTF-8, got something else") from None
    try:
        table = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or int() for a number of thousands of digits
        raise UsageError(f"{path}: expected TOML, got: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: expected TOML, got lists or tables nested too deep") from None
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = [f"{place(table, e['loc'])}: {said(e['msg'])}" for e in error.errors()]
        raise UsageError(f"{path}: " + "; ".join(faults)) from None


def said(message: str) -> str:
    """A finding of pydantic in the words of an error of ours."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
