"""Where rows are checked on shares: how many there were before and after, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from mpcstats.plan.relational.algebra import Owned, repeats
from mpcstats.plan.tables import Call, Column, Node, Number, Reference


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the table of `step`: those that are there, or of these where the flag `flag` is true."""

    step: str
    flag: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Rows of `owner` before and after checks; after None: those that fail. `leaf`: the fragment that they are of.

    Of one person there are at most `most` rows, None if that is not known.
    """

    owner: str
    before: Rows
    after: Rows | None
    most: int | None = None
    leaf: str | None = None


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


def every(conditions: Iterable[Node]) -> Node:
    """That all conditions are true."""
    found = list(dict.fromkeys(conditions))
    return reduce(lambda a, b: Call("and", (a, b)), found) if found else Number(1)


def rows_a_person(rel: Owned) -> int | None:
    """At most how many rows of `rel` are one person's."""
    counts = [repeats(rel, [n]) for n, fact in rel.facts.items() if fact.names_persons]
    known = [count for count in counts if count is not None]
    return min(known, default=None)
