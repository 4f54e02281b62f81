"""The rights register's rules beyond the main path: each of them refuses, and lets through what it should."""

from __future__ import annotations

from typing import Any

import pytest
from tests.governance.rights_office import (
    AGREED,
    REPORT,
    SETTLEMENT,
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


@pytest.fixture
def office() -> Office:
    return Office().with_data()


def test_what_is_in_dispute_is_not_registered(office: Office) -> None:
    """An objection may come before the registration."""
    office.enter("objection", "2026-02-01", objection("O-1", "bureau.claims"), "vendor")
    with pytest.raises(UsageError, match=r"bureau\.claims: expected no open objection"):
        office.enter("first", "2026-02-02", first("bureau.claims", "R-9", "bureau"), "bureau")
    office.enter("objection", "2026-02-03", resolution("upheld"), "registry")  # nothing to annul
    office.enter("first", "2026-02-03", first("bureau.claims", "R-9", "bureau"), "bureau")


def test_a_shared_licence_is_moved_and_changed_by_both_sides(office: Office) -> None:
    shared: dict[str, Any] = {"stage": "SHARE", "agreements": AGREED, "transferable": True}
    office.enter(
        "licence", "2026-02-01", licence("L-1", "R-1", "insurer", **shared), "bureau", "insurer"
    )
    with pytest.raises(UsageError, match="insurer, who takes the right in stage SHARE"):
        office.enter("change", "2026-02-02", change("L-1", **shared), "bureau")
    office.enter("change", "2026-02-02", change("L-1", **shared), "bureau", "insurer")
    with pytest.raises(UsageError, match="vendor, who takes the right in stage SHARE"):
        office.enter("transfer", "2026-02-03", transfer("L-1", "vendor"), "insurer")
    with pytest.raises(UsageError, match="expected another holder, got insurer again"):
        office.enter("transfer", "2026-02-03", transfer("L-1", "insurer"), "insurer")
    office.enter("transfer", "2026-02-03", transfer("L-1", "vendor"), "insurer", "vendor")
    assert holders(office, "2026-02-03")[-1] == ("L-1", "USE", "vendor")
    # Who has given a licence away may not use it any more.
    now = office.register.book.now("2026-02-03")
    assert list(office.register.book.held_by(SETTLEMENT, "insurer", now)) == []


def test_a_product_moves_to_who_may_use_its_inputs(office: Office) -> None:
    office.enter("licence", "2026-02-01", licence("L-1", "R-1", "insurer"), "bureau")
    trade = terms(stage="TRADE", transferable=True, scenarios=["supervision"])
    body = product(REPORT, "P-1", "insurer", [SETTLEMENT], terms=trade)
    office.enter("first", "2026-02-01", body, "insurer")
    with pytest.raises(UsageError, match=f"vendor to have USE 使用 of input {SETTLEMENT}"):
        office.enter("transfer", "2026-02-02", transfer("P-1", "vendor"), "insurer")
    more = licence("L-2", "R-1", "vendor", scenarios=["supervision"])
    office.enter("licence", "2026-02-02", more, "bureau")
    office.enter("transfer", "2026-02-02", transfer("P-1", "vendor"), "insurer")
    with pytest.raises(UsageError, match=f"vendor to have USE 使用 of input {SETTLEMENT}"):
        office.enter("change", "2026-02-03", change("P-1", stage="TRADE"), "vendor")


def test_a_change_keeps_to_stage_and_licensor(office: Office) -> None:
    with pytest.raises(UsageError, match="expected HOLD in stage COLLECT, got PROCESS"):
        office.enter("change", "2026-02-01", change("R-1", stage="PROCESS"), "bureau")
    wide = licence("L-1", "R-1", "insurer", sublicensable=True)
    office.enter("licence", "2026-02-01", wide, "bureau")
    office.enter("licence", "2026-02-01", licence("L-2", "L-1", "vendor"), "insurer")
    office.enter("change", "2026-02-02", change("L-1"), "bureau")  # may no longer be passed on
    with pytest.raises(UsageError, match="L-1: expected a sublicensable licence"):
        office.enter("change", "2026-02-03", change("L-2"), "insurer")


def test_nothing_is_entered_about_a_right_after_its_term(office: Office) -> None:
    short = licence("L-1", "R-1", "insurer", sublicensable=True, until="2026-03-31")
    office.enter("licence", "2026-02-01", short, "bureau")
    under = licence("L-2", "L-1", "vendor", until="2026-03-31")
    with pytest.raises(UsageError, match="a right in force, but L-1 ended on 2026-03-31"):
        office.enter("licence", "2026-04-01", under, "insurer")
    office.enter("licence", "2026-03-31", under, "insurer")


def test_what_has_run_out_is_registered_anew(office: Office) -> None:
    until = change("R-1", stage="COLLECT", until="2026-03-31")
    office.enter("change", "2026-02-01", until, "bureau")
    again = first(SETTLEMENT, "R-9", "bureau")
    with pytest.raises(UsageError, match="one registration unit, it is R-1 already"):
        office.enter("first", "2026-03-31", again, "bureau")
    office.enter("first", "2026-04-01", again, "bureau")
    assert ("R-9", "HOLD", "bureau") in holders(office, "2026-04-01")
    assert ("R-1", "HOLD", "bureau") in holders(office, "2026-03-31")


def test_a_licence_is_for_another_party_and_ended_by_its_sides(office: Office) -> None:
    with pytest.raises(UsageError, match="a licence for another party, got one for bureau itself"):
        office.enter("licence", "2026-02-01", licence("L-1", "R-1", "bureau"), "bureau")
    for number, side in (("L-1", "insurer"), ("L-2", "bureau")):
        office.enter("licence", "2026-02-01", licence(number, "R-1", "insurer"), "bureau")
        with pytest.raises(
            UsageError, match="bureau or insurer, licensor or licensee, got that of v"
        ):
            office.enter("cancel", "2026-02-01", cancel(number), "vendor")
        office.enter("cancel", "2026-02-01", cancel(number), side)
    with pytest.raises(UsageError, match="the number of a registered right, got L-9"):
        office.enter("cancel", "2026-02-01", cancel("L-9"), "bureau")
