"""The import table: which package of mpcstats may import which, and what no module may import or call.

The sources are parsed, never imported, so an import inside a function or under `if TYPE_CHECKING`
counts like any other. Every rule has a module that breaks it (CAUGHT) and, where it could bite too
far, one that does not (FINE).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCE = CHECKOUT / "src" / "mpcstats"
ARCHITECTURE = CHECKOUT / "docs" / "architecture.md"

ROOT = "mpcstats"  # the public namespace: mpcstats/__init__.py
ERRORS = frozenset({"errors"})
CRYPTOGRAPHY = frozenset({"algebra", "session", "engines", "protocols", "transport"})
GOVERNANCE = frozenset({"cards", "records", "plan", "policy"})

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "suppression": ERRORS,
    "algebra": ERRORS,
    "session": ERRORS | {"algebra"},
    "engines": ERRORS | {"algebra", "session"},
    "protocols": ERRORS | {"suppression", "algebra", "session", "engines"},
    "transport": ERRORS | {"session"},
    "cards": ERRORS,
    "records": ERRORS,
    "plan": ERRORS | {"suppression", "cards", "records"},
    "policy": ERRORS | {"suppression", "cards", "records", "plan"},
    "party": ERRORS | {"suppression"} | CRYPTOGRAPHY | GOVERNANCE,
    "cli": ERRORS | {"party"},
    "testing": ERRORS | {"suppression"} | CRYPTOGRAPHY | {"cards"},
    ROOT: ERRORS | {"suppression"} | CRYPTOGRAPHY | GOVERNANCE | {"party"},
}

BANNED = ("numpy.random", "random", "pickle", "marshal", "shelve")
# No socket, thread or clock in protocol code: the same coroutine runs under every driver.
DRIVERLESS = frozenset({"suppression", "algebra", "session", "engines", "protocols"})
DRIVER_MODULES = (
    *("socket", "socketserver", "ssl", "select", "selectors", "subprocess", "signal"),
    *("threading", "_thread", "concurrent", "multiprocessing", "queue"),
    *("time", "datetime", "sched"),
)
# Algebra has no source of randomness: its callers hand in what was drawn.
RANDOMNESS = ("secrets", "os", "uuid")
# MPyC, and the event loop that it is given, stay in the adapter (docs/decisions/0024).
ONLY_IN = {"asyncio": "mpcstats.engines.shamir.field", "mpyc": "mpcstats.engines.shamir.field"}
# A name imported at run time would slip through this test. The registry (card id -> code) and the
# namespace's late names are the two places that may.
LATE_IMPORT = frozenset({"mpcstats.party.registry", ROOT})
BANNED_CALLS = ("eval", "exec")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, whether it is a package's __init__, its syntax tree."""

    name: str
    is_package: bool
    tree: ast.Module

    @property
    def package(self) -> str:
        """The row of the table that holds for this module."""
        return self.name.split(".")[1] if "." in self.name else self.name


def parse(name: str, text: str, *, is_package: bool = False) -> Module:
    return Module(name, is_package, ast.parse(text))


def sources() -> list[Module]:
    """Every module under src/mpcstats."""
    modules = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(parse(name, path.read_text(encoding="utf-8"), is_package=is_package))
    return modules


def imported(module: Module) -> Iterator[str]:
    """Absolute dotted names that `module` imports, anywhere in it; `from a import b` gives a.b."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{origin(module, node)}.{alias.name}" for alias in node.names)


def origin(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name between `from` and `import`: each leading dot but the first goes one package up."""
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def within(name: str, *containers: str) -> bool:
    """Whether the dotted `name` is one of `containers` or lies inside one."""
    return any(name == container or name.startswith(container + ".") for container in containers)


def breaches(module: Module) -> set[str]:
    """Everything that `module` does against this file's rules, a word or two each."""
    found = {f"imports {name}" for name in imported(module) if not may_import(module, name)}
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "numpy"
    }
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="random") if name in aliases:
                found.add("uses numpy.random")
            case ast.Name(id=name) if name in BANNED_CALLS:
                found.add(f"uses {name}")
            case ast.Name(id="__import__") if module.name not in LATE_IMPORT:
                found.add("uses __import__")
            case ast.keyword(arg="allow_pickle", value=value):
                if not (isinstance(value, ast.Constant) and value.value is False):
                    found.add("uses allow_pickle")
    return found


