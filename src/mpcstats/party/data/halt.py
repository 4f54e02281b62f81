"""Work in a thread of its own, and how another thread ends the reading of an owner's data."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

from mpcstats.errors import UsageError

T = TypeVar("T")

AGAIN = 0.05  # seconds between two interrupts


class Interruptible(Protocol):
    """What runs queries, one after the other, and can be told to end the one that it is at."""

    def interrupt(self) -> None:
        """End the query that runs, if one does."""


class Halt:
    """By this one thread ends another's reading: the engine stops at the query it is at, and begins no other."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._lock = threading.Lock()  # no interrupt may meet a connection that is being closed
        self._connection: Interruptible | None = None

    @property
    def is_set(self) -> bool:
        """Whether the reading is to end."""
        return self._set.is_set()

    def set(self) -> None:
        """End the reading. An interrupt between two queries is lost: say it until the thread has ended."""
        self._set.set()
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()

    def end(self, reading: Future[T], seconds: float) -> bool:
        """End `reading`; whether it has ended within `seconds`."""
        by = time.monotonic() + seconds
        while not reading.done() and time.monotonic() < by:
            self.set()
            wait([reading], AGAIN)
        return reading.done()

    def check(self) -> None:
        """Raises UsageError if the reading is to end."""
        if self.is_set:
            raise UsageError("expected time to read the data, got called off")

    @contextmanager
    def over(self, connection: Interruptible) -> Iterator[None]:
        """While inside, what is interrupted is `connection`."""
        with self._lock:
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None


def in_background(work: Callable[[], T], name: str) -> Future[T]:
    """What `work` gives in a thread of its own, which keeps no process from ending (those of a pool do)."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
