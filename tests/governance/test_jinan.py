"""Jinan 保医通: one matter, one authorisation; a claim is adjudicated without the row or the rule being shown.

One test or more for each item of the system's least list. The bureau holds the settlements and the desk of
consents, the insurer a secret rule; the two of them compute. Between real nodes: tests/system/test_adjudication.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from tests.adjudicated import claims, payable, rules
from tests.adjudicated import run as played
from tests.consenting import CLAIM, FIELDS, IDS, SECOND, Office, key_of

from mpcstats.algebra.ring import ring
from mpcstats.cards.load import load_cards
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import UsageError
from mpcstats.party.data.consent import columns_for_matter, matter_rows
from mpcstats.party.data.table import load_table
from mpcstats.party.desk.consent import ConsentDesk
from mpcstats.protocols.adjudication import LEAK, Form, Rule, Settled
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Summand
from mpcstats.protocols.safety import Rules
from mpcstats.protocols.sum import vector_sum
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.consent.terms import Ask
from mpcstats.records.consent.view import safe_box, uses_of_asset
from mpcstats.records.signed import Statement
from mpcstats.session import Session
from mpcstats.transport.lockstep import lockstep

EVENT = "S0001"
LATER = "2026-06-01T08:01:30Z"
CATEGORIES = (11, 14, 21, 52)  # med_type
FORM = Form(1, len(CATEGORIES), 26)  # psn_cash_pay, up to 600,000 yuan
RULE = Rule(50_000, 8000, 1_000_000, excluded_reasons=frozenset({3}))

CATALOGUE = """
version = 1

