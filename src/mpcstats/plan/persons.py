"""Persons apart: whether each row of a fragment comes of the rows of one person alone.

Only then does leaving a person out change one row. A mean over everybody in a condition, a rank, a LIMIT, or a join of
persons with one another would change the rows of many.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import Fragment

ACROSS = (
    *(exp.Window, exp.Limit, exp.Offset, exp.Fetch, exp.Distinct, exp.Qualify, exp.TableSample),
    *(exp.Exists, exp.SetOperation, exp.With, exp.Join, exp.Lateral, exp.Unnest),
)


def apart(fragment: Fragment, persons: frozenset[str]) -> bool:
    """Whether the query of `fragment` keeps persons apart; `persons` are the person columns of its dataset, by name.

    It may filter, compute and, by a person column, group the rows of one table, in sub-queries of FROM too; anything
    else counts as not, also where it would do no harm.
    """
    query = sqlglot.parse_one(fragment.sql, dialect=DIALECT)
    if query.find(*ACROSS) is not None or len(list(query.find_all(exp.Table))) != 1:
        return False
    return _named(query, persons) is not None


def _named(query: exp.Expr, persons: frozenset[str]) -> frozenset[str] | None:
    """Which of the columns that `query` yields name the row's person; None if a row may come of several persons."""
    source = query.args.get("from_") if isinstance(query, exp.Select) else None
    if source is None:
        return None
    below: frozenset[str] | None = persons
    at_table = isinstance(source.this, exp.Table)
    if isinstance(source.this, exp.Subquery):
        below = _named(source.this.this, persons)
    elif not at_table:
        return None
    if below is None or not _keeps_apart(query, below):
        return None
    return frozenset(
        column.alias_or_name
        for column in query.expressions
        if _names(column.unalias(), below, at_table=at_table)
    )


def _names(made: exp.Expr, below: frozenset[str], *, at_table: bool) -> bool:
    """Whether a column that is `made` so is a person's name still: as it is, or normalised at the table itself.

    A part of a name, or a number of names, would be one for several persons.
    """
    if isinstance(made, exp.Column):
        return made.name in below
    read = {column.name for column in made.find_all(exp.Column)}
    return at_table and made.find(exp.AggFunc) is None and bool(read) and read <= below


def _keeps_apart(query: exp.Expr, below: frozenset[str]) -> bool:
    """Whether `query`, its source aside, aggregates nothing, or by a column that names the person."""
    own = [*query.expressions, *(query.args[n] for n in ("where", "having") if query.args.get(n))]
    if any(part.find(exp.Select) is not None for part in own):
        return False
    group = query.args.get("group")
    if group is None:
        return all(part.find(exp.AggFunc) is None for part in own)
    by = {column.name for column in group.expressions if isinstance(column, exp.Column)}
    return bool(by & below)
