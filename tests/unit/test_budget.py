"""Query budgets from a log: every permit counts, so a pair of questions that differ in one person costs two."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.records.budget import Spending, spent
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Ledger, entries

YEAR = {"since": "2026-01-01", "until": "2026-12-31"}
ALL = "SELECT COUNT(*) AS n FROM h1.cases"
# The same without one person: whoever has both answers has that person's.
BUT_ONE = "SELECT COUNT(*) AS n FROM h1.cases WHERE NOT (adm_day = 19731 AND diag_main = 'E11.9')"


@dataclass(frozen=True, slots=True)
class Noted:
    index: int
    time: str
    kind: str
    body: Mapping[str, JSON]


@dataclass(slots=True)
class Book:
    """What a node writes down of questions."""

    records: list[Noted] = field(default_factory=list)

    def write(self, kind: str, **body: Any) -> None:
        self.records.append(Noted(len(self.records), "2026-03-02T08:00:00Z", kind, body))

    def ask(self, text: str, *, permit: bool = True, **more: Any) -> None:
        question = hashlib.sha256(text.encode()).hexdigest()
        about = {"initiator": "p", "project": "diabetes", "day": "2026-03-02", **more}
        self.write("request", question=question, **about)
        self.write("decision", question=question, permit=permit)

    def spent(self, per: Any = "project", name: str = "diabetes", **period: str) -> int:
        return spent(self.records, per, name, **{**YEAR, **period})


def test_a_differencing_pair_costs_two_and_is_over_a_budget_of_one() -> None:
    book = Book()
    budget = 1
    book.ask(ALL)
    assert book.spent() >= budget  # the second of the pair is one too many
    book.ask(BUT_ONE)
    assert book.spent() == 2


@pytest.mark.parametrize(
    "second",
    [
        {"text": ALL},  # again: another answer where rows have changed
        {"text": ALL + "  -- other words"},
        {"text": BUT_ONE, "user": "p.other"},
        {"text": BUT_ONE, "initiator": "q"},  # a partner in the same project
    ],
)
def test_no_way_to_ask_the_second_question_of_a_pair_is_free(second: dict[str, Any]) -> None:
    book = Book()
    book.ask(ALL)
    book.ask(**second)
    assert book.spent() == 2


def test_a_pair_over_two_projects_is_seen_by_initiator_and_template() -> None:
    book = Book()
    book.ask(ALL, project="one", template="t" * 64)
    book.ask(BUT_ONE, project="two", template="t" * 64)
    assert (book.spent(name="one"), book.spent(name="two")) == (1, 1)
    assert book.spent("initiator", "p") == 2
    assert book.spent("template", "t" * 64) == 2


def test_what_was_refused_or_is_of_another_period_or_project_does_not_count() -> None:
    book = Book()
    book.ask(ALL, permit=False)
    book.ask(ALL, project="another")
    book.ask(ALL, project=None)
    for day in ("2025-12-31", "2026-01-01", "2026-12-31", "2027-01-01"):
        book.ask(ALL, day=day)
    assert book.spent() == 2
    assert book.spent(since="2027-01-01", until="2026-01-01") == 0
    assert Book().spent() == 0


def test_a_permit_that_cannot_be_counted_is_an_error() -> None:
    book = Book()
    book.write("decision", question="0" * 64, permit=True)
    with pytest.raises(
        UsageError, match="record 0: expected the request of question 0000000000000000"
    ):
        book.spent()
    book = Book()
    book.write("request", initiator="p")
    with pytest.raises(UsageError, match="record 0: expected question as text in a request"):
        book.spent()


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(1, 28))))
def test_spending_is_what_counting_by_hand_gives(asked: list[tuple[str, bool, int]]) -> None:
    book, spending = Book(), Spending()
    for number, (project, permit, day) in enumerate(asked):
        book.ask(str(number), project=project, permit=permit, day=f"2026-02-{day:02d}")
        for record in book.records[-2:]:
            spending.add(record)
    period = {"since": "2026-02-05", "until": "2026-02-20"}
    for name in "ab":
        by_hand = sum(1 for p, permit, day in asked if p == name and permit and 5 <= day <= 20)
        assert spending.spent("project", name, **period) == by_hand
        assert book.spent(name=name, **period) == by_hand


def test_a_ledger_is_such_a_log(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, party="h1", signing_key=key) as ledger:
        for number in range(3):
            about = {"question": f"{number:064x}"}
            day = {"day": "2026-03-02"}
            ledger.append("request", {**about, **day, "initiator": "p", "project": "diabetes"})
            ledger.append("decision", {**about, "permit": number != 1})
    assert spent(entries(path), "project", "diabetes", **YEAR) == 2


def test_a_question_counts_for_its_purpose_and_for_every_dataset_that_it_reads() -> None:
    book = Book()
    for text, datasets in ((ALL, ["h1.cases"]), (BUT_ONE, ["h1.cases", "bureau.enrolment"])):
        question = hashlib.sha256(text.encode()).hexdigest()
        book.write("request", question=question, initiator="p", purpose="audit", day="2026-03-02")
        book.write("decision", question=question, permit=True, datasets=datasets)
    assert book.spent("purpose", "audit") == book.spent("initiator", "p") == 2
    assert book.spent("dataset", "h1.cases") == 2
    assert book.spent("dataset", "bureau.enrolment") == 1
    assert book.spent("dataset", "h1.other") == book.spent("purpose", "fun") == 0


def test_a_charge_counts_as_one_question_more() -> None:
    book = Book()
    book.ask(ALL, purpose="audit")
    question = hashlib.sha256(ALL.encode()).hexdigest()
    book.write("charge", question=question, run="0" * 32, because="suppression-pattern")
    assert book.spent() == book.spent("purpose", "audit") == 2
    assert book.spent(since="2027-01-01", until="2027-12-31") == 0


def test_a_charge_without_its_permit_is_an_error() -> None:
    book = Book()
    book.ask(ALL, permit=False)
    book.write("charge", question=hashlib.sha256(ALL.encode()).hexdigest())
    with pytest.raises(UsageError, match="before its charge, got none"):
        book.spent()


def test_a_repeat_is_free() -> None:
    book = Book()
    book.ask(ALL)
    book.write("repeat", question=hashlib.sha256(ALL.encode()).hexdigest(), run="0" * 32)
    assert book.spent() == 1
