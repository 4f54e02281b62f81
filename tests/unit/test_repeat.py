"""Repeats: what tells a party that its rows are the same, which answer it may show again, and what is charged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.test_compile import question, records

from mpcstats.party.answer import Answer
from mpcstats.party.compile import Known, compile_question, planned
from mpcstats.party.data.given import GivenColumn
from mpcstats.party.data.sources import Rows
from mpcstats.party.files.config import PartyFile
from mpcstats.party.files.kept import answer_path
from mpcstats.party.history import History
from mpcstats.party.inputs import state
from mpcstats.party.repeat import Released, flipped, kept_answer, kept_states, salt_of
from mpcstats.policy.budget import Budget
from mpcstats.policy.rule import Policy, Rule
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Entry
from mpcstats.records.ledger.commitment import commit
from mpcstats.records.ledger.receipt import answer_bytes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
LABEL, OTHER = "0" * 32, "1" * 32
NOBODY = np.empty((0, 2), dtype=np.uint64)


def keyed(*order: int) -> Rows:
    keys = np.array([[5, 1], [3, 2], [3, 1]], dtype=np.uint64)[list(order)]
    return Rows(
        keys, {"v": np.array([7, 8, 9])[list(order)]}, {"g": np.array([0, 1, 0])[list(order)]}
    )


def given(*order: int) -> Rows:
    at = list(order)
    digests = np.array([[1, 2], [1, 3], [0, 9]], dtype=np.uint64)[at]
    numbers = np.array([4, 4, 5], dtype=np.uint64)[at]
    known = np.array([True, False, True])[at]
    columns = {"d": GivenColumn(digests, known), "n": GivenColumn(numbers, known)}
    return Rows(NOBODY, {}, {}, columns)


def cells(*values: int) -> Rows:
    return Rows(NOBODY, {"v": np.array(values)}, {})


def states(rows: Rows, label: str = LABEL, key: Ed25519PrivateKey = KEY) -> str:
    return state({"f": rows}, key, label)["f"]


@pytest.mark.parametrize("make", [keyed, given])
def test_the_same_rows_in_another_order_have_the_same_state(make: Any) -> None:
    assert states(make(0, 1, 2)) == states(make(2, 0, 1)) == states(make(1, 2, 0))
    assert states(make(0, 1, 2)) != states(make(0, 1))
    assert states(make(0, 1, 2)) != states(make(0, 1, 1))
    assert states(make()) == states(make()) != states(make(0))


def test_a_state_is_of_one_run_and_one_party() -> None:
    """Others see the ledger's entry: it must tell them neither what the rows are nor whether they are as before."""
    other = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    found = {
        states(keyed(0, 1, 2)),
        states(keyed(0, 1, 2), OTHER),
        states(keyed(0, 1, 2), key=other),
    }
    assert len(found) == 3


def test_cells_have_places() -> None:
    assert states(cells(1, 2)) != states(cells(2, 1))
    assert states(cells(1, 2)) == states(cells(1, 2))


@dataclass
class Files:
    """What is asked of a party's file here."""

    party: str
    ledger: Path


ANSWER = Answer(
    ("insutype", "persons"),
    ((310, 20), (390, None)),
    (("value", "value"), ("value", "suppressed")),
    frozenset({"insutype"}),
    (None, None),
)
SALT = bytes(range(32))


def kept(tmp_path: Path, **change: Any) -> tuple[PartyFile, Released]:
    files = cast("PartyFile", Files("bureau", tmp_path / "bureau.sqlite"))
    said = {"question": {}, **ANSWER.to_json(), "salt": SALT.hex(), **change}
    path = answer_path(files, LABEL)
    path.parent.mkdir()
    path.write_text(json.dumps(said), "utf-8")
    return files, Released(LABEL, {}, commit(answer_bytes(ANSWER.to_json()), SALT))


def test_the_answer_that_was_kept_is_the_answer_that_was(tmp_path: Path) -> None:
    files, released = kept(tmp_path)
    found = kept_answer(files, planned(question(), records()), released)
    assert found is not None
    assert found.to_json() == ANSWER.to_json()
    assert found.labels == {"insutype"}
    assert kept_states(files, LABEL) == ANSWER.states
    assert salt_of(files, LABEL) == SALT


