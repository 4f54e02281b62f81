"""From a question's text to its plan: what the shipped questions become, and what is refused, at which place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mpcstats.errors import UsageError
from mpcstats.plan.physical import (
    All,
    Any,
    Cohort,
    Criterion,
    Gate,
    GroupKey,
    Hit,
    Lookup,
    Physical,
    Ref,
    Release,
    Sum,
    Term,
    Total,
)
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.rule import Policy
from mpcstats.records.catalogue import Catalogue

DEMOS = Path(__file__).parents[2] / "demos"
SIX = ("bureau", "h1", "p")
THREE = ("bureau", "hospital", "insurer")


def setting(demo: str) -> Setting:
    """As the demo's own files say."""
    policy = Policy.load(DEMOS / demo / "policy.toml")
    return Setting(
        catalogue=Catalogue.load(DEMOS / demo / "catalogue.toml"),
        engine="rep3",
        compute=SIX if demo == "six_parties" else THREE,
        initiator="bureau",
        recipients=("bureau",),
        scenario="supervision",
        purpose="a test",
        k=11,
        helpers=policy.helpers,
    )


def planned(demo: str, question: str) -> Physical:
    return plan_question((DEMOS / demo / question).read_text(encoding="utf-8"), setting(demo))


def rows(plan: Physical) -> dict[str, tuple[str, int]]:
    """Fragment -> its owner and row bound."""
    return {f.name: (f.owner, f.rows) for f in plan.fragments}


def read(plan: Physical, fragment: str) -> set[tuple[str, str]]:
    """What a fragment reads: column and use."""
    return {(f"{i.dataset}.{i.column}", i.use) for i in plan.fragment(fragment).items}


def special(plan: Physical) -> set[str]:
    return {f"{i.dataset}.{i.column}" for f in plan.fragments for i in f.items if i.special}


def either(*lookups: str) -> Criterion:
    return Any(tuple(Hit(name) for name in lookups))


# The shipped questions ------------------------------------------------------------------------------

HOSPITALS = ("h1", "h2", "h3")
PERSONS = Total("persons", (Term(()),), 45_000)


def test_persons_with_diabetes_by_type_and_age() -> None:
    plan = planned("six_parties", "questions/Q04.sql")
    finds = tuple(f"find_dm_{h}" for h in HOSPITALS)
    assert plan.steps == (
        Lookup("find_dm_h1", "e", "dm_h1", "p"),
        Lookup("find_dm_h2", "e", "dm_h2", "h1"),
        Lookup("find_dm_h3", "e", "dm_h3", "h1"),
        Cohort(
            "cohort",
            "e",
            finds,
            either(*finds),
            (
                GroupKey("spine", "g0", (310, 390)),
                GroupKey("spine", "g1", ("00-39", "40-59", "60-74", "75+")),
            ),
            (PERSONS,),
        ),
        Gate("gate", "cohort", (Release(("bureau",), 11),)),
    )
    assert rows(plan) == {
        "e": ("bureau", 45_000),
        "dm_h1": ("h1", 6_000),
        "dm_h2": ("h2", 3_500),
        "dm_h3": ("h3", 2_800),
    }
    assert read(plan, "e") == {
        ("bureau.enrolment.certno", "key"),
        ("bureau.enrolment.insutype", "group"),
        ("bureau.enrolment.brdy", "group"),
        ("bureau.enrolment.enr_beg", "filter"),
        ("bureau.enrolment.enr_end", "filter"),
    }
    assert read(plan, "dm_h2") == {
        ("h2.cases.certno", "key"),
        ("h2.cases.diag_main", "filter"),
        ("h2.cases.diag_2", "filter"),
        ("h2.cases.diag_3", "filter"),
    }
    assert special(plan) == set()  # diabetes is none of the special diseases
    assert plan.cells == 8
    assert plan.parties == ("bureau", "h1", "p", "h2", "h3")
    assert [c.name for c in plan.output] == ["insutype", "age_band", "persons"]
    assert plan.order == ((0, False), (1, False))


