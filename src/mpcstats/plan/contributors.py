"""How many institutions stand behind a cell: what each owner counts at home, and whether the counts may be added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from mpcstats.plan.context import Context
from mpcstats.plan.lineage import Base, origins
from mpcstats.plan.local import known
from mpcstats.plan.logical import Expr, Local, Value
from mpcstats.plan.physical import Label

CONTRIBUTORS = "contributors"  # the value column that counts a cell's contributors


@dataclass(frozen=True, slots=True)
class _Contributor:
    """The column of a local whose values are the institutions, and those that the catalogue knows; none: any."""

    column: Expr
    institutions: tuple[Label, ...]


def with_contributors(own: Sequence[Local], context: Context) -> list[Local]:
    """The locals with a column that counts a cell's contributors; as they are, if not every one has such a column."""
    found = [_contributor(local, context) for local in own]
    columns = [c for c in found if c is not None]
    if not context.contributors or len(columns) < len(own):
        return list(own)
    return [_counting(local, column) for local, column in zip(own, columns, strict=True)]


def counted(own: Sequence[Local], context: Context) -> Literal["none", "added", "apart"]:
    """Whether the locals count contributors, and if so, whether no institution is counted by two of them.

    The catalogue says so if it knows each owner's institutions and no two owners have one in common: each then counts
    those alone that are its own.
    """
    if not all(any(v.name == CONTRIBUTORS for v in local.values) for local in own):
        return "none"
    found = [c for local in own if (c := _contributor(local, context)) is not None]
    institutions = [value for c in found for value in c.institutions]
    apart = len(set(institutions)) == len(institutions) and all(c.institutions for c in found)
    return "added" if apart or len(own) == 1 else "apart"


def _contributor(local: Local, context: Context) -> _Contributor | None:
    """The contributor item of the only table of `local` that has one, if some column passes it on as it is."""
    names = {
        f"{table.db}.{table.name}"
        for member in local.members
        for table in member.item.find_all(exp.Table)
    }
    datasets = [d for d in map(context.catalogue.dataset, sorted(names)) if d.contributor]
    if len(datasets) != 1:
        return None
    (dataset,) = datasets
    base = dataset.name, str(dataset.contributor)
    for member in local.members:
        for table, name in known(local).columns:
            column = exp.column(name, table=table, quoted=True)
            if table == member.name and _passes_on(member.item, column, base):
                return _Contributor(column, dataset.institutions)
    return None


def _passes_on(item: Expr, column: exp.Column, base: Base) -> bool:
    """Whether `column` of the relation `item` is the catalogue's column `base` in every row."""
    query = exp.select(column.copy()).from_(item.copy())
    scope = traverse_scope(query)[-1]
    return origins(query.expressions[0], scope) == {base}


def _counting(local: Local, contributor: _Contributor) -> Local:
    node, known_ones = contributor.column, contributor.institutions
    if known_ones:
        among = exp.In(this=node.copy(), expressions=[exp.convert(value) for value in known_ones])
        node = exp.Case(ifs=[exp.If(this=among, true=node.copy())])
    most = known(local).rows
    most = min(most, len(known_ones)) if known_ones else most
    count = exp.Count(this=exp.Distinct(expressions=[node.copy()]))
    return replace(local, values=(*local.values, Value(CONTRIBUTORS, count, 0, most, most)))
