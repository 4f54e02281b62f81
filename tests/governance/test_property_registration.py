"""Property registration (SYSTEMS.md row 11): six kinds of event with preconditions, as-of queries, retention."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.governance.rights_office import (
    AGREED,
    CASES,
    DOCUMENT,
    KEYS,
    MOVABLE,
    REPORT,
    ROLES,
    SETTLEMENT,
    WHO,
    Body,
    Office,
    cancel,
    change,
    first,
    holders,
    licence,
    objection,
    product,
    resolution,
    terms,
    transfer,
)

from mpcstats.errors import UsageError
from mpcstats.records.journal import EMPTY, Journal
from mpcstats.records.principals import Principals
from mpcstats.records.rights.certificate import (
    KIND,
    certificate,
    check_certificate,
    check_retained,
    retained_until,
)
from mpcstats.records.rights.events import CHINESE, KINDS
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.signed import Statement


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "rights.jsonl").with_data()


def test_event_sourced_with_six_types(office: Office) -> None:
    """Six types, each entered; the file alone gives the same register again."""
    assert list(CHINESE.values()) == ["首次", "许可", "转移", "变更", "注销", "异议"]
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    office.enter("change", "2026-03-01", change("R-2", **MOVABLE), "hospital")
    office.enter("transfer", "2026-03-02", transfer("R-2", "vendor"), "hospital")
    office.enter("objection", "2026-03-03", objection(), "vendor")
    office.enter("objection", "2026-03-04", resolution("dismissed"), "registry")
    office.enter("cancel", "2026-03-05", cancel("L-1"), "bureau")
    assert {one.statement.kind for one in office.register.entered()} == set(KINDS)
    again = RightsRegister(WHO)
    assert office.path is not None
    journal = Journal.load(office.path, WHO, again.add)
    assert journal.head == again.head == office.register.head
    assert again.as_of("2026-03-04") == office.register.as_of("2026-03-04")
    assert [one.statement.kind for one in again.history(CASES)] == [
        "right-first",
        "right-change",
        "right-transfer",
    ]


def test_one_asset_is_one_unit_with_one_number(office: Office) -> None:
    with pytest.raises(UsageError, match=r"one registration unit, it is R-1 already"):
        office.enter("first", "2026-02-01", first(SETTLEMENT, "R-9", "bureau"), "bureau")
    with pytest.raises(UsageError, match=r"number that was never used, got R-1"):
        office.enter("first", "2026-02-01", first("bureau.enrolment", "R-1", "bureau"), "bureau")
    office.enter("first", "2026-02-01", first("bureau.enrolment", "R-9", "bureau"), "bureau")
    office.enter("cancel", "2026-02-02", cancel("R-9"), "bureau")
    with pytest.raises(UsageError, match=r"never used, got R-9"):
        office.enter("first", "2026-02-03", first("bureau.claims", "R-9", "bureau"), "bureau")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (first("bureau.x", "R-9", "bureau", sensitivity="core"), "core data 核心数据 are not"),
        (first("bureau.x", "R-9", "bureau", disputes=["who owns it"]), "no dispute, got 1"),
        (first("bureau.x", "R-9", "person"), "a holder that is a party on 2026-02-01, got person"),
        (
            first("bureau.x", "R-9", "insurer"),
            "signature of insurer, the holder, got that of bureau",
        ),
        (first("bureau.x", "R-9", "bureau", retention=29), "greater than or equal to 30"),
        (
            first("bureau.x", "R-9", "bureau", terms=terms(stage="COLLECT", basis={"by": "law"})),
            r"terms\.basis\.document: field required",
        ),
        (
            first(
                "bureau.x",
                "R-9",
                "bureau",
                terms=terms(stage="COLLECT", basis={"by": "purchase", "document": DOCUMENT}),
            ),
            r"terms\.basis\.by: input should be 'law', 'contract' or 'consent'",
        ),
        (first("bureau.x", "R-9", "bureau", terms=terms()), "HOLD in stage COLLECT, got PROCESS"),
    ],
)
def test_registration_is_refused(office: Office, body: Body, message: str) -> None:
    """Core data, unlawful source or no basis, an unresolved dispute, somebody else's signature."""
    before = office.register.head
    with pytest.raises(UsageError, match=message):
        office.enter("first", "2026-02-01", body, "bureau")
    assert office.register.head == before
    assert office.path is not None
    assert len(office.path.read_text(encoding="utf-8").splitlines()) == 2
    # The control: the same body without the fault is entered.
    office.enter("first", "2026-02-01", first("bureau.x", "R-9", "bureau"), "bureau")