def test_what_was_paid_for_diabetics_with_a_city_policy() -> None:
    plan = planned("six_parties", "questions/diabetes_city_policy.sql")
    sides = [*(f"d_{h}" for h in HOSPITALS), "y_p", "y_q", "i_p", "i_q"]
    assert [s for s in plan.steps if isinstance(s, Lookup)] == [
        Lookup(f"find_{side}", "e", side, "p" if side == "d_h1" else "h1") for side in sides
    ]
    cohort = plan.aggregate
    assert isinstance(cohort, Cohort)
    assert cohort.criterion == All(
        (
            either("find_d_h1", "find_d_h2", "find_d_h3"),
            either("find_y_p", "find_y_q"),
            either("find_i_p", "find_i_q"),
        )
    )
    # A person may be insured at both: each insurer's sum counts where that insurer knows the person.
    paid = tuple(Term((Ref(f"find_i_{x}", "paid"),), (f"find_i_{x}",)) for x in ("p", "q"))
    assert cohort.totals == (
        PERSONS,
        Total("fund_fen", (Term((Ref("spine", "fund"),)),), 130_000 * 10**8),
        Total("insurers_fen", paid, 800 * 10**8),
    )
    assert cohort.groups == (GroupKey("spine", "g0", (310, 390)),)
    assert rows(plan)["e"] == ("bureau", 45_000)
    assert rows(plan)["i_q"] == ("q", 3_000)
    fund, paid_q = plan.fragment("e").values[0], plan.fragment("i_q").values[0]
    assert (fund.minimum, fund.maximum) == (-130_000 * 10**8, 130_000 * 10**8)
    assert (paid_q.minimum, paid_q.maximum) == (0, 3_000 * 400 * 10**8)
    assert ("p.claims.certno", "key") not in read(plan, "i_p")  # joined by policy, so not read
    assert read(plan, "y_p") == {("p.policies.certno", "key"), ("p.policies.prod_type", "filter")}
    assert special(plan) == set()


def test_the_settlement_question() -> None:
    plan = planned("settlement", "question.sql")
    assert plan.steps == (
        Lookup("find_d", "i", "d", "bureau"),
        Lookup("find_e", "i", "e", "hospital"),
        Cohort(
            "cohort",
            "i",
            ("find_d", "find_e"),
            All((Hit("find_d"), Hit("find_e"))),
            (GroupKey("find_e", "g0", (310, 390)),),
            (
                replace(PERSONS, bound=50_000),
                Total("fund_fen", (Term((Ref("find_e", "fund"),)),), 300_000 * 60_000_000),
                Total("insurer_fen", (Term((Ref("spine", "paid"),)),), 50_000 * 10_000 * 10**8),
            ),
        ),
        Gate("gate", "cohort", (Release(("bureau",), 11),)),
    )
    assert [audit.relation for audit in plan.fragment("e").audits] == [
        "bureau.enrolment",
        "bureau.settlement",
    ]
    assert special(plan) == set()


def test_the_refused_question_is_planned_and_its_special_codes_are_flagged() -> None:
    plan = planned("settlement", "refused.sql")
    assert plan.steps[0] == Lookup("find_c", "p", "c", "bureau")
    assert plan.aggregate.totals == (Total("hiv_policyholders", (Term(()),), 50_000),)
    assert special(plan) == {f"hospital.cases.{c}" for c in ("diag_main", "diag_2", "diag_3")}


def test_a_question_over_one_union_is_summed_cell_by_cell() -> None:
    text = "SELECT c.party, COUNT(*) AS n, SUM(c.tot_fee) AS fee FROM hospitals.cases c GROUP BY c.party"
    plan = plan_question(text, setting("six_parties"))
    step = plan.aggregate
    assert isinstance(step, Sum)
    assert step.fragments == ("c_h1", "c_h2", "c_h3")
    assert step.groups == (GroupKey("spine", "g0", ("h1", "h2", "h3")),)
    assert [f.rows for f in plan.fragments] == [3, 3, 3]  # one row a cell
    assert {f.values[0].name for f in plan.fragments} == {"persons"}


