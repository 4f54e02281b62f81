"""What the vectors of two parties' joins share: settings, a party's coroutine, and every message made by the book.

The messages are computed from the private streams by tests/slowjoin, one element at a time, so a vector says what a
second implementation would send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tests import ristretto, slowjoin
from tests.pairing import P, Q
from tests.ristretto import Point
from tests.vectors.bad import Bad, at, flip, lengths, payload
from tests.vectors.plays import residues
from tests.vectors.world import Setting, private_key, seeds_for

from mpcstats.algebra import paillier
from mpcstats.protocols.private_join import Join, Joined, Table
from mpcstats.session import Session, Stream, Words
from mpcstats.session.messages import digest

Vector = dict[str, Any]
Pair = Sequence[int]


def setting_of(
    protocol: str,
    title: str,
    about: str,
    matcher: Sequence[Pair],
    holder: Mapping[tuple[int, int], Sequence[int]],
    *,
    bits: Sequence[int] = (),
    rows: tuple[int, int] = (4, 4),
    k: int = 1,
    size_to: Sequence[str] = ("a", "b"),
    sums_to: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> Setting:
    """A setting in which a matches and b holds; recipients beside the two are parties too."""
    parties = sorted({"a", "b", *size_to, *sums_to})
    inputs: dict[str, Any] = {
        "matcher": [list(key) for key in matcher],
        "holder": [list(key) for key in holder],
    }
    if bits:
        inputs |= {"values": [list(row) for row in holder.values()], "key": [f"{P:x}", f"{Q:x}"]}
    return {
        "about": about,
        "protocol": protocol,
        "version": 1,
        "parties": parties,
        "compute": [],
        "roles": {
            "matcher": "a",
            "holder": "b",
            "size_to": list(size_to),
            "sums_to": list(sums_to),
        },
        "sizes": {
            "matcher_rows": rows[0],
            "holder_rows": rows[1],
            "bits": list(bits),
            "k": k,
            **(more or {}),
        },
        "inputs": inputs,
        **seeds_for(f"{protocol} {title}", parties),
    }


def join_of(setting: Setting) -> Join:
    roles, sizes = setting["roles"], setting["sizes"]
    return Join(
        roles["matcher"],
        roles["holder"],
        sizes["matcher_rows"],
        sizes["holder_rows"],
        tuple(roles["size_to"]),
        sizes["k"],
        tuple(sizes["bits"]),
        tuple(roles["sums_to"]),
    )


def table_of(setting: Setting, session: Session) -> Table | None:
    roles, inputs = setting["roles"], setting["inputs"]
    if session.me not in (roles["matcher"], roles["holder"]):
        return None
    side = "matcher" if session.me == roles["matcher"] else "holder"
    keys = np.array(inputs[side], dtype=np.uint64).reshape(-1, 2)
    if side == "matcher" or "values" not in inputs:
        return Table(keys)
    values = [residues(row) for row in inputs["values"]]
    return Table(keys, np.array(values, dtype=np.uint64).reshape(len(keys), -1))


def key_of(setting: Setting) -> paillier.Secret | None:
    found = setting["inputs"].get("key")
    return None if found is None else paillier.Secret.of(*(int(text, 16) for text in found))


def told(found: Joined) -> list[Any]:
    return [found.shown, found.size, None if found.sums is None else list(found.sums)]


def check_messages(
    vector: Vector,
    dummies: Mapping[str, Sequence[bytes]],
    *,
    extra: int = 0,
    pools: int = 0,
) -> tuple[int, list[int]]:
    """Every element, ciphertext and answer of a vector of one block each; the number that is opened and the sums.

    `extra` dummies at each party, which raise the number that k asks for by `pools`.
    """
    roles, sizes, inputs = vector["roles"], vector["sizes"], vector["inputs"]
    a, b = roles["matcher"], roles["holder"]
    own, scalars = {}, {}
    for party, side, rows in ((a, "matcher", "matcher_rows"), (b, "holder", "holder_rows")):
        own[party] = points_of(
            vector, party, inputs[side], dummies.get(party, ()), sizes[rows] + extra
        )
        drawn = stream(vector, party, "run/mask").words(8)
        scalars[party] = number(drawn) % ristretto.ORDER
    first = slowjoin.masked(scalars[a], own[a])
    assert sent(vector, "run/first/out/block0#0", a, b) == b"".join(first)
    order = stream(vector, b, "run/first").permutation(len(first))
    ours = [slowjoin.again(scalars[b], first)[i] for i in order]
    assert sent(vector, "run/first/back/block0#0", b, a) == b"".join(ours)
    second = stream(vector, b, "run/second").permutation(len(own[b]))
    theirs = slowjoin.masked(scalars[b], [own[b][i] for i in second])
    hits = [element in ours for element in slowjoin.again(scalars[a], theirs)]
    values, columns = inputs.get("values", []), range(len(sizes["bits"]))
    matched = [values[i] for i, hit in zip(second, hits, strict=True) if hit and i < len(values)]
    sums = [sum(row[j] for row in matched) for j in columns]
    got = sent(vector, "run/second/block0#0", b, a)
    width = len(got) // len(theirs)
    assert [got[i : i + 32] for i in range(0, len(got), width)] == theirs
    shown = sum(hits) >= sizes["k"] + pools
    if sizes["bits"]:
        check_sums(
            vector,
            [got[i + 32 : i + width] for i in range(0, len(got), width)],
            hits,
            sums,
            shown=shown,
        )
    for party, (flag, size, opened) in vector["results"].items():
        knows_size = party == a or (shown and party in roles["size_to"])
        assert flag == (shown if party in (*roles["size_to"], *roles["sums_to"]) else None)
        assert (size is not None) == knows_size
        assert opened == (sums if shown and party in roles["sums_to"] else None)
    return sum(hits), sums


def check_sums(
    vector: Vector, rows: Sequence[bytes], hits: Sequence[bool], sums: Sequence[int], *, shown: bool
) -> None:
    """The ciphertexts hold the packed values; the masked total is the sum of those that are hits, plus the mask."""
    a, b, n = vector["roles"]["matcher"], vector["roles"]["holder"], P * Q
    key = paillier.Secret.of(P, Q)
    plain = [int(key.decrypt(int.from_bytes(row, "little"))) for row in rows]
    total = sum(x for x, hit in zip(plain, hits, strict=True) if hit) % n
    slots, shift, expected = vector["sizes"]["bits"], 0, 0
    for value, bits in zip(sums, slots, strict=True):
        expected += value << shift
        shift += bits + vector["sizes"]["holder_rows"].bit_length() + 1
    assert total == expected % n
    drawn = stream(vector, a, "run/total")
    size = n.bit_length() + 128
    bits = number(drawn.words(2 * size // 64))
    mask, r = bits % 2**size % n, (bits >> size) % 2**size % n
    got = int.from_bytes(sent(vector, "run/total#0", a, b), "little")
    assert slowjoin.decrypted(P, Q, got) == (mask + (total if shown else 0)) % n
    product = 1
    for row, hit in zip(rows, hits, strict=True):
        if hit and shown:
            product = product * int.from_bytes(row, "little") % (n * n)
    assert got == product * slowjoin.encrypted(n, mask, pow(r, n, n * n)) % (n * n)


def points_of(
    vector: Vector, party: str, keys: Sequence[Pair], dummies: Sequence[bytes], rows: int
) -> list[Point]:
    prefix = digest(bytes.fromhex(vector["run_id"]), "run/keys").astype("<u8").tobytes()
    plain = [np.array(key, dtype="<u8").tobytes() for key in keys]
    missing = rows - len(keys) - len(dummies)
    random = stream(vector, party, "run/keys").words(missing, 2)
    more = [row.astype("<u8").tobytes() for row in random]
    return slowjoin.hashed(prefix, [*plain, *dummies, *more])


def stream(vector: Vector, party: str, step: str) -> Stream:
    """A party's private stream."""
    seed = bytes.fromhex(vector["private_seeds"][party])
    return Stream(private_key(seed, bytes.fromhex(vector["run_id"]), step))


