"""Random cohort questions on rep3 and clear equal their plain answers, whoever owns and helps."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.engines.clear import Clear
from mpcstats.errors import UsageError
from mpcstats.protocols.criterion import All, Bit, Formula, Not
from mpcstats.protocols.criterion import Any as AnyOf
from mpcstats.testing import run_together

OWNERS = ("a", "b", "c", "d", "e")
SMALL = st.integers(-(2**40), 2**40)


@st.composite
def tables(draw: st.DrawFn, worlds: ModuleType, owner: str) -> Any:
    keys = draw(st.lists(st.integers(0, 12), unique=True, max_size=10))
    bound = len(keys) + draw(st.integers(0, 3))
    return worlds.Table(
        owner,
        max(1, bound),
        tuple(keys),
        tuple(draw(SMALL) for _ in keys),
        tuple(draw(st.integers(0, 1)) for _ in keys),
    )


def formulas(count: int) -> st.SearchStrategy[Formula]:
    bits: st.SearchStrategy[Formula] = st.integers(0, count - 1).map(Bit)
    return st.recursive(
        bits,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda of: All(tuple(of))),
            st.lists(inner, min_size=2, max_size=3).map(lambda of: AnyOf(tuple(of))),
        ),
        max_leaves=4,
    )


@st.composite
def questions(draw: st.DrawFn, worlds: ModuleType) -> Any:
    spine_owner = draw(st.sampled_from(OWNERS))
    spine = draw(tables(worlds, spine_owner))
    owners = draw(st.lists(st.sampled_from([o for o in OWNERS if o != spine_owner]), max_size=3))
    others = tuple(draw(tables(worlds, owner)) for owner in owners)
    helpers = tuple(next(h for h in "cab" if h not in (spine_owner, owner)) for owner in owners)
    formula = draw(st.none() | formulas(len(others))) if others else None
    groups = draw(st.lists(st.integers(-1, len(others) - 1), unique=True, max_size=2))
    needed = tuple(Bit(g) for g in groups if g >= 0)  # a code is junk without its hit
    if needed:
        formula = All(
            (
                *needed,
                *(
                    [formula]
                    if formula
                    else [Bit(groups[-1] if groups[-1] >= 0 else needed[0].position)]
                ),
            )
        )
    columns = st.integers(-1, len(others) - 1)
    term = (
        st.lists(columns, max_size=2)
        .map(tuple)
        .map(lambda factors: (factors, tuple(sorted({f for f in factors if f >= 0}))))
    )
    totals = draw(st.lists(st.lists(term, min_size=1, max_size=2).map(tuple), max_size=2))
    return worlds.Question(
        spine,
        others,
        helpers,
        formula,
        tuple(groups),
        tuple(totals),
        k=draw(st.integers(1, 3)),
        recipients=tuple(
            draw(st.lists(st.sampled_from(OWNERS), unique=True, min_size=1, max_size=2))
        ),
    )


def check(worlds: ModuleType, question: Any, results: dict[str, Any]) -> None:
    shown, totals = worlds.expected(question)
    for party, opened in results.items():
        if party not in question.recipients:
            assert opened is None
            continue
        assert opened.shown.tolist() == shown
        wrapped = [[(v + 2**63) % 2**64 - 2**63 for v in total] for total in totals]
        assert opened.values.tolist() == wrapped


@settings(max_examples=60)
@given(st.data())
def test_rep3_equals_the_plain_answer(worlds: ModuleType, data: st.DataObject) -> None:
    question = data.draw(questions(worlds))
    check(worlds, question, run_together(worlds.PARTIES, worlds.body(question)).results)


@settings(max_examples=30)
@given(st.data())
def test_clear_equals_the_plain_answer(worlds: ModuleType, data: st.DataObject) -> None:
    question = data.draw(questions(worlds))
    body = worlds.body(question, Clear(("b",)))
    check(worlds, question, run_together(worlds.PARTIES, body).results)


def test_a_minimum_of_nobody_is_refused(worlds: ModuleType) -> None:
    spine = worlds.Table("a", 2, (1,), (5,), (0,))
    question = worlds.Question(spine, (), (), None, (), (), k=0)
    with pytest.raises(UsageError, match="at least 1 person"):
        run_together(worlds.PARTIES, worlds.body(question))
