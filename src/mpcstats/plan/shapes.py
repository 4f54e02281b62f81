"""The shape of a table or a sub-query: its columns' facts, its row bound, and which sets of columns are unique.

Row bounds come from the catalogue's bounds; a condition lowers them only where it joins on a unique column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product

from sqlglot import exp

from mpcstats.errors import UsageError
from mpcstats.plan.facts import ARITHMETIC, Columns, Fact, Shape, fact, united
from mpcstats.plan.joins import Joined, Place, bare, equalities, not_null
from mpcstats.plan.logical import conjuncts

LARGEST = 1 << 126
Tables = Callable[[str], Shape]  # the shape of the dataset or union of that name


def shape(item: exp.Expr, tables: Tables) -> Shape:
    """The shape of a table, a sub-query or a query over tables."""
    match item:
        case exp.Table():
            return tables(f"{item.db}.{item.name}")
        case exp.Subquery():
            return shape(item.this, tables)
        case exp.SetOperation():
            return _of_set_operation(item, tables)
        case exp.Select():
            return _of_select(item, tables)
        case _:
            return Shape(0, {})


def joined(
    shapes: dict[str, Shape], joins: Iterable[exp.Join], conditions: Iterable[exp.Expr]
) -> Joined:
    """The join of `shapes` whose rows meet `conditions`, and of which `joins` says which sides are optional."""
    columns = Joined(shapes, ()).columns()
    equal, optional, loose = [*equalities(conditions, columns)], set(), False
    for join in joins:
        name = join.this.alias_or_name
        pairs = equalities(conjuncts(join.args.get("on")), columns)
        if join.side in {"RIGHT", "FULL"}:
            loose = True
        elif join.side == "LEFT":
            # What a left join's ON says of other relations holds only where there is a match.
            optional.add(name)
            equal += [pair for pair in pairs if name in {pair[0][0], pair[1][0]}]
        elif join.kind != "ANTI":
            equal += pairs
    return Joined(shapes, tuple(equal), frozenset(optional), loose)


def _of_set_operation(query: exp.SetOperation, tables: Tables) -> Shape:
    left, right = shape(query.this, tables), shape(query.expression, tables)
    names = list(left.columns)
    pairs = zip(left.columns.values(), right.columns.values(), strict=False)
    columns = {name: united(pair) for name, pair in zip(names, pairs, strict=False)}
    unique = frozenset({frozenset(names)}) if query.args.get("distinct") else frozenset()
    if isinstance(query, exp.Union):
        return Shape(left.rows + right.rows, columns, unique)
    return Shape(left.rows, left.columns, unique | left.unique)


def _of_select(query: exp.Select, tables: Tables) -> Shape:
    source = query.args.get("from_")
    joins: list[exp.Join] = query.args.get("joins") or []
    shapes = {source.this.alias_or_name: shape(source.this, tables)} if source else {}
    for join in joins:
        if join.kind not in {"SEMI", "ANTI"}:
            shapes[join.this.alias_or_name] = shape(join.this, tables)
    where = query.args.get("where")
    conditions = list(conjuncts(where.this)) if where else []
    whole = joined(shapes, joins, conditions)
    inner = [
        c for j in joins if not j.side and j.kind != "ANTI" for c in conjuncts(j.args.get("on"))
    ]
    columns = not_null(whole.columns(), [*conditions, *inner])
    return _projected(query, whole, columns)


def _projected(query: exp.Select, join: Joined, columns: Columns) -> Shape:
    rows = join.rows
    _check_arithmetic(query, columns, rows)
    outputs = {item.alias_or_name: fact(item, columns, rows) for item in query.expressions}
    places = {item.alias_or_name: bare(item.unalias(), columns) for item in query.expressions}
    unique: set[frozenset[str]] = set()
    group = query.args.get("group")
    if group is not None:
        names = [_named(key, query) for key in group.expressions]
        if names and None not in names:
            unique.add(frozenset(name for name in names if name))
            keys = [fact(key, columns, rows) for key in group.expressions]
            outputs = _of_groups(query, outputs, columns, repeats(keys, rows))
            rows = min(rows, _combinations(keys, rows))
    elif any(_aggregates(item) for item in query.expressions):
        # Over no rows at all there is one row, and in it every aggregate but a count is NULL; a constant is itself.
        outputs = {
            item.alias_or_name: outputs[item.alias_or_name]
            if isinstance(item.unalias(), exp.Count | exp.Literal)
            else replace(outputs[item.alias_or_name], nullable=True)
            for item in query.expressions
        }
        rows = 1
    else:
        unique |= _passed_on(join, places)
    if query.args.get("distinct"):
        unique.add(frozenset(outputs))
    limit = query.args.get("limit")
    if (
        isinstance(limit, exp.Limit)
        and isinstance(limit.expression, exp.Literal)  # -1 is a Neg
        and limit.expression.is_int
        and not limit.args.get("limit_options")
    ):
        rows = min(rows, int(limit.expression.this))
    return Shape(rows, outputs, frozenset(unique))


def repeats(keys: Iterable[Fact], rows: int) -> int:
    """At most how many of `rows` rows have the same values of the keys. NULL, of which nothing is known, is a value."""
    given = list(keys)
    bounds = [] if any(key.nullable for key in given) else [key.most for key in given if key.most]
    return min([rows, *bounds])


def _of_groups(
    query: exp.Select, outputs: Mapping[str, Fact], columns: Columns, most: int
) -> dict[str, Fact]:
    """The facts of what a query with groups of at most `most` rows yields; totals are those of all its rows."""
    found = dict(outputs)
    for item in query.expressions:
        if item.find(exp.Window) is not None:  # over groups, of which there are as many as rows
            continue
        own = fact(item, columns, most)
        wide = found[item.alias_or_name]
        found[item.alias_or_name] = replace(wide, minimum=own.minimum, maximum=own.maximum)
    return found


def _check_arithmetic(query: exp.Select, columns: Columns, rows: int) -> None:
    """Raises UsageError where arithmetic over aggregates or windows could leave 128 bits, which DuckDB gives them.

    It would fail where one row makes it large, and so tell of that row.
    """
    clauses = [
        query.args[name] for name in ("having", "qualify", "where", "order") if query.args.get(name)
    ]
    for part in [*query.expressions, *clauses]:
        for node in part.find_all(*ARITHMETIC):
            if node.find_ancestor(exp.Select) is not query or not node.find(
                exp.AggFunc, exp.Window
            ):
                continue
            bounded = fact(node, columns, rows).bounded
            if bounded is None or max(map(abs, bounded)) >= LARGEST:
                raise UsageError(
                    f"{node.sql('duckdb')[:80]!r} has no known bounds, or bounds beyond 2^126: state minimum and "
                    "maximum of its columns in the catalogue, or leave the arithmetic out"
                )


def _aggregates(item: exp.Expr) -> bool:
    """Whether a select item aggregates all rows; an aggregate over a window does not."""
    query = item.find_ancestor(exp.Select)
    for node in item.find_all(exp.AggFunc):
        outer = node.parent.parent if isinstance(node.parent, exp.Filter) else node.parent
        if node.find_ancestor(exp.Select) is query and not isinstance(outer, exp.Window):
            return True
    return False


def _named(key: exp.Expr, query: exp.Select) -> str | None:
    """The output column that holds the group expression `key`."""
    for item in query.expressions:
        if item.unalias() == key:
            return str(item.alias_or_name)
    return None


def _combinations(keys: Iterable[Fact], rows: int) -> int:
    """At most how many combinations the group expressions take; `rows` where one has no bound."""
    count = 1
    for key in keys:
        values = len(key.labels) if key.labels is not None else key.distinct
        if values is None:
            return rows
        count *= values + key.nullable
    return count


def _passed_on(join: Joined, places: dict[str, Place | None]) -> set[frozenset[str]]:
    """The unique sets of the join under their output names, where all their columns are put out."""
    named: dict[Place, list[str]] = {}
    for name, place in places.items():
        if place is not None:
            named.setdefault(place, []).append(name)
    # A column may be put out under several names.
    return {
        frozenset(names)
        for columns in join.unique()
        for names in product(*(named.get(place, []) for place in columns))
    }
