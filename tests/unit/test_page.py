"""HTML of an answer: what it shows, and that no label, name or purpose becomes markup, whatever it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.governance.audited import Audited, principals
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.ask import Result
from mpcstats.party.closing import Closed
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.data.sources import Audited as Own
from mpcstats.party.question import Question
from mpcstats.party.shown.page import page
from mpcstats.plan.cost import estimate
from mpcstats.records.ledger.finding import Finding, verify_receipt
from mpcstats.records.ledger.receipt import Receipt

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
HOSTILE = (
    "</td></table></div><script>alert(1)</script><img src=x onerror='alert(1)'>\" onmouseover=\"alert(1) "
    "</style>&lt;b&gt;&#60;svg/onload=alert(1)> <!-- ]]>"
)
TAGS = frozenset(
    {
        *("html", "head", "meta", "title", "style", "body", "div", "p", "h1", "h2", "ul", "li"),
        *("table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "span", "code"),
    }
)
ATTRIBUTES = frozenset({"lang", "charset", "http-equiv", "content", "class", "scope", "title"})


class Markup(HTMLParser):
    """What a browser would see: tags, attributes, texts, and the cells of tables."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.cells: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in {"td", "th"}:
            self.cells.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.cells and data.strip() and not self.cells[-1][1]:
            self.cells[-1] = (self.cells[-1][0], data)

    def handle_comment(self, data: str) -> None:
        self.tags.add("comment")

    @property
    def foreign(self) -> set[str]:
        """Markup that this project has not written."""
        return (self.tags - TAGS) | (self.attributes - ATTRIBUTES)


def answer(label: str = "f", name: str = "sex", unit: str = "fen") -> Answer:
    return Answer(
        (name, "insutype", "fund"),
        ((label, 3100, 3456789), (label, 390, None), (label, 391, None)),
        (("value",) * 3, ("value", "value", "suppressed"), ("value", "value", "not computed")),
        frozenset({name, "insutype"}),
        (None, None, unit),
    )


