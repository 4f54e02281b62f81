"""What makes a question HIGH: special codes told from others in any way, and keys that are not only joined."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.party.data.table import load_table
from mpcstats.plan import ranges
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.special import broad
from mpcstats.policy.rule import Policy
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level

DEMOS = Path(__file__).parents[2] / "demos"
SPECIAL = (("A50", "A65"), ("B20", "B25"), ("F20", "F30"))
# Before, between and after the special ranges.
OTHERS = (
    "{d} < 'A50' OR {d} >= 'A65' AND {d} < 'B20' OR {d} >= 'B25' AND {d} < 'F20' OR {d} >= 'F30'"
)
DIABETES = "{d} >= 'E10' AND {d} < 'E15'"


def setting(demo: str = "settlement") -> Setting:
    policy = Policy.load(DEMOS / demo / "policy.toml")
    return Setting(
        catalogue=Catalogue.load(DEMOS / demo / "catalogue.toml"),
        engine="rep3",
        compute=("bureau", "hospital", "insurer")
        if demo == "settlement"
        else ("bureau", "h1", "p"),
        initiator="bureau",
        recipients=("bureau",),
        scenario="supervision",
        purpose="a test",
        k=11,
        helpers=policy.helpers,
    )


def level(text: str, demo: str = "settlement") -> Level:
    """The level of the question, in which CASES stands for the hospital's dataset."""
    text = text.replace("CASES", "hospital.cases")
    given = setting(demo)
    return sensitivity(plan_question(text, given), given.catalogue).level


def joined(relation: str) -> str:
    """A question that counts the insured persons of `relation`, whose column certno is the key."""
    relation = re.sub(r"\{(others|diabetes) (\S+)\}", _condition, relation)
    return f"SELECT COUNT(*) FROM bureau.enrolment e JOIN ({relation}) j ON j.certno = e.certno"


def _condition(match: re.Match[str]) -> str:
    text = OTHERS if match[1] == "others" else DIABETES
    return f"({text.format(d=match[2])})"


def where(condition: str) -> str:
    return joined(f"SELECT d.certno FROM CASES d WHERE {condition}")


# Special codes --------------------------------------------------------------------------------------

CONDITIONS = (
    "d.diag_main = 'B20'",
    "d.diag_main = 'b20'",
    "d.diag_main = ' B20'",
    "'B21.x00' = d.diag_main",
    "d.diag_main IN ('E10', 'F20')",
    "d.diag_main LIKE 'b2%'",
    "d.diag_main LIKE 'B%'",
    "d.diag_main LIKE '%'",
    "d.diag_main LIKE '%B2%'",
    "d.diag_main LIKE 'I1_'",
    "d.diag_main ILIKE 'i1%'",
    "d.diag_main LIKE 'B!2%' ESCAPE '!'",
    "d.diag_main LIKE ANY ('B2%', 'F2%')",
    "d.diag_main BETWEEN 'B20' AND 'B24'",
    "d.diag_main BETWEEN SYMMETRIC 'B25' AND 'B20'",
    "d.diag_main BETWEEN SYMMETRIC 'E10' AND 'E14'",
    "d.diag_main >= 'B20'",
    "d.diag_main <> 'E10'",
    "NOT d.diag_main = 'E10'",
    "d.diag_main NOT IN ('E10', 'E11')",
    "NOT (d.diag_main < 'B20' OR d.diag_main >= 'B25')",
    "d.diag_main IS NULL",
    "d.diag_main IS DISTINCT FROM 'E10'",
    "d.diag_main = d.diag_2",
    "d.diag_main >= 'E10' AND d.diag_main < d.diag_2",
    "contains(d.diag_main, 'B2')",
    "ends_with(d.diag_main, '21')",
    "starts_with(d.diag_main, 'B2')",
    "strpos(d.diag_main, 'B2')",
    "strpos(d.diag_main, 'B2') = 1",
    "LEFT(d.diag_main, 3) = 'B21'",
    "regexp_matches(d.diag_main, '^B2')",
    "UPPER(d.diag_main) = 'E10'",
    "d.diag_main COLLATE NOCASE = 'b20'",
    "MAP {'B21': 1}[d.diag_main] = 1",
    "[x FOR x IN [d.diag_main] IF x = 'B20'] IS NOT NULL",
    "{'a': d.diag_main}.a = 'B20'",
    "(d.diag_main, d.tot_fee) = ('B20', 3)",
    "CASE d.diag_main WHEN 'B20' THEN TRUE ELSE FALSE END",
    "CASE WHEN {diabetes d.diag_main} THEN FALSE ELSE TRUE END",
    "concat(d.*) LIKE '%B2%'",
    "concat(d) LIKE '%B2%'",
    "'B21' IN (SELECT x.diag_main FROM CASES x WHERE x.certno = d.certno)",
    "d.diag_main IN (SELECT x.diag_main FROM CASES x WHERE x.diag_main LIKE 'E1%')",
    "d.tot_fee > (SELECT COUNT(*) FROM CASES x WHERE x.diag_main = 'E10')",
    "EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno AND d.diag_main = 'B20')",
    # What each part says, and not what it says of the column on the whole.
    (
        "(d.diag_main >= 'E10' OR d.tot_fee = 1) AND (d.diag_main >= 'B20' OR d.tot_fee = 2) "
        "AND (d.diag_main < 'B25' OR d.tot_fee = 2) AND d.tot_fee = 1"
    ),
    "d.diag_main >= 'E10' OR d.diag_main < 'E15' AND d.tot_fee = 1",
    # All but the special codes, and so the special ones by their absence.
    "{others d.diag_main}",
    "d.certno NOT IN (SELECT x.certno FROM CASES x WHERE {others x.diag_main} AND x.certno IS NOT NULL)",
    "NOT EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno AND {diabetes x.diag_main})",
    "d.diag_main < 'B' OR d.diag_main >= 'C'",
    "d.diag_main < 'A50'",
    "d.diag_main >= 'F30'",
    "d.diag_main >= 'B' AND d.diag_main < 'B20' OR d.diag_main >= 'B25' AND d.diag_main < 'C'",
)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions_that_tell_special_codes_are_high_or_refused(condition: str) -> None:
    _high(where(condition))


