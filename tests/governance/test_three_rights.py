"""Three rights (SYSTEMS.md row 7): hold, use and operate; licences, derived products, and what a job needs of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.governance.rights_office import (
    CASES,
    REPORT,
    SETTLEMENT,
    Office,
    first,
    licence,
    product,
    terms,
)

from mpcstats.errors import UsageError
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.rights.admission import Input, Missing, missing
from mpcstats.records.rights.book import Book, Grant, Moment
from mpcstats.records.rights.certificate import COMPUTE_PARTIES, certificate

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
JOB: dict[str, Any] = {
    "initiator": "insurer",
    "publishers": ("insurer",),
    "inputs": (
        Input(SETTLEMENT, "bureau", ("certno", "fund_pay_sumamt")),
        Input(CASES, "hospital", ("certno",)),
    ),
    "scenario": "commercial",
    "purpose": "claims report",
}
L_1 = licence("L-1", "R-1", "insurer", purposes=["claims report"], until="2026-12-31")
L_2 = licence("L-2", "R-2", "insurer", columns=["certno"], scenarios=["commercial"])
P_1 = product(
    REPORT,
    "P-1",
    "insurer",
    [SETTLEMENT, CASES],
    terms=terms(stage="TRADE", scenarios=["commercial"], purposes=["claims report"]),
)


@pytest.fixture
def office() -> Office:
    """Both datasets licensed to the insurer, and its product from them, all by 2026-02-01."""
    office = Office().with_data()
    office.enter("licence", "2026-02-01", L_1, "bureau")
    office.enter("licence", "2026-02-01", L_2, "hospital")
    office.enter("first", "2026-02-01", P_1, "insurer")
    return office


def lacking(office: Office, day: str = "2026-02-01", **changed: Any) -> tuple[Missing, ...]:
    return missing(office.register, day=day, **JOB | changed)


def what(found: tuple[Missing, ...]) -> list[tuple[str, str, str]]:
    return [(one.what, one.asset, one.party) for one in found]


def test_the_ledger_holds_right_holder_basis_scope_period(office: Office) -> None:
    """(asset, right, holder, source basis, scope, period, transferable?, sublicensable?) of each."""
    rows = {one.number: one for one in office.register.as_of("2026-02-01").held}
    one = rows["L-1"]
    assert (one.asset, one.right.value, one.holder) == (SETTLEMENT, "使用", "insurer")
    assert (one.terms.basis.by, one.scope.purposes) == ("contract", ("claims report",))
    assert (one.since, one.until) == ("2026-01-01", "2026-12-31")
    assert (one.terms.transferable, one.terms.sublicensable) == (False, False)
    assert (rows["R-1"].right.value, rows["P-1"].right.value) == ("持有", "经营")


def test_a_job_with_all_rights_lacks_none(office: Office) -> None:
    assert lacking(office) == ()


def test_use_needs_the_holders_licence(office: Office) -> None:
    found = lacking(office, initiator="vendor", publishers=())
    assert what(found) == [("use", SETTLEMENT, "vendor"), ("use", CASES, "vendor")]
    assert found[0].words == (
        "vendor has no USE 使用 of bureau.settlement (certno, fund_pay_sumamt) in scenario "
        "'commercial' for purpose 'claims report' on 2026-02-01: ask bureau for a licence"
    )


def test_the_holder_itself_needs_no_licence(office: Office) -> None:
    own = (Input(SETTLEMENT, "bureau", ("certno",)),)
    assert lacking(office, initiator="bureau", publishers=(), inputs=own) == ()
    assert what(lacking(office, initiator="bureau", publishers=())) == [("use", CASES, "bureau")]


@pytest.mark.parametrize(
    ("changed", "asset"),
    [
        ({"scenario": "research"}, CASES),
        ({"purpose": "marketing"}, SETTLEMENT),
        ({"inputs": (Input(CASES, "hospital", ("certno", "diag_main")),)}, CASES),
        ({"day": "2027-01-01"}, SETTLEMENT),  # the day after the term
        ({"day": "2026-01-31"}, SETTLEMENT),  # the day before it was licensed
    ],
)
def test_a_licence_is_for_its_columns_scenario_purpose_and_term(
    office: Office, changed: dict[str, Any], asset: str
) -> None:
    found = lacking(office, publishers=(), **changed)
    assert ("use", asset, "insurer") in what(found)


def test_what_only_counts_rows_needs_use_too(office: Office) -> None:
    rows = (Input(SETTLEMENT, "bureau", ()),)
    assert lacking(office, publishers=(), inputs=rows) == ()
    found = lacking(office, publishers=(), inputs=rows, initiator="vendor")
    assert what(found) == [("use", SETTLEMENT, "vendor")]
    assert "(its rows)" in found[0].words


def test_two_licences_add_up_by_columns(office: Office) -> None:
    wanted = (Input(CASES, "hospital", ("certno", "diag_main")),)
    assert "(diag_main)" in lacking(office, publishers=(), inputs=wanted)[0].words
    more = licence("L-3", "R-2", "insurer", columns=["diag_main"])
    office.enter("licence", "2026-02-02", more, "hospital")
    assert lacking(office, "2026-02-02", publishers=(), inputs=wanted) == ()


def test_an_unknown_dataset_is_refused(office: Office) -> None:
    found = lacking(office, publishers=(), inputs=(Input("bureau.new", "bureau", ("x",)),))
    assert what(found) == [("registration", "bureau.new", "bureau")]


def test_the_catalogues_owner_must_be_the_holder(office: Office) -> None:
    found = lacking(office, publishers=(), inputs=(Input(SETTLEMENT, "vendor", ("certno",)),))
    assert what(found) == [("hold", SETTLEMENT, "vendor")]
    assert "held by bureau in the register and is of vendor in the catalogue" in found[0].words


def test_operate_only_on_a_derived_product(office: Office) -> None:
    """No party sells raw data: neither as its holder nor under a licence."""
    for kind, body, signer in (
        ("first", first("bureau.x", "R-9", "bureau", right="OPERATE"), "bureau"),
        ("first", first("bureau.x", "R-9", "bureau", terms=terms(stage="TRADE")), "bureau"),
        ("licence", licence("L-9", "R-1", "vendor", right="OPERATE", stage="TRADE"), "bureau"),
        ("licence", licence("L-9", "R-1", "vendor", stage="TRADE"), "bureau"),
        ("change", {"number": "L-1", "terms": terms(stage="TRADE"), "reason": "x"}, "bureau"),
    ):
        with pytest.raises(UsageError, match="raw data are not traded"):
            office.enter(kind, "2026-02-02", body, signer)
    # The control: a product's operator may license both.
    sold = licence("L-9", "P-1", "vendor", right="OPERATE", **SOLD)
    office.enter("licence", "2026-02-02", sold, "insurer")
    office.enter("licence", "2026-02-02", licence("L-8", "P-1", "vendor", **SOLD), "insurer")


SOLD = {"stage": "TRADE", "scenarios": ["commercial"], "purposes": ["claims report"]}


def test_the_publisher_needs_operate(office: Office) -> None:
    found = lacking(office, publishers=("insurer", "vendor"))
    assert what(found) == [("operate", f"{SETTLEMENT}, {CASES}", "vendor")]
    assert "register the product, or have its operator license it" in found[0].words
    sold = licence("L-9", "P-1", "vendor", right="OPERATE", **SOLD)
    office.enter("licence", "2026-02-02", sold, "insurer")
    assert lacking(office, "2026-02-02", publishers=("insurer", "vendor")) == ()


def test_the_buyer_of_a_product_may_use_it_but_not_sell_it(office: Office) -> None:
    office.enter("licence", "2026-02-02", licence("L-8", "P-1", "vendor", **SOLD), "insurer")
    assert what(lacking(office, "2026-02-02", publishers=("vendor",)))[0][0] == "operate"


def test_a_product_from_other_inputs_is_none_of_these(office: Office) -> None:
    more = (*JOB["inputs"], Input("bureau.enrolment", "bureau", ("certno",)))
    body = first("bureau.enrolment", "R-3", "bureau")
    office.enter("first", "2026-02-02", body, "bureau")
    office.enter("licence", "2026-02-02", licence("L-3", "R-3", "insurer"), "bureau")
    assert what(lacking(office, "2026-02-02", inputs=more)) == [
        ("operate", f"{SETTLEMENT}, {CASES}, bureau.enrolment", "insurer")
    ]


def test_revocation_stops_new_jobs_and_never_unreleases(office: Office) -> None:
    released = office.register.as_of("2026-02-01")
    proof = certificate(office.register, REPORT, "2026-02-01")
    office.enter("cancel", "2026-03-01", {"number": "L-1", "reason": "breach"}, "bureau")
    # New jobs, from that day on; the operator of a product whose input is gone publishes no more either.
    assert what(lacking(office, "2026-03-01")) == [
        ("use", SETTLEMENT, "insurer"),
        ("operate", f"{SETTLEMENT}, {CASES}", "insurer"),
    ]
    # What was permitted before stays what it was, and the product stays registered.
    assert lacking(office, "2026-02-28") == ()
    assert office.register.as_of("2026-02-01") == released
    assert certificate(office.register, REPORT, "2026-02-01") == proof
    assert "P-1" in {one.number for one in office.register.as_of("2026-03-01").held}


def test_on_one_day_the_next_run_sees_the_revocation(office: Office) -> None:
    admitted = office.register.head
    office.enter("cancel", "2026-02-01", {"number": "L-1", "reason": "breach"}, "bureau")
    assert lacking(office) != ()
    assert (
        lacking(office, head=admitted) == ()
    )  # how the run before was admitted, still to be shown


def test_cancelling_the_holding_stops_all_licensees(office: Office) -> None:
    office.enter("cancel", "2026-03-01", {"number": "R-1", "reason": "merged"}, "bureau")
    found = lacking(office, "2026-03-01")
    assert what(found)[0] == ("registration", SETTLEMENT, "bureau")
    assert found[0].words == f"{SETTLEMENT}: its registration R-1 is cancelled"


def test_compute_parties_hold_no_right(office: Office) -> None:
    """Nobody asks for a compute party's rights, it has none, and the certificate says so."""
    assert office.register.as_of("2026-02-01").of("computer") == ()
    assert lacking(office) == ()
    assert what(lacking(office, initiator="computer"))[0] == ("use", SETTLEMENT, "computer")
    found = certificate(office.register, SETTLEMENT, "2026-02-01")
    assert found["compute_parties"] == COMPUTE_PARTIES
    assert "HOLD 持有" in COMPUTE_PARTIES


