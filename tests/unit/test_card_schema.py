"""protocols/card.schema.json and protocols/README.md are what the scripts make, and the schema bites."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.unit.schema_check import Checker

from mpcstats.cards.load import load_cards

CHECKOUT = Path(__file__).parents[2]
PROTOCOLS = CHECKOUT / "protocols"
SCHEMA: dict[str, Any] = json.loads((PROTOCOLS / "card.schema.json").read_text(encoding="utf-8"))
CARDS = sorted(PROTOCOLS.glob("*/card.toml"))


def script(name: str) -> ModuleType:
    loader = SourceFileLoader(name, str(CHECKOUT / "scripts" / name))
    spec = spec_from_loader(name, loader)
    if spec is None:
        raise RuntimeError(f"scripts/{name} cannot be loaded")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def faults(card: object) -> list[str]:
    return Checker(SCHEMA, {}).faults(card, "card")


def test_the_schema_is_up_to_date() -> None:
    text = (PROTOCOLS / "card.schema.json").read_text(encoding="utf-8")
    assert text == script("card_schema").render(), "run scripts/card_schema"


def test_the_index_is_up_to_date() -> None:
    text = (PROTOCOLS / "README.md").read_text(encoding="utf-8")
    assert text == script("protocol_index").render(load_cards(PROTOCOLS)), (
        "run scripts/protocol_index"
    )


def test_a_changed_card_makes_the_index_stale(tmp_path: Path) -> None:
    for path in (PROTOCOLS / "leakage.toml", *CARDS):
        copy = tmp_path / path.relative_to(PROTOCOLS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(
            path.read_text(encoding="utf-8").replace("semi-honest", "malicious"), encoding="utf-8"
        )
    render = script("protocol_index").render
    assert render(load_cards(tmp_path)) != render(load_cards(PROTOCOLS))


def test_the_index_names_every_protocol_and_links_to_files() -> None:
    text = (PROTOCOLS / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {f"{path.parent.name}/card.toml" for path in CARDS} <= set(links)
    assert [link for link in links if not (PROTOCOLS / link).is_file()] == []
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {8}


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_the_schema_takes_every_card(path: Path) -> None:
    assert faults(tomllib.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("version",), 0, "card.version: minimum"),
        (("version",), True, "card.version: type"),
        (("status",), "fine", "card.status: enum"),
        (("computes",), "", "card.computes: minLength"),
        (("more",), 1, "card.more: unknown"),
        (("parties", "adversary"), "honest", "card.parties.adversary: enum"),
        (("parties", "assumes"), [""], "card.parties.assumes[1]: minLength"),
        (("leakage", "opened"), [{"id": "a", "to": "b"}], "card.leakage.opened[1].what: required"),
        (("cost", "rounds"), 3, "card.cost.rounds: type"),
        (("cost", "bytes"), {"a": "x" * 401}, "card.cost.bytes.a: maxLength"),
        (("limits", "k"), 1.5, "card.limits.k: anyOf"),
    ],
)
def test_the_schema_refuses(place: tuple[str, ...], value: object, fault: str) -> None:
    card = tomllib.loads(CARDS[0].read_text(encoding="utf-8"))
    table = card
    for name in place[:-1]:
        table = table[name]
    table[place[-1]] = value
    assert faults(card) == [fault]


def test_every_part_of_a_card_is_required() -> None:
    card = tomllib.loads(CARDS[0].read_text(encoding="utf-8"))
    for name in card:
        rest = {other: part for other, part in card.items() if other != name}
        assert faults(rest) == [f"card.{name}: required"]
