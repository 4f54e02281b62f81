"""Which catalogue columns a fragment reads, what for, and which of them may tell special codes (plan.special).

A use flows from the fragment's output down through its sub-queries. A key that is passed on as it is, and only
joined with keys, counted, grouped or tested for NULL, is read as a key; in any other place it is read as a filter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.plan.context import Context
from mpcstats.plan.facts import BOOLEAN
from mpcstats.plan.lineage import Base, behind, origins, outputs, selected, source_of
from mpcstats.plan.physical import Item, Use
from mpcstats.plan.ranges import Ranges, union
from mpcstats.plan.special import flagged

ORDER: Mapping[Use, int] = {"key": 0, "filter": 1, "group": 2, "value": 3, "contributor": 4}
Wanted = dict[str, set[Use]]  # output column -> what it is used for


def items(
    query: exp.Select,
    uses: Mapping[str, Use],
    context: Context,
    blind: frozenset[str] = frozenset(),
) -> tuple[Item, ...]:
    """The columns that `query` reads, its output columns having the given `uses`; `blind`: see plan.special."""
    reader = _Reader(context)
    return reader.read(query, uses, blind)


class _Reader:
    """One walk over the scopes of a fragment, outer ones first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._uses: dict[Base, set[Use]] = {}
        self._wanted: dict[int, Wanted] = {}  # by id of a scope's query
        self._scopes: dict[int, Scope] = {}  # by id of its query

    def read(
        self, query: exp.Select, uses: Mapping[str, Use], blind: frozenset[str]
    ) -> tuple[Item, ...]:
        scopes = traverse_scope(query)
        self._scopes = {id(scope.expression): scope for scope in scopes}
        self._wanted[id(scopes[-1].expression)] = {name: {use} for name, use in uses.items()}
        for scope in reversed(scopes):
            self._read_scope(scope)
        self._read_rows(query)
        special = flagged(query, self._special(query), blind)
        for base in special:
            self._uses.setdefault(base, {"filter"})
        found = [
            Item(*base, use, special=base in special)
            for base in sorted(self._uses)
            for use in sorted(self._uses[base], key=ORDER.__getitem__)
        ]
        return tuple(found)

    def _read_rows(self, query: exp.Select) -> None:
        """Of a table that is asked only for its rows the first column is read (plan.fragment)."""
        known = {dataset for dataset, _ in self._uses}
        for name in {f"{table.db}.{table.name}" for table in query.find_all(exp.Table)} - known:
            first = (name, next(iter(self._context.catalogue.dataset(name).columns)))
            self._uses[first] = {"key" if self._names_key(first) else "filter"}

    def _special(self, query: exp.Select) -> dict[Base, Ranges]:
        """The columns with special codes of the tables that `query` reads."""
        names = {f"{table.db}.{table.name}" for table in query.find_all(exp.Table)}
        return {
            (name, column): union([tuple(about.special)])
            for name in names
            for column, about in self._context.catalogue.dataset(name).columns.items()
            if about.special
        }

    def _is_key(self, node: exp.Expr, scope: Scope) -> bool:
        """Whether `node` is a key as it is, on every side of a set operation."""
        if isinstance(node, exp.Coalesce):  # of JOIN USING
            return all(self._is_key(n, scope) for n in (node.this, *node.expressions))
        if isinstance(node, exp.AnyValue):  # one of a group's keys, whatever its value
            return self._is_key(node.this, scope)
        if isinstance(node, exp.Column) and node.table:
            found = behind(node, scope)
            if isinstance(found, list):
                return bool(found) and all(self._is_key(n, inner) for n, inner in found)
        return all(base is not None and self._names_key(base) for base in origins(node, scope))

    def _chooses_key(self, node: exp.Expr, scope: Scope) -> bool:
        """Whether `node` is CASE WHEN ... THEN a key END."""
        return (
            isinstance(node, exp.Case)
            and node.this is None
            and node.args.get("default") is None
            and all(self._is_key(branch.args["true"], scope) for branch in node.args["ifs"])
        )

    def _names_key(self, base: Base) -> bool:
        columns = self._context.catalogue.dataset(base[0]).columns
        return base[1] in columns and columns[base[1]].key is not None

    def _yields_keys(self, query: exp.Expr) -> bool:
        scope = self._scopes.get(id(query))
        return scope is not None and all(
            self._is_key(item, inner)
            for name in selected(query)
            for item, inner in outputs(scope, name)
        )

    def _read_scope(self, scope: Scope) -> None:
        query = scope.expression
        wanted = self._wanted.get(id(query), {})
        if isinstance(query, exp.SetOperation):
            if query.args.get("order") is not None:
                wanted = {name: {*wanted.get(name, ()), "filter"} for name in query.named_selects}
            for side in scope.set_operation_scopes:
                names = zip(query.named_selects, selected(side.expression), strict=False)
                passed = {inner: set(wanted.get(outer, {"filter"})) for outer, inner in names}
                self._wanted[id(side.expression)] = passed
            return
        if not isinstance(query, exp.Select):
            return
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
        for node in _orders(query):
            self._mark(node, {"filter"}, scope)

    def _mark(self, node: exp.Expr, uses: Collection[Use], scope: Scope) -> None:
        """Every column in `node` gets `uses`, or that of a key where only its identity counts."""
        if "key" in uses and not isinstance(node, exp.Query) and not self._is_key(node, scope):
            uses = {"filter", *uses} - {"key"}
        match node:
            case exp.Column() if not node.table:
                # An alias of the query's own output in ORDER BY; what else has no relation was refused.
                for item, inner in self._behind(node, scope):
                    self._mark(item, uses, inner)
            case exp.Column():
                self._use(node, uses, scope)
            case exp.Exists():
                self._wanted.setdefault(id(node.this.unnest()), {})
            case exp.Subquery():
                self._mark(node.unnest(), uses, scope)
            case exp.Query():
                self._wanted[id(node)] = {name: set(uses) for name in node.named_selects}
            case exp.EQ() if all(self._is_key(n, scope) for n in (node.this, node.expression)):
                self._mark(node.this, {"key"}, scope)
                self._mark(node.expression, {"key"}, scope)
            case exp.Count() if self._chooses_key(_counted(node), scope):
                for branch in _counted(node).args["ifs"]:
                    self._mark(branch.this, {"filter"}, scope)
                    self._mark(branch.args["true"], {"key"}, scope)
            case exp.Is() | exp.Count() if self._is_key(_counted(node), scope):
                self._mark(_counted(node), {"key"}, scope)
            case exp.In() if self._compares_keys(node, scope):
                self._mark(node.this, {"key"}, scope)
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

    def _compares_keys(self, node: exp.In, scope: Scope) -> bool:
        query = node.args.get("query")
        return (
            query is not None
            and self._is_key(node.this, scope)
            and self._yields_keys(query.unnest())
        )

    def _behind(self, column: exp.Column, scope: Scope) -> list[tuple[exp.Expr, Scope]]:
        found = behind(column, scope)
        return found if isinstance(found, list) else []

    def _mark_window(self, window: exp.Expr, uses: Collection[Use], scope: Scope) -> None:
        self._mark(window.this, uses, scope)
        for node in window.args.get("partition_by") or ():
            self._mark(node, {"key"}, scope)
        if window.args.get("order") is not None:
            self._mark(window.args["order"], {"filter"}, scope)

    def _use(self, column: exp.Column, uses: Collection[Use], scope: Scope) -> None:
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


def _counted(node: exp.Expr) -> exp.Expr:
    """The operand of IS NULL or COUNT, DISTINCT taken off."""
    inner: exp.Expr = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
        (inner,) = inner.expressions
    return inner


def _clauses(query: exp.Select) -> list[exp.Expr]:
    """The conditions, group expressions and named windows of a SELECT."""
    found: list[exp.Expr] = []
    for name in ("where", "having", "qualify"):
        if query.args.get(name) is not None:
            found.append(query.args[name].this)
    found += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on")]
    group = query.args.get("group")
    found += group.expressions if group is not None else []
    found += query.args.get("windows") or []
    return found


def _orders(query: exp.Select) -> list[exp.Expr]:
    """What decides which rows come first, of ORDER BY and DISTINCT ON; every output if it is a number."""
    order = query.args.get("order")
    found = [ordered.this for ordered in order.expressions] if order is not None else []
    distinct = query.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    found += on.expressions if isinstance(on, exp.Tuple) else [on] if on is not None else []
    if any(isinstance(node.unnest(), exp.Literal) for node in found):
        found += [item.unalias() for item in query.expressions]
    return found