RELATIONS = (
    "SELECT certno FROM CASES GROUP BY certno HAVING bool_or(contains(diag_main, 'B2'))",
    "SELECT certno FROM CASES GROUP BY certno HAVING MAX(diag_main) = 'B20'",
    "SELECT certno FROM CASES GROUP BY certno HAVING COUNT(*) FILTER (WHERE diag_main = 'B20') > 0",
    "SELECT certno FROM CASES d GROUP BY certno HAVING COUNT(*) > COUNT(*) FILTER (WHERE {others diag_main})",
    "SELECT certno FROM CASES GROUP BY certno HAVING COUNT(NULLIF(diag_main, 'B21')) < COUNT(*)",
    "SELECT certno FROM CASES GROUP BY certno HAVING COUNT(DISTINCT diag_main) > 1",
    "SELECT certno FROM CASES GROUP BY certno, diag_main HAVING COUNT(*) > 20",
    "SELECT certno FROM CASES QUALIFY dense_rank() OVER (ORDER BY strpos(diag_main, 'B2')) = 1",
    "SELECT certno FROM CASES QUALIFY row_number() OVER (PARTITION BY diag_main) = 1",
    "SELECT certno FROM CASES QUALIFY row_number() OVER w = 1 WINDOW w AS (PARTITION BY diag_main)",
    "SELECT certno FROM CASES ORDER BY diag_main LIMIT 5",
    "SELECT certno, diag_main AS d FROM CASES ORDER BY d LIMIT 5",
    "SELECT certno, diag_main AS d FROM CASES ORDER BY 2 LIMIT 5",
    "SELECT certno, diag_main AS d FROM CASES ORDER BY ALL LIMIT 5",
    "SELECT certno FROM ((SELECT certno, diag_main FROM CASES) ORDER BY diag_main LIMIT 5) x",
    "SELECT certno FROM (SELECT certno, diag_main FROM CASES ORDER BY 2 LIMIT 5) x",
    "SELECT DISTINCT ON (diag_main) certno FROM CASES",
    "SELECT DISTINCT ON (d) certno, diag_main AS d FROM CASES",
    "SELECT x.certno FROM (SELECT DISTINCT certno, diag_main AS d FROM CASES) x WHERE {diabetes x.d}",
    "SELECT certno, diag_main, COUNT(*) AS n FROM CASES GROUP BY ALL",
    "SELECT certno FROM CASES LIMIT (SELECT COUNT(*) FROM CASES WHERE diag_main = 'B20')",
    (
        "SELECT d.certno FROM CASES d WHERE {diabetes d.diag_main} EXCEPT "
        "SELECT d.certno FROM CASES d WHERE {diabetes d.diag_2}"
    ),
    "SELECT certno FROM CASES EXCEPT SELECT d.certno FROM CASES d WHERE {others d.diag_main}",
    "SELECT certno FROM CASES INTERSECT SELECT d.certno FROM CASES d WHERE {others d.diag_main}",
    (
        "SELECT certno FROM (SELECT certno, diag_main FROM CASES UNION SELECT certno, 'B20' FROM CASES) x "
        "WHERE {diabetes diag_main}"
    ),
    "SELECT certno, diag_main AS d FROM CASES UNION ALL BY NAME SELECT diag_main AS d, certno FROM CASES",
    (
        "SELECT d.certno FROM CASES d LEFT JOIN (SELECT x.certno FROM CASES x WHERE {others x.diag_main}) x "
        "ON x.certno = d.certno WHERE x.certno IS NULL"
    ),
    (
        "SELECT d.certno FROM CASES d LEFT JOIN CASES x ON x.certno = d.certno AND {others x.diag_main} "
        "WHERE x.certno IS NULL"
    ),
    "SELECT d.certno FROM CASES d LEFT JOIN CASES x ON x.certno = d.certno WHERE {diabetes x.diag_main}",
    (
        "SELECT d.certno FROM (SELECT x.certno FROM CASES x WHERE {diabetes x.diag_main}) x RIGHT JOIN CASES d "
        "ON x.certno = d.certno WHERE x.certno IS NULL"
    ),
    "SELECT d.certno FROM CASES d ANTI JOIN CASES x ON x.certno = d.certno AND {diabetes x.diag_main}",
    "SELECT x.certno FROM (SELECT certno, diag_main = 'B20' AS hiv FROM CASES) x WHERE x.hiv",
    "SELECT x.certno FROM (SELECT certno, diag_main AS d FROM CASES) x WHERE x.d = 'B20'",
    (
        "SELECT x.certno FROM (SELECT certno, diag_main AS d FROM CASES UNION ALL SELECT certno, diag_2 "
        "FROM CASES) x WHERE x.d LIKE 'B2%'"
    ),
    (
        "SELECT x.certno FROM (SELECT certno, diag_main AS d FROM CASES) x JOIN "
        "(SELECT diag_main AS d FROM CASES) y ON x.d = y.d"
    ),
    # Two columns of one name are two columns.
    (
        "SELECT a.certno FROM CASES a JOIN CASES b ON a.certno = b.certno "
        "WHERE a.diag_main >= 'E10' AND b.diag_main < 'E15'"
    ),
    # The parts of "all but the special codes" in one fragment.
    (
        "SELECT d.certno FROM CASES d WHERE d.diag_main >= 'A' AND d.diag_main < 'A50' UNION ALL "
        "SELECT d.certno FROM CASES d WHERE d.diag_main >= 'A65' AND d.diag_main < 'B20'"
    ),
)


