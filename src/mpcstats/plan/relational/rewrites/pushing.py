"""How an expression is computed further down: at the one owner whose columns it is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational import leaf
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
    column,
    columns_of,
    renamed,
)
from mpcstats.plan.relational.naming import Names

# NULL where one of their operands is.
STRICT = (
    *(
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.IntDiv,
        exp.Mod,
        exp.Neg,
        exp.Abs,
        exp.Paren,
        exp.Column,
        exp.Literal,
    ),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.Not, exp.Identifier),
    *(exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length, exp.Like),
)


@dataclass(slots=True)
class Pusher:
    """Pushes expressions, and remembers under which names they are known further down."""

    context: Context
    names: Names
    known: dict[tuple[int, Expr], str] = field(default_factory=dict)

    def placed(self, rel: Rel, node: Expr) -> tuple[Rel, Expr]:
        """`rel` with columns for the largest parts of `node` that an owner can compute, and `node` over them."""
        if isinstance(node, exp.Column | exp.Literal | exp.Null | exp.Boolean) or not columns_of(
            node
        ):
            return rel, node
        pushed = self.pushed(rel, node)
        if pushed is not None:
            rel, name = pushed
            return rel, column(name)
        copy = node.copy()
        for name, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                rel, part = self.placed(rel, value)
                copy.set(name, part.copy())
            elif isinstance(value, list):
                parts = []
                for item in value:
                    if isinstance(item, exp.Expr):
                        rel, part = self.placed(rel, item)
                        parts.append(part.copy())
                    else:
                        parts.append(item)
                copy.set(name, parts)
        return rel, copy

    def pushed(self, rel: Rel, node: Expr) -> tuple[Rel, str] | None:
        """`rel` with a column for `node`, and its name; None if no single owner can compute it."""
        plain = node.unnest()
        if isinstance(plain, exp.If) and isinstance(node.parent, exp.Case):
            return None
        name = self.names.fresh("x")
        self.names.note(name, node)
        found = self._down(rel, plain, name)
        return None if found is None else (found, name)

    def _down(self, rel: Rel, node: Expr, name: str) -> Rel | None:
        used = columns_of(node)
        match rel:
            case Owned():
                return (
                    leaf.extended(rel, [(name, node)], self.context)
                    if used <= rel.facts.keys()
                    else None
                )
            case Union():
                parts = [self._down(part, node, name) for part in rel.parts]
                done = tuple(part for part in parts if part is not None)
                return Union(done) if len(done) == len(parts) else None
            case Extend():
                inner = self._down(rel.input, renamed(node, dict(rel.columns)), name)
                return None if inner is None else replace(rel, input=inner)
            case Filter() if used & rel.guards:
                return None
            case Filter() | Window():
                if isinstance(rel, Window) and used & {f.name for f in rel.functions}:
                    return None
                inner = self._down(rel.input, node, name)
                return None if inner is None else replace(rel, input=inner)
            case Group():
                if not used <= set(rel.keys):
                    return None
                inner = self._down(rel.input, node, name)
                return None if inner is None else replace(rel, input=inner, keys=(*rel.keys, name))
            case Join():
                return self._into(rel, node, name, used)
        return None

    def _into(self, join: Join, node: Expr, name: str, used: frozenset[str]) -> Rel | None:
        if used <= join.left.facts.keys():
            inner = self._down(join.left, node, name)
            return None if inner is None else replace(join, left=inner)
        if join.kind != "mark" and used <= join.right.facts.keys():
            # On the right of a left join a column is NULL where there is no match: so must be what is computed of it.
            if join.kind == "left" and not all(isinstance(part, STRICT) for part in node.walk()):
                return None
            inner = self._down(join.right, node, name)
            return None if inner is None else replace(join, right=inner)
        return None
