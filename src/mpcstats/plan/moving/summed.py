"""How far a sum of owners' own cells moves: an owner counts and adds up rows of which each is one person's."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from mpcstats.plan.facts import Columns, Fact, Shape, fact, of_column
from mpcstats.plan.limits import Limited
from mpcstats.plan.narrowed import shaped
from mpcstats.plan.persons import Apart, of_query, persons, source
from mpcstats.plan.physical import Fragment, Physical, Sum
from mpcstats.plan.shapes import shape
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.contribution import Contribution, Sensitivity

COUNTS = (exp.Count, exp.CountIf)


def of_sum(
    plan: Physical, step: Sum, catalogue: Catalogue, column: int, limits: Limited
) -> Sensitivity | None:
    """How far total `column` of `step` moves. A person may be at every owner: what it moves there adds up."""
    ((ref,),) = (term.factors for term in step.totals[column].terms)
    found = [
        _of_fragment(plan.fragment(name), catalogue, ref.column, plan.cells, limits)
        for name in step.fragments
    ]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    if len(known) == 1:
        return known[0]
    moved = sum(each.l1 for each in known)
    return Sensitivity(moved, moved * moved, min(plan.cells, sum(each.cells for each in known)))


def _of_fragment(
    fragment: Fragment, catalogue: Catalogue, column: str, cells: int, limits: Limited
) -> Sensitivity | None:
    """How far `column` of the `cells` cells that an owner counts moves; None where nothing bounds it.

    The query casts the columns of another one, which groups rows; of those a person must have so many at most.
    """
    found = source(fragment, catalogue, limits)
    if found is None or not catalogue.has(found.dataset):
        return None
    grouped = _query_below(found.query)
    rows = None if grouped is None else _query_below(grouped)
    if grouped is None or rows is None or grouped.args.get("having") or _reads_queries(grouped):
        return None
    below = of_query(rows, persons(found.dataset, catalogue, limits))
    made = next((item for item in grouped.expressions if item.alias_or_name == column), None)
    if below is None or made is None:
        return None
    columns = _columns(grouped, found.dataset, catalogue, limits)
    return _moved(made.unalias(), columns, below, cells)


def _query_below(query: exp.Expr) -> exp.Select | None:
    """The sub-query that is all of FROM."""
    origin = query.args.get("from_")
    below = None if origin is None else origin.this
    if isinstance(below, exp.Subquery) and isinstance(below.this, exp.Select):
        return below.this
    return None


def _reads_queries(query: exp.Select) -> bool:
    """Whether what is selected, filtered or grouped by looks at other rows or cells."""
    parts = [*query.expressions, *(query.args[n] for n in ("where", "group") if query.args.get(n))]
    return any(part.find(exp.Select, exp.Window) is not None for part in parts)


def _columns(cells: exp.Select, name: str, catalogue: Catalogue, limits: Limited) -> Columns:
    """What is known of the columns that the rows of the cells have."""

    def table(_: str) -> Shape:
        dataset = catalogue.dataset(name)
        whole = {name: of_column(column) for name, column in dataset.columns.items()}
        return shaped(Shape(dataset.rows, whole), limits.get(dataset.name))

    origin = cells.args["from_"].this.copy()
    for column in origin.find_all(exp.Column):  # each SELECT reads one relation
        query = column.find_ancestor(exp.Select)
        if not column.table and query is not None:
            column.set("table", exp.to_identifier(query.args["from_"].this.alias_or_name))
    known = shape(origin, table).columns
    return {(origin.alias_or_name, column): about for column, about in known.items()}


def _moved(made: exp.Expr, columns: Columns, below: Apart, cells: int) -> Sensitivity | None:
    """How far an aggregate that is `made` so, over rows that are `below`, moves."""
    node = made
    while isinstance(node, exp.Filter | exp.Paren) or (
        isinstance(node, exp.Coalesce) and node.expressions == [exp.Literal.number(0)]
    ):
        node = node.this
    if isinstance(node, exp.Count) and _counts_persons(node, below):
        rows = cells if below.rows is None else below.rows
        return Contribution(rows, cells, 0, 1).of_persons()
    if below.rows is None:
        return None
    if isinstance(node, COUNTS):
        return Contribution(below.rows, cells, 0, 1).of_rows()
    if not isinstance(node, exp.Sum) or isinstance(node.this, exp.Distinct):
        return None
    bounds = _value(node.this, columns).bounded
    if bounds is None or bounds == (0, 0):
        return None
    return Contribution(below.rows, cells, *bounds).of_sum()


def _counts_persons(node: exp.Count, below: Apart) -> bool:
    """Whether it is the number of persons: each adds 1 to a cell, however many rows it has."""
    if not isinstance(node.this, exp.Distinct) or len(node.this.expressions) != 1:
        return False
    (value,) = node.this.expressions
    return isinstance(value, exp.Column) and value.name in below.named


def _value(node: exp.Expr, columns: Columns) -> Fact:
    """What is known of the value of a row; TRY gives it, or NULL, which a sum passes over."""

    def plain(part: exp.Expr) -> exp.Expr:
        return cast(exp.Expr, part.this) if isinstance(part, exp.Try) else part

    return fact(node.copy().transform(plain), columns, 1)
