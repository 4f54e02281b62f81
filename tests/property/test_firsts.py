"""First flags of runs and counts of flags are those of a loop over the rows; they cost what their cards say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import dealt
from tests.vectors.kernel.firsts import plainly

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import UsageError
from mpcstats.plan.flagcount import counted_as_bits, flag_sizes
from mpcstats.protocols.firsts import firsts
from mpcstats.protocols.flag_count import ands, flag_count, levels
from mpcstats.session import Message, Session, Words
from mpcstats.testing import Outcome, Tamper, flipped, opened, run_together

TRIO = ("a", "b", "c")
ENGINES = (Rep3(TRIO), Clear(("a",)))
SIZES = (1, 2, 63, 64, 65, 127, 128, 129, 200, 640, 1000)


def first_ones(
    engine: Engine, starts: Words, flags: Words, width: int, tamper: Tamper | None = None
) -> Outcome[list[int]]:
    async def body(session: Session) -> list[int]:
        found = await firsts(
            session.narrow("it"),
            engine,
            dealt.bits(session, engine.compute, starts, 1, 1),
            dealt.bits(session, engine.compute, flags, width, 2),
        )
        rows = await opened(session.narrow("open"), engine, found)
        return [int(x) for x in slicing.join_bits(slicing.pack(rows), flags.size)]

    return run_together(TRIO, body, tamper=tamper)


def counts(
    engine: Engine, flags: Words, width: int, tamper: Tamper | None = None
) -> Outcome[list[int]]:
    async def body(session: Session) -> list[int]:
        rows = dealt.bits(session, engine.compute, flags, width, 1)
        found = await flag_count(session.narrow("it"), engine, rows)
        return [int(x) for x in await opened(session.narrow("open"), engine, found)]

    return run_together(TRIO, body, tamper=tamper)


def sent(outcome: Outcome[Any]) -> set[int]:
    """Bytes of each party within the protocol."""
    by_step = outcome.traffic.bytes_by_step.items()
    own = ({s: b for (who, s), b in by_step if who == p} for p in TRIO)
    return {sum(b for s, b in each.items() if s.startswith("run/it")) for each in own}


def drawn(seed: int, n: int, share: float, width: int = 1) -> Words:
    """n numbers of `width` bits, each of which is 1 with chance `share`."""
    ones = np.random.default_rng(seed).random((width, n)) < share
    numbers = np.zeros(n, dtype=np.uint64)
    for i, row in enumerate(ones):
        numbers |= row.astype(np.uint64) << np.uint64(i)
    return numbers


@settings(max_examples=40)
@given(
    n=st.sampled_from(SIZES),
    seed=st.integers(0, 2**32),
    runs=st.sampled_from([0.0, 0.003, 0.05, 0.5, 1.0]),
    share=st.sampled_from([0.0, 0.003, 0.1, 0.9, 1.0]),
    engine=st.sampled_from(ENGINES),
)
def test_any_runs(n: int, seed: int, runs: float, share: float, engine: Engine) -> None:
    starts, flags = drawn(seed, n, runs), drawn(seed + 1, n, share, 3)
    found = first_ones(engine, starts, flags, 3).results["a"]
    begun = [1, *(int(x) for x in starts[1:])]
    assert found == plainly(begun, [int(x) for x in flags], 3)


@settings(max_examples=25)
@given(
    n=st.sampled_from(SIZES),
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    engine=st.sampled_from(ENGINES),
)
def test_any_counts(n: int, seed: int, share: float, engine: Engine) -> None:
    flags = drawn(seed, n, share, 2)
    expected = [int(np.sum(flags >> np.uint64(i) & np.uint64(1))) for i in range(2)]
    assert counts(engine, flags, 2).results["a"] == expected


@pytest.mark.parametrize("n", SIZES)
def test_they_cost_what_the_cards_say_whatever_the_flags_are(n: int) -> None:
    engine = ENGINES[0]
    cards = load_cards()
    for share in (0.0, 0.5):
        flags = drawn(n, n, share, 3)
        sizes = {"rows": n, "flags": 3}
        outcome = first_ones(engine, drawn(n + 1, n, share), flags, 3)
        assert sent(outcome) == {cards["firsts"].cost.bytes["compute"].evaluate(sizes)}
        # A party that need not wait for the first round is counted in one more.
        least = cards["firsts"].cost.rounds.evaluate(sizes)
        assert least <= outcome.traffic.span("run/it") <= least + 1
        outcome = counts(engine, flags, 3)
        sizes = flag_sizes(n, 3)
        assert sent(outcome) == {cards["flag_count"].cost.bytes["compute"].evaluate(sizes)}
        least = cards["flag_count"].cost.rounds.evaluate(sizes)
        assert least <= outcome.traffic.span("run/it") <= least + 1
        assert (sizes["ands"], sizes["levels"]) == (ands(n), len(levels(n)) - 1)
        assert sizes["left"] == sum(levels(n)[-1])


def test_flags_are_counted_on_bits_where_that_sends_less() -> None:
    assert counted_as_bits(130_000, 3)
    assert not counted_as_bits(130_000, 26)
    assert not counted_as_bits(64, 1)


@pytest.mark.parametrize("protocol", ["firsts", "flag_count"])
def test_a_bit_flipped_on_the_way_is_a_wrong_result(protocol: str) -> None:
    """Negative control: the tests see what is wrong. Semi-honest: nobody else does."""
    flags, starts = np.ones(256, dtype=np.uint64), np.zeros(256, dtype=np.uint64)

    def played(sender: str) -> list[int]:
        def tamper(message: Message) -> Message:
            last = message.step in ("run/it/later#0", "run/it/level0#0")
            return flipped(message) if last and message.sender == sender else message

        if protocol == "firsts":
            return first_ones(ENGINES[0], starts, flags, 1, tamper).results["a"]
        return counts(ENGINES[0], flags, 1, tamper).results["a"]

    honest = played("nobody")
    assert any(played(sender) != honest for sender in TRIO)


def test_what_does_not_fit_is_refused() -> None:
    ones = np.ones(4, dtype=np.uint64)
    with pytest.raises(UsageError, match="expected one row of 4 bits and flags"):
        first_ones(ENGINES[1], np.ones(5, dtype=np.uint64), ones, 1)
    with pytest.raises(UsageError, match="expected rows of flags"):
        counts(ENGINES[1], np.zeros(0, dtype=np.uint64), 1)
