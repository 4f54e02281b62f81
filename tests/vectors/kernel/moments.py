"""Vectors of moments: sums in both rings, with and without valid rows, and terms of variances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import Bad, changed, flip, lengths, missing, payload, shorter, twice
from tests.vectors.good import drawn, head, shared, shared_bits
from tests.vectors.kernel._wide import OTHER_SEED, bit_row, held, number, plain_of
from tests.vectors.plays import arith_of, bits_of, engine_of
from tests.vectors.world import Setting, from_hex

from mpcstats.protocols.moments import Bounds, deviation, moments
from mpcstats.session import Session

PROTOCOL = "moments"
NAMES = ("count", "x", "xx", "y", "yy", "xy")
FAR = 2**61


def summed(
    title: str,
    about: str,
    columns: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    valid: Sequence[int] | None = None,
    outside: str = "",
) -> Setting:
    stream = drawn(f"moments {title}")
    return {
        **head(PROTOCOL, title, about, outside),
        "roles": {},
        "sizes": {"rows": len(columns[0]), "bounds": list(limits)},
        "inputs": {
            "plain": {
                "columns": [list(c) for c in columns],
                "valid": None if valid is None else list(valid),
            },
            "columns": [shared(c, stream) for c in columns],
            "valid": None if valid is None else shared_bits(valid, stream),
        },
    }


def settings() -> dict[str, Setting]:
    small, other = (3, -4, 0, 9, -9), (1, 1, -7, 2, 5)
    far = (FAR, -FAR, FAR - 1, 1 - FAR, 0)
    found: dict[str, Callable[[str], Setting]] = {
        "narrow_pair": lambda t: summed(
            t, "two columns whose sums fit 64 bits", (small, other), (9, 9)
        ),
        "valid_rows": lambda t: summed(
            t, "under a row of bits; a party outside", (small, other), (9, 9),
            valid=(1, 0, 1, 1, 0), outside="d",
        ),
        "wide_column": lambda t: summed(t, "one column of which all needs 128 bits", (far,), (FAR,)),
        "mixed_pair": lambda t: summed(
            t, "squares of x need 128 bits, so x is lifted; y is not but for xy", (far, other),
            (FAR, 9), valid=(0, 1, 1, 0, 1),
        ),
        "no_valid_row": lambda t: summed(
            t, "no row counts: n (n - 1) is 0", (small,), (9,), valid=(0, 0, 0, 0, 0)
        ),
        "no_rows": lambda t: summed(t, "columns without rows", ((), ()), (9, 9)),
    }  # fmt: skip
    return {title: make(title) for title, make in found.items()}


async def body(setting: Setting, session: Session) -> Any:
    sizes, inputs = setting["sizes"], setting["inputs"]
    n, limits = sizes["rows"], sizes["bounds"]
    engine = engine_of(setting)
    columns = [arith_of(setting, session, c, n) for c in inputs["columns"]]
    valid = None if inputs["valid"] is None else bits_of(setting, session, inputs["valid"], n)
    bounds = Bounds(n, *limits)
    found = await moments(session.narrow("moments"), engine, *columns, bounds=bounds, valid=valid)
    results = {name: getattr(found, name) for name in NAMES}
    # The squares of a column of 2^61 in five rows, times rows: below 2^127 still.
    variance = await deviation(
        session.narrow("variance"), engine, found.count, found.x, found.x, found.xx,
        bounds=Bounds(n, limits[0], limits[0]),
    )  # fmt: skip
    results |= {"variance": variance.numerator, "pairs": variance.denominator}
    if found.y is not None and found.xy is not None:
        covariance = await deviation(
            session.narrow("covariance"), engine, found.count, found.x, found.y, found.xy,
            bounds=bounds,
        )  # fmt: skip
        results["covariance"] = covariance.numerator
    return {name: held(secret) for name, secret in results.items() if secret is not None}


def cases() -> dict[str, Bad]:
    """Faults of the bits, the lift, the dot products and the terms of a variance."""
    plain, under, wide = "narrow_pair", "valid_rows", "wide_column"
    lift, dot = "run/moments/lift", "run/moments/dot00#0"
    return {
        **lengths(wide, "lift_split", f"{lift}/split#0", "a", "c", told="P_0's halves of a lift"),
        **lengths(wide, "lift_join", f"{lift}/join#0", "b", "c", told="P_1's part of a product"),
        **lengths(wide, "dot", dot, "c", "b", told="a sum of products in 128 bits"),
        **lengths(under, "mask", "run/moments/valid/mask#0", "b", "a", told="the masked columns"),
        "narrow_dot_one_word_short": changed(
            plain, "a sum of products in 64 bits lacks its word", dot, "b", "a", shorter
        ),
        "bits_missing": changed(
            under, "half of a bit does not arrive", "run/moments/valid/bit/split#0", "b", "a", missing,
            "silence",
        ),
        "variance_twice": changed(
            plain, "the products of a variance arrive twice", "run/variance/products#0", "a", "c", twice
        ),
        "lift_changed": changed(
            wide, "P_0's high word at P_2: what is lifted is 2^64 more or less", f"{lift}/split#0", "a",
            "c", flip(), "undetected",
        ),
        "lift_product_changed": changed(
            wide, "P_1's part of a b at P_2", f"{lift}/join#0", "b", "c", flip(), "undetected"
        ),
        "dot_changed": changed(
            wide, "the high word of a sum of squares", dot, "c", "b", flip(1), "undetected"
        ),
        "mask_changed": changed(
            under, "a value of a row that does not count", "run/moments/valid/mask#0", "b", "a",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "variance_changed": changed(
            plain, "n Sxx in the terms of a variance", "run/variance/products#0", "c", "b", flip(),
            "undetected",
        ),
        "bounds_beyond_128_bits": Bad(
            "sums of products may reach 2^127", "mixed_pair", "fault",
            setting=[([], ["sizes", "bounds"], [FAR, 2**64])],
        ),
        "column_too_wide_for_a_lift": Bad(
            "a column of 2^62 of which 128 bits are needed", wide, "fault",
            setting=[([], ["sizes", "bounds"], [2**62])],
        ),
        "bound_below_zero": Bad(
            "a bound of -1", plain, "fault", setting=[([], ["sizes", "bounds"], [9, -1])]
        ),
        "unequal_bounds": Bad(
            "a party was told of a column that needs 128 bits: it waits for a lift", plain, "silence",
            setting=[(["b"], ["sizes", "bounds"], [FAR, 9])],
        ),
        "unequal_rows": Bad(
            "a party was told of more rows than it has", under, "fault",
            setting=[(["c"], ["sizes", "rows"], 6)],
        ),
        "unequal_valid_rows": Bad(
            "a party has no row of bits: it begins with the sums", under, "silence",
            setting=[(["b"], ["inputs", "valid"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", wide, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_runs": Bad(
            "a party has another run id, so other masks", plain, "undetected",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    sizes, inputs = vector["sizes"], vector["inputs"]
    n, plain = sizes["rows"], inputs["plain"]
    columns = plain["columns"]
    assert [plain_of(c, n) for c in inputs["columns"]] == columns
    kept = list(range(n))
    if inputs["valid"] is not None:
        assert bit_row([from_hex(c) for c in inputs["valid"]], n) == plain["valid"]
        kept = [i for i in kept if plain["valid"][i]]
    x, y = ([column[i] for i in kept] for column in (columns[0], columns[-1]))
    expected = {
        "count": len(kept),
        **{name: sum(c) for name, c in (("x", x), ("y", y))},
        **{
            name: sum(p * q for p, q in zip(c, d, strict=True))
            for name, c, d in (("xx", x, x), ("yy", y, y), ("xy", x, y))
        },
    }
    expected["variance"] = len(kept) * expected["xx"] - expected["x"] ** 2
    expected["covariance"] = len(kept) * expected["xy"] - expected["x"] * expected["y"]
    expected["pairs"] = len(kept) * (len(kept) - 1)
    names = vector["results"]["a"]
    of_two = {"y", "yy", "xy", "covariance"}
    assert set(names) == {k for k in expected if len(columns) == 2 or k not in of_two}
    for name in names:
        assert number(vector, name, 1) == [expected[name]]
    assert vector["openings"] == []
