"""Where rows are checked on shares, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from mpcstats.plan.relational.algebra import Owned, repeats
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Call, Column, Node, Number, Reference


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The rows of the table of `step`, at most `rows`, that fail a check, as its flag `fails` says: rows of `owner`.

    Of one person there are at most `most`, None if that is not known.
    """

    owner: str
    step: str
    fails: str
    rows: int
    most: int | None = None


def within(columns: Iterable[Column]) -> list[Node]:
    """That every number lies in its public bounds, or is NULL where it may be.

    Flags and digests are put in as bits, of which every word is one.
    """
    found: list[Node] = []
    for column in columns:
        if column.kind != "number" or column.minimum == column.maximum:
            continue
        ends = (Number(column.minimum), Number(column.maximum))
        inside = Call("within", (Reference(column.name), *ends))
        found.append(Call("coalesce", (inside, Number(1))) if column.nullable else inside)
    return found


def agreeing(wanted: Mapping[Want, Column], given: Sequence[Column]) -> list[Node]:
    """That a number which is put in in further forms, as a place among labels or as a flag, is the same in all.

    Of `wanted`, only what is among `given` is put in.
    """
    found: list[Node] = []
    names = {column.name for column in given}
    wanted = {want: shared for want, shared in wanted.items() if shared.name in names}
    for want, shared in wanted.items():
        number = wanted.get(Want(want.name, "number"))
        if number is None or want.form not in ("code", "known"):
            continue
        one, other = Reference(shared.name), Reference(number.name)
        if want.form == "known":
            found.append(Call("eq", (one, Call("not", (Call("isnull", (other,)),)))))
            continue
        places = [(i, n) for i, n in enumerate(want.labels) if isinstance(n, int)]
        same: list[Node] = [
            Call("and", (Call("eq", (one, Number(i))), Call("eq", (other, Number(n)))))
            for i, n in places
        ]
        either: Node = reduce(lambda a, b: Call("or", (a, b)), same) if same else Number(0)
        if shared.nullable or number.nullable:
            missing = Call("and", (Call("isnull", (one,)), Call("isnull", (other,))))
            either = Call("or", (Call("coalesce", (either, Number(0))), missing))
        found.append(either)
    return found


def every(conditions: Iterable[Node]) -> Node:
    """That all conditions are true."""
    found = list(dict.fromkeys(conditions))
    return reduce(lambda a, b: Call("and", (a, b)), found) if found else Number(1)


def rows_a_person(rel: Owned) -> int | None:
    """At most how many rows of `rel` are one person's."""
    counts = [repeats(rel, [n]) for n, fact in rel.facts.items() if fact.names_persons]
    known = [count for count in counts if count is not None]
    return min(known, default=None)
