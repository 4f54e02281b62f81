"""Vectors of quantile: public and secret numbers of values, both ways to choose, signed values, no value at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths
from tests.vectors.good import drawn, head
from tests.vectors.kernel._rows import (
    bits_found,
    columns_of,
    compact_faults,
    given,
    number_found,
    plain_rows,
    sort_faults,
)
from tests.vectors.plays import engine_of, shares
from tests.vectors.world import Setting

from mpcstats.protocols.quantile import quantile
from mpcstats.session import Session

PROTOCOL = "quantile"
MEDIAN = [(1, 2)]
SIX = [(i, 6) for i in range(1, 7)]  # more than there are selections for


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        values: Sequence[int],
        width: int,
        at: Sequence[tuple[int, int]],
        present: Sequence[int] | None = None,
        *,
        signed: bool = False,
    ) -> Setting:
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(values), "at": [list(q) for q in at], "signed": signed},
            "inputs": given(drawn(f"{PROTOCOL} {title}"), [(values, width)], present=present),
        }

    five = (9, 3, 30, 31, 3)
    return {
        "median": setting("median", "all five rows are present", five, 5, MEDIAN),
        "median_of_present": setting(
            "median_of_present", "three of five: the second smallest of them", (6, 3, 7, 1, 2), 3, MEDIAN,
            (1, 0, 1, 0, 1),
        ),
        "six_quantiles": setting(
            "six_quantiles", "more than there are selections for: one sort", (9, 3, 15, 1, 2), 4, SIX,
            (1, 0, 1, 1, 1),
        ),
        "signed_extremes": setting(
            "signed_extremes", "smallest and largest of signed values", (-4, 3, -1), 3, [(1, 3), (1, 1)],
            signed=True,
        ),
        "nothing_present": setting(
            "nothing_present", "no value: 0, and the bit says so", (7, 5), 3, MEDIAN, (0, 0)
        ),
        "nothing_of_six_present": setting(
            "nothing_of_six_present", "the same by one sort", (7, 5), 3, SIX, (0, 0)
        ),
        "no_row": setting("no_row", "a table without rows", (), 2, MEDIAN),
    }  # fmt: skip


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes = setting["sizes"]
    (values,), _, present = columns_of(setting, session)
    at = [(a, b) for a, b in sizes["at"]]
    found = await quantile(
        session, engine_of(setting), values, at, present=present, signed=sizes["signed"]
    )
    return {
        "rows": shares(found.rows),
        "count": shares(found.count),
        "exists": shares(found.exists),
        "numbers": shares(found.numbers),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, some, six = "median", "median_of_present", "six_quantiles"
    at = ["sizes", "at"]

    def refused(about: str, value: Sequence[Sequence[int]]) -> Bad:
        return Bad(about, base, "fault", setting=[([], at, [list(q) for q in value])])

    return {
        **sort_faults(base, "run/select"),
        **compact_faults(some, "run/balance/front"),
        **lengths(six, "choice", "run/choose/choice#0", "b", "a", told="a share of a choice among ranks"),
        "choice_changed": changed(
            six, "a share of a choice among ranks", "run/choose/choice#0", "b", "a", flip(0, 1), "undetected"
        ),
        "existence_changed": changed(
            "nothing_present", "an and with existence: a value appears", "run/exists#0", "c", "b", flip(),
            "undetected",
        ),
        "bit_split_changed": changed(
            base, "half of a value's bit is one more: the number is wrong", "run/number/split#0", "b", "a",
            flip(), "undetected",
        ),
        "no_quantile": refused("nothing is asked for", []),
        "quantile_of_zero": refused("q = 0 is no rank", [(0, 2)]),
        "quantile_beyond_one": refused("q above 1", [(3, 2)]),
        "denominator_of_33_bits": refused("a denominator that is too large", [(1, 1 << 32)]),
        "unequal_quantiles": Bad(
            "a party looks for the minimum: it takes the part of another row", some, "undetected",
            setting=[(["b"], at, [[1, 100]])],
        ),
        "unequal_ways": Bad(
            "a party thinks of one quantile more and sorts once for all", six, "silence",
            setting=[(["b"], at, [[1, 2]])],
        ),
        "presence_missing_at_one_party": Bad(
            "a party takes all rows for present", some, "silence",
            setting=[(["c"], ["inputs", "present"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The order statistics of the present values."""
    (values,), _, there = plain_rows(vector)
    (column,) = vector["inputs"]["bits"]
    at = vector["sizes"]["at"]
    found = sorted(values[i] for i in there)
    expected = [found[-(-a * len(found) // b) - 1] if found else 0 for a, b in at]
    assert number_found(vector, "numbers") == [x % 2**64 for x in expected]
    width = column["width"]
    assert bits_found(vector, len(at), width, "rows") == [x % 2**width for x in expected]
    assert number_found(vector, "count") == [len(found)]
    assert bits_found(vector, 1, 1, "exists") == [int(bool(found))]
    assert {o["leak"] for o in vector["openings"]} <= {"shuffled-order", "shuffled-destination"}
