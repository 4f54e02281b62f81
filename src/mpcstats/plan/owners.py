"""Whose rows a question reads, by the names in its text: before anything of it is planned."""

from __future__ import annotations

from sqlglot import exp

from mpcstats.plan.sql import read_select
from mpcstats.records.catalogue import Catalogue


def owners_of(text: str, catalogue: Catalogue) -> tuple[str, ...]:
    """The owners of the datasets and unions that the question `text` names, in its order.

    Raises UsageError for a text that is no SELECT. Names that are in no catalogue are left out: planning refuses them.
    """
    found: dict[str, None] = {}
    for table in read_select(text).find_all(exp.Table, bfs=False):
        name = f"{table.db}.{table.name}".lower()
        if catalogue.union(name) is not None or name in catalogue.names:
            found.update(dict.fromkeys(member.owner for member in catalogue.members(name)))
    return tuple(found)