def test_transfer_needs_no_open_objection_and_a_transferable_right(office: Office) -> None:
    with pytest.raises(UsageError, match="expected a transferable right"):
        office.enter("transfer", "2026-02-01", transfer("R-1", "vendor"), "bureau")
    office.enter("change", "2026-02-01", change("R-1", **MOVABLE), "bureau")
    office.enter("objection", "2026-02-02", objection(), "vendor")
    with pytest.raises(UsageError, match="no open objection, got O-1 of vendor"):
        office.enter("transfer", "2026-02-03", transfer("R-1", "vendor"), "bureau")
    office.enter("objection", "2026-02-04", resolution("dismissed"), "registry")
    with pytest.raises(UsageError, match="signature of bureau, the holder, got that of vendor"):
        office.enter("transfer", "2026-02-05", transfer("R-1", "vendor"), "vendor")
    office.enter("transfer", "2026-02-05", transfer("R-1", "vendor"), "bureau")
    assert ("R-1", "HOLD", "vendor") in holders(office, "2026-02-05")


@pytest.mark.parametrize(
    ("wider", "message"),
    [
        ({"purposes": ["*"]}, "got a wider scope"),
        ({"columns": ["fund_pay_sumamt", "certno"]}, "got a wider scope"),
        ({"until": "2027-01-01"}, "got a wider until"),
        ({"since": "2025-12-31"}, "got a wider since"),
    ],
)
def test_licence_is_within_the_licensors_scope_and_term(
    office: Office, wider: Body, message: str
) -> None:
    narrow = {
        "columns": ["fund_pay_sumamt"],
        "purposes": ["fund report"],
        "until": "2026-12-31",
    }
    office.enter(
        "licence",
        "2026-02-01",
        licence("L-1", "R-1", "insurer", sublicensable=True, **narrow),
        "bureau",
    )
    with pytest.raises(UsageError, match=message):
        office.enter(
            "licence", "2026-02-02", licence("L-2", "L-1", "vendor", **narrow | wider), "insurer"
        )
    office.enter("licence", "2026-02-02", licence("L-2", "L-1", "vendor", **narrow), "insurer")
    assert ("L-2", "USE", "vendor") in holders(office, "2026-02-02")


def test_only_holder_or_sublicensable_licensee_licenses(office: Office) -> None:
    with pytest.raises(
        UsageError, match=r"signature of bureau, the holder of R-1, got that of ven"
    ):
        office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "vendor")
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    with pytest.raises(UsageError, match="expected a sublicensable licence"):
        office.enter("licence", "2026-02-02", licence("L-2", "L-1", "vendor"), "insurer")
    with pytest.raises(UsageError, match="expected a licence of USE under HOLD, got HOLD"):
        office.enter(
            "licence", "2026-02-02", licence("L-2", "R-1", "vendor", right="HOLD"), "bureau"
        )


@pytest.mark.parametrize("stage", ["OPEN", "SHARE"])
def test_share_stage_requires_three_agreement_hashes(office: Office, stage: str) -> None:
    for name in AGREED:
        two = {k: v for k, v in AGREED.items() if k != name}
        with pytest.raises(UsageError, match=f"all three agreements in stage {stage}.*{name}"):
            office.enter(
                "licence",
                "2026-02-01",
                licence("L-1", "R-1", "insurer", stage=stage, agreements=two),
                "bureau",
                "insurer",
            )
    body = licence("L-1", "R-1", "insurer", stage=stage, agreements=AGREED)
    with pytest.raises(UsageError, match=f"insurer, who takes the right in stage {stage}"):
        office.enter("licence", "2026-02-01", body, "bureau")
    office.enter("licence", "2026-02-01", body, "bureau", "insurer")


