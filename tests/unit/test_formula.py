"""Cost formulas: what they give, and that no other text is taken or run."""

from __future__ import annotations

import pytest

from mpcstats.cards.formula import FUNCTIONS, MAX_LENGTH, Formula
from mpcstats.engines import prefix
from mpcstats.errors import UsageError

SIZES = {"a": 7, "b": 3, "z": 0, "n": -5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("0x10", 16),
        ("a + b * 2 - 1", 12),
        ("(a + b) * 2", 20),
        ("-a", -7),
        ("--a", 7),
        ("a // b", 2),
        ("n // b", -2),
        ("a % b", 1),
        ("max(a, b, n)", 7),
        ("min(a, b)", 3),
        ("ceil_div(a, b)", 3),
        ("ceil_div(6, b)", 2),
        ("words(z)", 0),
        ("words(1) + words(64)", 2),
        ("words(65)", 2),
        ("log2_ceil(1) + log2_ceil(z) + log2_ceil(n)", 0),
        ("log2_ceil(2)", 1),
        ("log2_ceil(5)", 3),
        ("log2_ceil(8)", 3),
        ("max(min(a, 1), 2 * min(z, 1))", 1),
        ("pieces(1)", 2),
        ("pieces(21)", 22),
        ("pieces(23)", 24),
        ("pieces(63)", 64),
        ("pieces(64) + pieces(z)", 64),
        ("pieces(84) + pieces(85)", 84 + 86),
        ("pieces(n + 4)", 0),
    ],
)
def test_a_formula_has_its_value(text: str, value: int) -> None:
    assert Formula(text).evaluate(SIZES) == value


def test_the_ands_of_carries_are_those_of_the_engine() -> None:
    for leaves in range(140):
        for elements in (0, 1, 4096, 4097, 10**6):
            levels = prefix.schedule(leaves, elements)
            sizes = {"k": leaves, "n": elements}
            ands = sum(len(level.final) + 2 * len(level.inner) for level in levels)
            assert Formula("carry_ands(k, n)").evaluate(sizes) == ands
            assert Formula("carry_rounds(k, n)").evaluate(sizes) == len(levels)
    assert Formula("carry_ands(n, n)").evaluate({"n": 1 << 200}) > 1 << 200  # no loop over leaves
    assert Formula("carry_ands(n, 0) + carry_rounds(n, 0)").evaluate({"n": -5}) == 0


def test_carry_save_adders_take_three_numbers_to_two() -> None:
    rounds = Formula("save_rounds(n)")
    assert [rounds.evaluate({"n": n}) for n in range(1, 10)] == [0, 0, 1, 2, 3, 3, 4, 4, 4]


def test_a_formula_knows_its_variables() -> None:
    formula = Formula("words(rows) + max(rows, cells) * 0")
    assert formula.variables == {"rows", "cells"}
    assert repr(formula) == "Formula('words(rows) + max(rows, cells) * 0')"
    assert formula.evaluate({"rows": 1, "cells": 2, "more": 3}) == 1


def test_values_are_not_cut_at_a_machine_word() -> None:
    assert Formula("a * a * a").evaluate({"a": 1 << 62}) == 1 << 186


OTHER = f"expected +, -, *, //, %, whole numbers, names, {', '.join(FUNCTIONS)}, got "


@pytest.mark.parametrize(
    "text",
    [
        *("a / b", "2 ** 9999", "1 << 999", "a | b", "a @ b", "+a", "~a", "not a"),  # operators
        *("1.5", "1j", "True", "None", "'a'", "b'a'", "f'{a}'", "..."),  # constants
        *("a.b", "a[0]", "(a, b)", "[a]", "{a}", "{a: b}", "()"),  # containers and access
        *("a if b else n", "a < b", "a and b", "lambda: a", "(a := 1)", "[a for a in b]"),
        *("max", "words", "max + 1", "max()", "words(a, b)", "ceil_div(a)", "words()"),  # misused
        *("words(n=a)", "max(*a)", "max(a, **b)", "max(a, key=b)", "max(a)(b)"),
        *("__import__('os').system('true')", "eval('1')", "exec('1')", "open('x')", "print(a)"),
        *("().__class__.__bases__[0]", "max.__globals__", "(yield)", "(await a)", "abs(a)"),
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Formula(text)
    assert str(caught.value).startswith(OTHER)
    assert str(caught.value).endswith(f" in formula {text!r}")


@pytest.mark.parametrize(
    "text", ["", " ", "a +", "a b", "a = 1", "import os", "a\n+ b", "\x00", "a; b", "[" * 300]
)
def test_text_that_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Formula(text)
    assert str(caught.value) == f"expected a formula, got {text!r}"


@pytest.mark.parametrize("text", ["-" * 399 + "a", "a" + " + a" * 99, "max(" * 50 + "a" + ")" * 50])
def test_a_deep_formula_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^expected a formula of depth at most 30, got a deeper one$"
    ):
        Formula(text)


def test_a_long_formula_is_refused() -> None:
    assert Formula("1" * MAX_LENGTH).evaluate({}) > 0
    with pytest.raises(
        UsageError, match=r"^expected a formula of at most 400 characters, got 401$"
    ):
        Formula("1" * (MAX_LENGTH + 1))


def test_a_missing_size_is_named() -> None:
    with pytest.raises(UsageError, match=r"^formula 'x \+ a \+ y': expected sizes x, y, got none$"):
        Formula("x + a + y").evaluate(SIZES)


@pytest.mark.parametrize("text", ["a // z", "a % z", "ceil_div(a, z)"])
def test_a_division_by_zero_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Formula(text).evaluate(SIZES)
    assert str(caught.value) == f"formula {text!r}: division by zero"


def test_the_functions_are_the_listed_ones() -> None:
    assert set(FUNCTIONS) == {
        *("max", "min", "ceil_div", "log2_ceil", "words", "pieces", "carry_ands", "carry_rounds"),
        *("magnitude_ands", "division_words", "division_rounds", "number_words", "number_extra"),
        "save_rounds",
    }


@pytest.mark.parametrize("text", ["~" * 399 + "a", "a" + " @ a" * 99, "not " * 99 + "a"])
def test_deep_text_with_another_operator_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Formula(text)
    assert str(caught.value) == f"{OTHER}{text!r} in formula {text!r}"


@pytest.mark.parametrize("text", ["1or 2", "0x1or 2", "1if a else 2", "'\\d'", "1()", "1[a]"])
def test_what_python_warns_of_is_refused_without_a_warning(
    text: str, recwarn: pytest.WarningsRecorder
) -> None:
    with pytest.raises(UsageError):
        Formula(text)
    assert not recwarn.list
