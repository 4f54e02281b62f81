"""Frames: each is the SQL that somebody would write, and a name or a use that cannot be is refused at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlglot

import mpcstats as ms
from mpcstats.errors import UsageError
from mpcstats.party.client import Party, local_records
from mpcstats.party.compile import NOTHING, planned
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.node import Node
from mpcstats.plan.frame import Frame, table
from mpcstats.records.catalogue import Catalogue

ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
CATALOGUE = Catalogue.load(SETTLEMENT / "catalogue.toml")
SIX = Catalogue.load(ROOT / "demos" / "six_parties" / "catalogue.toml")

E = table(CATALOGUE, "bureau.enrolment").named("e")
S = table(CATALOGUE, "bureau.settlement").named("s")
C = table(CATALOGUE, "hospital.cases").named("c")
P = table(CATALOGUE, "insurer.policies")
FUND = S.where(S.setl_day > 0).group_by(S.certno).agg(fund=ms.sum_(S.fund_pay_sumamt)).named("f")
FUND_SQL = (
    "SELECT s.certno, SUM(s.fund_pay_sumamt) AS fund FROM bureau.settlement AS s "
    "WHERE s.setl_day > 0 GROUP BY s.certno"
)
ENROLLED = E.join(FUND, on="certno", how="left").select(
    E.certno, kind=E.insutype, fund=ms.coalesce(FUND.fund, 0)
)
ENROLLED_SQL = (
    f"SELECT e.certno, e.insutype AS kind, COALESCE(f.fund, 0) AS fund FROM bureau.enrolment AS e "
    f"LEFT JOIN ({FUND_SQL}) AS f ON e.certno = f.certno"
)
BIG = E.where(E.paid_amt > 5)
COUNTS = E.group_by("gend").agg(n=ms.count())
COUNTS_SQL = "SELECT e.gend, COUNT(*) AS n FROM bureau.enrolment AS e GROUP BY e.gend"

WRITTEN: tuple[tuple[Frame, str], ...] = (
    (P, "SELECT * FROM insurer.policies"),
    (P.select("certno"), "SELECT policies.certno FROM insurer.policies"),
    (E, "SELECT * FROM bureau.enrolment AS e"),
    (BIG, "SELECT * FROM bureau.enrolment AS e WHERE e.paid_amt > 5"),
    (
        BIG.where((E.gend == 1) | (E.gend == 2), BIG.insuplc.is_null()),
        "SELECT * FROM bureau.enrolment AS e WHERE e.paid_amt > 5 AND (e.gend = 1 OR e.gend = 2) AND e.insuplc IS NULL",
    ),
    (FUND, FUND_SQL),
    (ENROLLED, ENROLLED_SQL),
    (
        E.join(C, on=(E.certno == C.certno) & (E.gend == 1)),
        "SELECT * FROM bureau.enrolment AS e JOIN hospital.cases AS c ON e.certno = c.certno AND e.gend = 1",
    ),
    (
        S.join(C, on=["certno", "setl_id"]).agg(n=ms.count()),
        (
            "SELECT COUNT(*) AS n FROM bureau.settlement AS s JOIN hospital.cases AS c "
            "ON s.certno = c.certno AND s.setl_id = c.setl_id"
        ),
    ),
    (
        E.join(C.where(C.tot_fee > 1), on="certno").agg(fee=ms.sum_(C.tot_fee)),
        (
            "SELECT SUM(c.tot_fee) AS fee FROM bureau.enrolment AS e "
            "JOIN (SELECT * FROM hospital.cases AS c WHERE c.tot_fee > 1) AS c ON e.certno = c.certno"
        ),
    ),
    (
        E.join(C, on="certno", how="semi").select("gend"),
        "SELECT e.gend FROM bureau.enrolment AS e SEMI JOIN hospital.cases AS c ON e.certno = c.certno",
    ),
    (
        E.join(C, on="certno", how="anti").select("gend"),
        "SELECT e.gend FROM bureau.enrolment AS e ANTI JOIN hospital.cases AS c ON e.certno = c.certno",
    ),
    (
        E.join(C, on="certno", how="right").join(S, on=S.certno == C.certno, how="full"),
        (
            "SELECT * FROM bureau.enrolment AS e RIGHT JOIN hospital.cases AS c ON e.certno = c.certno "
            "FULL JOIN bureau.settlement AS s ON s.certno = c.certno"
        ),
    ),
    (
        E.where(E.certno.is_in(C.select("certno")), ~E.certno.is_in(P.select(P.certno))),
        (
            "SELECT * FROM bureau.enrolment AS e WHERE e.certno IN (SELECT c.certno FROM hospital.cases AS c) "
            "AND NOT e.certno IN (SELECT policies.certno FROM insurer.policies)"
        ),
    ),
    (COUNTS, COUNTS_SQL),
    (
        E.group_by(E.gend, young=ms.case((E.brdy > 9000, "yes"), default="no")).agg(n=ms.count()),
        (
            "SELECT e.gend, CASE WHEN e.brdy > 9000 THEN 'yes' ELSE 'no' END AS young, COUNT(*) AS n "
            "FROM bureau.enrolment AS e GROUP BY e.gend, CASE WHEN e.brdy > 9000 THEN 'yes' ELSE 'no' END"
        ),
    ),
    (
        COUNTS.where(COUNTS.n > 3).select("gend", more=COUNTS.n + 1),
        f"SELECT e.gend, e.n + 1 AS more FROM ({COUNTS_SQL}) AS e WHERE e.n > 3",
    ),
    (
        COUNTS.group_by("n").agg(kinds=ms.count()),
        f"SELECT e.n, COUNT(*) AS kinds FROM ({COUNTS_SQL}) AS e GROUP BY e.n",
    ),
    (COUNTS.order_by("n", descending=True).order_by(E.gend), f"{COUNTS_SQL} ORDER BY n DESC, gend"),
    (COUNTS.order_by(COUNTS.n, "gend").limit(3), f"{COUNTS_SQL} ORDER BY n, gend LIMIT 3"),
    (
        COUNTS.order_by(COUNTS.n).limit(3).order_by("gend").limit(2).limit(1),
        f"SELECT * FROM (SELECT * FROM ({COUNTS_SQL} ORDER BY n LIMIT 3) AS e ORDER BY e.gend LIMIT 2) AS e LIMIT 1",
    ),
    (E.select("gend").distinct(), "SELECT DISTINCT e.gend FROM bureau.enrolment AS e"),
    (E.distinct(), "SELECT DISTINCT * FROM bureau.enrolment AS e"),
    (
        E.select("gend").limit(5).distinct(),
        "SELECT DISTINCT * FROM (SELECT e.gend FROM bureau.enrolment AS e LIMIT 5) AS e",
    ),
    (
        E.order_by(E.brdy + 1).order_by("gend").limit(1),
        "SELECT * FROM bureau.enrolment AS e ORDER BY e.brdy + 1, e.gend LIMIT 1",
    ),
    (E.select("gend").order_by(E.brdy), "SELECT e.gend FROM bureau.enrolment AS e ORDER BY e.brdy"),
    (
        BIG.named("b").select("gend"),
        "SELECT b.gend FROM (SELECT * FROM bureau.enrolment AS e WHERE e.paid_amt > 5) AS b",
    ),
    (
        E.agg(**{"Two words": ms.count(), "order": ms.max_(E.brdy)}),
        'SELECT COUNT(*) AS "Two words", MAX(e.brdy) AS "order" FROM bureau.enrolment AS e',
    ),
)


@pytest.mark.parametrize(("frame", "text"), WRITTEN)
def test_a_frame_is_what_its_sql_parses_to(frame: Frame, text: str) -> None:
    written = frame.sql()
    assert sqlglot.parse_one(written, read="duckdb") == sqlglot.parse_one(text, read="duckdb")
    assert frame.sql() == written


def test_a_union_has_its_party_and_what_all_its_tables_have() -> None:
    cases = table(SIX, "hospitals.cases")
    assert cases.columns[0] == "party"
    assert {"certno", "diag_main"} <= set(cases.columns)


def test_a_frame_never_changes_and_can_be_copied() -> None:
    before = E.sql()
    E.where(E.gend == 1).select("gend").order_by("gend")
    assert E.sql() == before
    assert copy.copy(FUND).sql() == FUND.sql()
    assert repr(P) == "<frame SELECT * FROM insurer.policies>"
    assert repr(P.group_by("certno")) == f"<{P!r} grouped by certno>"
    assert not hasattr(E, "_repr_png_")
    assert {"gend", "where"} <= set(dir(E))


TWO = E.join(C, on="certno")
BAD: tuple[tuple[Callable[[], object], str], ...] = (
    (
        lambda: table(CATALOGUE, "bureau.setlement"),
        "unknown dataset 'bureau.setlement' (did you mean 'bureau.settlement'?); the catalogue has: bureau.enrolment, ",
    ),
    (lambda: table(CATALOGUE, "x"), "unknown dataset 'x'; the catalogue has: "),
    (
        lambda: E.gent,
        "unknown column 'gent' of 'e' (did you mean 'gend'?); existing columns: certno, insutype, gend,",
    ),
    (lambda: E["zzz"], "unknown column 'zzz' of 'e'; existing columns: certno, "),
    (lambda: E.GEND, "did you mean 'gend'?"),
    (lambda: FUND.insutype, "unknown column 'insutype' of 'f'; existing columns: certno, fund"),
    (lambda: E[0], "expected the name of a column, got 0"),  # type: ignore[index]
    (lambda: list(E), "expected the name of a column, got 0"),  # type: ignore[call-overload]
    (
        lambda: E.named("e; x"),
        "expected a relation's name of at most 40 lower-case letters, digits and _, got 'e;",
    ),
    (lambda: bool(E), "expected no true or false of a frame"),
    (
        lambda: TWO.certno,
        "'certno' is in more than one relation: take it from one, e.certno or c.certno",
    ),
    (
        TWO.distinct,
        "expected each column once, got certno from more than one relation: say with select()",
    ),
    (lambda: P.join(TWO, on=P.certno == E.certno), "expected each column once, got certno"),
    (E.where, "expected where(condition, ...), got none"),
    (lambda: E.where(E.gend), "expected a condition, got the value e.gend"),
    (lambda: E.where(True), "expected a condition, got bool True"),  # type: ignore[arg-type]
    (
        lambda: E.where(ms.count() > 1),
        "where(): expected no aggregate, got <expression COUNT(*) > 1>: ask for",
    ),
    (
        lambda: E.where(C.tot_fee > 1),
        "where(): <expression c.tot_fee > 1> has a column of another 'c' than this",
    ),
    (
        lambda: E.where(table(CATALOGUE, "bureau.settlement").named("e").setl_day > 1),
        "of another 'e' than this",
    ),
    (
        lambda: E.join(FUND, on=E.certno == S.certno),
        "on: <expression e.certno = s.certno> has a column of another",
    ),
    (lambda: E.join(C, on="certno", how="semi").select(C.tot_fee), "has a column of another 'c'"),
    (lambda: E.join(E, on="certno"), "expected a name of its own for each relation, got 'e' twice"),
    (lambda: E.join(C, on="gend"), "unknown column 'gend' of 'c'"),
    (lambda: E.join(C, on=[]), "expected on=condition, or on=[names of columns]"),
    (lambda: E.join(C, on=E.certno), "expected a condition, got the value e.certno"),
    (
        lambda: E.join(C, on="certno", how="asof"),
        "expected a join of inner, left, right, full, semi, anti, got 'asof'",
    ),
    (lambda: E.join("c", on="certno"), "expected a frame to join, got str"),  # type: ignore[arg-type]
    (lambda: BIG.join(C, on="certno", how="full"), "expected where() after a full join"),
    (lambda: E.join(C, on=ms.count() == 1), "on: expected no aggregate, got"),
    (lambda: E.select("gend", n=ms.count()), "select(): expected no aggregate, got"),
    (lambda: E.group_by(k=2), "expected a column in group_by(), got <expression 2> as 'k'"),
    (E.select, "expected select(column, ...), got none"),
    (
        lambda: E.select(E.gend + 1),
        "select(): expected name=..., for <expression e.gend + 1> is no plain column",
    ),
    (lambda: E.select("gend", gend=E.brdy), "select(): expected each name once, got 'gend' twice"),
    (lambda: E.select("gend", Gend=E.brdy), "got 'Gend' twice"),
    (E.group_by, "expected group_by(column, ...), got none"),
    (
        lambda: E.group_by(n=ms.count()),
        "group_by(): expected no aggregate, got <expression COUNT(*)>",
    ),
    (lambda: E.group_by("gend").agg(), "expected agg(name=aggregate, ...), got none"),
    (
        lambda: E.agg(x=E.gend),
        "expected an aggregate as x: count(), count_distinct(x), sum_(x), ..., got <expr",
    ),
    (
        lambda: E.group_by("gend").agg(gend=ms.count()),
        "agg(): expected each name once, got 'gend' twice",
    ),
    (lambda: COUNTS.order_by("brdy"), "unknown column 'brdy' of 'e'"),
    (
        lambda: COUNTS.order_by(E.brdy),
        "expected an output column in order_by(): gend, n; got <expression e.brdy>",
    ),
    (lambda: COUNTS.order_by(COUNTS.n + 1), "expected an output column in order_by(): gend, n"),
    (
        lambda: E.order_by(C.tot_fee),
        "order_by(): <expression c.tot_fee> has a column of another 'c'",
    ),
    (lambda: E.order_by(1), "expected a column in order_by(), got 1"),  # type: ignore[arg-type]
    (E.order_by, "expected order_by(column, ...), got none"),
    (lambda: E.limit(-1), "expected a number of rows, got -1"),
    (lambda: E.limit(True), "expected a number of rows, got True"),
    (
        lambda: E.gend.is_in(COUNTS),
        "expected a frame of one column to look values up in: select one of gend, n",
    ),
)


@pytest.mark.parametrize(("write", "said"), BAD)
def test_what_cannot_be_is_refused_where_it_is_written(
    write: Callable[[], object], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        write()
    assert said in str(caught.value)


# Parties --------------------------------------------------------------------------------------------


def bureau() -> Party:
    """The bureau of the settlement demo, which plans and decides, and cannot run."""
    records = local_records(LocalFile.load(SETTLEMENT))
    node = SimpleNamespace(me="bureau", records=records, known=lambda _: NOTHING)
    return Party(cast(Node, node))


def test_a_frame_s_question_is_that_of_its_sql() -> None:
    party = bureau()
    e, c = party.table("bureau.enrolment"), party.table("hospital.cases")
    frame = e.join(c, on="certno").group_by(e.gend).agg(n=ms.count())
    said: dict[str, Any] = {
        "scenario": "supervision",
        "purpose": "a test",
        "to": "hospital",
        "project": "p",
    }
    asked = party.ask(frame, **said)
    written = party.sql(
        "SELECT enrolment.gend, COUNT(*) AS n FROM bureau.enrolment JOIN hospital.cases "
        "ON enrolment.certno = cases.certno GROUP BY enrolment.gend",
        **said,
    )
    assert asked.question == written.question
    assert asked.question.digest() == written.question.digest()
    assert asked.plan.digest() == written.plan.digest()
    with pytest.raises(UsageError, match=r"expected a frame, got str; sql\(\) takes a text"):
        party.ask("SELECT 1")  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["right", "full"])
def test_a_join_that_is_not_supported_is_refused_as_in_sql(how: str) -> None:
    party = bureau()
    e, c = party.table("bureau.enrolment"), party.table("hospital.cases")
    said: dict[str, Any] = {"scenario": "supervision", "purpose": "a test"}
    asked = party.ask(e.join(c, on="certno", how=how).agg(n=ms.count()), **said)
    with pytest.raises(UsageError, match=f"a {how.upper()} join between owners is not supported"):
        _ = asked.plan


def program() -> str:
    """The program of the page's section on Python."""
    page = (ROOT / "docs" / "questions.md").read_text("utf-8")
    return page.split("## In Python", 1)[1].split("```python\n", 1)[1].split("```", 1)[0]