def test_change_stays_within_the_licensors_terms(office: Office) -> None:
    office.enter(
        "change", "2026-02-01", change("R-1", stage="COLLECT", scenarios=["supervision"]), "bureau"
    )
    body = licence("L-1", "R-1", "insurer", scenarios=["supervision"])
    office.enter("licence", "2026-02-01", body, "bureau")
    with pytest.raises(UsageError, match="within those of R-1, got a wider scope"):
        office.enter("change", "2026-02-02", change("L-1", scenarios=["*"]), "bureau")
    with pytest.raises(UsageError, match="signature of bureau, the holder of R-1"):
        office.enter("change", "2026-02-02", change("L-1", scenarios=["supervision"]), "insurer")


def test_narrowing_a_right_narrows_what_hangs_on_it(office: Office) -> None:
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    narrow = change("R-1", stage="COLLECT", scenarios=["supervision"], until="2026-06-30")
    office.enter("change", "2026-03-01", narrow, "bureau")
    (before,) = office.register.as_of("2026-02-28").of("insurer")
    (after,) = office.register.as_of("2026-03-01").of("insurer")
    assert (before.scope.scenarios, before.until) == (("*",), None)
    assert (after.scope.scenarios, after.until) == (("supervision",), "2026-06-30")
    assert office.register.as_of("2026-07-01").of("insurer") == ()


def test_cancel_ends_the_right_and_what_hangs_on_it(office: Office) -> None:
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    for signer in ("vendor", "watchdog", "insurer"):
        with pytest.raises(UsageError, match="signature of bureau, the holder"):
            office.enter("cancel", "2026-03-01", cancel("R-1"), signer)
    office.enter("cancel", "2026-03-01", cancel("R-1"), "registry")
    assert holders(office, "2026-03-01") == [("R-2", "HOLD", "hospital")]
    for kind, body in (
        ("first", first(SETTLEMENT, "R-9", "bureau")),
        ("licence", licence("L-2", "R-1", "vendor")),
        ("licence", licence("L-2", "L-1", "vendor")),
        ("transfer", transfer("R-1", "vendor")),
        ("change", change("R-1", stage="COLLECT")),
        ("change", change("L-1")),
        ("cancel", cancel("R-1")),
        ("cancel", cancel("L-1")),
    ):
        with pytest.raises(UsageError, match=r"cancelled: nothing more"):
            office.enter(kind, "2026-03-02", body, "bureau")


def test_objections_are_settled_by_others_than_their_sides(office: Office) -> None:
    with pytest.raises(UsageError, match="signature of vendor, who objects"):
        office.enter("objection", "2026-02-01", objection(), "insurer")
    office.enter("objection", "2026-02-01", objection(objector="watchdog"), "watchdog")
    for signer in ("watchdog", "vendor", "bureau"):
        with pytest.raises(UsageError, match="registrar or regulator who is no side"):
            office.enter("objection", "2026-02-02", resolution("dismissed"), signer)
    for kind, body in (
        ("licence", licence("L-1", "R-1", "insurer")),
        ("change", change("R-1", **MOVABLE)),
    ):
        with pytest.raises(UsageError, match="no open objection"):
            office.enter(kind, "2026-02-02", body, "bureau")
    office.enter("objection", "2026-02-02", resolution("settled"), "registry")
    with pytest.raises(UsageError, match="an open objection, got O-1"):
        office.enter("objection", "2026-02-02", resolution("settled"), "registry")
    office.enter("licence", "2026-02-02", licence("L-1", "R-1", "insurer"), "bureau")


