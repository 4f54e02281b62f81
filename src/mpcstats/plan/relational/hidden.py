"""Columns that nobody asked for: who is behind a row of an owner's query, and rows of which institutions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import INSTITUTION, PERSON, Expr
from mpcstats.plan.relational.parts import Inside, added_parts
from mpcstats.records.catalogue import Dataset

SUFFIX = "_hidden"
MOST_INSTITUTIONS = 15  # with the rest 16, of which the gate compares all pairs in 24 rounds
JOINED = frozenset({"", "INNER", "CROSS"})


def column_of(alias: str, name: str) -> exp.Column:
    """The column `name` of relation `alias`."""
    return exp.column(name, table=alias, quoted=True)


def any_person(node: Expr) -> exp.AnyValue:
    """Any one of a group's persons; owners' databases take the least (`as_computed`), as not all can take any."""
    found = exp.AnyValue(this=node)
    found.meta[PERSON] = True
    return found


def as_computed(query: exp.Select) -> exp.Select:
    """The query as a database computes it: the persons of groups are picked in the same way everywhere."""

    def change(node: Expr) -> Expr:
        picked = isinstance(node, exp.AnyValue) and node.meta.get(PERSON)
        return exp.Min(this=node.this) if picked else node

    return cast(exp.Select, query.transform(change))


def institutions(datasets: Sequence[Dataset]) -> tuple[Label | None, ...]:
    """The institutions whose rows the datasets hold; none if that is not asked for them; (None,) if it is not known."""
    if not any(dataset.contributor for dataset in datasets):
        return ()
    found: dict[Label, None] = {}
    for dataset in datasets:
        own: Sequence[Label] = dataset.institutions
        if not own and dataset.contributor is not None:
            own = dataset.columns[dataset.contributor].domain or ()
        if not own:
            return (None,)
        found |= dict.fromkeys(own)
    return tuple(found) if len(found) <= MOST_INSTITUTIONS else (None,)


def is_of(dataset: Dataset, alias: str, value: Label | None) -> Expr:
    """1 for the rows of the institution `value`, else 0."""
    known = institutions((dataset,))
    if value is None or dataset.contributor is None or (known != (None,) and value not in known):
        return exp.Literal.number(0)
    if known == (value,) and not dataset.columns[dataset.contributor].nullable:
        return exp.Literal.number(1)
    same = exp.EQ(this=column_of(alias, dataset.contributor), expression=exp.convert(value))
    return exp.Case(
        ifs=[exp.If(this=same, true=exp.Literal.number(1))], default=exp.Literal.number(0)
    )


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden outputs of a query: their names by role, and by output of a sum the roles of what institutions add.

    `single`: a row is of one institution.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    single: bool = False


NOTHING = Hidden()


def with_hidden(query: Expr, context: Context) -> Hidden:
    """Adds hidden outputs to `query`, and says which: PERSON, one for each institution, and parts of sums.

    The person is one of those behind a row of groups: different ones are behind no more rows than there are persons.
    An institution's is 1 if rows of it are behind. There are none where institutions cannot be told.
    """
    found = _added(query, context)
    if not untold(query, context, found.roles):
        return found
    return Hidden({role: name for role, name in found.roles.items() if role == PERSON})


def labels(
    query: Expr, context: Context, roles: Iterable[str]
) -> Iterator[tuple[str, Label | None]]:
    """Of each role that counts an institution's rows, which one: all are of the only dataset that has any."""
    asked = [n for n in _tables(query) if context.contributors and _contributor(n, context)]
    known = institutions([context.catalogue.dataset(name) for name in asked])
    for i, value in enumerate(known):
        if f"{INSTITUTION}_{i}" in roles:
            yield f"{INSTITUTION}_{i}", value


def untold(query: Expr, context: Context, found: Iterable[str]) -> bool:
    """Whether institutions should be counted behind the rows of `query`, and the roles `found` do not do so."""
    asked = {n for n in _tables(query) if context.contributors and _contributor(n, context)}
    told = any(role.startswith(INSTITUTION) for role in found)
    return bool(asked) and not (told and len(asked) == 1)