@pytest.mark.parametrize("relation", RELATIONS)
def test_relations_that_tell_special_codes_are_high_or_refused(relation: str) -> None:
    _high(joined(relation))


QUESTIONS = (
    (
        "SELECT COUNT(*) FROM bureau.enrolment e WHERE e.certno IN (SELECT certno FROM CASES) AND e.certno NOT IN "
        "(SELECT d.certno FROM CASES d WHERE d.certno IS NOT NULL AND ({others}))"
    ),
    (
        "SELECT COUNT(*) FROM bureau.enrolment e WHERE NOT EXISTS (SELECT 1 FROM CASES d WHERE d.certno = e.certno "
        "AND ({others}))"
    ),
    "SELECT COUNT(*) FROM bureau.enrolment e JOIN CASES d ON d.certno = e.certno WHERE d.diag_main = 'B20'",
    (
        "SELECT SUM(CASE WHEN d.diag_main = 'B20' THEN 1 ELSE 0 END) FROM bureau.enrolment e JOIN CASES d "
        "ON d.certno = e.certno"
    ),
    (
        "SELECT CASE WHEN d.hiv > 0 THEN 1 ELSE 0 END AS h, COUNT(*) FROM bureau.enrolment e JOIN (SELECT certno, "
        "COUNT(CASE WHEN diag_main LIKE 'B2%' THEN 1 END) AS hiv FROM CASES GROUP BY certno) d "
        "ON d.certno = e.certno GROUP BY h"
    ),
)


