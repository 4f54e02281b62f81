"""Laws of templates: no question leaves its template but by literals within bounds, however it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlglot
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from mpcstats.plan.template import Pattern
from mpcstats.records.papers.template import Template

CHECKOUT = Path(__file__).parents[2]
QUESTIONS = CHECKOUT.parent / "shared" / "domain" / "questions"
ASKED = (CHECKOUT / "demos" / "settlement" / "question.sql").read_text(encoding="utf-8")
# Without comments, whose words would be the blanks of a test, and without functions that sqlglot prints otherwise.
LINES = [line for line in ASKED.splitlines() if not line.startswith("--")]
SQL = "\n".join(LINES).replace("UPPER(TRIM(certno))", "certno")
SQL = SQL.replace("UPPER(TRIM(p.certno))", "p.certno")
SLOTS: list[dict[str, Any]] = [
    {"name": "first", "type": "integer", "minimum": -100, "maximum": 20000},
    {"name": "last", "type": "integer", "minimum": 19723, "maximum": 20453},
    {"name": "low", "type": "text", "allowed": ["E10", "I10", "C00"]},
]
FORM = SQL.replace("19723", ":first").replace("20088", ":last").replace("'E10'", ":low")


def pattern(sql: str = FORM, slots: list[dict[str, Any]] = SLOTS) -> Pattern:
    return Pattern.of(Template.model_validate({"sql": sql, "slots": slots}))


def question(first: int = 19723, last: int = 20088, low: str = "E10") -> str:
    text = "'" + low.replace("'", "''") + "'"
    return FORM.replace(":first", str(first)).replace(":last", str(last)).replace(":low", text)


PATTERN = pattern()
TREE = sqlglot.parse_one(SQL, read="duckdb")
labels = st.sampled_from(["E10", "I10", "C00"])
SOME = settings(max_examples=25)  # parsing is the time of it


@SOME
@given(st.integers(-100, 20000), st.integers(19723, 20453), labels)
def test_literals_within_bounds_are_inside(first: int, last: int, low: str) -> None:
    assert PATTERN.outside(question(first, last, low)) is None


@SOME
@given(st.integers(), st.integers(), st.one_of(labels, st.text("EIC019 x'", max_size=4)))
def test_literals_outside_bounds_are_outside(first: int, last: int, low: str) -> None:
    inside = -100 <= first <= 20000 and 19723 <= last <= 20453 and low in ("E10", "I10", "C00")
    assert (PATTERN.outside(question(first, last, low)) is None) == inside


@SOME
@given(st.text(" \n\t", min_size=1, max_size=4), st.text("abc -*", max_size=12), st.booleans())
def test_formatting_and_comments_do_not_matter(blank: str, comment: str, small: bool) -> None:
    assume("*/" not in comment and "/*" not in comment)
    spaced = question().replace(" ", blank).replace("SUM(", "sum(" if small else "SUM(")
    spaced = spaced.replace("SELECT", "select" if small else "SELECT")
    assert PATTERN.outside(f"/* {comment} */{spaced}\n-- {comment}") is None


@pytest.mark.parametrize("pretty", [False, True])
def test_the_changes_below_are_the_only_ones(pretty: bool) -> None:
    assert PATTERN.outside(TREE.sql("duckdb", comments=False, pretty=pretty)) is None


def parts(kind: type[exp.Expr]) -> list[int]:
    """The numbers, in the order of a walk, of the nodes of a kind in the question's tree."""
    return [n for n, node in enumerate(TREE.walk()) if isinstance(node, kind)]


def changed(number: int, change: exp.Expr) -> str:
    copy = TREE.copy()
    node = list(copy.walk())[number]
    node.replace(change)
    return copy.sql("duckdb", comments=False)


@SOME
@given(st.sampled_from(parts(exp.Column)), st.sampled_from(["certno", "insuplc", "paid_amt"]))
def test_another_column_is_outside(number: int, name: str) -> None:
    column = list(TREE.walk())[number]
    assume(column.name != name)
    assert PATTERN.outside(changed(number, exp.column(name, column.args.get("table")))) is not None


