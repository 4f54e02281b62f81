"""Units of an answer: totals over one unit keep it; counts, products, mixtures and conversions have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests import plans
from tests.plans import called

from mpcstats.plan.physical import OutputColumn, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.tables import Computed, Node, Number
from mpcstats.plan.units import Pure, multiplied, summed, units
from mpcstats.policy.rule import Policy
from mpcstats.records.catalogue import Catalogue

DEMOS = Path(__file__).parents[2] / "demos"
TABLE = """
[[dataset]]
name = "NAME.t"
owner = "NAME"
rows = 9
columns.pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", nullable = false }
columns.kind = { type = "integer", level = "LOW", domain = [1, 2], nullable = false }
columns.fee = { type = "integer", level = "LOW", minimum = 0, maximum = 9, nullable = false, unit = "UNIT" }
columns.own = { type = "integer", level = "LOW", minimum = 0, maximum = 9, unit = "fen" }
columns.days = { type = "integer", level = "LOW", minimum = 0, maximum = 9, nullable = false, unit = "day" }
columns.plain = { type = "integer", level = "LOW", minimum = 0, maximum = 9, nullable = false }
"""
UNION = '[[union]]\nname = "ab.t"\nof = ["a.t", "b.t"]\n'
GROUPED = "(SELECT pid, SUM(fee) AS fee, COUNT(*) AS n, MAX(days) AS days FROM {}.t GROUP BY pid)"
JOINED = f"{GROUPED.format('a')} AS t JOIN {GROUPED.format('b')} AS u ON t.pid = u.pid"


def catalogue(folder: Path, b: str = "fen") -> Catalogue:
    """Datasets a.t and b.t of one form, whose fees are in fen at a, and in `b` at b."""
    tables = [
        TABLE.replace("NAME", name).replace("UNIT", unit) for name, unit in (("a", "fen"), ("b", b))
    ]
    path = folder / "catalogue.toml"
    path.write_text("version = 1\n" + "".join(tables) + UNION, encoding="utf-8")
    return Catalogue.load(path)


def planned(text: str, known: Catalogue) -> Physical:
    everybody = ("a", "b", "c")
    return plan_question(
        text,
        Setting(
            catalogue=known,
            engine="rep3",
            compute=everybody,
            initiator="a",
            recipients=("a",),
            scenario="supervision",
            purpose="a test",
            k=1,
            helpers=lambda *_: everybody,
        ),
    )


def unit(tmp_path: Path, total: str, relation: str = JOINED, b: str = "fen") -> str | None:
    known = catalogue(tmp_path, b)
    (found,) = units(planned(f"SELECT {total} AS x FROM {relation}", known), known)
    return found


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ("COUNT(*)", None),
        ("COUNT(DISTINCT t.pid)", None),
        ("SUM(t.n)", None),
        ("SUM(t.fee)", "fen"),
        ("SUM(u.fee)", "fen"),
        ("SUM(t.days)", "day"),
        ("SUM(-t.fee)", "fen"),
        ("SUM(t.fee + u.fee)", "fen"),
        ("SUM(t.fee - u.fee)", "fen"),
        ("SUM(t.fee + t.days)", None),
        ("SUM(t.fee + u.days)", None),
        ("SUM(t.fee * u.fee)", None),
        ("SUM(t.fee * t.fee)", None),
        ("SUM(t.fee * u.days)", None),
        ("SUM(t.fee * u.n)", "fen"),  # as often as there are rows
        ("SUM(t.fee + t.n)", None),
        ("SUM(t.fee + 5)", "fen"),
        ("SUM(t.fee * 1)", "fen"),
        ("SUM(t.fee * 100)", None),  # perhaps a conversion
        ("SUM(t.fee // 100)", None),
        ("SUM(t.fee % 100)", None),
        ("SUM(COALESCE(t.fee, 0))", "fen"),
        ("SUM(ABS(t.fee))", "fen"),
        ("SUM(GREATEST(t.fee, 1))", "fen"),
        ("SUM(GREATEST(t.fee, t.days))", None),
        ("SUM(CASE WHEN t.days > 3 THEN t.fee ELSE 0 END)", "fen"),
        ("SUM(CASE WHEN t.days > 3 THEN t.fee ELSE t.days END)", None),
        ("SUM(CASE WHEN t.days > 3 THEN 1 ELSE 0 END)", None),
        ("SUM(CASE WHEN t.days > 3 THEN 1 ELSE 0 END * u.fee)", "fen"),
    ],
)
def test_the_unit_of_a_total(tmp_path: Path, total: str, expected: str | None) -> None:
    assert unit(tmp_path, total) == expected


@pytest.mark.parametrize(
    ("total", "relation", "expected"),
    [
        ("SUM(fee)", "a.t", "fen"),
        ("SUM(plain)", "a.t", None),
        ("SUM(own)", "a.t", "fen"),  # may be NULL
        ("SUM(fee * fee)", "a.t", None),
        ("COUNT(own)", "a.t", None),
        ("SUM(fee)", "ab.t", "fen"),
        ("SUM(x.fee)", "(SELECT pid, fee FROM a.t UNION ALL SELECT pid, own FROM a.t) x", "fen"),
        ("SUM(x.fee)", "(SELECT pid, fee FROM a.t UNION ALL SELECT pid, days FROM a.t) x", None),
        ("SUM(t.days)", "a.t JOIN b.t AS u ON t.pid = u.pid", "day"),  # times the rows of u
    ],
)
def test_the_unit_of_a_relation_s_total(
    tmp_path: Path, total: str, relation: str, expected: str | None
) -> None:
    assert unit(tmp_path, total, relation) == expected


@pytest.mark.parametrize("relation", ["ab.t", "(SELECT pid, fee FROM ab.t) x"])
def test_owners_that_measure_in_other_units_give_a_total_without_one(
    tmp_path: Path, relation: str
) -> None:
    assert unit(tmp_path, "SUM(fee)", relation, b="yuan") is None
    assert unit(tmp_path, "SUM(fee)", relation, b="fen") == "fen"


def test_groups_have_no_unit_and_order_does_not_matter(tmp_path: Path) -> None:
    known = catalogue(tmp_path)
    text = "SELECT SUM(fee) AS fee, kind, COUNT(*) AS n, SUM(days) AS days FROM a.t GROUP BY kind"
    assert units(planned(text, known), known) == ("fen", None, None, "day")


def test_a_unit_changes_no_digest(tmp_path: Path) -> None:
    text = f"SELECT SUM(t.fee + u.fee) AS x FROM {JOINED}"
    known = catalogue(tmp_path)
    plan = planned(text, known)
    other = catalogue(tmp_path, b="yuan")
    assert planned(text, other).digest() == plan.digest()
    assert (units(plan, known), units(plan, other)) == (("fen",), (None,))


@pytest.mark.parametrize(
    ("demo", "question", "expected"),
    [
        ("settlement", "question.sql", (None, None, "fen", "fen")),
        ("six_parties", "questions/diabetes_city_policy.sql", (None, None, "fen", "fen")),
        ("six_parties", "questions/Q04.sql", (None, None, None)),
    ],
)
def test_the_shipped_questions(demo: str, question: str, expected: tuple[str | None, ...]) -> None:
    folder = DEMOS / demo
    known = Catalogue.load(folder / "catalogue.toml")
    compute = ("bureau", "hospital", "insurer") if demo == "settlement" else ("bureau", "h1", "p")
    given = Setting(
        catalogue=known,
        engine="rep3",
        compute=compute,
        initiator="bureau",
        recipients=("bureau",),
        scenario="supervision",
        purpose="a test",
        k=11,
        helpers=Policy.load(folder / "policy.toml").helpers,
    )
    plan = plan_question((folder / question).read_text(encoding="utf-8"), given)
    assert units(plan, known) == expected


def test_sums_and_products_of_units() -> None:
    assert summed([]) is Pure.SIGN
    assert summed(["fen", Pure.CONSTANT, Pure.SIGN]) == "fen"
    assert summed(["fen", Pure.COUNT]) is Pure.UNKNOWN
    assert summed([Pure.UNKNOWN, Pure.SIGN]) is Pure.UNKNOWN
    assert multiplied([Pure.COUNT, "fen", Pure.SIGN]) == "fen"
    assert multiplied(["fen", Pure.CONSTANT]) is Pure.UNKNOWN
    assert multiplied([Pure.SIGN, Pure.COUNT]) is Pure.COUNT


# Of shared tables.


def test_totals_of_shared_tables_keep_the_unit_of_their_columns() -> None:
    known = plans.CATALOGUE
    # A number of cases, an average fee, an average stay, a share of one amount in another, a sum of flags.
    assert units(plans.STAY, known) == (None, None, "fen", "day", None, None)
    assert units(plans.READMITTED, known) == (None, None, None)
    # Sum, largest, number of distinct days, median, variance.
    assert units(plans.SHARED, known) == (None, None, "fen", "fen", None, "fen", None)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (called("add", "fund_pay_sumamt_s", "tot_fee_h1"), "fen"),
        (called("if", "hit_h1", "tot_fee_h1", 0), "fen"),
        (called("mul", "hit_h1", called("neg", "tot_fee_h1")), "fen"),
        (called("coalesce", "tot_fee_h1", "tot_fee_h2", 0), "fen"),
        (called("sub", "tot_fee_h1", 5), "fen"),
        (called("add", "fund_pay_sumamt_s", "act_ipt_days_h1"), None),
        (called("if", "hit_h1", "tot_fee_h1", "act_ipt_days_h1"), None),
        (called("mul", "tot_fee_h1", 100), None),
        (called("floordiv", "tot_fee_h1", 100), None),
        (called("mul", "tot_fee_h1", "act_ipt_days_h1"), None),
        (called("lt", 0, "tot_fee_h1"), None),
        (called("add", 1, 1), None),
    ],
)
def test_the_unit_of_an_expression_on_shares(node: Node, expected: str | None) -> None:
    columns = [Computed(plans.number(name, -(2**40), 2**40), node) for name in ("fee", "days")]
    columns.append(Computed(plans.flag("in_case"), Number(1)))
    plan = plans.changed(plans.STAY, "joined", columns=tuple(columns))
    assert units(plan, plans.CATALOGUE)[2] == expected


def test_a_quotient_of_two_opened_totals_has_the_unit_of_the_first() -> None:
    output = (
        OutputColumn("fee", "quotient", 1, 0),  # an amount by a number of cases
        OutputColumn("share", "quotient", 1, 1),
        OutputColumn("group", "group", 0),
    )
    found = units(replace(plans.STAY, output=output), plans.CATALOGUE)
    assert found == ("fen", None, None)
