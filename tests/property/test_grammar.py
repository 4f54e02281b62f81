"""Random questions over the whole grammar: the run of the plan equals DuckDB over all tables together.

`pytest -rP` prints how many of them were answered, by feature of the grammar.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.joint import differences, oracle
from tests.property.grammar import Question, questions
from tests.property.worlds import World, worlds

from mpcstats.errors import UsageError

# What the planner may say of such questions: there is a bound to state, or another way to write them.
REFUSALS = tuple(
    re.compile(text)
    for text in (
        "expected a bound on how many rows have the same",
        "a LEFT JOIN or EXISTS with further comparisons",
        "cannot be computed over the columns of several owners",
        "expected a whole number, got",
        "state tighter bounds in the catalogue",
    )
)
LIMITS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ANSWERED = 5  # of ten questions with a feature, at least
# Further comparisons of a mark need at most one right row a key, and joins of joins a bound that few tables have.
OFTEN_REFUSED = {
    "residual of anti join": 1,
    "residual of semi join": 1,
    "residual of exists": 1,
    "join in sub-query": 1,
}
ENOUGH = 60  # questions with a feature, to say so


@dataclass(frozen=True)
class Case:
    """A question and the world that it is asked in."""

    world: World
    question: Question

    def __repr__(self) -> str:
        return f"{self.question!r}{self.world!r}"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    world = draw(worlds())
    return Case(world, draw(questions(world)))


@dataclass(frozen=True)
class Tally:
    """How many questions were answered and how many asked, by feature; "all" has all of them."""

    answered: Counter[str]
    asked: Counter[str]

    def note(self, case: Case, *, answered: bool) -> None:
        names = ["all", *sorted(case.question.features)]
        self.asked.update(names)
        if answered:
            self.answered.update(names)

    def __str__(self) -> str:
        return "\n".join(
            f"{name}: {self.answered[name]} of {asked}"
            for name, asked in sorted(self.asked.items())
        )

    def refused_too_often(self) -> dict[str, str]:
        """The features of which too few questions are answered."""
        return {
            name: f"{self.answered[name]} of {asked}"
            for name, asked in self.asked.items()
            if asked >= ENOUGH
            and 10 * self.answered[name] < OFTEN_REFUSED.get(name, ANSWERED) * asked
        }


def compare(case: Case, engine: str, directory: Path) -> None:
    """Plan, run and compare with DuckDB. Raises UsageError if the planner refuses."""
    joint = case.world.joint(directory, engine)
    question = case.question
    plan = joint.plan(question.text)
    answer = joint.answer(plan)
    with joint.together() as connection:
        columns, rows = oracle(connection, question.text)
        if not question.groups:
            ((behind,),) = connection.execute(question.rows).fetchall()
            if behind == 0:
                # Nobody is there.
                nothing = [set(states) == {"suppressed"} for states in answer.states]
                assert all(nothing) or not any(*answer.rows)
                return
    assert answer.suppressed == 0, answer
    assert differences(answer, columns, rows, ordered=question.ordered) == []


def ask(case: Case, engine: str, tally: Tally) -> None:
    """Plan, run and compare; a refusal must be one of REFUSALS."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            compare(case, engine, Path(directory))
        except UsageError as error:
            if not any(known.search(str(error)) for known in REFUSALS):
                raise
            tally.note(case, answered=False)
        else:
            tally.note(case, answered=True)


# Slices, each with questions of its own: one test of 2,000 questions would look like one that hangs.
@pytest.mark.parametrize(
    ("engine", "examples", "start"),
    [
        ("clear", 40, 0),
        ("rep3", 20, 0),
        *(pytest.param("clear", 200, i, marks=pytest.mark.long) for i in range(1, 11)),
        pytest.param("rep3", 200, 11, marks=pytest.mark.long),
    ],
)
def test_it_equals_duckdb(engine: str, examples: int, start: int) -> None:
    tally = Tally(Counter(), Counter())

    @seed(start)
    @settings(LIMITS, max_examples=examples, derandomize=False, database=None)
    @given(cases())
    def equal(case: Case) -> None:
        ask(case, engine, tally)

    equal()
    sys.stdout.write(f"{tally}\n")
    assert tally.refused_too_often() == {}


def test_a_feature_that_is_refused_too_often_is_noticed() -> None:
    tally = Tally(Counter({"all": 60, "median": 29}), Counter({"all": 90, "median": 60, "lag": 59}))
    assert tally.refused_too_often() == {"median": "29 of 60"}
