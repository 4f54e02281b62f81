"""What is known of the rows that one owner joins and filters at home: facts, row bound, rows a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mpcstats.plan.facts import Fact, fact
from mpcstats.plan.joins import Place, bare, not_null
from mpcstats.plan.logical import Expr, Local
from mpcstats.plan.shapes import joined, repeats


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of a local's columns by place, and at most how many joined `rows` and `keys` there are.

    `single`: no two joined rows have the same key. `same`: the columns that are equal to the key. `most`: at most how
    many joined rows one key has.
    """

    columns: Mapping[Place, Fact]
    rows: int
    keys: int
    single: bool
    same: frozenset[Place] = frozenset()
    most: int = 0

    def fact(self, node: Expr) -> Fact:
        """What is known of an expression over the joined rows."""
        return fact(node, self.columns, self.rows)


def known(local: Local) -> Known:
    """What the catalogue implies about the joined rows of `local`, and about its keys if it has one."""
    join = joined({m.name: m.shape for m in local.members}, (), local.where)
    columns = not_null(join.columns(), local.where)
    if local.key is None:
        return Known(columns, join.rows, join.rows, single=False, most=join.rows)
    place = bare(local.key, columns)
    equal = {place} if place is not None else set()
    for pair in join.equal:
        if equal & set(pair):
            equal |= set(pair)
    single = any(unique <= equal for unique in join.unique())
    bounds = [join.rows]
    bounds += [bound for p in equal if p in columns and (bound := columns[p].distinct) is not None]
    found = [columns[p] for p in equal if p in columns]
    # Rows whose key is NULL are nobody's, and left out.
    most = repeats((replace(known, nullable=False) for known in found), join.rows)
    return Known(columns, join.rows, min(bounds), single, frozenset(equal), most)
