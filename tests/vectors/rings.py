"""The vectors of the rings of engine shamir: products, inverses and Lagrange coefficients."""

from __future__ import annotations

import hashlib
from typing import Any

from mpcstats.algebra.galois import BITS, NUMBERS, Constant, Extension, interpolation
from mpcstats.algebra.galois_wide import WIDE


def galois() -> dict[str, Any]:
    """Products, inverses and Lagrange coefficients, in hex, the coefficient of X^0 first (docs/shamir.md, Rings)."""
    rings: dict[str, Extension] = {"numbers": NUMBERS, "bits": BITS, "wide": WIDE}
    products, inverses, coefficients = [], [], []
    for name, ring in rings.items():
        for i in range(3):
            x, y = (_constant(ring, f"{name} {which} {i}") for which in "xy")
            product = _hexes(ring.times(x, y))
            products.append({"ring": name, "x": _hexes(x), "y": _hexes(y), "product": product})
            unit: Constant = (x[0] | 1, *x[1:])
            found = _hexes(ring.inverse(unit))
            inverses.append({"ring": name, "x": _hexes(unit), "inverse": found})
        for known, wanted in (((1, 2), 0), ((1, 2, 3), 0), ((0, 4, 5), 7), ((2, 9, 14, 15), 0)):
            (row,) = interpolation(ring, known, (wanted,))
            coefficients.append(
                {
                    "ring": name,
                    "known": list(known),
                    "wanted": wanted,
                    "row": [_hexes(c) for c in row],
                }
            )
    return {"products": products, "inverses": inverses, "lagrange": coefficients}


def _constant(ring: Extension, title: str) -> Constant:
    drawn = hashlib.sha512(f"mpcstats galois {title}".encode()).digest()
    a, b, c, d = (int.from_bytes(drawn[i : i + 16]) % ring.modulus for i in range(0, 64, 16))
    return a, b, c, d


def _hexes(x: Constant) -> list[str]:
    return [f"{part:x}" for part in x]
