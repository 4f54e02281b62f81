"""The relations of FROM as algebra: tables, unions, and sub-queries that one owner computes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import INSTITUTION, Expr, Owned, Rel, Union, beginning
from mpcstats.plan.relational.hidden import (
    column_of,
    institutions,
    is_of,
    labels,
    untold,
    with_hidden,
)
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.rules.resolve import owners
from mpcstats.plan.shapes import shape
from mpcstats.records.catalogue import Dataset

Columns = Mapping[str, str]  # name in SQL -> name in the algebra


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
            name: names.asked(alias, name)
            for name, about in dataset.columns.items()
            if name in asked or about.person
        }
        told = _told((dataset,), alias, context, names)
        if dataset.contributor in columns and None not in told.values():
            names.sources |= {beginning(name): columns[dataset.contributor] for name in told}
        if dataset.contributor is not None and not dataset.columns[dataset.contributor].nullable:
            names.whole |= {beginning(name) for name in told if None not in told.values()}
        return _of_dataset(dataset, alias, columns, context, None, told), columns
    about = context.shape(union.name)
    columns = {
        name: names.asked(alias, name)
        for name, known in about.columns.items()
        if name in asked or known.names_persons
    }
    members = context.members(union)
    told = _told(members, alias, context, names)
    parts = tuple(
        _of_dataset(dataset, alias, columns, context, union.party_column, told)
        for dataset in members
    )
    return Union(parts), columns


def _told(
    members: Sequence[Dataset], alias: str, context: Context, names: Names
) -> dict[str, Label | None]:
    """The columns that say of which institution a row is, and the institution; None: of one that is not known."""
    known = institutions(members) if context.contributors else ()
    roles = [f"{INSTITUTION}_{i}" for i in range(len(known))]
    found = dict(zip(names.hidden(alias, roles).values(), known, strict=True)) if roles else {}
    names.institutions |= found
    names.single |= {beginning(name) for name in found}
    return found


def owned(
    query: exp.Query, owner: str, alias: str, context: Context, names: Names
) -> tuple[Owned, Columns]:
    """What `owner` computes alone: `query`, with the person and the institutions behind each row."""
    whole = query.copy()
    columns = {name: names.asked(alias, name) for name in whole.named_selects}
    hidden = with_hidden(whole, context)
    roles = hidden.roles
    lacking = [f"{INSTITUTION}_0"] if untold(whole, context, roles) else []
    named = names.hidden(alias, (*roles, *lacking)) if roles or lacking else {}
    items = [(new, column_of(alias, old)) for old, new in columns.items()]
    items += [(named[role], column_of(alias, output)) for role, output in roles.items()]
    names.institutions |= {named[role]: label for role, label in labels(query, context, roles)}
    if f"{INSTITUTION}_0" in roles:
        own = beginning(named[f"{INSTITUTION}_0"])
        names.single |= {own} if hidden.single else set()
        for output, parts in hidden.parts.items():
            names.parts[columns[output]] = {own: tuple(named[role] for role in parts)}
    # Of an institution that has no rows: amounts of such rows are never shown where institutions must be counted.
    zeros = [(named[role], exp.Literal.number(0)) for role in lacking]
    source = exp.Subquery(
        this=whole, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )
    found = exp.select(
        *(exp.alias_(node, name, quoted=True) for name, node in (*items, *zeros))
    ).from_(source)
    return Owned(owner, found, shape(exp.Subquery(this=found), context.shape)), columns


def _of_dataset(
    dataset: Dataset,
    alias: str,
    columns: Columns,
    context: Context,
    party_column: str | None,
    told: Mapping[str, Label | None],
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
    items += [
        exp.alias_(is_of(dataset, alias, value), new, quoted=True) for new, value in told.items()
    ]
    query = exp.select(*items).from_(exp.table_(name, db=schema, alias=alias, quoted=True))
    return Owned(dataset.owner, query, shape(exp.Subquery(this=query), context.shape), party)