@pytest.mark.parametrize("text", QUESTIONS)
def test_questions_that_tell_special_codes_are_high_or_refused(text: str) -> None:
    _high(text.replace("{others}", OTHERS.format(d="d.diag_main")))


def _high(text: str) -> None:
    try:
        found = level(text)
    except UsageError:
        return
    assert found is Level.HIGH, text


HARMLESS = (
    "d.diag_main >= 'E10' AND d.diag_main < 'E15'",
    "'E10' <= d.diag_main AND 'E15' > d.diag_main",
    "(d.diag_main >= 'E10' AND d.diag_main < 'E15') OR (d.diag_2 >= 'E10' AND d.diag_2 < 'E15')",
    "d.certno IS NOT NULL AND (d.diag_main LIKE 'E1%' OR d.diag_2 LIKE 'E1%' OR d.tot_fee > 9)",
    "d.diag_main BETWEEN 'E10' AND 'E14'",
    "d.diag_main IN ('E10', 'E11.900', 'I10.x00')",
    "d.diag_main LIKE 'E1%' OR d.diag_main LIKE 'I1%' OR d.diag_main = 'N18.900'",
    "d.diag_main = 'I10.x00' AND d.diag_2 IS NOT NULL AND NOT d.tot_fee > 3",
    "d.certno IN (SELECT x.certno FROM CASES x WHERE {diabetes x.diag_main})",
    "EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno AND x.diag_2 LIKE 'I1%')",
    "EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno AND d.diag_2 LIKE 'I1%')",
    "regexp_matches(d.bill_no, '^B2') AND d.tot_fee > -9223372036854775808",
    "d.bill_no LIKE 'B!_%' ESCAPE '!'",
)


@pytest.mark.parametrize("condition", HARMLESS)
def test_ordinary_conditions_are_moderate(condition: str) -> None:
    assert level(re.sub(r"\{(diabetes) (\S+)\}", _condition, where(condition))) is Level.MODERATE


ORDINARY = (
    "SELECT x.certno FROM (SELECT certno, diag_main AS d FROM CASES) x WHERE {diabetes x.d}",
    (
        "SELECT x.certno FROM (SELECT certno, diag_main AS d FROM CASES UNION ALL SELECT certno, diag_2 "
        "FROM CASES) x WHERE {diabetes x.d}"
    ),
    (
        "SELECT certno FROM CASES WHERE diag_main LIKE 'E1%' UNION SELECT certno FROM CASES "
        "WHERE diag_2 LIKE 'E1%'"
    ),
    "SELECT DISTINCT d.certno FROM CASES d JOIN CASES x ON x.certno = d.certno AND {diabetes x.diag_main}",
    "SELECT certno, COUNT(*) AS n FROM CASES WHERE diag_main LIKE 'E1%' GROUP BY certno ORDER BY n DESC LIMIT 99",
    (
        "SELECT d.certno FROM CASES d LEFT JOIN (SELECT certno, SUM(tot_fee) AS f FROM CASES GROUP BY 1) x "
        "ON x.certno = d.certno WHERE d.diag_main LIKE 'E1%' AND x.f > 3"
    ),
    "SELECT certno FROM CASES QUALIFY row_number() OVER (PARTITION BY certno ORDER BY tot_fee) = 1",
)


@pytest.mark.parametrize("relation", ORDINARY)
def test_ordinary_relations_are_moderate(relation: str) -> None:
    assert level(joined(relation)) is Level.MODERATE


