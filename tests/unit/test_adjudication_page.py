"""docs/adjudication.md: its rule is the example's, its reasons are those of the code, its links and figures hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

from mpcstats.cards.load import load_cards
from mpcstats.records.consent.terms import Reason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adjudication.md").read_text(encoding="utf-8")
HOLDER = (ROOT / "src/mpcstats/party/adjudication/holder.py").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", PAGE, re.S)


def test_the_rule_is_that_of_the_example() -> None:
    example = (ROOT / "examples" / "governance" / "rule.toml").read_text(encoding="utf-8")
    assert tomllib.loads(blocks()[0]) == tomllib.loads(example)
    assert tomllib.loads((ROOT / "demos" / "adjudication" / "rule.toml").read_text("utf-8")) == (
        tomllib.loads(example)
    )


def test_the_desk_names_that_rule() -> None:
    desk = (ROOT / "examples" / "governance" / "consent" / "consent.toml").read_text("utf-8")
    assert tomllib.loads(blocks()[1])["rules"] == tomllib.loads(desk)["rules"]


def test_the_reasons_are_those_of_the_code() -> None:
    table = PAGE.partition("## Refusals")[2].partition("Monthly")[0]
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", table)) - {"adjudication"}
    own = {"no-token", "no-event", "other-rule"}
    assert all(f"{reason}: expected" in HOLDER for reason in own)
    assert named == own | set(get_args(Reason)) - {"unknown", "used-up"}  # these are of grants


def test_the_figures_are_the_cards() -> None:
    sizes = {"amounts": 1, "reasons": 4, "money_bits": 27}
    sent = {role: f.evaluate(sizes) for role, f in load_cards()["adjudication"].cost.bytes.items()}
    assert sent == {"holder": 51_184, "insurer": 4_672}
    assert "51 kB and 5 kB for one amount of 27 bits and four reasons" in PAGE


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
