"""Vectors of noise: both laws, whole and divided parts, providers inside and outside, columns without noise."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count, islice
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths
from tests.vectors.good import drawn, head, shared
from tests.vectors.kernel._wide import number, plain_of
from tests.vectors.plays import arith_of, engine_of, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.protocols.held import Summand
from mpcstats.protocols.noise import Asked, Law, noise
from mpcstats.session import Session

PROTOCOL = "noise"
TEN, WHOLE, GAUSS = ("laplace", 10, 1), ("laplace", 100000, 3), ("gaussian", 401, 2)
Plain = Sequence[Sequence[int]]
LawText = tuple[str, int, int]


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str, about: str, laws: Sequence[LawText | None], columns: Plain, owners: str = ""
    ) -> Setting:
        stream = drawn(f"noise {title}")
        flat = [value for column in columns for value in column]

        def key(of: str) -> str:
            return hashlib.sha256(f"noise vector {of}".encode()).hexdigest()

        return {
            **head(PROTOCOL, title, about, sorted(set(owners) - set("abc"))),
            "roles": {"providers": list(owners)},
            "sizes": {"cells": len(columns[0]), "laws": [law and list(law) for law in laws]},
            "inputs": {
                "matter": key(f"matter {title}"),
                "keys": {party: key(f"key {party}") for party in "abc"},
                "states": [{"owner": o, "words": key(f"state {o}")} for o in owners],
                "plain": {"values": flat},
                "values": shared(flat, stream),
            },
        }

    four = (12, 0, 7, 1000)
    made: dict[str, tuple[Any, ...]] = {
        "laplace": ("counts in four cells, a provider inside", [TEN], [four], "b"),
        "laplace_whole": (
            "a scale that is too large to be divided, providers inside and outside",
            [WHOLE], [[1 << 40, -(1 << 40), 5]], "ad",
        ),
        "gaussian": ("a variance that is no whole number, nobody states anything", [GAUSS], [four], ""),
        "three_columns": (
            "the second column is left as it is; two laws", [TEN, None, GAUSS],
            [(1, 2), (3, 4), (-5, 6)], "d",
        ),
        "no_cells": ("no cell: messages without words are sent", [TEN], [()], "c"),
    }  # fmt: skip
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    laws = [law and Law(law[0], Fraction(law[1], law[2])) for law in sizes["laws"]]
    key = inputs["keys"].get(session.me)
    states = tuple(
        Summand(s["owner"], from_hex(s["words"]) if s["owner"] == session.me else None)
        for s in inputs["states"]
    )
    n = len(inputs["plain"]["values"])
    values = arith_of(setting, session, inputs["values"], n)
    asked = Asked(
        bytes.fromhex(inputs["matter"]), states, None if key is None else bytes.fromhex(key)
    )
    found = await noise(session, engine_of(setting), values, laws, asked=asked)
    return {"values": shares(found.values)}


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, both = "laplace", "laplace_whole"
    state, part = "run/state/0-b#0", "run/part/0-a#0"
    outside = "run/state/1-d#0"
    keys, states = ["inputs", "keys"], ["inputs", "states"]
    return {
        **lengths(base, "state", state, "b", "a", told="a provider's state"),
        **lengths(both, "outside_state", outside, "d", "c", told="an outside provider's state"),
        **lengths(base, "part", part, "a", "c", told="the component of a part"),
        "state_changed": changed(
            base, "a compute party hears of other data: its part is another one, as good as the first",
            state, "b", "a", flip(), "undetected",
        ),
        "part_changed": changed(
            base, "one bit of a part: nobody can tell", part, "a", "c", flip(), "undetected"
        ),
        "part_left_out": Bad(
            "a party with another key puts in another part", base, "undetected",
            setting=[(["a"], [*keys, "a"], OTHER_SEED)],
        ),
        "key_absent": Bad(
            "a compute party has no key", base, "fault", setting=[(["a"], [*keys, "a"], None)]
        ),
        "key_too_short": Bad(
            "a key of 31 bytes", base, "fault", setting=[(["b"], [*keys, "b"], "11" * 31)]
        ),
        "state_too_short_at_its_owner": Bad(
            "a provider's state has 3 words", base, "fault",
            setting=[([], [*states, 0, "words"], "22" * 24)],
        ),
        "other_matter": Bad(
            "a party draws for another question", base, "undetected",
            setting=[(["c"], ["inputs", "matter"], OTHER_SEED)],
        ),
        "no_law": Bad("no column has a law", base, "fault", setting=[([], ["sizes", "laws"], [None])]),
        "no_such_variance": Bad(
            "a variance of 0", "gaussian", "fault",
            setting=[([], ["sizes", "laws"], [["gaussian", 0, 1]])],
        ),
        "columns_of_unequal_length": Bad(
            "three values in two columns", both, "fault",
            setting=[([], ["sizes", "laws"], [["laplace", 1, 1], None])],
        ),
        "another_law_at_a_party": Bad(
            "a party draws by a smaller scale", base, "undetected",
            setting=[(["a"], ["sizes", "laws", 0], ["laplace", 1, 1])],
        ),
        "unequal_pair_seeds": Bad(
            "the stream that the owner of a part subtracts is not the one that its holder draws", base,
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The results are the values and three parts, drawn here once more by a second implementation."""
    sizes, inputs = vector["sizes"], vector["inputs"]
    cells, laws = sizes["cells"], sizes["laws"]
    expected = list(inputs["plain"]["values"])
    assert plain_of(inputs["values"], len(expected)) == expected
    for party in vector["compute"]:
        for column, law in enumerate(laws):
            for cell in range(cells if law else 0):
                expected[column * cells + cell] += part_of(inputs, party, law, column, cell)
    assert number({**vector, "results": _flat(vector)}, "values", len(expected)) == expected
    assert vector["openings"] == []


