"""Secrets that are there from the start, and bytes of one step: a protocol's rounds can be measured alone."""

from __future__ import annotations

from typing import Any

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3.seat import seat_of
from mpcstats.engines.share import Arith, Bits
from mpcstats.session import Session, Stream, Words
from mpcstats.testing import Outcome


def numbers(session: Session, compute: tuple[str, ...], values: Words, key: int = 0) -> Arith:
    """`values` as a secret of `compute`: three components, or one (the clear engine)."""
    return Arith(values.shape, *_parts(session, compute, values, key, bits=False))


def bits(
    session: Session, compute: tuple[str, ...], values: Words, width: int, key: int = 0
) -> Bits:
    """The low `width` bits of each of `values`, bit-sliced, as a secret of `compute`."""
    rows = slicing.slice_bits(values, width)
    return Bits(values.size, width, *_parts(session, compute, rows, key, bits=True))


def _parts(
    session: Session, compute: tuple[str, ...], values: Words, key: int, *, bits: bool
) -> tuple[tuple[Words, ...], int | None]:
    if session.me not in compute:
        return (), None
    if len(compute) == 1:
        return (values,), 0
    seat = seat_of(session.me, compute)
    assert seat is not None
    one, two = Stream(key.to_bytes(16, "little")).words(2, *values.shape)
    zero = values ^ one ^ two if bits else values - one - two
    components = (zero, one, two)
    i = seat.index
    return (components[i], components[(i + 1) % 3]), seat.constant_at


def bytes_below(outcome: Outcome[Any], step: str) -> dict[str, int]:
    """Payload bytes of each party that sent any at `step` or below."""
    sent: dict[str, int] = {}
    for (party, path), size in outcome.traffic.bytes_by_step.items():
        if path.startswith((f"{step}/", f"{step}#")) and size:
            sent[party] = sent.get(party, 0) + size
    return sent
