"""The interval of an expression holds every value that DuckDB gives for it, NULLs included."""

from __future__ import annotations

import duckdb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpcstats.errors import InternalError
from mpcstats.plan.interval import interval
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference

COLUMNS = {
    "a": Column("a", "number", -7, 9, True),
    "b": Column("b", "number", 0, 3),
    "c": Column("c", "number", -4, -1, True),
}
INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "mod": "%",
    "lt": "<",
    "le": "<=",
    "eq": "=",
    "and": "AND",
    "or": "OR",
}


def sql(node: Node) -> str:
    """In DuckDB's dialect; a quotient by 0 is NULL, as the library has it."""
    match node:
        case Reference(name=name):
            return name
        case Number(value=value):
            return f"({value}::BIGINT)"
        case Null():
            return "NULL::BIGINT"
        case Call(op="floordiv" | "mod" as op, args=(a, b)):
            return f"({sql(a)} {INFIX[op]} NULLIF({sql(b)}, 0))"
        case Call(op=op, args=args) if op in INFIX:
            return f"({f' {INFIX[op]} '.join(map(sql, args))})"
        case Call(op="neg", args=(a,)):
            return f"(-{sql(a)})"
        case Call(op="if", args=(a, b, c)):
            return f"(CASE WHEN {sql(a)} THEN {sql(b)} ELSE {sql(c)} END)"
        case Call(op="isnull", args=(a,)):
            return f"({sql(a)} IS NULL)"
        case Call(op="not", args=(a,)):
            return f"(NOT {sql(a)})"
        case Call(op=op, args=args):
            return f"{op}({', '.join(map(sql, args))})"


LEAVES = st.one_of(
    st.sampled_from([Reference(name) for name in COLUMNS]),
    st.integers(-3, 3).map(Number),
    st.just(Null()),
)


def numbers(depth: int) -> st.SearchStrategy[Node]:
    if depth == 0:
        return LEAVES
    below = numbers(depth - 1)
    two = ("add", "sub", "mul", "floordiv", "mod", "least", "greatest", "coalesce")
    return st.one_of(
        below,
        st.builds(lambda op, a, b: Call(op, (a, b)), st.sampled_from(two), below, below),
        st.builds(lambda op, a: Call(op, (a,)), st.sampled_from(("neg", "abs")), below),
        st.builds(lambda a, b, c: Call("if", (a, b, c)), flags(depth - 1), below, below),
    )


def flags(depth: int) -> st.SearchStrategy[Node]:
    below = numbers(max(depth - 1, 0))
    compared = st.builds(
        lambda op, a, b: Call(op, (a, b)), st.sampled_from(("lt", "le", "eq")), below, below
    )
    asked = st.builds(lambda a: Call("isnull", (a,)), below)
    if depth == 0:
        return st.one_of(compared, asked)
    inner = flags(depth - 1)
    return st.one_of(
        compared,
        asked,
        st.builds(lambda op, a, b: Call(op, (a, b)), st.sampled_from(("and", "or")), inner, inner),
        st.builds(lambda a: Call("not", (a,)), inner),
    )


@settings(max_examples=150)
@given(
    st.one_of(numbers(3), flags(2)),
    st.lists(
        st.tuples(
            st.none() | st.integers(-7, 9), st.integers(0, 3), st.none() | st.integers(-4, -1)
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_values_lie_in_the_interval(
    node: Node, rows: list[tuple[int | None, int, int | None]]
) -> None:
    try:
        found = interval(node, COLUMNS)
    except InternalError:
        assume(False)
    literal = ", ".join(
        f"({', '.join('NULL' if value is None else str(value) for value in row)})" for row in rows
    )
    text = (
        f"SELECT ({sql(node)})::BIGINT FROM (SELECT a::BIGINT AS a, b::BIGINT AS b, c::BIGINT AS c "
        f"FROM (VALUES {literal}) AS t(a, b, c))"
    )
    for (value,) in duckdb.connect().execute(text).fetchall():
        if value is None:
            assert found.nullable, text
        else:
            assert found.minimum <= value <= found.maximum, text


def test_intervals_are_tight_at_their_ends() -> None:
    """Negative control: an interval that held everything would hold the values too."""
    expected = {
        Call("add", (Reference("a"), Reference("b"))): ("number", -7, 12, True),
        Call("mul", (Reference("b"), Reference("b"))): ("number", 0, 9, False),
        Call("floordiv", (Reference("b"), Reference("c"))): ("number", -3, 0, True),
        Call("least", (Reference("b"), Reference("a"))): ("number", -7, 3, False),
        Call("coalesce", (Reference("a"), Number(0), Number(99))): ("number", -7, 9, False),
        Call("lt", (Reference("b"), Number(2))): ("flag", 0, 1, False),
        Call("isnull", (Reference("a"),)): ("flag", 0, 1, False),
    }
    for node, ends in expected.items():
        found = interval(node, COLUMNS)
        assert (found.kind, found.minimum, found.maximum, found.nullable) == ends
