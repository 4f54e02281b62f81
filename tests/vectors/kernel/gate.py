"""Vectors of the gate: what passes under each of its rules, NULL, HAVING, recipients inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
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
from mpcstats.protocols.cells import Amount, Behind, Cells
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Stream

PROTOCOL = "gate"
Vector = dict[str, Any]
Row = Sequence[int]


@dataclass(frozen=True)
class Column:
    """A column of the cells: its values, and what stands behind it."""

    values: Row
    support: int | None = None
    rests: Sequence[int] = ()
    rank: tuple[int, int] | None = None
    amounts: Sequence[int] = ()
    known: Row | None = None

    @property
    def behind(self) -> Setting:
        """All that is public of it; the rules on amounts hold where it is made of some."""
        return {
            "support": self.support,
            "rests": list(self.rests),
            "rank": None if self.rank is None else list(self.rank),
            "amounts": list(self.amounts),
            "magnitude": int(bool(self.amounts)),
        }


@dataclass(frozen=True)
class Behinds:
    """What the gate is given beside persons and columns; an amount is its total, its parts and its dataset."""

    counts: Sequence[Row] = ()
    institutions: Sequence[Sequence[Row]] = ()
    amounts: Sequence[tuple[Row | None, Sequence[Row], int]] = ()
    appears: Row | None = None


NOTHING = Behinds()
RULES: Setting = {
    "k": 11,
    "contributors": 1,
    "p": 0,
    "largest": None,
    "complement": False,
    "zeros": False,
    "own": [],
}


def gated(
    title: str,
    about: str,
    persons: Sequence[Row],
    columns: Sequence[Column] = (),
    more: Behinds = NOTHING,
    *,
    to: Sequence[str] = ("a",),
    **rules: Any,
) -> tuple[str, Setting]:
    plain = {
        "persons": [list(p) for p in persons],
        "values": [list(c.values) for c in columns],
        "known": [None if c.known is None else list(c.known) for c in columns],
        "counts": [list(c) for c in more.counts],
        "institutions": [[list(rows) for rows in each] for each in more.institutions],
        "amounts": [
            {"total": None if total is None else list(total), "parts": [list(p) for p in parts]}
            for total, parts, _ in more.amounts
        ],
        "appears": None if more.appears is None else list(more.appears),
    }
    return title, {
        **head(PROTOCOL, title, about, sorted(set(to) - set(COMPUTE)), version=3),
        "roles": {"recipients": list(to)},
        "sizes": {
            "cells": len(persons[0]),
            "columns": len(columns),
            **RULES,
            **rules,
            "behind": [c.behind for c in columns],
            "of": [of for _, _, of in more.amounts],
            "to": list(to),
        },
        "inputs": {**_dealt(plain, drawn(f"gate {title}")), "plain": plain},
    }


def _dealt(plain: dict[str, Any], stream: Stream) -> dict[str, Any]:
    """Three components of everything in `plain`, in the same form."""

    def all_of(rows: Sequence[Row]) -> list[list[str]]:
        return [shared(row, stream) for row in rows]

    return {
        "persons": all_of(plain["persons"]),
        "values": shared([v for column in plain["values"] for v in column], stream),
        "known": [None if row is None else shared_bits(row, stream) for row in plain["known"]],
        "counts": all_of(plain["counts"]),
        "institutions": [all_of(each) for each in plain["institutions"]],
        "amounts": [
            {
                "total": None if each["total"] is None else shared(each["total"], stream),
                "parts": all_of(each["parts"]),
            }
            for each in plain["amounts"]
        ],
        "appears": None if plain["appears"] is None else shared_bits(plain["appears"], stream),
    }


COUNTS = (10, 11, 0, 12, 1 << 40)
VALUES = (-5, -6, 7, 8, 9)
PLAIN = (Column(VALUES),)


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    stream = drawn("gate many")
    many = [int(w) for w in stream.below(22, 70)]
    made = [
        gated("inside_recipient", "counts around the minimum; values below 0", [COUNTS], PLAIN),
        gated("outside_recipient", "the recipient does not compute", [COUNTS], PLAIN, to=("d",)),
        gated(
            "recipients_in_and_out", "two recipients inside, one outside", [COUNTS[:3]],
            [Column(VALUES[:3])], to=("b", "d", "c"),
        ),
        gated(
            "all_suppressed", "every cell below the minimum", [(1, 2, 10)], [Column((4, 5, 6))],
            to=("c",),
        ),
        gated(
            "none_suppressed", "no cell below a minimum of 1", [(1, 2, 3)], [Column((4, 5, 6))], k=1,
            to=("b",),
        ),
        gated("persons_only", "no values: only which cells pass", [COUNTS]),
        gated(
            "two_bounds", "a cell passes if one of two providers' bounds does",
            [(10, 11, 3), (11, 2, 4)], [Column((1, 2, 3)), Column((-1, -2, -3))], to=("a", "b"),
        ),
        gated(
            "three_bounds", "three bounds: one of them waits a level", [(9, 1), (1, 1), (1, 11)],
            [Column((1, 2))], to=("d",),
        ),
        gated(
            "many_cells", "70 cells: bits cross a word", [many],
            [Column(numbers_of(stream, 70, 1 << 50))], to=("b",),
        ),
        gated(
            "nulls", "NULL in a shown cell is told, in a hidden one it is not", [COUNTS],
            [Column(VALUES, known=(0, 0, 1, 1, 1)), Column(VALUES)], to=("a", "d"),
        ),
        gated(
            "having", "a cell that is not in the answer looks like one with few persons", [COUNTS],
            PLAIN, Behinds(appears=(1, 1, 1, 0, 1)), to=("c",),
        ),
        *_of_persons(),
        *_of_amounts(),
    ]  # fmt: skip
    return dict(made)


def _of_persons() -> list[tuple[str, Setting]]:
    """The rules on persons behind columns."""
    supports = ((10, 10, 0, 12, 11), COUNTS)
    columns = [Column(VALUES, 0), Column(COUNTS), Column(VALUES, 1)]
    around = [(30, 30, 30, 30, 30)]
    behind = ((30, 29, 20, 19, 0), (0, 1, 10, 11, 30))
    return [
        gated(
            "supports", "a column is opened only where 11 persons stand behind it", [COUNTS],
            columns, Behinds(supports),
        ),
        gated(
            "zeros", "a column to which nobody contributes may be told, one of 1 to 10 may not",
            around, [Column(VALUES, 0)], Behinds([(0, 1, 10, 11, 30)]), zeros=True, to=("b",),
        ),
        gated(
            "complement", "1 to 10 persons of a cell who do not contribute are the complement's secret",
            around, [Column(VALUES, 0, (1,)), Column(VALUES, rests=(1,))], Behinds(behind),
            complement=True,
        ),
        gated(
            "complement_of_a_support_with_zeros", "each count is a support of one column and a rest of the other",
            around, [Column(VALUES, 1, (0,)), Column(VALUES, 0, (1,))], Behinds(behind),
            complement=True, zeros=True, to=("d",),
        ),
        gated(
            "ranks", "k = 2: a median wants 5 values, the third of four quarters 9, an end more than any",
            [(4, 5, 8, 9, 1 << 40)],
            [Column(VALUES, rank=(1, 2)), Column(VALUES, rank=(3, 4)), Column(VALUES, rank=(0, 1))],
            k=2,
        ),
        gated(
            "rank_among_few", "the rank is of the column's own values, and not of the cell's persons",
            [(30, 30, 30, 30, 30)], [Column(VALUES, 0, rank=(1, 2))], Behinds([(4, 5, 22, 23, 30)]),
            to=("c",),
        ),
    ]  # fmt: skip


def _of_amounts() -> list[tuple[str, Setting]]:
    """The rules on contributions."""
    persons = [(30, 30, 30, 30, 30)]
    rows = ((9, 9, 0, 9, 1), (9, 0, 0, 1, 0), (1, 9, 9, 9, 0))
    total = (130, 116, 100, 130, 0)
    parts = ((60, 60, 60, 100, 0), (50, 50, 40, 9, 0), (20, 0, 0, 21, 0))
    one = Behinds(institutions=[rows], amounts=[(total, parts, 0)])
    counted = Behinds(institutions=[rows], amounts=[(None, (), 0)])
    amount = Column(VALUES, amounts=(0,))
    own_total = (1000, 1000, 1000, 120, 104)
    own_parts = ((450, 400, 300, 40, 60), (450, 300, 300, 40, 40), (95, 250, 300, 30, 3))
    everything = Behinds(
        [(30, 11, 12, 30, 11), (0, 19, 18, 1, 19)],
        [rows, [(1, 1, 1, 1, 1), (0, 2, 2, 2, 2)]],
        [
            ((150,) * 5, ((60,) * 5, (50,) * 5, (20,) * 5), 0),
            ((90,) * 5, ((30,) * 5, (40,) * 5), 1),
        ],
        (1, 1, 1, 0, 1),
    )
    return [
        gated(
            "contributors", "an amount is opened where 3 contribute, a count beside it everywhere",
            persons, [amount, Column(COUNTS)], counted, contributors=3,
        ),
        gated(
            "contributors_of_two_datasets", "of each dataset 2 must be there; both columns are amounts",
            persons, [Column(VALUES, amounts=(0, 1)), Column(COUNTS, amounts=(1,))],
            Behinds((), [rows, [(1, 1, 1, 1, 0), (1, 0, 1, 1, 9)]], [(None, (), 0), (None, (), 1)]),
            contributors=2, to=("d",),
        ),
        gated(
            "contributors_not_asked", "a minimum of 1 is not tested", persons, [amount], counted,
            to=("b",),
        ),
        gated(
            "own_institutions", "m = 3: of those who are not the recipient's own two, 2 are wanted",
            persons, [amount],
            Behinds(institutions=[[*rows, (1, 1, 1, 1, 1), (0, 1, 0, 1, 0)]], amounts=[(None, (), 0)]),
            contributors=3, own=[[0, 3]], to=("c",),
        ),
        gated(
            "p_rule", "p = 10: what the two largest leave is a tenth of the largest, or more", persons,
            [amount], one, p=10,
        ),
        gated(
            "p_rule_where_zeros_may_be_told", "an amount of nothing may be told as well", persons, [amount], one,
            p=10, zeros=True, to=("b",),
        ),
        gated(
            "p_rule_with_own", "the recipient knows its two institutions: the rest is one largest",
            persons, [amount],
            Behinds(institutions=[[(1,) * 5] * 3], amounts=[(own_total, own_parts, 0)]),
            p=10, own=[[0, 1]], to=("d",),
        ),
        gated(
            "dominance", "(1, 60) dominance: the largest is at most 60 per cent", persons, [amount],
            one, largest=[1, 60],
        ),
        gated(
            "dominance_of_two", "(2, 85) dominance: every two are at most 85 per cent", persons,
            [amount], one, largest=[2, 85], to=("d",),
        ),
        gated(
            "dominance_of_more_than_there_are", "all parts together are the whole amount",
            persons, [amount], one, largest=[5, 100],
        ),
        gated(
            "largest_amounts", "amounts of 2^50 keep their sign", persons, [amount],
            Behinds(
                institutions=[[(1,) * 5] * 2],
                amounts=[((1 << 50,) * 5, ((1 << 50, 0, 1 << 49, 1 << 48, 7), (0, 0, 1 << 49, 1 << 48, 7)), 0)],
            ),
            p=50, largest=[3, 100],
        ),
        gated(
            "everything", "all tests at once", [COUNTS[::-1], (30, 1, 30, 30, 2)],
            [
                Column(VALUES, 0, (1,), amounts=(0,), known=(1, 1, 0, 1, 1)),
                Column(COUNTS, 0, (1,), amounts=(1, 0)),
                Column(VALUES, 0, rank=(1, 2)),
                Column(COUNTS),
            ],
            everything, contributors=2, p=10, largest=[2, 95], complement=True, zeros=True,
            own=[[0, 1], []], to=("b", "d"),
        ),
    ]  # fmt: skip


async def body(setting: Setting, session: Session) -> Any:
    """The gate on the given shares."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    count, columns = sizes["cells"], sizes["columns"]

    def number(shares: Sequence[str]) -> Arith:
        return arith_of(setting, session, shares, count)

    def row(shares: Sequence[str] | None) -> Bits | None:
        return None if shares is None else bits_of(setting, session, shares, count)

    behind = [
        Behind(
            b["support"],
            tuple(b["rests"]),
            row(known),
            None if b["rank"] is None else (b["rank"][0], b["rank"][1]),
            tuple(b["amounts"]),
            bool(b["magnitude"]),
        )
        for b, known in zip(sizes["behind"], inputs["known"], strict=True)
    ]
    amounts = [
        Amount(
            None if each["total"] is None else number(each["total"]),
            tuple(map(number, each["parts"])),
            of,
        )
        for each, of in zip(inputs["amounts"], sizes["of"], strict=True)
    ]
    cells = Cells(
        count,
        tuple(map(number, inputs["persons"])),
        arith_of(setting, session, inputs["values"], count * columns),
        tuple(behind),
        tuple(map(number, inputs["counts"])),
        tuple(tuple(map(number, each)) for each in inputs["institutions"]),
        tuple(amounts),
        row(inputs["appears"]),
    )
    opened = await gate(session, engine_of(setting), cells, rules_of(sizes), to=sizes["to"])
    if opened is None:
        return None
    return {
        "shown": opened.shown.astype(int).tolist(),
        "released": opened.released.astype(int).tolist(),
        "known": opened.known.astype(int).tolist(),
        "values": opened.values.tolist(),
    }


