"""Expressions: their bounds by hand, what is refused before anything is sent, and what is never sent at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.derive import Value, derive, passing
from mpcstats.protocols.derive_cost import Cost, Division, cost
from mpcstats.protocols.expression import (
    DIGEST,
    NOTHING,
    Bounds,
    Call,
    Column,
    Node,
    Null,
    Number,
    bounds,
)
from mpcstats.protocols.forms import Given
from mpcstats.protocols.terms import reciprocal
from mpcstats.testing import run_together

X, Y, Z, T, S = (Column(name) for name in "xyzts")
COLUMNS = {
    "x": Bounds(-8, 7),
    "y": Bounds(3, 100, nullable=True),
    "z": Bounds(-2, 2, nullable=True),
    "t": Bounds(0, DIGEST, nullable=True),
    "s": Bounds(0, DIGEST),
}


def of(op: str, *args: Node | int) -> Call:
    return Call(op, tuple(Number(a) if isinstance(a, int) else a for a in args))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (of("add", X, Y), Bounds(-5, 107, nullable=True)),
        (of("sub", X, 3), Bounds(-11, 4)),
        (of("mul", X, Y), Bounds(-800, 700, nullable=True)),
        (of("neg", X), Bounds(-7, 8)),
        (of("abs", X), Bounds(0, 8)),
        (of("abs", of("sub", X, 100)), Bounds(93, 108)),
        (of("floordiv", Y, X), Bounds(-100, 100, nullable=True)),
        (of("floordiv", X, 3), Bounds(-2, 2)),
        (of("floordiv", X, 0), NOTHING),
        (of("mod", X, -5), Bounds(-4, 4)),
        (of("mod", Y, Z), Bounds(0, 1, nullable=True)),
        (of("mod", X, 0), NOTHING),
        (of("least", X, Y), Bounds(-8, 7)),
        (of("least", Y, Z), Bounds(-2, 100, nullable=True)),
        (of("greatest", X, Y), Bounds(-8, 100)),
        (of("greatest", Null(), Null()), NOTHING),
        (of("coalesce", Y, Null(), X, Number(1000)), Bounds(-8, 100)),
        (of("if", of("lt", X, 3), Y, Null()), Bounds(3, 100, nullable=True)),
        (of("if", of("lt", Y, 3), X, 9), Bounds(-8, 9)),
        (of("lt", 1, 2), Bounds(0, 1)),
        (of("eq", T, S), Bounds(0, 1, nullable=True)),
        (of("coalesce", T, 5), Bounds(0, DIGEST)),
        (of("isnull", T), Bounds(0, 1)),
        (of("and", of("lt", X, 3), Null()), Bounds(0, 1, nullable=True)),
        (of("not", Null()), NOTHING),
        (of("lt", X, Null()), NOTHING),
        (Number(DIGEST), Bounds(DIGEST, DIGEST)),
    ],
)
def test_bounds(node: Node, expected: Bounds) -> None:
    found = bounds(node, COLUMNS)
    assert found.nullable == expected.nullable
    assert (found == expected) or (found.empty and expected.empty)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (Column("w"), "a column of x, y, z, t, s, got 'w'"),
        (Number(1 << 64), "or a digest of 64 bits"),
        (of("xor", X, Y), "an operation of add, .* got 'xor'"),
        (of("add", X), "expected 2 arguments of add, got 1"),
        (of("and"), "expected 1 or more arguments of and, got 0"),
        (of("mul", of("mul", Y, 1 << 40), 1 << 20), r"mul: expected values in \[-2\^62, 2\^62\)"),
        (of("neg", -(1 << 62)), "neg: expected values"),
        (of("add", T, 1), "numbers in add, got a text"),
        (of("lt", T, S), "numbers in lt, got a text"),
        (of("eq", T, X), "texts only, got texts and numbers"),
        (of("if", of("lt", X, 3), T, X), "texts only, got texts and numbers"),
        (of("not", X), "conditions, got a value between -8 and 7"),
        (of("if", Y, X, X), "conditions, got a value between 3 and 100"),
    ],
)
def test_what_does_not_fit_is_refused(node: Node, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bounds(node, COLUMNS)
    with pytest.raises(UsageError, match=words):
        cost([node], GIVEN, rows=10)


def test_a_column_beyond_62_bits_is_refused() -> None:
    with pytest.raises(UsageError, match="column 'x': expected values in"):
        bounds(X, {"x": Bounds(0, 1 << 62)})


GIVEN = {
    name: Given(b, number=not b.text, bits=b.text or name == "x") for name, b in COLUMNS.items()
}


@pytest.mark.parametrize(
    "nodes",
    [
        [of("sub", of("mul", X, 3), of("add", Y, -4))],
        [of("if", of("isnull", Y), 1, 0), of("not", of("isnull", Y))],
        [of("lt", 3, 2), of("lt", X, 8), of("eq", X, 9), of("least", X, 9)],
        [of("mul", X, Null()), Null(), Number(7), T],
        [of("eq", of("if", of("isnull", Y), 5, 6), 6)],
    ],
)
def test_what_is_local_or_public_costs_nothing(nodes: Sequence[Node]) -> None:
    assert cost(nodes, GIVEN, rows=100) == Cost()


def test_equal_parts_are_computed_once() -> None:
    part = of("lt", of("mul", X, Y), Z)
    once = cost([part], GIVEN, rows=100)
    both = cost([part, of("and", part, of("not", of("not", part)))], GIVEN, rows=100)
    assert both.numbers == once.numbers == 1
    assert both.upper == once.upper > 0
    assert both.ands <= once.ands + 2


def test_limits_of_one_column_share_a_tree() -> None:
    age = {"a": Given(Bounds(0, 127), number=False, bits=True)}
    limits = [of("lt", Column("a"), limit) for limit in (18, 35, 65)]
    apart = sum(cost([limit], age, rows=100).ands for limit in limits)
    assert cost(limits, age, rows=100).ands < apart


def test_a_comparison_of_numbers_takes_as_many_bits_as_their_bounds() -> None:
    assert cost([of("lt", X, Y)], GIVEN, rows=100).upper == 8  # -108 <= x - y <= 4
    assert cost([of("lt", of("mul", X, 1 << 40), Y)], GIVEN, rows=100).upper == 45


def test_a_public_divisor_needs_no_division() -> None:
    assert cost([of("floordiv", X, 7), of("mod", X, 7)], GIVEN, rows=100).divisions == ()
    by_column = cost([of("floordiv", X, Z), of("mod", X, Z)], GIVEN, rows=100)
    assert by_column.divisions == (Division(4, 2, 4),)


def test_every_small_quotient_by_multiplication() -> None:
    for divisor in (*range(1, 20), 365, 1000):
        for low, high in ((0, 50), (-50, 50), (-60, -3), (7, 9)):
            found = reciprocal(Bounds(low, high), divisor)
            assert found is not None
            least = -(-low // divisor) if low < 0 else low // divisor
            for x in range(low, high + 1):
                u = x + found.offset + (divisor - 1 if x < 0 else 0)
                whole = abs(x) // divisor * (-1 if x < 0 else 1)
                assert 0 <= u * found.factor < 1 << found.bits
                assert (u * found.factor >> found.shift) + least == whole


def test_a_multiplication_that_leaves_64_bits_is_none() -> None:
    assert reciprocal(Bounds(0, 1 << 40), 7) is None
    assert reciprocal(Bounds(0, 1 << 40), 1 << 10) is not None


def value(n: int, width: int) -> Value:
    return Value(0, (1 << width) - 1, None, Bits(n, width, (), None))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (value(3, 2), "expected 4 rows, numbers or 2 bits, got another bits"),
        (Value(0, 9, None, Bits(4, 3, (), None)), "numbers or 4 bits, got another bits"),
        (Value(0, 9, Arith((5,), (), None), None), "got another number"),
        (Value(0, 9, None, None), "got another form"),
        (Value(0, DIGEST, Arith((4,), (), None), None), "got another form"),
        (Value(0, 9, Arith((4,), (), None), None, Bits(4, 2, (), None)), "got another known"),
    ],
)
def test_a_column_of_another_shape_is_our_own_fault(column: Value, words: str) -> None:
    async def body(session: Any) -> Any:
        return await derive(session, Rep3(("a", "b", "c")), [Number(1)], {"c": column}, rows=4)

    with pytest.raises(InternalError, match=words):
        run_together(("d", "e"), body)


def test_a_number_is_no_condition() -> None:
    with pytest.raises(UsageError, match="a condition, got a value between 0 and 3"):
        run_together(("d",), lambda s: passing(s, Clear(("a",)), None, value(4, 2)))