def test_a_column_that_nothing_asks_for_is_not_read() -> None:
    inner = (
        "SELECT certno, SUM(tot_fee) AS fee, MAX(diag_main) AS diag FROM h1.cases GROUP BY certno"
    )
    text = f"SELECT COUNT(*) FROM bureau.enrolment e JOIN ({inner}) c ON c.certno = e.certno"
    plan = plan_question(text, setting("six_parties"))
    assert read(plan, "c") == {("h1.cases.certno", "key")}
    assert "tot_fee" not in plan.fragment("c").sql
    exists = "EXISTS (SELECT * FROM bureau.settlement s WHERE s.certno = e.certno)"
    plan = plan_question(
        f"SELECT COUNT(*) FROM bureau.enrolment e WHERE {exists}", setting("six_parties")
    )
    assert read(plan, "e") == {
        ("bureau.enrolment.certno", "key"),
        ("bureau.settlement.certno", "key"),
    }
    assert "drg_code" not in plan.fragment("e").sql


# Digests --------------------------------------------------------------------------------------------

TEXT = "SELECT COUNT(*) FROM bureau.enrolment e JOIN h1.cases c ON c.certno = e.certno"


def test_equal_settings_give_equal_digests() -> None:
    digests = {plan_question(TEXT, setting("six_parties")).digest() for _ in range(2)}
    assert len(digests) == 1


def test_every_difference_gives_another_digest() -> None:
    base = setting("six_parties")
    text = (DEMOS / "six_parties" / "catalogue.toml").read_text(encoding="utf-8")
    other = text.replace("rows = 45_000", "rows = 46_000")
    assert other != text
    plans = [
        plan_question(TEXT, base),
        plan_question(f"{TEXT} ", base),
        plan_question(TEXT, replace(base, k=12)),
        plan_question(TEXT, replace(base, purpose="another")),
        plan_question(TEXT, replace(base, scenario="commercial")),
        plan_question(TEXT, replace(base, recipients=("h1",))),
        plan_question(TEXT, replace(base, initiator="h1")),
        plan_question(TEXT, replace(base, engine="clear")),
        plan_question(TEXT, replace(base, compute=("p", "h1", "bureau"))),
        plan_question(TEXT, replace(base, helpers=lambda *_: ("bureau", "h1", "h2", "p"))),
    ]
    assert len({plan.digest() for plan in plans}) == len(plans) - 1
    assert plans[0].digest() == plans[-1].digest()  # who else would be accepted does not matter


def test_another_catalogue_gives_another_digest(tmp_path: Path) -> None:
    base = setting("six_parties")
    text = (DEMOS / "six_parties" / "catalogue.toml").read_text(encoding="utf-8")
    digests = {plan_question(TEXT, base).digest()}
    for old, new in (("rows = 45_000", "rows = 46_000"), ("distinct = 6_000", "distinct = 6_001")):
        path = tmp_path / "catalogue.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        changed = replace(base, catalogue=Catalogue.load(path))
        digests.add(plan_question(TEXT, changed).digest())
    assert len(digests) == 3


# Refusals -------------------------------------------------------------------------------------------

