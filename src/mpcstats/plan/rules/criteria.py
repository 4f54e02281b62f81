"""Rule: IN, NOT IN, EXISTS and NOT EXISTS over another owner's rows become tests, and WHERE a criterion on them.

A test is a scan of its own, tied to the outer relation by an equality of keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.optimizer.scope import build_scope

from mpcstats.plan.context import Context
from mpcstats.plan.logical import Block, Expr, Scan, conjuncts, tables_of
from mpcstats.plan.physical import All, Any, Criterion, Hit, Not
from mpcstats.plan.rules.resolve import owners
from mpcstats.plan.shapes import shape

EXISTS_CLAUSES = frozenset({"expressions", "from_", "joins", "where", "distinct", "order"})


def criteria(block: Block, context: Context) -> Block:
    """The block without sub-queries over other owners' rows in its conditions."""
    scans = {source.name: source.item for source in block.sources if isinstance(source, Scan)}
    found = _Found(context, scans)
    kept: list[Expr] = []
    criterion: list[Criterion] = []
    for condition in block.conditions:
        if found.foreign(condition):
            criterion.append(found.criterion(condition))
        else:
            kept.append(condition)
    return replace(
        block,
        conditions=(*kept, *found.equalities),
        tests=tuple(found.tests),
        criterion=tuple(criterion),
    )


@dataclass(slots=True)
class _Found:
    context: Context
    scans: dict[str, Expr]
    tests: list[Scan] = field(default_factory=list)
    equalities: list[Expr] = field(default_factory=list)

    def foreign(self, condition: Expr) -> bool:
        """Whether `condition` has a sub-query over other rows than those of its own owner."""
        queries = list(condition.find_all(exp.Query))
        if not queries:
            return False
        outer = [self.scans[name] for name in tables_of(condition) if name in self.scans]
        read = {name for item in (*outer, *queries) for name in owners(item, self.context)}
        return len(read) > 1 or any(name.startswith("*") for name in read)

    def criterion(self, node: Expr, *, negated: bool = False) -> Criterion:
        """The condition as a formula over hits. Raises UsageError where it is none; `negated`: under NOT."""
        match node:
            case exp.Paren():
                return self.criterion(node.this, negated=negated)
            case exp.Not():
                return Not(self.criterion(node.this, negated=not negated))
            case exp.And() | exp.Or():
                sides = (node.this, node.expression)
                parts = tuple(self.criterion(side, negated=negated) for side in sides)
                return All(parts) if isinstance(node, exp.And) else Any(parts)
            case exp.In() if node.args.get("query") is not None:
                query = node.args["query"].unnest()
                if negated:
                    self._check_not_in(node, query)
                return self._test(node.this, query, query)
            case exp.Exists():
                return self._exists(node)
        raise self.context.refuse(
            node,
            "a condition that mixes several owners may join IN, NOT IN, EXISTS and NOT EXISTS "
            f"by AND, OR and NOT only, got {node.sql('duckdb')[:80]!r}",
        )

    def _check_not_in(self, node: Expr, query: Expr) -> None:
        """NOT IN over a column with NULL would be true for no row at all."""
        known = shape(query, self.context.shape)
        if any(column.nullable for column in known.columns.values()):
            raise self.context.refuse(
                node,
                "NOT IN over a column that may be NULL is true for no row: add WHERE ... IS NOT "
                "NULL to the sub-query, or write NOT EXISTS",
            )

    def _exists(self, node: Expr) -> Criterion:
        query: Expr = node.this.unnest()
        # The key takes the place of what is selected, so nothing may hang on that or on the number of rows.
        if (
            not isinstance(query, exp.Select)
            or any(part for name, part in query.args.items() if name not in EXISTS_CLAUSES)
            or any(item.find(exp.AggFunc) for item in query.expressions)
        ):
            raise self.context.refuse(
                node,
                "expected EXISTS over a SELECT with FROM and WHERE only, without aggregates, GROUP BY or LIMIT",
            )
        inner = {
            s.alias_or_name for s in query.find_all(exp.Table, exp.Subquery) if s.alias_or_name
        }
        where = query.args.get("where")
        parts = conjuncts(where.this if where else None)
        ties = [p for p in parts if not set(tables_of(p)) <= inner]
        if len(ties) != 1 or not isinstance(ties[0], exp.EQ):
            raise self.context.refuse(
                node, "expected EXISTS tied to the outer relation by one equality of keys"
            )
        sides = (ties[0].this, ties[0].expression)
        mine = [side for side in sides if set(tables_of(side)) <= inner]
        if len(mine) != 1:
            raise self.context.refuse(node, "expected the tie of EXISTS to compare two relations")
        (outer,) = [side for side in sides if side is not mine[0]]
        plain = query.copy()
        plain.set("expressions", [exp.alias_(mine[0].copy(), "key_")])
        rest = [part.copy() for part in parts if part is not ties[0]]
        plain.set("where", exp.Where(this=exp.and_(*rest)) if rest else None)
        plain.set("distinct", None)
        plain.set("order", None)
        return self._test(outer, node, plain)

    def _test(self, outer: Expr, node: Expr, query: Expr) -> Criterion:
        names = query.named_selects if isinstance(query, exp.Query) else []
        if len(names) != 1:
            raise self.context.refuse(node, f"expected one key column in IN, got {len(names)}")
        scope = build_scope(query)
        for column in scope.external_columns if scope is not None else ():
            raise self.context.refuse(
                column,
                f"{column.sql('duckdb')} is another relation's: the sub-query of IN or EXISTS may name "
                "the outer relation once, in an equality of keys of EXISTS",
            )
        name = f"test{len(self.tests) + 1}"
        self.tests.append(Scan(name, exp.Subquery(this=query, alias=exp.to_identifier(name))))
        inner = exp.column(names[0], table=name)
        self.equalities.append(exp.EQ(this=outer.copy(), expression=inner))
        return Hit(name)
