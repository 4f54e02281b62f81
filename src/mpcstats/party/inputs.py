"""What a party comes with to a run, committed to before a share is sent: whoever doubts it later can have it opened.

A commitment says nothing of the rows. Its salt follows from the party's signing key and the run, so the party
keeps nothing, and nobody else can try contents out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mpcstats.engines.share import Positions
from mpcstats.party.data.sources import Rows
from mpcstats.records.ledger.commitment import SALT_BYTES, commit

PURPOSE = b"mpcstats input salt 1"
STATE = "state"  # of rows in an order of their own; no fragment has a name of two words


def commitments(rows: Mapping[str, Rows], key: Ed25519PrivateKey, label: str) -> dict[str, str]:
    """The commitment to the rows of each fragment in the run `label`, 64 hex digits each."""
    return {name: committed(key, label, name, content(own)) for name, own in rows.items()}


def committed(key: Ed25519PrivateKey, label: str, name: str, given: bytes) -> str:
    """The commitment to one input in the run `label`, as bytes."""
    return commit(given, salt(key, label, name))


def state(rows: Mapping[str, Rows], key: Ed25519PrivateKey, label: str) -> dict[str, str]:
    """The commitment to the rows of each fragment in whatever order they came, as of the run `label`.

    Equal for equal rows and label, at this party alone: so it can tell later whether its rows have changed since.
    """
    return {
        name: commit(content(ordered(own)), salt(key, label, f"{STATE} {name}"))
        for name, own in rows.items()
    }


def ordered(rows: Rows) -> Rows:
    """The rows in an order of their own: a database gives them in any. Cells have places, and stay as they are."""
    if len(rows.keys):  # distinct
        order = np.lexsort((rows.keys[:, 1], rows.keys[:, 0]))
    elif rows.columns:
        order = _by_content([part for c in rows.columns.values() for part in (c.values, c.known)])
    else:
        return rows
    return Rows(
        rows.keys[order] if len(rows.keys) else rows.keys,
        {name: column[order] for name, column in rows.values.items()},
        {name: column[order] for name, column in rows.codes.items()},
        {name: column.taken(order) for name, column in rows.columns.items()},
    )


def _by_content(columns: Sequence[np.ndarray[tuple[int, ...], np.dtype[Any]]]) -> Positions:
    """The rows' order by all their bytes."""
    count = len(columns[0])
    if not count:
        return np.zeros(0, dtype=np.intp)
    flat = [np.frombuffer(_bytes(c), dtype=np.uint8).reshape(count, -1) for c in columns]
    wide = np.ascontiguousarray(np.concatenate(flat, axis=1))
    return np.argsort(wide.view(f"V{wide.shape[1]}").reshape(-1), kind="stable")


def salt(key: Ed25519PrivateKey, label: str, fragment: str) -> bytes:
    """The salt of one commitment: with the rows, all that it takes to open it."""
    about = json.dumps([label, fragment]).encode()
    derived = HKDF(SHA256(), length=SALT_BYTES, salt=PURPOSE, info=about)
    return derived.derive(key.private_bytes_raw())


def content(rows: Rows) -> bytes:
    """The rows as bytes: a line of JSON that says their form, then keys, values, codes and columns, little-endian.

    Of a column of a relational plan come its values, then a byte a row, 0 where the value is NULL.
    """
    columns = {**rows.values, **rows.codes}
    form: dict[str, object] = {
        "keys": list(rows.keys.shape),
        "values": {name: len(column) for name, column in rows.values.items()},
        "codes": {name: len(column) for name, column in rows.codes.items()},
    }
    if rows.columns:
        form["columns"] = {name: list(c.values.shape) for name, c in rows.columns.items()}
    parts = [json.dumps(form, sort_keys=True).encode() + b"\n", _bytes(rows.keys)]
    parts += (_bytes(columns[name]) for name in sorted(columns))
    for name in sorted(rows.columns):
        parts += [_bytes(rows.columns[name].values), _bytes(rows.columns[name].known)]
    return b"".join(parts)


def _bytes(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
