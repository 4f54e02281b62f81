"""Vectors of derive: comparisons, three values, choices, divisions and texts, on numbers and on bit rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tests.property.expressions import Plain, plainly
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, payload
from tests.vectors.good import drawn, head, shared, shared_bits, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.derive import Value, derive
from mpcstats.protocols.expression import DIGEST, Bounds, Call, Column, Node, Null, Number
from mpcstats.session import Session, Words

PROTOCOL = "derive"


def written(node: Node) -> Any:
    """A node as JSON: a column's name, a number, null, or the operation and its arguments."""
    if isinstance(node, Call):
        return [node.op, *(written(argument) for argument in node.args)]
    if isinstance(node, Column):
        return node.name
    return node.value if isinstance(node, Number) else None


def read(text: Any) -> Node:
    """The node that was written."""
    if isinstance(text, list):
        return Call(text[0], tuple(read(part) for part in text[1:]))
    if isinstance(text, str):
        return Column(text)
    return Null() if text is None else Number(text)


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str, about: str, columns: Mapping[str, Plain], nodes: Sequence[Any]
    ) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        made = {}
        for name, column in columns.items():
            there = [int(v is not None) for v in column.values]
            junk = [-1 if v is None else v for v in column.values]
            rows = [(v - column.minimum) % (1 << 64) for v in junk]
            width = column.bounds.width
            made[name] = {
                "number": shared(junk, stream) if "n" in column.forms else None,
                "bits": shared_rows(rows, width, stream) if "b" in column.forms else None,
                "known": shared_bits(there, stream) if column.nullable else None,
                "plain": list(column.values),
            }
        return {
            **head(PROTOCOL, title, about, version=2),
            "roles": {},
            "sizes": {
                "rows": len(next(iter(columns.values())).values),
                "bounds": {n: [c.minimum, c.maximum] for n, c in columns.items()},
                "nodes": list(nodes),
            },
            "inputs": made,
        }

    def column(low: int, high: int, values: Sequence[int | None], forms: str) -> Plain:
        return Plain(low, high, tuple(values), None in values, forms)

    x = column(-20, 100, [3, None, -20, 100, 0], "n")
    y = column(-20, 40, [3, 5, None, -7, 40], "n")
    day = column(0, 500, [10, 400, 77, 0], "b")
    later = column(0, 500, [40, 431, 108, 500], "b")
    age = column(0, 127, [0, 17, 18, 64, 65, 127], "b")
    cut = column(-9, 30, [None, -9, -1, 0, 6, 30], "n")
    small = column(-7, 7, [7, -7, 6, 0, 5], "n")
    by = column(-2, 3, [2, -2, None, 3, 0], "n")
    text = column(0, DIGEST, [1 << 63, 5, None, DIGEST], "b")
    other = column(0, DIGEST, [1 << 63, 6, 0, 0], "b")
    return {
        "three_values": setting(
            "three_values", "comparisons of numbers with NULLs, joined by and, or and not",
            {"x": x, "y": y},
            [["and", ["lt", "x", "y"], ["le", -7, "y"]],
             ["not", ["or", ["eq", "x", "y"], ["isnull", "y"]]]],
        ),
        "choices": setting(
            "choices", "products with flags, and values in place of NULLs", {"x": x, "y": y},
            [["if", ["lt", "x", 3], ["add", "x", "y"], 7], ["coalesce", "x", "y"],
             ["greatest", "x", "y"], ["abs", "x"], ["mul", "x", "y"]],
        ),
        "days_apart": setting(
            "days_apart", "bit rows alone: two days at most 30 apart, and how far",
            {"day": day, "later": later},
            [["le", ["sub", "later", "day"], 30], ["sub", "later", "day"]],
        ),
        "bands": setting(
            "bands", "one tree for three limits; a product of bit rows takes their numbers",
            {"age": age}, [["add", ["lt", "age", 18], ["lt", 64, "age"]], ["eq", "age", 17],
                           ["mul", "age", "age"]],
        ),
        "public_divisor": setting(
            "public_divisor", "quotient and rest by 7, of negative numbers too", {"cut": cut},
            [["floordiv", "cut", 7], ["mod", "cut", -7]],
        ),
        "divided": setting(
            "divided", "quotient and rest of two columns; a divisor of 0 gives NULL",
            {"small": small, "size": by}, [["floordiv", "small", "size"], ["mod", "small", "size"]],
        ),
        "texts": setting(
            "texts", "digests: equal to another, to a public one, missing",
            {"t0": text, "t1": other},
            [["eq", "t0", "t1"], ["eq", "t0", DIGEST], ["isnull", "t0"]],
        ),
        "within_bounds": setting(
            "within_bounds", "whether words lie in bounds that columns only claim; one is missing",
            {"x": column(-20, 40, [40, 41, -20, -21, -1 << 63, 1 << 62, (1 << 63) - 1], "n"),
             "y": column(5, 9, [5, None, 9, 10, 4, (-1 << 63) + 5, 7], "n")},
            [["within", "x", -20, 40], ["within", "y", 5, 9]],
        ),
        "nothing_sent": setting(
            "nothing_sent", "public factors and sums take no message", {"x": x, "y": y},
            [["sub", ["mul", 3, "x"], ["add", "y", -4]], ["mul", "x", None], 12],
        ),
    }  # fmt: skip


