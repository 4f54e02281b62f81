"""An event loop that has no clock, no selector and no threads: it runs what is ready, and then returns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class StepLoop(asyncio.AbstractEventLoop):
    """What tasks and futures of asyncio need of a loop; whatever else they ask for raises NotImplementedError."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...], Context]] = deque()

    def settle(self) -> None:
        """Run callbacks until none is ready. Raises what a callback raises; later ones then stay."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)  # asyncio's documented hook for loops other than its own
        try:
            while self._ready:
                callback, args, context = self._ready.popleft()
                context.run(callback, *args)
        finally:
            asyncio._set_running_loop(outer)

    def close(self) -> None:
        """Cancel every task and forget what is ready. Raises nothing."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        while self._ready:
            try:
                self.settle()
            except (Exception, asyncio.CancelledError):  # noqa: BLE001, PERF203, S112  the run has failed already, by another error
                continue

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run `callback` when the loop settles."""
        self._ready.append((callback, args, copy_context() if context is None else context))
        return asyncio.Handle(callback, args, self, context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def start(self, body: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this loop that runs `body`."""
        return asyncio.Task(body, loop=self)

    def get_debug(self) -> bool:
        """False: no tracebacks are kept of where things were made."""
        return False

    def is_closed(self) -> bool:
        """False: there is nothing to close but tasks."""
        return False

    def stop(self) -> None:
        """MPyC stops its loop before it raises; here what it raises leaves `settle` anyway."""

    def call_exception_handler(self, context: Any) -> None:
        """Nothing: asyncio would log a task that is dropped unfinished, as all are when a run has failed."""
