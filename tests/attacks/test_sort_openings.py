"""What a sort opens and sends is independent of the rows: statistical tests, each with a fault that it must catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder, length_of
from mpcstats.engines.rep3 import Rep3, shuffle
from mpcstats.engines.share import Bits, Elements, Positions
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Message, Session, Stream, Words
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")
# A run is 12 ms. A uniform sample of so many has 40 in each of 6 classes; what a fault opens falls into one or two.
RUNS = 240
RANKINGS = {p: i for i, p in enumerate(permutations(range(3)))}
INPUTS = {"ascending": (1, 2, 3), "descending": (3, 2, 1), "equal": (2, 2, 2), "pair": (5, 1, 1)}


class Recording(Rep3):
    """Keeps what is opened at party a; optionally with a fault."""

    def __init__(self, *, fixed: bool = False, unindexed: bool = False) -> None:
        super().__init__(TRIO)
        self.outcomes: list[tuple[int, ...]] = []
        self.fixed = fixed
        self.unindexed = unindexed

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        opened = await super().open_order(session, x, y, at, leak=leak)
        if opened is not None and session.me == "a":
            self.outcomes.append(tuple(opened.tolist()))
        return opened

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        if self.fixed:  # the fault: every sort begins with the rows in the same order
            return Shuffled(tuple(columns), ShuffleOrder(length_of(columns), ()))
        if self.unindexed:  # the fault: the lowest two bits, which are the index, are taken away
            zeros = np.zeros((2, 1), dtype=np.uint64)
            rows = [c.bits() for c in columns if isinstance(c, Elements)]
            columns = [
                Bits.stack([r.constant(zeros), r.rows(slice(2, None))]).elements() for r in rows
            ]
        return await super().shuffle(session, columns)


def ranking(outcomes: tuple[int, ...]) -> int | None:
    """Which of the 6 rankings of three rows the outcomes of (0, 1), (0, 2), (1, 2) tell; None if none."""
    ranks = [0, 0, 0]
    for (i, j), below in zip(((0, 1), (0, 2), (1, 2)), outcomes, strict=True):
        ranks[j if below else i] += 1
    return RANKINGS.get(tuple(ranks))


def play(engine: Recording, keys: tuple[int, ...], *, again: bool = False) -> list[tuple[int, ...]]:
    engine.outcomes.clear()
    values = slicing.slice_bits(np.array(keys, dtype=np.uint64), 3)

    async def body(session: Session) -> None:
        rows = await engine.share_bits(
            session.narrow("keys"),
            values if session.me == "a" else None,
            owner="a",
            length=len(keys),
            width=3,
        )
        await sort(session.narrow("first"), engine, [Key(rows)])
        if again:
            await sort(session.narrow("second"), engine, [Key(rows, descending=True)])

    run_together(TRIO, body)
    return list(engine.outcomes)


def chi_square(counts: Counter[Any], classes: int) -> float:
    expected = sum(counts.values()) / classes
    seen = [counts.get(c, 0) for c in range(classes)]
    return sum((s - expected) ** 2 / expected for s in seen) + counts.get(None, 0)


# A uniform sample of RUNS reaches 42 with probability 1.0e-7 (exactly computed, not by the chi-square distribution).
LIMIT = 42.0


@pytest.mark.parametrize("name", list(INPUTS))
def test_every_ranking_is_equally_likely_whatever_the_keys(name: str) -> None:
    engine = Recording()
    counts = Counter(ranking(play(engine, INPUTS[name])[0]) for _ in range(RUNS))
    assert chi_square(counts, 6) < LIMIT, counts


def test_without_the_index_equal_keys_show() -> None:
    """Negative control."""
    engine = Recording(unindexed=True)
    counts = Counter(ranking(play(engine, INPUTS["equal"])[0]) for _ in range(60))
    assert chi_square(counts, 6) > LIMIT, counts


def relation(outcomes: list[tuple[int, ...]]) -> int | None:
    """How the ranking of the second sort follows from that of the first, as one of 6 permutations."""
    first, second = (ranking(o) for o in outcomes)
    if first is None or second is None:
        return None
    by_number = list(RANKINGS)
    return RANKINGS[tuple(by_number[second][by_number[first].index(i)] for i in range(3))]


def test_two_sorts_of_the_same_rows_are_unrelated() -> None:
    engine = Recording()
    counts = Counter(relation(play(engine, INPUTS["ascending"], again=True)) for _ in range(RUNS))
    assert chi_square(counts, 6) < LIMIT, counts


def test_a_second_sort_on_the_same_shuffle_is_caught() -> None:
    """Negative control: the second order is the first one, reversed."""
    engine = Recording(fixed=True)
    counts = Counter(relation(play(engine, INPUTS["ascending"], again=True)) for _ in range(60))
    assert chi_square(counts, 6) > LIMIT, counts


def seen_in_the_first_pass() -> tuple[Words, Words]:
    """x_2, which P_2 knows, and what P_1 sends it in pass 0."""
    engine = Rep3(TRIO)
    known: list[Words] = []
    sent: list[Words] = []

    def watch(message: Message) -> Message:
        if message.step.startswith("run/shuffle/pass0") and message.sender == "b":
            sent.append(message.payload.copy())
        return message

    async def body(session: Session) -> None:
        # An outside owner's input, so that x_2 is not 0.
        column = await engine.share(
            session.narrow("x"),
            np.arange(50, dtype=np.uint64) if session.me == "d" else None,
            owner="d",
            shape=(50,),
        )
        if session.me == "c":
            known.append(column.parts[0])
        await engine.shuffle(session.narrow("shuffle"), [column])

    run_together((*TRIO, "d"), body, tamper=watch)
    return known[0], sent[0]


def test_a_pass_shows_no_rearrangement_of_what_its_receiver_knows() -> None:
    known, sent = seen_in_the_first_pass()
    assert not np.array_equal(np.sort(known), np.sort(sent))
    assert not set(known.tolist()) & set(sent.tolist())


def test_without_the_second_mask_the_permutation_can_be_read_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control."""

    def without(_: Stream, *shape: int) -> Words:
        return np.zeros(shape, dtype=np.uint64)

    monkeypatch.setattr(shuffle, "_second_mask", without)
    known, sent = seen_in_the_first_pass()
    assert np.array_equal(np.sort(known), np.sort(sent))
