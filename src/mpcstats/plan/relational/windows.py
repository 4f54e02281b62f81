"""LEAD, LAG and ROW_NUMBER over several owners' rows, named windows too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.names import DIALECT
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Ordering,
    Rel,
    Window,
    Windowed,
    WindowKind,
    column,
)
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.sources import Columns

Resolve = Callable[[Expr, Mapping[str, Columns]], Expr]
SUPPORTED = "supported: LEAD, LAG and ROW_NUMBER over (PARTITION BY ... ORDER BY ...)"


def windowed(
    query: exp.Select,
    rel: Rel,
    nodes: list[Expr],
    context: Context,
    names: Names,
    env: Mapping[str, Columns],
    resolve: Resolve,
) -> tuple[Rel, list[Expr]]:
    """`rel` with the columns of all windows in `nodes`, and the nodes with columns in their places."""
    named = {
        window.this.name
        if isinstance(window.this, exp.Identifier)
        else window.alias_or_name: window
        for window in query.args.get("windows") or ()
    }
    found = _Windows(context, names, {n: _resolved(w, resolve, env) for n, w in named.items()}, rel)
    outputs = [found.taken_out(node) for node in nodes]
    return found.relation(), outputs


def _resolved(window: Expr, resolve: Resolve, env: Mapping[str, Columns]) -> Expr:
    copy = window.copy()
    copy.set("partition_by", [resolve(p, env) for p in window.args.get("partition_by") or ()])
    if window.args.get("order") is not None:
        copy.set("order", resolve(window.args["order"], env))
    return copy


@dataclass(slots=True)
class _Windows:
    context: Context
    names: Names
    named: Mapping[str, Expr]
    rel: Rel
    computed: dict[Expr, str] = field(default_factory=dict)
    found: dict[tuple[tuple[str, ...], tuple[Ordering, ...]], list[Windowed]] = field(
        default_factory=dict
    )

    def relation(self) -> Rel:
        """The relation with all windows, one after another."""
        rel = self.rel
        if self.computed:
            rel = Extend(rel, tuple((name, node) for node, name in self.computed.items()))
        for (partition, order), functions in self.found.items():
            rel = Window(rel, partition, order, tuple(functions))
        return rel

    def taken_out(self, node: Expr) -> Expr:
        """`node` with columns in place of windows."""

        def change(part: Expr) -> Expr:
            return column(self._window(part)) if isinstance(part, exp.Window) else part

        return node.transform(change)

    def _window(self, node: exp.Window) -> str:
        named = node.args.get("alias")
        spec: Expr = node
        if named is not None and named.name in self.named:
            spec = self.named[named.name]
        elif node.args.get("over") and node.alias in self.named:
            spec = self.named[node.alias]
        if node.args.get("spec") is not None:
            raise self.context.refuse(node, f"a window's frame is not supported; {SUPPORTED}")
        partition = tuple(self._column(p) for p in spec.args.get("partition_by") or ())
        order = spec.args.get("order")
        orders = tuple(self._ordering(o) for o in order.expressions) if order is not None else ()
        if not orders:
            raise self.context.refuse(node, f"expected ORDER BY in the window; {SUPPORTED}")
        functions = self.found.setdefault((partition, orders), [])
        function = self._function(node.this)
        functions.append(function)
        return function.name

    def _function(self, node: Expr) -> Windowed:
        match node:
            case exp.RowNumber():
                return Windowed(self.names.fresh("row_number"), "row_number")
            case exp.Lead() | exp.Lag() if node.args.get("default") is None:
                offset = node.args.get("offset")
                by = 1 if offset is None else int(offset.this) if offset.is_int else 0
                if by < 1:
                    raise self.context.refuse(
                        node, "expected a distance of at least 1 row, as a number"
                    )
                kind: WindowKind = "lead" if isinstance(node, exp.Lead) else "lag"
                return Windowed(self.names.fresh(kind), kind, self._column(node.this), by)
        raise self.context.refuse(
            node,
            f"the window function {node.sql(DIALECT)[:60]} over joint data is not supported; {SUPPORTED}",
        )

    def _ordering(self, node: Expr) -> Ordering:
        return Ordering(
            self._column(node.this), bool(node.args.get("desc")), bool(node.args.get("nulls_first"))
        )

    def _column(self, node: Expr) -> str:
        plain = node.unnest()
        if isinstance(plain, exp.Column):
            return str(plain.name)
        if plain not in self.computed:
            self.computed[plain] = self.names.fresh("ordered")
            self.names.note(self.computed[plain], plain)
        return self.computed[plain]
