"""A plan whose cells are compared with earlier ones: the step that does it, and everybody whom its owner has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import keys
from mpcstats.plan import physical as plans
from mpcstats.plan.fragment import KEY, quoted
from mpcstats.plan.lineup import lineup
from mpcstats.plan.names import DIALECT
from mpcstats.records.catalogue import Catalogue

STEP = "history"
EVERYBODY = (
    "history_persons"  # a fragment without columns: the keys of all persons of the spine's datasets
)


def compared(
    plan: plans.Physical, catalogue: Catalogue, *, persons: int, cells: int
) -> plans.Physical:
    """The plan with a comparison before its gate if its cells are cohorts along one owner's rows; else as it is.

    The index of the spine's owner has `persons` positions, and there are `cells` earlier cells to compare with.
    """
    step, found = plan.aggregate, None
    match step:
        case plans.Cohort():
            spine = plan.fragment(step.spine)
        case plans.Outcome() if (found := lineup(plan, step, catalogue)) is not None:
            spine = plan.fragment(found.along.spine)
        case _:
            return plan  # the policy says what becomes of it (policy.conditions.history)
    items = tuple(_keys(spine, catalogue))
    if not items or persons < spine.rows:
        return plan  # the policy says what is missing (policy.conditions.history)
    everybody = plans.Fragment(
        EVERYBODY, spine.owner, _text(items, catalogue), persons, (), (), items
    )
    along = None if found is None else found.along
    made = plans.Comparison(STEP, step.name, EVERYBODY, persons, cells, plan.gate.k, along)
    *before, last, gate = plan.steps
    before += [] if found is None or found.step is None else [found.step]
    return replace(
        plan,
        fragments=(*plan.fragments, everybody),
        steps=(*before, last, made, gate),
    )


def _keys(spine: plans.Fragment, catalogue: Catalogue) -> Iterator[plans.Item]:
    """The person keys that the spine reads, each once."""
    found: dict[tuple[str, str], plans.Item] = {}
    for item in spine.items:
        column = catalogue.dataset(item.dataset).columns[item.column]
        if item.use == "key" and column.key and column.person:
            found.setdefault((item.dataset, item.column), item)
    yield from found.values()


def _text(items: tuple[plans.Item, ...], catalogue: Catalogue) -> str:
    """The distinct keys of all of `items`, encoded as those of the spine are."""
    queries = []
    for item in items:
        schema, name = item.dataset.split(".")
        column = catalogue.dataset(item.dataset).columns[item.column]
        if column.key is None:  # held by _keys
            raise InternalError(f"expected a person key, got {item.column}")
        table = exp.table_(name, db=schema, quoted=True).sql(DIALECT)
        normal = keys.normalised(column.key, quoted(item.column), integer=column.type == "integer")
        queries.append(f"SELECT CAST({normal} AS VARCHAR) AS {quoted(KEY)} FROM {table}")
    # UNION keeps every key once; names are the catalogue's, no text of a user.
    union = (
        " UNION ".join(queries)
        if len(queries) > 1
        else f"SELECT DISTINCT * FROM ({queries[0]}) AS persons"
    )
    return (
        f"SELECT {keys.encoded([quoted(KEY)])} AS {quoted(KEY)} FROM ({union}) AS everybody "
        f"WHERE {quoted(KEY)} IS NOT NULL"
    )
