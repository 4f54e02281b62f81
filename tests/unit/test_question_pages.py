"""docs/questions/ is what the script makes of the demo's questions, the planner and the domain pack's answers."""

from __future__ import annotations

import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.pack import DOMAIN, HERE, MISSING, QUESTIONS, REFUSED

CHECKOUT = Path(__file__).parents[2]
PAGES = CHECKOUT / "docs" / "questions"


def script() -> ModuleType:
    loader = SourceFileLoader("questions", str(CHECKOUT / "scripts" / "questions"))
    spec = spec_from_loader("questions", loader)
    if spec is None:
        raise RuntimeError("scripts/questions cannot be loaded")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


SCRIPT = script()


def answers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOMAIN / "answers.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", [*QUESTIONS, REFUSED])
def test_a_page_has_the_question_and_its_plan(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text("utf-8")
    assert SCRIPT.text_of(name) in text
    assert f"```text\n{SCRIPT.explanation(name)}\n```" in text, "run scripts/questions"


@pytest.mark.skipif(not HERE, reason=MISSING)
def test_the_pages_are_up_to_date() -> None:
    made = dict(SCRIPT.pages(answers()))
    there = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}
    assert there == made, "run scripts/questions"
    assert set(made) == {"README.md", *(f"{name}.md" for name in [*QUESTIONS, REFUSED])}


@pytest.mark.skipif(not HERE, reason=MISSING)
def test_another_answer_or_question_makes_a_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = answers()
    before = dict(SCRIPT.pages(changed))
    changed["Q04"]["rows"][0][2] += 1
    assert [n for n, text in SCRIPT.pages(changed) if text != before[n]] == ["Q04.md"]
    monkeypatch.setattr(SCRIPT, "text_of", lambda _: "-- Another one. Scenario: none.\n")
    assert dict(SCRIPT.pages(answers())).keys() <= before.keys()
    assert "Another one" in dict(SCRIPT.pages(answers()))["README.md"]


def test_how_numbers_are_shown() -> None:
    shown = [SCRIPT.shown(cell) for cell in (1234, 12345.678, 0.123456789, "880100")]
    assert shown == ["1,234", "12,345.7", "0.123457", "880100"]
