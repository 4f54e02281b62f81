"""The gate, the only protocol that opens values: cells are tested and masked before they are opened.

Specification and argument: protocols/gate/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import PeerFault
from mpcstats.protocols.cells import Cells, Opened
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.margins import beside
from mpcstats.protocols.safety import Key, Rules, Safety
from mpcstats.session import Session, parallel

LEAK = "gated-cell"


async def gate(
    session: Session, engine: Engine, cells: Cells, rules: Rules, *, to: Sequence[str]
) -> Opened | None:
    """Open every cell that appears and of which at least one bound says k persons or more, at the recipients.

    Of such a cell a column is opened if all holds that `rules` ask of it. A minimum of 1 contributor is tested only
    where contributions are. None at parties that are no recipients. Numbers of persons must lie below 2^62, amounts
    and contributions be at most 2^50, so that no difference loses its sign (spec.md, Ranges). Raises
    PeerFault if what was opened is no bit, or a column's bit without that of its cell.
    """
    rows = await _decided(session, engine, cells, rules)
    if cells.margins is not None and (rules.persons > 1 or rules.on_amounts):
        count, columns = cells.count, range(cells.columns)
        rows.bits = await beside(
            session.narrow("margins"),
            engine,
            cells.margins,
            rows.bits,
            sorted({0, *rows.released}),
            [cells.values.between(c * count, (c + 1) * count) for c in columns],
            k=rules.persons,
        )
    bits = await engine.to_arith(session.narrow("bit"), Bits.stack(rows.bits))
    masked = bits.flat()
    if cells.columns:
        masks = Arith.concatenate([bits[row] for row in rows.known])
        products = await engine.multiply(session.narrow("mask"), masks, cells.values)
        masked = Arith.concatenate([masked, products])
    opened = await engine.reveal(session.narrow("open"), masked, leak=LEAK, to=to)
    if opened is None:
        return None
    flags = opened[: len(rows.bits) * cells.count].reshape(len(rows.bits), cells.count)
    if np.any(flags > np.uint64(1)):
        raise PeerFault(
            "a compute party", session.step, "expected the bits shown or not, got other numbers"
        )
    if np.any(flags > flags[0]):
        raise PeerFault(
            "a compute party", session.step, "expected no column of a cell that is not shown"
        )
    known = flags == np.uint64(1)
    values = opened[flags.size :].view(np.int64).reshape(cells.columns, cells.count)
    return Opened(known[0], known[list(rows.released)], known[list(rows.known)], values)


@dataclass(slots=True)
class _Rows:
    """Rows of bits to be opened, the first that of the cells; for each column, which of them says what of it."""

    bits: list[Bits]
    released: list[int]
    known: list[int]


async def _decided(session: Session, engine: Engine, cells: Cells, rules: Rules) -> _Rows:
    """Which cells and columns pass, and which of these have a value: every row implies the first."""
    safety = Safety(cells, rules)
    supports = list(safety.supports.values())
    below, lacking, signs = await parallel(
        _below(session, engine, "below", [(bound, rules.persons) for bound in cells.persons]),
        _below(session, engine, "lacking", supports),
        safety.signs(session.narrow("safety"), engine),
    )
    every, *findings = await parallel(
        conjunction(session.narrow("every"), engine, below),
        *safety.findings(session.narrow("safe"), engine, lacking, signs),
    )
    leaves = [~every] if cells.appears is None else [~every, cells.appears]
    holds = dict(zip(safety.keys, findings, strict=True))
    return await _rows(session.narrow("rows"), engine, cells, safety.needs, leaves, holds)


async def _rows(
    session: Session,
    engine: Engine,
    cells: Cells,
    needs: Sequence[tuple[Key, ...]],
    leaves: Sequence[Bits],
    holds: Mapping[Key, Bits],
) -> _Rows:
    """The ands, side by side: of `leaves` for the cells, and of these and what a column needs, and of its NULL bit.

    Columns of which the same is asked share a row.
    """
    asked: dict[tuple[Key, ...], int] = {(): 0}
    for keys in needs:
        asked.setdefault(keys, len(asked))
    trees = [[*leaves, *(holds[key] for key in keys)] for keys in asked]
    released = [asked[keys] for keys in needs]
    known = [*released]
    for column, behind in enumerate(cells.behind):
        if behind.known is not None:
            known[column] = len(trees)
            trees.append([*trees[released[column]], behind.known])
    bits = await parallel(
        *(conjunction(session.narrow(str(i)), engine, tree) for i, tree in enumerate(trees))
    )
    return _Rows(bits, released, known)


async def _below(
    session: Session, engine: Engine, name: str, numbers: Sequence[tuple[Arith, int]]
) -> list[Bits]:
    """For each number one row: 1 where it is below its least."""
    return await parallel(
        *(
            engine.negative(session.narrow(f"{name}{i}"), number.plus(-least))
            for i, (number, least) in enumerate(numbers)
        )
    )
