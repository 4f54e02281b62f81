"""The interval of an expression on shares: what kind of value it gives, between which numbers, and whether NULL.

The rules are those of protocols.expression, which computes such values; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mpcstats.errors import InternalError
from mpcstats.plan.tables import Call, Column, Kind, Node, Null, Number, Reference

EDGE = 1 << 62  # every number, intermediate ones too, lies in [-EDGE, EDGE)
DIGEST = (1 << 64) - 1  # the largest digest of a text


class TooLarge(InternalError):
    """A number may leave [-2^62, 2^62)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Values of `kind` within [minimum, maximum] where they are not NULL; minimum > maximum: nothing but NULL."""

    kind: Kind
    minimum: int
    maximum: int
    nullable: bool

    @property
    def empty(self) -> bool:
        """Whether every value is NULL."""
        return self.minimum > self.maximum


NOTHING = Interval("flag", 1, 0, True)  # of NULL, which fits wherever a flag or a number does


def interval(node: Node, columns: Mapping[str, Column]) -> Interval:
    """The interval of `node` over `columns`.

    Raises InternalError for a column that is not there and operands of another kind or number than the operation
    takes, and TooLarge for numbers that may leave [-2^62, 2^62).
    """
    match node:
        case Reference(name=name):
            if name not in columns:
                raise InternalError(f"expected a column of {', '.join(columns)}, got {name!r}")
            column = columns[name]
            return Interval(column.kind, column.minimum, column.maximum, column.nullable)
        case Number(value=value):
            return _within(Interval(_kind(value), value, value, False), "a number")
        case Null():
            return NOTHING
        case Call(op=op, args=args):
            return called(op, [interval(arg, columns) for arg in args])


def called(op: str, args: Sequence[Interval]) -> Interval:
    """The interval of an operation on operands of these intervals. Raises InternalError as `interval` does."""
    return _within(_called(op, args), op)


def _kind(value: int) -> Kind:
    """A number beyond what numbers may be is the digest of a public text."""
    if EDGE <= value <= DIGEST:
        return "digest"
    return "flag" if value in (0, 1) else "number"


def _within(found: Interval, what: str) -> Interval:
    numeric = found.kind in ("number", "flag") and not found.empty
    if numeric and not (found.minimum >= -EDGE and found.maximum < EDGE):
        raise TooLarge(
            f"{what}: expected values of at least -2^62 and below 2^62, got {found.minimum} to "
            f"{found.maximum}"
        )
    return found


Several = Sequence[Interval]
Corners = tuple[int, int]


def _called(op: str, args: Several) -> Interval:
    if op not in RULES:
        raise InternalError(f"expected an operation of {', '.join(RULES)}, got {op!r}")
    count, kinds, rule = RULES[op]
    if (count is None and not args) or (count is not None and len(args) != count):
        raise InternalError(f"{op}: expected {count or 'at least one'} operands, got {len(args)}")
    for arg in args:
        if arg.kind not in kinds:
            raise InternalError(f"{op}: expected {' or '.join(kinds)}, got a {arg.kind}")
    return rule(args)


def _bilinear(combine: Callable[[int, int], int]) -> Callable[[Several], Interval]:
    """Of an operation that is extreme at the corners, NULL where an operand is."""

    def rule(args: Several) -> Interval:
        a, b = args
        if a.empty or b.empty:
            return replace(NOTHING, kind="number")
        ends = [combine(x, y) for x in (a.minimum, a.maximum) for y in (b.minimum, b.maximum)]
        return Interval("number", min(ends), max(ends), a.nullable or b.nullable)

    return rule


def _neg(args: Several) -> Interval:
    return Interval("number", -args[0].maximum, -args[0].minimum, args[0].nullable)


def _abs(args: Several) -> Interval:
    (a,) = args
    if a.empty:
        return replace(NOTHING, kind="number")
    least = max(a.minimum, -a.maximum, 0)
    return Interval("number", least, max(-a.minimum, a.maximum), a.nullable)


def _divisors(b: Interval) -> list[int]:
    """The divisors at which a quotient is extreme."""
    wanted = (b.minimum, b.maximum, -1, 1)
    return [d for d in wanted if d != 0 and b.minimum <= d <= b.maximum]


def _floordiv(args: Several) -> Interval:
    a, b = args
    divisors = _divisors(b)
    if a.empty or not divisors:
        return replace(NOTHING, kind="number")
    ends = [_truncated(x, d) for x in (a.minimum, a.maximum) for d in divisors]
    if b.minimum < 0 < b.maximum or a.minimum < 0 < a.maximum:
        ends.append(0)
    nullable = a.nullable or b.nullable or b.minimum <= 0 <= b.maximum
    return Interval("number", min(ends), max(ends), nullable)


def _truncated(a: int, b: int) -> int:
    """a / b without its fraction, as DuckDB's // has it."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _mod(args: Several) -> Interval:
    a, b = args
    if a.empty or not _divisors(b):
        return replace(NOTHING, kind="number")
    most = max(abs(b.minimum), abs(b.maximum)) - 1  # and the sign of a
    nullable = a.nullable or b.nullable or b.minimum <= 0 <= b.maximum
    return Interval("number", max(min(a.minimum, 0), -most), min(max(a.maximum, 0), most), nullable)


