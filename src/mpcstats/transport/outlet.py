"""The sending half of a mesh towards one peer: a thread with a queue, and a sign of life when there is nothing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from mpcstats.errors import MpcstatsError, TransportFault
from mpcstats.transport.connection import Connection
from mpcstats.transport.frames import Frame, Kind, frame_bytes
from mpcstats.transport.shaping import Flight, Uplink

BEATS = 4  # signs of life in one silence

Item = tuple[Frame, Flight | None]


class _Broken(Exception):
    pass


class Outlet:
    """Sends frames to the peer of `connection` in the order of `put`, which never waits.

    `failed` is called once, in the outlet's thread, if sending has failed. With an `uplink`, which the outlets of
    a party share, frames go when their flight there says, signs of life at once.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        silence: float,
        failed: Callable[[str, MpcstatsError], None],
        uplink: Uplink | None = None,
    ) -> None:
        self._connection = connection
        self._silence = silence
        self._failed = failed
        self._uplink = uplink
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._broken = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"mpcstats-to-{connection.peer}", daemon=True
        )
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Send `frame` after all that was put before. Its words must not be written to afterwards."""
        self._queue.put((frame, self._booked(frame)))

    def abort(self, frame: Frame) -> None:
        """Send `frame`, then no more; the words that still wait to be sent are dropped."""
        kept = []
        while True:
            try:
                kept.append(self._queue.get_nowait())
            except queue.Empty:
                break
        for waiting in kept:
            if waiting[0].kind is not Kind.DATA:
                self._queue.put(waiting)
        # Not behind the words that were dropped: their flights are booked and never taken.
        self._queue.put((frame, None))

    def close(self, *, timeout: float | None = None) -> None:
        """Send what waits and a farewell, hang up, end the thread.

        Without `timeout` (seconds) this waits for as long as the peer keeps reading.
        """
        self.put(Frame(Kind.BYE))
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._broken.set()
            self._connection.wake()
            self._thread.join()
        self._connection.close()

    def _booked(self, frame: Frame) -> Flight | None:
        return None if self._uplink is None else self._uplink.book(frame_bytes(frame))

    def _run(self) -> None:
        frame: Frame | None = None
        flight: Flight | None = None
        while not self._broken.is_set():
            try:
                frame, flight = self._queue.get(timeout=self._silence / BEATS)
            except queue.Empty:
                frame, flight = Frame(Kind.HEARTBEAT), None
            try:
                self._send(frame, flight)
            except TransportFault as fault:
                self._failed(self._connection.peer, fault)
                return
            except _Broken:
                return
            if frame.kind is Kind.BYE:
                return
            frame = None  # its words may be large, and the next frame may be long in coming

    def _send(self, frame: Frame, flight: Flight | None) -> None:
        if flight is None:
            self._connection.send_frame(frame, timeout=self._silence)
            return
        beat = self._silence / BEATS
        while (left := flight.begin - time.monotonic()) > beat:
            self._pause(beat)
            self._connection.send_frame(Frame(Kind.HEARTBEAT), timeout=self._silence)
        self._pause(left)
        # Part by part: what has left travels while the rest waits, and the peer hears something.
        self._connection.send_frame(
            frame,
            timeout=self._silence,
            pace=lambda size: self._pause(flight.due(size) - time.monotonic()),
        )

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and self._broken.wait(seconds):
            raise _Broken
