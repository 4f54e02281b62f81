"""An entry of the ledger: what it holds, the one text that says so, and the leaf hash over that text.

The text is canonical JSON of body, index, kind, previous and time. `previous` is the digest of the party's signed
checkpoint of the log before the entry: so each entry fixes every entry and every signature before it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mpcstats.errors import UsageError
from mpcstats.records.canonical import DEPTH_LIMIT, JSON, canonical
from mpcstats.records.ledger.checkpoint import Checkpoint
from mpcstats.records.ledger.merkle import leaf_hash

KINDS = (
    "request",
    "decision",
    "approval",
    "start",
    "opening",
    "finish",
    "repeat",
    "charge",
    "fault",
    "violation",
    "reinstatement",
    "cosigned",
    "receipt",
    # Of assets under contract (records.contracts), and of rows of the personal domain (party.domains).
    "contract",
    "package",
    "action",
    "access",
)
COSIGNED = "cosigned"  # what `Ledger.keep_seen` alone writes
PLAIN_LIMIT = 8 * 1024  # signs, of at most 4 bytes: within the limit of a body, whatever they are
SHORT = 18  # digits and sign of a number that is below 2^63 for sure
_NAMES = {"body", "index", "kind", "previous", "time"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `index` counts from 0, `time` is UTC in seconds, `previous` is lower-case hex."""

    index: int
    time: str
    kind: str
    body: Mapping[str, JSON]
    previous: str

    @property
    def content(self) -> str:
        """The entry's text: canonical JSON. Raises UsageError for a body that has none."""
        # Not canonical() of the whole: the limit of 64 KiB is the body's.
        return (
            f'{{"body":{canonical(self.body)},"index":{self.index},"kind":{json.dumps(self.kind)},'
            f'"previous":"{self.previous}","time":"{self.time}"}}'
        )

    @property
    def leaf(self) -> bytes:
        """The hash of the entry in the tree."""
        return leaf_hash(self.content.encode())

    def to_json(self) -> dict[str, JSON]:
        """The entry as plain data; `from_json` reads it."""
        return {
            "index": self.index,
            "time": self.time,
            "kind": self.kind,
            "body": self.body,
            "previous": self.previous,
        }

    @classmethod
    def from_json(cls, value: object) -> Entry:
        """The entry in `value`, which may come from anybody. Raises UsageError if it is none."""
        if not isinstance(value, Mapping) or set(value) != _NAMES:
            raise UsageError(f"expected an entry with {', '.join(sorted(_NAMES))}")
        index, time, kind, previous = (value[n] for n in ("index", "time", "kind", "previous"))
        body = value["body"]
        if type(index) is not int or not 0 <= index < 1 << 62:
            raise UsageError("expected an entry's index as a whole number from 0")
        if kind not in KINDS:
            raise UsageError(f"expected a kind of {', '.join(KINDS)}, got {str(kind)[:40]!r}")
        if not isinstance(time, str) or _TIME.fullmatch(time) is None:
            raise UsageError(f"expected a time as YYYY-MM-DDThh:mm:ssZ, got {str(time)[:40]!r}")
        if not isinstance(previous, str) or _HASH.fullmatch(previous) is None:
            raise UsageError("expected previous as 64 lower-case hex digits, got other text")
        if not isinstance(body, Mapping):
            raise UsageError("expected an entry's body as a table")
        return cls(index, time, kind, body, previous)


def read_entry(content: str) -> Entry:
    """The entry that `content` says. Raises UsageError unless it is exactly what `Entry.content` writes."""
    value = _plain(content)
    if value is not None:
        return Entry.from_json(value)
    try:
        entry = Entry.from_json(json.loads(content))
        same = entry.content == content
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise UsageError("expected an entry of canonical JSON, got other text")
    return entry


def _refuse(number: str) -> int:
    raise ValueError(number)


def _short(number: str) -> int:
    return int(number) if len(number) <= SHORT else _refuse(number)


_READ = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse, parse_int=_short)
_WRITE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _plain(content: str) -> object:
    """What `content` says, if it is short, shallow and without large numbers, and canonical then; None if not.

    Most entries are, and the check of a ledger spends half its time in the rules for the others.
    """
    if len(content) > PLAIN_LIMIT or content.count("{") + content.count("[") > DEPTH_LIMIT:
        return None
    try:
        value: object = _READ.decode(content)
        content.encode()  # no lone surrogates
    except ValueError:
        return None
    return value if _WRITE.encode(value) == content else None


def cosigned_body(checkpoint: Checkpoint, note: str) -> dict[str, JSON]:
    """What an entry `cosigned` says of another party's checkpoint: its head stands in this log from then on."""
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "checkpoint": hashlib.sha256(note.encode(errors="surrogateescape")).hexdigest(),
    }
