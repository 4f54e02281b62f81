"""What each protocol's vectors hold: from the JSON of a setting to the coroutine of a party, and back to JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.world import Body, Setting, from_hex, to_hex

from mpcstats.engines.column import Column
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.rep3.seat import seat_of
from mpcstats.engines.share import Arith, Bits, Parts
from mpcstats.protocols import cohort_count as cohorts
from mpcstats.protocols import criterion
from mpcstats.protocols.held import Held, Summand
from mpcstats.protocols.lookup_join import LeftTable, Lookup, RightTable, lookup_join
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Words


def residues(numbers: Sequence[int]) -> Words:
    """Signed numbers mod 2^64."""
    return np.array([n % (1 << 64) for n in numbers], dtype=np.uint64)


def signed(words: Words) -> list[int]:
    """Words read as numbers in [-2^63, 2^63)."""
    return [int(w) for w in words.reshape(-1).view(np.int64)]


def block(text: str) -> str:
    """The AES block of a key's text, in hex: each half of the first 128 bits of SHA-256 turned round.

    A half is read as a number, its first byte highest, and is a word, whose lowest byte comes first.
    """
    head = hashlib.sha256(text.encode()).digest()[:16]
    return (head[7::-1] + head[:7:-1]).hex()


def engine_of(setting: Setting) -> Rep3:
    return Rep3(tuple(setting["compute"]))


def _parts(setting: Setting, session: Session, components: Sequence[str]) -> Parts:
    seat = seat_of(session.me, tuple(setting["compute"]))
    if seat is None:
        return ()
    return from_hex(components[seat.index]), from_hex(components[(seat.index + 1) % 3])


def _constant_at(setting: Setting, session: Session) -> int | None:
    seat = seat_of(session.me, tuple(setting["compute"]))
    return None if seat is None else seat.constant_at


def arith_of(setting: Setting, session: Session, components: Sequence[str], n: int) -> Arith:
    return Arith((n,), _parts(setting, session, components), _constant_at(setting, session))


def bits_of(
    setting: Setting, session: Session, components: Sequence[str], n: int, width: int = 1
) -> Bits:
    shape = (width, -(-n // 64))
    parts = tuple(part.reshape(shape) for part in _parts(setting, session, components))
    return Bits(n, width, parts, _constant_at(setting, session))


def shares(secret: Column) -> list[str]:
    """Own and next component; nothing at a party that does not compute."""
    return [to_hex(part.reshape(-1)) for part in secret.parts]


async def _sum(setting: Setting, session: Session) -> Any:
    shape = tuple(setting["sizes"]["shape"])
    vectors = [
        Summand(v["owner"], None if session.me != v["owner"] else _shaped(v["values"], shape))
        for v in setting["inputs"]["vectors"]
    ]
    summed = await vector_sum(session, engine_of(setting), vectors, shape=shape)
    return {
        "total": shares(summed.total),
        "by_provider": [shares(s) for s in summed.by_provider],
    }


def _shaped(values: Sequence[int] | None, shape: tuple[int, ...]) -> Words | None:
    if values is None:
        return None
    words = residues(values)
    return words.reshape(shape) if words.size == int(np.prod(shape, dtype=np.int64)) else words


async def _lookup_join(setting: Setting, session: Session) -> Any:
    roles, sizes, inputs = setting["roles"], setting["sizes"], setting["inputs"]
    bounds = (sizes["left_rows"], sizes["right_rows"], sizes["values"])
    lookup = Lookup(roles["left"], roles["right"], roles["helper"], *bounds)
    left = right = None
    if session.me == roles["left"]:
        left = LeftTable(_keys(inputs["left"]["keys"]))
    if session.me == roles["right"]:
        columns = [residues(column) for column in inputs["right"]["columns"]]
        keys = _keys(inputs["right"]["keys"])
        values = np.stack(columns, axis=1) if columns else np.zeros((len(keys), 0), dtype=np.uint64)
        right = RightTable(keys, values)
    found = await lookup_join(session, engine_of(setting), lookup, left=left, right=right)
    own = [
        [to_hex(s.values) for s in column.summands if s.values is not None]
        for column in found.columns
    ]
    return {"hit": shares(found.hit), "columns": [o[0] for o in own if o]}


def _keys(keys: Sequence[dict[str, str]]) -> Words:
    return from_hex("".join(key["block"] for key in keys)).reshape(len(keys), 2)


async def _cohort_count(setting: Setting, session: Session) -> Any:
    sizes, inputs = setting["sizes"], setting["inputs"]
    own = session.me == setting["roles"]["owner"]
    columns = [
        Held(sizes["rows"], tuple(_summand(session, s) for s in summands))
        for summands in inputs["columns"]
    ]
    cohort = cohorts.Cohort(
        owner=setting["roles"]["owner"],
        rows=sizes["rows"],
        valid=inputs["valid"] if own else None,
        formula=None if sizes["formula"] is None else _formula(sizes["formula"]),
        hits=tuple(bits_of(setting, session, h, sizes["rows"]) for h in inputs["hits"]),
        groups=tuple(_group(g, inputs["codes"], columns, own=own) for g in sizes["groups"]),
        totals=tuple(
            tuple(
                cohorts.Term(tuple(columns[f] for f in term["factors"]), tuple(term["under"]))
                for term in terms
            )
            for terms in sizes["totals"]
        ),
    )
    counted = await cohorts.cohort_count(session, engine_of(setting), cohort)
    return {"persons": shares(counted.persons), "totals": shares(counted.totals)}


def _summand(session: Session, summand: dict[str, Any]) -> Summand:
    given = session.me == summand["owner"] and summand["values"] is not None
    return Summand(summand["owner"], residues(summand["values"]) if given else None)


def _group(
    group: dict[str, int], codes: Sequence[Sequence[int]], columns: Sequence[Held], *, own: bool
) -> cohorts.Group:
    if "column" in group:
        return cohorts.HeldGroup(group["labels"], columns[group["column"]])
    return cohorts.SpineGroup(group["labels"], residues(codes[group["codes"]]) if own else None)


def _formula(formula: dict[str, Any]) -> criterion.Formula:
    ((kind, of),) = formula.items()
    if kind == "bit":
        return criterion.Bit(of)
    if kind == "not":
        return criterion.Not(_formula(of))
    parts = tuple(_formula(part) for part in of)
    return criterion.All(parts) if kind == "all" else criterion.Any(parts)


BODIES: dict[str, Body] = {
    "sum": _sum,
    "lookup_join": _lookup_join,
    "cohort_count": _cohort_count,
}
