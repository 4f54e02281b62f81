"""Expressions as a table of terms: every sub-expression once, in fewer operations, with its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpcstats.errors import UsageError
from mpcstats.protocols.expression import (
    NOTHING,
    Bounds,
    Column,
    Node,
    Null,
    Number,
    call_bounds,
    column_bounds,
    number_bounds,
)

RING = 64  # bits
FLAGS = frozenset({"lt", "eq", "and", "not", "isnull", "within"})


@dataclass(frozen=True, slots=True)
class Term:
    """`op` of the terms `args`: column, number, null, add, sub, mul, choose, if, coalesce, a division or a flag's.

    choose (flag, x, y): the greatest or least of x and y, which is y where the flag, the comparison of both, is 1.
    NULL as the branch of an `if` is a term null; of coalesce and choose all arguments can have a value.
    Divisions: floordiv (x, y), mod (x, y); by a public number quotient (x) or (x, the flag x < 0) with `divisor`
    above 0, and rest (x, the quotient).
    """

    op: str
    args: tuple[int, ...]
    bounds: Bounds
    name: str = ""  # of a column
    divisor: int = 0


@dataclass(frozen=True, slots=True)
class Reciprocal:
    """x // divisor, truncated toward zero, less its least value: (u factor) >> shift, where u factor < 2^bits.

    u = x + offset, or x + offset + divisor - 1 where x < 0: it is never negative.
    """

    offset: int
    factor: int
    shift: int
    bits: int


def reciprocal(of: Bounds, divisor: int) -> Reciprocal | None:
    """None if u * factor does not fit into 64 bits.

    With e = factor divisor - 2^shift, (u factor) >> shift is floor(u / divisor) for all u <= U if e U < 2^shift.
    """
    least = of.minimum if of.minimum >= 0 else -of.minimum
    offset = divisor * (least // divisor) * (-1 if of.minimum >= 0 else 1)
    largest = max(of.maximum + offset, divisor - 2 + offset if of.minimum < 0 else 0)
    for shift in range(RING):
        factor = -(-(1 << shift) // divisor)
        if (factor * divisor - (1 << shift)) * largest < 1 << shift:
            bits = max(shift + 1, (largest * factor).bit_length())
            return Reciprocal(offset, factor, shift, bits) if bits <= RING else None
    return None


class Terms:
    """The terms of some nodes over `columns`; a term is named by its place in `terms`, after its arguments."""

    def __init__(self, columns: Mapping[str, Bounds]) -> None:
        self.columns = columns
        self.terms: list[Term] = []
        self._places: dict[Term, int] = {}
        self._nodes: dict[Node, int] = {}

    def __getitem__(self, place: int) -> Term:
        return self.terms[place]

    def bounds(self, place: int) -> Bounds:
        """The bounds of a term."""
        return self.terms[place].bounds

    def add(self, node: Node) -> int:
        """The term of `node`. Raises UsageError as `expression.bounds` does."""
        if node not in self._nodes:
            self._nodes[node] = self._added(node)
        return self._nodes[node]

    def _added(self, node: Node) -> int:
        if isinstance(node, Column):
            found = column_bounds(node.name, self.columns)
            return self._null() if found.empty else self._term("column", (), found, node.name)
        if isinstance(node, Number):
            return self._number(node.value)
        if isinstance(node, Null):
            return self._null()
        return self._call(node.op, [self.add(argument) for argument in node.args])

    def reachable(self, roots: Sequence[int]) -> list[int]:
        """The terms that `roots` are made of, themselves too, ascending."""
        found = set(roots)
        for place in range(len(self.terms) - 1, -1, -1):
            if place in found:
                found.update(self.terms[place].args)
        return sorted(found)

    def _call(self, op: str, args: Sequence[int]) -> int:
        found = call_bounds(op, [self.bounds(a) for a in args])
        if found.empty:
            return self._null()
        match op:
            case "neg":
                return self._term("sub", (self._number(0), args[0]), found)
            case "abs":
                return self._abs(args[0], found)
            case "le":
                return self._call("not", [self._call("lt", args[::-1])])
            case "or":  # in three values too: not (not a and not b)
                return self._call(
                    "not", [self._call("and", [self._call("not", [a]) for a in args])]
                )
            case "not" if self.terms[args[0]].op == "not":
                return self.terms[args[0]].args[0]
            case "least" | "greatest":
                there = [a for a in args if not self.bounds(a).empty]
                return self._best(op, there)
            case "coalesce":
                return self._coalesce(args)
            case "floordiv" | "mod":
                return self._divided(op, tuple(args), found)
            case "within" if self.terms[args[0]].op != "column":
                raise UsageError(
                    "expected a column in within: only of columns words may break bounds"
                )
            case _:
                return self._term(op, tuple(args), found)

    def _divided(self, op: str, args: tuple[int, ...], found: Bounds) -> int:
        x, by = args[0], self.bounds(args[1])
        of, divisor = self.bounds(x), abs(by.minimum)
        if not by.constant or by.nullable or reciprocal(of, divisor) is None:
            return self._term(op, args, found)
        below = () if of.minimum >= 0 else (self._call("lt", [x, self._number(0)]),)
        whole = call_bounds("floordiv", [of, Bounds(divisor, divisor)])
        quotient = self._term("quotient", (x, *below), whole, divisor=divisor)
        if op == "mod":
            return self._term("rest", (x, quotient), found, divisor=divisor)
        return self._call("neg", [quotient]) if by.minimum < 0 else quotient

    def _abs(self, x: int, found: Bounds) -> int:
        of = self.bounds(x)
        if of.minimum >= 0:
            return x
        negated = self._call("neg", [x])
        if of.maximum <= 0:
            return negated
        below = self._call("lt", [x, self._number(0)])
        return self._term("if", (below, negated, x), found)

    def _best(self, op: str, args: Sequence[int]) -> int:
        """In pairs, so that many arguments take few rounds."""
        if len(args) == 1:
            return args[0]
        half = len(args) // 2
        x, y = self._best(op, args[:half]), self._best(op, args[half:])
        found = call_bounds(op, [self.bounds(x), self.bounds(y)])
        less = self._call("lt", [y, x] if op == "least" else [x, y])
        return self._term("choose", (less, x, y), found)

    def _coalesce(self, args: Sequence[int]) -> int:
        """From the right: what is behind a value that is never NULL is not asked for."""
        there: list[int] = []
        for argument in args:
            of = self.bounds(argument)
            if not of.empty:
                there.append(argument)
            if not of.nullable:
                break
        *first, rest = there
        for x in reversed(first):
            found = call_bounds("coalesce", [self.bounds(x), self.bounds(rest)])
            rest = self._term("coalesce", (x, rest), found)
        return rest

    def _number(self, value: int) -> int:
        return self._term("number", (), number_bounds(value))

    def _null(self) -> int:
        return self._term("null", (), NOTHING)

    def _term(
        self, op: str, args: tuple[int, ...], bounds: Bounds, name: str = "", divisor: int = 0
    ) -> int:
        term = Term(op, args, bounds, name, divisor)
        if term not in self._places:
            self._places[term] = len(self.terms)
            self.terms.append(term)
        return self._places[term]