def _least(args: Several) -> Interval:
    """NULLs are left out; the result is NULL where all are."""
    some = [a for a in args if not a.empty]
    if not some:
        return replace(NOTHING, kind="number")
    sure = [a.maximum for a in some if not a.nullable]
    most = min(sure) if sure else max(a.maximum for a in some)
    return Interval("number", min(a.minimum for a in some), most, not sure)


def _greatest(args: Several) -> Interval:
    return _neg([_least([_neg([a]) for a in args])])


def _either(args: Several) -> Interval:
    """One of the values: of one kind, flags being numbers too."""
    some = [a for a in args if not a.empty]
    kinds = {a.kind for a in some}
    if not some:
        return NOTHING
    if "digest" in kinds:
        # A public number among digests is the digest of a public text.
        odd = [a.kind for a in some if a.kind != "digest" and a.minimum < a.maximum]
        if odd:
            raise InternalError(f"expected values of one kind, got digest and {odd[0]}")
        return Interval("digest", 0, DIGEST, any(a.nullable for a in args))
    kind: Kind = kinds.pop() if len(kinds) == 1 else "number"
    return Interval(
        kind,
        min(a.minimum for a in some),
        max(a.maximum for a in some),
        any(a.nullable for a in args),
    )


def _coalesce(args: Several) -> Interval:
    asked: list[Interval] = []
    for arg in args:
        asked.append(arg)
        if not arg.nullable:
            break
    return replace(_either(asked), nullable=all(a.nullable for a in asked))


def _if(args: Several) -> Interval:
    _logical(args[:1])
    return _either(args[1:])


def _compared(args: Several) -> Interval:
    _either(args)
    return Interval("flag", 0, 1, any(a.nullable for a in args))


def _logical(args: Several) -> Interval:
    for a in args:
        if not a.empty and (a.kind == "digest" or a.minimum < 0 or a.maximum > 1):
            raise InternalError(f"expected flags, got a {a.kind} of {a.minimum} to {a.maximum}")
    return Interval("flag", 0, 1, any(a.nullable for a in args))


def _inside(args: Several) -> Interval:
    a, low, high = args
    if low.minimum != low.maximum or high.minimum != high.maximum or low.minimum > high.minimum:
        raise InternalError(f"expected two public numbers in order, got {low} and {high}")
    return Interval("flag", 0, 1, a.nullable)


def _isnull(_: Several) -> Interval:
    return Interval("flag", 0, 1, False)


NUMBERS = ("number", "flag")
VALUES = (*NUMBERS, "digest")
# Operation -> operands (None: one or more), their kinds, the result.
RULES: Mapping[str, tuple[int | None, tuple[str, ...], Callable[[Several], Interval]]] = {
    "add": (2, NUMBERS, _bilinear(lambda x, y: x + y)),
    "sub": (2, NUMBERS, _bilinear(lambda x, y: x - y)),
    "mul": (2, NUMBERS, _bilinear(lambda x, y: x * y)),
    "neg": (1, NUMBERS, _neg),
    "abs": (1, NUMBERS, _abs),
    "floordiv": (2, NUMBERS, _floordiv),
    "mod": (2, NUMBERS, _mod),
    "least": (None, NUMBERS, _least),
    "greatest": (None, NUMBERS, _greatest),
    "coalesce": (None, VALUES, _coalesce),
    "if": (3, VALUES, _if),
    "lt": (2, NUMBERS, _compared),
    "le": (2, NUMBERS, _compared),
    "eq": (2, VALUES, _compared),
    "and": (None, NUMBERS, _logical),
    "or": (None, NUMBERS, _logical),
    "not": (1, NUMBERS, _logical),
    "isnull": (1, VALUES, _isnull),
    "within": (3, NUMBERS, _inside),
}
