"""Checks in a catalogue: read, refused with words, written in every form; a policy asks for them, a plan makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.checked import CATALOGUE, COMPUTE, CROSSED

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Records, compile_question, permitted, planned
from mpcstats.party.question import Question
from mpcstats.policy.difference import difference
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.catalogue.exchange import FORMS, read, written

CARDS = load_cards()


def catalogue(folder: Path, *changes: tuple[str, str], more: str = CROSSED) -> Catalogue:
    text = CATALOGUE + more
    for old, new in changes:
        assert text.count(old) >= 1
        text = text.replace(old, new)
    path = folder / "catalogue.toml"
    path.write_text(text, "utf-8")
    return Catalogue.load(path)


def test_checks_are_read(tmp_path: Path) -> None:
    found = catalogue(tmp_path)
    fee, days = found.dataset("bureau.settlement").check
    assert fee.name == "fee parts"
    assert sorted(fee.columns) == ["fee", "fund", "own"]
    assert sorted(days.columns) == ["in_day", "out_day"]
    (crossed,) = found.crosschecks
    assert crossed.keys == ("setl_id",)
    assert [*crossed.columns("l"), *crossed.columns("r")] == ["fee", "total"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "fee = fund + own",
            "fee = fund + owm",
            "check fee parts: expected columns of setl_id, .*, got 'owm'",
        ),
        ("fee = fund + own", "fee = fund +", "expected a condition, got 'fee = fund \\+'"),
        ("fee = fund + own", "fee + fund", "expected a condition, got 'fee \\+ fund'"),
        (
            "fee = fund + own",
            "fee = SUM(fund)",
            "expected a condition over whole numbers .*, got 'SUM\\(fund\\)'",
        ),
        ("fee = fund + own", "fee < 1.5", "expected a condition over whole numbers .*, got '1.5'"),
        ("fee = fund + own", "fee IN (SELECT 1)", "expected a condition over whole numbers"),
        ("fee = fund + own", "1 = 1", "check fee parts: expected a column in '1 = 1'"),
        ("fee = fund + own", "x.fee = 1", "check fee parts: expected columns without a table"),
        (
            "fee = fund + own",
            "certno = 1",
            "check fee parts: expected whole numbers with minimum and maximum",
        ),
        (
            'name = "days"',
            'name = "fee parts"',
            "check fee parts: expected a name of its own, got it twice",
        ),
        (
            "l.fee - r.total",
            "l.fee - total",
            "crosscheck fees agree: expected columns l.... of bureau.settlement",
        ),
        (
            "l.fee - r.total",
            "l.fee - r.totl",
            "crosscheck fees agree: expected columns of setl_id, .*, got 'totl'",
        ),
        (
            'on = "setl_id"',
            'on = "bill"',
            "crosscheck fees agree: expected bureau.settlement to have the key 'bill'",
        ),
        (
            'right = "hospitals.cases"',
            'right = "hospitals.case"',
            "crosscheck fees agree: expected a dataset of",
        ),
        (
            'on = "setl_id"',
            'on = "certno"',
            "crosscheck fees agree: expected unique = true or most = ... of certno",
        ),
    ],
)
def test_a_check_that_cannot_be_made_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        catalogue(tmp_path, (old, new))


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_checks_are_written_and_read_again(tmp_path: Path, form: str, *, chinese: bool) -> None:
    found = catalogue(tmp_path)
    if form == "toml" and chinese:
        return  # a catalogue's own file has one set of names
    text = written(found, form, chinese=chinese)  # type: ignore[arg-type]
    again = read(text, form, "a test")  # type: ignore[arg-type]
    assert again.digest() == found.digest()
    assert again.digest() != catalogue(tmp_path, more="").digest()  # negative control
    assert ("校验规则" in text) == chinese


def rule(level: str, **given: object) -> Rule:
    given = {"leakage": sorted({leak for c in CARDS.values() for leak in c.leakage.ids}), **given}
    return Rule.model_validate(
        {
            "scenario": "s",
            "level": level,
            "permit": True,
            "recipients": ["*"],
            "engines": ["rep3"],
            **given,
        }
    )


def records(folder: Path, **given: object) -> Records:
    helpers = tuple(Helper(owner=party, accepts=list(COMPUTE)) for party in COMPUTE)
    levels = ("NONE", "LOW", "MODERATE", "HIGH")
    policy = Policy.of(tuple(rule(level, **given) for level in levels), helpers)
    contributing = ("rows = 12", 'rows = 12\ncontributor = "kind"')
    return Records("bureau", catalogue(folder, contributing), policy, CARDS, COMPUTE, COMPUTE)


ASKED = Question(
    "SELECT SUM(s.fund) AS fund FROM bureau.settlement s",
    "s",
    "a test",
    "bureau",
    ("bureau",),
    "2026-01-01",
)


@pytest.mark.parametrize("checks", ["none", "leave-out", "stop"])
def test_the_plan_checks_as_the_policy_asks(tmp_path: Path, checks: str) -> None:
    found = records(tmp_path, checks=checks, minimum_persons=2)
    plan = planned(ASKED, found)
    assert (plan.checks, plan.gate.k) == (checks, 2)
    assert compile_question(ASKED, found).plan_digest == plan.digest()


def test_a_plan_that_checks_less_is_refused(tmp_path: Path) -> None:
    strict, mild = records(tmp_path, checks="stop"), records(tmp_path, checks="leave-out")
    with pytest.raises(
        PolicyRefused,
        match="asks for checks = 'stop' of what owners put in, the plan has 'leave-out'",
    ):
        permitted(planned(ASKED, mild), ASKED, strict)
    permitted(planned(ASKED, strict), ASKED, mild)


def test_a_count_of_failing_rows_is_no_amount(tmp_path: Path) -> None:
    """Contributors are asked of amounts: a question that counts has none, checked or not."""
    asked = replace(
        ASKED,
        text="SELECT s.in_day // 50 AS half, COUNT(*) AS n FROM bureau.settlement s GROUP BY half",
    )
    found = records(tmp_path, checks="leave-out", minimum_contributors=3)
    plan = compile_question(asked, found).plan
    assert plan.output[-1].name == "left_out_bureau"
    assert magnitudes(plan, found.catalogue) == ()
    (fund,) = magnitudes(
        planned(ASKED, found), found.catalogue
    )  # negative control: a sum of amounts
    assert "left_out" not in fund


def test_a_higher_level_checks_no_less() -> None:
    with pytest.raises(
        UsageError,
        match=r"s x HIGH .* to permit no more than s x MODERATE .*, but it has weaker checks",
    ):
        Policy.of(
            tuple(
                rule(level, checks="leave-out" if level == "HIGH" else "stop")
                for level in ("NONE", "LOW", "MODERATE", "HIGH")
            ),
            (),
        )
    Policy.of(
        tuple(
            rule(n, checks=c)
            for n, c in (("NONE", "none"), ("LOW", "leave-out"), ("MODERATE", "stop"))
        ),
        (),
    )


def test_the_difference_of_two_policies_names_checks() -> None:
    old, new = (Policy.of((rule("NONE", checks=c),), ()) for c in ("stop", "none"))
    (change,) = difference(old, new)
    assert change.more == ("weaker checks (none, not stop)",)
