"""What one owner's database computes, made larger: filters, computed columns, groups and joins go into its query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Expr,
    Group,
    Join,
    Named,
    Owned,
    renamed,
)
from mpcstats.plan.relational.hidden import any_person, column_of
from mpcstats.plan.shapes import shape

INNER, OTHER = "l", "r"
FUNCTIONS: Mapping[str, type[exp.Expr]] = {
    "sum": exp.Sum,
    "min": exp.Min,
    "max": exp.Max,
}
NOT_FLAT = ("group", "having", "distinct", "limit", "offset", "qualify", "windows")


def filtered(leaf: Owned, conditions: Sequence[Expr], context: Context) -> Owned:
    """The rows for which all conditions are true."""
    query = _flat(leaf)
    defined = _definitions(query)
    query = query.where(*(renamed(c, defined) for c in conditions), copy=False)
    return _again(leaf, query, context)


def extended(leaf: Owned, columns: Sequence[Named], context: Context) -> Owned:
    """With computed columns."""
    query = _flat(leaf)
    defined = _definitions(query)
    for name, node in columns:
        query.append("expressions", exp.alias_(renamed(node, defined), name, quoted=True))
        defined[name] = renamed(node, defined)
    same = {
        name for name, node in columns if isinstance(node, exp.Column) and node.name in leaf.party
    }
    found = _again(leaf, query, context)
    return replace(found, party=leaf.party | same)


def grouped(leaf: Owned, group: Group, context: Context) -> Owned:
    """One row for each combination of the keys."""
    query = _flat(leaf)
    defined = _definitions(query)
    keys = [defined[key].copy() for key in group.keys]
    items = [
        exp.alias_(node.copy(), key, quoted=True)
        for key, node in zip(group.keys, keys, strict=True)
    ]
    items += [exp.alias_(_called(a, defined), a.name, quoted=True) for a in group.aggregates]
    query.set("expressions", items)
    # A literal would be read as the number of a column; it groups nothing.
    plain = [key for key in keys if not isinstance(key, exp.Literal)]
    if plain:
        query = query.group_by(*plain, copy=False)
    else:
        query = query.having(
            exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0)), copy=False
        )
    found = _again(leaf, query, context)
    unique = found.shape.unique | {frozenset(group.keys)}
    told = frozenset(group.keys) - leaf.party
    if told:
        unique |= {told}
    return replace(
        found,
        party=leaf.party & frozenset(group.keys),
        shape=replace(found.shape, unique=unique, rows=min(found.shape.rows, group.rows)),
    )


def joined(join: Join, left: Owned, right: Owned, context: Context) -> Owned:
    """The join of two relations of one owner."""
    sides = {
        **{n: column_of(INNER, n) for n in left.facts},
        **{n: column_of(OTHER, n) for n in right.facts},
    }
    ties: list[Expr] = [
        exp.EQ(this=column_of(INNER, a), expression=column_of(OTHER, b)) for a, b in join.on
    ]
    ties += [renamed(node, sides) for node in join.residual]
    items = [exp.alias_(column_of(INNER, n), n, quoted=True) for n in left.facts]
    query = exp.select().from_(_as(left.query, INNER))
    if join.kind == "mark":
        inside = exp.select(exp.Literal.number(1)).from_(_as(right.query, OTHER)).where(*ties)
        items.append(exp.alias_(exp.Exists(this=inside), join.flag, quoted=True))
    else:
        items += [exp.alias_(column_of(OTHER, n), n, quoted=True) for n in right.facts]
        found = exp.Not(this=exp.Is(this=column_of(OTHER, join.on[0][1]), expression=exp.Null()))
        items.append(exp.alias_(found, join.flag, quoted=True))
        query = query.join(
            _as(right.query, OTHER),
            on=exp.and_(*ties),
            join_type="left" if join.kind == "left" else "inner",
        )
    query.set("expressions", items)
    done = _again(left, query, context)
    party = left.party | (right.party if join.kind == "inner" else frozenset())
    return replace(done, party=party)


def select_outer(leaf: Owned, columns: Sequence[Named], context: Context) -> Owned:
    """With columns that are computed over all rows, such as windows."""
    items = [exp.alias_(column_of(INNER, n), n, quoted=True) for n in leaf.facts]
    inside = {n: column_of(INNER, n) for n in leaf.facts}
    items += [exp.alias_(renamed(node, inside), name, quoted=True) for name, node in columns]
    return _again(leaf, exp.select(*items).from_(_as(leaf.query, INNER)), context)


def _as(query: exp.Select, alias: str) -> exp.Subquery:
    return exp.Subquery(
        this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )


def _flat(leaf: Owned) -> exp.Select:
    """A copy of the query in which each output is an expression over the rows of FROM and WHERE."""
    query = leaf.query
    computed = any(item.find(exp.AggFunc, exp.Window) for item in query.expressions)
    if not computed and not any(query.args.get(name) for name in NOT_FLAT):
        return query.copy()
    items = [exp.alias_(column_of(INNER, n), n, quoted=True) for n in leaf.facts]
    return exp.select(*items).from_(_as(query, INNER))


def _definitions(query: exp.Select) -> dict[str, Expr]:
    return {item.alias_or_name: item.unalias() for item in query.expressions}


def _called(aggregate: Aggregated, defined: Mapping[str, Expr]) -> Expr:
    of = None if aggregate.of is None else renamed(aggregate.of, defined)
    match aggregate.kind:
        case "count":
            return exp.Count(this=exp.Star() if of is None else of)
        case "distinct":
            return exp.Count(this=exp.Distinct(expressions=[of]))
        case "any" if of is not None:
            return any_person(of)
        case _:
            return FUNCTIONS[aggregate.kind](this=of)


def _again(leaf: Owned, query: exp.Select, context: Context) -> Owned:
    return replace(leaf, query=query, shape=shape(exp.Subquery(this=query), context.shape))