def test_an_upheld_objection_annuls_a_wrong_registration(office: Office) -> None:
    """Who enters another's data, and cancels them so that nobody can, does not keep the name from its holder."""
    office.enter("first", "2026-02-01", first("bureau.claims", "R-8", "vendor"), "vendor")
    office.enter("objection", "2026-02-02", objection("O-2", "bureau.claims", "bureau"), "bureau")
    office.enter("cancel", "2026-02-03", cancel("R-8"), "vendor")
    with pytest.raises(UsageError, match="R-8 is cancelled"):
        office.enter("first", "2026-02-04", first("bureau.claims", "R-9", "bureau"), "bureau")
    office.enter("objection", "2026-02-05", resolution("upheld", "O-2"), "watchdog")
    office.enter("first", "2026-02-06", first("bureau.claims", "R-9", "bureau"), "bureau")
    assert ("R-8", "HOLD", "vendor") in holders(office, "2026-02-02")  # so it was registered then
    assert ("R-9", "HOLD", "bureau") in holders(office, "2026-02-06")


def test_products_carry_the_lineage_of_registered_inputs(office: Office) -> None:
    body = product(REPORT, "P-1", "insurer", [SETTLEMENT, CASES])
    with pytest.raises(UsageError, match=f"insurer to have USE 使用 of input {SETTLEMENT}"):
        office.enter("first", "2026-02-01", body, "insurer")
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    office.enter(
        "licence",
        "2026-02-01",
        licence("L-2", "R-2", "insurer", scenarios=["supervision"]),
        "hospital",
    )
    with pytest.raises(UsageError, match=f"of input {CASES} on 2026-02-01"):
        office.enter("first", "2026-02-01", body, "insurer")  # for more than the hospital licensed
    office.enter("objection", "2026-02-01", objection("O-1", CASES), "vendor")
    body["terms"] = terms(stage="TRADE", scenarios=["supervision"])
    with pytest.raises(UsageError, match=f"{CASES}: expected no open objection"):
        office.enter("first", "2026-02-01", body, "insurer")
    office.enter("objection", "2026-02-02", resolution("dismissed"), "registry")
    office.enter("first", "2026-02-02", body, "insurer")
    lineage = certificate(office.register, REPORT, "2026-02-02")["lineage"]
    assert lineage == {"inputs": [SETTLEMENT, CASES], "plans": ["cd" * 32]}
    for fault in (
        first(REPORT + "2", "P-2", "insurer", right="OPERATE", terms=terms(stage="TRADE")),
        first("insurer.x", "P-2", "insurer", lineage=lineage),
    ):
        with pytest.raises(UsageError, match="lineage of a product, and of nothing else"):
            office.enter("first", "2026-02-02", fault, "insurer")


def test_who_held_what_on_day_d(office: Office) -> None:
    office.enter("change", "2026-02-01", change("R-1", **MOVABLE), "bureau")
    office.enter("transfer", "2026-03-01", transfer("R-1", "vendor"), "bureau")
    assert holders(office, "2026-01-04") == []
    both = [("R-1", "HOLD", "bureau"), ("R-2", "HOLD", "hospital")]
    assert holders(office, "2026-01-05") == holders(office, "2026-02-28") == both
    assert holders(office, "2026-03-01")[0] == ("R-1", "HOLD", "vendor")
    with pytest.raises(UsageError, match="a day as YYYY-MM-DD"):
        office.register.as_of("2026-3-1")


def test_days_never_go_back(office: Office) -> None:
    with pytest.raises(
        UsageError, match="not before the register's last, 2026-01-05, got 2026-01-04"
    ):
        office.enter("licence", "2026-01-04", licence("L-1", "R-1", "insurer"), "bureau")


def test_a_later_change_never_alters_an_old_certificate(office: Office) -> None:
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    made = Statement.of(KIND, certificate(office.register, SETTLEMENT, "2026-02-01"))
    signed = made.sign("registry", KEYS["registry"])
    text = made.text
    # On the same day, too: the certificate's head says what was entered when it was made.
    office.enter("cancel", "2026-02-01", cancel("L-1"), "bureau")
    office.enter("change", "2026-02-02", change("R-1", **MOVABLE), "bureau")
    office.enter("transfer", "2026-02-02", transfer("R-1", "vendor"), "bureau")
    check_certificate(signed, office.register, WHO)
    head = str(made.body["head"])
    again = certificate(office.register, SETTLEMENT, "2026-02-01", head=head)
    assert Statement.of(KIND, again).text == text
    assert certificate(office.register, SETTLEMENT, "2026-02-01")["rights"] != made.body["rights"]


