"""Vectors of the gate: what passes under each of its rules, NULL, HAVING, recipients inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.vectors.gatefaults import cases
from tests.vectors.gatereading import Row, expected
from tests.vectors.good import COMPUTE, drawn, head, numbers_of, shared, shared_bits
from tests.vectors.plays import arith_of, bits_of, engine_of, signed
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.cells import Amount, Behind, Cells
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Stream

__all__ = ("PROTOCOL", "body", "cases", "check", "settings")

PROTOCOL = "gate"
Vector = dict[str, Any]


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
