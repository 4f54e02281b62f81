"""An event loop that has no clock, no selector and no threads: it runs what is ready, and then returns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar, cast

T = TypeVar("T")


class StepLoop:
    """What tasks and futures of asyncio need of a loop, and nothing else of asyncio.AbstractEventLoop."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...], Context]] = deque()

    def settle(self) -> None:
        """Run callbacks until none is ready. Raises what a callback raises; later ones then stay."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self._as_loop())  # asyncio's hook for loops other than its own
        try:
            while self._ready:
                callback, args, context = self._ready.popleft()
                context.run(callback, *args)
        finally:
            asyncio._set_running_loop(outer)

    def close(self) -> None:
        """Cancel every task and forget what is ready. Raises nothing."""
        for task in asyncio.all_tasks(self._as_loop()):
            task.cancel()
        while self._ready:
            try:
                self.settle()
            except (Exception, asyncio.CancelledError):  # noqa: BLE001, S112  the run has ended already
                continue

    def start(self, body: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this loop that runs `body`."""
        return asyncio.Task(body, loop=self._as_loop())

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self._as_loop())

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> None:
        """Run `callback` when the loop settles."""
        self._ready.append((callback, args, copy_context() if context is None else context))

    def get_debug(self) -> bool:
        """False: no tracebacks are kept of where things were made."""
        return False

    def stop(self) -> None:
        """MPyC stops its loop before it raises; here what it raises leaves `settle` anyway."""

    def call_exception_handler(self, context: Any) -> None:
        """Nothing: asyncio would log a task that is dropped unfinished, as all are when a run has failed."""

    def _as_loop(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self)
