"""A local as the fragment that its owner's database computes: the query, its public row bound, what it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections

from mpcstats.plan import keys
from mpcstats.plan import physical as plans
from mpcstats.plan.context import Context
from mpcstats.plan.facts import ARITHMETIC
from mpcstats.plan.items import items
from mpcstats.plan.limiting import limited
from mpcstats.plan.local import known
from mpcstats.plan.logical import Code, Expr, Local
from mpcstats.plan.names import DIALECT

KEY = "key"
NOT_IN_TRY = (exp.AggFunc, exp.Window, exp.Query)


def fragment(local: Local, context: Context) -> plans.Fragment:
    """What the owner of `local` computes at home."""
    about = known(local)
    cells = 1
    for code in local.codes:
        cells *= len(code.labels)
    query = _query(local, single=about.single)
    uses: dict[str, plans.Use] = {value.name: "value" for value in local.values}
    uses |= {code.name: "group" for code in local.codes}
    if local.key is not None:
        uses[KEY] = "key"
    read = items(query, uses, context)
    return plans.Fragment(
        name=local.name,
        owner=local.owner,
        sql=_text(query, local, context),
        rows=cells if local.key is None else about.keys,
        values=tuple(
            plans.ValueColumn(v.name, v.minimum, v.maximum, isinstance(v.sql, exp.Count))
            for v in local.values
        ),
        codes=tuple(plans.CodeColumn(c.name, c.labels) for c in local.codes),
        items=read,
        audits=audits(read, context),
    )


def _query(local: Local, *, single: bool) -> exp.Select:
    """The local's joined rows, one a key or one a cell; the key as it is, codes and values by name."""
    codes = [exp.alias_(code.sql.copy(), code.name, quoted=True) for code in local.codes]
    values = [exp.alias_(v.sql.copy(), v.name, quoted=True) for v in local.values]
    grouped: Sequence[Expr] = [code.sql for code in local.codes]
    columns: list[Expr] = [*values, *codes]
    if local.key is not None:
        columns = [exp.alias_(local.key.copy(), KEY, quoted=True), *columns]
        grouped = [] if single else [local.key]
    query = exp.select(*columns)
    first, *others = local.members
    query = query.from_(first.item.copy())
    for member in others:
        query = query.join(member.item.copy(), join_type="cross")
    if local.where:
        query = query.where(*(condition.copy() for condition in local.where))
    if grouped:
        query = query.group_by(*(node.copy() for node in grouped))
    return pruned(query)


def pruned(query: exp.Select) -> exp.Select:
    """Without the columns of sub-queries that nothing asks for: they are neither read nor checked (plan.items)."""
    for exists in query.find_all(exp.Exists):
        rows = exists.this.unnest()
        # EXISTS looks at rows only, but an aggregate makes one row of any number of them.
        if isinstance(rows, exp.Select) and not rows.args.get("offset"):
            counts = any(item.find(exp.AggFunc) for item in rows.expressions)
            rows.set(
                "expressions", [exp.Count(this=exp.Star()) if counts else exp.Literal.number(1)]
            )
            rows.set("distinct", None)
            rows.set("order", None)
    return pushdown_projections(query)


def _asked(item: Expr, relation: str) -> set[str]:
    """The columns that the SELECT in whose FROM `item` stands names of it, as `relation`."""
    query = item.find_ancestor(exp.Select)
    columns = query.find_all(exp.Column) if query is not None else ()
    return {column.name for column in columns if column.table == relation}


def _text(query: exp.Select, local: Local, context: Context) -> str:
    """The query over tables with normalised keys; numbers as BIGINT, NULL where they do not fit."""
    inner = normalised_text(query, context)
    labels: Mapping[str, Code] = {code.name: code for code in local.codes}
    columns = [quoted(value.name) for value in local.values]
    parts = [f"TRY_CAST({name} AS BIGINT) AS {name}" for name in columns]
    for name, code in labels.items():
        cases = " ".join(
            f"WHEN {_literal(label)} THEN {position}" for position, label in enumerate(code.labels)
        )
        parts.append(f"CAST(CASE {quoted(name)} {cases} END AS BIGINT) AS {quoted(name)}")
    if local.key is not None:
        parts = [f"{keys.encoded([quoted(KEY)])} AS {quoted(KEY)}", *parts]
    # Names are the planner's own or quoted, and the inner text is a tree that was checked (plan.names).
    return f"SELECT {', '.join(parts)} FROM ({inner}) AS fragment"


def normalised_text(query: exp.Select, context: Context) -> str:
    """The text of `query` over tables with normalised keys, within limits, and with arithmetic that does not fail."""
    normal = _normalised(_guarded(query.copy()), context)
    return limited(normal, context.limits, context.catalogue).sql(DIALECT)


def _guarded(query: exp.Select) -> exp.Select:
    """Arithmetic that overflows gives NULL instead of an error: failing on one row would tell of it.

    DuckDB's TRY holds no aggregate, window or sub-query; arithmetic over those is bounded (plan.shapes).
    """

    def guard(node: Expr) -> Expr:
        inside = isinstance(node.parent, exp.Anonymous) and node.parent.name.upper() == "TRY"
        if isinstance(node, ARITHMETIC) and not inside and not node.find(*NOT_IN_TRY):
            return exp.Anonymous(this="TRY", expressions=[node.copy()])
        return node

    return cast(exp.Select, query.transform(guard))


def _normalised(query: exp.Select, context: Context) -> exp.Select:
    """Every table with keys is read through a sub-query that normalises them."""
    for table in list(query.find_all(exp.Table)):
        dataset = context.catalogue.dataset(f"{table.db}.{table.name}")
        alias = table.alias_or_name
        asked = _asked(table, alias)
        names = [name for name in dataset.columns if name in asked] or [next(iter(dataset.columns))]
        plain = exp.table_(table.name, db=table.db, quoted=True).sql(DIALECT)
        normal = {
            name: keys.normalised(column.key, quoted(name), integer=column.type == "integer")
            for name, column in dataset.columns.items()
            if column.key is not None
        }
        columns = ", ".join(f"{normal.get(n, quoted(n))} AS {quoted(n)}" for n in names)
        text = f"(SELECT {columns} FROM {plain}) AS {quoted(alias)}"
        table.replace(_subquery(text))
    return query


def _subquery(text: str) -> Expr:
    """The parsed sub-query of `text`, which this module has written."""
    return exp.maybe_parse(f"SELECT * FROM {text}", dialect=DIALECT).args["from_"].this


def audits(read: Sequence[plans.Item], context: Context) -> tuple[plans.Audit, ...]:
    """For the owner: rows, and what is wrong with the keys, of each table whose person key is read."""
    found = {}
    for item in read:
        entry = context.catalogue.dataset(item.dataset).columns[item.column]
        if entry.key is not None:
            schema, name = item.dataset.split(".")
            table = exp.table_(name, db=schema, quoted=True).sql(DIALECT)
            column = quoted(item.column)
            normal = keys.normalised(entry.key, column, integer=entry.type == "integer")
            found[item.dataset] = plans.Audit(item.dataset, keys.audit(table, column, normal))
    return tuple(found.values())


def quoted(name: str) -> str:
    """The name as a quoted identifier."""
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def _literal(label: plans.Label) -> str:
    if isinstance(label, int):
        return str(label)
    return exp.Literal.string(label).sql(DIALECT)