@pytest.mark.parametrize(
    "change",
    [
        {"rows": [[310, 21], [390, None]]},
        {"states": [["value", "value"], ["value", "value"]]},
        {"salt": "00" * 32},
        {"salt": "no"},
        {"rows": None},
    ],
)
def test_another_answer_is_not_shown(tmp_path: Path, change: Mapping[str, Any]) -> None:
    files, released = kept(tmp_path, **change)
    assert kept_answer(files, planned(question(), records()), released) is None


def test_an_answer_that_is_lost_is_not_shown(tmp_path: Path) -> None:
    files, released = kept(tmp_path)
    answer_path(files, LABEL).unlink()
    assert kept_answer(files, planned(question(), records()), released) is None
    assert kept_states(files, LABEL) is None
    assert salt_of(files, LABEL) is None


def test_a_flipped_cell_is_seen_at_a_recipient(tmp_path: Path) -> None:
    files, _ = kept(tmp_path)
    shown = (("value", "value"), ("value", "value"))
    assert flipped(files, [LABEL, OTHER], OTHER, shown)
    assert not flipped(files, [LABEL, OTHER], OTHER, ANSWER.states)
    assert not flipped(files, [LABEL], LABEL, shown)  # there is none before it
    assert not flipped(files, ["2" * 32, OTHER], OTHER, shown)  # which is lost


def entry(index: int, kind: str, **body: JSON) -> Entry:
    return Entry(index, "2026-01-01T00:00:00Z", kind, body, "0" * 64)


def run(at: int, label: str, state_of: JSON, *, template: str | None = None) -> list[Entry]:
    return [
        entry(at, "request", question="q", initiator="bureau", day="2026-01-01"),
        entry(at + 1, "decision", question="q", permit=True, policy="p", template=template),
        entry(at + 2, "start", run=label, plan="x", question="q", state=state_of),
        entry(at + 3, "finish", run=label, plan="x", result="r"),
    ]


def test_a_ledger_says_which_run_has_answered_a_plan() -> None:
    history = History.of([*run(0, LABEL, {"f": "s"}), *run(4, OTHER, {"f": "t"}, template="u")])
    assert history.released == {("x", "p"): Released(OTHER, {"f": "t"}, "r")}
    assert history.answered == {"x": [LABEL], "u": [OTHER]}


@pytest.mark.parametrize("left_out", ["start", "finish"])
def test_a_run_that_has_not_ended_or_kept_nothing_has_answered_nothing(left_out: str) -> None:
    entries = [each for each in run(0, LABEL, {"f": "s"}) if each.kind != left_out]
    assert History.of(entries).released == {}
    assert History.of(run(0, LABEL, None)).released == {}


@pytest.mark.parametrize(
    ("per", "kind", "body"),
    [
        ("initiator", "request", {"initiator": "bureau"}),
        ("dataset", "decision", {"datasets": ["insurer.policies"]}),
    ],
)
def test_a_budget_counts_by_what_it_names(per: Any, kind: str, body: dict[str, JSON]) -> None:
    found = records()
    rules = [
        rule.model_copy(update={"budget": Budget(questions=1, per=per)})
        for rule in found.policy.rules
    ]
    strict = replace(found, policy=Policy.of(tuple(rules), found.policy.accepted))
    fresh = History.of([])
    compile_question(question(), strict, known=Known(spending=fresh.spending))
    base: dict[str, dict[str, JSON]] = {
        "request": {"question": "q", "initiator": "other", "day": "2026-01-01"},
        "decision": {"question": "q", "permit": True, "datasets": ["other.table"]},
    }
    other = History.of([entry(i, k, **base[k]) for i, k in enumerate(base)])
    compile_question(question(), strict, known=Known(spending=other.spending))
    base[kind] |= body
    same = History.of([entry(i, k, **base[k]) for i, k in enumerate(base)])
    with pytest.raises(Exception, match=f"1 questions in all for each {per}, and 1 have been"):
        compile_question(question(), strict, known=Known(spending=same.spending))


def test_a_budget_for_each_purpose_needs_approvals_which_name_them() -> None:
    rule = records().policy.rules[0].model_dump(mode="json")
    budget = {"questions": 1, "per": "purpose"}
    with pytest.raises(
        ValueError, match="to require approval where it has a budget for each purpose"
    ):
        Rule.model_validate({**rule, "level": "NONE", "budget": budget})
