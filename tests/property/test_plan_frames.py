"""Frames against SQL: values are literals whatever they hold, and random frames have the plans of their SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add, and_, or_
from pathlib import Path

import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

import mpcstats as ms
from mpcstats.errors import UsageError
from mpcstats.plan.expression import identifier
from mpcstats.plan.frame import Frame, table
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.rule import Policy
from mpcstats.records.catalogue import Catalogue

SETTLEMENT = Path(__file__).parents[2] / "demos" / "settlement"
CATALOGUE = Catalogue.load(SETTLEMENT / "catalogue.toml")
SETTING = Setting(
    catalogue=CATALOGUE,
    engine="rep3",
    compute=("bureau", "hospital", "insurer"),
    initiator="bureau",
    recipients=("bureau",),
    scenario="supervision",
    purpose="a test",
    k=11,
    helpers=Policy.load(SETTLEMENT / "policy.toml").helpers,
)
E = table(CATALOGUE, "bureau.enrolment").named("e")
S = table(CATALOGUE, "bureau.settlement").named("s")
C = table(CATALOGUE, "hospital.cases").named("c")

Pair = tuple[ms.Expression, str]  # an expression and its SQL, made one by one
WORDS = st.lists(
    st.sampled_from(["'", '"', ";", "--", "/*", "\\", "\n", " OR 1=1", "%", "x", "你"])
)
TEXTS = st.one_of(st.text(), WORDS.map("".join))
WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)


def parsed(frame: Frame) -> exp.Expr:
    statements = sqlglot.parse(frame.sql(), read="duckdb")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Select)
    return statements[0]


@given(TEXTS, WHOLE)
def test_a_value_is_a_literal_and_nothing_else(text: str, number: int) -> None:
    frame = S.where(
        S.setl_id == text, S.setl_id.is_in(["a", text]), S.setl_id.like(text), S.setl_day > number
    )
    tree = parsed(frame.select("setl_id", said=text))
    where = tree.args["where"].this
    assert [n.this for n in where.find_all(exp.Literal, bfs=False) if n.is_string] == [
        text,
        "a",
        text,
        text,
    ]
    assert where.find(exp.GT).expression.to_py() == number
    assert tree.expressions[1].this == exp.Literal.string(text)
    for node in tree.find_all(exp.Literal):
        if node.is_string and node.this != "a":
            node.set("this", "x")
    # But for its values the text has the tree that it has with harmless ones.
    plain = S.where(
        S.setl_id == "x", S.setl_id.is_in(["a", "x"]), S.setl_id.like("x"), S.setl_day > number
    )
    if text != "a":
        assert tree == parsed(plain.select("setl_id", said="x"))


def test_a_text_that_were_spliced_in_would_be_noticed() -> None:
    text = "x' OR '1' = '1"
    written = S.where(S.setl_id == text)
    spliced = written.sql().replace(text.replace("'", "''"), text)
    assert spliced != written.sql()
    assert parsed(written) != sqlglot.parse_one(spliced, read="duckdb")


@given(TEXTS.filter(bool))
def test_a_name_is_a_name_and_nothing_else(name: str) -> None:
    tree = parsed(S.agg(**{name: ms.count()}))
    assert [item.alias for item in tree.expressions] == [name]
    assert identifier(name).this == name


# Plans ----------------------------------------------------------------------------------------------

NUMBER = st.integers(-9, 30_000)
TESTS: Sequence[tuple[str, Callable[[ms.Expression, int], ms.Expression]]] = (
    ("{c} = {n}", lambda c, n: c == n),
    ("{c} <> {n}", lambda c, n: c != n),
    ("{c} < {n}", lambda c, n: c < n),
    ("{c} >= {n}", lambda c, n: c >= n),
    ("{c} BETWEEN 0 AND {n}", lambda c, n: c.between(0, n)),
    ("{c} IN (1, {n})", lambda c, n: c.is_in([1, n])),
    ("{c} IS NULL", lambda c, _: c.is_null()),
    ("{c} % 7 + 1 < {n}", lambda c, n: c % 7 + 1 < n),
)


@st.composite
def comparisons(draw: st.DrawFn, frame: Frame, columns: Sequence[str]) -> Pair:
    """One comparison, or NOT one."""
    name, number = draw(st.sampled_from(columns)), draw(NUMBER)
    text, made = draw(st.sampled_from(TESTS))
    column = frame[name]
    sql = text.format(c=column.tree.sql("duckdb"), n=number)
    test = made(column, number)
    return (~test, f"NOT {sql}") if draw(st.booleans()) else (test, sql)


@st.composite
def conditions(draw: st.DrawFn, frame: Frame, columns: Sequence[str]) -> Pair:
    """ANDs of ORs."""
    clauses = draw(
        st.lists(
            st.lists(comparisons(frame, columns), min_size=1, max_size=3), min_size=1, max_size=3
        )
    )
    test = reduce(and_, (reduce(or_, (e for e, _ in clause)) for clause in clauses))
    texts = [" OR ".join(t for _, t in clause) for clause in clauses]
    wrapped = [
        f"({text})" if len(clause) > 1 and len(clauses) > 1 else text
        for text, clause in zip(texts, clauses, strict=True)
    ]
    return test, " AND ".join(wrapped)


@st.composite
def sums(draw: st.DrawFn, columns: Sequence[ms.Expression]) -> Pair:
    """A sum of multiples of columns."""
    parts = draw(
        st.lists(st.tuples(st.sampled_from(columns), st.integers(-3, 3)), min_size=1, max_size=2)
    )
    texts = (f"{c.tree.sql('duckdb')} * {n}" for c, n in parts)
    return reduce(add, (c * n for c, n in parts)), " + ".join(texts)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Frame, str]:
    """A frame over the bureau and the hospital, and its SQL."""
    of_cases, cases_sql = draw(conditions(C, ["tot_fee", "adm_day", "act_ipt_days"]))
    cases = C.where(of_cases).group_by("certno").agg(fee=ms.sum_(C.tot_fee)).named("k")
    cases_text = (
        f"(SELECT c.certno, SUM(c.tot_fee) AS fee FROM hospital.cases AS c WHERE {cases_sql} "
        "GROUP BY c.certno) AS k"
    )
    spine, spine_text, money = E, "bureau.enrolment AS e", [E.paid_amt, cases.fee]
    if draw(st.booleans()):
        fund = S.group_by("certno").agg(fund=ms.sum_(S.fund_pay_sumamt)).named("f")
        spine = E.join(fund, on="certno", how="left").select(
            "gend", "insutype", "brdy", "paid_amt", certno=E.certno, fund=ms.coalesce(fund.fund, 0)
        )
        spine_text = (
            "(SELECT e.gend, e.insutype, e.brdy, e.paid_amt, e.certno, COALESCE(f.fund, 0) AS fund "
            "FROM bureau.enrolment AS e LEFT JOIN (SELECT s.certno, SUM(s.fund_pay_sumamt) AS fund "
            "FROM bureau.settlement AS s GROUP BY s.certno) AS f ON e.certno = f.certno) AS e"
        )
        money = [spine.fund, spine.paid_amt, cases.fee]
    test, where = draw(conditions(spine, ["gend", "brdy", "paid_amt"]))
    total, total_text = draw(sums(money))
    frame = spine.where(test)
    if draw(st.booleans()):
        frame = frame.join(cases, on="certno")
        joined = f"{spine_text} JOIN {cases_text} ON e.certno = k.certno WHERE {where}"
    else:
        # Sums of what is not joined are refused at once, so only those of the spine are asked for.
        total, total_text = draw(sums([m for m in money if "k." not in m.tree.sql("duckdb")]))
        frame = frame.where(frame["certno"].is_in(cases.select("certno")))
        inner = f"SELECT k.certno FROM {cases_text}"
        joined = f"{spine_text} WHERE {_with_in(where, inner)}"
    keys = draw(st.lists(st.sampled_from(["gend", "insutype"]), unique=True))
    aggregates = {
        "n": ms.count(),
        "total": ms.sum_(total),
        "persons": ms.count_distinct(spine.certno),
    }
    texts = f"COUNT(*) AS n, SUM({total_text}) AS total, COUNT(DISTINCT e.certno) AS persons"
    if not keys:
        return frame.agg(**aggregates), f"SELECT {texts} FROM {joined}"
    columns = ", ".join(f"e.{key}" for key in keys)
    down = draw(st.booleans())
    return (
        frame.group_by(*(spine[key] for key in keys))
        .agg(**aggregates)
        .order_by("n", descending=down),
        f"SELECT {columns}, {texts} FROM {joined} GROUP BY {columns} ORDER BY n{' DESC' if down else ''}",
    )


def _with_in(where: str, inner: str) -> str:
    """`where`, and IN (`inner`)."""
    alone = isinstance(sqlglot.parse_one(where, read="duckdb"), exp.Or)
    return f"{f'({where})' if alone else where} AND e.certno IN ({inner})"


def outcome(text: str) -> Physical | str:
    """The plan, or the refusal without its place."""
    try:
        return plan_question(text, SETTING)
    except UsageError as error:
        return str(error).split(": ", 1)[-1]


@settings(max_examples=40)
@given(questions())
def test_a_frame_has_the_plan_of_its_sql(asked: tuple[Frame, str]) -> None:
    frame, text = asked
    ours, theirs = outcome(frame.sql()), outcome(text)
    if isinstance(theirs, Physical) and isinstance(ours, Physical):
        assert replace(ours, question=text).digest() == theirs.digest()
    else:
        assert ours == theirs


def test_another_frame_has_another_plan() -> None:
    frame = E.where(E.gend == 1).agg(n=ms.count())
    other = outcome("SELECT COUNT(*) AS n FROM bureau.enrolment AS e WHERE e.gend = 2")
    ours = outcome(frame.sql())
    assert isinstance(ours, Physical), ours
    assert isinstance(other, Physical)
    assert replace(ours, question=other.question).digest() != other.digest()


def test_most_random_frames_can_be_planned() -> None:
    planned = []

    @settings(max_examples=20, database=None, derandomize=True)
    @given(questions())
    def ask(asked: tuple[Frame, str]) -> None:
        planned.append(isinstance(outcome(asked[0].sql()), Physical))

    ask()
    assert sum(planned) > len(planned) // 2
