"""One TLS connection to a peer, blocking, used by one thread at a time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable

import numpy as np

from mpcstats.errors import TransportFault
from mpcstats.session.messages import WORD_BYTES
from mpcstats.transport.frames import (
    HEADER_BYTES,
    WITH_JSON,
    Frame,
    Header,
    Kind,
    decode_header,
    decode_json,
    encode,
)

PART_BYTES = 1 << 18  # what one write may take a whole silence for: far below any real network
JOINED_BYTES = 1 << 14  # a frame up to one TLS record goes out in one write


def _at_once(_: int) -> None:
    pass


class Connection:
    """Frames to and from `peer`. After any error, and from another thread than its own, only `wake` and `close`."""

    __slots__ = ("_socket", "peer")

    def __init__(self, tls: ssl.SSLSocket, peer: str) -> None:
        self._socket = tls
        self.peer = peer
        with contextlib.suppress(OSError):  # it has hung up already: the first word will tell
            tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __repr__(self) -> str:
        return f"<connection to {self.peer}>"

    def send_frame(
        self, frame: Frame, *, timeout: float, pace: Callable[[int], None] = _at_once
    ) -> None:
        """Send `frame`; `timeout` in seconds bounds each part of 256 KiB. Raises TransportFault.

        Before each part `pace` is called with the bytes of the frame up to the part's end, and may wait.
        """
        header, payload = encode(frame)
        try:
            self._socket.settimeout(timeout)
            if len(payload) <= JOINED_BYTES:
                pace(HEADER_BYTES + len(payload))
                self._socket.sendall(header + bytes(payload))
                return
            pace(HEADER_BYTES)
            self._socket.sendall(header)
            for start in range(0, len(payload), PART_BYTES):
                part = payload[start : start + PART_BYTES]
                pace(HEADER_BYTES + start + len(part))
                self._socket.sendall(part)
        except OSError as error:
            raise lost(self.peer, error, timeout) from None

    def receive_frame(
        self, timeout: float, *, limit: int = 0, reserve: Callable[[int], None] | None = None
    ) -> Frame:
        """The next frame. Raises TransportFault (gone, silent) and PeerFault (no frame of ours).

        All of it must come within `timeout` seconds, but in data each arrival starts the time anew. A data frame
        has at most `limit` bytes, and `reserve` is called with their number before memory is taken for them.
        """
        end = time.monotonic() + timeout
        raw = bytearray(HEADER_BYTES)
        self._fill(memoryview(raw), timeout, end)
        header = decode_header(self.peer, bytes(raw), limit=limit)
        if header.kind is Kind.DATA:
            if reserve is not None:
                reserve(header.length)
            return self._receive_words(header, timeout)
        if header.kind in WITH_JSON:
            text = bytearray(header.length)
            self._fill(memoryview(text), timeout, end)
            return Frame(header.kind, fields=decode_json(self.peer, bytes(text)))
        return Frame(header.kind)

    def wake(self) -> None:
        """Make the thread that reads or writes here fail at once; any thread may call this."""
        # SSLSocket.shutdown would take the TLS layer away under the other thread, which would then
        # read ciphertext as if it were plain; the plain socket's only shuts the descriptor.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket. No other thread may be using it: wake and join it first."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _receive_words(self, header: Header, timeout: float) -> Frame:
        words = np.empty(header.length // WORD_BYTES, dtype="<u8")
        if words.size:
            self._fill(words.view(np.uint8).data, timeout, None)
        return Frame(Kind.DATA, header.tag, words=words.astype(np.uint64, copy=False))

    def _fill(self, target: memoryview, timeout: float, end: float | None) -> None:
        got = 0
        try:
            self._socket.settimeout(timeout)  # a system call: one for each 16 KiB would show
            while got < len(target):
                if end is not None:
                    left = end - time.monotonic()
                    if left <= 0:
                        raise silent(self.peer, timeout)
                    self._socket.settimeout(left)
                n = self._socket.recv_into(target[got:])
                if n == 0:
                    raise gone(self.peer)
                got += n
        except OSError as error:
            raise lost(self.peer, error, timeout) from None


def silent(peer: str, timeout: float) -> TransportFault:
    """The fault of a peer that has not said a word for `timeout` seconds."""
    return TransportFault(
        peer,
        f"expected a word within {timeout:g} s, got none: it has stopped, or the network to it has",
    )


def gone(peer: str) -> TransportFault:
    """The fault of a peer that has hung up without a farewell."""
    return TransportFault(
        peer, "has closed the connection in the middle of a run: see what its own log says"
    )


def lost(peer: str, error: OSError, timeout: float) -> TransportFault:
    """What a socket's `error` means for the connection to `peer`."""
    if isinstance(error, TimeoutError):
        return silent(peer, timeout)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return gone(peer)
    if isinstance(error, ssl.SSLError):
        return TransportFault(peer, f"expected a whole TLS 1.3 connection, got {reason_of(error)}")
    return TransportFault(peer, f"expected a working connection, got: {error.strerror}")


def reason_of(error: OSError) -> str:
    """Why a socket failed, in the words of OpenSSL or of the system, one short line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "no reason").lower().replace("_", " ")
    return str(error.strerror or type(error).__name__).lower()