def rules_of(sizes: dict[str, Any]) -> Rules:
    largest = sizes["largest"]
    return Rules(
        sizes["k"],
        sizes["contributors"],
        sizes["p"],
        None if largest is None else (largest[0], largest[1]),
        sizes["complement"],
        sizes["zeros"],
        tuple(map(tuple, sizes["own"])),
    )


def check(vector: Vector) -> None:
    """Which cells and columns pass, by a plain reading of the rules; shares sum to what `plain` says."""
    sizes, inputs = vector["sizes"], vector["inputs"]
    plain = inputs["plain"]
    assert added(inputs["values"]) == [v for column in plain["values"] for v in column]
    for shares, numbers in zip(_numbers(inputs), _numbers(plain), strict=True):
        assert shares is numbers is None or added(shares) == numbers
    rows = [*zip(inputs["known"], plain["known"], strict=True)]
    for shares, bits in [*rows, (inputs["appears"], plain["appears"])]:
        assert shares is None or exclusive(shares, sizes["cells"]) == bits
    wanted = expected(sizes, plain)
    for party, result in vector["results"].items():
        assert result == (wanted if party in sizes["to"] else None)
    assert [o["leak"] for o in vector["openings"]] == ["gated-cell"]


def _numbers(inputs: dict[str, Any]) -> list[Any]:
    """All vectors of cells but the values, or their shares."""
    return [
        *inputs["persons"],
        *inputs["counts"],
        *(rows for each in inputs["institutions"] for rows in each),
        *(vector for each in inputs["amounts"] for vector in (each["total"], *each["parts"])),
    ]


