"""What the matcher of a private join sees beside the number of matches: orders say nothing, nor anything below k."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.chisquare import agrees
from tests.pairing import known_key, table_of

from mpcstats.algebra import paillier
from mpcstats.engines.pair.elements import encodings
from mpcstats.protocols import private_join as joins
from mpcstats.protocols.private_join import Join, private_join
from mpcstats.session import Message, Session, Stream, Words
from mpcstats.testing import run_together

ROWS, RUNS = 4, 250
Hits = Callable[[Session, str, Words, Words], list[bool]]


def places(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[int]]:
    """Of one match in many runs the place among the matcher's elements as they come back, and among the holder's."""
    ours_at, theirs_at = [], []
    real: Hits = joins._hits

    def watched(session: Session, holder: str, ours: Words, theirs: Words) -> list[bool]:
        hits = real(session, holder, ours, theirs)
        (theirs_place,) = np.flatnonzero(hits)
        theirs_at.append(int(theirs_place))
        ours_at.append(encodings(ours).index(encodings(theirs)[theirs_place]))
        return hits

    monkeypatch.setattr(joins, "_hits", watched)
    join = Join("a", "b", ROWS, ROWS, ("a",))

    async def body(session: Session) -> None:
        rows = {"a": [1, 2, 3, 4], "b": [1, 12, 13, 14]}[session.me]
        await private_join(session, join, table_of(rows))

    for _ in range(RUNS):
        run_together(("a", "b"), body)
    return ours_at, theirs_at


def uniform(found: list[int]) -> bool:
    return agrees(found, lambda _: 1 / ROWS, range(ROWS))


def test_orders_say_nothing_of_which_rows_match(monkeypatch: pytest.MonkeyPatch) -> None:
    ours_at, theirs_at = places(monkeypatch)
    assert uniform(ours_at)
    assert uniform(theirs_at)


def test_without_a_shuffle_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(Stream, "permutation", lambda _, n: np.arange(n))
    ours_at, theirs_at = places(monkeypatch)
    assert (set(ours_at), set(theirs_at)) == ({0}, {0})


@pytest.mark.parametrize(("k", "tells"), [(2, True), (3, False)])
def test_below_k_what_the_holder_decrypts_is_the_mask_alone(
    k: int, tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matcher takes its mask off what comes back: also for itself there is no sum of fewer than k rows."""
    mask = 12345
    monkeypatch.setattr(paillier, "uniform", lambda *_: mask)
    join = Join("a", "b", 3, 3, ("a",), k, (9,), ("a",))
    seen: dict[str, Message] = {}

    def keep(message: Message) -> Message:
        seen[message.step] = message
        return message

    async def body(session: Session) -> None:
        table = table_of({1: (40,), 2: (2,), 9: (300,)}) if session.me == "b" else table_of([1, 2])
        await private_join(session, join, table, key=known_key())

    run_together(("a", "b"), body, tamper=keep)
    answer = int.from_bytes(seen["run/open/sums#0"].payload[:48].astype("<u8").tobytes(), "little")
    assert answer - mask == (42 if tells else 0)
