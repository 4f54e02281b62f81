"""How conditions tie two relations together: equalities of keys, filters of one side, the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.joins import bare
from mpcstats.plan.places import start_of
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Filter,
    Join,
    JoinKind,
    Rel,
    column,
    columns_of,
)
from mpcstats.plan.relational.naming import Names


@dataclass(slots=True)
class Tying:
    """The joins of one question. `equal`: the left key of each right one, of joins that show right columns."""

    context: Context
    names: Names
    equal: dict[str, str] = field(default_factory=dict)

    def tied(
        self, left: Rel, right: Rel, conditions: list[Expr], kind: JoinKind, place: Expr
    ) -> Join:
        """The join of two relations by resolved conditions: equalities tie, what names the right side alone filters
        it, the rest is a residual.
        """
        on: list[tuple[str, str]] = []
        residual = []
        mine, theirs = left.facts.keys(), right.facts.keys()
        for condition in conditions:
            used = columns_of(condition)
            if used and used <= theirs:
                right = Filter(right, condition)
                continue
            pair = _sides(condition, mine, theirs)
            if pair is None:
                residual.append(condition)
                continue
            left, first = self._as_column(left, pair[0])
            right, second = self._as_column(right, pair[1])
            on.append((first, second))
        if not on:
            raise self.context.refuse(
                place,
                "expected a join on an equality of keys between the relations, got none: write JOIN ... ON a.key = "
                "b.key",
            )
        self._check_keys(left, right, on, place)
        if kind != "mark":
            self.equal |= {b: a for a, b in on}
        flag = self.names.fresh("hit")
        return Join(left, right, kind, tuple(on), flag, tuple(residual))

    def _check_keys(self, left: Rel, right: Rel, on: list[tuple[str, str]], place: Expr) -> None:
        names = self.names
        for a, b in on:
            first, second = left.facts[a], right.facts[b]
            place = names.place(a) or place
            if {first.kind, second.kind} not in ({"text"}, {"integer"}):
                raise self.context.refuse(
                    place,
                    f"expected keys of one type, got {names.said(a)} ({first.kind}) and {names.said(b)} "
                    f"({second.kind})",
                )
            if first.key != second.key and None not in (first.key, second.key):
                raise self.context.refuse(
                    place,
                    f"expected keys of one normalisation, got {names.said(a)} ({first.key}) and {names.said(b)} "
                    f"({second.key})",
                )

    def _as_column(self, rel: Rel, node: Expr) -> tuple[Rel, str]:
        plain = key_itself(node, rel)
        if isinstance(plain, exp.Column):
            return rel, plain.name
        name = self.names.fresh("key")
        return Extend(rel, ((name, node),)), name


def key_itself(node: Expr, rel: Rel) -> Expr:
    """`node` without UPPER and TRIM around a key that they leave as it is."""
    facts = {("", name): about for name, about in rel.facts.items()}
    place = bare(node, facts)
    return node.unnest() if place is None else column(place[1])


def placed(conditions: Iterable[Expr], place: Expr) -> list[Expr]:
    """The conditions; columns that USING stands for are where the join is."""
    found = list(conditions)
    for node in (c for condition in found for c in condition.find_all(exp.Column)):
        start = start_of(place)
        if start is not None and not any("start" in part.meta for part in node.walk()):
            node.this.meta["start"] = start
    return found


def is_tie(condition: Expr, env: Mapping[str, object], alias: str) -> bool:
    """Whether `condition` is an equality between the relation `alias` and those before it."""
    if not isinstance(condition, exp.EQ):
        return False
    sides = [
        {c.table for c in s.find_all(exp.Column)} for s in (condition.this, condition.expression)
    ]
    return {alias} in sides and any(side and side <= set(env) for side in sides)


def _sides(
    condition: Expr, mine: Collection[str], theirs: Collection[str]
) -> tuple[Expr, Expr] | None:
    """The two sides of an equality, the left relation's first."""
    if not isinstance(condition, exp.EQ):
        return None
    a, b = condition.this, condition.expression
    for first, second in ((a, b), (b, a)):
        one, other = columns_of(first), columns_of(second)
        if one and other and one <= set(mine) and other <= set(theirs):
            return first, second
    return None
