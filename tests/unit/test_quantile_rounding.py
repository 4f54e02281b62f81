"""Quantiles that are rounded in place of the rule on ranks: what is told, what is not, what the policy holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_releases import CODES, answers, catalogue, files, question, records

from mpcstats.errors import PolicyRefused
from mpcstats.party.compile import Records, case_of, compile_question, planned
from mpcstats.plan.relational.opening import nearest
from mpcstats.plan.tables import Call, Node, Number
from mpcstats.policy.check import reasons
from mpcstats.policy.rule import Rule, wider

LEAKAGE = [
    *("size-bound", "gated-cell", "suppression-pattern", "shuffled-order", "shuffled-destination"),
]
# In ward 1 are 42 persons, whose fees are 0 to 13; in ward 2 14, whose fees are 0 to 10.
TEXT = (
    "SELECT ward, COUNT(*) AS n, MEDIAN(fee) AS half, QUANTILE_DISC(fee, 0.9) AS most, 2 * MEDIAN(fee) + 1 AS twice "
    "FROM hospitals.cases GROUP BY ward ORDER BY ward"
)


def known(folder: Path, **rule: Any) -> Records:
    return records(catalogue(folder, CODES, own=True), leakage=LEAKAGE, **rule)


def asked(text: str = TEXT) -> Any:
    return question(text)


def rows(folder: Path, text: str = TEXT, **rule: Any) -> list[tuple[Any, ...]]:
    (found,) = [a for a in answers(asked(text), known(folder, **rule), files(folder)).values() if a]
    return [tuple(row[1:]) for row in found.rows]


def value(node: Node) -> int:
    """What a node of numbers is, divided as SQL does."""
    match node:
        case Number(number):
            return number
        case Call("add", (a, b)):
            return value(a) + value(b)
        case Call("sub", (a, b)):
            return value(a) - value(b)
        case Call("mul", (a, b)):
            return value(a) * value(b)
        case Call("floordiv", (a, b)):
            whole = abs(value(a)) // value(b)
            return whole if value(a) >= 0 else -whole
        case _:
            raise AssertionError(node)


@given(number=st.integers(-1000, 1000), base=st.integers(1, 90), below=st.integers(0, 50))
def test_the_nearest_multiple_is_nearest_and_the_higher_one_of_two(
    number: int, base: int, below: int
) -> None:
    found = value(nearest(Number(number), base, number - below))
    assert found % base == 0
    assert -base < 2 * (number - found) <= base or 2 * (found - number) == base
    assert 2 * abs(found - number) <= base
    if 2 * abs(found - number) == base:
        assert found > number


def test_quantiles_are_multiples_wherever_their_rank_is(tmp_path: Path) -> None:
    """Exact, the ranks hide all but the median of ward 1; rounded, all are told that enough persons are behind."""
    exact = rows(tmp_path)
    assert [row[1] is None for row in exact] == [False, True]
    assert [row[2] is None for row in exact] == [True, True]
    rounded = rows(tmp_path, quantile_rounding=5)
    assert [row[0] for row in rounded] == [row[0] for row in exact]
    assert all(row[1] % 2.5 == 0 and row[2] % 5 == 0 for row in rounded)  # the mean of two values
    assert abs(rounded[0][1] - exact[0][1]) <= 2.5
    assert [row[3] for row in rounded] == [2 * row[1] + 1 for row in rounded]


def test_extremes_keep_their_rule_and_so_do_small_cells(tmp_path: Path) -> None:
    text = TEXT.replace("COUNT(*) AS n", "MAX(fee) AS high, QUANTILE_DISC(fee, 1) AS end")
    found = rows(tmp_path, text, quantile_rounding=5)
    assert [row[:2] for row in found] == [(None, None)] * 2
    assert all(row[2] is not None for row in found)
    small = rows(tmp_path, text, quantile_rounding=5, minimum_persons=15)
    assert [row[2] is None for row in small] == [False, True]


def test_a_condition_on_a_quantile_is_about_what_is_told(tmp_path: Path) -> None:
    """Else bisection over HAVING would find the exact value."""
    text = "SELECT ward, COUNT(*) AS n FROM hospitals.cases GROUP BY ward HAVING MEDIAN(fee) {} ORDER BY ward"
    half = rows(tmp_path, TEXT, quantile_rounding=5)[0][1]
    at = rows(tmp_path, text.format(f"= {half}"), quantile_rounding=5)
    assert at
    assert at[0][0] == 42
    assert not rows(tmp_path, text.format(f"> {half}"), quantile_rounding=5)


def test_the_policy_does_not_take_an_exact_one(tmp_path: Path) -> None:
    """A plan that tells more than the rule permits, both ways round."""
    plain, rounding = known(tmp_path), known(tmp_path, quantile_rounding=5)
    for have, want, words in (
        (plain, rounding, "quantiles rounded to 5, and"),
        (rounding, plain, "persons on each side of a quantile, of which nothing is known"),
    ):
        case = replace(case_of(planned(asked(), have), asked(), have), policy=want.policy)
        said = [reason.text for reason in reasons(case)]
        assert sum(words in each for each in said) >= 3
    finer = known(tmp_path, quantile_rounding=4)
    case = replace(case_of(planned(asked(), finer), asked(), finer), policy=rounding.policy)
    assert any("tells one exactly" in reason.text for reason in reasons(case))
    twice = known(tmp_path, quantile_rounding=10)
    case = replace(case_of(planned(asked(), twice), asked(), twice), policy=rounding.policy)
    assert not any("quantile" in reason.text for reason in reasons(case))
    compile_question(asked(), rounding)
    with pytest.raises(PolicyRefused, match="no"):
        compile_question(asked(), known(tmp_path, permit=False, because="no"))


def test_neither_rule_permits_all_that_the_other_does() -> None:
    def rule(base: int) -> Rule:
        told = {
            "leakage": ["a"],
            "recipients": ["*"],
            "engines": ["rep3"],
            "quantile_rounding": base,
        }
        return Rule.model_validate({"scenario": "audit", "level": "LOW", "permit": True, **told})

    assert list(wider(rule(5), rule(1))) == ["quantiles rounded to 5"]
    assert list(wider(rule(1), rule(5))) == ["quantiles that are exact"]
    assert list(wider(rule(5), rule(10))) == ["quantiles rounded to 5"]
    assert not list(wider(rule(10), rule(5)))
    assert not list(wider(rule(5), rule(5)))
