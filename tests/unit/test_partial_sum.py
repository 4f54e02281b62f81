"""Sums of vectors on engine shamir: opened by whoever is left, counted as policy says, and never by too few."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from mpcstats.algebra.galois import NUMBERS, interpolation
from mpcstats.engines.shamir import Shamir
from mpcstats.engines.shamir.packed import Packed
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.cells import Behind, Cells
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Summand
from mpcstats.protocols.long_sum import long_sum
from mpcstats.protocols.partial_sum import Kept, keep, open_kept, resume
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Words
from mpcstats.session.messages import Message
from mpcstats.testing import flipped, opened, run_together

NAMES = tuple("abcdefg")
OWNERS = ("a", "c", "y", "b", "y")  # one outside, twice; one compute party may own nothing


def vectors(me: str, length: int) -> list[Summand]:
    numbers = [np.arange(length, dtype=np.uint64) * np.uint64(10**18 + i) for i in range(5)]
    return [Summand(o, x if o == me else None) for o, x in zip(OWNERS, numbers, strict=True)]


def expected(length: int, counted: Sequence[int]) -> Words:
    factor = sum(10**18 + i for i in counted) % 2**64
    return np.arange(length, dtype=np.uint64) * np.uint64(factor)


def kept_by(n: int, length: int, t: int | None = None) -> dict[str, Kept]:
    engine = Shamir(NAMES[:n], t)

    async def body(session: Session) -> Kept:
        return await keep(session, engine, vectors(session.me, length), length=length)

    return run_together((*engine.compute, "y"), body).results


@pytest.mark.parametrize("length", [0, 1, 4, 7, 1000])
@pytest.mark.parametrize(("n", "t"), [(3, 1), (5, 2), (5, 1)])
def test_any_t_plus_one_parties_open_the_sum(n: int, t: int, length: int) -> None:
    kept = kept_by(n, length, t)
    for left in combinations(NAMES[:n], t + 1):

        async def body(session: Session) -> Words | None:
            own = kept.get(session.me, kept["y"])
            return await open_kept(session, own, counted=(0, 2, 3), to=("y",))

        results = run_together((*left, "y"), body).results
        assert results["y"] is not None
        assert np.array_equal(results["y"], expected(length, (0, 2, 3)))
        assert [results[p] for p in left] == [None] * len(left)


def test_t_parties_do_not() -> None:
    kept = kept_by(5, 4)

    async def body(session: Session) -> Words | None:
        return await open_kept(session, kept[session.me], counted=(0,), to=("b",))

    with pytest.raises(UsageError, match="expected 3 parties with shares, got 2"):
        run_together(("b", "d"), body)


def test_what_is_left_goes_through_the_gate() -> None:
    kept = kept_by(5, 3)
    left = ("b", "c", "e")
    engine = Shamir(left, 1)

    async def body(session: Session) -> list[list[int]]:
        total = await resume(session.narrow("go-on"), kept[session.me], engine, counted=(1, 4))
        persons = engine.public(session, np.array([1, 5, 9], dtype=np.uint64))
        cells = Cells(3, (persons,), total.flat(), (Behind(),))
        found = await gate(session.narrow("gate"), engine, cells, Rules(5), to=("c",))
        return [] if found is None else found.values.tolist()

    wanted = expected(3, (1, 4)).view(np.int64).tolist()
    assert run_together(left, body).results["c"] == [[0, *wanted[1:]]]


def test_going_on_needs_t_plus_one_of_those_that_hold_shares() -> None:
    kept = kept_by(5, 3)
    engine = Shamir(("b", "e", "z"))

    async def body(session: Session) -> object:
        own = kept.get(session.me, kept["y"])
        return await resume(session, own, engine, counted=(0,))

    with pytest.raises(UsageError, match="expected 3 parties with shares, got 2"):
        run_together(("b", "e", "z"), body)


@pytest.mark.parametrize("counted", [(), (0, 0), (5,), (-1,)])
def test_other_places_are_refused(counted: tuple[int, ...]) -> None:
    kept = kept_by(3, 2)["a"]
    with pytest.raises(UsageError, match="places"):
        kept.total(counted)


def test_a_wrong_share_is_seen_where_more_than_t_plus_one_are_left() -> None:
    kept = kept_by(3, 5)

    async def body(session: Session) -> Words | None:
        return await open_kept(session, kept[session.me], counted=(0,), to=("a",))

    def tamper(message: Message) -> Message:
        return flipped(message, 3) if message.sender == "b" else message

    with pytest.raises(PeerFault, match="shares of one polynomial"):
        run_together(("a", "b", "c"), body, tamper=tamper)
    # With t + 1 there is nothing to compare with: a wrong number, as the card says.
    assert run_together(("a", "b"), body, tamper=tamper).results["a"] is not None


@pytest.mark.parametrize("n", [3, 5, 7])
@pytest.mark.parametrize("length", [0, 1, 65])
def test_a_long_sum_is_the_sum_and_becomes_numbers(n: int, length: int) -> None:
    engine = Shamir(NAMES[:n])
    parties = (*engine.compute, "y")

    async def body(session: Session) -> tuple[Words | None, Words]:
        given = vectors(session.me, length)
        total = await long_sum(session.narrow("sum"), engine, given, length=length)
        step = session.narrow("open")
        found = await engine.reveal_vector(step, total, leak="test", to=("b", "y"))
        shares = await engine.numbers(session.narrow("numbers"), total)
        return found, await opened(session.narrow("check"), engine, shares)

    for party, (found, numbers) in run_together(parties, body).results.items():
        assert np.array_equal(numbers, expected(length, range(5)))
        assert (found is None) == (party not in ("b", "y"))
        if found is not None:
            assert np.array_equal(found, expected(length, range(5)))


def test_packed_vectors_become_numbers_and_of_one_length_alone_are_added() -> None:
    engine = Shamir(NAMES[:3])

    async def body(session: Session) -> Words:
        own = np.arange(6, dtype=np.uint64) if session.me == "y" else None
        x = await engine.share_packed(session.narrow("x"), own, owner="y", length=6)
        shares = await engine.numbers(session.narrow("n"), x + x)
        return await opened(session.narrow("o"), engine, shares)

    for value in run_together((*engine.compute, "y"), body).results.values():
        assert value.tolist() == [0, 2, 4, 6, 8, 10]
    with pytest.raises(InternalError, match="one length"):
        Packed(3, None) + Packed(4, None)


def test_sums_without_a_provider_are_refused() -> None:
    engine = Shamir(NAMES[:3])

    async def body(session: Session) -> object:
        return await long_sum(session, engine, [], length=3)

    async def kept(session: Session) -> object:
        return await keep(session, engine, [], length=3)

    for each in (body, kept):
        with pytest.raises(UsageError, match="at least one provider"):
            run_together(engine.compute, each)


def test_from_when_they_go_on_more_than_the_new_engine_withstands_read_it() -> None:
    """Two of three that are left, where two of the five that dealt learned nothing: spec.md, Security."""
    kept, left, length = kept_by(5, 3, 2), ("b", "c", "e"), 3
    engine = Shamir(left, 1)

    async def body(session: Session) -> Words:
        own = await resume(session.narrow("go-on"), kept[session.me], engine, counted=(1,))
        return np.stack(own.parts)

    shares = run_together(left, body).results

    def read(*parties: str) -> list[int]:
        matrix = interpolation(NUMBERS, engine.group.points(parties), (0,))
        value = NUMBERS.applied(matrix, [shares[party] for party in parties])[0]
        found: list[int] = value[0].tolist()
        return found

    assert read("b", "c") == expected(length, (1,)).tolist()
    assert read("b") != expected(length, (1,)).tolist()