# In a select list, CASE says of every row which side it is on.
TELLING = (
    "SELECT certno, MAX(CASE WHEN diag_main = 'B20' THEN 1 ELSE 0 END) AS k FROM CASES GROUP BY certno",
    "SELECT certno, MAX(CASE WHEN {others diag_main} THEN 0 ELSE 1 END) AS k FROM CASES GROUP BY certno",
    "SELECT certno, CASE WHEN NOT {diabetes diag_main} THEN 0 END AS k FROM CASES",
    "SELECT certno, CASE WHEN tot_fee > 3 THEN CASE WHEN diag_main = 'B20' THEN 1 ELSE 0 END END AS k FROM CASES",
    "SELECT certno, CASE WHEN {diabetes diag_2} THEN CASE diag_main WHEN 'B20' THEN 1 END END AS k FROM CASES",
    "SELECT certno, CASE diag_main WHEN 'E10' THEN 1 ELSE 0 END AS k FROM CASES",
    (
        "SELECT certno, CASE WHEN diag_main < 'A50' THEN 0 WHEN diag_main >= 'A65' AND diag_main < 'B20' "
        "THEN 0 ELSE 1 END AS k FROM CASES"
    ),
    (
        "SELECT certno, CASE WHEN diag_main < 'A50' THEN 0 ELSE 1 END + "
        "CASE WHEN diag_main >= 'A65' AND diag_main < 'B20' THEN 0 ELSE 1 END AS k FROM CASES"
    ),
    (
        "SELECT certno, CASE WHEN EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno AND "
        "{diabetes x.diag_main}) THEN 1 ELSE 0 END AS k FROM CASES d"
    ),
    (
        "SELECT d.certno, CASE WHEN {diabetes x.diag_main} THEN 1 ELSE 0 END AS k "
        "FROM CASES d LEFT JOIN CASES x ON x.certno = d.certno"
    ),
)
SORTING = (
    (
        "SELECT certno, MAX(CASE WHEN {diabetes diag_main} OR {diabetes diag_2} THEN 1 ELSE 0 END) + "
        "SUM(CASE WHEN diag_main LIKE 'I1%' AND tot_fee > 3 THEN tot_fee END) AS k FROM CASES GROUP BY certno"
    ),
    "SELECT certno, CASE WHEN diag_main IS NOT NULL THEN 2 WHEN {diabetes diag_2} THEN 1 ELSE 0 END AS k FROM CASES",
)


@pytest.mark.parametrize("relation", TELLING)
def test_cases_that_tell_special_codes_are_high_or_refused(relation: str) -> None:
    _high(joined(relation).replace("COUNT(*)", "SUM(j.k)", 1))


@pytest.mark.parametrize("relation", SORTING)
def test_cases_that_tell_ordinary_codes_are_moderate(relation: str) -> None:
    assert level(joined(relation).replace("COUNT(*)", "SUM(j.k)", 1)) is Level.MODERATE


def test_persons_of_another_owner_without_a_disease_are_moderate() -> None:
    inner = f"SELECT d.certno FROM CASES d WHERE d.certno IS NOT NULL AND {DIABETES.format(d='d.diag_main')}"
    text = f"SELECT COUNT(*) FROM bureau.enrolment e WHERE e.gend = 1 AND e.certno NOT IN ({inner})"
    assert level(text) is Level.MODERATE


@pytest.mark.parametrize(
    ("demo", "name", "expected"),
    [
        ("settlement", "question.sql", Level.MODERATE),
        ("settlement", "refused.sql", Level.HIGH),
        ("six_parties", "questions/Q04.sql", Level.MODERATE),
        ("six_parties", "questions/diabetes_city_policy.sql", Level.MODERATE),
    ],
)
def test_the_shipped_questions(demo: str, name: str, expected: Level) -> None:
    assert level((DEMOS / demo / name).read_text(encoding="utf-8"), demo) is expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["E1"], False),
        (["A0", "C", "D", "E", "I", "J"], False),
        (["A0", "C", "D", "E", "I", "J", "K"], True),
        (["1", "2", "3", "4", "5", "6", "7"], True),
        (["B1", "B3"], True),
        (["B16", "C22"], False),
        (["A7", "B3"], False),
        (["F1", "F32"], True),
    ],
)
def test_what_is_broad(parts: list[str], expected: bool) -> None:
    codes = ranges.union(ranges.prefixed(part) for part in parts)
    assert broad(codes, SPECIAL) is expected


