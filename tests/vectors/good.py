"""The settings of the good vectors: (protocol, title) -> what the parties start from, and a sentence about it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tests.vectors.plays import block, residues
from tests.vectors.world import Setting, seeds_for, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.session import Stream

COMPUTE = ("a", "b", "c")
LARGEST = (1 << 63) - 1


def drawn(title: str) -> Stream:
    """A stream for what a setting draws: components of shares and columns of numbers."""
    return Stream(hashlib.sha256(f"mpcstats setting {title}".encode()).digest()[:16])


def head(
    protocol: str, title: str, about: str, outside: Sequence[str] = (), version: int = 1
) -> Setting:
    parties = [*COMPUTE, *outside]
    return {
        "about": about,
        "protocol": protocol,
        "version": version,
        "parties": parties,
        "compute": list(COMPUTE),
        **seeds_for(f"{protocol} {title}", parties),
    }


def shared(numbers: Sequence[int], stream: Stream) -> list[str]:
    """Three components that sum to `numbers`."""
    one, two = stream.words(2, len(numbers))
    return [to_hex(x) for x in (residues(numbers) - one - two, one, two)]


def shared_bits(flags: Sequence[int], stream: Stream) -> list[str]:
    """Three components whose exclusive or is `flags`, one row of bits."""
    one, two = stream.words(2, slicing.words(len(flags)))
    return [to_hex(x) for x in (slicing.pack(np.array(flags)) ^ one ^ two, one, two)]


def shared_rows(numbers: Sequence[int], width: int, stream: Stream) -> list[str]:
    """Three components whose exclusive or is `numbers`, bit-sliced into `width` rows."""
    rows = slicing.slice_bits(residues(numbers), width)
    one, two = stream.words(2, *rows.shape)
    return [to_hex(x) for x in (rows ^ one ^ two, one, two)]


def numbers_of(stream: Stream, n: int, bound: int) -> list[int]:
    """n numbers in [-bound, bound)."""
    return [int(w) - bound for w in stream.below(2 * bound, n)]


# sum


def summed(
    title: str,
    about: str,
    vectors: Sequence[tuple[str, Sequence[int]]],
    shape: Sequence[int] | None = None,
) -> Setting:
    owners = {owner for owner, _ in vectors}
    outside = sorted(owners - set(COMPUTE))
    return {
        **head("sum", title, about, outside),
        "roles": {"providers": [owner for owner, _ in vectors]},
        "sizes": {"shape": list(shape) if shape is not None else [len(vectors[0][1])]},
        "inputs": {"vectors": [{"owner": o, "values": list(values)} for o, values in vectors]},
    }


def sums() -> dict[str, Setting]:
    many = drawn("sum many")
    found: dict[str, Callable[[str], Setting]] = {
        "three_inside": lambda t: summed(
            t,
            "every compute party provides; some sums are negative",
            [("a", (1, -2, 3, 0, 5)), ("b", (-10, -20, 30, 0, 7)), ("c", (4, 5, -40, 0, -6))],
        ),
        "one_inside": lambda t: summed(
            t, "one provider: the sum is its input", [("b", (7, -8, 9))]
        ),
        "one_outside": lambda t: summed(
            t, "a provider outside the three", [("d", (100, -200, 300, 4))]
        ),
        "inside_and_outside": lambda t: summed(
            t,
            "two providers outside and one inside",
            [("d", (1, -2, 3)), ("b", (10, 20, -30)), ("e", (-100, 200, 300))],
        ),
        "extremes": lambda t: summed(
            t,
            "sums at both ends of [-2^63, 2^63), and terms that leave it on the way",
            [
                ("a", (LARGEST, -LARGEST - 1, LARGEST, -LARGEST, 0)),
                ("b", (0, 0, LARGEST, -LARGEST, -1)),
                ("c", (0, 0, -LARGEST, LARGEST - 1, 1)),
            ],
        ),
        "matrix": lambda t: summed(
            t,
            "an array of two rows of three, row by row",
            [("a", (1, 2, 3, -4, -5, -6)), ("d", (10, 20, 30, 40, 50, 60))],
            (2, 3),
        ),
        "no_elements": lambda t: summed(
            t, "arrays without elements: messages without words are sent", [("a", ()), ("d", ())]
        ),
        "many_elements": lambda t: summed(
            t,
            "130 elements",
            [("c", numbers_of(many, 130, 1 << 40)), ("d", numbers_of(many, 130, 1 << 40))],
        ),
    }
    return {title: make(title) for title, make in found.items()}


# lookup_join


def looked_up(
    title: str,
    about: str,
    left: Sequence[str],
    right: Sequence[str],
    *,
    bounds: tuple[int, int],
    roles: str = "abc",
    values: int = 2,
) -> Setting:
    """`left` and `right` are the texts of keys; a value column holds small numbers, every third one negative."""
    columns = [
        [(j + 1) * 100 * (-1 if i % 3 == 2 else 1) + i for i in range(len(right))]
        for j in range(values)
    ]
    outside = [p for p in ("d", "e") if p in roles]
    return {
        **head("lookup_join", title, about, outside),
        "roles": dict(zip(("left", "right", "helper"), roles, strict=True)),
        "sizes": {"left_rows": bounds[0], "right_rows": bounds[1], "values": values},
        "inputs": {
            "left": {"keys": _keyed(left)},
            "right": {"keys": _keyed(right), "columns": columns},
        },
    }


def _keyed(names: Sequence[str]) -> list[dict[str, str]]:
    texts = [f"{len(name)}:{name}" for name in names]
    return [{"text": text, "block": block(text)} for text in texts]


def people(*numbers: int) -> list[str]:
    return [f"P{n:03}" for n in numbers]


def lookups() -> dict[str, Setting]:
    four, five = people(1, 2, 3, 4), people(2, 4, 6, 8, 10)
    found: dict[str, Callable[[str], Setting]] = {
        "some_hits": lambda t: looked_up(
            t, "two of four keys hit; both sides padded", four, five, bounds=(6, 7)
        ),
        "all_hits": lambda t: looked_up(
            t, "every key hits, in another order", four, people(4, 3, 2, 1), bounds=(4, 4)
        ),
        "no_hits": lambda t: looked_up(
            t, "no key hits", four, people(11, 12, 13), bounds=(4, 3), values=1
        ),
        "no_values": lambda t: looked_up(
            t, "a store of tags only: hits without columns", four, five, bounds=(5, 5), values=0
        ),
        "empty_left": lambda t: looked_up(
            t, "L has no key: all rows are filled up", [], five, bounds=(3, 5), values=1
        ),
        "empty_right": lambda t: looked_up(
            t, "R has no key: the store is the mask", four, [], bounds=(4, 3), values=1
        ),
        "outside_left": lambda t: looked_up(
            t, "L does not compute", four, five, bounds=(5, 5), roles="dbc", values=1
        ),
        "outside_right": lambda t: looked_up(
            t, "R does not compute", four, five, bounds=(5, 5), roles="adc", values=1
        ),
        "outside_both": lambda t: looked_up(
            t,
            "neither L nor R computes; H is P_1",
            four,
            five,
            bounds=(5, 5),
            roles="deb",
            values=1,
        ),
        "many_rows": lambda t: looked_up(
            t,
            "65 rows of 70 in a table of 60 of 80: rows cross a word",
            people(*range(65)),
            people(*range(30, 90)),
            bounds=(70, 80),
            values=1,
        ),
    }
    return {title: make(title) for title, make in found.items()}


# cohort_count


def bit(position: int) -> Setting:
    return {"bit": position}


def counted(
    title: str,
    about: str,
    *,
    rows: int,
    valid: int,
    owner: str = "a",
    formula: Setting | None = None,
    hits: Sequence[Sequence[int]] = (),
    columns: Sequence[Mapping[str, Sequence[int]]] = (),
    groups: Sequence[Setting] = (),
    codes: Sequence[Sequence[int]] = (),
    totals: Sequence[Sequence[tuple[Sequence[int], Sequence[int]]]] = (),
) -> Setting:
    """hits: 0 or 1 for each row. columns: owner -> summand; totals: terms as (factors, under)."""
    stream = drawn(f"cohort {title}")
    parties = {owner, *(p for column in columns for p in column)}
    return {
        **head("cohort_count", title, about, sorted(parties - set(COMPUTE))),
        "roles": {"owner": owner},
        "sizes": {
            "rows": rows,
            "formula": formula,
            "groups": list(groups),
            "totals": [
                [{"factors": list(f), "under": list(u)} for f, u in terms] for terms in totals
            ],
        },
        "inputs": {
            "valid": valid,
            "codes": [list(c) for c in codes],
            "hits": [shared_bits(h, stream) for h in hits],
            "columns": [
                [{"owner": p, "values": list(values)} for p, values in column.items()]
                for column in columns
            ],
        },
    }


def split(title: str, values: Sequence[int], first: str, second: str) -> dict[str, list[int]]:
    """`values` as the sum of two vectors, as a lookup leaves a column: one random, one what is left."""
    random = [int(w) for w in drawn(f"split {title}").words(len(values)).view(np.int64)]
    half = 1 << 63
    rest = [(v - r + half) % (1 << 64) - half for v, r in zip(values, random, strict=True)]
    return {first: random, second: rest}


FIRST = (1, 1, 0, 1, 0, 0)
SECOND = (1, 0, 1, 1, 0, 1)
AMOUNTS = (10, -20, 30, 40, -50, 60)


def cohorts() -> dict[str, Setting]:
    return {**_criteria(), **_groups(), **_totals(), "many_rows": _many_rows("many_rows")}


def _criteria() -> dict[str, Setting]:
    two = [FIRST, SECOND]
    formulas: dict[str, tuple[str, Setting | None]] = {
        "no_criterion": ("every valid row counts", None),
        "criterion_all": ("both hits: all", {"all": [bit(0), bit(1)]}),
        "criterion_any": ("at least one hit: any", {"any": [bit(0), bit(1)]}),
        "criterion_not": ("no first hit: not", {"not": bit(0)}),
        "criterion_nested": (
            "the second hit and not both: all, any and not nested",
            {"all": [bit(1), {"not": {"all": [bit(0), bit(1)]}}, {"any": [bit(1), bit(0)]}]},
        ),
    }
    found = {
        title: counted(title, about, rows=6, valid=5, formula=formula, hits=two if formula else ())
        for title, (about, formula) in formulas.items()
    }
    found["every_row_meets"] = counted(
        "every_row_meets",
        "all rows valid, all hit",
        rows=4,
        valid=4,
        formula=bit(0),
        hits=[(1,) * 4],
    )
    found["no_row_meets"] = counted(
        "no_row_meets", "no row hits", rows=4, valid=4, formula=bit(0), hits=[(0,) * 4]
    )
    found["empty_spine"] = counted(
        "empty_spine", "no valid row: the bound is all padding", rows=5, valid=0, formula=bit(0),
        hits=[(1,) * 5],
    )  # fmt: skip
    found["outside_spine"] = counted(
        "outside_spine", "the spine's owner does not compute", rows=6, valid=5, owner="d",
        formula=bit(0), hits=[FIRST],
    )  # fmt: skip
    return found


def _groups() -> dict[str, Setting]:
    held = split("code", (0, 1, 99, 0, 99, 99), "a", "c")  # 99: junk where there is no hit
    outside = split("outside code", (0, 2, 99, 1, 99, 99), "d", "b")
    return {
        "spine_groups": counted(
            "spine_groups", "two group keys of the spine, the last one fastest", rows=6, valid=5,
            groups=[{"labels": 2, "codes": 0}, {"labels": 3, "codes": 1}],
            codes=[(0, 1, 0, 1, 1), (0, 1, 2, 2, 2)],
        ),
        "held_group": counted(
            "held_group", "a group key that a lookup brought", rows=6, valid=5, formula=bit(0),
            hits=[FIRST], columns=[held], groups=[{"labels": 2, "column": 0}],
        ),
        "spine_and_held_groups": counted(
            "spine_and_held_groups", "a held key of three labels before one of the spine; L outside",
            rows=6, valid=6, owner="d", formula=bit(0), hits=[FIRST], columns=[outside],
            groups=[{"labels": 3, "column": 0}, {"labels": 2, "codes": 0}],
            codes=[(0, 1, 1, 1, 0, 0)],
        ),
    }  # fmt: skip


def _totals() -> dict[str, Setting]:
    held = split("amounts", AMOUNTS, "a", "c")
    spine = {"a": (1, 2, 3, 4, 5, 6)}
    return {
        "total_of_a_held_column": counted(
            "total_of_a_held_column", "a column with two summands under the bits, sum below 0",
            rows=6, valid=5, formula={"not": bit(0)}, hits=[FIRST], columns=[held],
            totals=[[((0,), ())]],
        ),
        "totals_by_group": counted(
            "totals_by_group", "two totals and two groups; the second total is a count", rows=6, valid=6,
            formula=bit(0), hits=[FIRST], columns=[held, spine], groups=[{"labels": 2, "codes": 0}],
            codes=[(0, 1, 0, 1, 0, 1)], totals=[[((0,), ()), ((1,), ())], [((), ())]],
        ),
        "total_under_a_hit": counted(
            "total_under_a_hit", "terms that count only where a further hit is", rows=6, valid=6,
            formula={"any": [bit(0), bit(1)]}, hits=[FIRST, SECOND], columns=[held, spine],
            totals=[[((0,), (0,)), ((1,), (1,))], [((), (0,)), ((), (1,))]],
        ),
        "product_of_columns": counted(
            "product_of_columns", "a product of two columns, and of one with itself", rows=6, valid=5,
            formula=bit(1), hits=[FIRST, SECOND], columns=[held, spine],
            totals=[[((0, 1), ())], [((0, 0), ())]],
        ),
        "column_of_an_outside_owner": counted(
            "column_of_an_outside_owner", "a column whose owner does not compute, under a hit",
            rows=6, valid=6, formula=bit(1), hits=[FIRST, SECOND],
            columns=[split("outside amounts", AMOUNTS, "d", "b")], totals=[[((0,), (0,))]],
        ),
    }  # fmt: skip


def _many_rows(title: str) -> Setting:
    stream = drawn("cohort many")
    hits = [[int(w) & 1 for w in stream.words(70)] for _ in range(2)]
    return counted(
        title, "68 valid rows of 70: rows cross a word", rows=70, valid=68,
        formula={"all": [bit(0), {"not": bit(1)}]}, hits=hits,
        columns=[split("many", numbers_of(stream, 70, 1 << 30), "b", "c")],
        groups=[{"labels": 2, "codes": 0}], codes=[[int(w) & 1 for w in stream.words(68)]],
        totals=[[((0,), ())]],
    )  # fmt: skip


def settings() -> dict[str, dict[str, Setting]]:
    """Protocol -> title -> setting."""
    return {"sum": sums(), "lookup_join": lookups(), "cohort_count": cohorts()}