def may_import(module: Module, name: str) -> bool:
    """Whether the table and the bans let `module` import the dotted `name`."""
    if within(name, ROOT):
        return layer(name) in MAY_IMPORT.get(module.package, frozenset()) | {module.package}
    if within(name, *BANNED):
        return False
    if within(name, *ONLY_IN):
        return within(module.name, ONLY_IN[name.split(".")[0]])
    if within(name, "importlib") and not within(name, "importlib.resources", "importlib.metadata"):
        return module.name in LATE_IMPORT
    if module.package in DRIVERLESS and within(name, *DRIVER_MODULES):
        return False
    return not (module.package == "algebra" and within(name, *RANDOMNESS))


def layer(name: str) -> str:
    """The table's row for a dotted name inside mpcstats; what is no row is a name of the public namespace."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else ROOT


def printed_table(text: str) -> dict[str, frozenset[str]]:
    """The markdown table headed `| package | may import |` as sets."""
    lines = iter(text.splitlines())
    for line in lines:
        if cells(line) == ["package", "may import"]:
            break
    next(lines, "")  # the rule below the heads
    table = {}
    for line in lines:
        if not line.startswith("|"):
            break
        package, allowed = cells(line)
        table[package] = frozenset() if allowed == "-" else frozenset(allowed.split(", "))
    return table


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("`", "").strip().strip("|").split("|")]


@pytest.mark.parametrize("module", sources(), ids=lambda module: module.name)
def test_module_keeps_the_rules(module: Module) -> None:
    assert module.package in MAY_IMPORT, f"{module.package} has no row in the import table"
    assert breaches(module) == set()


def test_the_sources_are_found() -> None:
    assert "mpcstats.errors" in {module.name for module in sources()}


def test_the_table_has_no_cycle() -> None:
    TopologicalSorter(MAY_IMPORT).prepare()


def test_neither_column_imports_the_other() -> None:
    assert all(MAY_IMPORT[package].isdisjoint(GOVERNANCE) for package in CRYPTOGRAPHY)
    assert all(MAY_IMPORT[package].isdisjoint(CRYPTOGRAPHY) for package in GOVERNANCE)


def test_architecture_prints_the_tested_table() -> None:
    assert printed_table(ARCHITECTURE.read_text(encoding="utf-8")) == MAY_IMPORT


def test_a_table_that_differs_is_noticed() -> None:
    text = "| package | may import |\n| --- | --- |\n| `errors` | - |\n| `plan` | `cards`, `errors` |\n\n| a | b |"
    table = {"errors": frozenset[str](), "plan": frozenset({"errors", "cards"})}
    assert printed_table(text) == table
    assert printed_table(text.replace("`cards`, ", "")) != table
    assert printed_table(text.replace("| `errors` | - |\n", "")) != table
    assert printed_table("no table here") == {}


TYPE_ONLY = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mpcstats.plan import sql"

CAUGHT = [
    ("algebra.ring", "from mpcstats.session import session", "imports mpcstats.session.session"),
    ("algebra.ring", "from mpcstats import engines", "imports mpcstats.engines"),
    ("algebra.ring", "import mpcstats.engines.rep3 as r", "imports mpcstats.engines.rep3"),
    ("algebra.ring", "from ..session import session", "imports mpcstats.session.session"),
    ("engines.rep3.input", "from ... import plan", "imports mpcstats.plan"),
    ("protocols.sum", "def f():\n    from mpcstats import cards", "imports mpcstats.cards"),
    ("transport.tls", TYPE_ONLY, "imports mpcstats.plan.sql"),
    ("transport.tls", "from mpcstats.algebra import ring", "imports mpcstats.algebra.ring"),
    ("policy.check", "from mpcstats.engines import api", "imports mpcstats.engines.api"),
    ("cli.run", "from mpcstats.plan import sql", "imports mpcstats.plan.sql"),
    ("party.run", "import mpcstats", "imports mpcstats"),
    ("party.run", "from mpcstats import connect", "imports mpcstats.connect"),
    ("party.run", "from mpcstats.testing import World", "imports mpcstats.testing.World"),
    ("newcomer.thing", "from mpcstats import errors", "imports mpcstats.errors"),
    ("testing", "import numpy.random", "imports numpy.random"),
    ("testing", "from numpy import random", "imports numpy.random"),
    ("testing", "from numpy.random import default_rng", "imports numpy.random.default_rng"),
    ("testing", "import numpy as np\nnp.random.default_rng()", "uses numpy.random"),
    ("testing", "import numpy\nrng = numpy.random", "uses numpy.random"),
    ("cli.bench", "import random", "imports random"),
    ("cli.bench", "from random import shuffle", "imports random.shuffle"),
    ("transport.tls", "import pickle", "imports pickle"),
    ("transport.tls", "def f():\n    import marshal", "imports marshal"),
    ("records.ledger", "from shelve import open", "imports shelve.open"),
    ("party.sources", "import numpy as np\nnp.load('f', allow_pickle=True)", "uses allow_pickle"),
    ("cards.formula", "eval('1 + 1')", "uses eval"),
    ("cards.formula", "run = exec", "uses exec"),
    ("cards.load", "__import__('mpcstats.party')", "uses __import__"),
    ("cards.load", "from importlib import import_module", "imports importlib.import_module"),
    ("cards.load", "import importlib", "imports importlib"),
    ("algebra.bits", "import threading", "imports threading"),
    ("session.session", "import socket", "imports socket"),
    ("engines.rep3.input", "from time import monotonic", "imports time.monotonic"),
    ("protocols.sum", "from concurrent.futures import Future", "imports concurrent.futures.Future"),
    ("protocols.sum", "import asyncio", "imports asyncio"),
    ("party.serve", "import asyncio", "imports asyncio"),
    ("engines.rep3.input", "from mpyc.runtime import mpc", "imports mpyc.runtime.mpc"),
    ("engines.shamir.engine", "import mpyc.runtime", "imports mpyc.runtime"),
    ("engines.shamir.engine", "import asyncio", "imports asyncio"),
    ("protocols.regression", "def f():\n    from mpyc import finfields", "imports mpyc.finfields"),
    ("algebra.ring", "import secrets", "imports secrets"),
    ("algebra.ring", "from os import urandom", "imports os.urandom"),
]

FINE = [
    ("algebra.ring", "import numpy as np\nfrom mpcstats.errors import UsageError"),
    ("algebra.ring", "from . import bits\nfrom ..errors import UsageError"),
    ("session.randomness", "import secrets"),
    ("transport.tls", "import socket, ssl, threading, time\nimport numpy"),
    ("engines.shamir.field.loop", "import asyncio\nfrom mpyc import runtime"),
    ("party.registry", "from importlib import import_module"),
    ("cards.load", "from importlib import resources\nimport importlib.resources"),
    ("cards.load", "import re\nre.compile('eval')\nself.random"),
    ("party.sources", "import numpy as np\nnp.load('f', allow_pickle=False)"),
    ("cards.formula", "import timeit, randomness, socketless"),
]


@pytest.mark.parametrize(("name", "text", "breach"), CAUGHT)
def test_a_module_that_breaks_a_rule_is_caught(name: str, text: str, breach: str) -> None:
    assert breaches(parse(f"mpcstats.{name}", text)) == {breach}


def test_a_package_resolves_its_dots_from_itself() -> None:
    package = parse("mpcstats.engines.rep3", "from ...plan import sql", is_package=True)
    assert breaches(package) == {"imports mpcstats.plan.sql"}
    assert breaches(parse("mpcstats.engines", "from ..session import x", is_package=True)) == set()


@pytest.mark.parametrize(("name", "text"), FINE)
def test_a_module_within_the_rules_passes(name: str, text: str) -> None:
    assert breaches(parse(f"mpcstats.{name}", text)) == set()
