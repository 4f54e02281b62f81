"""Where a party listens: it admits holders of pinned certificates, and sorts them into control and runs."""

from __future__ import annotations

import contextlib
import errno
import queue
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mpcstats.errors import MpcstatsError, PeerFault, TransportFault, UsageError
from mpcstats.transport.connection import Connection, reason_of
from mpcstats.transport.control import ASK, WELCOME, Control, receive_json
from mpcstats.transport.frames import STEP, Frame, Kind
from mpcstats.transport.identity import Identity, Peer, fingerprint, server_context

EVERY_INTERFACE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - refused, not used
IN_USE = ": end the node that listens there already, or give this one another address"
TICK = 0.2  # seconds between two looks at whether to stop
HANDSHAKES = 64  # at once; what comes on top is dropped
UNCLAIMED_CONTROLS = 64
UNCLAIMED_RUNS = 8  # of one peer
UNCLAIMED_SECONDS = 120.0
LABEL = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Unclaimed:
    connection: Connection
    since: float


class Listener:
    """Listens for `peers` at exactly one address; a context manager. `refused` counts who was turned away, by reason.

    `control` and `incoming` may be called from different threads.
    """

    def __init__(
        self, me: Identity, host: str, port: int, peers: Mapping[str, Peer], *, silence: float
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._silence = silence
        self._names = {peer.fingerprint: name for name, peer in peers.items()}
        self._context = server_context(me, peers.values())
        self._controls: queue.Queue[Control] = queue.Queue(UNCLAIMED_CONTROLS)
        self._runs: dict[tuple[str, str], _Unclaimed] = {}
        self._arrived = threading.Condition()  # guards _runs, _greeting and refused
        self._greeting: dict[threading.Thread, socket.socket] = {}
        self._closed = threading.Event()
        self._socket = _bind(host, port)
        self._acceptor = threading.Thread(target=self._accept, name="mpcstats-accept", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens at; the port is the system's choice if 0 was asked for."""
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    def control(self, timeout: float) -> Control | None:
        """The next peer that wants to talk, or None if none has come within `timeout` seconds."""
        try:
            return self._controls.get(timeout=timeout)
        except queue.Empty:
            return None

    def incoming(self, label: str, peer: str, deadline: float) -> Connection:
        """The connection of `peer` for the run `label`; `deadline` in monotonic seconds.

        Raises TransportFault if it has not come by then.
        """
        with self._arrived:
            while (label, peer) not in self._runs:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed.is_set():
                    raise TransportFault(
                        peer, "expected a connection for this run in time, got none: is it running?"
                    )
                self._arrived.wait(left)
            return self._runs.pop((label, peer)).connection

    def close(self) -> None:
        """Stop listening; drop every connection that nobody has claimed. Its threads have ended."""
        with self._arrived:
            self._closed.set()
            self._arrived.notify_all()
            greeting = dict(self._greeting)
        for waiting in greeting.values():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(waiting, socket.SHUT_RDWR)
        self._acceptor.join()
        for thread in greeting:
            thread.join()
        self._socket.close()
        for unclaimed in self._runs.values():
            unclaimed.connection.close()
        self._runs.clear()
        while (control := self.control(0)) is not None:
            control.close()

    def _accept(self) -> None:
        self._socket.settimeout(TICK)
        while not self._closed.is_set():
            self._drop_stale()
            try:
                raw, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:  # the caller has hung up again, or this process has too many files open
                time.sleep(TICK)
                continue
            thread = threading.Thread(
                target=self._admit, args=(raw,), name="mpcstats-greet", daemon=True
            )
            with self._arrived:
                if self._closed.is_set() or len(self._greeting) >= HANDSHAKES:
                    self.refused["too many at once"] += 1
                    raw.close()
                    continue
                self._greeting[thread] = raw
            thread.start()

    def _drop_stale(self) -> None:
        oldest = time.monotonic() - UNCLAIMED_SECONDS
        with self._arrived:
            for name in [name for name, run in self._runs.items() if run.since < oldest]:
                self._runs.pop(name).connection.close()

    def _admit(self, raw: socket.socket) -> None:
        try:
            reason = self._greet(raw)
        finally:
            with self._arrived:
                self._greeting.pop(threading.current_thread(), None)
        if reason is not None:
            with self._arrived:
                self.refused[reason] += 1

    def _greet(self, raw: socket.socket) -> str | None:
        """Why the caller is turned away; None if it has been admitted."""
        raw.settimeout(self._silence)
        current = raw
        try:
            current = tls = self._context.wrap_socket(
                raw, server_side=True, do_handshake_on_connect=False
            )
            with self._arrived:
                self._greeting[threading.current_thread()] = tls
                if self._closed.is_set():
                    raise ConnectionAbortedError
            tls.do_handshake()
            peer = self._names.get(fingerprint(tls.getpeercert(binary_form=True) or b""))
            if peer is None:
                raise ssl.SSLCertVerificationError("not pinned")
            self._sort(Connection(tls, peer))
        except OSError as error:
            current.close()
            return "silent" if isinstance(error, TimeoutError) else reason_of(error)
        except MpcstatsError as error:
            current.close()
            return type(error).__name__
        return None

    def _sort(self, connection: Connection) -> None:
        hello = receive_json(connection, self._silence, Kind.HELLO)
        welcome = Frame(Kind.HELLO, fields=WELCOME)
        if hello == ASK:
            connection.send_frame(welcome, timeout=self._silence)
            try:
                self._controls.put_nowait(Control(connection, silence=self._silence))
            except queue.Full:
                raise TransportFault(connection.peer, "expected fewer questions at once") from None
            return
        label = _label(connection.peer, hello)
        name = (label, connection.peer)
        with self._arrived:
            waiting = sum(peer == connection.peer for _, peer in self._runs)
            if name in self._runs or waiting >= UNCLAIMED_RUNS:
                raise PeerFault(
                    connection.peer,
                    STEP,
                    f"expected one connection for each of {UNCLAIMED_RUNS} runs, got another",
                )
        connection.send_frame(welcome, timeout=self._silence)
        with self._arrived:
            if self._closed.is_set() or name in self._runs:
                raise TransportFault(connection.peer, "expected a listener, got a closed one")
            self._runs[name] = _Unclaimed(connection, time.monotonic())
            self._arrived.notify_all()


def _bind(host: str, port: int) -> socket.socket:
    if host in EVERY_INTERFACE:
        raise UsageError(f"expected the address of one interface, not of all, got {host!r}")
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, number)
    except OSError as error:
        raise UsageError(f"expected to listen at {host}:{port}, got: {error.strerror}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(HANDSHAKES)
    except OSError as error:
        listening.close()
        hint = IN_USE if error.errno == errno.EADDRINUSE else ""
        raise UsageError(
            f"expected to listen at {host}:{port}, got: {error.strerror}{hint}"
        ) from None
    return listening


def _label(peer: str, hello: dict[str, Any]) -> str:
    label = hello.get("label")
    if set(hello) != {"kind", "label"} or hello["kind"] != "run" or not isinstance(label, str):
        raise PeerFault(peer, STEP, "expected a hello that asks or names a run, got another object")
    if LABEL.fullmatch(label) is None:
        raise PeerFault(peer, STEP, "expected a run's label of 32 hex digits, got other text")
    return label
