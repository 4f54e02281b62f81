"""The sending half of a mesh towards one peer: a thread with a queue, and a sign of life when there is nothing."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from mpcstats.errors import MpcstatsError, TransportFault
from mpcstats.transport.connection import Connection
from mpcstats.transport.frames import Frame, Kind

BEATS = 4  # signs of life in one silence


class Outlet:
    """Sends frames to the peer of `connection` in the order of `put`, which never waits.

    `failed` is called once, in the outlet's thread, if sending has failed.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        silence: float,
        failed: Callable[[str, MpcstatsError], None],
    ) -> None:
        self._connection = connection
        self._silence = silence
        self._failed = failed
        self._queue: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._broken = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"mpcstats-to-{connection.peer}", daemon=True
        )
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Send `frame` after all that was put before. Its words must not be written to afterwards."""
        self._queue.put(frame)

    def abort(self, frame: Frame) -> None:
        """Send `frame`, then no more; the words that still wait to be sent are dropped."""
        kept = []
        while True:
            try:
                kept.append(self._queue.get_nowait())
            except queue.Empty:
                break
        for waiting in kept:
            if waiting.kind is not Kind.DATA:
                self._queue.put(waiting)
        self._queue.put(frame)

    def close(self, *, timeout: float | None = None) -> None:
        """Send what waits and a farewell, hang up, end the thread.

        Without `timeout` (seconds) this waits for as long as the peer keeps reading.
        """
        self._queue.put(Frame(Kind.BYE))
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._broken.set()
            self._connection.wake()
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        frame: Frame | None = None
        while not self._broken.is_set():
            try:
                frame = self._queue.get(timeout=self._silence / BEATS)
            except queue.Empty:
                frame = Frame(Kind.HEARTBEAT)
            try:
                self._connection.send_frame(frame, timeout=self._silence)
            except TransportFault as fault:
                self._failed(self._connection.peer, fault)
                return
            if frame.kind is Kind.BYE:
                return
            frame = None  # its words may be large, and the next frame may be long in coming