def _flat(vector: dict[str, Any]) -> dict[str, Any]:
    return {party: vector["results"][party] for party in vector["compute"]}


def part_of(inputs: dict[str, Any], party: str, law: Sequence[Any], column: int, cell: int) -> int:
    """The part of spec.md, *Draws* and *Parts*, written down a second time."""
    states = [bytes.fromhex(s["words"]) for s in inputs["states"]]
    name = ["mpcstats noise 1", bytes.fromhex(inputs["matter"]), len(states), *states]
    coded = b"".join(_coded(part) for part in [*name, *law, 2, column, cell])
    key = hmac.new(bytes.fromhex(inputs["keys"][party]), coded, "sha256").digest()[:16]
    coins = _coins(key)
    value = Fraction(law[1], law[2])
    if law[0] == "gaussian":
        return _gaussian(coins, value / 2)
    if value > 1024:
        return _laplace(coins, value)
    return _half(coins, value) - _half(coins, value)


def _coded(part: object) -> bytes:
    kind = {bytes: b"b", int: b"i", str: b"s"}[type(part)]
    text = part if isinstance(part, bytes) else str(part).encode()
    return kind + str(len(text)).encode() + b":" + text


def _coins(key: bytes) -> Iterator[int]:
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    for _ in count():
        for byte in stream.update(bytes(64)):
            yield from (byte >> i & 1 for i in range(8))


def _uniform(coins: Iterator[int], bound: int) -> int:
    while True:
        found = sum(c << i for i, c in enumerate(islice(coins, (bound - 1).bit_length())))
        if found < bound:
            return found


def _geometric(coins: Iterator[int], scale: Fraction) -> int:
    t, s = scale.as_integer_ratio()
    u = _uniform(coins, t)
    while not _within(coins, u, t):
        u = _uniform(coins, t)
    v = 0
    while _within(coins, 1, 1):
        v += 1
    return (u + t * v) // s


def _within(coins: Iterator[int], a: int, b: int) -> bool:
    """As `_chance` of a / b, without reducing the fraction: b says how many coins are thrown."""
    trial = 1
    while _uniform(coins, b * trial) < a:
        trial += 1
    return trial % 2 == 1


def _laplace(coins: Iterator[int], scale: Fraction) -> int:
    while True:
        size = _geometric(coins, scale)
        sign = next(coins)
        if size or not sign:
            return -size if sign else size


def _half(coins: Iterator[int], scale: Fraction) -> int:
    while True:
        size = _geometric(coins, scale)
        if sum(islice(coins, 2 * size)) == size:
            return size


def _gaussian(coins: Iterator[int], variance: Fraction) -> int:
    t = int(np.sqrt(float(variance))) + 1
    while True:
        z = _laplace(coins, Fraction(t))
        if _rate(coins, (abs(z) - variance / t) ** 2 / (2 * variance)):
            return z


def _rate(coins: Iterator[int], rate: Fraction) -> bool:
    whole, rest = divmod(rate, 1)
    return all(_within(coins, 1, 1) for _ in range(int(whole))) and _within(
        coins, (rest * rate.denominator).numerator, rate.denominator
    )
