"""The receiving half of a mesh: a thread for each peer that reads frames into one queue, within bounds of memory."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mpcstats.errors import MpcstatsError, PeerFault
from mpcstats.session import Words
from mpcstats.transport import verdict
from mpcstats.transport.connection import Connection
from mpcstats.transport.frames import STEP, Frame, Kind

PENDING_MESSAGES = 4096  # of one peer
PENDING_OBJECTS = 16  # of one peer

GRACE = 1.0  # seconds between what a party sends on one connection and what its peers tell of it
LAST = frozenset({Kind.BYE, Kind.ABORT})

Event = tuple[str, Frame | MpcstatsError]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that a party takes in: of one message, and of all that has arrived and is not yet wanted."""

    message: int = 1 << 30
    pending: int = 1 << 32  # over all peers, each of which has an equal part


LIMITS = Limits()


class Inbox:
    """All that arrives from the peers of `connections`, each read by a thread of its own.

    A peer that announces more than its part of the bounds is named by a PeerFault before memory is taken.
    """

    def __init__(
        self,
        me: str,
        connections: Sequence[Connection],
        *,
        silence: float,
        limits: Limits = LIMITS,
    ) -> None:
        self._me = me
        self._silence = silence
        self._connections = tuple(connections)
        self._parties: Collection[str] = {me, *(c.peer for c in connections)}
        self._message_limit = limits.message
        self._share = limits.pending // max(1, len(self._connections))
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._bytes = dict.fromkeys(self._parties, 0)  # announced and not yet taken, by sender
        self._messages = dict.fromkeys(self._parties, 0)
        self._objects = dict.fromkeys(self._parties, 0)
        self._closed = False
        self._threads = [
            threading.Thread(
                target=self._read, args=(c,), name=f"mpcstats-of-{c.peer}", daemon=True
            )
            for c in self._connections
        ]
        for thread in self._threads:
            thread.start()

    def post(self, peer: str, event: Frame | MpcstatsError) -> None:
        """Enter an event that did not come over a connection, from any thread."""
        self._events.put((peer, event))

    def take(self, timeout: float) -> Event | None:
        """The next frame that is no sign of life, or the error that ended a connection; None after `timeout`."""
        try:
            return self._events.get(timeout=timeout) if timeout > 0 else self._events.get_nowait()
        except queue.Empty:
            return None

    def judge(self, peer: str, fields: Mapping[str, object]) -> MpcstatsError:
        """The error to raise since `peer` has sent the verdict `fields`; the event itself has been taken."""
        # An accused party passes on that its accuser has stopped, which may come here before the
        # accusation: whoever saw the cause goes before whoever heard of it.
        end = time.monotonic() + GRACE
        first = peer, fields
        while verdict.is_heard(fields) and (event := self.take(end - time.monotonic())):
            peer, what = event
            if isinstance(what, MpcstatsError):
                return what
            if what.kind is Kind.ABORT:
                fields = what.fields or {}
                first = first if verdict.is_heard(fields) else (peer, fields)
        return verdict.from_fields(*first, me=self._me, parties=self._parties)

    def release(self, peer: str, words: Words | None = None) -> None:
        """A message of `peer`, or without `words` an object, is no longer kept here, and no longer counts."""
        with self._lock:
            if words is None:
                self._objects[peer] -= 1
            else:
                self._bytes[peer] -= words.nbytes
                self._messages[peer] -= 1

    def close(self) -> None:
        """End the threads and the connections."""
        self._closed = True
        for connection in self._connections:
            connection.wake()
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.close()
        with contextlib.suppress(queue.Empty):
            while True:
                self._events.get_nowait()

    def _reserve(self, peer: str, size: int) -> None:
        with self._lock:
            self._bytes[peer] += size
            self._messages[peer] += 1
            held, count = self._bytes[peer], self._messages[peer]
        if held > self._share or count > PENDING_MESSAGES:
            raise PeerFault(
                peer,
                STEP,
                f"expected at most {self._share} bytes and {PENDING_MESSAGES} messages ahead "
                f"of this party, got {held} and {count}",
            )

    def _count_object(self, peer: str) -> None:
        with self._lock:
            self._objects[peer] += 1
            count = self._objects[peer]
        if count > PENDING_OBJECTS:
            raise PeerFault(
                peer,
                STEP,
                f"expected at most {PENDING_OBJECTS} objects ahead of this party, got {count}",
            )

    def _read(self, connection: Connection) -> None:
        peer = connection.peer
        try:
            while not self._closed:
                frame = connection.receive_frame(
                    self._silence,
                    limit=self._message_limit,
                    reserve=lambda size: self._reserve(peer, size),
                )
                if frame.kind is Kind.HELLO:
                    raise PeerFault(peer, STEP, "expected one hello on a connection, got a second")
                if frame.kind is Kind.JSON:
                    self._count_object(peer)
                if frame.kind is not Kind.HEARTBEAT:
                    self._events.put((peer, frame))
                if frame.kind in LAST:
                    return
                del frame
        except MpcstatsError as error:
            self._events.put((peer, error))
