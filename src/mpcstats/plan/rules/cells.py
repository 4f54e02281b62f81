"""Rule: a question without joins between owners becomes columns that each owner adds up, cell by cell, at home.

The first column of every owner counts its persons in the cell: that is what the gate tests.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.facts import Fact
from mpcstats.plan.local import Known, known
from mpcstats.plan.logical import Block, Expr, Local, Measure, Merged, Source, Value, locals_of
from mpcstats.plan.physical import Ref, Term
from mpcstats.plan.rules.measures import bounded_by

PERSONS = "persons"


def cells(block: Block, context: Context) -> Block:
    """The block whose locals yield `persons` and a column for each measure."""
    (source, *others) = block.sources
    if others or locals_of(source)[0].key is not None:
        return block
    own = [_with_persons(local, context) for local in locals_of(source)]
    found = []
    for position, measure in enumerate(block.measures):
        _check_additive(measure, source, context)
        own = [_with_measure(local, measure, f"m{position}", context) for local in own]
        bound = sum(local.values[-1].total for local in own)
        terms = (Term((Ref(source.name, f"m{position}"),)),)
        found.append(bounded_by(replace(measure, terms=terms), bound, context))
    whole = replace(source, parts=tuple(own)) if isinstance(source, Merged) else own[0]
    return replace(block, sources=(whole,), measures=tuple(found))


def _check_additive(measure: Measure, source: Source, context: Context) -> None:
    several = len(locals_of(source)) > 1
    persons = isinstance(source, Merged) and source.merge == "persons"
    if several and (measure.kind == "distinct" or (persons and measure.kind == "rows")):
        raise context.refuse(
            measure.sql,
            f"{measure.name} counts persons that several owners may both know: join them with a "
            "relation of one owner that has all persons, such as an enrolment",
        )
    if persons and measure.sql is not None and not isinstance(measure.sql, exp.Column):
        raise context.refuse(
            measure.sql,
            "expected a column as it is, of a sub-query that adds up several owners' rows",
        )


def _with_persons(local: Local, context: Context) -> Local:
    about = known(local)
    keys = [place for place, fact in about.columns.items() if fact.names_persons]
    if not keys:
        raise context.refuse(
            local.members[0].item,
            f"expected a person key among the columns of {local.members[0].name}: the gate counts "
            "the persons of a cell",
        )
    table, column = keys[0]
    node = exp.column(column, table=table, quoted=True)
    return replace(local, values=(Value(PERSONS, _distinct(node), 0, about.rows, about.rows),))


def _with_measure(local: Local, measure: Measure, name: str, context: Context) -> Local:
    about = known(local)
    return replace(local, values=(*local.values, _value(name, measure, about, context)))


def _value(name: str, measure: Measure, about: Known, context: Context) -> Value:
    rows, node = about.rows, measure.sql
    if node is None:
        return Value(name, exp.Count(this=exp.Star()), 0, rows, rows)
    if measure.kind == "rows":
        return Value(name, exp.Count(this=node.copy()), 0, rows, rows)
    if measure.kind == "distinct":
        if not about.fact(node).names_persons:
            raise context.refuse(
                node,
                "COUNT(DISTINCT x) counts persons: expected a column that the catalogue makes a key",
            )
        return Value(name, _distinct(node), 0, rows, rows)
    fact: Fact = about.fact(node)
    if fact.bounded is None:
        raise context.refuse(
            node,
            f"{node.sql('duckdb')[:80]!r} needs bounds to be summed: state minimum and maximum in "
            "the catalogue",
        )
    total = fact.whole(rows) or 0
    low = -total if fact.bounded[0] < 0 else 0
    plain = exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])
    return Value(
        name,
        exp.Coalesce(this=exp.Sum(this=plain), expressions=[exp.Literal.number(0)]),
        low,
        total,
        total,
    )


def _distinct(node: Expr) -> Expr:
    return exp.Count(this=exp.Distinct(expressions=[node.copy()]))
