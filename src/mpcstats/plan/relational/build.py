"""From SQL to algebra: SELECTs over several owners taken apart; what one owner computes alone stays a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.logical import conjuncts
from mpcstats.plan.names import DIALECT, qualified
from mpcstats.plan.relational.aggregates import Aggregates
from mpcstats.plan.relational.algebra import (
    INSTITUTION,
    PERSON,
    Aggregated,
    Answer,
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    JoinKind,
    Named,
    Output,
    Rel,
    Union,
    column,
    columns_of,
    known,
)
from mpcstats.plan.relational.inspecting import Inspecting
from mpcstats.plan.relational.institutions import (
    by_dataset,
    contributed,
    of_groups,
    of_keys,
    of_outputs,
)
from mpcstats.plan.relational.naming import Names, shown
from mpcstats.plan.relational.sets import Sets, taken_sets
from mpcstats.plan.relational.sources import Columns, owned, sole_owner
from mpcstats.plan.relational.subqueries import Subqueries
from mpcstats.plan.relational.tying import Tying, is_tie, key_itself, placed
from mpcstats.plan.relational.windows import windowed
from mpcstats.plan.sql import read_select

Env = Mapping[str, Columns]  # the relations in sight, by their name in SQL
SUBQUERY_CLAUSES = ("limit", "offset")


def build(context: Context) -> tuple[Answer, Names]:
    """The question of `context` as algebra, and the names that are taken.

    Raises UsageError, with the place, at what is not supported.
    """
    tree = read_select(context.text)
    asked = [
        item.alias_or_name if isinstance(item, exp.Alias | exp.Column) else item.sql(DIALECT)
        for item in tree.expressions
    ]
    for item in tree.expressions:
        if item.is_star and not isinstance(item, exp.Count):
            raise context.refuse(
                item, "rows are never shown; supported: group columns and aggregates"
            )
    sets = taken_sets(tree, context)
    tree = qualified(tree, context)
    named = frozenset(c.name for c in tree.find_all(exp.Column))
    names = Names()
    builder = Builder(context, Inspecting.of(tree, named, context, names), names)
    return builder.answer(tree, asked, sets), builder.names


@dataclass(slots=True)
class Builder:
    """One walk over a question."""

    context: Context
    scans: Inspecting
    names: Names
    ties: Tying = field(init=False)

    def __post_init__(self) -> None:
        self.ties = Tying(self.context, self.names)

    def answer(self, tree: exp.Select, asked: list[str], sets: Sets) -> Answer:
        """The outer SELECT."""
        rel, env = self._core(tree, {})
        found = Aggregates(self.context, self.names, env)
        nodes = [self._resolved(item.unalias(), env) for item in tree.expressions]
        group = tree.args.get("group")
        keys = self._keys(tree, env)
        if any(place >= len(keys) for place in max(sets, default=())):
            raise self.context.refuse(group, "expected every key of GROUP BY with totals once")
        if tree.args.get("distinct") and group is None and not _aggregates(tree):
            keys = list(dict.fromkeys(nodes))
        elif tree.args.get("distinct"):
            raise self.context.refuse(
                tree, "SELECT DISTINCT over groups is not supported: rows differ by their groups"
            )
        for item in tree.expressions:
            for window in item.find_all(exp.Window):
                raise self.context.refuse(
                    window, "a window over joint rows may stand in a sub-query of FROM only"
                )
        if not keys and not _aggregates(tree):
            raise self.context.refuse(
                tree,
                "rows are never shown: expected aggregates, or GROUP BY with at least one group column",
            )
        for name in ("qualify", "offset"):
            if tree.args.get(name):
                raise self.context.refuse(
                    tree.args[name], f"{name.upper()} over joint data is not supported", name
                )
        named = [(self.names.fresh(f"g{i}"), key) for i, key in enumerate(keys)]
        by_key = {key: column(name) for name, key in named}
        outputs = tuple(
            Output(name, found.taken_out(node, by_key))
            for name, node in zip(asked, nodes, strict=True)
        )
        having = tree.args.get("having")
        passed = None
        if having is not None:
            passed = found.taken_out(self._resolved(having.this, env), by_key)
        self._check_outputs(tree, outputs, [name for name, _ in named], found)
        found.found = [replace(a, counts=_counts(a, rel)) for a in found.found]
        institutions = by_dataset(rel, found.found)
        behind, sums = contributed(rel, found.found, institutions, self.context, self.names)
        return Answer(
            rel,
            tuple(named),
            (*found.found, *sums),
            outputs,
            person_of(rel),
            passed,
            self._order(tree, asked),
            self._limit(tree),
            institutions=institutions,
            contributed=behind,
            sets=sets,
        )

    def _check_outputs(
        self, tree: exp.Select, outputs: tuple[Output, ...], keys: list[str], found: Aggregates
    ) -> None:
        allowed = {*keys, *(a.name for a in found.found)}
        for item, output in zip(tree.expressions, outputs, strict=True):
            loose = columns_of(output.node) - allowed
            if loose:
                raise self.context.refuse(
                    item,
                    f"expected a column of GROUP BY or an aggregate, got {shown(item.unalias())}",
                )

    def source(self, item: Expr) -> tuple[Rel, Columns]:
        """A relation of FROM."""
        alias = item.alias_or_name
        if isinstance(item, exp.Table):
            return self.scans.scan(item, alias)
        return self.query(item.unnest(), alias)

    def query(self, query: Expr, alias: str) -> tuple[Rel, Columns]:
        """A sub-query, and its output columns."""
        owner = sole_owner(query, self.context)
        alone = owner is not None and not self.scans.checked(query)
        if owner is not None and alone and isinstance(query, exp.Query):
            return owned(query, owner, alias, self.context, self.names)
        match query:
            case exp.Subquery():
                return self.query(query.this, alias)
            case exp.Union():
                return self._union(query, alias)
            case exp.Select():
                return self._select(query, alias)
        raise self.context.refuse(
            query,
            f"{query.key.upper()} over the rows of several owners is not supported; supported: UNION ALL",
        )

    def _union(self, query: exp.Union, alias: str) -> tuple[Rel, Columns]:
        outputs = query.named_selects
        columns = {name: self.names.asked(alias, name) for name in outputs}
        sides = []
        for side in (query.this, query.expression):
            rel, own = self.query(side, alias)
            if len(own) != len(outputs):
                raise self.context.refuse(
                    side, f"expected {len(outputs)} columns as in the first SELECT, got {len(own)}"
                )
            sides.append((rel, list(own.values()), person_of(rel)))
        named = list(columns.values())
        if all(person is not None for _, _, person in sides):
            # The persons behind the rows of both sides, in one column.
            named.append(self.names.hidden(alias, [PERSON])[PERSON])
        extra: tuple[Named, ...] = ()
        if any(INSTITUTION in name for rel, _, _ in sides for name in rel.facts):
            # Of an institution that has no rows: the sides' own ones have different columns.
            (none,) = self.names.hidden(alias, [f"{INSTITUTION}_0"]).values()
            extra = ((none, exp.Literal.number(0)),)
        parts = []
        for rel, own_names, person in sides:
            given = [*own_names, *([person] if person is not None else [])]
            pairs = zip(named, given, strict=False)
            columns_of_side = tuple((new, column(old)) for new, old in pairs)
            parts.append(Extend(rel, (*columns_of_side, *extra)))
        found: Rel = Union(tuple(parts))
        if query.args.get("distinct"):
            found = self._group(found, tuple(columns.values()), ())
        return found, columns

    def _select(self, query: exp.Select, alias: str) -> tuple[Rel, Columns]:
        for name in SUBQUERY_CLAUSES:
            if query.args.get(name):
                raise self.context.refuse(
                    query.args[name],
                    f"{name.upper()} in a sub-query over several owners' rows is not supported; it may stand in one "
                    "owner's sub-query, and LIMIT at the end of the question",
                    name,
                )
        rel, env = self._core(query, {})
        nodes = [self._resolved(item.unalias(), env) for item in query.expressions]
        outputs = [item.alias_or_name for item in query.expressions]
        if query.args.get("group") is not None or _aggregates(query):
            rel, nodes = self._grouped(query, rel, env, nodes)
        elif any(node.find(exp.Window) for node in nodes):
            rel, nodes = windowed(query, rel, nodes, self.context, self.names, env, self._resolved)
        rel, columns = self._put_out(rel, outputs, nodes, alias)
        if query.args.get("distinct"):
            if query.args["distinct"].args.get("on") is not None:
                raise self.context.refuse(
                    query, "DISTINCT ON over several owners' rows is not supported", "DISTINCT"
                )
            rel = self._group(rel, tuple(dict.fromkeys(columns.values())), ())
        return rel, columns

    def _group(self, rel: Rel, keys: tuple[str, ...], aggregates: tuple[Aggregated, ...]) -> Rel:
        """The groups, each with one of the persons behind it if no key names them."""
        person = person_of(rel)
        if person is not None and person not in keys:
            hidden = self.names.hidden("group", [PERSON])[PERSON]
            aggregates = (*aggregates, Aggregated(hidden, "any", column(person)))
        by_key = of_keys(rel, keys, self.names)
        if self.context.contributions:
            aggregates = (*aggregates, *of_groups(rel, aggregates, by_key, self.names))
        told = [name for name in rel.facts if INSTITUTION in name and name not in by_key]
        # A group has an institution behind it or not, however many of its rows are that institution's.
        aggregates = (*aggregates, *(Aggregated(name, "max", column(name)) for name in told))
        found = Group(rel, keys, aggregates)
        return Extend(found, tuple(by_key.items())) if by_key else found

    def _put_out(
        self, rel: Rel, outputs: list[str], nodes: list[Expr], alias: str
    ) -> tuple[Rel, Columns]:
        """The output columns: columns as they are, expressions computed."""
        columns: dict[str, str] = {}
        computed = []
        for name, node in zip(outputs, nodes, strict=True):
            plain = key_itself(node, rel)
            if isinstance(plain, exp.Column):
                columns[name] = plain.name
                continue
            columns[name] = self.names.asked(alias, name)
            computed.append((columns[name], node))
        if self.context.contributions:
            computed += of_outputs(rel, computed, self.names)
        return (Extend(rel, tuple(computed)) if computed else rel), columns

    def _grouped(
        self, query: exp.Select, rel: Rel, env: Env, nodes: list[Expr]
    ) -> tuple[Rel, list[Expr]]:
        keys = self._keys(query, env)
        if not keys:
            raise self.context.refuse(
                query,
                "an aggregate without GROUP BY in a sub-query over several owners' rows is not supported",
            )
        by_key: dict[Expr, Expr] = {}
        computed = []
        for key in keys:
            plain = key_itself(key, rel)
            if isinstance(plain, exp.Column):
                by_key[key] = plain
                continue
            name = self.names.fresh("key")
            computed.append((name, key))
            by_key[key] = column(name)
        if computed:
            rel = Extend(rel, tuple(computed))
        found = Aggregates(self.context, self.names, env)
        outputs = [found.taken_out(node, by_key) for node in nodes]
        having = query.args.get("having")
        condition = None
        if having is not None:
            condition = found.taken_out(self._resolved(having.this, env), by_key)
        names = tuple(dict.fromkeys(c.name for c in by_key.values()))
        grouped = self._group(rel, names, tuple(found.found))
        if condition is not None:
            grouped = Filter(grouped, condition)
        return grouped, outputs

    def _keys(self, query: exp.Select, env: Env) -> list[Expr]:
        group = query.args.get("group")
        if group is None:
            return []
        found = group.expressions
        if group.args.get("all"):
            found = [i.unalias() for i in query.expressions if i.find(exp.AggFunc) is None]
        for node in found:
            if node.find(exp.AggFunc, exp.Query) is not None or node.find(exp.Column) is None:
                raise self.context.refuse(
                    node, "expected columns, aliases or ordinals of them in GROUP BY"
                )
        return list(dict.fromkeys(self._resolved(node, env) for node in found))

    def _core(self, query: exp.Select, outer: Env) -> tuple[Rel, dict[str, Columns]]:
        """FROM and WHERE: the joined and filtered rows, and the relations in sight."""
        source = query.args.get("from_")
        if source is None:
            raise self.context.refuse(query, "expected FROM with at least one relation")
        where = query.args.get("where")
        waiting = list(conjuncts(where.this)) if where else []
        rel, columns = self.source(source.this)
        env: dict[str, Columns] = {source.this.alias_or_name: columns}
        for join in query.args.get("joins") or ():
            rel = self._joined(rel, join, env, waiting)
        subqueries = Subqueries(self, env)
        for condition in waiting:
            if condition.find(exp.Query) is not None:
                rel, node = subqueries.marked(rel, condition)
                rel = Filter(rel, node)
            else:
                rel = Filter(rel, self._resolved(condition, env))
        return rel, env

    def _joined(
        self, rel: Rel, join: exp.Join, env: dict[str, Columns], waiting: list[Expr]
    ) -> Rel:
        """`rel` joined with the next relation of FROM; equalities of WHERE that tie it are taken from `waiting`."""
        side = join.side or ""
        if (
            join.method
            or side not in {"", "LEFT"}
            or join.kind not in {"", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"}
        ):
            what = " ".join(filter(None, (join.method, join.side, join.kind)))
            raise self.context.refuse(
                join,
                f"a {what} join between owners is not supported; supported: INNER and LEFT JOIN, SEMI and ANTI, "
                "IN, NOT IN, EXISTS, NOT EXISTS",
                what.split()[0],
            )
        right, columns = self.source(join.this)
        alias = join.this.alias_or_name
        if alias in env:
            raise self.context.refuse(
                join.this, f"expected a name of its own for each relation, got {alias!r}"
            )
        marks = join.kind in {"SEMI", "ANTI"}
        inside = {**env, alias: columns}
        given = placed(conjuncts(join.args.get("on")), join)
        if side == "" and not marks:
            given += [c for c in waiting if c.find(exp.Query) is None and is_tie(c, env, alias)]
            waiting[:] = [
                c for c in waiting if not (c.find(exp.Query) is None and is_tie(c, env, alias))
            ]
        conditions = [self._resolved(c, inside) for c in given]
        kind: JoinKind = "mark" if marks else "left" if side else "inner"
        found = self.ties.tied(rel, right, conditions, kind, join)
        if marks:
            flag = column(found.flag)
            return Filter(found, exp.Not(this=flag) if join.kind == "ANTI" else flag)
        env[alias] = columns
        if kind == "inner" and isinstance(found, Join):
            rest = found.residual
            whole: Rel = replace(found, residual=())
            for node in rest:
                whole = Filter(whole, node)
            return whole
        return found

    def resolved(self, node: Expr, env: Env) -> Expr:
        """`node` over the algebra's columns."""
        return self._resolved(node, env)

    def _resolved(self, node: Expr, env: Env) -> Expr:
        for inner in node.find_all(exp.Query):
            raise self.context.refuse(
                inner,
                "a sub-query over several owners' rows may stand in FROM, IN and EXISTS of WHERE only",
            )

        def change(part: Expr) -> Expr:
            if isinstance(part, exp.Coalesce):
                return self._of_using(part, env)
            if isinstance(part, exp.Column):
                columns = env.get(part.table)
                if columns is None or part.name not in columns:
                    raise self.context.refuse(part, f"{part.sql(DIALECT)} is not in sight here")
                found = column(columns[part.name])
                self.names.note(found.name, part)
                found.meta.update(part.meta)
                for inner in part.walk():
                    if "start" in inner.meta:
                        found.this.meta.update(inner.meta)
                return found
            return part

        return node.copy().transform(change)

    def _of_using(self, node: exp.Coalesce, env: Env) -> Expr:
        """The first of columns that a join makes equal, which is what USING makes of them; else `node` itself."""
        parts = (node.this, *node.expressions)
        if not all(isinstance(p, exp.Column) and p.name in env.get(p.table, {}) for p in parts):
            return node
        first, *others = (env[part.table][part.name] for part in parts)
        if any(self.ties.equal.get(other) != first for other in others):
            return node
        self.names.note(first, node)
        return column(first)

    def _order(self, tree: exp.Select, asked: list[str]) -> tuple[tuple[int, bool], ...]:
        order = tree.args.get("order")
        items = [item.unalias() for item in tree.expressions]
        aliases = [item.alias for item in tree.expressions]
        found = []
        for ordered in order.expressions if order is not None else ():
            node = ordered.this
            if isinstance(node, exp.Column) and not node.table and node.name in aliases:
                position = aliases.index(node.name)
            elif node in items:
                position = items.index(node)
            elif (
                isinstance(node, exp.Literal) and node.is_int and 1 <= int(node.this) <= len(items)
            ):
                position = int(node.this) - 1
            else:
                raise self.context.refuse(
                    node, f"expected an output column in ORDER BY: {', '.join(asked)}"
                )
            if ordered.args.get("nulls_first"):
                raise self.context.refuse(ordered, "NULLS FIRST is not supported: NULL comes last")
            found.append((position, bool(ordered.args.get("desc"))))
        return tuple(found)

    def _limit(self, tree: exp.Select) -> int | None:
        limit = tree.args.get("limit")
        if limit is None:
            return None
        number = limit.expression
        plain = isinstance(limit, exp.Limit) and not limit.args.get("limit_options")
        if not plain or not isinstance(number, exp.Literal) or not number.is_int:
            raise self.context.refuse(limit, "expected a whole number in LIMIT", "LIMIT")
        return int(number.this)


def _counts(aggregate: Aggregated, rel: Rel) -> bool:
    """Whether an aggregate is a number of rows, values or ones."""
    if aggregate.kind != "sum" or aggregate.of is None:
        return aggregate.kind in ("count", "distinct")
    ends = known(aggregate.of, rel).bounded
    return ends is not None and set(ends) <= {0, 1}


def person_of(rel: Rel) -> str | None:
    """The first column of `rel` that names the person behind a row."""
    return next((n for n, fact in rel.facts.items() if fact.names_persons or PERSON in n), None)


def _aggregates(query: exp.Select) -> bool:
    """Whether the SELECT aggregates its rows."""
    parts = [*query.expressions, *([query.args["having"]] if query.args.get("having") else [])]
    return any(
        node.find_ancestor(exp.Select) is query and node.find_ancestor(exp.Window) is None
        for part in parts
        for node in part.find_all(exp.AggFunc)
    )