E = "bureau.enrolment e"
J = f"{E} JOIN h1.cases c ON c.certno = e.certno"
P = "(SELECT certno, SUM(tot_fee) AS fee FROM hospitals.cases GROUP BY certno) n"
# Question, and how its refusal begins.
REFUSED = (
    ("SELECT COUNT(*", "line 1, column 14: expected SQL (DuckDB dialect), got '*': Expecting )"),
    ("SELECT 'a", "expected SQL (DuckDB dialect), got: Error tokenizing 'SELECT ''"),
    ("SELECT COUNT(*) FROM {E}; SELECT COUNT(*) FROM {E}", "expected one SELECT, got 2 statements"),
    ("DROP TABLE bureau.enrolment", "expected one SELECT, got DROP"),
    ("SELECT COUNT(*) FROM {E} UNION SELECT COUNT(*) FROM {E}", "expected one SELECT, got UNION"),
    ("SELECT COUNT(*)", "line 1, column 8: expected FROM with at least one relation"),
    (
        "SELECT DISTINCT COUNT(*) FROM {E}",
        "line 1, column 17: SELECT DISTINCT over groups is not supported: rows differ by their groups",
    ),
    (
        "SELECT COUNT(*) FROM {E} OFFSET 1",
        "line 1, column 41: OFFSET over joint data is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} QUALIFY COUNT(*) > 1",
        "line 1, column 41: QUALIFY over joint data is not supported",
    ),
    (
        "SELECT COUNT(*) OVER w FROM {E} WINDOW w AS (PARTITION BY e.gend)",
        "line 1, column 8: a window over joint rows may stand in a sub-query of FROM only",
    ),
    (
        "SELECT COUNT(*) FROM {E} LEFT JOIN h1.cases c ON c.certno = e.certno",
        "line 1, column 65: expected a bound on how many rows have the same c.certno: group by it in a sub-query,",
    ),
    (
        "SELECT COUNT(*) FROM {E} FULL JOIN h1.cases c ON c.certno = e.certno",
        "line 1, column 41: a FULL join between owners is not supported; supported: INNER and LEFT JOIN, SEMI and",
    ),
    (
        "SELECT COUNT(*) FROM {E} NATURAL JOIN h1.cases c",
        "line 1, column 41: a NATURAL join is not supported; supported in an owner's sub-query: joins, filters, C",
    ),
    (
        "SELECT COUNT(*) FROM {E} ASOF JOIN h1.cases c ON c.certno = e.certno",
        "line 1, column 41: a ASOF join is not supported; supported in an owner's sub-query: joins, filters, CASE",
    ),
    ("SELECT * FROM {E}", "line 1, column 8: rows are never shown"),
    ("SELECT e.* FROM {E}", "line 1, column 8: rows are never shown"),
    (
        "SELECT e.gend, COUNT(*) FROM {E}",
        "line 1, column 8: expected a column of GROUP BY or an aggregate, got e.gend",
    ),
    (
        "SELECT SUM(DISTINCT e.paid_amt) FROM {E}",
        "line 1, column 8: the aggregate SUM(DISTINCT e.paid_amt) over joint data is not supported; supported: CO",
    ),
    (
        "SELECT COUNT(*) FROM {E} GROUP BY COUNT(*)",
        "line 1, column 50: expected columns, aliases or ordinals of them in GROUP BY",
    ),
    (
        "SELECT COUNT(*) FROM {E} GROUP BY 'x'",
        "line 1, column 50: expected columns, aliases or ordinals of them in GROUP BY",
    ),
    (
        "SELECT COUNT(*) FROM {E} ORDER BY e.gend",
        "line 1, column 50: expected an output column in ORDER BY: COUNT(*)",
    ),
    (
        "SELECT COUNT(*) FROM bureau.nothing e",
        "line 1, column 22: unknown dataset 'bureau.nothing AS e'",
    ),
    ("SELECT COUNT(*) FROM nothing", "line 1, column 22: unknown dataset 'nothing'"),
    (
        "SELECT COUNT(*) FROM (SELECT certno FROM h1.nothing) c",
        "line 1, column 42: unknown dataset 'h1.nothing'",
    ),
    ("SELECT COUNT(e.nothing) FROM {E}", "line 1, column 14: unknown column 'nothing' of 'e'"),
    ("SELECT COUNT(nothing) FROM {E}", "line 1, column 14: unknown column 'nothing'"),
    ("SELECT COUNT(x.certno) FROM {E}", "line 1, column 14: unknown relation 'x'; in FROM: e"),
    (
        "SELECT SUM(insutype) FROM {E} JOIN bureau.settlement s ON s.certno = e.certno",
        "line 1, column 12: 'insutype' is in more than one relation: write e.insutype or s.insutype",
    ),
    (
        "SELECT COUNT(c.gend) FROM (SELECT gend, insutype AS gend, certno FROM bureau.enrolment) c",
        "line 1, column 14: 'c' has more than one column 'gend': rename one",
    ),
    (
        "SELECT COUNT(*) FROM {E} JOIN bureau.settlement e ON TRUE",
        "expected a question whose names fit together, got: Alias already used: e",
    ),
    (
        "SELECT COUNT(*) FROM bureau.enrolment AS e(a, b)",
        "line 1, column 22: names for a dataset's columns are not supported; use a sub-query",
    ),
    (
        "SELECT COUNT(*) FROM read_csv('x.csv')",
        "line 1, column 22: expected a dataset or a sub-query in FROM",
    ),
    (
        "SELECT COUNT(*) FROM (VALUES (1)) v",
        "line 1, column 31: expected a dataset or a sub-query in FROM",
    ),
    (
        "WITH RECURSIVE r AS (SELECT 1 AS x) SELECT COUNT(*) FROM r",
        "line 1, column 1: WITH RECURSIVE is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE CAST(e.psn_no AS INTEGER) > 1",
        "line 1, column 52: CAST fails where one row's value does not fit, and so tells of it: write TRY_CAST",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.psn_no::DATE IS NULL",
        "line 1, column 47: CAST fails where one row's value does not fit, and so tells of it: write TRY_CAST",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE launder(e.psn_no) = 1",
        "line 1, column 47: a function that is not known here (launder) is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE random() < 0.5",
        "line 1, column 47: a random number is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.brdy < current_date",
        "line 1, column 47: the current date is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.gend = ?",
        "line 1, column 47: a parameter is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.gend = $1",
        "line 1, column 47: a parameter is not supported",
    ),
    ("SELECT COUNT(*) FROM {E} TABLESAMPLE 10%", "line 1, column 53: a sample is not supported"),
    (
        "SELECT COUNT(*) FROM (SELECT certno FROM {E} USING SAMPLE 3) c",
        "line 1, column 74: a sample is not supported",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.gend = (SELECT gend FROM bureau.enrolment)",
        "line 1, column 64: a sub-query used as a value must be one aggregate without GROUP BY",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT gend FROM {E} GROUP BY ROLLUP (e.gend)) x",
        "line 1, column 76: ROLLUP is not supported",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT 1 AS x) c",
        "line 1, column 30: expected FROM with at least one relation",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT certno FROM hospitals.cases LIMIT 3) x",
        "line 1, column 58: LIMIT in a sub-query over several owners' rows is not supported; it may stand in one ",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT SUM(tot_fee) FROM hospitals.cases) x",
        "line 1, column 30: an aggregate without GROUP BY in a sub-query over several owners' rows is not support",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT a.certno FROM hospitals.cases a JOIN hospitals.cases b ON a.certno = b.certno) x",
        "line 1, column 99: expected a bound on how many rows have the same b.certno: group by it in a sub-query,",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.certno NOT IN (SELECT certno FROM h1.cases)",
        "line 1, column 47: NOT IN over a column that may be NULL is true for no row: add WHERE ... IS NOT NU",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE NOT (e.gend = 1 AND e.certno IN (SELECT certno FROM h1.cases))",
        "line 1, column 67: NOT IN over a column that may be NULL is true for no row: add WHERE ... IS NOT NULL t",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE NOT (e.certno IN (SELECT certno FROM h1.cases))",
        "line 1, column 52: NOT IN over a column that may be NULL is true for no row: add WHERE ... IS NOT NU",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE (e.certno, e.gend) IN (SELECT certno, act_ipt_days FROM h1.cases)",
        "line 1, column 48: expected one column in IN, got 2",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT 1 FROM h1.cases c)",
        "line 1, column 62: expected EXISTS tied to the outer relation by an equality of keys",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT 1 FROM h1.cases c WHERE c.certno = e.certno AND e.gend = 1)",
        "line 1, column 86: expected a bound on how many rows have the same c.certno: group by it in a sub-query,",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT 1 FROM h1.cases c WHERE c.certno = e.certno LIMIT 1)",
        "line 1, column 62: expected EXISTS over a SELECT with FROM and WHERE only, without aggregates, GROUP",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT COUNT(*) FROM h1.cases c WHERE c.certno = e.certno)",
        "line 1, column 62: expected EXISTS over a SELECT with FROM and WHERE only, without aggregates, GROUP",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT 1 FROM h1.cases c WHERE c.certno = e.certno GROUP BY c.certno)",
        "line 1, column 62: expected EXISTS over a SELECT with FROM and WHERE only, without aggregates, GROUP",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE EXISTS (SELECT 1 FROM h1.cases c WHERE c.adm_day + e.brdy = 3)",
        "line 1, column 62: expected a join on an equality of keys between the relations, got none: write JOIN ..",
    ),
    (
        "SELECT COUNT(*) FROM {E} CROSS JOIN h1.cases c",
        "line 1, column 52: expected a join on an equality of keys between the relations, got none: write JOIN ..",
    ),
    (
        "SELECT COUNT(*) FROM {J} CROSS JOIN p.policies q",
        "line 1, column 91: expected a join on an equality of keys between the relations, got none: write JOIN ..",
    ),
    (
        "SELECT e.psn_no, COUNT(*) FROM {E} GROUP BY 1",
        "line 1, column 8: the cells of an answer are public, so the values of e.psn_no must be: state its domain",
    ),
    (
        "SELECT e.brdy, COUNT(*) FROM {E} GROUP BY 1",
        "line 1, column 8: the cells of an answer are public, so the values of e.brdy must be: state its domain i",
    ),
    (
        "SELECT COALESCE(s.insutype, 0), COUNT(*) FROM bureau.settlement s JOIN h1.cases c USING (certno) GROUP BY 1",
        "line 1, column 72: expected a bound on how many rows have the same c.certno: group by it in a sub-query,",
    ),
    (
        "SELECT n.party, COUNT(*) FROM {E} JOIN hospitals.cases n ON n.certno = e.certno GROUP BY 1",
        "line 1, column 76: expected a bound on how many rows have the same n.certno: group by it in a sub-query,",
    ),
    (
        "SELECT SUM(c.n) FROM {E} JOIN (SELECT certno, LENGTH(drg_code) AS n FROM h1.cases) c USING (certno)",
        "line 1, column 8: SUM(c.n): expected a whole number, got other",
    ),
    (
        "SELECT SUM(LENGTH(e.psn_no)) FROM {E}",
        "line 1, column 8: SUM(LENGTH(e.psn_no)): expected a whole number, got other",
    ),
    (
        "SELECT SUM(c.tot_fee * e.paid_amt * q.sum_insured) FROM {J} JOIN p.policies q ON q.certno = e.certno",
        "line 1, column 8: SUM(c.tot_fee * e.paid_amt * q.sum_insured) has no known bounds, or bounds beyond 2^62",
    ),
    (
        "SELECT SUM(e.paid_amt * e.paid_amt) FROM {E}",
        "line 1, column 8: SUM(e.paid_amt * e.paid_amt) has no known bounds, or bounds beyond 2^62: state minimum",
    ),
    (
        "SELECT SUM(n.fee * n.fee) FROM {E} JOIN {P} ON n.certno = e.certno",
        "line 1, column 8: SUM(SUM(cases.tot_fee) * SUM(cases.tot_fee)) has no known bounds, or bounds beyond 2^6",
    ),
    (
        "SELECT COUNT(*) FROM h1.cases a JOIN hospitals.cases b ON a.certno = b.certno",
        "line 1, column 70: expected a bound on how many rows have the same b.certno: group by it in a sub-query,",
    ),
)


