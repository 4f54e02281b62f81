"""docs/disclosure.md: the gate decides its worked examples as the page says, and its links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.property.test_gate import Case, Column, Money, run

from mpcstats.engines.clear import Clear
from mpcstats.policy.rule import Rule
from mpcstats.protocols.safety import Rules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "disclosure.md").read_text(encoding="utf-8")
TOLD = {"yes": True, "no": False}
ABSENT = "-"  # an institution without rows
PERMITTED: dict[str, Any] = {
    "scenario": "audit",
    "level": "LOW",
    "permit": True,
    "leakage": ["gated-cell"],
    "recipients": ["*"],
    "engines": ["rep3"],
}


@dataclass(frozen=True)
class Example:
    """A row of a table: what the policy asks, the cells of the row, a recipient's verdict."""

    where: str
    asked: dict[str, Any]
    row: dict[str, str]
    own: tuple[str, ...]
    told: str


def examples(page: str) -> Iterator[Example]:
    """Every verdict of the page, under the policy that stands before it in its section."""
    for section in page.split("\n## ")[1:]:
        title = section.splitlines()[0]
        found = re.search(r"```toml\n(.*?)```", section, flags=re.DOTALL)
        for table in re.findall(r"^\|.*told.*\n(?:\|.*\n)+", section, flags=re.MULTILINE):
            assert found, f"{title}: a table without a policy"
            head, _, *lines = ([c.strip() for c in x.split("|")[1:-1]] for x in table.splitlines())
            for line in lines:
                row = dict(zip(head, line, strict=True))
                for name in (n for n in head if n.startswith("told")):
                    whose = tuple(re.findall(r"\b[A-Z]\b", name))
                    where = f"{title}, {line[0]}, {name}"
                    yield Example(where, tomllib.loads(found[1]), row, whose, row[name])


def rules_of(asked: dict[str, Any], own: tuple[int, ...]) -> Rules:
    """The rules of the gate; the policy must be one that can be loaded."""
    rule = Rule.model_validate({**PERMITTED, **asked})
    about = rule.concentration
    return Rules(
        rule.minimum_persons,
        rule.minimum_contributors,
        rule.dominance,
        None if about is None else (about.largest, about.percent),
        rule.complement,
        rule.zeros == "shown",
        (own,) if own else (),
    )


def case_of(example: Example) -> Case:
    """The row as one cell with one column."""
    row, names = example.row, [n for n in example.row if re.fullmatch("[A-Z]", n)]
    counts = {n: int(row[n]) for n in ("contribute", "values", "others") if n in row}
    places = list(counts)
    support = next((i for i, n in enumerate(places) if n in ("contribute", "values")), None)
    numerator, _, denominator = row.get("rank", "").partition("/")
    parts = [0 if row[n] == ABSENT else int(row[n]) for n in names]
    whole = sum(parts) + int(row.get("rest", 0))
    own = tuple(names.index(n) for n in example.own)
    persons = [int(row[n]) for n in row if n.startswith("persons")] or [1 << 20]
    column = Column(
        (7,),
        support,
        (places.index("others"),) if "others" in row else (),
        None,
        (int(numerator), int(denominator)) if denominator else None,
        (0,) if names else (),
        bool(names),
    )
    return Case(
        rules_of(example.asked, own),
        tuple((n,) for n in persons),
        (column,),
        tuple((n,) for n in counts.values()),
        (tuple((int(row[n] != ABSENT),) for n in names),),
        (Money((whole,), tuple((part,) for part in parts), 0),) if names else (),
    )


def decided(example: Example) -> bool:
    found = run(case_of(example), Clear(("a",)), ("a",)).results["a"]
    assert found is not None
    assert found.values.tolist() == [[7 if found.released[0, 0] else 0]]
    return bool(found.released[0, 0])


EXAMPLES = list(examples(PAGE))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.where)
def test_the_gate_decides_as_the_page_says(example: Example) -> None:
    assert decided(example) == TOLD[example.told]


def test_every_rule_has_examples_of_both_kinds() -> None:
    by_section: dict[str, set[str]] = {}
    for example in EXAMPLES:
        by_section.setdefault(example.where.split(",")[0], set()).add(example.told)
    assert len(by_section) >= 9
    assert all(found == {*TOLD} for found in by_section.values())
    asked = {name for example in EXAMPLES for name in example.asked}
    named = re.findall(r"^\| .* \| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert asked == {*named}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| ward 2 | 11 | yes |", "| ward 2 | 10 | yes |"),
        ("| ward 3 | 40 | 33 | 7 | no |", "| ward 3 | 40 | 29 | 11 | no |"),
        ("| ward 2 | 600 | 340 | 60 | 0 | yes |", "| ward 2 | 601 | 340 | 60 | 0 | yes |"),
        ("percent = 85", "percent = 84"),
        ("| median | 1/2 | 22 | no |", "| median | 1/2 | 23 | no |"),
        ("told to A and B", "told to A and D"),
    ],
)
def test_a_wrong_example_is_seen(old: str, new: str) -> None:
    """Negative control."""
    assert old in PAGE
    wrong = [e for e in examples(PAGE.replace(old, new)) if decided(e) != TOLD[e.told]]
    assert wrong


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