def added(shares: Sequence[str]) -> list[int]:
    one, two, three = (from_hex(x) for x in shares)
    return signed(one + two + three)


def exclusive(shares: Sequence[str], n: int) -> list[int]:
    one, two, three = (from_hex(x) for x in shares)
    return [int(b) for b in slicing.unpack(one ^ two ^ three, n)]


# What a recipient learns, read off the rules: by who could tell what, and not by the sums that the gate computes.


def expected(sizes: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """What a recipient learns of the numbers in `plain`."""
    cells, k = range(sizes["cells"]), sizes["k"]
    appears = plain["appears"] or [1] * len(cells)
    shown = [int(max(p[i] for p in plain["persons"]) >= k and appears[i] == 1) for i in cells]
    released = [
        [int(s and may_be_told(sizes, plain, b, i)) for i, s in enumerate(shown)]
        for b in sizes["behind"]
    ]
    known = [
        [r * (1 if there is None else there[i]) for i, r in enumerate(row)]
        for row, there in zip(released, plain["known"], strict=True)
    ]
    values = [
        [v * b for v, b in zip(column, row, strict=True)]
        for column, row in zip(plain["values"], known, strict=True)
    ]
    return {"shown": shown, "released": released, "known": known, "values": values}


def may_be_told(sizes: dict[str, Any], plain: dict[str, Any], behind: Setting, i: int) -> bool:
    """Whether a column passes in cell i, which is shown."""
    k, counts = sizes["k"], plain["counts"]
    support = None if behind["support"] is None else counts[behind["support"]][i]
    if behind["rank"] is not None:
        values = range(1, (plain["persons"][0][i] if support is None else support) + 1)
        place = -(-len(values) * behind["rank"][0] // behind["rank"][1])
        if len(values[: max(place - 1, 0)]) < k or len(values[place:]) < k:
            return False
    elif support is not None and support < k and not (support == 0 and sizes["zeros"]):
        return False
    if sizes["complement"] and any(counts[rest][i] in range(1, k) for rest in behind["rests"]):
        return False
    if not behind["magnitude"] or not (sizes["contributors"] > 1 or sizes["p"] or sizes["largest"]):
        return True
    datasets = {sizes["of"][a] for a in behind["amounts"]}
    return all(are_enough(sizes, plain["institutions"][d], d, i) for d in datasets) and all(
        is_safe(sizes, plain["amounts"][a], sizes["of"][a], i) for a in behind["amounts"]
    )


def own_of(sizes: dict[str, Any], dataset: int) -> list[int]:
    own: list[int] = sizes["own"][dataset] if sizes["own"] else []
    return own if len(own) > 1 else []


def are_enough(sizes: dict[str, Any], rows: Sequence[Row], dataset: int, i: int) -> bool:
    """Whether m institutions are there, and m - 1 whom the recipient does not know."""
    m, own = sizes["contributors"], own_of(sizes, dataset)
    there = {p for p, each in enumerate(rows) if each[i]}
    return len(there) >= m and (not own or m == 1 or len(there - {*own}) >= m - 1)


def is_safe(sizes: dict[str, Any], amount: dict[str, Any], dataset: int, i: int) -> bool:
    """Whether nobody who knows the amount and contributions of its own can tell another's to p per cent; (n,k)."""
    if not (sizes["p"] or sizes["largest"]):
        return True
    total = amount["total"][i]
    given = [part[i] for part in amount["parts"]]
    contributions = [*given, total - sum(given)]
    if total == 0:
        return bool(sizes["zeros"])
    insiders = [{p} for p in range(len(contributions))]
    own = {*own_of(sizes, dataset)}
    insiders += [own] if own else []
    for insider in insiders if sizes["p"] else ():
        most = total - sum(contributions[p] for p in insider)  # of all others together
        for p, amount_of in enumerate(contributions):
            # Who knows that it is at most `most` has it up to the difference.
            if p not in insider and most - amount_of < Fraction(sizes["p"], 100) * amount_of:
                return False
    if sizes["largest"] is None:
        return True
    n, k = sizes["largest"]
    return bool(sum(sorted(contributions)[-n:]) <= Fraction(k, 100) * total)


def cases() -> dict[str, Bad]:
    """Faults of the comparisons, the trees, the bits, the mask, and of openings to recipients inside and outside."""
    return {**_of_messages(), **_of_shares(), **_of_settings()}


CARRY = "run/below0/carry"
INSIDE, OUTSIDE = "run/open/to-a#0", "run/open/to-d#0"


def _of_messages() -> dict[str, Bad]:
    """What is missing, of another length, or unequal at its two holders."""
    return {
        **lengths("inside_recipient", "opening", INSIDE, "c", "a", told="the component that a lacks"),
        **lengths("inside_recipient", "digest", INSIDE, "b", "a", told="the digest of a component"),
        **lengths("outside_recipient", "copy", OUTSIDE, "b", "d", told="what P_1 sends the recipient"),
        **lengths("all_suppressed", "sign", f"{CARRY}/level3#0", "b", "a", told="a share of the carry"),
        "upper_part_one_word_short": changed(
            "inside_recipient", "the sliced bits of A lack a word", "run/below0/upper#0", "a", "c",
            shorter,
        ),
        "tests_one_word_short": changed(
            "everything", "the bits of A of the one vector of tests lack a word", "run/safety/upper#0",
            "a", "c", shorter,
        ),
        "mask_missing": changed(
            "inside_recipient", "a share of a product does not arrive", "run/mask#0", "c", "b",
            missing, "silence",
        ),
        "column_missing": changed(
            "supports", "a share of the ands of a column does not arrive", "run/rows/1/level0#0", "c",
            "b", missing, "silence",
        ),
        "institutions_twice": changed(
            "contributors", "a share of the counts of institutions arrives twice",
            "run/safe/contributors0/level0#0", "c", "b", twice,
        ),
        "fresh_share_twice": changed(
            "outside_recipient", "a share for the recipient arrives twice at a compute party",
            "run/open/to-d/fresh#0", "b", "a", twice,
        ),
        "unequal_copies_of_an_opening": changed(
            "inside_recipient", "one bit of the opened component", INSIDE, "c", "a", flip(5)
        ),
        "digest_of_another_opening": changed(
            "inside_recipient", "one bit of the digest", INSIDE, "b", "a", flip(3, 63)
        ),
        "unequal_copies_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a component", OUTSIDE, "a", "d", flip(4)
        ),
        "digest_of_another_copy_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a digest", OUTSIDE, "c", "d", flip(-1)
        ),
        "one_recipient_of_two_gets_another_component": changed(
            "recipients_in_and_out", "c gets another component, b does not", "run/open/to-c#0", "b",
            "c", flip(3),
        ),
    }  # fmt: skip


