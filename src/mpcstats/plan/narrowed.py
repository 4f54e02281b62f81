"""What is known of a dataset whose rows are within limits on what one person adds."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.facts import Fact, Shape
from mpcstats.plan.limits import Limits


def shaped(shape: Shape, limits: Limits | None) -> Shape:
    """What is known of a dataset of `shape` that is within `limits`."""
    if limits is None:
        return shape
    columns = {name: _fact(name, known, limits) for name, known in shape.columns.items()}
    return Shape(shape.rows, columns, shape.unique)


def _fact(name: str, known: Fact, limits: Limits) -> Fact:
    if known.names_persons:  # rows of nobody are left out
        most = min(known.most or limits.rows, limits.rows)
        return replace(known, most=most, nullable=False)
    if name not in limits.bounds:
        return known
    low, high = limits.bounds[name]
    ends = known.bounded or (low, high)
    least, most = (max(low, min(high, end)) for end in ends)
    return replace(known, minimum=least, maximum=most, total=None)
