"""Vectors of the gate: cells and columns that pass or not, NULL, HAVING, recipients inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    changed,
    flip,
    lengths,
    missing,
    shorter,
    twice,
)
from tests.vectors.good import COMPUTE, drawn, head, numbers_of, shared, shared_bits
from tests.vectors.plays import arith_of, bits_of, engine_of, signed
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.gate import Cells, gate
from mpcstats.session import Session

PROTOCOL = "gate"
Vector = dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """What a setting says of its columns beside their values; `known` and `supports` have one entry a column."""

    least: int = 1
    contributors: Sequence[Sequence[int]] = ()
    magnitudes: Sequence[int] = ()
    supports: Sequence[Sequence[int] | None] = ()
    known: Sequence[Sequence[int] | None] = ()
    appears: Sequence[int] | None = None


PLAIN = Columns()


def gated(
    title: str,
    about: str,
    persons: Sequence[Sequence[int]],
    columns: Sequence[Sequence[int]] = (),
    more: Columns = PLAIN,
    *,
    k: int = 11,
    to: Sequence[str] = ("a",),
) -> tuple[str, Setting]:
    stream = drawn(f"gate {title}")
    return title, {
        **head(PROTOCOL, title, about, sorted(set(to) - set(COMPUTE)), version=2),
        "roles": {"recipients": list(to)},
        "sizes": {
            "cells": len(persons[0]),
            "columns": len(columns),
            "k": k,
            "contributors": more.least,
            "magnitudes": list(more.magnitudes),
            "to": list(to),
        },
        "inputs": {
            "persons": [shared(p, stream) for p in persons],
            "values": shared([v for column in columns for v in column], stream),
            "contributors": [shared(c, stream) for c in more.contributors],
            "supports": [None if s is None else shared(s, stream) for s in more.supports],
            "known": [None if row is None else shared_bits(row, stream) for row in more.known],
            "appears": None if more.appears is None else shared_bits(more.appears, stream),
            "plain": {
                "persons": [list(p) for p in persons],
                "values": [list(column) for column in columns],
                "contributors": [list(c) for c in more.contributors],
                "supports": [None if s is None else list(s) for s in more.supports],
                "known": [None if row is None else list(row) for row in more.known],
                "appears": None if more.appears is None else list(more.appears),
            },
        },
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    stream = drawn("gate many")
    counts = (10, 11, 0, 12, 1 << 40)
    column = (-5, -6, 7, 8, 9)
    made = [
        gated(
            "inside_recipient", "counts around the minimum; values below 0", [counts], [column]
        ),
        gated("outside_recipient", "the recipient does not compute", [counts], [column], to=("d",)),
        gated(
            "recipients_in_and_out", "two recipients inside, one outside", [counts[:3]],
            [column[:3]], to=("b", "d", "c"),
        ),
        gated(
            "all_suppressed", "every cell below the minimum", [(1, 2, 10)], [(4, 5, 6)], to=("c",)
        ),
        gated(
            "none_suppressed", "no cell below a minimum of 1", [(1, 2, 3)], [(4, 5, 6)], k=1,
            to=("b",),
        ),
        gated("persons_only", "no values: only which cells pass", [counts]),
        gated(
            "two_bounds", "a cell passes if one of two providers' bounds does",
            [(10, 11, 3), (11, 2, 4)], [(1, 2, 3), (-1, -2, -3)], to=("a", "b"),
        ),
        gated(
            "three_bounds", "three bounds: one of them waits a level", [(9, 1), (1, 1), (1, 11)],
            [(1, 2)], to=("d",),
        ),
        gated(
            "many_cells", "70 cells: bits cross a word", [[int(w) for w in stream.below(22, 70)]],
            [numbers_of(stream, 70, 1 << 50)], to=("b",),
        ),
        gated(
            "contributors", "an amount is opened where 3 contribute, a count beside it everywhere",
            [counts], [column, counts], Columns(3, [(3, 2, 5, 3, 0)], (1, 0)),
        ),
        gated(
            "two_counts_of_contributors", "one of two counts is enough; both columns are amounts",
            [(11, 11, 11), (1, 1, 1)], [(1, 2, 3), (4, 5, 6)],
            Columns(3, [(2, 3, 2), (2, 1, 4)], (1, 1)), to=("d",),
        ),
        gated(
            "contributors_not_asked", "a minimum of 1 is not tested", [counts], [column],
            Columns(1, [(0, 0, 0, 0, 0)], (1,)), to=("b",),
        ),
        gated(
            "supports", "a column is opened only where 11 persons stand behind it", [counts],
            [column, counts, column], Columns(supports=[(10, 10, 0, 12, 11), None, counts]),
        ),
        gated(
            "nulls", "NULL in a shown cell is told, in a hidden one it is not", [counts],
            [column, column], Columns(known=[(0, 0, 1, 1, 1), None]), to=("a", "d"),
        ),
        gated(
            "having", "a cell that is not in the answer looks like one with few persons", [counts],
            [column], Columns(appears=(1, 1, 1, 0, 1)), to=("c",),
        ),
        gated(
            "everything", "all tests at once", [counts, counts[::-1]], [column, column[::-1], counts],
            Columns(
                2, [(1, 2, 3, 0, 2)], (1, 0, 1), [None, (11, 9, 12, 30, 11), counts],
                [(1, 1, 0, 1, 0), (0, 1, 1, 0, 1), None], (1, 0, 1, 1, 1),
            ),
            to=("b", "d"),
        ),
    ]  # fmt: skip
    return dict(made)


async def body(setting: Setting, session: Session) -> Any:
    """The gate on the given shares."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    count, columns = sizes["cells"], sizes["columns"]

    def numbers(shares: Sequence[str]) -> Arith:
        return arith_of(setting, session, shares, count)

    def row(shares: Sequence[str]) -> Bits:
        return bits_of(setting, session, shares, count)

    cells = Cells(
        count,
        columns,
        tuple(numbers(p) for p in inputs["persons"]),
        arith_of(setting, session, inputs["values"], count * columns),
        tuple(numbers(c) for c in inputs["contributors"]),
        tuple(bool(m) for m in sizes["magnitudes"]),
        tuple(None if s is None else numbers(s) for s in inputs["supports"]),
        tuple(None if k is None else row(k) for k in inputs["known"]),
        None if inputs["appears"] is None else row(inputs["appears"]),
    )
    opened = await gate(
        session,
        engine_of(setting),
        cells,
        k=sizes["k"],
        to=sizes["to"],
        contributors=sizes["contributors"],
    )
    if opened is None:
        return None
    return {
        "shown": opened.shown.astype(int).tolist(),
        "released": opened.released.astype(int).tolist(),
        "known": opened.known.astype(int).tolist(),
        "values": opened.values.tolist(),
    }


