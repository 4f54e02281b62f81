"""`mpcstats policy` and the work behind it: the matrix, the difference of two policies, expected decisions."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mpcstats.cards.load import load_cards
from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.policy import GROUNDS, read_policy, rows
from mpcstats.party.desk.policy_page import page
from mpcstats.policy.difference import difference
from mpcstats.policy.expected import failures, load_expected
from mpcstats.policy.matrix import matrix, remarks
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.policy.template import ONE_OF_EACH, default_policy, shipped
from mpcstats.policy.written import written
from mpcstats.records.levels import Level

CHECKOUT = Path(__file__).parents[2]
SETTLEMENT = CHECKOUT / "demos" / "settlement"
PARTIES = CHECKOUT / "examples" / "governance" / "parties.toml"
DEFAULT = shipped() / "default.toml"
CASES = shipped() / "default.test.toml"
POLICY = default_policy(ONE_OF_EACH)
CARDS = load_cards()


def mpcstats(*words: object) -> Result:
    return CliRunner().invoke(app, ["policy", *map(str, words)], env={"COLUMNS": "200"})


def changed(folder: Path, old: str, new: str, count: int = 1) -> Path:
    """The default policy's file with `old` replaced by `new`, `count` times from the start."""
    text = DEFAULT.read_text(encoding="utf-8")
    assert text.count(old) >= count
    path = folder / "changed.toml"
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


# --- check ---


def test_check_says_what_a_policy_speaks_of() -> None:
    found = mpcstats("check", "default", "--parties", PARTIES)
    assert found.exit_code == 0
    assert "16 rules, of which 13 permit; scenarios supervision, commercial, research, public" in (
        found.output
    )
    assert found.output.splitlines()[-1].startswith("digest ")


def test_check_names_every_fault(tmp_path: Path) -> None:
    path = changed(tmp_path, "minimum_persons = 11", "minimum_persons = 40", 1)
    text = path.read_text(encoding="utf-8").replace('["@bureau"]', '["@bureau", "stranger"]', 1)
    path.write_text(text, encoding="utf-8")
    found = mpcstats("check", path)
    assert isinstance(found.exception, UsageError)
    said = str(found.exception)
    assert said.startswith(f"{path}: expected rule supervision x MODERATE 较敏感 to permit no more")
    assert "a smaller minimum_persons" in said
    assert "more recipients (stranger)" in said


def test_check_shows_where_there_is_no_rule(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'version = 1\n[[rule]]\nscenario = "a"\nlevel = "NONE"\npermit = false\nbecause = "no"\n',
        encoding="utf-8",
    )
    found = mpcstats("check", path)
    assert (
        "no rule, which denies: a x LOW 低敏感, a x MODERATE 较敏感, a x HIGH 高敏感"
        in found.output
    )


