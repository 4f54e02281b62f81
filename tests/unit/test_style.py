"""Sizes and names in src/mpcstats: files of 500 lines, functions of 60, no vague module names.

The aim is about 300 and 40; these are the bounds that nothing may pass. What passes them all the
same stands in LONGER with its size, and that list only shrinks.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "mpcstats"
FILE_LINES = 500
FUNCTION_LINES = 60
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "misc"})

# "party/run.py" or "party/run.py:function" -> lines. Lower a number when its entry has shrunk,
# never raise one.
LONGER: Mapping[str, int] = {}


def sources() -> dict[str, str]:
    """Path below src/mpcstats -> text."""
    return {
        path.relative_to(SOURCE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(SOURCE.rglob("*.py"))
    }


def sizes(path: str, text: str) -> dict[str, int]:
    """Lines of the file and of each function in it, decorators and docstring included."""
    found = {path: len(text.splitlines())}
    for name, node in functions(ast.parse(text), ""):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        found[f"{path}:{name}"] = (node.end_lineno or node.lineno) - first + 1
    return found


def functions(
    parent: ast.AST, prefix: str
) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function below `parent` with its qualified name, inner functions and methods too."""
    found = []
    for node in ast.iter_child_nodes(parent):
        name = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{node.name}".lstrip(".")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((name, node))
        found.extend(functions(node, name))
    return found


def too_long(files: Mapping[str, str], longer: Mapping[str, int]) -> list[str]:
    """What passes its bound and is not listed in `longer` with at least its size."""
    measured = {name: n for path, text in files.items() for name, n in sizes(path, text).items()}
    return [
        f"{name} has {n} lines, at most {bound(name)}"
        for name, n in measured.items()
        if n > max(bound(name), longer.get(name, 0))
    ]


def stale(files: Mapping[str, str], longer: Mapping[str, int]) -> list[str]:
    """Entries of `longer` that allow more than is there: their source has shrunk or gone."""
    measured = {name: n for path, text in files.items() for name, n in sizes(path, text).items()}
    return [
        f"{name} is listed with {allowed} lines and has {measured.get(name, 0)}"
        for name, allowed in longer.items()
        if measured.get(name, 0) < allowed or allowed <= bound(name)
    ]


def bound(name: str) -> int:
    return FUNCTION_LINES if ":" in name else FILE_LINES


def vague(path: str) -> set[str]:
    """Parts of a path that name nothing."""
    return {part.strip("_") for part in Path(path).with_suffix("").parts} & VAGUE_NAMES


def test_files_and_functions_are_short() -> None:
    assert too_long(sources(), LONGER) == []


def test_the_list_of_longer_ones_only_shrinks() -> None:
    assert stale(sources(), LONGER) == []


def test_every_module_is_named_for_something() -> None:
    assert {path: vague(path) for path in sources() if vague(path)} == {}


def test_the_sources_are_found() -> None:
    assert "errors.py" in sources()


def lines(n: int) -> str:
    return "x = 1\n" * n


def function(n: int, indent: str = "") -> str:
    return f"{indent}def f():\n" + f"{indent}    x = 1\n" * (n - 1)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (lines(501), "a.py has 501 lines, at most 500"),
        (function(61), "a.py:f has 61 lines, at most 60"),
        ("async " + function(61), "a.py:f has 61 lines, at most 60"),
        ("@staticmethod\n" + function(60), "a.py:f has 61 lines, at most 60"),
        ("class C:\n" + function(61, "    "), "a.py:C.f has 61 lines, at most 60"),
        ("if True:\n" + function(61, "    "), "a.py:f has 61 lines, at most 60"),
    ],
)
def test_one_line_too_many_is_caught(text: str, entry: str) -> None:
    assert too_long({"a.py": text}, {}) == [entry]


@pytest.mark.parametrize("text", [lines(500), function(60), "class C:\n" + function(60, "    ")])
def test_the_bound_itself_is_allowed(text: str) -> None:
    assert too_long({"a.py": text}, {}) == []


def test_a_listed_file_may_stay_but_not_grow() -> None:
    assert too_long({"a.py": lines(510)}, {"a.py": 510}) == []
    assert too_long({"a.py": lines(511)}, {"a.py": 510}) == ["a.py has 511 lines, at most 500"]


@pytest.mark.parametrize(
    ("files", "longer"),
    [
        ({"a.py": lines(505)}, {"a.py": 510}),  # has shrunk: lower the number
        ({"a.py": lines(500)}, {"a.py": 500}),  # within the bound: not needed
        ({"a.py": function(60)}, {"a.py:g": 70}),  # renamed
        ({}, {"a.py": 510}),  # gone
    ],
)
def test_a_stale_entry_is_caught(files: dict[str, str], longer: dict[str, int]) -> None:
    assert len(stale(files, longer)) == 1


@pytest.mark.parametrize("path", ["party/utils.py", "helpers/share.py", "plan/_common.py"])
def test_a_vague_name_is_caught(path: str) -> None:
    assert vague(path)


def test_a_name_that_holds_a_vague_word_is_not() -> None:
    assert not vague("party/commonwealth.py")
