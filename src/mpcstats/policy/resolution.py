"""Every column that a plan reads is one item of the catalogue, of the owner whose fragment reads it, undisputed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mpcstats.plan.physical import Item, Physical
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.catalogue.sources import Conflict


def unresolved(plan: Physical, catalogue: Catalogue, disputed: Iterable[Conflict]) -> Iterator[str]:
    """One reason for each column of `plan` that is no item of its owner, or whose source is in dispute.

    plan.names has refused what is unknown or ambiguous in a question's text; this holds a plan that came from
    anywhere. `disputed` are the open conflicts (Settlements.open, or all of `conflicts` without settlements).
    """
    claimed = {item: conflict for conflict in disputed for item in conflict.items}
    seen: set[tuple[str, str, str]] = set()
    for fragment in plan.fragments:
        for item in fragment.items:
            about = (fragment.owner, item.dataset, item.column)
            if about not in seen:
                seen.add(about)
                yield from _faults(item, fragment.owner, catalogue, claimed)


def _faults(
    item: Item, owner: str, catalogue: Catalogue, claimed: dict[str, Conflict]
) -> Iterator[str]:
    name = f"{item.dataset}.{item.column}"
    if not catalogue.has(item.dataset):
        yield f"{name} is of no dataset of the catalogue: what is unknown is denied"
    elif catalogue.column(item.dataset, item.column) is None:
        yield f"{name} is no item of the catalogue: what is unknown is denied"
    elif catalogue.dataset(item.dataset).owner != owner:
        entered = catalogue.dataset(item.dataset).owner
        yield f"{name} is read as data of {owner}, and the catalogue says that it is {entered}'s"
    if name in claimed:
        yield f"{name} is in an open conflict: {claimed[name].what}"
