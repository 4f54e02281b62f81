"""Frames on the wire: a header of 24 bytes (kind, seven zeros, wire tag, length; little endian) and a payload."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from mpcstats.errors import PeerFault, UsageError
from mpcstats.session import Words
from mpcstats.session.messages import WORD_BYTES

HEADER_BYTES = 24
JSON_LIMIT = 1 << 20
STEP = "transport"  # the step of a fault that no protocol step is behind

_HEADER = struct.Struct("<B7sQQ")
_PADDING = bytes(7)


class Kind(IntEnum):
    """What a frame is: first of a connection, control data, words of a step, sign of life, farewell, failure."""

    HELLO = 1
    JSON = 2
    DATA = 3
    HEARTBEAT = 4
    BYE = 5
    ABORT = 6


WITH_JSON = frozenset({Kind.HELLO, Kind.JSON, Kind.ABORT})


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of a frame; `length` is the payload's, in bytes, and `tag` is 0 unless it is data."""

    kind: Kind
    tag: int
    length: int


@dataclass(frozen=True, slots=True, repr=False)
class Frame:
    """One frame: `words` for data, `fields` for the kinds that carry JSON, nothing for the others."""

    kind: Kind
    tag: int = 0
    words: Words | None = None
    fields: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.kind.name.lower()} frame>"

    @property
    def data(self) -> Words:
        """The words of a data frame, an empty array for other kinds."""
        return np.empty(0, dtype=np.uint64) if self.words is None else self.words


def encode(frame: Frame) -> tuple[bytes, memoryview]:
    """Header and payload of `frame`. Raises UsageError if its JSON is too long."""
    if frame.kind is Kind.DATA:
        words = np.ascontiguousarray(frame.data, dtype="<u8").reshape(-1)
        payload = words.view(np.uint8).data
    elif frame.kind in WITH_JSON:
        payload = memoryview(encode_json(frame.fields or {}))
    else:
        payload = memoryview(b"")
    return _HEADER.pack(frame.kind, _PADDING, frame.tag, len(payload)), payload


def frame_bytes(frame: Frame) -> int:
    """Bytes of header and payload of `frame`. Raises as `encode` does."""
    if frame.kind is Kind.DATA:
        return HEADER_BYTES + WORD_BYTES * int(frame.data.size)
    return HEADER_BYTES + len(encode(frame)[1])


def encode_json(fields: Mapping[str, Any]) -> bytes:
    """`fields` as compact JSON. Raises UsageError if that is longer than 1 MiB."""
    text = json.dumps(dict(fields), separators=(",", ":"), allow_nan=False).encode()
    if len(text) > JSON_LIMIT:
        raise UsageError(f"expected at most {JSON_LIMIT} bytes of JSON to send, got {len(text)}")
    return text


def decode_header(peer: str, raw: bytes, *, limit: int) -> Header:
    """The header that `peer` sent. Raises PeerFault unless every field of it is as it must be.

    `limit` is the most bytes that a data frame may have here.
    """
    if len(raw) != HEADER_BYTES:
        raise PeerFault(peer, STEP, f"expected a header of {HEADER_BYTES} bytes, got {len(raw)}")
    number, padding, tag, length = _HEADER.unpack(raw)
    try:
        kind = Kind(number)
    except ValueError:
        raise PeerFault(peer, STEP, f"expected a known kind of frame, got {number}") from None
    if padding != _PADDING:
        raise PeerFault(peer, STEP, "expected zeros after the kind of a frame, got other bytes")
    if tag and kind is not Kind.DATA:
        raise PeerFault(peer, STEP, f"expected no tag on a {kind.name.lower()} frame, got one")
    _check_length(peer, kind, length, limit)
    return Header(kind, tag, length)


def _check_length(peer: str, kind: Kind, length: int, limit: int) -> None:
    name = kind.name.lower()
    most = limit if kind is Kind.DATA else JSON_LIMIT if kind in WITH_JSON else 0
    if length > most:
        raise PeerFault(
            peer, STEP, f"expected at most {most} bytes in a {name} frame, got {length}"
        )
    if kind is Kind.DATA and length % WORD_BYTES:
        raise PeerFault(
            peer, STEP, f"expected whole words of {WORD_BYTES} bytes in a data frame, got {length}"
        )


def decode_json(peer: str, raw: bytes) -> dict[str, Any]:
    """The JSON object that `peer` sent. Raises PeerFault if it is none, or has a key twice."""
    try:
        fields = json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (
        ValueError,
        RecursionError,
    ):  # not JSON, not UTF-8, an endless number; nested too deeply
        raise PeerFault(
            peer, STEP, f"expected a JSON object, got {len(raw)} bytes of another form"
        ) from None
    if not isinstance(fields, dict):
        raise PeerFault(peer, STEP, f"expected a JSON object, got a {type(fields).__name__}")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
