"""IN and EXISTS of a WHERE over several owners' rows: each becomes a flag that a mark join gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from mpcstats.plan.logical import conjuncts
from mpcstats.plan.relational.algebra import Expr, Rel, column
from mpcstats.plan.relational.sources import Columns

if TYPE_CHECKING:
    from mpcstats.plan.relational.build import Builder

EXISTS_CLAUSES = frozenset({"expressions", "from_", "joins", "where", "distinct", "order"})


@dataclass(slots=True)
class Subqueries:
    """The sub-queries of the conditions of one SELECT, with the relations in sight of it."""

    builder: Builder
    env: Mapping[str, Columns]

    def marked(self, rel: Rel, condition: Expr) -> tuple[Rel, Expr]:
        """`rel` with a flag for each sub-query of `condition`, and the condition over the flags, resolved."""
        copy = condition.copy()
        while (query := next((n for n in copy.walk() if _is_test(n)), None)) is not None:
            rel, node = self._test(rel, query)
            if query is copy:
                copy = node
            else:
                query.replace(node)
        return rel, self._resolved(copy)

    def _resolved(self, node: Expr) -> Expr:
        """Over the algebra's columns; flags, which name no relation, are so already."""
        known = {**self.env, "": _Any()}
        return self.builder.resolved(node, known)

    def _test(self, rel: Rel, node: Expr) -> tuple[Rel, Expr]:
        if isinstance(node, exp.In):
            return self._in(rel, node)
        return self._exists(rel, node)

    def _in(self, rel: Rel, node: exp.In) -> tuple[Rel, Expr]:
        refuse = self.builder.context.refuse
        query = node.args["query"].unnest()
        right, columns = self.builder.query(query, "test")
        if len(columns) != 1:
            raise refuse(node, f"expected one column in IN, got {len(columns)}")
        (name,) = columns.values()
        if right.facts[name].nullable and _negated(node):
            raise refuse(
                node,
                "NOT IN over a column that may be NULL is true for no row: add WHERE ... IS NOT NULL to the "
                "sub-query, or write NOT EXISTS",
            )
        outer = self.builder.resolved(node.this, self.env)
        tie = exp.EQ(this=outer, expression=column(name))
        found = self.builder.ties.tied(rel, right, [tie], "mark", node)
        flag: Expr = column(found.flag)
        if found.left.facts[found.on[0][0]].nullable:
            # NULL IN (...) is neither true nor false.
            missing = exp.Is(this=column(found.on[0][0]), expression=exp.Null())
            flag = exp.Case(ifs=[exp.If(this=missing, true=exp.Null())], default=flag)
        return found, flag

    def _exists(self, rel: Rel, node: Expr) -> tuple[Rel, Expr]:
        refuse = self.builder.context.refuse
        query = node.this.unnest()
        if (
            not isinstance(query, exp.Select)
            or any(part for name, part in query.args.items() if name not in EXISTS_CLAUSES)
            or any(item.find(exp.AggFunc) for item in query.expressions)
        ):
            raise refuse(
                node,
                "expected EXISTS over a SELECT with FROM and WHERE only, without aggregates, GROUP BY or LIMIT",
            )
        inner = {query.args["from_"].this.alias_or_name} if query.args.get("from_") else set()
        inner |= {join.this.alias_or_name for join in query.args.get("joins") or ()}
        where = query.args.get("where")
        parts = conjuncts(where.this) if where else ()
        ties = [p for p in parts if not {c.table for c in p.find_all(exp.Column)} <= inner]
        plain = query.copy()
        rest = [part.copy() for part in parts if part not in ties]
        plain.set("where", exp.Where(this=exp.and_(*rest)) if rest else None)
        plain.set("distinct", None)
        plain.set("order", None)
        wanted = dict.fromkeys(
            c for tie in ties for c in tie.find_all(exp.Column) if c.table in inner
        )
        plain.set(
            "expressions",
            [exp.alias_(c.copy(), f"c{i}", quoted=True) for i, c in enumerate(wanted)],
        )
        if not wanted:
            raise refuse(node, "expected EXISTS tied to the outer relation by an equality of keys")
        right, columns = self.builder.query(plain, "test")
        inside = {**self.env, **_by_relation(list(wanted), columns)}
        conditions = [self.builder.resolved(tie, inside) for tie in ties]
        found = self.builder.ties.tied(rel, right, conditions, "mark", node)
        return found, column(found.flag)


class _Any(dict[str, str]):
    """Flags under their own names."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return name


def _by_relation(wanted: list[Expr], columns: Columns) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for i, node in enumerate(wanted):
        found.setdefault(node.args["table"].name, {})[node.name] = columns[f"c{i}"]
    return found


def _is_test(node: Expr) -> bool:
    return isinstance(node, exp.Exists) or (
        isinstance(node, exp.In) and node.args.get("query") is not None
    )


def _negated(node: Expr) -> bool:
    parent, found = node.parent, False
    while parent is not None:
        found ^= isinstance(parent, exp.Not)
        parent = parent.parent
    return found
