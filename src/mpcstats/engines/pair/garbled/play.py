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
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.session import Session, Words


async def compute(
    session: Session,
    circuit: Circuit,
    bits: Words,
    *,
    garbler: str,
    evaluator: str,
    leak: str,
) -> Words | None:
    """The output bits at the evaluator, None at the garbler; `bits` are this party's inputs, all 0 or 1.

    The garbler's inputs are the circuit's first. Nothing is sent after the evaluator has its result, and what it
    sends before does not depend on what it gets. Raises PeerFault for what is no element, and at the evaluator for
    labels that stand for nothing: tables, labels or tokens were changed, or belong to another run.
    Source: Yao's protocol with the parts named in `garble`, `labels` and `transfer`.
    """
    if session.me not in (garbler, evaluator):
        raise InternalError(f"expected {garbler} or {evaluator}, got {session.me}")
    own = circuit.inputs[0 if session.me == garbler else 1]
    if bits.shape != (own,) or (bits > np.uint64(1)).any():
        raise UsageError(f"expected {own} bits, got others")
    session.note_opening(leak, (evaluator,), (circuit.outputs.size,))
    # Both know it, and it is of this run and step alone.
    label_hash = LabelHash(session.digest()[:LABEL_WORDS])
    if session.me == garbler:
        await _garbler(session, circuit, label_hash, bits, evaluator)
        return None
    return await _evaluator(session, circuit, label_hash, bits, garbler)


async def _garbler(
    session: Session, circuit: Circuit, label_hash: LabelHash, bits: Words, evaluator: str
) -> None:
    mine, theirs = circuit.inputs
    said = await session.exchange(receive={evaluator: (theirs, transfer.CHOICE_WORDS)})
    made = garble(circuit, label_hash, session.private())
    offers = transfer.offer(
        session.narrow("transfer"), said[evaluator], made.pairs[mine:], evaluator
    )
    zero, one = made.pairs[:mine, 0], made.pairs[:mine, 1]
    labels = zero ^ (spread(bits) & (zero ^ one))
    parts = [part.reshape(-1) for part in (offers, labels, made.tables, made.tokens)]
    await session.exchange(send={evaluator: np.concatenate(parts)})


async def _evaluator(
    session: Session, circuit: Circuit, label_hash: LabelHash, bits: Words, garbler: str
) -> Words:
    step = session.narrow("transfer")
    chosen = transfer.choose(step, bits)
    await session.exchange(send={garbler: chosen.points.reshape(-1)})
    shapes = _shapes(circuit)
    sizes = [rows * columns for rows, columns in shapes]
    said = await session.exchange(receive={garbler: sum(sizes)})
    parts = np.split(said[garbler], np.cumsum(sizes)[:-1])
    offers, theirs, tables, tokens = (
        part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)
    )
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


def _shapes(circuit: Circuit) -> list[tuple[int, int]]:
    """Offers, the garbler's labels, tables and tokens, as rows and words a row."""
    mine, theirs = circuit.inputs
    return [
        (theirs, transfer.OFFER_WORDS),
        (mine, LABEL_WORDS),
        (circuit.ands, TABLE_WORDS),
        (circuit.outputs.size, TOKEN_WORDS),
    ]