def _of_shares() -> dict[str, Bad]:
    """A compute party changes its last share of a bit: what should be suppressed is opened, or the reverse."""

    def told(base: str, about: str, step: str, at: Any, outcome: str = "undetected") -> Bad:
        return changed(base, about, step, "c", "b", at, outcome)

    return {
        "opened_bit_is_no_bit": changed(
            "inside_recipient", "P_2 adds to the bit of a cell: it is opened as 2 more or less",
            "run/bit/join#0", "c", "a", flip(0, 1),
        ),
        "suppressed_cell_opened": told(
            "all_suppressed", "P_2 changes its last share of the carry: a suppressed cell is opened",
            f"{CARRY}/level5#0", flip(0, 1),
        ),
        "passing_cell_suppressed": told(
            "inside_recipient", "P_2 changes its last share of the carry: a cell is withheld",
            f"{CARRY}/level5#0", flip(0, 1),
        ),
        "failed_condition_opened": told(
            "having", "P_2 changes its share of which cells are in the answer", "run/rows/0/level0#0",
            flip(0, 3),
        ),
        "column_of_a_hidden_cell": told(
            "supports", "P_2 changes its last share of a column: it passes, and its cell does not",
            "run/rows/1/level0#0", flip(0, 0), "fault",
        ),
        "column_of_few_persons_opened": told(
            "supports", "P_2 changes its last share of the carry of a count: 10 persons stand behind it",
            "run/lacking0/carry/level5#0", flip(0, 1),
        ),
        "null_told_as_a_number": told(
            "nulls", "P_2 changes its share of which values are there", "run/rows/1/level0#0", flip(0, 1),
        ),
        "complement_opened": told(
            "complement", "P_2 changes its share of a finding: 1 to 10 persons do not contribute",
            "run/safe/rest1#0", flip(0, 1),
        ),
        "quantile_among_few_opened": told(
            "rank_among_few", "P_2 changes its last share of a carry: 5 values are too few for a median",
            "run/lacking0/carry/level5#0", flip(0, 1),
        ),
        "amount_of_few_contributors_opened": told(
            "contributors", "P_2 changes its share of which institutions are there: 2 are told for 3",
            "run/safe/contributors0/level1#0", flip(0, 1),
        ),
        "amount_of_others_opened": changed(
            "p_rule_with_own", "P_0 changes its share of a finding: the recipient can tell the others'",
            "run/safe/p0/level3#0", "a", "c", flip(0, 0), "undetected",
        ),
        "estimable_amount_opened": told(
            "p_rule", "P_2 changes its share of a finding: the second largest can tell the largest",
            "run/safe/p0/level3#0", flip(0, 3),
        ),
        "dominated_amount_opened": told(
            "dominance", "P_2 changes its share of a finding: one institution has nearly all",
            "run/safe/largest0/level2#0", flip(0, 3),
        ),
    }  # fmt: skip