[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 60
consent = "per-matter"
[dataset.columns]
setl_id = { type = "text", level = "MODERATE" }
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
med_type = { type = "integer", level = "MODERATE", domain = [11, 14, 21, 52] }
psn_cash_pay = { type = "integer", level = "MODERATE", minimum = 0, maximum = 60_000_000, unit = "fen" }
drg_code = { type = "text", level = "MODERATE", domain = ["A", "B"] }
"""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    found = Office(tmp_path)
    found.enrol(0)
    found.asset(0)
    return found


def ask(office: Office, **changed: object) -> Ask:
    """What the insurer asks for the person and the matter."""
    person, matter = office.person(0), office.desk.key.matter(EVENT)
    asked = Ask("bureau", ("insurer",), FIELDS, *CLAIM, SECOND, person, matter)
    return replace(asked, **changed)  # type: ignore[arg-type]


def reasons(office: Office, token: Statement, asked: Ask, run: str = "r1") -> list[str]:
    return [refusal.reason for refusal in office.desk.admit(token, asked, run)]


# The token ----------------------------------------------------------------------------------------


def test_a_token_is_signed_and_says_what_it_is_for(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    assert set(token.body) == {
        *("owner", "person", "matter", "recipient", "fields", "scenario", "purpose"),
        *("nonce", "not_before", "expires"),
    }
    forged = replace(token, text=token.text.replace("psn_cash_pay", "psn_cash_paz"))
    assert reasons(office, forged, ask(office)) == ["not-signed"]
    assert reasons(office, replace(token, signatures=()), ask(office)) == ["not-signed"]
    others = token.sign(office.person(0), key_of(IDS[1]))
    assert reasons(office, others, ask(office)) == ["not-signed"]
    assert reasons(office, token, ask(office)) == []  # none of these has spent it


def test_an_authority_may_sign_for_the_person_and_a_clerk_may_not(office: Office) -> None:
    token = replace(office.token(0, EVENT, "insurer"), signatures=())
    assert reasons(office, token.sign("clerk", key_of("clerk")), ask(office)) == ["not-signed"]
    assert reasons(office, token.sign("realname", key_of("realname")), ask(office)) == []


def test_a_token_for_more_than_72_hours_is_refused(office: Office) -> None:
    longest = office.token(0, EVENT, "insurer", expires="2026-06-04T08:00:00Z")
    longer = office.token(0, EVENT, "insurer", expires="2026-06-04T08:00:01Z")
    assert reasons(office, longer, ask(office)) == ["too-long"]
    with pytest.raises(UsageError, match="too-long: expected a token valid for at most 259200 sec"):
        office.record(longer)
    assert reasons(office, longest, ask(office)) == []


# Consumed exactly once ----------------------------------------------------------------------------


def test_a_token_is_consumed_exactly_once_and_a_replay_is_a_violation(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    assert office.desk.admit(token, ask(office), "r1") == ()
    for run in ("r1", "r2"):  # whatever became of the first run
        (refused,) = office.desk.admit(token, ask(office, second=LATER), run)
        assert (refused.reason, refused.violation) == ("replayed", True)
    (use,) = office.desk.consents().uses("r1")
    assert use.consents == (token.digest,)
    assert office.desk.consents().uses("r2") == ()


def test_a_journal_that_was_put_back_admits_nothing(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    before = office.desk.journal.read_bytes()
    assert reasons(office, token, ask(office)) == []
    office.desk.journal.write_bytes(before)
    another = ConsentDesk.open(office.path)
    with pytest.raises(UsageError, match="was it cut off or put back to an old copy"):
        another.admit(token, ask(office), "r2")


def test_a_replay_is_found_though_the_file_of_what_is_spent_was_lost(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    assert reasons(office, token, ask(office)) == []
    office.desk.spent.unlink()
    assert reasons(office, token, ask(office), "r2") == ["replayed"]


def test_of_clerks_who_present_a_token_at_once_one_is_admitted(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    with ThreadPoolExecutor(4) as clerks:
        asked = [clerks.submit(reasons, office, token, ask(office), f"r{n}") for n in range(4)]
        found = sorted(each.result() for each in asked)
    assert found == [[], ["replayed"], ["replayed"], ["replayed"]]
    assert len([e for e in office.desk.consents().events if e.kind == "consent-use"]) == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"matter": "0" * 64}, "other-matter"),
        ({"matter": None}, "other-matter"),
        ({"recipients": ("other_insurer",)}, "other-recipient"),
        ({"recipients": ("insurer", "other_insurer")}, "other-recipient"),
        ({"recipients": ()}, "other-recipient"),
        ({"fields": (*FIELDS, "bureau.settlement.drg_code")}, "other-field"),
        ({"fields": ()}, "other-field"),
        ({"person": "0" * 64}, "other-person"),
        ({"purpose": "marketing"}, "other-purpose"),
        ({"scenario": "research"}, "other-scenario"),
        ({"owner": "hospital"}, "other-owner"),
        ({"second": "2026-06-03T08:00:01Z"}, "expired"),
        ({"second": "2026-06-01T07:00:00Z"}, "too-early"),
    ],
)
def test_anything_but_what_was_authorised_is_refused_and_spends_nothing(
    office: Office, changed: Mapping[str, object], reason: str
) -> None:
    token = office.token(0, EVENT, "insurer")
    (refused,) = office.desk.admit(token, ask(office, **changed), "r1")
    assert (refused.reason, refused.violation) == (reason, False)
    assert reasons(office, token, ask(office)) == []  # the control: as authorised, once


def test_every_reason_is_given_at_once(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    wrong = ask(office, purpose="marketing", matter="0" * 64, second="2026-06-09T00:00:00Z")
    assert reasons(office, token, wrong) == ["other-purpose", "expired", "other-matter"]


def test_a_revoked_token_is_refused_even_if_it_was_never_shown(office: Office) -> None:
    token, shown = office.token(0, EVENT, "insurer"), office.token(0, EVENT, "insurer")
    office.record(shown)
    for each in (token, shown):
        office.revoke(0, each.digest)
        assert reasons(office, each, ask(office)) == ["revoked"]
    another = office.token(0, EVENT, "insurer")
    assert reasons(office, another, ask(office)) == []


def test_an_opt_out_and_a_freeze_outweigh_a_token(office: Office) -> None:
    given_ = {"person": office.person(0), "dataset": "bureau.settlement"}
    opted = office.bring("consent-opt-out", given_, "realname")
    token = office.token(0, EVENT, "insurer")
    assert reasons(office, token, ask(office)) == ["opted-out"]
    office.revoke(0, opted)
    asset = next(iter(office.desk.consents().holdings.assets))
    office.freeze(asset)
    assert reasons(office, token, ask(office)) == ["frozen"]


# Unused fields never leave ------------------------------------------------------------------------


def bureau_row(office: Office, asked: Ask) -> list[dict[str, int | str | None]]:
    """What the bureau reads for an admitted ask, from its file; a column that is not asked for is full of rubbish."""
    path = office.folder / "settlement.csv"
    rows = [
        f"{EVENT},{IDS[0].lower()},21,1300000,?",
        f"S0002,{IDS[0]},11,7,?",
        f"S0003,{IDS[1]},11,9,?",
    ]
    path.write_text("\n".join(("setl_id,certno,med_type,psn_cash_pay,drg_code", *rows)) + "\n")
    (office.folder / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
    dataset = Catalogue.load(office.folder / "catalogue.toml").dataset("bureau.settlement")
    with duckdb.connect() as database:
        load_table(database, dataset, columns_for_matter(dataset, asked, "setl_id"), path)
        return matter_rows(database, dataset, office.desk.key, asked, matter_column="setl_id")


def test_the_fields_that_are_asked_for_are_read_and_no_others(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    less = ask(office, fields=FIELDS[:1])  # fewer than the token has
    assert reasons(office, token, less) == []
    assert bureau_row(office, less) == [{"psn_cash_pay": 1_300_000}]
    (use,) = office.desk.consents().uses("r1")
    assert use.fields == FIELDS[:1]
    with pytest.raises(UsageError, match="expected drg_code in its domain"):  # the control
        bureau_row(office, ask(office, fields=("bureau.settlement.drg_code",)))


# From settlement to payable: time, and the trace ---------------------------------------------------


def test_the_time_from_settlement_to_payable_is_on_record(office: Office) -> None:
    assert reasons(office, office.token(0, EVENT, "insurer"), ask(office)) == []
    office.desk.deliver("r1", "5e" * 32, second=LATER, settled="2026-06-01T07:59:00Z")
    (use,) = safe_box(office.desk.consents(), office.person(0), LATER).uses
    assert (use.run, use.seconds) == ("r1", 150)
    assert reasons(office, office.token(0, EVENT, "insurer"), ask(office, second=LATER), "r2") == []
    with pytest.raises(UsageError, match="expected settled by"):
        office.desk.deliver("r2", "5e" * 32, second=LATER, settled="2026-06-01T08:01:31Z")


def test_person_and_regulator_trace_the_matter_in_full(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    assert reasons(office, token, ask(office)) == []
    result = hashlib.sha256(b"payable").hexdigest()
    office.desk.deliver("r1", result, second=LATER, settled=SECOND)
    consents = office.desk.consents()
    box = safe_box(consents, office.person(0), LATER)
    assert [event.kind for event in box.history] == [
        *("person-key", "consent-asset", "consent-token", "consent-use", "consent-delivery")
    ]
    assert [(g.digest, g.token, g.state) for g in box.grants] == [(token.digest, True, "used up")]
    ((asset, _),) = box.assets
    assert uses_of_asset(consents, asset) == box.uses
    (use,) = box.uses
    assert (use.recipients, use.fields, use.purpose) == (("insurer",), FIELDS, CLAIM[1])
    assert (use.consents, use.matter, use.result) == (
        (token.digest,),
        office.desk.key.matter(EVENT),
        result,
    )
    assert IDS[0] not in json.dumps(box.to_json())
    assert EVENT not in json.dumps(box.to_json())


# The payable amount, and nothing else --------------------------------------------------------------


def settled(amount: int, category: int) -> Settled:
    """A settlement of one category."""
    return Settled((amount,), tuple(category == each for each in CATEGORIES))


def adjudicated(claim: Settled, rule: Rule) -> int:
    """The insurer's amount; the bureau must get nothing, and nothing else may be opened."""
    results = played(FORM, claim, rule).results
    assert results["bureau"][0] is None
    amount, openings = results["insurer"]
    assert amount is not None
    assert [(o.leak, o.to) for o in openings] == [(LEAK, ("insurer",))]
    assert openings == results["bureau"][1]
    assert {o.id for o in load_cards()["adjudication"].leakage.opened} == {LEAK}
    return amount


EDGES = {0: 0, 50_000: 0, 50_001: 0, 50_002: 1, 1_299_999: 999_999, 1_300_002: 1_000_000}


def test_the_payable_amount_is_that_of_the_rule() -> None:
    for amount, expected in EDGES.items():
        assert adjudicated(settled(amount, 21), RULE) == expected
        assert payable(settled(amount, 21), RULE) == expected
        assert adjudicated(settled(amount, 52), RULE) == 0


@settings(max_examples=5)
@given(claims(FORM), rules(FORM))
def test_any_claim_under_any_rule_gives_what_the_plain_rule_gives(
    claim: Settled, rule: Rule
) -> None:
    assert adjudicated(claim, rule) == payable(claim, rule)


def test_the_traffic_does_not_tell_of_row_or_rule() -> None:
    def traffic(claim: Settled, rule: Rule) -> tuple[int, dict[str, int]]:
        found = played(FORM, claim, rule).traffic
        return found.rounds, dict(found.bytes_sent)

    generous = Rule(0, 10_000, (1 << 36) - 1)
    assert traffic(settled(1_300_000, 21), RULE) == traffic(settled(0, 52), generous)


def test_one_matter_from_the_token_to_the_payable_amount(office: Office) -> None:
    token = office.token(0, EVENT, "insurer")
    asked = ask(office)
    assert reasons(office, token, asked) == []
    (row,) = bureau_row(office, asked)
    amount, category = row["psn_cash_pay"], row["med_type"]
    assert isinstance(amount, int)
    assert isinstance(category, int)
    paid = adjudicated(settled(amount, category), RULE)
    assert paid == 1_000_000
    # The bureau, which does not learn the amount, records what it sent to whom by the run's transcript.
    office.desk.deliver(
        "r1", hashlib.sha256(b"transcript").hexdigest(), second=LATER, settled=SECOND
    )
    assert str(paid) not in office.desk.journal.read_text()
    assert reasons(office, token, asked, "r2") == ["replayed"]


# Monthly statistics -------------------------------------------------------------------------------


def test_monthly_statistics_are_a_secure_sum_over_the_insurers() -> None:
    """Claims, paid claims and fen by month, over three insurers, none of which shows its own."""
    insurers = ("insurer_a", "insurer_b", "insurer_c")
    months = {
        "insurer_a": ([4, 0, 9], [3, 0, 9], [120_000, 0, 700]),
        "insurer_b": ([8, 1, 2], [8, 1, 0], [90_000, 5_000, 0]),
        "insurer_c": ([2, 1, 6], [1, 0, 6], [1, 0, 2_000_000]),
    }
    k = 11  # claims of a month, at least

    def body(engine: Any, party: str) -> Any:
        async def run(session: Session) -> Opened | None:
            vectors = [
                Summand(name, ring(np.array(months[name])) if name == party else None)
                for name in insurers
            ]
            summed = await vector_sum(session.narrow("sum"), engine, vectors, shape=(3, 3))
            behind = (Behind(), Behind())
            cells = Cells(3, (summed.total[0],), summed.total[1:].flat(), behind)
            return await gate(session.narrow("gate"), engine, cells, Rules(k), to=("bureau",))

        return run

    parties = (*insurers, "bureau")
    for engine in (Rep3(insurers), Clear(("insurer_a",))):
        results = lockstep({party: body(engine, party) for party in parties}).results
        found = results["bureau"]
        assert found is not None
        assert found.shown.tolist() == [True, False, True]  # February had two claims
        assert found.values.tolist() == [[12, 0, 15], [210_001, 0, 2_000_700]]
        assert all(results[name] is None for name in insurers)
