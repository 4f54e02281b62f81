"""What checks are said to cost holds for what they send; the domain questions, checked, are DuckDB of what passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from tests.checked import CROSSED, consortium
from tests.joint import Joint, differences, oracle
from tests.pack import DATA, DEMO, HERE, MISSING, QUESTIONS, question, sampled
from tests.property.test_checks import QUESTIONS as SMALL
from tests.property.test_table_costs import check, smaller

ONE_IN = 120
needs_pack = pytest.mark.skipif(not HERE, reason=MISSING)


@pytest.mark.parametrize("checks", ["leave-out", "stop"])
@pytest.mark.parametrize("name", ["each person", "left join"])
def test_a_small_question_costs_no_more_than_is_said(
    name: str, checks: str, tmp_path: Path
) -> None:
    joint = consortium(tmp_path, more=CROSSED)
    check(joint.plan(SMALL[name], k=2, checks=checks), loose=20)  # type: ignore[arg-type]


def test_a_quotient_by_a_public_number_is_opened_from_its_bits(tmp_path: Path) -> None:
    text = (
        "SELECT SUM(s.fee + c.total) // 7 AS x FROM bureau.settlement s "
        "JOIN hospitals.cases c ON c.setl_id = s.setl_id"
    )
    check(consortium(tmp_path).plan(text), loose=20)


@pytest.fixture(scope="module")
def whole() -> Joint:
    return Joint.of_local(DEMO, data=DATA)


@pytest.fixture(scope="module")
def sample(whole: Joint, tmp_path_factory: pytest.TempPathFactory) -> Joint:
    found = sampled(whole, tmp_path_factory.mktemp("sample"), one_in=ONE_IN)
    return replace(found, engine="clear", compute=("x",))


@pytest.fixture(scope="module")
def plain(sample: Joint) -> Iterator[duckdb.DuckDBPyConnection]:
    with sample.together() as connection:
        yield connection


def passing(joint: Joint, text: str) -> str:
    """The question of the rows that pass the checks of which it reads a column."""
    words = set(re.findall(r"\w+", text))
    for dataset in joint.catalogue.datasets:
        asked = [check.holds for check in dataset.check if check.columns & words]
        if asked:
            kept = f"(SELECT * FROM {dataset.name} WHERE {' AND '.join(asked)})"
            text = text.replace(dataset.name, kept)
    return text


SHORT = frozenset(
    {"Q03", "Q05", "Q06", "Q09", "Q11"}
)  # lookups, groups on shares, windows, left joins, quotients
MARKED = [n if n in SHORT else pytest.param(n, marks=pytest.mark.long) for n in QUESTIONS]


@needs_pack
@pytest.mark.parametrize("name", MARKED)
def test_a_question_is_answered_of_the_rows_that_pass(
    sample: Joint, plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    answer = sample.ask(question(name), checks="leave-out")
    columns, rows = oracle(plain, passing(sample, question(name)))
    n = len(columns)
    cut = replace(
        answer,
        columns=answer.columns[:n],
        rows=tuple(row[:n] for row in answer.rows),
        states=tuple(row[:n] for row in answer.states),
        units=answer.units[:n],
    )
    assert differences(cut, columns, rows) == []
    assert set(answer.columns[n:]) <= {f"left_out_{d.owner}" for d in sample.catalogue.datasets}


@needs_pack
def test_some_settlements_of_the_sample_fail(
    sample: Joint, plain: duckdb.DuckDBPyConnection
) -> None:
    """Negative control: without them every question would be answered alike."""
    text = "SELECT COUNT(*) AS n, SUM(s.inscp_scp_amt) AS amount FROM bureau.settlement s"
    _, ((kept, amount),) = oracle(plain, passing(sample, text))
    _, ((every, _),) = oracle(plain, text)
    assert every > kept
    assert sample.ask(text, checks="leave-out").rows == ((kept, amount, every - kept),)


@needs_pack
@pytest.mark.parametrize("name", ["Q02", "Q07"])
def test_a_question_of_the_pack_costs_no_more_than_is_said(whole: Joint, name: str) -> None:
    check(smaller(whole.plan(question(name), k=11, checks="leave-out"), 400), loose=8)
