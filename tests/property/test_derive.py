"""Expressions on shares equal DuckDB's, NULLs and all, in every form of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.property.expressions import Table, columns, flags, numbers, plainly, shared

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import UsageError
from mpcstats.protocols.derive import Value, derive
from mpcstats.protocols.expression import Node, bounds
from mpcstats.session import Session
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES: list[Engine] = [Clear(("b",)), Rep3(TRIO)]
ROWS = 5


async def plain(session: Session, engine: Engine, value: Value) -> list[int | None]:
    """The values; both forms must say the same where there are both."""
    known = np.ones(ROWS, dtype=np.uint64)
    if value.known is not None:
        known = (await opened(session.narrow("known"), engine, value.known))[0]
    found = []
    if value.bits is not None:
        assert value.bits.width == value.bounds.width
        rows = await opened(session.narrow("bits"), engine, value.bits)
        joined = slicing.join_bits(np.stack([slicing.pack(row) for row in rows]), ROWS)
        found.append([int(v) + value.minimum for v in joined])
    if value.number is not None:
        number = await opened(session.narrow("number"), engine, value.number)
        found.append([int(v) for v in number.view(np.int64)])
    one, *others = [
        [v if k else None for v, k in zip(column, known, strict=True)] for column in found
    ]
    assert all(other == one for other in others)
    return one


def run(engine: Engine, nodes: Sequence[Node], table: Table) -> list[Any]:
    """Values and bounds of the nodes, the same at all parties."""

    async def body(session: Session) -> Any:
        given = shared(session, engine, table)
        values = await derive(session.narrow("derive"), engine, nodes, given, rows=ROWS)
        return [
            (await plain(session.narrow(f"open{i}"), engine, value), value.bounds)
            for i, value in enumerate(values)
        ]

    one, *others = run_together(PARTIES, body).results.values()
    assert all(other == one for other in others)
    return one


@settings(max_examples=150, deadline=None)
@given(
    table=columns(ROWS),
    nodes=st.lists(numbers(3) | flags(2), min_size=1, max_size=3),
)
def test_any_expression(table: Table, nodes: list[Node]) -> None:
    known = {name: column.bounds for name, column in table.items()}
    try:
        wanted = [bounds(node, known) for node in nodes]
    except UsageError:
        with pytest.raises(UsageError):
            run(ENGINES[0], nodes, table)
        assume(False)
    expected = plainly(nodes, table)
    for engine in ENGINES:
        found = run(engine, nodes, table)
        for (values, of), node_bounds, right in zip(found, wanted, expected, strict=True):
            assert values == right
            assert of.nullable == node_bounds.nullable
            if not node_bounds.empty:
                assert (of.minimum, of.maximum) == (node_bounds.minimum, node_bounds.maximum)
            assert all(v is None or of.minimum <= v <= of.maximum for v in right)
            assert of.nullable or None not in right
