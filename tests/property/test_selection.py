"""Sorts that look for some ranks find the right rows, whatever ranks they are, and open less than whole sorts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.tables import TRIO, Sharing, play, values

from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Positions
from mpcstats.errors import UsageError
from mpcstats.protocols import selection
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session


def found(n: int, ranks: Positions, seed: int, engine: Engine, parties: tuple[str, ...]) -> int:
    """Comparisons that were opened; the keys of the ranks are checked."""
    keys = [int(k) for k in np.random.default_rng(seed).integers(0, n + 1, n)]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
        key = await sharing.bits("k", keys, 13)
        column = await sharing.numbers("n", keys)
        got = await sort(session.narrow("it"), engine, [Key(key)], [column], ranks=ranks)
        assert await values(session.narrow("c"), engine, got.columns[0]) == sorted_keys
        return await values(session.narrow("o"), engine, got.keys[0])

    ascending = sorted(keys)
    sorted_keys = [ascending[r % n] for r in ranks]
    result, openings = play(body, engine, parties).results["a"]
    assert result == sorted_keys
    return sum(o.shape[0] for o in openings if o.leak == "shuffled-order")


@settings(max_examples=30)
@given(data=st.data(), n=st.integers(1, 4000), seed=st.integers(0, 2**32))
def test_any_ranks(data: st.DataObject, n: int, seed: int) -> None:
    runs = st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(
        lambda run: set(range(run[0], min(n, run[0] + run[1])))
    )
    single = st.sets(st.integers(0, n - 1), max_size=8)
    ranks = data.draw(runs | single | st.tuples(runs, single).map(lambda both: both[0] | both[1]))
    found(n, np.array(sorted(ranks), dtype=np.intp), seed, Clear(("a",)), ("a",))


@pytest.mark.parametrize("ranks", [[0], [1499], [2999], [5, 6, 700], list(range(900, 1300))])
def test_ranks_with_shares(ranks: list[int]) -> None:
    found(3000, np.array(ranks), 1, Rep3(TRIO), TRIO)


def test_fewer_ranks_open_fewer_comparisons() -> None:
    """And the control: all ranks."""
    n = 4000
    opened = [
        found(n, ranks, 2, Clear(("a",)), ("a",)) / n
        for ranks in (np.array([n // 2]), np.arange(n // 2), np.arange(n))
    ]
    assert opened[0] < 5
    assert opened[0] < opened[1] / 1.5
    assert opened[1] < opened[2] / 1.2


@settings(max_examples=100)
@given(data=st.data(), rows=st.integers(200, 5000))
def test_pivots_are_ascending_ranks_of_the_sample(data: st.DataObject, rows: int) -> None:
    ranks = sorted(data.draw(st.sets(st.integers(0, rows - 1), min_size=1, max_size=12)))
    wanted = np.zeros(rows + 1, dtype=np.intp)
    wanted[np.array(ranks) + 1] = 1
    for sample in selection.samples(np.array([0]), np.array([rows]), np.cumsum(wanted)).values():
        assert sample.picks.size == 2**sample.levels - 1
        assert np.all(np.diff(sample.picks) > 0)
        assert 0 <= sample.picks[0] <= sample.picks[-1] < sample.size
        assert sample.size * (sample.size - 1) <= 2 * selection.SAMPLE_PAIRS * rows


@pytest.mark.parametrize("ranks", [[3, 3], [2, 1], [-1, 2], [0, 10]])
def test_ranks_that_do_not_ascend_are_refused(ranks: list[int]) -> None:
    with pytest.raises(UsageError, match="ascending ranks from 0 to 9"):
        found(10, np.array(ranks), 1, Clear(("a",)), ("a",))


@pytest.mark.parametrize("kind", ["equal", "ascending", "descending"])
def test_how_much_is_compared_does_not_depend_on_the_keys(kind: str) -> None:
    """Sums over 60 selections among 600 rows: a sum's standard deviation is about 2,000, its mean 139,000."""
    n, runs = 600, 60
    keys = {"equal": [7] * n, "ascending": list(range(n)), "descending": list(range(n))[::-1]}[kind]
    other = [int(k) for k in np.random.default_rng(5).permutation(n)]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        for name, column in (("own", keys), ("other", other)):
            key = await sharing.bits(name, column, 10)
            for i in range(runs):
                step = session.narrow(f"{name}-{i}")
                await sort(step, engine, [Key(key)], ranks=np.array([n // 2]))

    openings = play(body, Clear(("a",)), ("a",)).results["a"][1]
    own, others = (
        sum(o.shape[0] for o in openings if o.step.startswith(f"run/{name}-"))
        for name in ("own", "other")
    )
    assert abs(own - others) < 15_000