def _added(query: Expr, context: Context) -> Hidden:
    if isinstance(query, exp.Subquery):
        return _added(query.this, context)
    if not isinstance(query, exp.Select) or query.args.get("limit"):
        return NOTHING
    distinct = query.args.get("distinct")
    if distinct is not None and (distinct.args.get("on") is not None or _is_grouped(query)):
        return NOTHING
    if distinct is not None and any(_groups_badly(item) for item in query.expressions):
        return NOTHING
    inside = _inside(query, context)
    # A column of the question's own that is called like a hidden one stands for nobody.
    if not inside.roles or any(_output(role) in query.named_selects for role in inside.roles):
        return NOTHING
    if distinct is not None:
        query.set("distinct", None)
        query.set("group", exp.Group(expressions=[i.unalias().copy() for i in query.expressions]))
    grouped = _is_grouped(query)
    parts = added_parts(query, inside, grouped=grouped) if context.contributions else {}
    for role, node in inside.roles.items():
        if grouped:
            node = any_person(node) if role == PERSON else exp.Max(this=node)
        query.append("expressions", exp.alias_(node, _output(role), quoted=True))
    for own in parts.values():
        for role, node in own.items():
            query.append("expressions", exp.alias_(node, _output(role), quoted=True))
    names = [*inside.roles, *(role for own in parts.values() for role in own)]
    return Hidden(
        {role: _output(role) for role in names},
        {output: tuple(own) for output, own in parts.items()},
        inside.single and not grouped,
    )


def _inside(query: exp.Select, context: Context) -> Inside:
    """The hidden columns of the first relations in FROM that have them."""
    source = query.args.get("from_")
    joins = [j for j in query.args.get("joins") or () if not j.side and j.kind in JOINED]
    items = [source.this, *(j.this for j in joins)] if source is not None else []
    found: dict[str, Expr] = {}
    parts: dict[tuple[str, str], list[Expr]] = {}
    single = False
    for item in items:
        alias = item.alias_or_name
        own: dict[str, Expr] = {}
        below: Hidden = NOTHING
        if isinstance(item, exp.Table):
            own = _of_table(f"{item.db}.{item.name}", alias, context)
        elif isinstance(item, exp.Subquery):
            below = _added(item.this, context)
            own = {role: column_of(alias, name) for role, name in below.roles.items()}
        person = own.pop(PERSON, None)
        if person is not None:
            found.setdefault(PERSON, person)
        told = {role: node for role, node in own.items() if role.startswith(INSTITUTION)}
        if told and not any(role.startswith(INSTITUTION) for role in found):
            found |= told
            single = isinstance(item, exp.Table) or below.single
            for output, roles in below.parts.items():
                parts[alias, output] = [own[role] for role in roles]
    whole = query.args.get("joins") or ()
    return Inside(found, parts, single, items[0].alias_or_name if items and not whole else None)


def _of_table(name: str, alias: str, context: Context) -> dict[str, Expr]:
    found: dict[str, Expr] = {}
    for column, fact in context.shape(name).columns.items():
        if fact.names_persons:
            found[PERSON] = column_of(alias, column)
            break
    if context.contributors and context.union(name) is None:
        dataset = context.catalogue.dataset(name)
        for i, value in enumerate(institutions((dataset,))):
            found[f"{INSTITUTION}_{i}"] = is_of(dataset, alias, value)
    return found


def _groups_badly(item: Expr) -> bool:
    """Whether GROUP BY takes an output for something else, or not at all: a number is a place, a window no key."""
    return isinstance(item.unalias(), exp.Literal) or item.find(exp.Window) is not None


def _is_grouped(query: exp.Select) -> bool:
    return query.args.get("group") is not None or any(
        a.find_ancestor(exp.Select) is query and a.find_ancestor(exp.Window) is None
        for item in query.expressions
        for a in item.find_all(exp.AggFunc)
    )


def _tables(query: Expr) -> set[str]:
    return {f"{table.db}.{table.name}" for table in query.find_all(exp.Table)}


def _contributor(name: str, context: Context) -> bool:
    return context.union(name) is None and context.catalogue.dataset(name).contributor is not None


def _output(role: str) -> str:
    return role.removeprefix("#") + SUFFIX