def _of_settings() -> dict[str, Bad]:
    """What a gate cannot be asked, and parties who were told of different things."""

    def asked(base: str, about: str, name: str, value: Any) -> Bad:
        return Bad(about, base, "fault", setting=[([], ["sizes", name], value)])

    return {
        "minimum_of_zero": asked("inside_recipient", "k = 0 would open every cell", "k", 0),
        "negative_minimum": asked("inside_recipient", "k below 0", "k", -1),
        "minimum_of_no_contributors": asked(
            "contributors", "a minimum of 0 contributors", "contributors", 0
        ),
        "p_of_more_than_all": asked("p_rule", "p above 100 per cent", "p", 101),
        "dominance_of_none": asked("dominance", "the 0 largest contributions", "largest", [0, 60]),
        "dominance_of_nothing": asked("dominance", "at most 0 per cent", "largest", [1, 0]),
        "no_bound": Bad(
            "cells without a count of persons", "inside_recipient", "fault",
            setting=[([], ["inputs", "persons"], [])],
        ),
        "no_amount": Bad(
            "an amount of which nobody knows what it is made", "contributors", "fault",
            setting=[([], ["sizes", "behind", 0, "amounts"], [])],
        ),
        "no_institutions": Bad(
            "a dataset without institutions", "contributors", "fault",
            setting=[([], ["inputs", "institutions", 0], [])],
        ),
        "contributions_of_an_amount_missing": asked(
            "contributors", "the p% rule, where institutions are counted alone", "p", 10
        ),
        "rank_above_all": Bad(
            "a rank beyond the last value", "rank_among_few", "fault",
            setting=[([], ["sizes", "behind", 0, "rank"], [3, 2])],
        ),
        "unequal_minimums": Bad(
            "P_0 gates with k = 1, P_2 with 11: unequal copies of a count less k", "inside_recipient",
            "undetected", setting=[(["a"], ["sizes", "k"], 1)],
        ),
        "unequal_percentages": Bad(
            "P_0 tests with p = 100: unequal copies of what is tested", "p_rule", "undetected",
            setting=[(["a"], ["sizes", "p"], 100)],
        ),
        "unequal_rules": Bad(
            "P_2 does not test complements: it waits at other steps", "complement", "silence",
            setting=[(["c"], ["sizes", "complement"], False)],
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
