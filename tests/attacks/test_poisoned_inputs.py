"""A provider poisons what it puts in: each attack moves the answer where nothing is checked, and fails where it is.

The provider follows the protocols, and its node's own checks of its data have passed or are patched out: it chooses
its words. What it cannot be kept from is in docs/checks.md, and here too: a lie that is consistent in itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.checked import CROSSED, ROWS, Table, consortium, poisoned

from mpcstats.party.answer import Answer
from mpcstats.plan.strictness import Checks

SOUND: Mapping[str, Table] = {
    "bureau.settlement": [ROWS["bureau.settlement"][i] for i in (0, 1, 5)],
    "h1.cases": [("s1", "a", 300, 120), ("s2", "b", 402, 50)],
    "h2.cases": [("s6", "f", 695, 80)],
}
TOTAL = (
    "SELECT SUM(s.fund) AS fund, COUNT(*) AS n FROM bureau.settlement s "
    "JOIN hospitals.cases c ON c.setl_id = s.setl_id WHERE c.total > 0"
)
JOINED = (
    "SELECT SUM(s.fee) AS fee, COUNT(*) AS n FROM bureau.settlement s JOIN hospitals.cases c ON c.setl_id = s.setl_id "
    "WHERE c.total > 0"
)
Lies = Mapping[tuple[str, str], Mapping[int, int]]


def asked(folder: Path, text: str, checks: Checks, lies: Lies, *, more: str = CROSSED) -> Answer:
    joint = consortium(folder, SOUND, more=more, engine="clear")
    with ExitStack() as stack:
        for (owner, column), words in lies.items():
            stack.enter_context(poisoned(owner, column, words))
        return joint.ask(text, checks=checks)


ATTACKS: Mapping[str, tuple[str, Lies]] = {
    "one number raised": (TOTAL, {("bureau", "fund"): {0: 900}}),
    "a number beyond its maximum": (TOTAL, {("bureau", "fund"): {0: 1 << 40}}),
    "a negative number": (TOTAL, {("bureau", "fund"): {0: -(1 << 40)}}),
    "a word that no comparison sees": (TOTAL, {("bureau", "fund"): {0: (1 << 63) + 5}}),
    "two numbers that even out": (TOTAL, {("bureau", "fund"): {0: 250, 1: 250, 2: 900}}),
    "a row that agrees with itself": (
        JOINED,
        {("bureau", "fee"): {0: 900}, ("bureau", "own"): {0: 700}},
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_where_nothing_is_checked(name: str, tmp_path: Path) -> None:
    text, lies = ATTACKS[name]
    right = asked(tmp_path, text, "none", {}).rows[0]
    assert asked(tmp_path, text, "none", lies).rows[0][0] != right[0]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_poisoned_row_counts_nowhere(name: str, tmp_path: Path) -> None:
    """The answer is that of the rows that were left as they are, and says how many were not."""
    text, lies = ATTACKS[name]
    wrong = {row for words in lies.values() for row in words}
    if name == "two numbers that even out":
        wrong = {0, 1, 2}
    kept = [row for i, row in enumerate(SOUND["bureau.settlement"]) if i not in wrong]
    amounts = [int(str(row[4 if text is TOTAL else 3])) for row in kept]
    answer = asked(tmp_path, text, "leave-out", lies)
    assert answer.rows[0][:2] == (sum(amounts), len(kept))
    told = dict(zip(answer.columns, answer.rows[0], strict=True))
    assert told["left_out_bureau"] == (len(wrong) if kept else None)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_poisoned_row_stops_the_run(name: str, tmp_path: Path) -> None:
    text, lies = ATTACKS[name]
    answer = asked(tmp_path, text, "stop", lies)
    assert set(answer.rows[0]) == {None}
    assert set(answer.states[0]) == {"suppressed"}
    assert asked(tmp_path, text, "stop", {}).suppressed == 0  # negative control


def test_a_consistent_lie_without_a_witness_is_believed(tmp_path: Path) -> None:
    """The limit: a provider that changes all parts of a row alike has other data, as far as others can tell."""
    text, lies = ATTACKS["a row that agrees with itself"]
    answer = asked(tmp_path, text, "leave-out", lies, more="")
    assert answer.rows[0][:2] == (300 + 400 + 700 + 600, 3)


def test_rows_that_are_repeated_are_believed(tmp_path: Path) -> None:
    """The limit: a row that is put in twice is two rows, of which each passes."""
    joint = consortium(tmp_path, SOUND, engine="clear")
    twice = {
        **SOUND,
        "h1.cases": [SOUND["h1.cases"][0], (None, "a", 300, 120), SOUND["h1.cases"][1]],
    }
    text = "SELECT SUM(c.total) AS total FROM hospitals.cases c"
    assert joint.ask(text, checks="leave-out").rows[0][0] == 300 + 402 + 695
    assert (
        consortium(tmp_path, twice, engine="clear").ask(text, checks="leave-out").rows[0][0] == 1697
    )
