"""Branches that run side by side, so that their rounds coincide."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from mpcstats.session.program import Fork, ask

T = TypeVar("T")


async def parallel(*branches: Coroutine[Any, Any, T]) -> list[T]:
    """The results of `branches`, in order. Each must have narrowed its session to a step of its own."""
    return cast("list[T]", await ask(Fork(branches)))
