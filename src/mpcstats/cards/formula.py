"""Cost formulas over public sizes: parsed into a small tree, never evaluated as code."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping

from mpcstats.errors import UsageError

MAX_LENGTH = 400
MAX_DEPTH = 30


def _words(n: int) -> int:
    return -(-n // 64)


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _log2_ceil(n: int) -> int:
    return (n - 1).bit_length() if n > 1 else 0


# Carries of bit-sliced sums (engines.rep3.adder.schedule): Sklansky's levels; beyond 4,096 elements over pairs of
# leaves, with a level before that joins them and one after it for the leaves between.
_FEW_ELEMENTS = 4096


def _in_pairs(leaves: int, elements: int) -> bool:
    return elements > _FEW_ELEMENTS and leaves >= 4


def _carry_ands(leaves: int, elements: int) -> int:
    if _in_pairs(leaves, elements):
        half = leaves // 2
        return 2 * half - 1 + _carry_ands(half, 0) + (leaves - 1) // 2
    if leaves < 2:
        return 0
    # At level l every leaf with bit l set takes part: two ands, or one where its block then begins at leaf 0.
    joined = sum(
        ((leaves >> (bit + 1)) << bit) + max(0, leaves % (2 << bit) - (1 << bit))
        for bit in range(leaves.bit_length())
    )
    return 2 * joined - (leaves - 1)


def _carry_rounds(leaves: int, elements: int) -> int:
    if _in_pairs(leaves, elements):
        return 2 + _log2_ceil(leaves // 2)
    return _log2_ceil(leaves)


FUNCTIONS: dict[str, tuple[int | None, Callable[..., int]]] = {  # name -> (arguments, meaning)
    "max": (None, max),
    "min": (None, min),
    "carry_ands": (2, _carry_ands),
    "carry_rounds": (2, _carry_rounds),
    "ceil_div": (2, _ceil_div),
    "log2_ceil": (1, _log2_ceil),
    "words": (1, _words),
}

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}


class Formula:
    """An integer formula: +, -, *, //, %, numbers, names, and the functions of FUNCTIONS.

    Raises UsageError for any other text. words(n) = ceil(n / 64); log2_ceil(n) = 0 for n <= 1;
    carry_ands(leaves, n) and carry_rounds(leaves, n) are what the carries of sums of bit rows take: divide/spec.md.
    """

    __slots__ = ("_tree", "text", "variables")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise UsageError(
                f"expected a formula of at most {MAX_LENGTH} characters, got {len(text)}"
            )
        try:
            # What Python warns of, as in `1or 2`, is refused below: the reader of a card sees one message.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise UsageError(f"expected a formula, got {text!r}") from None
        self.text = text
        names: set[str] = set()
        _check(self._tree, names, 0, text)
        self.variables = frozenset(names)

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """Its value. Raises UsageError if a name is missing from `sizes`, or for a division by zero."""
        missing = sorted(self.variables - set(sizes))
        if missing:
            raise UsageError(
                f"formula {self.text!r}: expected sizes {', '.join(missing)}, got none"
            )
        try:
            return _value(self._tree, sizes)
        except ZeroDivisionError:
            raise UsageError(f"formula {self.text!r}: division by zero") from None


def _check(node: ast.expr, names: set[str], depth: int, text: str) -> None:
    if depth > MAX_DEPTH:
        raise UsageError(f"expected a formula of depth at most {MAX_DEPTH}, got a deeper one")
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return
    if isinstance(node, ast.Name) and node.id not in FUNCTIONS:
        names.add(node.id)
        return
    for child in _children(node, text):
        _check(child, names, depth + 1, text)


def _children(node: ast.expr, text: str) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [node.operand]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        count, _ = FUNCTIONS.get(node.func.id, (-1, None))
        if count == len(node.args) or (count is None and node.args):
            return node.args
    # Not ast.unparse: it recurses, and what is refused here may be deep.
    got = ast.get_source_segment(text, node) or text
    raise UsageError(
        f"expected +, -, *, //, %, whole numbers, names, {', '.join(FUNCTIONS)}, "
        f"got {got!r} in formula {text!r}"
    )


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    if isinstance(node, ast.Constant):
        return int(str(node.value))
    if isinstance(node, ast.Name):
        return sizes[node.id]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, sizes), _value(node.right, sizes))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, sizes)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        _, function = FUNCTIONS[node.func.id]
        return function(*(_value(argument, sizes) for argument in node.args))
    raise UsageError("expected a checked formula")
