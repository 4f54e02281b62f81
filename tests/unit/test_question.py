"""A question: what it may hold, how it travels, and what the head of its file says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mpcstats.errors import UsageError
from mpcstats.party.question import (
    PURPOSE_LIMIT,
    RECIPIENT_LIMIT,
    SCENARIO_LIMIT,
    TEXT_LIMIT,
    Header,
    Question,
    check_name,
    header,
)

GOOD = Question(
    "select 1", "supervision", "a review", "bureau", ("bureau", "insurer"), "2026-01-01"
)
CONTROLS = "without control characters but new lines and tabs"
NAMED = "expected a party's name of at most 32 lower-case letters, digits and _, beginning with a letter, got "


def test_a_question_comes_through_json_unchanged() -> None:
    assert Question.from_json(GOOD.to_json()) == GOOD
    assert GOOD.to_json() == {
        "text": "select 1",
        "scenario": "supervision",
        "purpose": "a review",
        "initiator": "bureau",
        "recipients": ["bureau", "insurer"],
        "day": "2026-01-01",
        "user": None,
        "project": None,
    }


def test_equal_questions_have_equal_digests() -> None:
    assert len(GOOD.digest()) == 64
    assert Question.from_json(GOOD.to_json()).digest() == GOOD.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"text": "select 2"},
        {"scenario": "research"},
        {"purpose": "a second review"},
        {"initiator": "insurer"},
        {"recipients": ("insurer", "bureau")},
        {"recipients": ("bureau",)},
        {"day": "2026-01-02"},
        {"user": "bureau.desk"},
        {"project": "diabetes-2024"},
    ],
)
def test_the_digest_shows_every_change(change: dict[str, Any]) -> None:
    assert replace(GOOD, **change).digest() != GOOD.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": ""}, "expected the question's text, got none"),
        ({"text": " \n"}, "expected the question's text, got none"),
        (
            {"text": "x" * (TEXT_LIMIT + 1)},
            "expected the question's text of at most 65536 characters, got 65537",
        ),
        ({"text": "select '\ud800'"}, "expected the question's text in valid Unicode"),
        ({"scenario": ""}, "expected a scenario, got none"),
        (
            {"scenario": "x" * (SCENARIO_LIMIT + 1)},
            "expected a scenario of at most 64 characters, got 65",
        ),
        ({"purpose": "\t"}, "expected a purpose, got none"),
        (
            {"purpose": "x" * (PURPOSE_LIMIT + 1)},
            "expected a purpose of at most 1000 characters, got 1001",
        ),
        *(
            (
                {name: f"a{sign}b"},
                f"expected {what} in one line of printable text, got {'a' + sign + 'b'!r}",
            )
            for name, what in (("scenario", "a scenario"), ("purpose", "a purpose"))
            for sign in ("\n", "\r", "\t", "\x1b", "\x85", "\u2028", "\u202e")
        ),
        *(
            (
                {"text": f"select 1{sign}"},
                f"expected the question's text {CONTROLS}, got {sign!r}",
            )
            for sign in ("\0", "\r", "\x0b", "\x1b", "\x7f", "\x85")
        ),
        ({"initiator": "Bureau"}, NAMED + "'Bureau'"),
        ({"recipients": ()}, "expected 1 to 64 recipients, got 0"),
        ({"recipients": tuple(f"p{n}" for n in range(65))}, "expected 1 to 64 recipients, got 65"),
        ({"recipients": ("bureau", "")}, NAMED + "''"),
        ({"recipients": ("a", "b", "a")}, "expected every recipient once, got a, b, a"),
    ],
)
def test_a_bad_part_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(GOOD, **change)
    assert str(caught.value) == message


def test_a_text_of_many_lines_and_a_purpose_in_chinese_are_allowed() -> None:
    fine = replace(GOOD, text="select\n\t1\r\n-- 甲", purpose="年度核查：糖尿病")
    assert Question.from_json(fine.to_json()) == fine


def test_the_limits_themselves_are_allowed() -> None:
    recipients = tuple(f"p{n}" for n in range(RECIPIENT_LIMIT))
    full = Question(
        "x" * TEXT_LIMIT,
        "x" * SCENARIO_LIMIT,
        "x" * PURPOSE_LIMIT,
        "b" * 32,
        recipients,
        "2026-01-01",
    )
    assert Question.from_json(full.to_json()) == full


KEYS = "expected a question with day, initiator, project, purpose, recipients, scenario, text, user"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, KEYS),
        ([], KEYS),
        ("select 1", KEYS),
        ({}, KEYS),
        ({**GOOD.to_json(), "more": 1}, KEYS),
        ({k: v for k, v in GOOD.to_json().items() if k != "purpose"}, KEYS),
        ({**GOOD.to_json(), "recipients": "bureau"}, "expected the recipients as a list"),
        ({**GOOD.to_json(), "recipients": {"bureau": 1}}, "expected the recipients as a list"),
        (
            {**GOOD.to_json(), "recipients": [["bureau"]]},
            "expected the parts of a question as text",
        ),
        ({**GOOD.to_json(), "text": 1}, "expected the parts of a question as text"),
        ({**GOOD.to_json(), "initiator": None}, "expected the parts of a question as text"),
        ({**GOOD.to_json(), "recipients": []}, "expected 1 to 64 recipients, got 0"),
        ({**GOOD.to_json(), "day": None}, "expected the parts of a question as text"),
        ({**GOOD.to_json(), "day": "1.1.2026"}, "expected a day as YYYY-MM-DD, got '1.1.2026'"),
        ({**GOOD.to_json(), "user": 7}, "expected the parts of a question as text"),
        ({**GOOD.to_json(), "user": "A. Body"}, "expected the name of a user, got 'A. Body'"),
        ({**GOOD.to_json(), "project": "a b"}, "expected the name of a project, got 'a b'"),
    ],
)
def test_a_peers_value_that_is_no_question_is_refused(value: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Question.from_json(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Header()),
        ("select 1", Header()),
        ("-- scenario: supervision\nselect 1", Header(scenario="supervision")),
        ("--to:a\n--purpose:  b: c -- d  \nselect 1", Header(purpose="b: c -- d", to=("a",))),
        ("-- To whom it may concern\n\n  -- to: a , b\nselect 1", Header(to=("a", "b"))),
        ("select 1\n-- scenario: late", Header()),
        ("-- scenario:\nselect 1", Header(scenario="")),
        ("-- to: a,\nselect 1", Header(to=("a", ""))),
        ("-- scenario: a\r\n-- to: b\r\nselect 1", Header(scenario="a", to=("b",))),
        # For SQL these go on with the comment, so nothing after them is a line of its own.
        *((f"-- note{sign}-- to: a\nselect 1", Header()) for sign in "\x0b\x0c\x85\u2028\u2029"),
        ("-- note\x0cselect 1\n-- to: a\nselect 1", Header(to=("a",))),
    ],
)
def test_the_header_is_read(text: str, expected: Header) -> None:
    assert header(text) == expected


@pytest.mark.parametrize("name", ["scenario", "purpose", "to"])
def test_a_header_that_says_it_twice_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        header(f"-- {name}: a\n-- {name}: a\nselect 1")
    assert str(caught.value) == f"expected '-- {name}:' once before the question, got it twice"


@pytest.mark.parametrize("name", ["a", "a1", "bureau_2", "a" * 32])
def test_a_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "1a", "_a", "a-b", "a b", "a\n", "é", "../a", "a" * 33, "x" * 1000]
)
def test_a_name_that_is_none_is_refused_and_cut_short(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert str(caught.value) == NAMED + repr(name[:40])
