"""Vectors of the relational kernel: one module for each protocol, found by its file.

A module has PROTOCOL (its card's id), settings() (title -> setting), body (a party's coroutine), cases() (title ->
fault) and check(vector), which holds what a good vector computes against plain arithmetic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from tests.vectors.bad import Bad
from tests.vectors.world import Setting

from mpcstats.session import Session


class Kernel(Protocol):
    """What each module of this folder offers."""

    PROTOCOL: str
    body: Callable[[Setting, Session], Awaitable[Any]]

    def settings(self) -> dict[str, Setting]: ...
    def cases(self) -> dict[str, Bad]: ...
    def check(self, vector: dict[str, Any]) -> None: ...


def modules() -> Mapping[str, Any]:
    """Protocol -> its module."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    found = [import_module(f"tests.vectors.kernel.{name}") for name in names]
    return {module.PROTOCOL: module for module in found}