def test_a_compiled_question_is_held_against_the_register(office: Office) -> None:
    """The inputs of a real plan: every column that its fragments read, keys and filters too."""
    plan = plan_question(
        (DEMO / "question.sql").read_text(encoding="utf-8"),
        Setting(
            catalogue=Catalogue.load(DEMO / "catalogue.toml"),
            engine="rep3",
            compute=("bureau", "insurer", "hospital"),
            initiator="bureau",
            recipients=("bureau",),
            scenario="supervision",
            purpose="diabetes fund report",
            k=11,
            helpers=lambda left, right: tuple(
                p for p in ("bureau", "insurer", "hospital") if p not in (left, right)
            ),
        ),
    )
    inputs = tuple(
        Input(
            dataset, fragment.owner, tuple(i.column for i in fragment.items if i.dataset == dataset)
        )
        for fragment in plan.fragments
        for dataset in dict.fromkeys(item.dataset for item in fragment.items)
    )
    job: dict[str, Any] = {
        "initiator": plan.initiator,
        "inputs": inputs,
        "scenario": plan.scenario,
        "purpose": plan.purpose,
        "publishers": (),
    }
    found = what(lacking(office, **job))
    assert ("use", CASES, "bureau") in found
    assert ("registration", "insurer.claims", "insurer") in found
    for number, name in enumerate(("insurer.claims", "insurer.policies")):
        body = first(name, f"R-8{number}", "insurer")
        office.enter("first", "2026-02-02", body, "insurer")
        granted = licence(f"L-8{number}", f"R-8{number}", "bureau", scenarios=["supervision"])
        office.enter("licence", "2026-02-02", granted, "insurer")
    office.enter("first", "2026-02-02", first("bureau.enrolment", "R-7", "bureau"), "bureau")
    columns = ["certno", "diag_main", "diag_2", "diag_3"]
    granted = licence("L-7", "R-2", "bureau", scenarios=["supervision"], columns=columns)
    office.enter("licence", "2026-02-02", granted, "hospital")
    assert lacking(office, "2026-02-02", **job) == ()


def test_admission_looks_up_and_does_not_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 columns by 20 licences among hundreds of others': only the job's own parties' rights are looked at."""
    office = Office().with_data()
    for number in range(200):
        office.enter("licence", "2026-02-01", licence(f"X-{number}", "R-1", "vendor"), "bureau")
    columns = [f"c{number}" for number in range(20)]
    for number, column in enumerate(columns):
        body = licence(f"L-{number}", "R-1", "insurer", columns=[column])
        office.enter("licence", "2026-02-01", body, "bureau")
    looked_at: list[str] = []
    whole = Book.in_force

    def counted(book: Book, grant: Grant, moment: Moment) -> bool:
        looked_at.append(grant.number)
        return whole(book, grant, moment)

    monkeypatch.setattr(Book, "in_force", counted)
    wanted = (Input(SETTLEMENT, "bureau", tuple(columns)),)
    assert lacking(office, publishers=(), inputs=wanted) == ()
    assert looked_at == ["R-1", *(f"L-{number}" for number in range(20))]
