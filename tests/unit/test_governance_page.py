"""docs/governance.md: its commands exist with these options, its conditions are in force, its links lead somewhere.

That the commands do what the page says is tested in tests/system/test_governed.py, on the demo's folder.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from mpcstats.cli.app import app
from mpcstats.party.files.registerfiles import RegistersTable
from mpcstats.policy import check
from mpcstats.policy.rule import Requirement
from mpcstats.records.principals import ROLES
from mpcstats.records.standing import What

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "governance.md").read_text(encoding="utf-8")
COMMAND = typer.main.get_command(app)
SAID = re.compile(r"^(?:\$ |PLAN=\$\()?(mpcstats [^|&`)\n]*)", flags=re.MULTILINE)


def commands() -> list[list[str]]:
    """Every command of the page's blocks, as words; what the shell puts in is a word."""
    blocks = re.findall(r"```(?:console|bash)\n(.*?)```", PAGE, flags=re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ").replace('"${ASK[@]}"', "")
    return [shlex.split(found)[1:] for found in SAID.findall(text)]


def unknown(words: list[str]) -> list[str]:
    """Words of a command that name no sub-command or option of it."""
    command: Any = COMMAND
    while hasattr(command, "commands"):  # a group, in whichever module typer keeps its class
        name = words[0]
        if name not in command.commands:
            return [name]
        command, words = command.commands[name], words[1:]
    options = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in options]


def test_every_command_of_the_page_exists() -> None:
    found = commands()
    assert len(found) > 34
    assert {words[0] for words in found} >= {
        *("catalogue", "policy", "paper", "project", "rights", "registration", "consent"),
        *("ledger", "receipt", "bill", "provenance", "standing", "explain", "run", "serve", "demo"),
    }
    assert [(words, unknown(words)) for words in found if unknown(words)] == []


@pytest.mark.parametrize("words", ["receipt prove x", "rights show --registry x", "nothing"])
def test_a_command_that_is_not_there_would_be_found(words: str) -> None:
    assert unknown(words.split())


def rows(first: str) -> list[str]:
    """The first cells in backquotes of the table whose head begins with `first`."""
    (table,) = re.findall(rf"^\| {re.escape(first)} .*\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    return [
        name for line in table.splitlines() for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]


def test_conditions_registers_and_violations_are_those_of_the_code() -> None:
    assert rows("condition") == [condition.__name__ for condition in check.CONDITIONS]
    kept = {*RegistersTable.model_fields} - {"holidays", "profile"}
    assert {*rows("register")} == kept
    assert {*rows("violation")} == {*get_args(What)}
    for name in (*get_args(Requirement), *(role for role in ROLES if role != "party")):
        assert name in PAGE, name


def test_every_link_and_module_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    modules = re.findall(
        r"`((?:party|policy|records|plan|transport|protocols)(?:/[a-z_]+)+)`", PAGE
    )
    assert len(modules) > 20
    source = ROOT / "src" / "mpcstats"
    gone = [m for m in modules if not ((source / m).is_dir() or (source / f"{m}.py").is_file())]
    assert gone == []
