"""Vectors of private_join: counts, sums in slots, thresholds and recipients; faults of elements, keys, ciphertexts."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.pairing import P, Q
from tests.vectors.bad import Bad, lengths
from tests.vectors.kernel import _pair
from tests.vectors.kernel._pair import bad, put
from tests.vectors.world import Setting

from mpcstats.engines.pair.numbers import to_words
from mpcstats.protocols.private_join import private_join
from mpcstats.session import Session

PROTOCOL = "private_join"
KEYS = [(1, 2), (2**64 - 1, 0), (7, 7)]


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    holder = {(7, 7): (5, -1), (1, 2): (-9, 1000), (8, 8): (100, 100)}
    counted = dict.fromkeys(holder, ())
    found: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
        "count": ("two of three keys, told to both", KEYS, counted, {}),
        "count_for_the_matcher": ("nobody else is told", KEYS, counted, {"size_to": ["a"]}),
        "nothing_in_common": ("0 matches are fewer than 1", KEYS, {(9, 9): (), (3, 3): ()}, {}),
        "full_tables": ("as many keys as the bounds say", KEYS, counted, {"rows": (3, 3)}),
        "no_keys": ("neither has a key", [], {}, {"rows": (1, 2)}),
        "outside_recipient": (
            "a third party is told the size",
            KEYS,
            counted,
            {"size_to": ["a", "c"]},
        ),
        "sums": (
            "two columns with signs, told to the holder and a third party",
            KEYS,
            holder,
            {"bits": (7, 11), "sums_to": ["b", "c"], "k": 2, "rows": (3, 4)},
        ),
        "sums_below_k": (
            "two matches where three are asked for",
            KEYS,
            holder,
            {"bits": (7, 11), "sums_to": ["a", "b"], "k": 3, "rows": (3, 3)},
        ),
    }
    return {
        title: _pair.setting_of(PROTOCOL, title, about, matcher, rows, **more)
        for title, (about, matcher, rows, more) in found.items()
    }


async def body(setting: Setting, session: Session) -> Any:
    """A party's part."""
    table, join = _pair.table_of(setting, session), _pair.join_of(setting)
    return _pair.told(await private_join(session, join, table, key=_pair.key_of(setting)))


def check(vector: _pair.Vector) -> None:
    """Every message by the book, and what a plain join of the inputs gives."""
    size, sums = _pair.check_messages(vector, {})
    inputs = vector["inputs"]
    common = [i for i, key in enumerate(inputs["holder"]) if key in inputs["matcher"]]
    assert size == len(common)
    values = inputs.get("values", [])
    assert sums == [sum(values[i][j] for i in common) for j in range(len(sums))]
    assert all(found in (size, None) for _, found, _ in vector["results"].values())


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, n = "sums", P * Q
    key, second, total = "run/second/key#0", "run/second/block0#0", "run/total#0"

    def cipher(c: int, row: int = 0) -> Any:
        return put(4 + 100 * row, to_words([c], 96)[0])

    def modulus(value: int) -> Any:
        return put(0, to_words([value], 48)[0])

    def fault(about: str, step: str, arrives: Any, outcome: str = "fault", to: str = "a") -> Bad:
        return bad(about, base, outcome, step, "b" if to == "a" else "a", to, arrives)

    def third(about: str, word: int) -> Bad:
        return bad(about, base, "fault", "run/open/sums#0", "b", "c", put(word, [1]))

    return {
        **_pair.element_cases("count"),
        **lengths(base, "key", key, "b", "a", told="the modulus and its proof"),
        **lengths(base, "total", total, "a", "b", told="the masked sum"),
        "modulus_even": fault("the modulus is even", key, modulus(n + 1)),
        "modulus_short": fault("the modulus has a bit less", key, modulus(n >> 1)),
        "modulus_of_others": fault(
            "the modulus is not the one of the proof", key, modulus(n + 2**17)
        ),
        "proof_changed": fault("a root of the proof is another", key, put(48, [1])),
        "proof_zero": fault(
            "a root of the proof is 0", key, put(48, np.zeros(48, dtype=np.uint64))
        ),
        "ciphertext_zero": fault("a ciphertext is 0", second, cipher(0, 1)),
        "ciphertext_of_n_squared": fault("a ciphertext is n^2", second, cipher(n * n, 2)),
        "ciphertext_no_unit": fault("a ciphertext is a multiple of p", second, cipher(5 * P, 3)),
        "total_zero": fault("the masked sum is 0", total, cipher_total(0), to="b"),
        "total_too_large": fault(
            "the masked sum is above n^2", total, cipher_total(n * n + 1), to="b"
        ),
        "total_no_unit": fault(
            "the masked sum is a multiple of q", total, cipher_total(3 * Q), to="b"
        ),
        "sum_changed": third("a word of the masked sum for a third party is another", 0),
        "modulus_changed_at_the_end": third("a third party gets two moduli", 48),
    }


def cipher_total(c: int) -> Any:
    """The masked sum replaced."""
    return put(0, to_words([c], 96)[0])
