"""Traffic of a sort and of a join is random; its distribution depends on public sizes only.

On rep3 the traffic of a sort is a function of the sizes of its batches, which every engine's list of openings has. So
their distribution is compared on engine clear, where hundreds of sorts take no time: sorted, equal and random keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.cards.formula import Formula
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder, length_of
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Bits
from mpcstats.protocols.sort import Key, sort
from mpcstats.protocols.sort_join import Side, sort_join
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
ROWS, WIDTH, SORTS = 24, 6, 120
KINDS: dict[str, Words] = {
    "sorted": np.arange(ROWS, dtype=np.uint64),
    "reversed": np.arange(ROWS, dtype=np.uint64)[::-1].copy(),
    "equal": np.full(ROWS, 7, dtype=np.uint64),
    "random": np.random.default_rng(3).integers(0, 2**WIDTH, ROWS, dtype=np.uint64),
}
# Left keys, then right ones: every row matches all others, or none any.
JOINS: dict[str, Words] = {
    "all_match": np.full(ROWS, 1, dtype=np.uint64),
    "none_match": np.arange(ROWS, dtype=np.uint64),
}
Batches = tuple[int, ...]
Play = Callable[[Session, Engine, Words], object]
# Bins of about 15 sorts of each kind, in a table of at most 4 x 9: 24 degrees of freedom, by which 80 is reached with
# probability 1e-7. A schedule that follows the keys gives many times as much.
LIMIT = 80.0


class Unmixed(Clear):
    """The fault: rows are sorted in the order in which they came."""

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        n = length_of(columns)
        order = np.arange(n).view(np.uint64) if session.me in self.compute else None
        return Shuffled(tuple(columns), ShuffleOrder(n, () if order is None else (order,)))


async def bits(session: Session, engine: Engine, keys: Words) -> Bits:
    own = slicing.slice_bits(keys, WIDTH) if session.me == "a" else None
    return await engine.share_bits(session, own, owner="a", length=keys.size, width=WIDTH)


async def sorting(session: Session, engine: Engine, keys: Words) -> None:
    await sort(session.narrow("it"), engine, [Key(await bits(session.narrow("k"), engine, keys))])


async def joining(session: Session, engine: Engine, keys: Words) -> None:
    left = Side(await bits(session.narrow("l"), engine, keys[: ROWS // 2]))
    right = Side(await bits(session.narrow("r"), engine, keys[ROWS // 2 :]))
    await sort_join(session.narrow("it"), engine, [left], [right])


def run(play: Play, engine: Engine, keys: Words) -> tuple[Outcome[Batches], Batches]:
    """The run, and the sizes of the batches that it opened, in order."""

    async def body(session: Session) -> Batches:
        await play(session, engine, keys)  # type: ignore[misc]
        return tuple(o.shape[0] for o in session.openings if o.leak == "shuffled-order")

    outcome = run_together(engine.compute, body)
    return outcome, outcome.results["a"]


def samples(play: Play, engine: Engine, kinds: Mapping[str, Words]) -> dict[str, list[Batches]]:
    return {
        name: [run(play, engine, keys)[1] for _ in range(SORTS)] for name, keys in kinds.items()
    }


def homogeneity(found: Sequence[Sequence[int]]) -> float:
    """The chi-square statistic of several samples against one distribution, over bins of the pooled sample."""
    pooled = np.sort(np.concatenate([np.array(sample) for sample in found]))
    edges = np.unique(pooled[:: pooled.size // 8])
    table = np.array(
        [np.bincount(np.searchsorted(edges, s, side="right"), minlength=10) for s in found]
    )
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def statistics(found: Mapping[str, list[Batches]]) -> list[float]:
    """For rounds, for bytes and for the first phases' sizes, which fix the rest of the traffic."""
    features: list[Callable[[Batches], int]] = [len, sum, lambda b: b[3] if len(b) > 3 else 0]
    return [homogeneity([[f(b) for b in sample] for sample in found.values()]) for f in features]


def test_the_traffic_of_sorts_has_one_distribution_whatever_the_keys() -> None:
    found = statistics(samples(sorting, Clear(("a",)), KINDS))
    assert max(found) < LIMIT, found


def test_the_traffic_of_joins_has_one_distribution_whatever_the_keys() -> None:
    found = statistics(samples(joining, Clear(("a",)), JOINS))
    assert max(found) < LIMIT, found


@pytest.mark.parametrize(("play", "kinds"), [(sorting, KINDS), (joining, JOINS)])
def test_traffic_that_follows_the_keys_is_caught(play: Play, kinds: dict[str, Words]) -> None:
    """Negative control: without a shuffle, rounds and bytes tell in which order keys came."""
    found = statistics(samples(play, Unmixed(("a",)), kinds))
    assert max(found) > 2 * LIMIT, found


@pytest.mark.parametrize("name", list(KINDS))
def test_a_sort_sends_what_the_sizes_of_its_batches_say(name: str) -> None:
    outcome, batches = run(sorting, Rep3(TRIO), KINDS[name])
    pieces = Formula("pieces(width)").evaluate({"width": WIDTH + 5})
    ranking = [
        slicing.words(m) * (16 * (pieces - 1) + 8) + 32 for m in batches
    ]  # sort/spec.md, section "Cost"
    for party in TRIO:
        steps = outcome.traffic.bytes_by_step.items()
        rank = sum(b for (who, s), b in steps if who == party and s.startswith("run/it/rank/"))
        mix = sum(b for (who, s), b in steps if who == party and s.startswith("run/it/shuffle/"))
        assert rank == sum(ranking)
        assert mix == 16 * ROWS
    # Of the whole run: the input is on its way while the first pass of the shuffle is.
    assert outcome.traffic.rounds == 3 + len(batches) * ((pieces - 1).bit_length() + 1)


def test_beside_its_sort_a_join_sends_the_same_whatever_the_keys() -> None:
    shapes = []
    for keys in JOINS.values():
        outcome, _ = run(joining, Rep3(TRIO), keys)
        shape = [s for s in outcome.traffic.shape if not s[1].startswith("run/it/sort/rank/")]
        shapes.append(shape)
    assert shapes[0] == shapes[1]
    assert any(step.startswith("run/it/restore/") for _, step, _ in shapes[0])
