"""Joins by sorting the rows of both sides together, by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import Join, repeats
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.slots import Slot
from mpcstats.plan.relational.wants import Form, Want
from mpcstats.plan.tables import Reference


class Matching:
    """The sort join of one Join node. `most`: at most how many right rows a left row is asked for.

    `obstacle`: what is in the way of a lookup, which may need less, if that is worth saying. Raises UsageError if the
    bound is not known, or if the protocol cannot do what the join asks with several.
    """

    def __init__(
        self,
        draft: Draft,
        join: Join,
        left: Sequence[Want],
        right: Sequence[Want],
        obstacle: str,
    ) -> None:
        self._draft = draft
        self._join = join
        self._instead = f"; {obstacle} of a lookup, which may need none" if obstacle else ""
        self._left_wants = left
        keys = {b for _, b in join.on}
        # Whether a right key is known is whether there is a match.
        self._carried = [w for w in right if not (w.form == "known" and w.name in keys)]
        self.most = self._most()

    def found(self) -> tuple[Table, Slot]:
        """The left rows, each with every right row of its key, and that right row."""
        join, draft = self._join, self._draft
        keys = [self._key_wants(a, b) for a, b in join.on]
        left = draft.lower(join.left, dict.fromkeys((*self._left_wants, *(a for a, _ in keys))))
        right = draft.lower(join.right, dict.fromkeys((*self._carried, *(b for _, b in keys))))
        hit = draft.names.fresh("matched")
        columns = {want: replace(right.columns[want], nullable=True) for want in self._carried}
        step = draft.name("match")
        on = tuple(
            (
                draft.get(left, a, join.left.facts).name,
                draft.get(right, b, join.right.facts).name,
            )
            for a, b in keys
        )
        kind: Literal["inner", "left"] = (
            "inner" if join.kind == "inner" and self.most > 1 else "left"
        )
        carried = tuple(dict.fromkeys(columns.values()))
        draft.steps.append(
            tables.Match(step, left.step, right.step, on, kind, self.most, carried, hit)
        )
        aligned = self.most == 1
        table = Table(
            step,
            left.rows * self.most,
            dict(left.columns),
            left.leaves if aligned else (),
            left.own if aligned else {},
        )
        slot = Slot(Reference(hit), {want: Reference(c.name) for want, c in columns.items()})
        return table, slot

    def _most(self) -> int:
        join, refuse = self._join, self._draft.refuse
        times = repeats(join.right, [b for _, b in join.on])
        if join.kind == "mark" and not join.residual:
            return 1
        if times is None:
            names = ", ".join(self._draft.names.said(b) for _, b in join.on)
            raise refuse(
                join.on[0][1],
                f"expected a bound on how many rows have the same {names}: group by it in a sub-query, or state "
                f"unique = true or most = ... of it in the catalogue{self._instead}",
            )
        if times > 1 and (join.kind == "mark" or (join.kind == "left" and join.residual)):
            raise refuse(
                join.on[0][1],
                "a LEFT JOIN or EXISTS with further comparisons, whose right side several owners hold and which may "
                "have several rows a key, is not supported",
            )
        return times

    def _key_wants(self, a: str, b: str) -> tuple[Want, Want]:
        form: Form = "digest" if self._join.left.facts[a].kind == "text" else "number"
        return Want(a, form), Want(b, form)
