"""Vectors of divide: quotients, remainders, ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import Bad, changed, flip, lengths, missing, payload, shorter, twice
from tests.vectors.good import drawn, head, shared
from tests.vectors.kernel._wide import (
    OTHER_SEED,
    bit_row,
    components_of,
    held,
    number,
    plain_of,
    shared_wide,
    wide_of,
)
from tests.vectors.plays import arith_of, engine_of
from tests.vectors.world import Setting

from mpcstats.protocols.divide import divide, ratio
from mpcstats.session import Session

PROTOCOL = "divide"
SMALL = ((3, 2), (-3, 2), (1, -3), (-2, -3), (2, 0), (0, 1))
PAIRS = ((7, 2), (-7, 2), (7, -3), (-6, -3), (5, 0), (0, 1))


def divided(
    title: str,
    about: str,
    pairs: Sequence[tuple[int, int]],
    bits: tuple[int, int],
    *,
    digit: int = 1,
    decimals: int | None = None,
    rounded: bool = False,
    outside: str = "",
) -> Setting:
    """A division, or a ratio if `decimals` are given; the numerator has 128 bits if its bound has more than 63."""
    stream = drawn(f"divide {title}")
    numerator, denominator = ([p[side] for p in pairs] for side in range(2))
    broad = bits[0] > 63
    return {
        **head(PROTOCOL, title, about, outside),
        "roles": {},
        "sizes": {
            "rows": len(pairs),
            "numerator_bits": bits[0],
            "denominator_bits": bits[1],
            "digit": digit,
            "wide": broad,
            "op": "divide" if decimals is None else "ratio",
            "decimals": decimals or 0,
            "rounded": rounded,
        },
        "inputs": {
            "plain": {"numerator": numerator, "denominator": denominator},
            "numerator": (shared_wide if broad else shared)(numerator, stream),
            "denominator": shared(denominator, stream),
        },
    }


def settings() -> dict[str, Setting]:
    found: dict[str, Callable[[str], Setting]] = {
        "bit_by_bit": lambda t: divided(
            t, "every sign, and a divisor of 0; one bit at a time", PAIRS, (3, 2)
        ),
        "digits_of_two": lambda t: divided(
            t, "the same, two bits at a time", PAIRS, (3, 2), digit=2
        ),
        "digits_of_four": lambda t: divided(
            t, "a ratio, four bits at a time: all multiples at once", PAIRS[:3], (3, 2), digit=4,
            decimals=0,
        ),
        "ratio_truncated": lambda t: divided(
            t, "one decimal, truncated toward zero; a party outside", SMALL, (2, 2),
            decimals=1, outside="d",
        ),
        "ratio_rounded": lambda t: divided(
            t, "no decimals, rounded half away from zero", SMALL, (2, 2), decimals=0, rounded=True
        ),
        "wide_numerator": lambda t: divided(
            t, "a numerator of 128 bits", ((2**63 + 5, -1), (-(2**64) + 1, 1)), (64, 1)
        ),
        "no_elements": lambda t: divided(t, "vectors without elements", (), (1, 1)),
    }  # fmt: skip
    return {title: make(title) for title, make in found.items()}


async def body(setting: Setting, session: Session) -> Any:
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    numerator = (wide_of if sizes["wide"] else arith_of)(setting, session, inputs["numerator"], n)
    denominator = arith_of(setting, session, inputs["denominator"], n)
    bounds = {name: sizes[name] for name in ("numerator_bits", "denominator_bits", "digit")}
    if sizes["op"] == "divide":
        whole = await divide(session, engine_of(setting), numerator, denominator, **bounds)
        return {
            "quotient": held(whole.quotient),
            "remainder": held(whole.remainder),
            "undefined": held(whole.undefined),
        }
    found = await ratio(
        session,
        engine_of(setting),
        numerator,
        denominator,
        decimals=sizes["decimals"],
        rounded=sizes["rounded"],
        **bounds,
    )
    return {"quotient": held(found.value), "undefined": held(found.undefined)}


def cases() -> dict[str, Bad]:
    """Faults of the numbers' bits, the digits, the factors, the conversion and the last product."""
    base, two, four = "bit_by_bit", "digits_of_two", "digits_of_four"
    return {
        **lengths(base, "upper", "run/dividend/bits/upper#0", "a", "c", told="P_0's rows of A"),
        **lengths(base, "carry", "run/digits/bit2/level1#0", "b", "a", told="shares of carries"),
        **lengths(two, "choice", "run/digits/digit1/choose#0", "c", "b", told="shares of the rest"),
        **lengths(base, "opening", "run/quotient/number/open#0", "c", "a", told="P_2's component of A"),
        "halves_one_word_short": changed(
            base, "P_0's half of a number lacks a word", "run/quotient/number/halves#0", "a", "c", shorter
        ),
        "multiples_missing": changed(
            four, "shares of odd multiples do not arrive", "run/digits/multiples/ones2/level0#0", "b",
            "a", missing, "silence",
        ),
        "negation_twice": changed(
            base, "a share of a magnitude arrives twice", "run/divisor/negate/level0#0", "a", "c", twice
        ),
        "upper_changed": changed(
            base, "a bit of A at one holder", "run/dividend/bits/upper#0", "a", "c", flip(), "undetected"
        ),
        "padding_bit_of_the_upper_rows_changed": changed(
            base, "a bit beyond the elements: it has no meaning", "run/dividend/bits/upper#0", "a", "c",
            flip(0, 6), "no difference",
        ),
        "choice_changed": changed(
            two, "a share of the rest: digits below it are wrong", "run/digits/digit1/choose#0", "c", "b",
            payload(np.invert), "undetected",
        ),
        "zero_test_changed": changed(
            base, "a share of the test for a divisor of 0: a quotient goes or appears",
            "run/factors/zero/level0#0", "b", "a", payload(np.invert), "undetected",
        ),
        "opening_changed": changed(
            base, "a bit of A as P_0 reads it", "run/quotient/number/open#0", "c", "a", flip(),
            "undetected",
        ),
        "remainder_sign_changed": changed(
            base, "a share of the last product", "run/remainder/sign#0", "c", "b",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "numerator_bound_too_wide": Bad(
            "64 bits without a sign do not fit", base, "fault",
            setting=[([], ["sizes", "numerator_bits"], 64)],
        ),
        "denominator_bound_of_nothing": Bad(
            "a bound of 0 bits", base, "fault", setting=[([], ["sizes", "denominator_bits"], 0)]
        ),
        "digit_too_large": Bad(
            "digits of 5 bits", base, "fault", setting=[([], ["sizes", "digit"], 5)]
        ),
        "decimals_below_zero": Bad(
            "minus one decimal", "ratio_truncated", "fault", setting=[([], ["sizes", "decimals"], -1)]
        ),
        "decimals_beyond_128_bits": Bad(
            "a numerator of 64 bits and 20 decimals", "wide_numerator", "fault",
            setting=[([], ["sizes", "op"], "ratio"), ([], ["sizes", "decimals"], 20)],
        ),
        "unequal_bounds": Bad(
            "a party was told of a wider numerator", base, "fault",
            setting=[(["c"], ["sizes", "numerator_bits"], 4)],
        ),
        "unequal_digits": Bad(
            "a party finds two bits at a time", base, "silence",
            setting=[(["b"], ["sizes", "digit"], 2)],
        ),
        "unequal_rows": Bad(
            "a party was told of one element less", base, "fault",
            setting=[
                (["c"], ["sizes", "rows"], 5),
                (["c"], ["inputs", "numerator"], shared(range(5), drawn("fewer"))),
                (["c"], ["inputs", "denominator"], shared(range(5), drawn("less"))),
            ],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_runs": Bad(
            "a party has another run id, so other masks", base, "undetected",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    sizes, inputs = vector["sizes"], vector["inputs"]
    n = sizes["rows"]
    for name in ("numerator", "denominator"):
        assert plain_of(inputs[name], n) == inputs["plain"][name]
    pairs = list(zip(inputs["plain"]["numerator"], inputs["plain"]["denominator"], strict=True))
    scaled = [(p * 10 ** sizes["decimals"], q) for p, q in pairs]
    assert number(vector, "quotient", n) == [quotient(sizes, p, q) for p, q in scaled]
    if sizes["op"] == "divide":
        rests = [0 if q == 0 else p - q * quotient(sizes, p, q) for p, q in pairs]
        assert number(vector, "remainder", n) == rests
    assert bit_row(components_of(vector, "undefined"), n) == [int(q == 0) for _, q in pairs]
    assert vector["openings"] == []


def quotient(sizes: Mapping[str, Any], p: int, q: int) -> int:
    """Truncated toward zero or rounded half away from it; 0 for a divisor of 0."""
    if q == 0:
        return 0
    size, by = abs(p), abs(q)
    found = (2 * size + by) // (2 * by) if sizes["rounded"] else size // by
    return found if (p < 0) == (q < 0) else -found
