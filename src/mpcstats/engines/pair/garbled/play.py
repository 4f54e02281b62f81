"""A circuit computed by two parties: the garbler learns nothing, the evaluator the output bits."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.pair import transfer
from mpcstats.engines.pair.garbled.circuit import Circuit
from mpcstats.engines.pair.garbled.garble import (
    TABLE_WORDS,
    TOKEN_WORDS,
    decode,
    evaluate,
    garble,
)
from mpcstats.engines.pair.garbled.labels import LABEL_WORDS, LabelHash, spread
from mpcstats.errors import PeerFault, UsageError
from mpcstats.session import Session, Words


async def garbled(
    session: Session,
    circuit: Circuit,
    bits: Words,
    name: transfer.Named,
    *,
    evaluator: str,
    leak: str,
) -> None:
    """This party's side as the garbler, with its own input bits, all 0 or 1; the circuit's first inputs.

    `name` is that of the evaluator's bits. Raises PeerFault for other bits than these, or what is no element.
    """
    mine, theirs = circuit.inputs
    if bits.shape != (mine,) or (bits > np.uint64(1)).any():
        raise UsageError(f"expected {mine} bits, got others")
    session.note_opening(leak, (evaluator,), (circuit.outputs.size,))
    said = await session.exchange(receive={evaluator: (theirs, transfer.CHOICE_WORDS)})
    made = garble(circuit, _label_hash(session), session.private())
    step = session.narrow("transfer")
    offers = transfer.offer(step, said[evaluator], made.pairs[mine:], name, evaluator)
    zero, one = made.pairs[:mine, 0], made.pairs[:mine, 1]
    labels = zero ^ (spread(bits) & (zero ^ one))
    parts = [part.reshape(-1) for part in (offers, labels, made.tables, made.tokens)]
    await session.exchange(send={evaluator: np.concatenate(parts)})


async def evaluated(
    session: Session, circuit: Circuit, chosen: transfer.Chosen, *, garbler: str, leak: str
) -> Words:
    """The output bits: this party's side as the evaluator, whose input bits are `chosen`.

    It sends nothing after it has its result, and what it sends before does not depend on what it gets. Raises PeerFault
    for what is no element, and for labels that stand for nothing: tables, labels or tokens were changed, or belong to
    another run. Source: Yao's protocol with the parts named in `garble`, `labels` and `transfer`.
    """
    step = session.narrow("transfer")
    session.note_opening(leak, (session.me,), (circuit.outputs.size,))
    await session.exchange(send={garbler: chosen.points.reshape(-1)})
    shapes = _shapes(circuit)
    sizes = [rows * columns for rows, columns in shapes]
    said = await session.exchange(receive={garbler: sum(sizes)})
    parts = np.split(said[garbler], np.cumsum(sizes)[:-1])
    offers, theirs, tables, tokens = (
        part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)
    )
    label_hash = _label_hash(session)
    labels = np.concatenate([theirs, chosen.open(step, offers, garbler)])
    last = evaluate(circuit, label_hash, labels, tables)
    value, whole = decode(circuit, label_hash, last, tokens)
    if not whole:
        raise PeerFault(
            garbler,
            session.step,
            "expected labels of the outputs, got others: the circuit was changed on its way",
        )
    return value


def _label_hash(session: Session) -> LabelHash:
    """Both know its key, and it is of this run and step alone."""
    return LabelHash(session.digest()[:LABEL_WORDS])


def _shapes(circuit: Circuit) -> list[tuple[int, int]]:
    """Offers, the garbler's labels, tables and tokens, as rows and words a row."""
    mine, theirs = circuit.inputs
    return [
        (theirs, transfer.OFFER_WORDS),
        (mine, LABEL_WORDS),
        (circuit.ands, TABLE_WORDS),
        (circuit.outputs.size, TOKEN_WORDS),
    ]
