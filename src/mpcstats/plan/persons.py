"""Persons apart: whether each row of a fragment comes of the rows of one person alone, and how many rows a person has.

Only then does leaving a person out change so many rows and no others. A mean over everybody in a condition, a rank, a
LIMIT, or a join of persons with one another would change the rows of many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp

from mpcstats.plan import keys
from mpcstats.plan.limiting import unlimited
from mpcstats.plan.limits import Limited
from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import Fragment
from mpcstats.records.catalogue import Catalogue

ACROSS = (
    *(exp.Window, exp.Limit, exp.Offset, exp.Fetch, exp.Distinct, exp.Qualify, exp.TableSample),
    *(exp.Exists, exp.SetOperation, exp.With, exp.Join, exp.Lateral, exp.Unnest),
)


@dataclass(frozen=True, slots=True)
class Apart:
    """Rows of which each comes of one person's rows alone, whom every one of the columns `named` names.

    `rows`: at most how many rows a person has; None where nothing bounds that.
    """

    named: frozenset[str]
    rows: int | None

    @property
    def alone(self) -> Apart:
        """These rows grouped by what names the person."""
        return replace(self, rows=1)


@dataclass(frozen=True, slots=True)
class Source:
    """The one dataset that a query reads, and the query with the dataset itself where limits have been put on it."""

    query: exp.Expr
    dataset: str


def source(fragment: Fragment, catalogue: Catalogue, limits: Limited) -> Source | None:
    """What the query of `fragment` reads, within `limits`; None if that is more than one table.

    It may filter, compute and group the rows of that table, in sub-queries of FROM too; anything else counts as more,
    also where it would do no harm.
    """
    query = unlimited(sqlglot.parse_one(fragment.sql, dialect=DIALECT), limits, catalogue)
    tables = list(query.find_all(exp.Table))
    if any(map(_is_across, query.find_all(*ACROSS))) or len(tables) != 1:
        return None
    return Source(query, f"{tables[0].db}.{tables[0].name}")


def _is_across(node: exp.Expr) -> bool:
    """Whether rows may hang on rows of others; DISTINCT in a COUNT leaves out none, and windows are looked at later."""
    counted = isinstance(node, exp.Distinct) and isinstance(node.parent, exp.Count)
    return not (counted or isinstance(node, exp.Window))


def apart(fragment: Fragment, catalogue: Catalogue, limits: Limited) -> Apart | None:
    """How the query of `fragment` keeps persons apart, its datasets being within `limits`; None if it does not."""
    found = source(fragment, catalogue, limits)
    if found is None or not catalogue.has(found.dataset):
        return None
    return of_query(found.query, persons(found.dataset, catalogue, limits))


def key_column(fragment: Fragment, catalogue: Catalogue) -> str | None:
    """The digest column of `fragment` that is one person column of its dataset, never NULL; None if it has none."""
    found = source(fragment, catalogue, {})
    below = None if found is None else _query_in(found.query)
    if found is None or below is None or not catalogue.has(found.dataset):
        return None
    rows = of_query(below, persons(found.dataset, catalogue, {}))
    never_null = {c.name for c in fragment.columns if c.kind == "digest" and not c.nullable}
    for item in found.query.expressions:
        made = item.unalias()
        read = {column.name for column in made.find_all(exp.Column)}
        named = rows is not None and len(read) == 1 and read <= rows.named
        if named and item.alias_or_name in never_null and _is_encoded(made):
            return str(item.alias_or_name)
    return None


def _query_in(query: exp.Expr) -> exp.Expr | None:
    """The sub-query that is all of FROM."""
    origin = query.args.get("from_")
    return origin.this.this if origin and isinstance(origin.this, exp.Subquery) else None


def persons(name: str, catalogue: Catalogue, limits: Limited) -> Apart:
    """The rows of the dataset `name`, each of the person whom its person columns name."""
    columns = {n: c for n, c in catalogue.dataset(name).columns.items() if c.person}
    # What the catalogue says of how often a person comes is held against the data before anything is computed.
    bounds = [1 if column.unique else column.most for column in columns.values()]
    bounds += [limits[name].rows] if name in limits else []
    return Apart(frozenset(columns), min((n for n in bounds if n is not None), default=None))


def of_query(query: exp.Expr, whole: Apart) -> Apart | None:
    """The rows that `query` yields of a table whose rows are `whole`; None if a row may come of several persons."""
    origin = query.args.get("from_") if isinstance(query, exp.Select) else None
    if origin is None:
        return None
    below: Apart | None = whole
    at_table = isinstance(origin.this, exp.Table)
    if isinstance(origin.this, exp.Subquery):
        below = of_query(origin.this.this, whole)
    elif not at_table:
        return None
    if below is None or not below.named:
        return None
    kept = _kept(query, below)
    if kept is None:
        return None
    named = frozenset(
        column.alias_or_name
        for column in query.expressions
        if _names(column.unalias(), below.named, at_table=at_table)
    )
    return replace(kept, named=named)


def _names(made: exp.Expr, below: frozenset[str], *, at_table: bool) -> bool:
    """Whether a column that is `made` so is a person's name still: as it is, in an encoded key, or normalised at the
    table itself.

    A part of a name, or a number of names, would be one for several persons.
    """
    if isinstance(made, exp.Column):
        return made.name in below
    read = {column.name for column in made.find_all(exp.Column)}
    if at_table:
        return made.find(exp.AggFunc) is None and bool(read) and read <= below
    return bool(read & below) and _is_encoded(made)


def _is_encoded(made: exp.Expr) -> bool:
    """Whether `made` is the injective text of a key's columns (plan.keys)."""
    pieces = made.flatten() if isinstance(made, exp.DPipe) else ()
    found = (column for piece in pieces for column in piece.find_all(exp.Column))
    parts = tuple(dict.fromkeys(column.sql(DIALECT) for column in found))
    return bool(parts) and made == sqlglot.parse_one(keys.encoded(parts), dialect=DIALECT)


def _kept(query: exp.Expr, below: Apart) -> Apart | None:
    """The rows of `query`, its source aside: none is made of several, or all that are have one and the same name."""
    own = [*query.expressions, *(query.args[n] for n in ("where", "having") if query.args.get(n))]
    if any(part.find(exp.Select) is not None for part in own):
        return None
    windows = [window for part in own for window in part.find_all(exp.Window)]
    if not all(_of_one(window, below.named) for window in windows):
        return None
    group = query.args.get("group")
    if group is None:
        return None if any(map(_aggregates, own)) else below
    by = {column.name for column in group.expressions if isinstance(column, exp.Column)}
    if not by & below.named:
        return None
    return below.alone if len(group.expressions) == len(by & below.named) else below


def _of_one(window: exp.Window, named: frozenset[str]) -> bool:
    """Whether a window is over rows of one person."""
    by = window.args.get("partition_by") or []
    return any(isinstance(column, exp.Column) and column.name in named for column in by)


def _aggregates(part: exp.Expr) -> bool:
    """Whether it makes one row of several; a function of a window does not."""
    return any(
        not isinstance(node.find_ancestor(exp.Window), exp.Window)
        for node in part.find_all(exp.AggFunc)
    )
