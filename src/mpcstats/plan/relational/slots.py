"""What a left row of a join may have on the right: a slot for each right row, and what is computed over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from mpcstats.errors import InternalError
from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import AggregateKind, Expr, Extend, Filter, Group, Rel
from mpcstats.plan.relational.forms import translated
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import Want, is_bit, natural
from mpcstats.plan.tables import Call, Column, Node, Null, Number


@dataclass(slots=True)
class Slot:
    """A right row that a left row may have: whether it has one, and columns of it, NULL where not.

    `found`: the shared columns that its owner has put in for it.
    """

    hit: Node
    columns: dict[Want, Node]
    found: tuple[Column, ...] = ()


class Layers:
    """The filters and computed columns that lie on the relation `base` of a join's right side.

    `wants` is what is wanted of the base.
    """

    def __init__(self, context: Context, rel: Rel, wants: Sequence[Want]) -> None:
        self._context = context
        self._layers: list[tuple[Filter | Extend, list[Want]]] = []
        self.wants = list(wants)
        while isinstance(rel, Filter | Extend):
            self._layers.append((rel, self.wants))
            self.wants = self._below(rel, self.wants)
            rel = rel.input
        self.base = rel

    def over(self, slot: Slot, *, checks: bool = False) -> Slot:
        """The slot after all layers; of the filters after checks alone, if only these are asked for."""
        hit, columns = slot.hit, dict(slot.columns)
        for layer, wants in reversed(self._layers):
            scalars = self._of_slot(columns, layer.input)
            if isinstance(layer, Filter):
                hit = hit if checks and not layer.guards else also(hit, layer.condition, scalars)
                continue
            made = dict(layer.columns)
            columns |= {
                want: translated(scalars, want, made[want.name])
                for want in wants
                if want.name in made
            }
        return Slot(hit, columns)

    def _below(self, layer: Filter | Extend, wants: Sequence[Want]) -> list[Want]:
        inner = Wanted()
        ask = Scalars(self._context, layer.input.facts, layer.input.rows, inner)
        made = {} if isinstance(layer, Filter) else dict(layer.columns)
        if isinstance(layer, Filter):
            ask.flag(layer.condition)
        for want in wants:
            if want.name in made:
                translated(ask, want, made[want.name])
        passed = (want for want in wants if want.name not in made)
        return list(dict.fromkeys((*passed, *inner.wants)))

    def _of_slot(self, columns: Mapping[Want, Node], rel: Rel) -> Scalars:
        def find(want: Want) -> Node:
            found = columns.get(want)
            if found is None:
                raise InternalError(f"expected {want.name} on the right side of a join")
            return found

        return Scalars(self._context, rel.facts, rel.rows, find)


def merged(base: Group, slots: Sequence[Slot], wants: Sequence[Want]) -> Slot:
    """The group that owners' groups of one key make together."""
    kinds = {a.name: a.kind for a in base.aggregates}
    columns: dict[Want, Node] = {}
    for want in wants:
        if want.name in kinds:
            source = natural(want.name, base.facts[want.name]) if want.form == "known" else want
            given = [slot.columns[source] for slot in slots]
            # The greatest of numbers that are 0 or 1 is an or of bits.
            as_flag = replace(want, form="flag") if is_bit(want, base.facts) else want
            columns[want] = _together(kinds[want.name], as_flag, given)
    return Slot(some([slot.hit for slot in slots]), columns)


def also(hit: Node, condition: Expr, scalars: Scalars) -> Node:
    """Whether there is a row and `condition` is true of it; what is not known is not true."""
    both = Call("and", (hit, scalars.flag(condition)))
    return Call("coalesce", (both, Number(0))) if scalars.fact(condition).nullable else both


def some(flags: Sequence[Node]) -> Node:
    """Whether one of the flags is true."""
    return reduce(lambda a, b: Call("or", (a, b)), flags)


def _together(kind: AggregateKind, want: Want, given: Sequence[Node]) -> Node:
    """An aggregate of all rows, from those of each owner's rows, NULL where an owner has none."""
    known = some([Call("not", (Call("isnull", (node,)),)) for node in given])
    if want.form == "known":
        return known
    if kind == "sum":
        zeros = (Call("coalesce", (node, Number(0))) for node in given)
        return Call("if", (known, reduce(lambda a, b: Call("add", (a, b)), zeros), Null()))
    if kind == "any":
        return Call("coalesce", tuple(given))
    if want.form in ("number", "code"):
        if len(given) == 1:
            return given[0]
        return Call("least" if kind == "min" else "greatest", tuple(given))
    if want.form == "flag":
        # An owner without a value leaves the others' as it is.
        neutral = Number(1 if kind == "min" else 0)
        values = (Call("coalesce", (node, neutral)) for node in given)
        together = reduce(lambda a, b: Call("and" if kind == "min" else "or", (a, b)), values)
        return Call("if", (known, together, Null()))
    return Call("coalesce", tuple(given))