def test_fill_writes_the_policy_of_a_consortium(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(mpcstats("fill", "default", "--parties", PARTIES).output, encoding="utf-8")
    found = Policy.load(path)
    assert found == read_policy("default", PARTIES)
    rule = found.rule("commercial", Level.MODERATE)
    assert rule is not None
    assert (rule.recipients, str(rule.budget)) == (
        ["bureau", "p", "q"],
        "100 questions a year for each project",
    )


def test_what_is_written_is_read_alike(tmp_path: Path) -> None:
    odd = {
        "scenario": 'a "b" \\',
        "level": "NONE",
        "permit": False,
        "because": "new\nline, tab\t, \x7f, 保",
    }
    policy = Policy.of((Rule.model_validate(odd),), (Helper(owner="a", accepts=[]),))
    path = tmp_path / "policy.toml"
    path.write_text(written(policy), encoding="utf-8")
    assert Policy.load(path) == policy


# --- explain ---


def test_the_matrix_has_every_scenario_level_and_card() -> None:
    cells = matrix(POLICY, CARDS)
    assert len({(c.scenario, c.level, c.card) for c in cells}) == len(cells)
    assert len(cells) == 4 * len(Level) * len(CARDS)


def test_the_matrix_says_why_not() -> None:
    found = {(c.scenario, c.level, c.card): c for c in matrix(POLICY, CARDS)}
    assert found["supervision", Level.MODERATE, "lookup_join"].permitted
    weak = found["supervision", Level.HIGH, "sum"]
    assert [reason.code for reason in weak.reasons] == ["adversary"]
    assert weak.reasons[0].text == (
        "rule supervision x HIGH 高敏感 asks for malicious security; protocol sum has semi-honest"
    )
    join = found["supervision", Level.HIGH, "lookup_join"]
    assert [reason.code for reason in join.reasons] == ["adversary", "operation"]
    (denied,) = found["commercial", Level.HIGH, "sum"].reasons
    assert denied.code == "denied"
    (leak,) = found["public", Level.LOW, "sort"].reasons
    assert leak.code == "leakage"
    (operation,) = found["research", Level.MODERATE, "top_k"].reasons
    assert operation.code == "operation"


def test_every_ground_of_the_matrix_has_its_words() -> None:
    codes = {reason.code for cell in matrix(POLICY, CARDS) for reason in cell.reasons}
    assert codes <= set(GROUNDS)
    lone = Policy.of((), (Helper(owner="a", accepts=[]),))
    assert rows(lone) == ()


def test_the_remarks_are_what_the_gate_does_not_offer() -> None:
    rule = POLICY.rule("research", Level.HIGH)
    assert rule is not None
    said = [remark.text for remark in remarks(rule, CARDS["gate"])]
    assert [text.partition("asks for ")[2].partition(",")[0] for text in said] == [
        "noise on counts",
    ]


def test_explain_prints_a_table() -> None:
    found = mpcstats("explain", "default")
    assert found.exit_code == 0
    for word in (
        "supervision",
        "HIGH 高敏感",
        "withstands less than is asked for: all",
        "denied: all",
    ):
        assert word in found.output


def test_explain_gives_every_reason_as_json() -> None:
    found = json.loads(mpcstats("explain", "default", "--json").output)
    assert found["policy"] == POLICY.digest
    by_case = {(row["scenario"], row["level"]): row for row in found["rows"]}
    assert len(by_case) == 16
    high = by_case["supervision", "HIGH"]["protocols"]
    assert set(high) == set(CARDS)
    assert high["sum"][0]["code"] == "adversary"
    assert by_case["supervision", "MODERATE"]["protocols"]["sum"] == []


class Page(HTMLParser):
    """Rows of the page's table, and the names of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows, self.elements, self.open = 0, set[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.rows += tag == "tr"
        assert not {"src", "href"} & {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_explain_writes_a_page_of_its_own(tmp_path: Path) -> None:
    where = tmp_path / "policy.html"
    found = mpcstats("explain", "default", "--html", where)
    assert (found.exit_code, found.output) == (0, "")
    text = where.read_text(encoding="utf-8")
    shown = Page(text)
    assert (shown.rows, shown.open) == (17, [])
    assert not {"script", "link", "img"} & shown.elements
    assert "does not say how much" in text
    assert POLICY.digest in text


def test_the_page_escapes_what_a_policy_says() -> None:
    rule: dict[str, Any] = {"scenario": "<b>", "level": "NONE", "permit": False, "because": "<i>&"}
    policy = Policy.of((Rule.model_validate(rule),), ())
    text = page(policy, rows(policy))
    assert "&lt;b&gt;" in text
    assert "&lt;i&gt;&amp;" in text
    assert not {"b", "i"} & Page(text).elements


def test_explain_a_question_condition_by_condition() -> None:
    good = SETTLEMENT / "question.sql"
    found = mpcstats("explain", "--question", good, "--local", SETTLEMENT)
    assert found.exit_code == 0
    assert found.output.startswith("level MODERATE 较敏感 because of bureau.enrolment.insutype,")
    assert found.output.count("passed") == len(_conditions(good))
    bad = SETTLEMENT / "refused.sql"
    refused = mpcstats("explain", "--question", bad, "--local", SETTLEMENT, "--json")
    assert refused.exit_code == 3
    codes = {r["code"] for each in json.loads(refused.output) for r in each["reasons"]}
    assert "adversary" in codes or "denied" in codes


def _conditions(question: Path) -> list[str]:
    found = mpcstats("explain", "--question", question, "--local", SETTLEMENT, "--json")
    return [each["condition"] for each in json.loads(found.output)]


def test_explain_takes_a_policy_or_a_question() -> None:
    assert isinstance(mpcstats("explain").exception, UsageError)
    both = mpcstats("explain", "default", "--question", SETTLEMENT / "question.sql")
    assert isinstance(both.exception, UsageError)


# --- diff ---


def test_equal_policies_decide_alike(tmp_path: Path) -> None:
    found = mpcstats("diff", "default", changed(tmp_path, "# The default policy", "# Another"))
    assert (found.exit_code, found.output.strip()) == (0, "both policies decide alike")


WIDER = [
    ("minimum_persons = 30", "minimum_persons = 20", "a smaller minimum_persons (20, not 30)"),
    ('adversary = "malicious"\n', "", "a weaker adversary (semi-honest, not malicious)"),
    ("signatures = 2\n", "", "fewer signatures (1, not 2)"),
    ('operations = ["count", "sum"]', 'operations = ["count", "sum", "join"]', "(join)"),
    ("questions = 100", "questions = 101", "(101 questions a year for each project)"),
    ('noise = "counts"\n', "", "less noise (none, not counts)"),
    ("government_led = true\n", "", "no government_led"),
]


@pytest.mark.parametrize(("old", "new", "words"), WIDER)
def test_diff_says_what_is_permitted_more(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = changed(tmp_path, old, new)
    more = mpcstats("diff", "default", path)
    assert more.exit_code == 1
    (line,) = [line for line in more.output.splitlines() if "permits more: " in line]
    assert line.endswith(words)
    less = mpcstats("diff", path, "default")
    assert less.exit_code == 0
    assert f"no longer permits: {line.partition('permits more: ')[2]}" in less.output
    (change,) = json.loads(mpcstats("diff", "default", path, "--json").output)
    assert (change["less"], len(change["more"])) == ([], 1)


def test_diff_of_what_is_denied_and_of_helpers() -> None:
    def policy(permit: bool, *accepts: str, adjudication: bool = False) -> Policy:
        rule = {
            "scenario": "a",
            "level": "NONE",
            "permit": permit,
            "because": "so",
            "leakage": ["x"],
            "recipients": ["p"],
            "engines": ["rep3"],
            "adjudication": adjudication,
        }
        helpers = (Helper(owner="o", accepts=list(accepts)),)
        return Policy.of((Rule.model_validate(rule),), helpers)

    assert difference(policy(True, "p"), policy(True, "p")) == ()
    cell, helpers = difference(policy(False, "p"), policy(True, "q", adjudication=True))
    assert (cell.more, cell.less) == (("permit", "adjudication"), ())
    assert (helpers.where, helpers.more, helpers.less) == ("helpers of o", ("q",), ("p",))
    (back,) = difference(policy(True, adjudication=True), policy(False))
    assert (back.more, back.less) == ((), ("permit", "adjudication"))
    (only,) = difference(policy(False), policy(False, adjudication=True))
    assert only.more == ("adjudication",)
    new, _ = difference(Policy.of((), ()), policy(True, "p"))
    assert (new.where, new.more) == ("a x NONE 不敏感", ("permit",))


def test_a_change_of_words_alone_is_none(tmp_path: Path) -> None:
    path = changed(tmp_path, 'because = "research follows', 'because = "all research follows')
    assert mpcstats("diff", "default", path).exit_code == 0


# --- test ---


def test_the_default_passes_its_own_suite() -> None:
    found = mpcstats("test", "default", "--cases", CASES)
    count = len(load_expected(CASES))
    assert (found.exit_code, found.output.strip()) == (0, f"{count} of {count} cases as expected")


def test_the_suite_of_the_default_speaks_of_every_cell() -> None:
    cells = {(case.scenario, case.level) for case in load_expected(CASES)}
    assert cells >= {(rule.scenario, rule.level.name) for rule in POLICY.rules}


@pytest.mark.parametrize(("old", "new", "_words"), [*WIDER[1:3], *WIDER[5:]])
def test_the_suite_notices_a_changed_policy(
    tmp_path: Path, old: str, new: str, _words: str
) -> None:
    found = mpcstats("test", changed(tmp_path, old, new), "--cases", CASES)
    assert found.exit_code == 1
    assert "expected duties" in found.output


CASE = 'version = 1\n[[case]]\nscenario = "supervision"\nlevel = "LOW"\noperation = "count"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'expect = "deny"\ncode = "denied"',
            "expected deny, got permit-with-obligations: rule sup",
        ),
        ('form = "rows"\nexpect = "permit"', "expected permit, got deny: rule supervision x LOW"),
        (
            'form = "rows"\nexpect = "deny"\ncode = "denied"',
            "expected the reason denied, got form: rule",
        ),
        ('expect = "permit"\nduties = []', "expected duties none, got minimum-persons, real-name,"),
    ],
)
def test_a_case_that_fails_is_named(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(CASE + text, encoding="utf-8")
    (failure,) = failures(POLICY, load_expected(path))
    assert (failure.number, failure.fault.startswith(fault)) == (1, True), failure.fault
    assert failure.case.startswith("supervision x LOW, count as ")
    assert f"{path}: case 1 (" in mpcstats("test", "default", "--cases", path).output
    listed = json.loads(mpcstats("test", "default", "--cases", path, "--json").output)
    assert (listed["cases"], [one["number"] for one in listed["failed"]]) == (1, [1])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('expect = "deny"', "expected the code of the reason with every denial"),
        ('expect = "permit"\ncode = "form"', "expected the code of the reason with every denial"),
        ('expect = "deny"\ncode = "form"\nduties = []', "expected duties with a permit"),
        ('expect = "maybe"', "case[1].expect: input should be 'permit' or 'deny'"),
        ('expect = "deny"\ncode = "whim"', "case[1].code: input should be "),
    ],
)
def test_a_bad_case_is_refused_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(CASE + text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_expected(path)
    assert str(caught.value).startswith(f"{path}: case[1]")
    assert fault in str(caught.value)


def test_a_policy_by_name_or_by_file() -> None:
    assert read_policy("default") == read_policy(str(DEFAULT)) == POLICY
    assert read_policy("default", PARTIES) != POLICY
    with pytest.raises(UsageError, match=r"nowhere\.toml: expected a file to read"):
        read_policy("nowhere.toml")