# Questions over joint rows, and the kinds of their steps, but those that every such plan has.
PLANNED = (
    ("SELECT e.insutype, COUNT(*) FROM {E} GROUP BY 1 HAVING COUNT(*) > 1", ""),
    ("SELECT COUNT(*) FROM {E} LIMIT 1", ""),
    ("SELECT COUNT(*) FROM {E} SEMI JOIN h1.cases c ON c.certno = e.certno", "Find"),
    ("SELECT e.insutype FROM {E} GROUP BY e.insutype", ""),
    ("SELECT AVG(e.paid_amt) FROM {E}", "Divide"),
    ("SELECT SUM(e.paid_amt) / COUNT(*) FROM {E}", "Divide"),
    (
        "SELECT COUNT(*) FROM (SELECT certno FROM h1.cases UNION SELECT certno FROM h2.cases) c",
        "Group",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT c.certno FROM h1.cases c JOIN {E} USING (certno)) x",
        "Find Firsts",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT certno, MAX(tot_fee) AS f FROM hospitals.cases GROUP BY certno) x",
        "Group",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT certno FROM hospitals.cases GROUP BY certno, drg_code) x",
        "Group Spread",
    ),
    ("SELECT COUNT(*) FROM {E} JOIN {P} ON n.certno = e.certno WHERE n.fee > 3", "Find"),
    ("SELECT COUNT(*) FROM {E} WHERE 1 = 1", ""),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.gend = 1 OR e.certno IN (SELECT certno FROM h1.cases)",
        "Find",
    ),
    (
        "SELECT COUNT(*) FROM {E} WHERE e.certno IN (SELECT c.certno FROM h1.cases c WHERE c.adm_day > e.brdy)",
        "Find",
    ),
    ("SELECT COUNT(*) FROM {J} AND c.adm_day = e.enr_beg", "Find Firsts"),
    ("SELECT COUNT(*) FROM {J} AND c.adm_day > e.enr_beg", "Find Firsts"),
    ("SELECT COUNT(*) FROM {E} JOIN h1.cases c ON c.medcasno = e.psn_no", "Find"),
    (
        "SELECT COUNT(*) FROM {J} JOIN p.policies q ON c.certno = q.certno AND q.certno = e.psn_no",
        "Find Match Firsts",
    ),
    ("SELECT e.gend, COUNT(*) FROM {E} GROUP BY e.gend", ""),
    ("SELECT CASE WHEN e.gend = 1 THEN 'm' END AS g, COUNT(*) FROM {E} GROUP BY g", ""),
    (
        "SELECT CASE WHEN e.gend = c.act_ipt_days THEN 1 ELSE 0 END AS x, COUNT(*) FROM {J} GROUP BY x",
        "Find Firsts",
    ),
    ("SELECT COUNT(DISTINCT e.psn_no) FROM {J}", "Find Spread"),
    ("SELECT COUNT(DISTINCT e.psn_no) FROM {E}", "Spread"),
    ("SELECT COUNT(DISTINCT n.certno) FROM hospitals.cases n", "Spread Neighbours Firsts"),
    ("SELECT COUNT(*) FROM {P}", "Group"),
    ("SELECT SUM(n.fee * 2) FROM {P}", "Group"),
    ("SELECT COUNT(*) FROM (SELECT drg_code FROM h1.cases) c", ""),
    ("SELECT SUM(c.exam_fee + e.paid_amt) FROM {J}", "Find Firsts"),
    ("SELECT SUM(c.tot_fee % e.paid_amt) FROM {J}", "Find Firsts"),
    (
        (
            "SELECT COUNT(n.fee) FROM {E} JOIN (SELECT certno, SUM(exam_fee) AS fee FROM hospitals.cases GRO"
            "UP BY certno) n ON n.certno = e.certno"
        ),
        "Find",
    ),
    (
        "SELECT SUM(1) FROM hospitals.cases a JOIN insurers.policies b ON a.certno = b.certno",
        "Find Stack Spread",
    ),
    (
        "SELECT COUNT(*) FROM hospitals.cases a JOIN insurers.policies b ON a.certno = b.certno",
        "Find Stack Spread",
    ),
    ("SELECT COUNT(CASE WHEN c.tot_fee > e.brdy THEN 1 END) FROM {J}", "Find Firsts"),
)
EVERYWHERE = ("Give", "Derive", "Tally", "Outcome", "Gate")


def kinds(plan: Physical) -> list[str]:
    names = (type(step).__name__ for step in plan.steps)
    return list(dict.fromkeys(name for name in names if name not in EVERYWHERE))


@pytest.mark.parametrize(("text", "steps"), PLANNED, ids=[text for text, _ in PLANNED])
def test_what_has_no_spine_of_persons_is_planned_over_joint_rows(text: str, steps: str) -> None:
    plan = plan_question(text.format(E=E, J=J, P=P), setting("six_parties"))
    assert kinds(plan) == steps.split()


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text for text, _ in REFUSED])
def test_what_is_refused_and_where(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_question(text.format(E=E, J=J, P=P), setting("six_parties"))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("aggregate", "instead"),
    [
        ("CORR(e.paid_amt, e.insutype)", "x * y and y * y and COUNT(*), of which it follows"),
        ("REGR_SLOPE(e.paid_amt, e.insutype)", "x * y and y * y and COUNT(*), of which it follows"),
        ("VAR_POP(e.paid_amt)", "ask for SUM(x), SUM(x * x) and COUNT(*), of which it follows"),
        ("BIT_XOR(e.paid_amt)", "QUANTILE_DISC, MEDIAN"),
    ],
)
def test_what_follows_from_sums_is_refused_with_them(aggregate: str, instead: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_question(f"SELECT {aggregate} FROM {E}", setting("six_parties"))
    assert str(caught.value).endswith(instead)


def test_the_place_is_right_in_a_question_of_several_lines() -> None:
    text = """-- QUALIFY COUNT(*) in a comment
SELECT e.insutype,
       COUNT(*)
FROM bureau.enrolment e
GROUP BY 1
  QUALIFY COUNT(*) > 1"""
    with pytest.raises(UsageError, match=r"^line 6, column 3: QUALIFY over joint data"):
        plan_question(text, setting("six_parties"))


def test_no_helper_that_both_owners_accept() -> None:
    base = setting("six_parties")
    with pytest.raises(
        UsageError,
        match=r"expected a bound on how many rows have the same c\.certno: .*; no compute party is accepted as "
        r"helper by both bureau and h1 of a lookup, which may need none$",
    ):
        plan_question(TEXT, replace(base, helpers=lambda *_: ("h2", "bureau")))
    with pytest.raises(UsageError, match=r"most = \.\.\. of it in the catalogue$"):
        plan_question(TEXT.replace("certno = e.certno", "diag_main = e.psn_no"), base)


def test_a_compute_party_twice() -> None:
    with pytest.raises(UsageError, match="expected different compute parties, got a, a, b"):
        plan_question(TEXT, replace(setting("six_parties"), compute=("a", "a", "b")))


TWO_KEYS = """
version = 1
[[dataset]]
name = "a.t"
owner = "a"
rows = 9
columns.pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
columns.bill = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
columns.card = { type = "text", level = "HIGH", person = true, key = "exact" }
columns.x = { type = "integer", level = "LOW", domain = [DOMAIN], nullable = false }
[[dataset]]
name = "b.t"
owner = "b"
rows = 9
columns.pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
columns.bill = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
columns.y = { type = "integer", level = "LOW", domain = [DOMAIN], nullable = false }
[[dataset]]
name = "d.t"
owner = "d"
rows = 9
columns.bill = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
""".replace("DOMAIN", ", ".join(map(str, range(65))))
A_B = "a.t JOIN b.t AS u ON t.pid = u.pid"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"SELECT COUNT(*) FROM {A_B} JOIN d.t AS v ON v.bill = t.bill",
            "line 1, column 74: expected a bound on how many rows have the same v.bill: group by it in a sub-query, ",
        ),
        (
            "SELECT COUNT(*) FROM a.t JOIN b.t AS u ON t.card = u.pid",
            "line 1, column 43: expected keys of one normalisation, got t.card (exact) and u.pid (trim-upper)",
        ),
        (
            "SELECT COUNT(*) FROM a.t JOIN b.t AS u ON t.x = u.pid",
            "line 1, column 43: expected keys of one type, got t.x (integer) and u.pid (text)",
        ),
        (
            (
                "SELECT x FROM (SELECT x, ROW_NUMBER() OVER (PARTITION BY x ORDER BY pid) AS n "
                "FROM a.t JOIN b.t AS u USING (pid)) AS q GROUP BY x"
            ),
            "line 1, column 93: t.pid is a text without a public domain: rows cannot be ordered by it; order by a ",
        ),
        (
            f"SELECT t.x, u.y, COUNT(*) FROM {A_B} GROUP BY 1, 2",
            "line 1, column 8: expected at most 4096 cells, got 4225",
        ),
        (
            "SELECT COUNT(*) FROM a.t WHERE EXISTS (SELECT 1 FROM b.t AS u WHERE t.pid = t.bill)",
            "line 1, column 47: expected EXISTS tied to the outer relation by an equality of keys",
        ),
    ],
)
def test_keys_and_cells(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(TWO_KEYS, encoding="utf-8")
    given = replace(
        setting("six_parties"),
        catalogue=Catalogue.load(path),
        compute=("a", "b", "c"),
        helpers=lambda *_: ("a", "b", "c"),
    )
    assert plan_question(f"SELECT COUNT(*) FROM {A_B}", given).cells == 1
    assert kinds(plan_question(f"SELECT COUNT(*) FROM {A_B} AND t.bill = u.bill", given)) == [
        "Find"
    ]
    with pytest.raises(UsageError) as caught:
        plan_question(text, given)
    assert str(caught.value).startswith(message)