def result(
    shown: Answer | None, receipt: Receipt | None = None, said: str = "a test", trouble: str = ""
) -> Result:
    records = Records.load(
        "bureau",
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    asked = Question(text, "supervision", said, "bureau", ("bureau",), "2026-01-01")
    figures = {"rounds": 13, "bytes_sent": 1234567, "wall_ms": 10, "cpu_ms": 5}
    permit = compile_question(asked, records)
    return Result(
        answer=shown,
        permit=permit,
        label="5f0c" * 8,
        audits=(Own("bureau.enrolment", 98765, 43, 0, 0),),
        spent={said: figures},
        salt=b"\x5a" * 32,
        closed=Closed(receipt, (trouble,) if trouble else ()),
        kept=None,
        left_out={"bureau": {"bureau.enrolment": 4321}},
        cost=estimate(permit.plan, records.cards),
    )


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    world = Audited(tmp_path_factory.mktemp("audited"))
    made = world.receipt()
    world.close()
    return made


def test_numbers_are_at_the_right_with_separators_and_units_and_labels_as_they_are() -> None:
    seen = Markup(answer()._repr_html_())
    cells = [(about.get("class"), text) for about, text in seen.cells]
    assert cells[:3] == [(None, "sex"), (None, "insutype"), ("number", "fund ")]
    assert cells[3:6] == [(None, "f"), (None, "3100"), ("number", "3,456,789")]
    assert "fen" in seen.texts
    assert seen.foreign == set()


def test_a_cell_without_a_value_is_drawn_as_such_and_says_why() -> None:
    seen = Markup(answer()._repr_html_())
    found = {
        about["class"]: (text, about["title"]) for about, text in seen.cells if "title" in about
    }
    text, why = found["number suppressed"]
    assert text == "suppressed"
    assert why is not None
    assert why.startswith("Suppressed: the cell does not meet the rules of release")
    assert found["number absent"][0] == "not computed"
    assert "of 3 cells: 1 suppressed, 1 not computed" in seen.texts
    whole = Answer(("n",), ((1,),), (("value",),))
    assert "cells:" not in whole._repr_html_()


def test_hostile_labels_names_and_units_are_text() -> None:
    seen = Markup(answer(HOSTILE, HOSTILE, HOSTILE)._repr_html_())
    assert seen.foreign == set()
    assert seen.texts.count(HOSTILE) == 2 + 3  # the name, the unit, and a label in each row
    assert f"{HOSTILE} " not in seen.texts


def test_markup_that_is_not_escaped_is_noticed() -> None:
    assert Markup(f"<td>{HOSTILE}</td>").foreign >= {"script", "img", "onerror", "src"}
    assert Markup(f'<td title="{HOSTILE}">').foreign >= {"onmouseover"}
    assert Markup(answer()._repr_html_().replace("3,456,789", HOSTILE)).foreign >= {"script"}


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\x00", "\x1b", "\u200b", "\ud800"])
def test_signs_that_hide_or_turn_text_are_shown(sign: str) -> None:
    html = answer(f"a{sign}b")._repr_html_()
    assert sign not in html
    assert "a\ufffdb" in html
    assert "保险 é" in answer("保险 é")._repr_html_()


def test_a_notebook_shows_what_the_table_answers(receipt: Receipt) -> None:
    made = result(answer(), receipt)
    seen = Markup(made._repr_html_())
    assert seen.foreign == set()
    for said in ("supervision", "a test", made.permit.plan_digest, receipt.digest, "3,456,789"):
        assert said in seen.texts
    assert "bureau, for bureau" in seen.texts


def test_without_an_answer_it_says_who_has_it_and_gives_no_table(tmp_path: Path) -> None:
    made = result(None)
    assert "the answer is with bureau" in made._repr_html_()
    assert "<table" not in made._repr_html_()
    assert "columns" not in made.to_json()
    asks: tuple[Callable[[], object], ...] = (
        made.to_pandas,
        made.to_arrow,
        lambda: made.plot(x="a", y="b"),
    )
    for ask in asks:
        with pytest.raises(
            UsageError, match="expected an answer at bureau, got none: the answer is"
        ):
            ask()
    with pytest.raises(UsageError, match="expected an answer at bureau"):
        made.to_csv(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_page_stands_alone_and_says_who_learned_what_and_what_is_proved(receipt: Receipt) -> None:
    made = result(answer(), receipt)
    lines = ["  bureau: the cells (k = 11)", "  everybody: the question"]
    html = page(made, lines, verify_receipt(receipt, principals()))
    seen = Markup(html)
    assert html.startswith("<!DOCTYPE html>")
    assert seen.foreign == set()
    assert not any(word in html for word in ("http:", "https:", "src=", "href=", "url(", "@import"))
    assert {"bureau: the cells (k = 11)", "everybody: the question", "1,234,567"} <= {*seen.texts}
    assert any(
        text.endswith("checks, all hold. Whoever has the receipt's file can check it: ")
        for text in seen.texts
    )
    assert seen.texts.count("holds") > 10
    assert ({"scope": "col", "class": "number"}, "bytes sent") in seen.cells
    assert ({"class": "number"}, "1,234,567") in seen.cells


def test_a_page_holds_nothing_of_this_party_s_alone(receipt: Receipt) -> None:
    made = result(answer(), receipt)
    html = page(made, (), ())
    assert made.salt is not None
    said = str(made.to_json())
    assert made.salt.hex() in said
    assert "98765" in said
    assert not any(text in html for text in (made.salt.hex(), "98765", "98,765", "4321", "4,321"))


def test_what_fails_comes_first_and_troubles_are_told(receipt: Receipt) -> None:
    found = (
        Finding("order", True, "in order", "bureau"),
        Finding("key", False, "no key", "insurer"),
    )
    seen = Markup(page(result(answer(), receipt, trouble="insurer is gone"), (), found))
    assert {"1 of 2 checks fail.", "insurer is gone"} <= {*seen.texts}
    assert seen.texts.index("FAILS") < seen.texts.index("holds")
    bare = Markup(page(result(answer(), trouble="insurer is gone"), (), ()))
    assert {"The run has no receipt.", "insurer is gone"} <= {*bare.texts}


def test_a_hostile_page_is_text(receipt: Receipt) -> None:
    made = replace(
        result(answer(HOSTILE, HOSTILE, HOSTILE), receipt, HOSTILE, HOSTILE), label=HOSTILE
    )
    found = (Finding(HOSTILE, False, HOSTILE, HOSTILE),)
    assert Markup(page(made, [HOSTILE], found)).foreign == set()
    assert Markup(made._repr_html_()).foreign == set()
    assert Markup(result(None, said=HOSTILE)._repr_html_()).foreign == set()


@pytest.mark.parametrize("name", ["nowhere/page.html", "."])
def test_a_page_without_a_place_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["run", "--question", str(DEMO / "question.sql"), "--local", "not-looked-at"]
    refused = CliRunner().invoke(app, [*asked, "--html", name])
    assert isinstance(refused.exception, UsageError)
    assert str(refused.exception).startswith(f"{name}: expected a file to write, got: ")
    looked = CliRunner().invoke(app, [*asked, "--html", "page.html"])
    assert "not-looked-at" in str(looked.exception)
    assert list(tmp_path.iterdir()) == []
