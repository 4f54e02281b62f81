"""Lookup join: for each key of the left owner, whether the right owner has it, and its values if so.

The right owner R packs {key -> (tag, values)} into a linear key-value store D and sends E = D + mask to the
left owner L; the helper H knows the mask. L decodes E, H the mask, at positions that only L's keys name: the
difference is (tag, values) for a key of R and junk for any other. One equality of tags gives a secret hit.
Trust: H must collude with neither L nor R. Specification and argument: protocols/lookup_join/spec.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import keyvalue
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits, Positions
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.held import Held, Summand
from mpcstats.session import Session, Stream, Words, parallel

TAG_BITS = 64
SEED_PARTS = 3  # 32-bit parts of a position seed
KEY_WORDS = 4  # two AES-128 keys
MASK_WORDS = 1 << 15  # drawn at once: they stay in the L2 cache
Seeds = NDArray[np.uint32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lookup:
    """Who plays which role, and the public sizes: bounds on the keys of both sides, number of value columns."""

    left: str
    right: str
    helper: str
    left_rows: int
    right_rows: int
    values: int

    def __post_init__(self) -> None:
        if len({self.left, self.right, self.helper}) != 3:
            raise InternalError("expected left, right and helper to be three different parties")


@dataclass(frozen=True, slots=True)
class LeftTable:
    """L's distinct keys as 128-bit digests, shape (m, 2), m <= left_rows; further rows never hit.

    `places`: ascending, in which of the left rows the keys stand (None: in the first ones).
    """

    keys: Words = field(repr=False)
    places: Positions | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RightTable:
    """R's distinct keys as 128-bit digests, shape (m, 2), m <= right_rows, and their values, shape (m, values)."""

    keys: Words = field(repr=False)
    values: Words = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """For each left row: the hit bit, and the value columns, junk where there is no hit: never open them so."""

    hit: Bits
    columns: tuple[Held, ...]