# A random condition that is below HIGH is true of a special code where it is true of one that nobody named.

CODES = ("A00", "A50", "A65", "B19", "B20", "B25", "E10", "E15", "F20", "F30", "G00", "I10")
code = st.sampled_from(CODES)
column = st.sampled_from(("d.diag_main", "d.diag_2"))
atom = st.one_of(
    st.builds(
        "{} {} '{}'".format, column, st.sampled_from(("<", "<=", "=", ">", ">=", "<>")), code
    ),
    st.builds("{} BETWEEN '{}' AND '{}'".format, column, code, code),
    st.builds("{} IN ('{}', '{}')".format, column, code, code),
    st.builds("{} LIKE '{}%'".format, column, st.sampled_from(("A5", "E", "E1", "B2", "I1", ""))),
    st.sampled_from(("d.tot_fee = 1", "d.diag_main IS NOT NULL", "d.diag_2 IS NULL")),
)
condition = st.recursive(
    atom,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=5,
)


@given(condition)
def test_no_condition_below_high_tells_special_codes(text: str) -> None:
    if level(where(text)) is Level.HIGH:
        return
    values = "('A50'), ('B20'), ('B24.x00'), ('F20'), ('F29.9'), ('Z99')"
    rest = "('E10'), ('E12'), ('I10'), ('Z99'), (NULL)"
    query = (
        f"SELECT COUNT(DISTINCT coalesce({text}, FALSE)) FROM (VALUES {{}}) AS a(x), (VALUES {rest}) AS b(y), "
        "(VALUES (0), (1)) AS c(fee), LATERAL (SELECT {}, fee AS tot_fee) AS d GROUP BY y, fee"
    )
    for names in ("x AS diag_main, y AS diag_2", "y AS diag_main, x AS diag_2"):
        for (count,) in duckdb.execute(query.format(values, names)).fetchall():
            assert count == 1, text


# Keys -----------------------------------------------------------------------------------------------

CONSTANT = "SELECT CASE WHEN x.tot_fee > 0 THEN '110101199000000001' END FROM CASES x"
KEYS_READ = (
    f"SELECT d.certno FROM CASES d WHERE d.certno IN ({CONSTANT})",
    f"SELECT d.certno FROM CASES d WHERE d.certno IN (SELECT certno FROM CASES UNION {CONSTANT})",
    "SELECT d.certno FROM CASES d WHERE d.certno IN (SELECT MIN(x.certno) FROM CASES x)",
    "SELECT d.certno FROM CASES d WHERE d.certno IN (SELECT x.bill_no FROM CASES x)",
    "SELECT d.certno FROM CASES d WHERE d.certno = '110101199000000001'",
    "SELECT d.certno FROM CASES d WHERE d.certno IN ('110101199000000001')",
    (
        "SELECT d.certno FROM CASES d WHERE EXISTS (SELECT 1 FROM CASES x WHERE d.certno = "
        "CASE WHEN x.tot_fee > 0 THEN '110101199000000001' END)"
    ),
    "SELECT d.certno FROM CASES d JOIN (SELECT '110101199000000001' AS c) x ON x.c = d.certno",
    (
        "SELECT d.certno FROM CASES d JOIN (SELECT CASE WHEN tot_fee > 0 THEN certno END AS c FROM CASES) x "
        "ON x.c = d.certno"
    ),
    "SELECT certno FROM CASES ORDER BY certno LIMIT 60",
    "SELECT certno AS certno FROM CASES ORDER BY 1 LIMIT 60",
    "SELECT d.certno FROM CASES d ORDER BY d.certno LIMIT 60",
    "SELECT certno, UPPER(certno) AS c FROM CASES ORDER BY c LIMIT 60",
    "SELECT certno FROM CASES UNION ALL SELECT certno FROM CASES ORDER BY certno LIMIT 60",
    "SELECT certno FROM CASES QUALIFY row_number() OVER (ORDER BY certno) < 60",
    "SELECT DISTINCT ON (certno) certno FROM CASES",
)


@pytest.mark.parametrize("relation", KEYS_READ)
def test_a_key_whose_value_counts_is_high(relation: str) -> None:
    assert level(joined(relation)) is Level.HIGH


