"""Private joins give what a plain join gives: sizes, sums, thresholds, dummies, and who is told what."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import slowjoin
from tests.chisquare import agrees
from tests.pairing import P, Q, keys_of, known_key, plain_join, table_of

from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.private_join import Join, Joined, Table, private_join
from mpcstats.protocols.private_join_padded import Padding, private_join_padded
from mpcstats.records.privacy import padding as law
from mpcstats.session import Session, Stream
from mpcstats.session.draws import StreamDraw
from mpcstats.testing import Outcome, run_together

PARTIES = ("a", "b", "c")
TWO = ("a", "b")


def play(
    join: Join, matcher: Any, holder: Any, *, padding: Padding | None = None
) -> Outcome[Joined]:
    async def body(session: Session) -> Joined:
        rows = {join.matcher: matcher, join.holder: holder}.get(session.me)
        table = None if rows is None else table_of(rows, len(join.bits))
        if padding is None:
            return await private_join(session, join, table, key=known_key())
        return await private_join_padded(session, join, padding, table, key=known_key())

    return run_together(PARTIES, body)


def join_of(**more: Any) -> Join:
    return Join(
        **{
            "matcher": "a",
            "holder": "b",
            "matcher_rows": 9,
            "holder_rows": 9,
            "size_to": ("a",),
            **more,
        }
    )


@settings(max_examples=8)
@given(data=st.data())
def test_sizes_and_sums_are_those_of_a_plain_join(data: Any) -> None:
    few = st.lists(st.integers(0, 14), unique=True, max_size=9)
    matcher, keys = data.draw(few), data.draw(few)
    bits = tuple(data.draw(st.lists(st.integers(1, 45), min_size=1, max_size=3)))
    row = st.tuples(*(st.integers(-(2**b) + 1, 2**b - 1) for b in bits))
    holder = {key: data.draw(row) for key in keys}
    k = data.draw(st.integers(1, 3))
    chosen = st.sets(st.sampled_from(PARTIES), min_size=1)
    size_to, sums_to = {"a", *data.draw(chosen)}, data.draw(chosen)
    join = join_of(k=k, bits=bits, size_to=tuple(sorted(size_to)), sums_to=tuple(sorted(sums_to)))
    found = play(join, matcher, holder).results
    size, sums = plain_join(matcher, {**holder, -1: (0,) * len(bits)})
    for party in PARTIES:
        told, shown = party in size_to | sums_to, size >= k
        assert found[party].shown == (shown if told else None)
        knows = party == "a" or (shown and party in size_to)
        assert found[party].size == (size if knows else None)
        assert found[party].sums == (sums if shown and party in sums_to else None)


@pytest.mark.parametrize("extra", [0, 1])
def test_sums_are_those_of_duckdb_over_aggregated_rows(extra: int) -> None:
    drawn = np.random.default_rng(7 + extra).integers(0, 60, (2, 150))
    people = np.unique(drawn[0, :70])
    with duckdb.connect() as sql:
        sql.execute("CREATE TABLE people AS SELECT unnest($1) AS k", [people.tolist()])
        sql.execute(
            "CREATE TABLE bills AS SELECT unnest($1) AS k, unnest($2) - 20 AS v",
            [drawn[1].tolist(), drawn[0].tolist()],
        )
        by_key = dict(sql.execute("SELECT k, SUM(v)::BIGINT FROM bills GROUP BY k").fetchall())
        (expected,) = sql.execute(
            "SELECT COUNT(DISTINCT k), SUM(v)::BIGINT FROM bills JOIN people USING (k)"
        ).fetchall()
    rows = {key: (value,) for key, value in by_key.items()}
    join = join_of(
        matcher_rows=len(people) + extra, holder_rows=len(rows) + extra, bits=(30,), sums_to=TWO
    )
    found = play(join, people.tolist(), rows).results
    assert (found["a"].size, *(found["b"].sums or ())) == expected


@pytest.mark.parametrize(("common", "shown"), [(2, False), (3, True)])
def test_below_k_nobody_but_the_matcher_learns_anything(common: int, shown: bool) -> None:
    join = join_of(k=3, bits=(5,), size_to=PARTIES, sums_to=PARTIES)
    found = play(join, range(common), {i: (i + 1,) for i in range(6)}).results
    for party in PARTIES:
        size = common if shown or party == "a" else None
        sums = (sum(range(common + 1)),) if shown else None
        assert found[party] == Joined(shown, size, sums)


def test_a_count_alone_needs_no_key() -> None:
    outcome = play(join_of(size_to=("a", "b")), [1, 2, 3], [2, 3, 4, 5])
    assert outcome.results["b"] == Joined(True, 2, None)
    assert not any("key" in step.rsplit("/", 1)[-1] for _, step in outcome.traffic.bytes_by_step)


def test_more_rows_than_a_block() -> None:
    n = 1100
    holder = {i: (i, 1) for i in range(500, 500 + n)}
    join = join_of(matcher_rows=n, holder_rows=n, bits=(12, 1), sums_to=("a",))
    found = play(join, range(n), holder).results["a"]
    assert (found.size, found.sums) == (600, (sum(range(500, n)), 600))


def test_results_do_not_show_themselves() -> None:
    assert "7" not in repr(Joined(True, 77, (7,)))
    assert "7" not in repr(Table(keys_of([7])))


# dummies


@pytest.mark.parametrize("size_to", [("a",), ("a", "b"), ("a", "c")])
def test_noise_is_within_its_range_and_sums_are_exact(size_to: tuple[str, ...]) -> None:
    padding = Padding(Fraction(1), 3)
    reach = padding.shift * (2 if "b" in size_to else 1)
    rows = 2 + 2 * reach  # so many that k true ones are certain, or none are
    join = join_of(
        matcher_rows=30,
        holder_rows=30,
        k=2,
        bits=(9,),
        size_to=size_to,
        sums_to=("c",),
    )
    for _ in range(2):
        found = play(join, range(rows), {i: (i,) for i in range(25)}, padding=padding).results
        assert abs((found["a"].size or 0) - rows) <= reach
        assert found["a"].shown
        assert found["c"].sums == (sum(range(rows)),)
        assert {found[p].size for p in size_to} == {found["a"].size}
        few = play(join, [0], {i: (i,) for i in range(25)}, padding=padding).results
        assert few["c"] == Joined(False, None, None)


def test_noise_is_truncated_discrete_laplace() -> None:
    t = law.Padding(Fraction(1, 2), Fraction(1, 100)).shift
    assert exp(-t / 2) <= 0.01 < exp(-(t - 1) / 2)
    padding = Padding(Fraction(1, 2), t)
    draw = StreamDraw(Stream(b"noise of dummies"))
    sample = [padding.noise(draw) for _ in range(4000)]
    total = sum(exp(-abs(z) / 2) for z in range(-t, t + 1))
    assert agrees(sample, lambda z: exp(-abs(z) / 2) / total, range(-t, t + 1))
    assert not agrees(sample, lambda z: exp(-abs(z) / 3) / total, range(-t, t + 1))


@pytest.mark.parametrize("epsilon", [Fraction(1, 3), Fraction(2)])
@pytest.mark.parametrize("delta", [Fraction(1, 10), Fraction(1, 10**6)])
def test_the_opened_number_is_private(epsilon: Fraction, delta: Fraction) -> None:
    """Of neighbours, whose numbers differ by 1, no set of outputs tells more than epsilon and delta say."""
    t = law.Padding(epsilon, delta).shift
    weights = [exp(-float(epsilon) * abs(z)) for z in range(-t, t + 1)]
    chances = [w / sum(weights) for w in weights]
    for one, other in (([*chances, 0.0], [0.0, *chances]), ([0.0, *chances], [*chances, 0.0])):
        beyond = sum(max(0.0, p - exp(float(epsilon)) * q) for p, q in zip(one, other, strict=True))
        assert beyond <= float(delta)
        assert beyond > float(delta) / 60  # and no dummies are wasted


# what is refused


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"size_to": ("b",)}, "it finds them"),
        ({"bits": (3,)}, "recipients of sums"),
        ({"sums_to": ("a",)}, "recipients of sums"),
        ({"k": 0}, "k of at least 1"),
        ({"holder_rows": 0}, "rows of at least 1"),
        ({"bits": (60,), "sums_to": ("a",)}, "sums below"),
        ({"bits": (50,) * 60, "sums_to": ("a",)}, "fewer sums"),
    ],
)
def test_joins_that_make_no_sense(more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        join_of(**more)


def test_one_party_is_no_pair() -> None:
    with pytest.raises(InternalError, match="two parties"):
        join_of(holder="a")


@pytest.mark.parametrize(
    ("matcher", "holder", "words"),
    [
        ([1, 1], {2: (1,)}, "one twice: aggregate"),
        (range(10), {2: (1,)}, "at most 9 keys"),
        ([1], {2: (1, 2)}, "expected 1 values"),
        ([1], [2], "expected 1 values"),
        ({1: (1,)}, {2: (1,)}, "expected 0 values"),
        ([1], {2: (8,)}, "within their columns' bits"),
    ],
)
def test_tables_that_do_not_fit(matcher: Any, holder: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        play(join_of(bits=(3,), sums_to=("a",)), matcher, holder)


def test_a_party_without_its_table() -> None:
    with pytest.raises(InternalError, match="own table"):
        run_together(PARTIES, lambda session: private_join(session, join_of()))


@pytest.mark.parametrize(("epsilon", "shift"), [(0, 1), (1, 0), (1, 1 << 20), (-1, 3)])
def test_no_padding_without_epsilon_and_shift(epsilon: int, shift: int) -> None:
    with pytest.raises(UsageError, match="expected an epsilon"):
        Padding(Fraction(epsilon), shift)


# an independent implementation


def test_the_slow_implementation_finds_the_same() -> None:
    matcher, holder = [1, 5, 9, 700], {9: (-40,), 2: (1000,), 1: (3,), 12: (77,)}
    keys = [row.astype("<u8").tobytes() for row in keys_of(matcher)]
    values = [row[0] for row in holder.values()]
    rows = list(
        zip([row.astype("<u8").tobytes() for row in keys_of(list(holder))], values, strict=True)
    )
    slow = slowjoin.intersection_sum(keys, rows, P, Q, (12345, 2**200 + 7))
    found = play(join_of(bits=(12,), sums_to=TWO), matcher, holder).results["b"]
    assert slow == (2, -37)
    assert found.sums == (slow[1],)
    assert slowjoin.intersection_sum(keys[1:], rows, P, Q, (3, 4)) == (1, -40)  # negative control