def _columns(setting: Setting, session: Session) -> dict[str, Value]:
    n = setting["sizes"]["rows"]
    found = {}
    for name, given in setting["inputs"].items():
        low, high = setting["sizes"]["bounds"][name]
        number, bits, known = given["number"], given["bits"], given["known"]
        width = Bounds(low, high).width
        found[name] = Value(
            low,
            high,
            None if number is None else arith_of(setting, session, number, n),
            None if bits is None else bits_of(setting, session, bits, n, width),
            None if known is None else bits_of(setting, session, known, n),
        )
    return found


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes = setting["sizes"]
    nodes = [read(node) for node in sizes["nodes"]]
    columns = _columns(setting, session)
    values = await derive(session, engine_of(setting), nodes, columns, rows=sizes["rows"])
    return {
        "values": [
            {
                "bounds": [value.minimum, value.maximum],
                "number": None if value.number is None else shares(value.number),
                "bits": None if value.bits is None else shares(value.bits),
                "known": None if value.known is None else shares(value.known),
            }
            for value in values
        ]
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, bands, choices, days = "three_values", "bands", "choices", "days_apart"
    signs, limits = "run/level1/negative0", "run/level1/less_public0"
    number, product = "run/level1/from_bits2", "run/level5/multiply0#0"
    nodes = ["sizes", "nodes"]

    def refused(about: str, node: Any) -> Bad:
        return Bad(about, base, "fault", setting=[([], nodes, [node])])

    return {
        **lengths(base, "and", "run/level2/and#0", "b", "a", told="a share of a level's ands"),
        **lengths(base, "sign", f"{signs}/upper#0", "a", "c", told="P_0's rows of a difference"),
        **lengths(bands, "limits", f"{limits}/pairs#0", "c", "b", told="a share of the limits' tree"),
        **lengths(bands, "opening", f"{number}/open#0", "c", "a", told="P_2's component of A"),
        **lengths(choices, "product", product, "b", "a", told="a share of a choice"),
        **lengths(days, "sum", "run/level1/add_bits0/level0#0", "a", "c", told="a share of carries"),
        "known_changed": changed(
            base, "a share of what is known and true: a row passes or does not", "run/level4/and#0",
            "b", "a", flip(), "undetected",
        ),
        "limit_changed": changed(
            bands, "a share of a comparison with a limit", f"{limits}/level1#0", "c", "b", flip(0, 1),
            "undetected",
        ),
        "padding_bit_changed": changed(
            choices, "a bit beyond the rows: it has no meaning", "run/level2/less_public0/level1#0", "b", "a",
            flip(0, 63), "no difference",
        ),
        "product_changed": changed(
            choices, "a share of a choice is one more", product, "b", "a",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "halves_missing": changed(
            bands, "P_2's half of a number does not arrive", f"{number}/halves#0", "a", "c",
            missing, "silence",
        ),
        "quotient_missing": changed(
            "divided", "a sign of a quotient does not arrive", "run/level1/divide0/quotient/sign#0",
            "b", "a", missing, "silence",
        ),
        "column_that_is_not_there": refused("a column that nobody gave", ["add", "x", "z"]),
        "operation_that_is_not_there": refused("an operation without a rule", ["xor", "x", "y"]),
        "one_argument_of_two": refused("a sum of one number", ["add", "x"]),
        "number_as_condition": refused("a condition that may be 100", ["and", "x"]),
        "product_beyond_62_bits": refused("numbers that may leave the ring", ["mul", "x", 1 << 60]),
        "text_added": Bad(
            "a sum of a text", "texts", "fault", setting=[([], nodes, [["add", "t0", 1]])]
        ),
        "unequal_bounds": Bad(
            "a party was told of wider bounds: its rows are more", base, "fault",
            setting=[(["b"], ["sizes", "bounds", "x"], [-20, 1000])],
        ),
        "unequal_expressions": Bad(
            "a party was asked for another comparison: its sum is of fewer rows", days, "fault",
            setting=[(["b"], [*nodes, 0, 2], 29)],
        ),
        "unequal_rows": Bad(
            "a party was told of fewer rows", choices, "fault",
            setting=[(["c"], ["sizes", "rows"], 4)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", choices, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Every form of every value, against DuckDB."""
    sizes = vector["sizes"]
    n = sizes["rows"]
    table = {}
    for name, given in vector["inputs"].items():
        low, high = sizes["bounds"][name]
        nullable = given["known"] is not None
        table[name] = Plain(low, high, tuple(given["plain"]), nullable, "")
    expected = plainly([read(node) for node in sizes["nodes"]], table)
    for i, right in enumerate(expected):
        parts = [vector["results"][party]["values"][i] for party in vector["compute"]]
        low, high = parts[0]["bounds"]
        known = [1] * n
        if parts[0]["known"] is not None:
            known = [int(b) for b in slicing.unpack(_joined(parts, "known", bits=True), n)]
        assert known == [int(v is not None) for v in right]
        found = []
        if parts[0]["number"] is not None:
            found.append([int(v) for v in _joined(parts, "number", bits=False).view(np.int64)])
        if parts[0]["bits"] is not None:
            rows = _joined(parts, "bits", bits=True).reshape(Bounds(low, high).width, -1)
            found.append([int(v) + low for v in slicing.join_bits(rows, n)])
        assert found
        for values in found:
            assert [v for v, k in zip(values, known, strict=True) if k] == [
                v for v in right if v is not None
            ]
    assert vector["openings"] == []


def _joined(parts: Sequence[dict[str, Any]], form: str, *, bits: bool) -> Words:
    for j, part in enumerate(parts):
        assert part[form][1] == parts[(j + 1) % 3][form][0]
    one, two, three = (from_hex(part[form][0]) for part in parts)
    found: Words = one ^ two ^ three if bits else one + two + three
    return found
