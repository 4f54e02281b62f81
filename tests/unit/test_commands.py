"""docs/commands.md is what the script makes, and an option means the same, in the same words, in every command."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import typer

CHECKOUT = Path(__file__).parents[2]

# What an option of that name is about differs from command to command, so its words do too.
OF_THEIR_OWN = {
    "--asset": "a dataset's name; a consent's digest",
    "--dataset": "one, or what a job reads",
    "--engine": "of a question, of a task",
    "--format": "which forms there are",
    "--issued": "of `bill statement` it must be given",
    "--key": "of `bill statement` it may be left out",
    "--keep": "of a run, of a demo",
    "--ledger": "one, or as many as there are",
    "--out": "a file, a folder, to be entered, to be signed",
    "--parties": "of a template it must be given",
    "--party": "who asks, who serves, whose ledger",
    "--party-file": "of who asks, of who serves",
    "--person": "of a consent; whose view",
    "--purpose": "of a question it may be left out",
    "--question": "of `policy explain` it may be left out",
    "--scenario": "of a question it may be left out",
    "--signer": "of a consent, a person's pseudonym too",
    "--user": "who asks; who asks and signs",
    "--folder": "of several keys, of one",
}


def script() -> ModuleType:
    loader = SourceFileLoader("commands", str(CHECKOUT / "scripts" / "commands"))
    spec = spec_from_loader("commands", loader)
    if spec is None:
        raise RuntimeError("scripts/commands cannot be loaded")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


SCRIPT = script()


def test_the_page_of_commands_is_up_to_date() -> None:
    text = (CHECKOUT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert text == SCRIPT.render(), "run scripts/commands"


def test_a_new_command_makes_the_page_stale() -> None:
    before = SCRIPT.render()
    added = typer.Typer()
    added.command("one")(lambda: None)
    added.command("two")(lambda: None)
    SCRIPT.app.add_typer(added, name="added")
    try:
        assert "`added two`" in SCRIPT.render()
    finally:
        SCRIPT.app.registered_groups.pop()
    assert SCRIPT.render() == before


def test_an_option_has_one_help_text_in_all_commands() -> None:
    several = {name: set(texts) for name, texts in SCRIPT.helps().items() if len(texts) > 1}
    assert {name: texts for name, texts in several.items() if name not in OF_THEIR_OWN} == {}
    assert sorted(set(OF_THEIR_OWN) - set(several)) == []


def test_every_command_and_option_says_what_it_is() -> None:
    silent = [name for name, command in SCRIPT.commands() if not command.help]
    silent += [
        f"{o}: {names}" for o, texts in SCRIPT.helps().items() for names in texts.get(None, ())
    ]
    assert silent == []


def test_what_may_be_repeated_says_so() -> None:
    quiet = [
        f"{name} {option.opts[0]}"
        for name, command in SCRIPT.commands()
        for option in SCRIPT.options(command)
        if option.multiple != (option.help or "").endswith("Repeatable.")
    ]
    assert quiet == []
