"""The relations of FROM as algebra: tables, unions, and sub-queries that one owner computes alone."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Expr, Owned, Rel, Union, column
from mpcstats.plan.relational.naming import PERSON, Names
from mpcstats.plan.rules.resolve import owners
from mpcstats.plan.shapes import shape
from mpcstats.records.catalogue import Dataset

Columns = Mapping[str, str]  # name in SQL -> name in the algebra
HIDDEN = "person_"


def sole_owner(node: Expr, context: Context) -> str | None:
    """The owner of all rows that `node` reads, if it is one."""
    found = owners(node, context)
    return found[0] if len(found) == 1 and not found[0].startswith("*") else None


def scan(
    table: exp.Table, alias: str, asked: frozenset[str], context: Context, names: Names
) -> tuple[Rel, Columns]:
    """A dataset, or a union as the rows of its members; its person key, and columns that are `asked` for."""
    union = context.union(f"{table.db}.{table.name}")
    if union is None:
        dataset = context.catalogue.dataset(f"{table.db}.{table.name}")
        columns = {
            name: names.fresh(f"{alias}.{name}")
            for name, about in dataset.columns.items()
            if name in asked or about.person
        }
        return _of_dataset(dataset, alias, columns, context, None), columns
    about = context.shape(union.name)
    columns = {
        name: names.fresh(f"{alias}.{name}")
        for name, known in about.columns.items()
        if name in asked or known.names_persons
    }
    parts = tuple(
        _of_dataset(dataset, alias, columns, context, union.party_column)
        for dataset in context.members(union)
    )
    return Union(parts), columns


def owned(
    query: exp.Query, owner: str, alias: str, context: Context, names: Names
) -> tuple[Owned, Columns]:
    """What `owner` computes alone: `query`, with the person behind each row where that can be told."""
    whole = query.copy()
    hidden = with_person(whole, context)
    outputs = [name for name in whole.named_selects if name != hidden]
    columns = {name: names.fresh(f"{alias}.{name}") for name in outputs}
    passed = dict(columns)
    if hidden is not None:
        passed[hidden] = names.fresh(f"{alias}.{PERSON}")
    found = select_from(whole, alias, [(new, column_of(alias, old)) for old, new in passed.items()])
    return Owned(owner, found, shape(exp.Subquery(this=found), context.shape)), columns


def select_from(
    query: Expr, alias: str, columns: list[tuple[str, Expr]], where: Expr | None = None
) -> exp.Select:
    """SELECT columns FROM (query) AS alias."""
    source = exp.Subquery(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )
    items = [exp.alias_(node, name, quoted=True) for name, node in columns]
    found = exp.select(*items).from_(source)
    return found.where(where) if where is not None else found


def column_of(alias: str, name: str) -> exp.Column:
    """The column `name` of relation `alias`."""
    return exp.column(name, table=alias, quoted=True)


def with_person(query: Expr, context: Context) -> str | None:
    """Adds to the outputs of `query` who is behind a row, under the name that is returned; None if that cannot be told.

    Of a group or a distinct row that is one of its persons: different ones are behind no more rows than there are
    persons.
    """
    if isinstance(query, exp.Subquery):
        return with_person(query.this, context)
    if (
        not isinstance(query, exp.Select)
        or query.args.get("limit")
        or HIDDEN in query.named_selects
    ):
        return None
    person = _person_of(query, context)
    if person is None:
        return None
    grouped = query.args.get("group") is not None
    aggregated = any(
        a.find_ancestor(exp.Select) is query and not isinstance(a.parent, exp.Window)
        for item in query.expressions
        for a in item.find_all(exp.AggFunc)
    )
    distinct = query.args.get("distinct")
    if distinct is not None:
        if distinct.args.get("on") is not None or aggregated or grouped:
            return None
        query.set("distinct", None)
        query.set("group", exp.Group(expressions=[i.unalias().copy() for i in query.expressions]))
        grouped = True
    if grouped or aggregated:
        person = exp.Min(this=person)
    query.append("expressions", exp.alias_(person, HIDDEN, quoted=True))
    return HIDDEN


def _person_of(query: exp.Select, context: Context) -> Expr | None:
    """The person column of the first relation in FROM that has one."""
    source = query.args.get("from_")
    joins = [
        j for j in query.args.get("joins") or () if not j.side and j.kind not in {"SEMI", "ANTI"}
    ]
    for item in [source.this, *(j.this for j in joins)] if source is not None else []:
        alias = item.alias_or_name
        if isinstance(item, exp.Table):
            for name, fact in context.shape(f"{item.db}.{item.name}").columns.items():
                if fact.names_persons:
                    return column_of(alias, name)
        elif isinstance(item, exp.Subquery):
            hidden = with_person(item.this, context)
            if hidden is not None:
                return column_of(alias, hidden)
    return None


def _of_dataset(
    dataset: Dataset, alias: str, columns: Columns, context: Context, party_column: str | None
) -> Owned:
    schema, name = dataset.name.split(".")
    items = [
        exp.alias_(column_of(alias, old), new, quoted=True)
        for old, new in columns.items()
        if old in dataset.columns
    ]
    party: frozenset[str] = frozenset()
    if party_column is not None and party_column in columns:
        new = columns[party_column]
        items.append(exp.alias_(exp.Literal.string(dataset.owner), new, quoted=True))
        party = frozenset({new})
    query = exp.select(*items).from_(exp.table_(name, db=schema, alias=alias, quoted=True))
    return Owned(dataset.owner, query, shape(exp.Subquery(this=query), context.shape), party)


def every_column(names: Columns) -> list[tuple[str, Expr]]:
    """The columns under their own names."""
    return [(name, column(name)) for name in names.values()]