def check(vector: Vector) -> None:
    """Which cells and columns pass, by plain comparisons; shares sum to what `plain` says."""
    sizes, inputs = vector["sizes"], vector["inputs"]
    plain = inputs["plain"]
    for name in ("persons", "contributors", "supports"):
        for shares, numbers in zip(inputs[name], plain[name], strict=True):
            assert shares is None or added(shares) == numbers
    assert added(inputs["values"]) == [v for column in plain["values"] for v in column]
    rows = [*zip(inputs["known"], plain["known"], strict=True)]
    for shares, bits in [*rows, (inputs["appears"], plain["appears"])]:
        assert shares is None or exclusive(shares, sizes["cells"]) == bits
    wanted = expected(sizes, plain)
    for party, result in vector["results"].items():
        assert result == (wanted if party in sizes["to"] else None)
    assert [o["leak"] for o in vector["openings"]] == ["gated-cell"]


def added(shares: Sequence[str]) -> list[int]:
    one, two, three = (from_hex(x) for x in shares)
    return signed(one + two + three)


def exclusive(shares: Sequence[str], n: int) -> list[int]:
    one, two, three = (from_hex(x) for x in shares)
    return [int(b) for b in slicing.unpack(one ^ two ^ three, n)]


def expected(sizes: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """What a recipient learns of the numbers in `plain`."""
    cells, k = range(sizes["cells"]), sizes["k"]
    appears = plain["appears"] or [1] * len(cells)
    shown = [int(max(p[i] for p in plain["persons"]) >= k and appears[i] == 1) for i in cells]
    released, known = [], []
    for column in range(sizes["columns"]):
        passes = list(shown)
        if sizes["contributors"] > 1 and sizes["magnitudes"][column]:
            most = [max(c[i] for c in plain["contributors"]) for i in cells]
            passes = [
                p * int(m >= sizes["contributors"]) for p, m in zip(passes, most, strict=True)
            ]
        support = plain["supports"][column] if plain["supports"] else None
        if support is not None:
            passes = [p * int(s >= k) for p, s in zip(passes, support, strict=True)]
        there = plain["known"][column] if plain["known"] else None
        released.append(passes)
        known.append([p * (1 if there is None else there[i]) for i, p in enumerate(passes)])
    values = [
        [v * b for v, b in zip(column, row, strict=True)]
        for column, row in zip(plain["values"], known, strict=True)
    ]
    return {"shown": shown, "released": released, "known": known, "values": values}


def cases() -> dict[str, Bad]:
    """Faults of the comparison, the bits, the mask, and of openings to recipients inside and outside."""
    inside, outside = "run/open/to-a#0", "run/open/to-d#0"
    carry = "run/below0/carry"
    return {
        **lengths("inside_recipient", "opening", inside, "c", "a", told="the component that a lacks"),
        **lengths("inside_recipient", "digest", inside, "b", "a", told="the digest of a component"),
        **lengths("outside_recipient", "copy", outside, "b", "d", told="what P_1 sends the recipient"),
        **lengths("all_suppressed", "sign", f"{carry}/level3#0", "b", "a", told="a share of the carry"),
        "upper_part_one_word_short": changed(
            "inside_recipient", "the sliced bits of A lack a word", "run/below0/upper#0", "a", "c",
            shorter,
        ),
        "mask_missing": changed(
            "inside_recipient", "a share of a product does not arrive", "run/mask#0", "c", "b",
            missing, "silence",
        ),
        "fresh_share_twice": changed(
            "outside_recipient", "a share for the recipient arrives twice at a compute party",
            "run/open/to-d/fresh#0", "b", "a", twice,
        ),
        "unequal_copies_of_an_opening": changed(
            "inside_recipient", "one bit of the opened component", inside, "c", "a", flip(5)
        ),
        "digest_of_another_opening": changed(
            "inside_recipient", "one bit of the digest", inside, "b", "a", flip(3, 63)
        ),
        "unequal_copies_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a component", outside, "a", "d", flip(4)
        ),
        "digest_of_another_copy_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a digest", outside, "c", "d", flip(-1)
        ),
        "one_recipient_of_two_gets_another_component": changed(
            "recipients_in_and_out", "c gets another component, b does not", "run/open/to-c#0", "b",
            "c", flip(3),
        ),
        "opened_bit_is_no_bit": changed(
            "inside_recipient", "P_2 adds to the bit of a cell: it is opened as 2 more or less",
            "run/bit/join#0", "c", "a", flip(0, 1),
        ),
        "suppressed_cell_opened": changed(
            "all_suppressed", "P_2 changes its last share of the carry: a suppressed cell is opened",
            f"{carry}/level5#0", "c", "b", flip(0, 1), "undetected",
        ),
        "passing_cell_suppressed": changed(
            "inside_recipient", "P_2 changes its last share of the carry: a cell is withheld",
            f"{carry}/level5#0", "c", "b", flip(0, 1), "undetected",
        ),
        "minimum_of_zero": Bad(
            "k = 0 would open every cell", "inside_recipient", "fault",
            setting=[([], ["sizes", "k"], 0)],
        ),
        "negative_minimum": Bad(
            "k below 0", "inside_recipient", "fault", setting=[([], ["sizes", "k"], -1)]
        ),
        "no_bound": Bad(
            "cells without a count of persons", "inside_recipient", "fault",
            setting=[([], ["inputs", "persons"], [])],
        ),
        "minimum_of_no_contributors": Bad(
            "a minimum of 0 contributors", "contributors", "fault",
            setting=[([], ["sizes", "contributors"], 0)],
        ),
        "no_count_of_contributors": Bad(
            "an amount without a count of contributors", "contributors", "fault",
            setting=[([], ["inputs", "contributors"], [])],
        ),
        "column_of_a_hidden_cell": changed(
            "supports", "P_2 changes its last share of a cell's bit: a column passes that its cell does not",
            "run/supports#0", "c", "b", flip(0, 0), "fault",
        ),
        "amount_of_few_contributors_opened": changed(
            "contributors", "P_2 changes its last share of a carry: an amount of 2 contributors is opened",
            "run/fewer0/carry/level5#0", "c", "b", flip(0, 1), "undetected",
        ),
        "null_told_as_a_number": changed(
            "nulls", "P_2 changes its share of which values are there", "run/known#0", "c", "b",
            flip(0, 1), "undetected",
        ),
        "failed_condition_opened": changed(
            "having", "P_2 changes its share of which cells are in the answer", "run/appears#0", "c",
            "b", flip(0, 3), "undetected",
        ),
        "supports_missing": changed(
            "supports", "a share of the ands does not arrive", "run/supports#0", "c", "b", missing,
            "silence",
        ),
        "unequal_minimums": Bad(
            "P_0 gates with k = 1, P_2 with 11: unequal copies of a count less k", "inside_recipient",
            "undetected", setting=[(["a"], ["sizes", "k"], 1)],
        ),
        "unequal_recipients": Bad(
            "a party opens to somebody else", "inside_recipient", "silence",
            setting=[(["c"], ["sizes", "to"], ["b"])],
        ),
        "recipient_told_of_more_cells": Bad(
            "the recipient was told of two cells more", "outside_recipient", "fault",
            setting=[(["d"], ["sizes", "cells"], 7)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: junk is opened", "inside_recipient", "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "digest_of_another_run": Bad(
            "a sender has another run id", "none_suppressed", "fault",
            setting=[(["a"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip
