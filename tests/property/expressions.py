"""Random scalar expressions over shared columns with NULLs, and the same in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from hypothesis import strategies as st
from tests import dealt

from mpcstats.engines.api import Engine
from mpcstats.protocols.derive import Value
from mpcstats.protocols.expression import DIGEST, Bounds, Call, Column, Node, Null, Number
from mpcstats.session import Session

RANGES = [
    (0, 1),
    (-8, 7),
    (3, 100),
    (-1000, -5),
    (-3, 20),
    (0, 1 << 40),
    (-(1 << 61), (1 << 61) - 1),
    (6, 6),
]
DIGESTS = (0, 7, 1 << 63, DIGEST)
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
FLAGS = frozenset({"lt", "le", "eq", "and", "or", "not", "isnull", "within"})


@dataclass(frozen=True)
class Plain:
    """A column in the clear, None where it is NULL, and the forms in which it is to be shared: n, b or both."""

    minimum: int
    maximum: int
    values: tuple[int | None, ...]
    nullable: bool
    forms: str

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.minimum, self.maximum, self.nullable)

    def shared(self, session: Session, compute: tuple[str, ...], key: int) -> Value:
        """The column as a secret; junk where it is NULL."""
        junk = 0xDEADBEEFCAFE1234 * (key + 1)
        there = np.array([v is not None for v in self.values], dtype=np.uint64)
        signed = [junk if v is None else v for v in self.values]
        number = np.array([v % (1 << 64) for v in signed], dtype=np.uint64)
        rows = np.array([(v - self.minimum) % (1 << 64) for v in signed], dtype=np.uint64)
        width = self.bounds.width
        return Value(
            self.minimum,
            self.maximum,
            dealt.numbers(session, compute, number, 3 * key) if "n" in self.forms else None,
            dealt.bits(session, compute, rows, width, 3 * key + 1) if "b" in self.forms else None,
            dealt.bits(session, compute, there, 1, 3 * key + 2) if self.nullable else None,
        )


Table = Mapping[str, Plain]


@st.composite
def columns(draw: Any, rows: int) -> Table:
    """Columns n0 to n3 of numbers, t0 and t1 of texts."""
    found = {}
    for name in ("n0", "n1", "n2", "n3", "t0", "t1"):
        text = name[0] == "t"
        low, high = (0, DIGEST) if text else draw(st.sampled_from(RANGES))
        ends = st.sampled_from(DIGESTS if text else (low, high, min(max(low, 0), high)))
        value = ends if text else ends | st.integers(low, high)
        nullable = draw(st.booleans())
        value = value | st.none() if nullable else value
        values = tuple(draw(st.lists(value, min_size=rows, max_size=rows)))
        forms = "b" if text else draw(st.sampled_from(["n", "b", "nb"]))
        found[name] = Plain(low, high, values, nullable, forms)
    return found


def numbers(depth: int) -> st.SearchStrategy[Node]:
    """Expressions that are numbers."""
    small = st.integers(-12, 12) | st.sampled_from([-1000, 365, 1 << 33])
    leaf: st.SearchStrategy[Node] = st.sampled_from([Column(f"n{i}") for i in range(4)])
    leaf = leaf | leaf | small.map(Number) | st.just(Null())
    if depth == 0:
        return leaf
    inner = numbers(depth - 1)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        leaf,
        _call(["add", "sub", "mul"], st.lists(inner, min_size=2, max_size=2)),
        _call(["floordiv", "mod"], st.tuples(inner, small.map(Number) | inner)),
        _call(["neg", "abs"], st.tuples(inner)),
        _call(["least", "greatest", "coalesce"], some),
        _call(["if"], st.tuples(flags(depth - 1), inner, inner)),
        _call(["mul"], st.tuples(flags(depth - 1), inner)),
    )


def texts() -> st.SearchStrategy[Node]:
    column: st.SearchStrategy[Node] = st.sampled_from([Column("t0"), Column("t1")])
    return column | _call(["coalesce"], st.tuples(column, st.sampled_from(DIGESTS).map(Number)))


def flags(depth: int) -> st.SearchStrategy[Node]:
    """Expressions that are conditions."""
    inner = numbers(max(0, depth - 1))
    text = texts()
    compared = st.one_of(
        _call(["lt", "le", "eq"], st.tuples(inner, inner)),
        _call(["eq"], st.tuples(text, text | st.sampled_from(DIGESTS).map(Number))),
        _call(["isnull"], st.tuples(inner | text)),
    )
    if depth == 0:
        return compared
    deeper = flags(depth - 1)
    return st.one_of(
        compared,
        _call(["and", "or"], st.lists(deeper | st.just(Null()), min_size=1, max_size=3)),
        _call(["not"], st.tuples(deeper)),
    )


def _call(ops: Sequence[str], args: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    made: Callable[[str, Any], Node] = lambda op, given: Call(op, tuple(given))  # noqa: E731
    return st.builds(made, st.sampled_from(ops), args)


def sql(node: Node) -> str:
    """The node in DuckDB's SQL; a condition is a BOOLEAN."""
    if isinstance(node, Column):
        return node.name
    if isinstance(node, Number):
        return f"({node.value})::{'BIGINT' if node.value < 1 << 62 else 'UBIGINT'}"
    if isinstance(node, Null):
        return "NULL"
    conditions = node.op in ("and", "or", "not")
    parts = [
        _as(a, condition=conditions or (node.op, i) == ("if", 0)) for i, a in enumerate(node.args)
    ]
    if node.op in INFIX:
        return f"({f' {INFIX[node.op]} '.join(parts)})"
    match node.op:
        case "neg":
            return f"(-({parts[0]}))"
        case "not":
            return f"(NOT {parts[0]})"
        case "isnull":
            return f"({parts[0]} IS NULL)"
        case "within":
            return f"({parts[0]} BETWEEN {parts[1]} AND {parts[2]})"
        case "if":
            return f"(CASE WHEN {parts[0]} THEN {parts[1]} ELSE {parts[2]} END)"
    return f"{node.op}({', '.join(parts)})"


def _as(node: Node, *, condition: bool) -> str:
    """As a condition, or a value: 1 or 0 of a condition."""
    is_condition = isinstance(node, Call) and node.op in FLAGS
    text = sql(node)
    if isinstance(node, Null):
        return f"NULL::{'BOOLEAN' if condition else 'BIGINT'}"
    if is_condition == condition:
        return text
    return f"({text} = 1)" if condition else f"({text})::BIGINT"


def plainly(nodes: Sequence[Node], table: Table) -> list[list[int | None]]:
    """What DuckDB says, with NULL for a division by 0."""
    connection = duckdb.connect()
    try:
        connection.execute("SET error_on_division_by_zero = false")
        kinds = ", ".join(f"{n} {'UBIGINT' if n[0] == 't' else 'BIGINT'}" for n in table)
        connection.execute(f"CREATE TABLE given (place INT, {kinds})")
        for i, row in enumerate(zip(*(c.values for c in table.values()), strict=True)):
            marks = ", ".join("?" for _ in range(len(row) + 1))
            connection.execute(f"INSERT INTO given VALUES ({marks})", [i, *row])
        asked = ", ".join(f"{_as(node, condition=False)}::HUGEINT" for node in nodes)
        found = connection.execute(f"SELECT {asked} FROM given ORDER BY place").fetchall()
    finally:
        connection.close()
    return [list(column) for column in zip(*found, strict=True)]


def shared(session: Session, engine: Engine, table: Table) -> dict[str, Value]:
    return {n: c.shared(session, engine.compute, i) for i, (n, c) in enumerate(table.items())}
