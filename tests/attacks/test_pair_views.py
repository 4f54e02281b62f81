"""What the matcher of a private join sees beside the number of matches: orders say nothing, nor anything below k."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.chisquare import agrees
from tests.pairing import known_key, table_of

from mpcstats.algebra import group, paillier
from mpcstats.engines.pair.elements import encodings
from mpcstats.protocols import double_masking
from mpcstats.protocols import private_join as joins
from mpcstats.protocols.private_join import Join, private_join
from mpcstats.protocols.private_join_padded import Padding, private_join_padded
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


def hashed(
    monkeypatch: pytest.MonkeyPatch, keys: list[int], padding: Padding | None
) -> dict[str, int]:
    """Rows that each of two parties with these keys hashes into the group: what its time depends on."""
    done = {"a": 0, "b": 0}
    at_work = ["a"]
    elements: Any = double_masking.Rows.elements
    hash_to_group: Any = group.hash_to_group
    begin: Any = joins._Work.rows

    def named(work: Any, session: Session, count: int) -> Any:
        rows = begin(work, session, count)
        rows.owner = session.me
        return rows

    def watched(rows: Any, places: Any) -> Any:
        at_work[0] = rows.owner
        return elements(rows, places)

    def counted(messages: Words, **more: bytes) -> Any:
        done[at_work[0]] += len(messages)
        return hash_to_group(messages, **more)

    join = Join("a", "b", ROWS, ROWS, ("a", "b"))

    async def body(session: Session) -> None:
        if padding is None:
            await private_join(session, join, table_of(keys))
        else:
            await private_join_padded(session, join, padding, table_of(keys))

    with monkeypatch.context() as patch:
        patch.setattr(double_masking.Rows, "elements", watched)
        patch.setattr(joins._Work, "rows", named)
        patch.setattr(group, "hash_to_group", counted)
        run_together(("a", "b"), body)
    return done


@pytest.mark.parametrize("padding", [None, Padding(Fraction(1, 4), 6)])
def test_work_does_not_tell_how_many_rows_are_there(
    padding: Padding | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that fill up, and dummies however many the noise asks for, are hashed like all others."""
    rows = ROWS + (0 if padding is None else 4 * padding.shift)
    for keys in ([], [1, 2, 3], [1, 2, 3, 4]):
        assert hashed(monkeypatch, keys, padding) == {"a": rows, "b": rows}


@pytest.mark.parametrize(
    ("size_to", "sums_to", "noisy"),
    [
        (("a",), ("a",), ("b",)),
        (("a", "c"), ("c",), ("b",)),
        (("a", "b"), ("a",), ("b", "a")),
        (("a",), ("b",), ("b", "a")),
    ],
)
def test_who_is_told_anything_does_not_know_all_of_the_noise(
    size_to: tuple[str, ...], sums_to: tuple[str, ...], noisy: tuple[str, ...]
) -> None:
    """`shown` is a bit of the number with its noise: a holder that drew all of it would have a bit of the true one."""
    join = Join("a", "b", ROWS, ROWS, size_to, 1, (9,), sums_to)
    assert Padding(Fraction(1), 2).noisy(join) == noisy
