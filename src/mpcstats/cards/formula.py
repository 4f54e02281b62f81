"""Cost formulas over public sizes: parsed into a small tree, never evaluated as code."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping

from mpcstats.cards import arithmetic
from mpcstats.errors import UsageError

MAX_LENGTH = 400
MAX_DEPTH = 30


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _pieces(width: int) -> int:
    whole, rest = divmod(width, 64)
    while rest.bit_count() > 3 or rest % 2:
        rest += rest & -rest
    return 64 * whole + rest


FUNCTIONS: dict[str, tuple[int | None, Callable[..., int]]] = {  # name -> (arguments, meaning)
    "max": (None, max),
    "min": (None, min),
    "ceil_div": (2, _ceil_div),
    "log2_ceil": (1, arithmetic.log2_ceil),
    "pieces": (1, _pieces),
    "words": (1, arithmetic.words),
    "carry_ands": (2, arithmetic.carry_ands),
    "carry_rounds": (2, arithmetic.carry_rounds),
    "magnitude_ands": (2, arithmetic.magnitude_ands),
    "division_words": (4, arithmetic.division_words),
    "division_rounds": (4, arithmetic.division_rounds),
    "number_words": (3, arithmetic.number_words),
    "number_extra": (4, arithmetic.number_extra),
    "save_rounds": (1, arithmetic.save_rounds),
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

    Raises UsageError for any other text. words(n) = ceil(n / 64); log2_ceil(n) = 0 for n <= 1; pieces(n) is the least
    even number from n on whose binary form, below 64s, has at most three ones. The last eight functions
    are those of cards.arithmetic.
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