def number(words: Words) -> int:
    return int.from_bytes(words.astype("<u8").tobytes(), "little")


def sent(vector: Vector, step: str, sender: str, receiver: str) -> bytes:
    """The payload of a message."""
    name = {"step": step, "sender": sender, "receiver": receiver}
    (found,) = (m for m in vector["messages"] if name.items() <= m.items())
    return bytes.fromhex(found["payload"])


# faults

NOT_CANONICAL = np.full(4, 2**64 - 1, dtype=np.uint64)


def put(first: int, words: Any) -> Any:
    """Some words of a message replaced."""

    def change(message: Words) -> Words:
        message[first : first + len(words)] = words
        return message

    return payload(change)


def bad(
    about: str, base: str, outcome: str, step: str, sender: str, receiver: str, arrives: Any
) -> Bad:
    return Bad(about, base, outcome, [at(step, sender, receiver, arrives)])


def element_cases(base: str) -> dict[str, Bad]:
    """Faults of elements, which a count has and sums have."""
    out, back, second = "run/first/out/block0#0", "run/first/back/block0#0", "run/second/block0#0"
    neutral = np.zeros(4, dtype=np.uint64)
    odd = np.array([1, 0, 0, 0], dtype=np.uint64)

    def again(words: Words) -> Words:
        words[4:8] = words[:4]
        return words

    def of_matcher(about: str, arrives: Any) -> Bad:
        return bad(about, base, "fault", out, "a", "b", arrives)

    def of_holder(about: str, step: str, arrives: Any) -> Bad:
        return bad(about, base, "fault", step, "b", "a", arrives)

    def told_by_matcher(about: str, name: str, arrives: Any, outcome: str = "fault") -> Bad:
        return bad(about, base, outcome, f"run/open/{name}#0", "a", "b", arrives)

    no_seed = [(("a",), ("pair_seeds", "a-b"), "00" * 32)]
    no_run = [(("a",), ("run_id",), "00" * 32)]
    twice_same = payload(again)
    return {
        **lengths(base, "first", out, "a", "b", told="the matcher's masked elements"),
        "first_repeats_an_element": of_matcher("the matcher sends an element twice", twice_same),
        **lengths(base, "back", back, "b", "a", told="what the holder returns"),
        **lengths(base, "second", second, "b", "a", told="the holder's masked elements"),
        "first_not_canonical": of_matcher(
            "an element of the matcher is above 2^255", put(0, NOT_CANONICAL)
        ),
        "first_negative": of_matcher("an element of the matcher is a negative number", put(4, odd)),
        "first_neutral": of_matcher(
            "an element of the matcher is the neutral one", put(8, neutral)
        ),
        "second_not_canonical": of_holder(
            "an element of the holder is above 2^255", second, put(0, NOT_CANONICAL)
        ),
        "second_neutral": of_holder(
            "an element of the holder is the neutral one", second, put(0, neutral)
        ),
        "back_repeats_an_element": of_holder(
            "the holder returns an element twice", back, twice_same
        ),
        "second_repeats_an_element": of_holder(
            "the holder sends an element twice", second, twice_same
        ),
        "shown_is_no_bit": told_by_matcher(
            "the matcher says 2 where a bit is expected", "shown", put(0, [2])
        ),
        "size_too_large": told_by_matcher(
            "the matcher says more matches than there are rows", "size", put(0, [99])
        ),
        "size_below_k": told_by_matcher(
            "the matcher says that there are enough matches, and then none", "size", put(0, [0])
        ),
        "size_changed": told_by_matcher(
            "the matcher says another number of matches: nobody can tell",
            "size",
            flip(),
            "undetected",
        ),
        "unequal_pair_seeds": Bad(
            "a has another seed of the pair: no mask is drawn from it",
            base,
            "no difference",
            setting=no_seed,
        ),
        "unequal_run_ids": Bad(
            "the two hash keys for different runs: nothing matches",
            base,
            "undetected",
            setting=no_run,
        ),
    }
