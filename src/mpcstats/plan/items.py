"""Which catalogue columns a fragment reads, what for, and where a predicate can pick a special code.

A use flows from the fragment's output down through its sub-queries. A key that is only joined, counted, grouped
or tested for NULL is read as a key; a key whose value is compared with anything else is read as a filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.plan.context import Context
from mpcstats.plan.facts import BOOLEAN
from mpcstats.plan.lineage import Base, carriers, origin, selected, source_of
from mpcstats.plan.physical import Item, Use
from mpcstats.plan.ranges import Ranges, union
from mpcstats.plan.special import flagged

ORDER: Mapping[Use, int] = {"key": 0, "filter": 1, "group": 2, "value": 3}
Wanted = dict[str, set[Use]]  # output column -> what it is used for


def items(query: exp.Select, uses: Mapping[str, Use], context: Context) -> tuple[Item, ...]:
    """The columns that `query` reads, its output columns having the given `uses`."""
    reader = _Reader(context)
    return reader.read(query, uses)


class _Reader:
    """One walk over the scopes of a fragment, outer ones first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._uses: dict[Base, set[Use]] = {}
        self._special: set[Base] = set()
        self._wanted: dict[int, Wanted] = {}  # by id of a scope's query

    def read(self, query: exp.Select, uses: Mapping[str, Use]) -> tuple[Item, ...]:
        scopes = traverse_scope(query)
        self._wanted[id(scopes[-1].expression)] = {name: {use} for name, use in uses.items()}
        for scope in reversed(scopes):
            self._read_scope(scope)
        for item in query.expressions:
            if uses[item.alias_or_name] != "key" and item.find(exp.Count) is None:
                carried = {carrier.base for carrier in carriers(item.unalias(), scopes[-1])}
                self._special |= {base for base in carried if self._codes(base)}
        found = [
            Item(*base, use, special=use != "key" and base in self._special)
            for base in sorted(self._uses)
            for use in sorted(self._uses[base], key=ORDER.__getitem__)
        ]
        return tuple(found)

    def _codes(self, base: Base) -> Ranges:
        column = self._context.catalogue.dataset(base[0]).columns[base[1]]
        return union([tuple(column.special)])

    def _is_key(self, node: exp.Expr, scope: Scope) -> bool:
        base = origin(node, scope)
        if base is None or base[1] not in self._context.catalogue.dataset(base[0]).columns:
            return False
        return self._context.catalogue.dataset(base[0]).columns[base[1]].key is not None

    def _read_scope(self, scope: Scope) -> None:
        query = scope.expression
        wanted = self._wanted.get(id(query), {})
        if isinstance(query, exp.SetOperation):
            for side in scope.set_operation_scopes:
                names = zip(query.named_selects, selected(side.expression), strict=False)
                passed = {inner: set(wanted.get(outer, {"filter"})) for outer, inner in names}
                self._wanted[id(side.expression)] = passed
            return
        if not isinstance(query, exp.Select):
            return
        self._special |= flagged_in(query, scope, self._codes)
        by_expression: dict[exp.Expr, set[Use]] = {}
        for item in query.expressions:
            # A column that nobody asks for is not read, unless DISTINCT makes the rows depend on it.
            unasked: set[Use] = {"filter"} if query.args.get("distinct") else set()
            uses = wanted.get(item.alias_or_name) or unasked
            if uses:
                by_expression.setdefault(item.unalias(), set()).update(uses)
        for node, uses in by_expression.items():
            self._mark(node, uses, scope)
        for node in _clauses(query):
            self._mark(node, by_expression.get(node, {"filter"}), scope)

    def _mark(self, node: exp.Expr, uses: Iterable[Use], scope: Scope) -> None:
        """Every column in `node` gets `uses`, or that of a key where only its identity counts."""
        match node:
            case exp.Column():
                self._use(node, uses, scope)
            case exp.Exists():
                self._wanted.setdefault(id(node.this.unnest()), {})
            case exp.Subquery():
                self._mark(node.unnest(), uses, scope)
            case exp.Query():
                self._wanted[id(node)] = {name: set(uses) for name in node.named_selects}
            case exp.EQ() if all(self._is_key(n, scope) for n in (node.this, node.expression)):
                self._mark(node.this, ("key",), scope)
                self._mark(node.expression, ("key",), scope)
            case exp.Is() | exp.Count() if self._is_key(_counted(node), scope):
                self._mark(_counted(node), ("key",), scope)
            case exp.In() if node.args.get("query") and self._is_key(node.this, scope):
                self._mark(node.this, ("key",), scope)
                query = node.args["query"].unnest()
                self._wanted[id(query)] = {name: {"key"} for name in query.named_selects}
            case exp.Window():
                self._mark_window(node, uses, scope)
            case exp.Expr() if isinstance(node, BOOLEAN):
                tested: tuple[Use, ...] = ("group",) if "group" in uses else ("filter",)
                for child in node.iter_expressions():
                    self._mark(child, tested, scope)
            case _:
                for part in node.iter_expressions():
                    self._mark(part, uses, scope)

    def _mark_window(self, window: exp.Expr, uses: Iterable[Use], scope: Scope) -> None:
        self._mark(window.this, uses, scope)
        for name in ("partition_by", "order"):
            part = window.args.get(name) or []
            for node in part if isinstance(part, list) else [part]:
                self._mark(node, ("key",) if self._is_key(node, scope) else ("filter",), scope)

    def _use(self, column: exp.Column, uses: Iterable[Use], scope: Scope) -> None:
        found = source_of(column, scope)
        if found is None:
            return
        source, _ = found
        if isinstance(source, Scope):
            inner = self._wanted.setdefault(id(source.expression), {})
            inner.setdefault(column.name, set()).update(uses)
        elif isinstance(source, exp.Table):
            base = (f"{source.db}.{source.name}", column.name)
            self._uses.setdefault(base, set()).update(uses)


def flagged_in(query: exp.Select, scope: Scope, codes: object) -> set[Base]:
    """The columns of which a predicate anywhere in `query`, sub-queries aside, can pick a special code."""
    found: set[Base] = set()
    for node in [*query.expressions, *_clauses(query)]:
        found |= flagged(node, scope, codes)  # type: ignore[arg-type]
    return found


def _counted(node: exp.Expr) -> exp.Expr:
    """The operand of IS NULL or COUNT, DISTINCT taken off."""
    inner: exp.Expr = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        (inner,) = inner.expressions
    return inner


def _clauses(query: exp.Select) -> list[exp.Expr]:
    """The conditions, group expressions, orders and named windows of a SELECT."""
    found: list[exp.Expr] = []
    for name in ("where", "having", "qualify"):
        if query.args.get(name) is not None:
            found.append(query.args[name].this)
    found += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on")]
    group = query.args.get("group")
    found += group.expressions if group is not None else []
    order = query.args.get("order")
    found += [ordered.this for ordered in order.expressions] if order is not None else []
    found += query.args.get("windows") or []
    distinct = query.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    found += [on] if on is not None else []
    return found
