"""The engine over a Galois ring against engines.api, for several numbers of parties and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra.galois import NUMBERS, interpolation
from mpcstats.engines.api import EXTRAS
from mpcstats.engines.column import Column, Shuffled
from mpcstats.engines.shamir import Shamir
from mpcstats.engines.share import Arith
from mpcstats.errors import UsageError
from mpcstats.session import Session, Words
from mpcstats.testing import check_engine, opened, run_together

NAMES = tuple("abcdefghijklmno")


def engine_of(n: int, t: int | None = None) -> Shamir:
    return Shamir(NAMES[:n], t)


@pytest.mark.parametrize(("n", "t", "sizes"), [(3, 1, (0, 1, 5, 64, 130)), (5, 2, (5,))])
def test_shamir_keeps_the_contract(n: int, t: int, sizes: tuple[int, ...]) -> None:
    check_engine(engine_of(n, t), sizes=sizes)


@pytest.mark.long
@pytest.mark.parametrize(
    ("n", "t"), [(4, 1), (5, 1), (5, 2), (7, 2), (7, 3), (10, 1), (10, 4), (15, 7)]
)
def test_shamir_keeps_the_contract_among_many(n: int, t: int) -> None:
    check_engine(engine_of(n, t), sizes=(0, 5, 130))


def test_an_engine_that_errs_is_caught() -> None:
    class Wrong(Shamir):
        async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
            return (await super().multiply(session, x, y)).plus(1)

    with pytest.raises(AssertionError, match="multiply"):
        check_engine(Wrong(NAMES[:3]), sizes=(5,))


def test_an_engine_that_promises_too_much_or_hides_what_it_lacks_is_caught() -> None:
    class Boast(Shamir):
        offers = EXTRAS

    with pytest.raises(UsageError, match="rep3"):
        check_engine(Boast(NAMES[:3]), sizes=(5,))

    class Silent(Shamir):
        async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
            raise AssertionError("shuffle: expected nothing of the kind")

    with pytest.raises(AssertionError, match="shuffle"):
        check_engine(Silent(NAMES[:3]), sizes=())


@pytest.mark.parametrize(
    ("compute", "t", "message"),
    [
        (NAMES[:2], 1, "3 to 15 different compute parties"),
        (("a", "b", "b"), 1, "3 to 15 different compute parties"),
        (tuple(str(i) for i in range(16)), 1, "3 to 15 different compute parties"),
        (NAMES[:4], 2, "a threshold from 1 to 1 of 4, got 2"),
        (NAMES[:4], 0, "a threshold from 1 to 1 of 4, got 0"),
    ],
)
def test_other_groups_are_refused(compute: tuple[str, ...], t: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Shamir(compute, t)


async def shared(session: Session, engine: Shamir, values: Words, owner: str) -> Arith:
    own = values if session.me == owner else None
    return await engine.share(session, own, owner=owner, shape=values.shape)


@settings(max_examples=25)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=70),
    st.integers(3, 7),
    st.integers(0, 7),
)
def test_negative_is_the_sign(values: list[int], n: int, owner: int) -> None:
    x = np.array(values, dtype=np.int64)
    engine = engine_of(n)

    async def body(session: Session) -> Words:
        share = await shared(session.narrow("x"), engine, x.view(np.uint64), NAMES[owner])
        sign = await engine.negative(session.narrow("sign"), share)
        return await opened(session.narrow("result"), engine, sign)

    for result in run_together(NAMES[:8], body).results.values():
        assert np.array_equal(result[0], (x < 0).astype(np.uint64))


def shares_of(engine: Shamir, value: int, owner: str) -> list[Words]:
    """Every compute party's share of one number, shape (4,)."""

    async def body(session: Session) -> Words:
        share = await shared(session, engine, np.array([value], dtype=np.uint64), owner)
        return np.stack(share.parts)[:, 0] if share.parts else np.zeros(0, dtype=np.uint64)

    results = run_together((*engine.compute, "z"), body).results
    return [results[party] for party in engine.compute]


@pytest.mark.parametrize(("n", "t"), [(3, 1), (5, 2), (6, 2), (7, 3)])
@pytest.mark.parametrize("owner", ["a", "c", "z"])
def test_any_t_plus_one_shares_make_the_secret_and_t_do_not(n: int, t: int, owner: str) -> None:
    engine = engine_of(n, t)
    shares = shares_of(engine, 2**40 + 5, owner)

    def value(seats: Sequence[int]) -> list[int]:
        matrix = interpolation(NUMBERS, tuple(i + 1 for i in seats), (0,))
        found = NUMBERS.applied(matrix, [shares[i][:, None] for i in seats])[0, :, 0]
        return [int(v) for v in found]

    for seats in combinations(range(n), t + 1):
        assert value(seats) == [2**40 + 5, 0, 0, 0]
    # Of fewer, every value is as likely as any other: here some other one comes out.
    for seats in combinations(range(n), t):
        assert value(seats) != [2**40 + 5, 0, 0, 0]


def chance_of_equal_low_bytes(engine: Shamir, seats: Sequence[int], value: int) -> int:
    """How many of 64 runs have an even first word in the first of `seats`."""
    found = [shares_of(engine, value, "z") for _ in range(64)]
    return sum(int(shares[seat][0]) % 2 == 0 for shares in found for seat in seats[:1])


def test_a_share_is_uniform_whatever_the_secret() -> None:
    engine = engine_of(3)
    for value in (0, 1):
        for seat in range(3):
            # 64 fair coins: fewer than 8 or more than 56 heads have a chance below 2^-30.
            assert 8 <= chance_of_equal_low_bytes(engine, (seat,), value) <= 56
