"""Scalar expressions over columns, as plain data, and the bounds of their values by interval arithmetic.

Rules, one for each operation: protocols/derive/spec.md, section "Bounds".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

from mpcstats.errors import UsageError

LARGEST = (1 << 62) - 1  # of a number; the least is -LARGEST - 1
DIGEST = (1 << 64) - 1  # the largest digest of a text


@dataclass(frozen=True, slots=True)
class Column:
    """The value of the column `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A public whole number in [-2^62, 2^62); from 2^62 to 2^64 - 1 it is the digest of a public text."""

    value: int


@dataclass(frozen=True, slots=True)
class Null:
    """SQL's NULL."""


@dataclass(frozen=True, slots=True)
class Call:
    """`op`, a name of OPERATIONS, of its arguments."""

    op: str
    args: tuple[Node, ...]


Node = Column | Number | Null | Call


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and largest value where it is not NULL, and whether it can be NULL. minimum > maximum: it always is."""

    minimum: int
    maximum: int
    nullable: bool = False

    @property
    def empty(self) -> bool:
        """Whether it is always NULL."""
        return self.minimum > self.maximum

    @property
    def constant(self) -> bool:
        """Whether it has one value where it is not NULL."""
        return self.minimum == self.maximum

    @property
    def text(self) -> bool:
        """Whether it is a digest."""
        return self.maximum > LARGEST

    @property
    def flag(self) -> bool:
        """Whether it may be a condition: 0, 1 or NULL."""
        return self.empty or (self.minimum >= 0 and self.maximum <= 1)

    @property
    def width(self) -> int:
        """The bits of value - minimum, at least 1."""
        return max(1, (self.maximum - self.minimum).bit_length())


NOTHING = Bounds(0, -1, nullable=True)
TEXT = Bounds(0, DIGEST)
Rule = Callable[[Sequence[Bounds]], Bounds]


def bounds(node: Node, columns: Mapping[str, Bounds]) -> Bounds:
    """The bounds of `node` from those of the columns.

    Raises UsageError for a column that is not there, an operation that there is not, wrong arguments, and wherever a
    number may leave [-2^62, 2^62).
    """
    if isinstance(node, Column):
        return column_bounds(node.name, columns)
    if isinstance(node, Number):
        return number_bounds(node.value)
    if isinstance(node, Null):
        return NOTHING
    return call_bounds(node.op, [bounds(argument, columns) for argument in node.args])


def column_bounds(name: str, columns: Mapping[str, Bounds]) -> Bounds:
    """The bounds of the column. Raises UsageError if there is none of the name, or for bounds that are none."""
    if name not in columns:
        raise UsageError(f"expected a column of {', '.join(columns) or 'none'}, got {name!r}")
    found = columns[name]
    if found.text and (found.minimum, found.maximum) == (0, DIGEST):
        return found
    return found if found.empty else _within(f"column {name!r}", found)


def number_bounds(value: int) -> Bounds:
    """The bounds of a public number or digest. Raises UsageError if it is neither."""
    if not -LARGEST - 1 <= value <= DIGEST:
        raise UsageError(f"expected a number of [-2^62, 2^62) or a digest of 64 bits, got {value}")
    return Bounds(value, value)


def call_bounds(op: str, args: Sequence[Bounds]) -> Bounds:
    """The bounds of `op` of arguments with these bounds. Raises UsageError as `bounds` does."""
    if op not in OPERATIONS:
        raise UsageError(f"expected an operation of {', '.join(OPERATIONS)}, got {op!r}")
    least, most, rule = OPERATIONS[op]
    if len(args) < least or (most is not None and len(args) > most):
        wanted = str(least) if most == least else f"{least} or more"
        raise UsageError(f"expected {wanted} arguments of {op}, got {len(args)}")
    if op not in TEXT_OPERATIONS and any(a.text for a in args):
        raise UsageError(f"expected numbers in {op}, got a text: texts can be equal, or missing")
    found = rule(args)
    texts = any(a.text for a in args)
    return found if found.empty or (texts and found.text) else _within(op, found)


def _within(what: str, found: Bounds) -> Bounds:
    if found.minimum < -LARGEST - 1 or found.maximum > LARGEST:
        raise UsageError(
            f"{what}: expected values in [-2^62, 2^62), got bounds {found.minimum} and {found.maximum}: narrow "
            "the bounds of its columns"
        )
    return found


def _any_null(args: Sequence[Bounds]) -> bool:
    return any(a.nullable for a in args)


def _strict(rule: Rule) -> Rule:
    """NULL where an argument is; `rule` gives the values where none is."""

    def strict(args: Sequence[Bounds]) -> Bounds:
        if any(a.empty for a in args):
            return NOTHING
        found = rule(args)
        return Bounds(found.minimum, found.maximum, found.nullable or _any_null(args))

    return strict


def _corners(args: Sequence[Bounds], of: Callable[[int, int], int]) -> Bounds:
    x, y = args
    ends = [of(a, b) for a, b in product((x.minimum, x.maximum), (y.minimum, y.maximum))]
    return Bounds(min(ends), max(ends))


def _abs(args: Sequence[Bounds]) -> Bounds:
    (x,) = args
    most = max(-x.minimum, x.maximum)
    return Bounds(max(x.minimum, -x.maximum, 0), most)


def _quotient(n: int, d: int) -> int:
    """Truncated toward zero."""
    return (abs(n) // abs(d)) * (1 if (n < 0) == (d < 0) else -1)


def _floordiv(args: Sequence[Bounds]) -> Bounds:
    x, y = args
    nearest = [d for d in (y.minimum, y.maximum, -1, 1) if d and y.minimum <= d <= y.maximum]
    if not nearest:
        return NOTHING
    ends = [_quotient(n, d) for n, d in product((x.minimum, x.maximum), nearest)]
    return Bounds(min(ends), max(ends), y.minimum <= 0 <= y.maximum)


def _mod(args: Sequence[Bounds]) -> Bounds:
    x, y = args
    most = max(-y.minimum, y.maximum) - 1
    if most < 0:
        return NOTHING
    low, high = max(min(x.minimum, 0), -most), min(max(x.maximum, 0), most)
    return Bounds(low, high, y.minimum <= 0 <= y.maximum)


def _union(args: Sequence[Bounds]) -> tuple[int, int]:
    """The least and largest of values of which each is one argument's."""
    there = [a for a in args if not a.empty]
    if not there:
        return NOTHING.minimum, NOTHING.maximum
    low, high = min(a.minimum for a in there), max(a.maximum for a in there)
    if not any(a.text for a in there):
        return low, high
    if low < 0 or not all(a.text or a.constant for a in there):
        raise UsageError("expected texts only, got texts and numbers")
    return TEXT.minimum, TEXT.maximum


def _least(args: Sequence[Bounds]) -> Bounds:
    """A value that is never NULL bounds the result from above; without one any may be the only one there."""
    there = [a for a in args if not a.empty]
    sure = [a.maximum for a in there if not a.nullable]
    if not there:
        return NOTHING
    most = min(sure) if sure else max(a.maximum for a in there)
    return Bounds(min(a.minimum for a in there), most, not sure)


def _greatest(args: Sequence[Bounds]) -> Bounds:
    turned = [Bounds(-a.maximum, -a.minimum, a.nullable) if not a.empty else a for a in args]
    found = _least(turned)
    return found if found.empty else Bounds(-found.maximum, -found.minimum, found.nullable)


def _coalesce(args: Sequence[Bounds]) -> Bounds:
    def either(x: Bounds, y: Bounds) -> Bounds:
        return Bounds(*_union([x, y]), y.nullable) if x.nullable else x

    return reduce(either, args)


def _if(args: Sequence[Bounds]) -> Bounds:
    condition, *branches = args
    _flags([condition])
    return Bounds(*_union(branches), _any_null(branches))


def _equal(args: Sequence[Bounds]) -> Bounds:
    _union(args)  # both texts or both numbers
    return Bounds(0, 1)


def _inside(args: Sequence[Bounds]) -> Bounds:
    """What the bounds of the first argument say is not believed: they are what is asked."""
    _, low, high = args
    if not (low.constant and high.constant) or low.minimum > high.minimum:
        raise UsageError(
            f"expected two public numbers in order, got {low.minimum} and {high.minimum}"
        )
    return Bounds(0, 1)


def _flags(args: Sequence[Bounds]) -> Bounds:
    for a in args:
        if not a.flag:
            raise UsageError(
                f"expected conditions, got a value between {a.minimum} and {a.maximum}"
            )
    return Bounds(0, 1, _any_null(args))


# op -> least and most arguments, rule. A flag is always 0 or 1, whatever its arguments are.
OPERATIONS: dict[str, tuple[int, int | None, Rule]] = {
    "add": (2, 2, _strict(lambda args: _corners(args, lambda x, y: x + y))),
    "sub": (2, 2, _strict(lambda args: _corners(args, lambda x, y: x - y))),
    "mul": (2, 2, _strict(lambda args: _corners(args, lambda x, y: x * y))),
    "neg": (1, 1, _strict(lambda args: Bounds(-args[0].maximum, -args[0].minimum))),
    "abs": (1, 1, _strict(_abs)),
    "floordiv": (2, 2, _strict(_floordiv)),
    "mod": (2, 2, _strict(_mod)),
    "least": (1, None, _least),
    "greatest": (1, None, _greatest),
    "coalesce": (1, None, _coalesce),
    "if": (3, 3, _if),
    "lt": (2, 2, _strict(lambda args: Bounds(0, 1))),
    "le": (2, 2, _strict(lambda args: Bounds(0, 1))),
    "eq": (2, 2, _strict(_equal)),
    "and": (1, None, _flags),
    "or": (1, None, _flags),
    "not": (1, 1, _strict(_flags)),
    "isnull": (1, 1, lambda args: Bounds(0, 1)),
    "within": (3, 3, _strict(_inside)),
}
TEXT_OPERATIONS = frozenset({"eq", "isnull", "if", "coalesce"})
