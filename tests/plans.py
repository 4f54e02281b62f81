"""Relational plans made by hand over the six parties' catalogue, for tests of what reads a plan.

STAY is like question Q03 of the domain pack: a settlement looked up at three hospitals, averages by a public group.
READMITTED is like Q06: the hospitals' cases under one another, each beside the person's next one.
SHARED matches rows of two owners at once; it has every step that the other two lack.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mpcstats.plan import tables
from mpcstats.plan.cells import GroupKey, Term, Total
from mpcstats.plan.physical import Fragment, Gate, Item, OutputColumn, Physical, Release, Step
from mpcstats.plan.tables import (
    Aggregate,
    Call,
    Column,
    Computed,
    Neighbour,
    Node,
    Number,
    Order,
    Outcome,
    Quotient,
    Reference,
)
from mpcstats.records.catalogue import Catalogue

CATALOGUE_FILE = Path(__file__).parents[1] / "demos" / "six_parties" / "catalogue.toml"
CATALOGUE = Catalogue.load(CATALOGUE_FILE)
COMPUTE = ("bureau", "h1", "p")
HOSPITALS = {"h1": 7_000, "h2": 4_000, "h3": 3_000}
DRGS = tuple(f"D{i}" for i in range(20))
FEE = 100_000_000
SETTLEMENTS = 20_000


def number(name: str, low: int, high: int, *, nullable: bool = False) -> Column:
    return Column(name, "number", low, high, nullable)


def parted(name: str, low: int, high: int) -> Column:
    """Of a quotient, which is NULL where the denominator is 0."""
    return number(name, low, high, nullable=True)


def flag(name: str) -> Column:
    return Column(name, "flag", 0, 1)


def digest(name: str, *, nullable: bool = True) -> Column:
    return Column(name, "digest", 0, 2**64 - 1, nullable)


def called(op: tables.Op, *args: str | int | Node) -> Call:
    """An operation on columns, by name, and numbers."""
    nodes: list[Node] = []
    for arg in args:
        if isinstance(arg, str):
            nodes.append(Reference(arg))
        else:
            nodes.append(Number(arg) if isinstance(arg, int) else arg)
    return Call(op, tuple(nodes))


def items(dataset: str, **uses: str) -> tuple[Item, ...]:
    """Columns of `dataset` and what for: a use, or several with a blank between."""
    return tuple(
        Item(dataset, column, use)  # type: ignore[arg-type]
        for column, text in uses.items()
        for use in text.split()
    )


def fragment(
    name: str, owner: str, rows: int, columns: tuple[Column, ...], read: tuple[Item, ...]
) -> Fragment:
    names = ", ".join(f"t.{column.name.rpartition('_')[0]} AS {column.name}" for column in columns)
    return Fragment(
        name, owner, f"SELECT {names} FROM {read[0].dataset} AS t", rows, (), (), read, (), columns
    )


def plan(
    fragments: tuple[Fragment, ...], steps: tuple[Step, ...], output: tuple[OutputColumn, ...]
) -> Physical:
    return Physical(
        "SELECT 1",
        "supervision",
        "a test",
        "bureau",
        "rep3",
        COMPUTE,
        fragments,
        (*steps, Gate("gate", "outcome", (Release(("bureau",), 30),))),
        output,
    )


def total(name: str, bound: int) -> Total:
    return Total(name, (Term(()),), bound)


# A settlement and its case: fees, what the fund pays, days.

SETTLED = fragment(
    "s",
    "bureau",
    SETTLEMENTS,
    (
        digest("setl_id_s"),
        number("drg_code_s", 0, len(DRGS) - 1),
        number("fund_pay_sumamt_s", -FEE, FEE),
    ),
    items(
        "bureau.settlement",
        setl_id="key",
        drg_code="group",
        fund_pay_sumamt="value",
        med_type="filter",
    ),
)


def case(owner: str) -> Fragment:
    return fragment(
        f"c_{owner}",
        owner,
        HOSPITALS[owner],
        (
            digest(f"setl_id_{owner}", nullable=False),
            number(f"tot_fee_{owner}", 0, FEE),
            number(f"act_ipt_days_{owner}", 0, 400),
        ),
        items(f"{owner}.cases", setl_id="key", tot_fee="value", act_ipt_days="value"),
    )


def find(owner: str, of: str, helper: str) -> tables.Find:
    right = case(owner)
    return tables.Find(
        f"find_{owner}",
        of,
        "s",
        "setl_id_s",
        right.name,
        right.columns[0].name,
        helper,
        None,
        right.columns[1:],
        f"hit_{owner}",
    )


JOINED = tables.Derive(
    "joined",
    ("find_h3",),
    (
        Computed(
            number("fee", 0, FEE), called("least", *(f"tot_fee_{owner}" for owner in HOSPITALS))
        ),
        Computed(
            number("days", 0, 400),
            called("least", *(f"act_ipt_days_{owner}" for owner in HOSPITALS)),
        ),
        Computed(flag("in_case"), called("not", called("isnull", "tot_fee_h1"))),
    ),
    called("or", *(f"hit_{owner}" for owner in HOSPITALS)),
)
COUNTED = tables.Tally(
    "counted",
    "joined",
    "drg_code_s",
    len(DRGS),
    (
        Aggregate(number("n", 0, SETTLEMENTS), "count"),
        Aggregate(
            number("fund", -FEE * SETTLEMENTS, FEE * SETTLEMENTS), "sum", "fund_pay_sumamt_s"
        ),
        Aggregate(number("fees", 0, FEE * SETTLEMENTS), "sum", "fee"),
        Aggregate(number("all_days", 0, 400 * SETTLEMENTS), "sum", "days"),
        Aggregate(number("n_h1", 0, SETTLEMENTS), "sum", "in_case"),
    ),
)
AVERAGES = tables.Divide(
    "averages",
    "counted",
    (
        Quotient(
            "fees",
            "n",
            number("fee_0", 0, FEE, nullable=True),
            number("fee_1", 0, 10**17, nullable=True),
        ),
        Quotient(
            "all_days",
            "n",
            number("alos_0", 0, 400, nullable=True),
            number("alos_1", 0, 10**17, nullable=True),
        ),
        Quotient(
            "fund",
            "fees",
            number("part_0", -FEE, FEE, nullable=True),
            number("part_1", -(10**17), 10**17, nullable=True),
        ),
    ),
)
SHOWN = tables.Derive("shown", ("averages",), (Computed(flag("enough"), called("le", 30, "n")),))
TOTALS = ("n", "fee_0", "fee_1", "alos_0", "alos_1", "part_0", "part_1", "n_h1")
STAY = plan(
    (SETTLED, *map(case, HOSPITALS)),
    (
        tables.Give("settled", ("s",), SETTLED.columns[1:]),
        find("h1", "settled", "p"),
        find("h2", "find_h1", "h1"),
        find("h3", "find_h2", "h1"),
        JOINED,
        COUNTED,
        AVERAGES,
        SHOWN,
        Outcome(
            "outcome",
            "shown",
            (GroupKey("counted", "drg_code_s", DRGS),),
            tuple(total(name, 10**17) for name in TOTALS),
            ("n",),
            appears="enough",
        ),
    ),
    (
        OutputColumn("drg_code", "group", 0),
        OutputColumn("n_case", "total", 0),
        OutputColumn("avg_fee", "ratio", 1, 2),
        OutputColumn("alos", "ratio", 3, 4),
        OutputColumn("part", "ratio", 5, 6),
        OutputColumn("n_h1", "total", 7),
    ),
)

# A case and the same person's next one, wherever.

STAYED = (
    digest("certno_u", nullable=False),
    number("adm_day_u", 19_723, 20_200),
    number("dscg_day_u", 19_723, 20_200),
    digest("cat_u"),
    number("dscg_way_u", 1, 9, nullable=True),
)
LATER = tables.Neighbours(
    "later",
    "stays",
    ("certno_u",),
    (Order("adm_day_u"), Order("dscg_day_u")),
    (
        Neighbour(number("next_day", 19_723, 20_200, nullable=True), "lead", "adm_day_u"),
        Neighbour(digest("next_cat"), "lead", "cat_u"),
    ),
)
SOON = called("sub", "next_day", "dscg_day_u")
AGAIN = tables.Derive(
    "again",
    ("later",),
    (
        Computed(
            flag("soon"),
            called("if", called("and", called("le", 0, SOON), called("le", SOON, 30)), 1, 0),
        ),
        Computed(
            flag("soon_same"),
            called(
                "if",
                called(
                    "and",
                    called("le", SOON, 15),
                    called("eq", "next_cat", "cat_u"),
                ),
                1,
                0,
            ),
        ),
    ),
    called("le", "dscg_day_u", 20_058),
)
STAYS = sum(HOSPITALS.values())
READMITTED = plan(
    tuple(
        fragment(
            f"u_{owner}",
            owner,
            rows,
            STAYED,
            items(
                f"{owner}.cases",
                certno="key",
                adm_day="value",
                dscg_day="value",
                diag_main="value",
                dscg_way="filter",
            ),
        )
        for owner, rows in HOSPITALS.items()
    ),
    (
        tables.Give("stays", tuple(f"u_{owner}" for owner in HOSPITALS), STAYED),
        LATER,
        AGAIN,
        tables.Tally(
            "all",
            "again",
            None,
            1,
            (
                Aggregate(number("n_dscg", 0, STAYS), "count"),
                Aggregate(number("r30", 0, STAYS), "sum", "soon"),
                Aggregate(number("r15", 0, STAYS), "sum", "soon_same"),
            ),
        ),
        Outcome(
            "outcome",
            "all",
            (),
            tuple(total(name, STAYS) for name in ("n_dscg", "r30", "r15")),
            ("n_dscg",),
        ),
    ),
    tuple(OutputColumn(name, "total", i) for i, name in enumerate(("n_dscg", "r30", "r15"))),
)

# Claims of two insurers beside the bureau's settlements of the same person, and what is left: every other step.

CLAIMED = (digest("certno_c"), number("paid_amt_c", 0, FEE), number("report_day_c", 19_723, 20_453))
PERSONS = (digest("certno_e", nullable=False), number("insutype_e", 0, 1))
CLAIMS = {"p": 3_000, "q": 2_000}
N_CLAIMS = 5_000
SHARED = plan(
    (
        *(
            fragment(
                f"c_{owner}",
                owner,
                rows,
                CLAIMED,
                items(f"{owner}.claims", certno="key", paid_amt="value", report_day="value"),
            )
            for owner, rows in CLAIMS.items()
        ),
        fragment(
            "e",
            "bureau",
            4_000,
            PERSONS,
            items("bureau.enrolment", certno="key", insutype="group"),
        ),
    ),
    (
        tables.Give("claims_p", ("c_p",), CLAIMED),
        tables.Give("claims_q", ("c_q",), CLAIMED),
        tables.Stack("claims", ("claims_p", "claims_q")),
        tables.Give("insured", ("e",), PERSONS),
        tables.Match(
            "insured_claims",
            "claims",
            "insured",
            (("certno_c", "certno_e"),),
            "inner",
            1,
            PERSONS[1:],
            "insured_hit",
        ),
        tables.Group(
            "persons",
            "insured_claims",
            (CLAIMED[0], PERSONS[1]),
            (
                Aggregate(number("n_claims", 0, N_CLAIMS), "count"),
                Aggregate(number("paid", 0, FEE * N_CLAIMS), "sum", "paid_amt_c"),
                Aggregate(number("last_day", 19_723, 20_453), "max", "report_day_c"),
            ),
            4_500,
        ),
        tables.Tally(
            "counts",
            "persons",
            "insutype_e",
            2,
            (
                Aggregate(number("n", 0, N_CLAIMS), "count"),
                Aggregate(number("paid_all", 0, FEE * N_CLAIMS), "sum", "paid"),
            ),
        ),
        tables.Spread(
            "extremes",
            "persons",
            "insutype_e",
            2,
            (
                Aggregate(number("most", 0, FEE * N_CLAIMS), "max", "paid"),
                Aggregate(number("days", 0, N_CLAIMS), "distinct", "last_day"),
            ),
        ),
        tables.Quantile(
            "median", "persons", "insutype_e", 2, "paid", 1, 2, number("mid", 0, FEE * N_CLAIMS)
        ),
        tables.Deviation(
            "spread",
            "persons",
            "insutype_e",
            2,
            "n_claims",
            Column("over", "wide", 0, N_CLAIMS**4),
            Column("under", "wide", 0, N_CLAIMS**2),
        ),
        tables.Derive("beside", ("counts", "extremes", "median", "spread"), ()),
        tables.Divide(
            "variance",
            "beside",
            (
                Quotient(
                    "over",
                    "under",
                    number("var_0", 0, N_CLAIMS**2, nullable=True),
                    number("var_1", 0, 10**17, nullable=True),
                ),
            ),
        ),
        Outcome(
            "outcome",
            "variance",
            (GroupKey("counts", "insutype_e", (310, 390)),),
            tuple(
                total(name, FEE * N_CLAIMS)
                for name in ("n", "paid_all", "most", "days", "mid", "var_0", "var_1")
            ),
            ("n",),
        ),
    ),
    (
        OutputColumn("insutype", "group", 0),
        *(
            OutputColumn(name, "total", i)
            for i, name in enumerate(("n", "paid_all", "most", "days", "mid"))
        ),
        OutputColumn("var", "ratio", 5, 6),
    ),
)


def changed(plan: Physical, name: str, **changes: object) -> Physical:
    """The plan with fields of one step changed."""
    steps = tuple(
        replace(step, **changes) if step.name == name else step  # type: ignore[arg-type]
        for step in plan.steps
    )
    return replace(plan, steps=steps)
