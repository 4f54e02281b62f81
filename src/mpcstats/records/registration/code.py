"""The unified code (统一赋码) of a registered resource or product, with two check digits.

The platform's own form is not public: this one is ours until it is known. R (resource) or P (product), area of 6
digits, year of 4, serial of 7, and two check digits by ISO/IEC 7064 MOD 97-10: letters count as 10 to 35, and the
whole number leaves 1 when divided by 97. That finds every single wrong digit and every transposed pair of neighbours.
"""

from __future__ import annotations

import re
from typing import Literal

from mpcstats.errors import UsageError

CODE = re.compile(r"[RP][0-9]{19}")
AREA = re.compile(r"[0-9]{6}")
MODULUS = 97
LARGEST_SERIAL = 10**7 - 1


def make_code(kind: Literal["R", "P"], area: str, year: int, serial: int) -> str:
    """The code of that resource or product. Raises UsageError if a part does not fit its width."""
    if AREA.fullmatch(area) is None:
        raise UsageError(f"expected an area of 6 digits, got {area[:20]!r}")
    if not 1000 <= year <= 9999 or not 1 <= serial <= LARGEST_SERIAL:
        raise UsageError(
            f"expected a year of 4 digits and a serial of 1 to {LARGEST_SERIAL}, got {year}, {serial}"
        )
    body = f"{kind}{area}{year}{serial:07d}"
    return f"{body}{MODULUS + 1 - _number(body + '00') % MODULUS:02d}"


def check_code(code: str) -> str:
    """`code`, if it is one. Raises UsageError for another form, or check digits that do not fit."""
    if CODE.fullmatch(code) is None:
        raise UsageError(f"expected a code of R or P and 19 digits, got {code[:40]!r}")
    if _number(code) % MODULUS != 1:
        raise UsageError(f"{code}: expected check digits that fit, got others: it was mistyped")
    return code


def _number(text: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in text))