KEYS_UNSEEN = (
    "SELECT DISTINCT UPPER(TRIM(certno)) AS certno FROM CASES",
    "SELECT certno FROM CASES UNION SELECT UPPER(certno) AS certno FROM CASES",
    (
        "SELECT d.certno FROM CASES d WHERE d.certno IN (SELECT certno FROM CASES UNION "
        "SELECT TRIM(certno) AS certno FROM CASES)"
    ),
    "SELECT d.certno FROM CASES d WHERE EXISTS (SELECT 1 FROM CASES x WHERE x.certno = d.certno)",
    "SELECT d.certno FROM CASES d JOIN CASES x USING (certno) WHERE d.certno IS NOT NULL",
    "SELECT certno, COUNT(*) AS n FROM CASES GROUP BY certno ORDER BY n LIMIT 60",
)


@pytest.mark.parametrize("relation", KEYS_UNSEEN)
def test_a_key_that_is_only_joined_is_blind(relation: str) -> None:
    assert level(joined(relation)) is Level.LOW  # as any question that joins persons


# Refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        (
            "SELECT certno, COUNT(d.*) AS n FROM CASES d GROUP BY 1",
            "* is not supported here",
        ),
        ("SELECT certno FROM CASES d WHERE concat(d.*) = 'x'", "* is not supported here"),
        ("SELECT certno FROM CASES d WHERE concat(d) = 'x'", "'d' is a relation"),
        ("SELECT certno FROM CASES WHERE bill_no ~ medcasno", "expected a pattern"),
        (
            "SELECT certno FROM CASES WHERE regexp_replace(bill_no, 'x', medcasno) = ''",
            "expected a pattern",
        ),
        (
            "SELECT certno FROM CASES WHERE bill_no SIMILAR TO medcasno",
            "expected a pattern",
        ),
        (
            "SELECT certno FROM CASES WHERE bill_no LIKE medcasno ESCAPE '!'",
            "expected a pattern",
        ),
        (
            "SELECT certno FROM CASES WHERE tot_fee > 9223372036854775808",
            "expected a whole number of 64 bits",
        ),
        (
            "SELECT certno FROM CASES WHERE tot_fee > -9223372036854775809",
            "expected a whole number of 64 bits",
        ),
        ("SELECT certno FROM CASES ORDER BY ALL", "ORDER BY ALL is not supported"),
        ("SELECT certno FROM CASES GROUP BY ALL", "GROUP BY ALL is not supported"),
        ("SELECT certno FROM (CASES d)", "a join in parentheses is not supported"),
        ("SELECT certno FROM CASES FETCH FIRST 3 ROWS ONLY", "FETCH is not supported"),
        ("SELECT certno FROM CASES OFFSET tot_fee", "expected a number in OFFSET"),
        (
            "SELECT certno FROM ((SELECT certno FROM CASES) LIMIT 3) x",
            "LIMIT is not supported",
        ),
        (
            "SELECT certno FROM CASES UNION BY NAME SELECT certno FROM CASES",
            "BY NAME is not supported",
        ),
    ],
)
def test_what_a_sub_query_may_not_hold(relation: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        level(joined(relation))


# A file's special codes -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["b20", " B24.x00", "f20.900", "\tA50", "\u3000B21"])
def test_a_special_code_in_another_spelling_is_refused_and_not_shown(
    tmp_path: Path, value: str
) -> None:
    with pytest.raises(UsageError, match="special codes in upper case") as caught:
        _load(tmp_path, value)
    assert value.strip() not in str(caught.value)


@pytest.mark.parametrize("value", ["B24.x00", "e10", " I10.x00 ", "", "A50"])
def test_other_codes_are_loaded(tmp_path: Path, value: str) -> None:
    _load(tmp_path, value)


def _load(directory: Path, value: str) -> Any:
    path = directory / "cases.csv"
    path.write_text(f'diag_main\nE10\n"{value}"\n', encoding="utf-8")
    dataset = Catalogue.load(DEMOS / "settlement" / "catalogue.toml").dataset("hospital.cases")
    with duckdb.connect() as connection:
        load_table(connection, dataset, ["diag_main"], path)