def test_the_page_s_program_plans_the_question_of_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def local(folder: str) -> Iterator[Party]:
        assert folder == "town"
        yield bureau()

    monkeypatch.setattr(ms, "local", local)
    names: dict[str, Any] = {}
    exec(program(), names)  # noqa: S102 - the page's own program
    assert "permitted by the policy of bureau" in capsys.readouterr().out
    asked: ms.Asked = names["asked"]
    text = (
        "SELECT enrolment.insutype, COUNT(*) AS persons, SUM(enrolment.paid) AS fund_fen FROM ("
        "SELECT insutype, enrolment.certno, COALESCE(settlement.paid, 0) AS paid FROM bureau.enrolment "
        "LEFT JOIN (SELECT certno, SUM(fund_pay_sumamt) AS paid FROM bureau.settlement "
        "WHERE setl_day BETWEEN 19723 AND 20088 GROUP BY certno) AS settlement "
        "ON enrolment.certno = settlement.certno) AS enrolment JOIN (SELECT DISTINCT certno FROM hospital.cases "
        "WHERE diag_main >= 'E10' AND diag_main < 'E15' OR diag_2 >= 'E10' AND diag_2 < 'E15' "
        "OR diag_3 >= 'E10' AND diag_3 < 'E15') AS cases ON enrolment.certno = cases.certno "
        "GROUP BY 1 ORDER BY 1"
    )
    records = local_records(LocalFile.load(SETTLEMENT))
    written = planned(replace(asked.question, text=text), records)
    assert replace(written, question=asked.question.text).digest() == asked.plan.digest()