async def lookup_join(
    session: Session,
    engine: Engine,
    lookup: Lookup,
    *,
    left: LeftTable | None = None,
    right: RightTable | None = None,
) -> Found:
    """Look L's keys up in R's table; `left` is given at L, `right` at R.

    Raises PeerFault (at H) if L repeats a position seed, UsageError (at L, R) for more keys than the bound,
    InternalError (at R) if no store exists: chance below 2^-51, see spec.md.
    """
    transfer = session.narrow("transfer")
    shape = keyvalue.shape(lookup.right_rows)
    decoded = _Decoded()
    if session.me == lookup.right:
        await _send_store(transfer, lookup, shape, _given(right))
    elif session.me == lookup.left:
        decoded = await _decode_at_left(transfer, lookup, shape, _given(left))
    elif session.me == lookup.helper:
        decoded = await _decode_at_helper(transfer, lookup, shape)
    hit = await _compare_tags(session, engine, lookup, decoded.tags)
    return Found(hit, tuple(_column(lookup, decoded, j) for j in range(lookup.values)))


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What L or H has of each left row: its side of the tag, and of each column its summand; nothing elsewhere."""

    at: str = ""
    tags: Words | None = field(default=None, repr=False)
    columns: tuple[Words, ...] = field(default=(), repr=False)


async def _decode_at_left(
    session: Session, lookup: Lookup, shape: keyvalue.Shape, table: LeftTable
) -> _Decoded:
    seeds, tags = _pseudonyms(session, lookup, table)
    received = await session.exchange(
        send={lookup.helper: _packed(seeds)},
        receive={lookup.right: (shape.rows, 1 + lookup.values)},
    )
    sums = keyvalue.decode(received.pop(lookup.right), seeds, shape)
    np.subtract(sums[:, 0], tags, out=tags)
    return _Decoded(lookup.left, tags, _columns(sums))


async def _decode_at_helper(session: Session, lookup: Lookup, shape: keyvalue.Shape) -> _Decoded:
    n = lookup.left_rows
    words = (await session.exchange(receive={lookup.left: _packed_words(n)}))[lookup.left]
    seeds = _unpacked(words, n)
    _refuse_repeated(session, lookup.left, seeds)
    mask = session.stream(lookup.right).words(shape.rows, 1 + lookup.values)
    sums = keyvalue.decode(mask, seeds, shape)
    tags = sums[:, 0].copy()
    # value = L's sum - H's sum
    return _Decoded(lookup.helper, tags, _columns(np.negative(sums, out=sums)))


def _columns(sums: Words) -> tuple[Words, ...]:
    return tuple(np.ascontiguousarray(column) for column in sums.T[1:])


async def _send_store(
    session: Session, lookup: Lookup, shape: keyvalue.Shape, table: RightTable
) -> None:
    seeds, tags = _prf(session, lookup.left, table.keys)
    if table.values.shape != (len(seeds), lookup.values):
        raise InternalError(
            f"expected values of shape {(len(seeds), lookup.values)}, got {table.values.shape}"
        )
    # A store of as many keys as the bound says takes the same time whatever the number of real ones.
    keys, padding = len(tags), _padding(len(tags), lookup.right_rows)
    fill = session.private()
    seeds = np.concatenate([seeds, _random_seeds(fill, padding)])
    words = np.empty((keys + padding, 1 + lookup.values), dtype=np.uint64)
    words[:keys, 0] = tags
    words[:keys, 1:] = table.values
    words[keys:] = fill.words(padding, 1 + lookup.values)
    store = keyvalue.build(seeds, words, shape)
    del tags, words  # as large as the store, and the answer is long in coming
    _add_stream(store, session.stream(lookup.helper))
    await session.exchange(send={lookup.left: store})


def _add_stream(store: Words, stream: Stream) -> None:
    flat = store.reshape(-1)
    for start in range(0, flat.size, MASK_WORDS):
        part = flat[start : start + MASK_WORDS]
        part += stream.words(part.size)


def _pseudonyms(session: Session, lookup: Lookup, table: LeftTable) -> tuple[Seeds, Words]:
    seeds, tags = _prf(session, lookup.right, table.keys)
    padding = _padding(len(seeds), lookup.left_rows)
    fill = session.private()
    every_seed = np.concatenate([seeds, _random_seeds(fill, padding)])
    every_tag = np.concatenate([tags, fill.words(padding)])
    if table.places is None:
        return every_seed, every_tag
    order = _order(table.places, lookup.left_rows)
    return every_seed[order], every_tag[order]


def _order(places: Positions, rows: int) -> Positions:
    """For each row which key it has; rows without one get the keys of the padding, in their order."""
    free = np.ones(rows, dtype=np.bool_)
    free[places] = False
    order = np.empty(rows, dtype=np.intp)
    order[places] = np.arange(places.size)
    order[free] = np.arange(places.size, rows)
    return order


def _padding(keys: int, bound: int) -> int:
    if keys > bound:
        raise UsageError(f"expected at most {bound} keys by the public bound, got {keys}")
    return bound - keys


def _random_seeds(stream: Stream, count: int) -> Seeds:
    return stream.words(count, 2).view(np.uint32)[:, :SEED_PARTS]


def _prf(session: Session, peer: str, keys: Words) -> tuple[Seeds, Words]:
    """A position seed (96 bits) and a tag (64 bits) for each key, by AES under keys that L and R alone know.

    AES-128 is a permutation of the 128-bit digests: distinct keys have distinct blocks before they are cut.
    """
    secret = session.stream(peer).words(KEY_WORDS).astype("<u8").tobytes()
    plain = np.ascontiguousarray(keys)
    blocks = [_encrypt(secret[start : start + 16], plain) for start in (0, 16)]
    return blocks[0].view(np.uint32)[:, :SEED_PARTS], np.ascontiguousarray(blocks[1][:, 0])


def _encrypt(key: bytes, blocks: Words) -> Words:
    # ECB: every block is a digest of its own, and the output is used as a PRF value, not as a ciphertext.
    # The library asks for room for one block more than it writes.
    room = np.empty((blocks.shape[0] + 1, 2), dtype=np.uint64)
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    encrypt.update_into(blocks.data.cast("B") if blocks.size else b"", room.data.cast("B"))
    return room[:-1]


async def _compare_tags(
    session: Session, engine: Engine, lookup: Lookup, tags: Words | None
) -> Bits:
    n = lookup.left_rows
    rows = None if tags is None else slicing.slice_bits(tags, TAG_BITS)
    sides = [("left-tags", lookup.left), ("helper-tags", lookup.helper)]
    shared = await parallel(
        *(
            engine.share_bits(
                session.narrow(name),
                rows if session.me == owner else None,
                owner=owner,
                length=n,
                width=TAG_BITS,
            )
            for name, owner in sides
        )
    )
    return await engine.equal(session.narrow("hit"), shared[0], shared[1])


def _column(lookup: Lookup, decoded: _Decoded, j: int) -> Held:
    return Held(
        lookup.left_rows,
        tuple(
            Summand(owner, decoded.columns[j] if decoded.at == owner else None)
            for owner in (lookup.left, lookup.helper)
        ),
    )


def _packed_words(n: int) -> int:
    return (SEED_PARTS * n + 1) // 2


def _packed(seeds: Seeds) -> Words:
    parts = np.zeros(2 * _packed_words(seeds.shape[0]), dtype=np.uint32)
    parts[: seeds.size] = seeds.reshape(-1)
    return parts.view(np.uint64)


def _unpacked(words: Words, n: int) -> Seeds:
    return words.view(np.uint32)[: SEED_PARTS * n].reshape(n, SEED_PARTS)


def _refuse_repeated(session: Session, left: str, seeds: Seeds) -> None:
    # A repeated seed would show this helper that two rows of L have one key.
    first = seeds[:, 0].astype(np.uint64)
    first <<= np.uint64(32)
    first |= seeds[:, 1]
    first.sort()
    if np.any(first[1:] == first[:-1]) and len(np.unique(seeds, axis=0)) != len(seeds):
        raise PeerFault(left, session.step, "expected distinct position seeds, got a repeated one")


def _given(table: T | None) -> T:
    if table is None:
        raise InternalError("expected a table at its owner, got None")
    return table
