"""Frames: what is sent comes back, and everything that is not a frame of ours is refused by its fault."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from mpcstats.errors import PeerFault, UsageError
from mpcstats.transport.frames import (
    HEADER_BYTES,
    JSON_LIMIT,
    Frame,
    Header,
    Kind,
    decode_header,
    decode_json,
    encode,
    encode_json,
)

LIMIT = 1 << 20


def raw(kind: int = 3, padding: bytes = bytes(7), tag: int = 0, length: int = 0) -> bytes:
    return struct.pack("<B7sQQ", kind, padding, tag, length)


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_words_are_little_endian_behind_a_header_of_24_bytes(n: int) -> None:
    words = np.arange(n, dtype=np.uint64)
    header, payload = encode(Frame(Kind.DATA, 7, words=words))
    assert len(header) == HEADER_BYTES
    assert decode_header("b", header, limit=LIMIT) == Header(Kind.DATA, 7, 8 * n)
    assert bytes(payload) == b"".join(i.to_bytes(8, "little") for i in range(n))


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.JSON, Kind.ABORT])
def test_objects_come_back(kind: Kind) -> None:
    fields = {"a": [1, "ü", None], "b": {"c": True}}
    header, payload = encode(Frame(kind, fields=fields))
    assert decode_header("b", header, limit=0) == Header(kind, 0, len(payload))
    assert decode_json("b", bytes(payload)) == fields


@pytest.mark.parametrize("kind", [Kind.HEARTBEAT, Kind.BYE])
def test_signs_of_life_are_headers_only(kind: Kind) -> None:
    header, payload = encode(Frame(kind))
    assert decode_header("b", header, limit=0) == Header(kind, 0, 0)
    assert not payload


def test_a_frame_does_not_show_its_words() -> None:
    assert repr(Frame(Kind.DATA, words=np.full(2, 12345, dtype=np.uint64))) == "<data frame>"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (raw()[:-1], "expected a header of 24 bytes, got 23"),
        (raw(kind=0), "expected a known kind of frame, got 0"),
        (raw(kind=7), "expected a known kind of frame, got 7"),
        (b"GET / HTTP/1.1\r\nHost: me\r\n"[:24], "expected a known kind of frame, got 71"),
        (raw(padding=b"\0\0\0\0\0\0\1"), "expected zeros after the kind of a frame"),
        (raw(kind=2, tag=1), "expected no tag on a json frame"),
        (raw(length=9), "expected whole words of 8 bytes in a data frame, got 9"),
        (raw(length=LIMIT + 8), f"expected at most {LIMIT} bytes in a data frame"),
        (raw(length=2**64 - 8), f"expected at most {LIMIT} bytes in a data frame"),
        (raw(kind=2, length=JSON_LIMIT + 1), f"expected at most {JSON_LIMIT} bytes in a json"),
        (raw(kind=4, length=8), "expected at most 0 bytes in a heartbeat frame, got 8"),
        (raw(kind=5, length=1), "expected at most 0 bytes in a bye frame, got 1"),
    ],
)
def test_a_bad_header_is_refused(header: bytes, reason: str) -> None:
    with pytest.raises(PeerFault, match=reason) as caught:
        decode_header("b", header, limit=LIMIT)
    assert (caught.value.party, caught.value.step) == ("b", "transport")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1]",
        b"3",
        b"null",
        b'{"a":1}{}',
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xff\xfe\xfd",
        b'{"a":"\xff"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(PeerFault, match="expected a JSON object, got"):
        decode_json("b", text)


def test_too_long_an_object_is_not_sent() -> None:
    longest = "x" * (JSON_LIMIT - len(json.dumps({"a": ""}, separators=(",", ":"))))
    assert len(encode_json({"a": longest})) == JSON_LIMIT
    with pytest.raises(UsageError, match="expected at most 1048576 bytes of JSON"):
        encode_json({"a": longest + "x"})
