"""Rule: a relation over a union becomes one relation at each owner, and how their rows go together.

What a sub-query says of the union must follow from what it says of each owner's rows: either its rows are all
owners' rows together, or it groups by the person key and only adds up.
"""

from __future__ import annotations

from typing import Literal

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.joins import bare
from mpcstats.plan.logical import Expr, Relation, conjuncts
from mpcstats.plan.shapes import shape
from mpcstats.records.catalogue import Dataset

OWN = "own"  # the name of an owner's dataset inside the sub-query that stands for a union
Merge = Literal["rows", "persons"]


def parts(relation: Relation, context: Context) -> tuple[Merge, tuple[Relation, ...]]:
    """The relation of each owner and how they merge. Raises UsageError where the parts do not tell the whole."""
    merge = _merge(relation, context)
    names = [f"{t.db}.{t.name}" for t in relation.item.find_all(exp.Table)]
    unions = {name: context.union(name) for name in names}
    owners = (relation.union or "").split(", ")
    found = []
    for position, owner in enumerate(owners):
        item = relation.item.copy()
        for table in list(item.find_all(exp.Table)):
            union = unions[f"{table.db}.{table.name}"]
            if union is None:  # held by rules.resolve: a relation reads one owner or one union
                continue
            dataset = context.members(union)[position]
            own = _own_rows(table, dataset, union.party_column)
            if table is item:
                item = own
            else:
                table.replace(own)
        found.append(Relation(relation.name, item, shape(item, context.shape), owner, None))
    return merge, tuple(found)


def _own_rows(table: exp.Table, dataset: Dataset, party_column: str) -> exp.Subquery:
    """The rows of `dataset` under the name that the union has in FROM, with their party."""
    schema, name = dataset.name.split(".")
    own = exp.table_(name, db=schema, alias=OWN, quoted=True)
    columns = [exp.column(c, table=OWN, quoted=True) for c in dataset.columns]
    party = exp.alias_(exp.Literal.string(dataset.owner), party_column, quoted=True)
    query = exp.select(*columns, party).from_(own)
    return exp.Subquery(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
    )


def _merge(relation: Relation, context: Context) -> Merge:
    item = relation.item
    if _party_of(item, context) is not None:
        return "rows"
    query = item.unnest()
    if isinstance(query, exp.Select) and _party_of_from(query, context) is not None:
        fault = _persons_fault(query)
        if fault is None:
            return "persons"
    else:
        fault = "its relations are not joined on the union's party column"
    raise context.refuse(
        item,
        f"{relation.name} reads the rows of {relation.union} and cannot be taken apart by owner: "
        f"{fault}. Supported: filters and columns; joins on the party column; GROUP BY one key "
        "with SUM and COUNT; SELECT DISTINCT of one key",
    )


def _persons_fault(query: exp.Select) -> str | None:
    """Why the groups of all owners do not follow from each owner's groups; None if they do."""
    for clause in ("having", "qualify", "limit", "offset"):
        if query.args.get(clause):
            return f"it has {clause.upper()}"
    group = query.args.get("group")
    if group is None:
        if query.args.get("distinct") and len(query.expressions) == 1:
            return None
        return "it aggregates, and not by one key"
    if len(group.expressions) != 1:
        return "it groups by more than one expression"
    for item in query.expressions:
        if item.unalias() != group.expressions[0] and not _additive(item.unalias()):
            return f"{item.alias_or_name} is no sum over the owners"
    return None


def _additive(node: Expr) -> bool:
    """Whether the value over all owners is the sum of the owners' values."""
    inner = node.unnest()
    if isinstance(inner, exp.Coalesce) and len(inner.expressions) == 1:
        zero = inner.expressions[0]
        nothing = isinstance(zero, exp.Literal) and zero.is_int and int(zero.this) == 0
        return nothing and _additive(inner.this)
    if isinstance(inner, exp.Count | exp.Sum):
        return not isinstance(inner.this, exp.Distinct)
    return False


def _party_of(item: Expr, context: Context) -> str | None:
    """The output column of `item` that holds the party, if its rows are the owners' rows together.

    The empty text if the rows are so but the party is not put out.
    """
    if isinstance(item, exp.Table):
        union = context.union(f"{item.db}.{item.name}")
        return None if union is None else union.party_column
    query = item.unnest()
    if not isinstance(query, exp.Select):
        return None
    party = _party_of_from(query, context)
    if party is None:
        return None
    names = [i.alias_or_name for i in query.expressions if bare(i.unalias(), {}) in party]
    group = query.args.get("group")
    alone = not any(query.args.get(c) for c in ("limit", "offset", "qualify", "windows"))
    if group is not None:
        by_party = any(bare(key, {}) in party for key in group.expressions)
        alone = alone and by_party
    elif any(item.find(exp.AggFunc, exp.Window) for item in query.expressions):
        alone = False
    elif query.args.get("distinct"):
        alone = alone and bool(names)
    if not alone:
        return None
    return names[0] if names else ""


def _party_of_from(query: exp.Select, context: Context) -> frozenset[tuple[str, str]] | None:
    """The party columns of the relations in FROM, which the joins make equal; None if they do not."""
    source = query.args.get("from_")
    joins = query.args.get("joins") or []
    items = [source.this, *(j.this for j in joins)] if source is not None else []
    found = {item.alias_or_name: _party_of(item, context) for item in items}
    where = query.args.get("where")
    if not items or any(party is None for party in found.values()):
        return None
    if any(j.side in {"RIGHT", "FULL"} or j.kind in {"SEMI", "ANTI"} for j in joins):
        return None
    places = frozenset((name, party) for name, party in found.items() if party)
    conditions = [*conjuncts(where.this if where else None)]
    if any(c.find(exp.Query) for c in conditions):
        return None
    tied = {items[0].alias_or_name}
    for join in joins:
        on = [*conjuncts(join.args.get("on")), *(conditions if not join.side else [])]
        name = join.this.alias_or_name
        if any(_ties(c, name, tied, places) for c in on):
            tied.add(name)
    return places if len(tied) == len(items) else None


def _ties(condition: Expr, name: str, tied: set[str], places: frozenset[tuple[str, str]]) -> bool:
    if not isinstance(condition, exp.EQ):
        return False
    sides = {bare(condition.this, {}), bare(condition.expression, {})}
    if not sides <= places:
        return False
    tables = {place[0] for place in sides if place is not None}
    return name in tables and bool(tables & tied)
