"""Canonical JSON: the one text of a table, which is what digests cover and signatures sign."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mpcstats.errors import UsageError

JSON: TypeAlias = "bool | int | str | Sequence[JSON] | Mapping[str, JSON] | None"
BODY_LIMIT = 64 * 1024  # bytes of canonical JSON
DEPTH_LIMIT = 32
INTEGER_LIMIT = 1 << 63


def canonical(body: Mapping[str, JSON]) -> str:
    """`body` as JSON with sorted keys and no blanks; equal bodies give equal text.

    Raises UsageError for anything but text, whole numbers below 2^63, true, false, null, lists and
    tables with names as text, or above 64 KiB.
    """
    if not isinstance(body, Mapping):
        raise UsageError(f"expected a body that is a table, got {type(body).__name__}")
    text = json.dumps(
        _plain(body, "body", 0), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageError("expected a body in valid Unicode, got lone surrogates") from None
    if size > BODY_LIMIT:
        raise UsageError(f"expected a body of at most {BODY_LIMIT} bytes, got {size}")
    return text


def _plain(value: object, place: str, depth: int) -> object:
    if depth > DEPTH_LIMIT:
        raise UsageError(f"expected a body of depth at most {DEPTH_LIMIT}, got a deeper one")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        return int(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(item, f"{place}.{name}", depth + 1) for name, item in value.items()}
    got = "a larger one" if isinstance(value, int) else type(value).__name__
    raise UsageError(
        f"{place[:80]}: expected text, whole numbers below 2^63, true, false, null, lists or tables "
        f"with names as text, got {got}"
    )


def read_canonical(text: str) -> Mapping[str, JSON] | None:
    """The body in `text`; None unless it is exactly what `canonical` writes."""
    try:
        body: Mapping[str, JSON] = json.loads(text)
        return body if canonical(body) == text else None
    except (ValueError, RecursionError, UsageError):
        return None
