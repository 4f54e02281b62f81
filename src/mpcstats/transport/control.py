"""Control connections: JSON objects to and fro between two parties, and how a party dials another."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Self

from mpcstats.errors import PeerFault, TransportFault
from mpcstats.transport.connection import Connection, gone, reason_of
from mpcstats.transport.frames import STEP, Frame, Kind
from mpcstats.transport.identity import Identity, Peer, client_context, fingerprint

RETRY = 0.1  # seconds between two attempts to reach a node that is not up yet
ASK = {"kind": "ask"}
WELCOME = {"kind": "welcome"}


class Control:
    """A conversation with `peer` in JSON objects. One thread; after an error, only `close`."""

    __slots__ = ("_connection", "_silence", "peer")

    def __init__(self, connection: Connection, *, silence: float) -> None:
        self.peer = connection.peer
        self._connection = connection
        self._silence = silence

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<control connection with {self.peer}>"

    def send(self, fields: Mapping[str, Any]) -> None:
        """Send one object. Raises TransportFault, or UsageError if it is longer than 1 MiB."""
        self._connection.send_frame(Frame(Kind.JSON, fields=fields), timeout=self._silence)

    def receive(self, timeout: float) -> dict[str, Any]:
        """The next object, within `timeout` seconds. Raises TransportFault (gone, silent) and PeerFault."""
        return receive_json(self._connection, timeout)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def receive_json(connection: Connection, timeout: float, kind: Kind = Kind.JSON) -> dict[str, Any]:
    """The object in the next frame, which must be of `kind`. Raises TransportFault and PeerFault."""
    frame = connection.receive_frame(timeout)
    if frame.kind is not kind or frame.fields is None:
        raise PeerFault(
            connection.peer,
            STEP,
            f"expected a {kind.name.lower()} frame, got a {frame.kind.name.lower()} frame",
        )
    return dict(frame.fields)


def dial(me: Identity, peer: Peer, *, silence: float) -> Control:
    """A new control connection to `peer`, welcomed by it. Raises UsageError, TransportFault and PeerFault.

    Attempts go on for `silence` seconds, since nodes start at the same time; a node that is reached
    then has as long again to answer.
    """
    connection = connect(me, peer, ASK, deadline=time.monotonic() + silence, silence=silence)
    return Control(connection, silence=silence)


def connect(
    me: Identity, peer: Peer, hello: Mapping[str, str], *, deadline: float, silence: float
) -> Connection:
    """A connection to `peer` that began with `hello` and was welcomed. Raises as `dial` does.

    TCP must be up at `deadline` (monotonic seconds); TLS and the welcome may take `silence` seconds each.
    """
    context = client_context(me, peer)
    raw = _reach(peer, deadline, silence)
    try:
        tls = context.wrap_socket(raw, do_handshake_on_connect=False)
    except OSError:
        raw.close()
        raise gone(peer.name) from None
    try:
        _greet(tls, peer, silence)
        connection = Connection(tls, peer.name)
        _introduce(connection, hello, silence)
    except BaseException:
        tls.close()
        raise
    return connection


def _reach(peer: Peer, deadline: float, silence: float) -> socket.socket:
    reason = "no answer"
    while (left := deadline - time.monotonic()) > 0:
        try:
            return socket.create_connection((peer.host, peer.port), timeout=left)
        except OSError as error:
            reason = "no answer" if isinstance(error, TimeoutError) else reason_of(error)
        time.sleep(min(RETRY, max(0.0, deadline - time.monotonic())))
    raise TransportFault(
        peer.name,
        f"expected a node at {peer.host}:{peer.port} within {silence:g} s, got {reason}: "
        "is it started, and is this its address?",
    )


def _greet(tls: ssl.SSLSocket, peer: Peer, silence: float) -> None:
    try:
        tls.settimeout(silence)
        tls.do_handshake()
        shown = fingerprint(tls.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError as error:
        raise PeerFault(
            peer.name,
            STEP,
            f"expected the certificate {peer.fingerprint}, got one that is refused "
            f"({reason_of(error)}): is another node at {peer.host}:{peer.port}?",
        ) from None
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else reason_of(error)
        raise TransportFault(
            peer.name,
            f"expected TLS 1.3 with {peer.host}:{peer.port} within {silence:g} s, got {reason}",
        ) from None
    if shown != peer.fingerprint:
        raise PeerFault(
            peer.name, STEP, f"expected the certificate {peer.fingerprint}, got {shown}"
        )


def _introduce(connection: Connection, hello: Mapping[str, str], silence: float) -> None:
    # In TLS 1.3 a client learns only from the server's first word whether it was accepted.
    try:
        connection.send_frame(Frame(Kind.HELLO, fields=hello), timeout=silence)
        answer = receive_json(connection, silence, Kind.HELLO)
    except TransportFault as fault:
        raise TransportFault(
            fault.party,
            f"expected a welcome, got none ({fault.reason}): "
            "does it have this party's certificate in its consortium file?",
        ) from None
    if answer != WELCOME:
        raise PeerFault(connection.peer, STEP, "expected a welcome, got another object")
