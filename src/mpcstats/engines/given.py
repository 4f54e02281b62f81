"""What callers give to an engine, held against what it must be before any share is made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.errors import UsageError
from mpcstats.session import Session


def check_input(session: Session, values: object, owner: str, shape: tuple[int, ...]) -> None:
    """Raises UsageError unless `owner` is of this run and, at the owner, `values` are uint64 of `shape`.

    Other types would be masked wrongly: int64 less uint64 is a float in numpy, and a float shows what it hides.
    """
    _check_party(session, owner, "an owner")
    if session.me != owner:
        return
    got = "None" if values is None else f"a {type(values).__name__}"
    if isinstance(values, np.ndarray):
        if values.dtype == np.uint64 and values.shape == shape:
            return
        got = f"{values.dtype} of shape {values.shape}"
    raise UsageError(
        f"expected uint64 of shape {shape} at their owner {owner}, got {got}: algebra.ring.ring makes "
        "ring elements of integers, algebra.bits.slice_bits bit rows"
    )


def check_recipients(session: Session, to: Sequence[str]) -> None:
    """Raises UsageError unless `to` are parties of this run."""
    if isinstance(to, str):
        raise UsageError(f"expected a sequence of recipients, got the text {to!r}")
    for party in to:
        _check_party(session, party, "a recipient")


def _check_party(session: Session, party: str, role: str) -> None:
    if party not in session.parties:
        raise UsageError(
            f"expected {role} of {', '.join(session.parties)}, the parties of this run, got {party!r}"
        )