@SOME
@given(st.sampled_from(parts(exp.Literal)), st.integers(0, 30000))
def test_a_literal_that_is_no_placeholder_is_fixed(number: int, value: int) -> None:
    literal = list(TREE.walk())[number]
    assume(literal.this not in ("19723", "20088", "E10", str(value)))
    assert PATTERN.outside(changed(number, exp.Literal.number(value))) is not None


@SOME
@given(
    st.sampled_from(parts(exp.Select)),
    st.sampled_from(["1 = 1", "paid_amt > 3", "certno = 'x'", "insutype IN (310)"]),
)
def test_another_predicate_is_outside(number: int, predicate: str) -> None:
    copy = TREE.copy()
    select = list(copy.walk())[number]
    assert isinstance(select, exp.Select)
    select.where(predicate, copy=False, dialect="duckdb")
    assert PATTERN.outside(copy.sql("duckdb", comments=False)) is not None


@SOME
@given(st.sampled_from(range(1, len(list(TREE.walk())))))
def test_what_is_left_out_is_missed(number: int) -> None:
    copy = TREE.copy()
    list(copy.walk())[number].pop()
    try:
        left = copy.sql("duckdb", comments=False)
    except (
        AttributeError,
        KeyError,
        TypeError,
    ):  # sqlglot cannot print a tree that lacks this part
        assume(False)
    assume(left != TREE.sql("duckdb", comments=False))
    assert PATTERN.outside(left) is not None


@pytest.mark.parametrize(
    "text",
    [
        FORM,  # a placeholder is no literal
        SQL.replace("19723", "19722 + 1"),
        SQL.replace("19723", "019723"),
        SQL.replace("19723", "'19723'"),
        SQL.replace("19723", "1.9723e4"),
        SQL.replace("19723", "19723.0"),
        SQL.replace("19723", "(19723)"),
        SQL.replace("19723", "setl_day"),
        SQL.replace("19723", "(SELECT MIN(setl_day) FROM bureau.settlement)"),
        SQL + "LIMIT 3",
        SQL + "; SELECT 1",
        SQL.replace("ORDER BY e.insutype", "ORDER BY e.insutype DESC"),
        SQL.replace("JOIN insured", "LEFT JOIN insured"),
        SQL.replace("JOIN insured i", "JOIN enrolled i"),
        SQL.replace("SUM(i.paid)", "AVG(i.paid)"),
        SQL.replace("AS persons", "AS people"),
        SQL.replace("OR (diag_2", "AND (diag_2"),
        SQL + "-- sqlglot.meta case_sensitive",
        "",
        "DELETE FROM bureau.settlement",
        "(" * 3000,
    ],
)
def test_everything_else_is_outside(text: str) -> None:
    assert PATTERN.outside(text) is not None


def test_one_placeholder_is_one_value() -> None:
    twice = pattern(
        "SELECT SUM(a) FROM b.c WHERE d > :n OR e > :n",
        [{"name": "n", "type": "integer", "minimum": 0, "maximum": 9}],
    )
    assert twice.outside("SELECT SUM(a) FROM b.c WHERE d > 3 OR e > 3") is None
    assert "one and the same literal wherever :n stands" in str(
        twice.outside("SELECT SUM(a) FROM b.c WHERE d > 3 OR e > 4")
    )


def test_the_digest_names_sql_and_bounds() -> None:
    assert pattern(f"/* a template */ {FORM}", SLOTS[::-1]).digest == PATTERN.digest
    wider = [{**SLOTS[0], "maximum": 20001}, *SLOTS[1:]]
    assert pattern(FORM, wider).digest != PATTERN.digest
    assert pattern(FORM.replace("status = 1", "status = 2")).digest != PATTERN.digest


@pytest.mark.skipif(not QUESTIONS.is_dir(), reason="the domain pack is not beside this checkout")
def test_the_questions_of_the_domain_are_templates_of_themselves_alone() -> None:
    texts = {
        path.name: path.read_text(encoding="utf-8") for path in sorted(QUESTIONS.glob("*.sql"))
    }
    assert len(texts) >= 12
    for name, text in texts.items():
        own = pattern(text, [])
        assert [other for other, asked in texts.items() if own.outside(asked) is None] == [name]