def test_the_certificate_says_what_trade_and_arbitration_need(office: Office) -> None:
    office.enter("objection", "2026-02-01", objection(), "vendor")
    found = certificate(office.register, SETTLEMENT, "2026-02-01")
    assert found["head"] == office.register.head
    assert found["number"] == "R-1"
    assert found["objections"] == ["O-1"]
    assert found["for"] == ["trade 交易", "pledge 质押", "accounting 入表", "arbitration 仲裁"]
    assert "none of the rights" in str(found["compute_parties"])
    with pytest.raises(UsageError, match="in force on 2026-01-04, got none"):
        certificate(office.register, SETTLEMENT, "2026-01-04")


def test_arbitration_years_later(office: Office) -> None:
    """A certificate of what was then, signed by who is registrar now."""
    entry = WHO.get("registry")
    assert entry is not None
    later = entry.model_copy(update={"since": "2031-01-01"})
    who = Principals([later, *(found for n in ROLES if n != "registry" if (found := WHO.get(n)))])
    for issued, good in (("2031-05-05", True), ("2026-02-01", False)):
        body = certificate(office.register, SETTLEMENT, "2026-02-01", issued=issued)
        signed = Statement.of(KIND, body).sign("registry", KEYS["registry"])
        if good:
            check_certificate(signed, office.register, who)
            continue
        with pytest.raises(UsageError, match="the signature of a registrar"):
            check_certificate(signed, office.register, who)


def test_a_forged_certificate_is_refused(office: Office) -> None:
    body = certificate(office.register, SETTLEMENT, "2026-02-01")
    plain = Statement.of(KIND, body)
    with pytest.raises(UsageError, match="signature of a registrar, got that of bureau"):
        check_certificate(plain.sign("bureau", KEYS["bureau"]), office.register, WHO)
    more = Statement.of(KIND, body | {"number": "R-7"}).sign("registry", KEYS["registry"])
    with pytest.raises(UsageError, match="differs in number"):
        check_certificate(more, office.register, WHO)
    other = Statement.of(KIND, body | {"head": "12" * 32}).sign("registry", KEYS["registry"])
    with pytest.raises(UsageError, match="a head that this register has had"):
        check_certificate(other, office.register, WHO)


def test_retention_of_thirty_years_and_nothing_deleted(office: Office) -> None:
    assert retained_until(office.register, SETTLEMENT) is None
    noted = office.register.head
    office.enter("cancel", "2028-02-29", cancel("R-1"), "bureau")
    assert retained_until(office.register, SETTLEMENT) == "2058-03-01"
    office.enter("first", "2099-01-01", first("bureau.y", "R-7", "bureau", retention=50), "bureau")
    # Long after, the answer of 2026 and the head of then are still there.
    assert ("R-1", "HOLD", "bureau") in holders(office, "2026-05-05")
    check_retained(office.register, [noted])
    # The control: a register with a statement taken out no longer has the head noted earlier.
    assert office.path is not None
    lines = office.path.read_text(encoding="utf-8").splitlines(keepends=True)
    office.path.write_text("".join([lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(UsageError, match="it was moved, is old, or one before it is missing"):
        Journal.load(office.path, WHO, RightsRegister(WHO).add)
    office.path.write_text(lines[0], encoding="utf-8")
    cut = RightsRegister(WHO)
    Journal.load(office.path, WHO, cut.add)
    with pytest.raises(UsageError, match="or statements were taken out"):
        check_retained(cut, [noted])


def test_a_job_carries_the_registers_head(office: Office) -> None:
    """The snapshot that a job is admitted by answers the same for ever."""
    snapshot = office.register.as_of("2026-02-01")
    assert snapshot.head == office.register.head_on("2026-02-01") == office.register.head
    assert office.register.head_on("2026-01-04") == EMPTY
    office.enter("cancel", "2026-02-01", cancel("R-1"), "bureau")
    assert office.register.as_of("2026-02-01", head=snapshot.head) == snapshot
    assert office.register.as_of("2026-02-01") != snapshot
