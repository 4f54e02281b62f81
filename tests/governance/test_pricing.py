"""Pricing and revenue sharing (SYSTEMS.md, row 12), item by item: units, price, caps, split, statements, one class one
price. The ledgers of the command-line tests are real files with real signatures."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.files.config import Address
from mpcstats.party.files.keys import make_keys, read_signing_key
from mpcstats.party.node import Spent
from mpcstats.party.question import Question
from mpcstats.protocols.gate import LEAK
from mpcstats.records.billing.account import Account, accounts
from mpcstats.records.billing.buyers import Buyers
from mpcstats.records.billing.month import months
from mpcstats.records.billing.revenue import (
    CONTRIBUTION,
    Parts,
    Source,
    check_balance,
    contributed_by,
    parted,
    read_statement,
    report,
    statements,
)
from mpcstats.records.billing.shares import (
    Contributed,
    Shares,
    contribution,
    split,
)
from mpcstats.records.billing.tariff import Tariff
from mpcstats.records.billing.units import GATED, Units, Use, finished, used
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Ledger
from mpcstats.records.levels import Level
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Statement

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "governance"
DEMO = ROOT / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
TARIFF = Tariff.load(EXAMPLES / "tariff.toml")
BUYERS = Buyers.load(EXAMPLES / "buyers.toml")
SHARES = Shares.load(EXAMPLES / "shares.toml")
REPORT, CLAIMS = "chronic_fund_report", "claims_statistics"
PURPOSES = (
    'purposes = ["diabetes fund report", '
    '"what the fund and the insurer paid for persons with diabetes in 2024"]'
)
KEY = Ed25519PrivateKey.from_private_bytes(b"bureau".ljust(32))
KNOWN = Principals(
    [
        Principal.model_validate(
            {
                "name": "bureau",
                "key": base64.b64encode(KEY.public_key().public_bytes_raw()).decode(),
                "roles": ["party"],
            }
        )
    ]
)


@dataclass(frozen=True)
class Noted:
    """An entry as far as bills read it."""

    index: int
    time: str
    kind: str
    body: Mapping[str, JSON]


class Book:
    """A ledger in memory, with the bodies that a node writes."""

    def __init__(self) -> None:
        self.entries: list[Noted] = []
        self._numbers = count(1)

    def add(self, kind: str, body: Mapping[str, JSON], month: str = "2026-01") -> None:
        number = len(self.entries) + 1
        self.entries.append(Noted(number, f"{month}-15T08:00:00Z", kind, body))

    def asked(
        self, month: str = "2026-01", *, purpose: str = "diabetes fund report", **more: Any
    ) -> str:
        """A request, its decision, and the start of the run, whose name is returned."""
        number = next(self._numbers)
        question, plan, run = (f"{number:0>63}{letter}" for letter in "abc")
        about = {"question": question}
        self.add(
            "request",
            {
                **about,
                "initiator": more.get("buyer", "insurer"),
                "recipients": ["insurer"],
                "scenario": more.get("scenario", "commercial"),
                "purpose": purpose,
                "text": None,
            },
            month,
        )
        decided: dict[str, JSON] = {"permit": True, "plan": plan, "policy": "f" * 64, "rule": "r"}
        level = more.get("level", "MODERATE")
        named: dict[str, JSON] = {
            name: more[name] for name in ("datasets", "template") if name in more
        }
        self.add("decision", {**about, **decided, "level": level, **named}, month)
        self.add("start", {"run": run, "plan": plan, "parties": list(PARTIES)}, month)
        return run

    def ran(self, month: str = "2026-01", *, cells: int = 4, ms: int = 250, **more: Any) -> str:
        run = self.asked(month, **more)
        plan = str(self.entries[-1].body["plan"])
        about = {"run": run, "plan": plan}
        opening: dict[str, JSON] = {
            "step": "gate/open",
            "leak": LEAK,
            "to": ["insurer"],
            "shape": [cells],
        }
        self.add("opening", {**about, **opening}, month)
        self.add("finish", {**about, **Spent(12, 1000, ms, 9, 1 << 20).to_json()}, month)
        return run

    def use(self, tariff: Tariff = TARIFF) -> dict[Use, Units]:
        return used(finished(self.entries), tariff)


def tariff_with(tmp_path: Path, *changes: tuple[str, str]) -> Tariff:
    text = (EXAMPLES / "tariff.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "tariff.toml"
    path.write_text(text, encoding="utf-8")
    return Tariff.load(path)


def price(units: int, product: str = REPORT, **other: Any) -> int:
    asked: dict[str, Any] = {"scenario": "commercial", "level": Level.LOW, "units": units}
    return TARIFF.price(product, **{**asked, "buyer_class": "commercial_insurer", **other})


# --- units: per product, call, duration, volume and period, from ledger entries alone ---


def test_units_are_calls_cells_bytes_and_milliseconds_by_product_level_scenario_and_month() -> None:
    book = Book()
    book.ran(cells=4, ms=250)
    book.ran(cells=6, ms=50)
    book.ran(level="HIGH")
    book.ran("2026-02", scenario="research", buyer="hospital")
    found = book.use()
    first = Use("2026-01", REPORT, "commercial", Level.MODERATE, "insurer")
    assert found[first] == Units(call=2, cell=10, byte=2000, ms=300, month=1)
    assert [(u.month, u.scenario, u.level.name, u.buyer) for u in found] == [
        ("2026-01", "commercial", "MODERATE", "insurer"),
        ("2026-01", "commercial", "HIGH", "insurer"),
        ("2026-02", "research", "MODERATE", "hospital"),
    ]


def test_a_product_is_known_by_template_purpose_or_the_set_of_datasets(tmp_path: Path) -> None:
    book = Book()
    book.ran(purpose="anything", datasets=["bureau.settlement", "insurer.claims"])
    book.ran(purpose="diabetes fund report")
    assert sorted(use.product for use in book.use()) == [REPORT, CLAIMS]
    by_template = tariff_with(tmp_path, (PURPOSES, 'templates = ["q02"]'))
    templated = Book()
    templated.ran(purpose="anything", template="q02")
    assert [use.product for use in templated.use(by_template)] == [REPORT]


def test_a_run_of_no_product_is_not_given_away_in_silence() -> None:
    book = Book()
    book.ran(purpose="something new")
    with pytest.raises(
        UsageError, match=r"entry 5: expected a product for purpose 'something new'"
    ):
        book.use()


def test_what_was_refused_or_failed_costs_nothing() -> None:
    book = Book()
    question = "0" * 64
    said = {"initiator": "insurer", "scenario": "commercial", "purpose": "a"}
    book.add("request", {"question": question, **said})
    book.add("decision", {"question": question, "permit": False, "reasons": ["no"]})
    run = book.asked()
    book.add("fault", {"run": run, "plan": "0" * 64, "fault": "PeerFault"})
    assert book.use() == {}


def test_only_what_the_gate_opens_is_volume() -> None:
    book = Book()
    run = book.asked()
    for leak, shape in ((LEAK, [3, 2]), ("shuffled-order", [1000])):
        book.add("opening", {"run": run, "plan": "0" * 64, "leak": leak, "shape": shape})
    book.add("finish", {"run": run, "wall_ms": 1, "bytes_sent": 2})
    assert [units.cell for units in book.use().values()] == [6]
    assert GATED == LEAK  # records may not import protocols: the same word stands in both


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda b: b.entries.pop(-5), "expected the request that was decided on"),
        (lambda b: b.entries.pop(-4), "expected a decision that permits the run's plan"),
        (lambda b: b.entries.pop(-3), "expected the start of a run before its finish, got none"),
        (lambda b: b.entries.append(b.entries[-1]), "got a second finish"),
        (lambda b: b.entries.append(b.entries[-3]), "got one that starts again"),
    ],
)
def test_a_ledger_with_something_missing_or_twice_is_not_billed_from(fault: Any, says: str) -> None:
    book = Book()
    book.ran()
    fault(book)
    with pytest.raises(UsageError, match=rf"^entry \d: .*{says}"):
        book.use()


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("finish", {"run": "r", "wall_ms": -1, "bytes_sent": 1}, "finish: wall_ms: .*greater"),
        ("finish", {"run": "r", "wall_ms": True, "bytes_sent": 1}, "finish: wall_ms: .*integer"),
        ("decision", {"question": "0" * 64, "permit": True}, "expected plan and level with a per"),
        ("start", {"run": "r", "plan": "xyz"}, "start: plan: "),
    ],
)
def test_a_body_of_another_form_is_named_with_entry_and_field(
    kind: str, body: dict[str, JSON], says: str
) -> None:
    book = Book()
    book.add(kind, body)
    with pytest.raises(UsageError, match=f"^entry 1: .*{says}"):
        book.use()


# --- price = tiered base x level factor x purpose factor, at most the highest price ---


def test_the_price_is_tiered_and_progressive() -> None:
    # 2 at 400 yuan, 8 at 300, the rest at 200; times 1.2 for the commercial scenario.
    assert [price(n) for n in (0, 1, 2, 3, 10, 11)] == [
        *(0, 48_000, 96_000, 132_000, 384_000, 408_000)
    ]


def test_level_scenario_and_class_are_factors() -> None:
    assert price(1, scenario="research") == 20_000
    assert price(1, scenario="research", level=Level.MODERATE) == 30_000
    assert price(1, scenario="research", buyer_class="research_institute") == 16_000


def test_no_unit_costs_more_than_the_highest_price() -> None:
    assert price(1, level=Level.MODERATE) == 70_000  # 72,000 by the factors
    assert price(1, level=Level.HIGH) == 70_000


def test_volume_is_priced_per_thousand_and_rounded_once_half_a_fen_up() -> None:
    # 9,000 fen per 1000 cells x 0.5 = 4.5 fen a cell.
    assert [price(n, CLAIMS, scenario="research") for n in (1, 2, 3)] == [5, 9, 14]


@pytest.mark.parametrize(
    ("unit", "units", "fen"),
    [("call", 2, 4800), ("cell", 14, 33_600), ("byte", 2000, 4_800_000), ("ms", 500, 1_200_000)],
)
def test_a_product_is_priced_by_call_volume_or_duration(
    tmp_path: Path, unit: str, units: int, fen: int
) -> None:
    by_unit = tariff_with(
        tmp_path,
        ('unit = "call"', f'unit = "{unit}"'),
        ("fen = 40_000", "fen = 2_000"),
        ("fen = 30_000", "fen = 2_000"),
        ("fen = 20_000", "fen = 2_000"),
    )
    book = Book()
    book.ran(cells=4, level="LOW")
    book.ran(cells=10, level="LOW")
    ((line,),) = (a.lines for a in accounts(book.use(by_unit), by_unit, BUYERS, through="2026-01"))
    assert (line.units, line.charged_fen) == (units, fen)


def test_a_product_may_cost_by_the_month_however_much_it_is_used(tmp_path: Path) -> None:
    monthly = tariff_with(tmp_path, ('unit = "call"', 'unit = "month"'))
    book = Book()
    for month in ("2026-01", "2026-01", "2026-02"):
        book.ran(month, level="LOW")
    found = accounts(book.use(monthly), monthly, BUYERS, through="2026-02")
    assert [(a.lines[0].units, a.lines[0].charged_fen) for a in found] == [(1, 48_000)] * 2


@pytest.mark.parametrize("scenario", ["supervision", "public"])
def test_public_good_is_free_at_every_level_and_for_any_number(scenario: str) -> None:
    for level in Level:
        assert price(10**6, scenario=scenario, level=level) == 0
    assert price(1, scenario="research") > 0  # the same question, of no public good


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"scenario": "marketing"}, "expected a scenario of the tariff .*'marketing'"),
        ({"buyer_class": "friends"}, "expected a class of buyer of the tariff .*'friends'"),
        ({"product": "gold"}, "expected a product of chronic_fund_report, claims_statistics"),
        ({"units": -1}, "expected 0 units or more"),
    ],
)
def test_what_the_tariff_does_not_name_has_no_price(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        price(**{"units": 1, **asked})


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([REPORT, CLAIMS]))
def test_more_units_or_a_higher_level_never_cost_less(m: int, n: int, product: str) -> None:
    few, many = sorted((m, n))
    assert price(few, product) <= price(many, product)
    by_level = [price(few, product, level=level) for level in Level]
    assert by_level == sorted(by_level)


# --- antitrust: the same price for the same class of buyer ---


def test_the_tariff_knows_no_names_of_buyers(tmp_path: Path) -> None:
    assert not {"buyer", "name", "party", "initiator"} & set(
        inspect.signature(Tariff.price).parameters
    )
    with pytest.raises(UsageError, match=r"tariff\.toml: buyer: extra inputs are not permitted"):
        tariff_with(tmp_path, ("version = 1", 'version = 1\nbuyer = "insurer"'))
    with pytest.raises(UsageError, match=r"product\[1\]\.buyer: extra inputs are not permitted"):
        tariff_with(tmp_path, (f'name = "{REPORT}"', f'name = "{REPORT}"\nbuyer = "insurer"'))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30)
def test_buyers_of_one_class_with_the_same_use_pay_the_same(n: int, m: int, third: int) -> None:
    """Also after deductions, whatever a third buyer does."""
    use = {
        Use(month, REPORT, "commercial", Level.LOW, buyer): Units(call=number)
        for month, calls in (("2026-01", n), ("2026-02", m))
        for buyer, number in (("insurer", calls), ("insurer_q", calls), ("hospital", third))
    }
    for account in accounts(use, TARIFF, BUYERS, through="2026-02"):
        (one,), (other,) = account.of("insurer"), account.of("insurer_q")
        assert one.charged_fen == other.charged_fen
        assert one.payable_fen == other.payable_fen


def test_a_buyer_of_another_class_may_pay_another_price() -> None:
    """Negative control of the rule: it is the class that decides."""
    use = {
        Use("2026-01", REPORT, "research", Level.LOW, b): Units(call=1)
        for b in ("insurer", "hospital")
    }
    (account,) = accounts(use, TARIFF, BUYERS, through="2026-01")
    assert account.of("insurer")[0].payable_fen != account.of("hospital")[0].payable_fen


def test_a_buyer_without_a_class_cannot_be_billed() -> None:
    use = {Use("2026-01", REPORT, "commercial", Level.LOW, "stranger"): Units(call=1)}
    with pytest.raises(UsageError, match="expected a buyer with a class, got 'stranger'"):
        accounts(use, TARIFF, BUYERS, through="2026-01")


# --- caps per product and per period; what is above is deducted in the next ---


def year(calls: Mapping[str, int], tariff: Tariff = TARIFF, last: str = "2026-03") -> list[Account]:
    use = {
        Use(month, REPORT, "commercial", Level.LOW, "insurer"): Units(call=number)
        for month, number in calls.items()
    }
    return list(accounts(use, tariff, BUYERS, through=last))


def test_income_above_what_is_allowed_is_deducted_in_the_next_month() -> None:
    # Allowed: 100,000 fen of cost and 80 thousandths of profit. 3 calls cost 132,000, 1 call 48,000.
    first, second, third = year({"2026-01": 3, "2026-02": 1, "2026-03": 1})
    cap = first.products[REPORT]
    assert (cap.allowed_fen, cap.income_fen, cap.carried_fen) == (108_000, 132_000, 24_000)
    (line,) = second.lines
    assert (line.charged_fen, line.deducted_fen, line.payable_fen) == (48_000, 24_000, 24_000)
    assert second.products[REPORT].carried_fen == 0
    assert third.lines[0].deducted_fen == 0


def test_an_excess_outlasts_a_month_in_which_nothing_is_used() -> None:
    *_, third = year({"2026-01": 3, "2026-03": 1})
    # The empty month's own allowance takes it up: nothing was earned in it.
    assert third.lines[0].deducted_fen == 0
    *_, third = year({"2026-01": 30, "2026-03": 1})  # 864,000 fen: more than two months' allowance
    assert third.lines[0].payable_fen == 0


def test_all_products_together_have_a_cap_of_their_own(tmp_path: Path) -> None:
    tight = tariff_with(tmp_path, ("allowed_fen = 3_000_000", "allowed_fen = 60_000"))
    first, second, _ = year({"2026-01": 2, "2026-02": 1}, tight)
    assert first.products[REPORT].carried_fen == 0  # 96,000 of 108,000: the product's cap holds
    assert first.overall.carried_fen == 36_000
    assert (second.lines[0].deducted_fen, second.income_fen) == (36_000, 12_000)


def test_what_is_above_both_caps_is_given_back_once(tmp_path: Path) -> None:
    both = tariff_with(tmp_path, ("allowed_fen = 3_000_000", "allowed_fen = 108_000"))
    first, second, _ = year({"2026-01": 3, "2026-02": 1}, both)
    assert first.products[REPORT].carried_fen == first.overall.carried_fen == 24_000
    assert second.lines[0].deducted_fen == 24_000


def test_a_tariff_takes_over_what_an_earlier_one_has_left(tmp_path: Path) -> None:
    later = tariff_with(
        tmp_path, ("profit_per_mille = 80", "profit_per_mille = 80\ncarried_fen = 7")
    )
    assert year({"2026-01": 1}, later, "2026-01")[0].lines[0].deducted_fen == 7
    # Of two equal bills each gets 3: the fen that does not divide stays with what is carried.
    use = {
        Use("2026-01", REPORT, "commercial", Level.LOW, buyer): Units(call=1)
        for buyer in ("insurer", "insurer_q")
    }
    (account,) = accounts(use, later, BUYERS, through="2026-01")
    assert [line.deducted_fen for line in account.lines] == [3, 3]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 300_000)), min_size=1, max_size=6))
@settings(max_examples=60)
def test_over_any_months_no_more_is_earned_than_allowed_and_carried(
    months_: list[tuple[int, int]],
) -> None:
    names = list(months("2026-01", "2026-12"))[: len(months_)]
    use = {}
    for name, (calls, cells) in zip(names, months_, strict=True):
        use[Use(name, REPORT, "commercial", Level.HIGH, "insurer")] = Units(call=calls)
        use[Use(name, CLAIMS, "commercial", Level.HIGH, "insurer_q")] = Units(cell=cells)
        use[Use(name, CLAIMS, "research", Level.LOW, "hospital")] = Units(cell=cells // 3)
    found = accounts(use, TARIFF, BUYERS, through=names[-1])
    for product in (REPORT, CLAIMS):
        caps = [account.products[product] for account in found]
        earned = sum(cap.income_fen for cap in caps)
        assert earned - caps[-1].carried_fen <= sum(cap.allowed_fen for cap in caps)
    allowed = sum(account.overall.allowed_fen for account in found)
    assert sum(account.income_fen for account in found) - found[-1].overall.carried_fen <= allowed
    for account in found:
        assert sum(line.payable_fen for line in account.lines) == account.income_fen
        assert sum(cap.income_fen for cap in account.products.values()) == account.income_fen
        assert all(0 <= line.deducted_fen <= line.charged_fen for line in account.lines)


def test_a_month_outside_the_tariff_is_refused_and_use_before_it_left_to_another() -> None:
    with pytest.raises(UsageError, match=r"expected a month from 2026-01 on, .*got 2025-12"):
        year({}, last="2025-12")
    with pytest.raises(UsageError, match="expected a month as YYYY-MM, got '2026-13'"):
        year({}, last="2026-13")
    assert year({"2025-12": 5}, last="2026-01")[0].lines == ()


# --- split by registered shares and measured contribution; to the fen ---


@given(
    st.integers(0, 10**12),
    st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 10**12), min_size=1),
)
def test_the_parts_are_the_whole_to_the_fen_and_less_than_a_fen_from_exact(
    amount: int, weights: dict[str, int]
) -> None:
    total = sum(weights.values())
    if not total:
        with pytest.raises(UsageError, match="expected an amount and weights"):
            split(amount, weights)
        return
    parts = split(amount, weights)
    assert sum(parts.values()) == amount
    for name, part in parts.items():
        assert abs(part * total - amount * weights[name]) < total
        assert weights[name] or not part


def test_fen_that_are_left_go_to_the_largest_remainders_and_ties_by_name() -> None:
    assert split(100, {"c": 1, "b": 1, "a": 1}) == {"a": 34, "b": 33, "c": 33}
    assert split(10, {"a": 55, "b": 26, "c": 19}) == {"a": 5, "b": 3, "c": 2}


def measured(month: str = "2026-01", **weights: int) -> Contributed:
    shares = contribution(weights)
    return Contributed(product=CLAIMS, month=month, shares=shares)


def both_products(month: str = "2026-01") -> Account:
    use = {
        Use(month, REPORT, "commercial", Level.LOW, "insurer"): Units(call=2),
        Use(month, CLAIMS, "commercial", Level.LOW, "insurer"): Units(cell=10_001),
    }
    return accounts(use, TARIFF, BUYERS, through=month)[-1]


def test_income_is_split_by_registered_shares_and_measured_contribution() -> None:
    account = both_products()
    parts = parted(account, SHARES, [measured(bureau=3000, insurer=1000)])
    assert parts.income == {REPORT: 96_000, CLAIMS: 108_007}
    # 96,000 x 333,333 millionths = 31,999.968 each, and 32,000.064: the fen left go to .968 and .968.
    assert parts.parts[REPORT] == {"bureau": 32_000, "hospital": 32_000, "insurer": 32_000}
    # bureau: 0.7 x 0.5 + 0.3 x 0.75 = 0.575; insurer: 0.7 x 0.4 + 0.3 x 0.25 = 0.355; hospital: 0.07.
    assert parts.parts[CLAIMS] == {"bureau": 62_104, "hospital": 7561, "insurer": 38_342}
    assert sum(parts.parts[CLAIMS].values()) == 108_007


def test_of_a_contribution_only_shares_are_published() -> None:
    assert contribution({"bureau": 3000, "insurer": 1000}) == {
        "bureau": 750_000,
        "insurer": 250_000,
    }
    body: dict[str, JSON] = {
        "product": CLAIMS,
        "month": "2026-01",
        "shares": contribution({"bureau": 1, "insurer": 2}),
    }
    good = Statement.of(CONTRIBUTION, body).sign("bureau", KEY)
    assert contributed_by(good, KNOWN, signer="bureau").shares["insurer"] == 666_667
    changes: list[tuple[dict[str, JSON], str]] = [
        ({"shares": {"bureau": 3000, "insurer": 1000}}, "expected shares that add up to 1000000"),
        ({"matched_rows": {"bureau": 3000}}, "matched_rows: extra inputs are not permitted"),
    ]
    for change, says in changes:
        counts = Statement.of(CONTRIBUTION, {**body, **change}).sign("bureau", KEY)
        with pytest.raises(UsageError, match=says):
            contributed_by(counts, KNOWN, signer="bureau")
    with pytest.raises(UsageError, match="expected the signature of bureau"):
        contributed_by(Statement.of(CONTRIBUTION, body), KNOWN, signer="bureau")


def test_contributions_must_be_there_once_of_the_month_and_of_right_holders() -> None:
    account = both_products()
    for given_, says in (
        ([], "expected measured contributions"),
        (
            [measured("2026-02", bureau=1)],
            "expected one contribution-shares of 2026-01, got one of",
        ),
        ([measured(bureau=1), measured(bureau=1)], "got two"),
        (
            [measured(stranger=1)],
            "expected contributions of its right holders, got one of stranger",
        ),
    ):
        with pytest.raises(UsageError, match=says):
            parted(account, SHARES, given_)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("333_334", "333_335", "expected shares that add up to 1000000, got 1000001"),
        ("share = 333_334", "share = 333334.0", r"shares\[1\]\.holder\[3\]\.share: "),
        ('right = "operate", share = 333_334', 'right = "own", share = 333_334', r"\.right: "),
        (f'"{CLAIMS}"', f'"{REPORT}"', "expected the shares of a product once"),
        ('"hospital", right = "hold"', '"bureau", right = "hold"', "expected every holder once"),
    ],
)
def test_shares_that_are_not_whole_are_not_loaded(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = (EXAMPLES / "shares.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "shares.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"shares\.toml: .*{says}"):
        Shares.load(path)


def test_parts_that_are_not_the_income_cannot_be_made() -> None:
    with pytest.raises(InternalError, match="a: expected parts of 5 fen, got 4"):
        Parts("2026-01", {"a": 5}, {"a": {"bureau": 3, "insurer": 1}})


# --- a statement per right holder; a yearly report ---

SOURCE = Source("bureau", "2026-02-03", TARIFF.digest, SHARES.digest, 17)


def made() -> tuple[Statement, ...]:
    parts = parted(both_products(), SHARES, [measured(bureau=3, insurer=1)])
    return tuple(s.sign("bureau", KEY) for s in statements(parts, SOURCE))


def test_every_right_holder_gets_a_signed_statement_and_together_they_are_the_income() -> None:
    bodies = [read_statement(s, KNOWN) for s in made()]
    assert [body.holder for body in bodies] == ["bureau", "hospital", "insurer"]
    assert check_balance(bodies) == 96_000 + 108_007
    assert bodies[0].total_fen == 32_000 + 62_104


def test_a_fen_moved_or_a_statement_left_out_is_found() -> None:
    first, *others = made()
    body: Any = first.body
    line, *more = body["lines"]
    more_for_me = {**body, "lines": [{**line, "part_fen": line["part_fen"] + 1}, *more]}
    with pytest.raises(UsageError, match=r"expected the total of the lines, 94105 fen, got 94104"):
        read_statement(Statement.of(first.kind, more_for_me).sign("bureau", KEY), KNOWN)
    consistent = Statement.of(first.kind, {**more_for_me, "total_fen": 94_105})
    with pytest.raises(UsageError, match="expected a signature by the key of bureau"):
        read_statement(replace(consistent, signatures=first.signatures), KNOWN)
    told = [read_statement(s, KNOWN) for s in (consistent.sign("bureau", KEY), *others)]
    with pytest.raises(UsageError, match=f"{REPORT}: expected parts of 96000 fen, got 96001"):
        check_balance(told)
    with pytest.raises(UsageError, match="a statement is missing or wrong"):
        check_balance([read_statement(s, KNOWN) for s in others])
    with pytest.raises(UsageError, match="expected the signature of bureau, got none"):
        read_statement(replace(first, signatures=()), KNOWN)


def test_the_yearly_report_balances() -> None:
    found = year({"2026-01": 3, "2026-02": 1, "2026-03": 1})
    told: Any = report("2026", found, [parted(account, SHARES) for account in found])
    assert (told["charged_fen"], told["income_fen"]) == (228_000, 204_000)
    assert sum(told["holders_fen"].values()) == 204_000
    assert told["products"][REPORT] == {
        "units": 5,
        "charged_fen": 228_000,
        "income_fen": 204_000,
        "allowed_fen": 324_000,
        "carried_fen": 0,
    }
    with pytest.raises(UsageError, match="2026-01: expected parts of 132000 fen, got 0"):
        report("2026", found, [])


# --- the tariff's file ---


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("HIGH = 3000", "HIGH = 1400", "expected no higher level to have a smaller factor"),
        ("HIGH = 3000", "", "expected a factor for each level"),
        ("research = 500", "public = 500", "expected a scenario to be of the public good or"),
        ("up_to = 10, fen", "up_to = 2, fen", "expected tiers in order, got 2 after 2"),
        ("{ fen = 20_000 },", "", "expected up_to in every tier but the last"),
        ("fen = 40_000", "fen = 40_000.5", r"product\[1\]\.tier\[1\]\.fen: "),
        (PURPOSES, "", "expected templates, purposes or datasets"),
        (f'"{CLAIMS}"', f'"{REPORT}"', "expected every product once"),
        ('unit = "cell"', 'unit = "gram"', r"product\[2\]\.unit: "),
    ],
)
def test_a_tariff_that_says_nothing_definite_is_not_loaded(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(UsageError, match=rf"tariff\.toml: .*{says}"):
        tariff_with(tmp_path, (old, new))


# --- the command line, on a real ledger ---


@pytest.fixture
def consortium(tmp_path: Path) -> Path:
    """Keys, a consortium file, and the bureau's ledger with one paid run and one of the public good."""
    keys = {party: make_keys(party, tmp_path / "keys") for party in PARTIES}
    named = [
        keys[p].entry(Address("127.0.0.1", 7000 + i), f"keys/{p}.crt")
        for i, p in enumerate(PARTIES)
    ]
    compute = json.dumps(list(PARTIES))
    head = f'name = "c"\ncatalogue = "c.toml"\npolicy = "p.toml"\ncompute = {compute}\n'
    (tmp_path / "consortium.toml").write_text("\n".join([head, *named]), encoding="utf-8")
    (tmp_path / "parties").mkdir()
    (tmp_path / "parties" / "bureau.toml").write_text(
        'party = "bureau"\ntls_key = "../keys/bureau.key"\nsigning_key = "../keys/bureau.sign"\n'
        'ledger = "../bureau.ledger"\n',
        encoding="utf-8",
    )
    signing = read_signing_key(keys["bureau"].signing_key)
    with Ledger.open(tmp_path / "bureau.ledger", party="bureau", signing_key=signing) as ledger:
        for buyer, scenario in (("insurer", "commercial"), ("bureau", "supervision")):
            _ran(ledger, buyer, scenario)
    return tmp_path


def _ran(ledger: Ledger, buyer: str, scenario: str) -> None:
    """A run of the settlement demo's question as a node writes it down; `scenario` as it was asked in."""
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    asked = Question(
        text, "supervision", "diabetes fund report", "bureau", ("bureau",), "2026-01-01"
    )
    records = Records.load(
        "bureau",
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )
    permit = compile_question(asked, records)
    about = {"question": asked.digest()}
    said = {"initiator": buyer, "scenario": scenario, "purpose": asked.purpose}
    ledger.append("request", {**about, **said, "recipients": [buyer], "text": None})
    decided: dict[str, JSON] = {
        "permit": True,
        "plan": permit.plan_digest,
        "policy": permit.policy_digest,
    }
    ledger.append("decision", {**about, **decided, "level": permit.level.name, "rule": permit.rule})
    run = {"run": buyer.ljust(32, "0"), "plan": permit.plan_digest}
    ledger.append("start", {**run, "parties": list(PARTIES)})
    shape = [permit.plan.cells * (1 + len(permit.plan.aggregate.totals))]
    ledger.append("opening", {**run, "step": "gate", "leak": LEAK, "to": [buyer], "shape": shape})
    ledger.append("finish", {**run, **Spent(13, 5000, 700, 600, 1 << 25).to_json()})


def told(folder: Path, command: str, *more: str) -> Any:
    at = [*("--consortium", str(folder / "consortium.toml"), "--party", "bureau")]
    at += ["--tariff", str(EXAMPLES / "tariff.toml")]
    if command != "units":
        at += ["--buyers", str(EXAMPLES / "buyers.toml")]
    result = CliRunner().invoke(app, ["bill", command, *at, *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output) if "--json" in more else result.output


def test_the_commands_bill_a_real_ledger_from_units_to_signed_statements(consortium: Path) -> None:
    units = told(consortium, "units", "--json")
    month = units[0]["month"]
    assert [(u["buyer"], *(u["units"][n] for n in ("call", "byte", "ms"))) for u in units] == [
        ("insurer", 1, 5000, 700),
        ("bureau", 1, 5000, 700),
    ]
    invoice = told(consortium, "invoice", "--month", month, "--json")
    assert {line["buyer"]: line["payable_fen"] for line in invoice["lines"]} == {
        "insurer": 70_000,
        "bureau": 0,
    }
    assert "payable: 700.00 yuan" in told(consortium, "invoice", "--month", month)
    by = ("--shares", str(EXAMPLES / "shares.toml"))
    parts = told(consortium, "split", "--month", month, *by, "--json")["products"][REPORT]
    assert parts == {
        "income_fen": 70_000,
        "parts_fen": {"bureau": 23_333, "hospital": 23_333, "insurer": 23_334},
    }
    out = consortium / "statements"
    issued = ("--issued", f"{month}-28", "--out", str(out))
    told(consortium, "statement", "--month", month, *by, *issued)
    of_year = ("--year", month[:4], "--through", month)
    yearly = told(consortium, "report", *of_year, *by, "--json")
    assert "233.33" in told(consortium, "report", *of_year, *by)
    assert yearly["holders_fen"] == parts["parts_fen"]
    key = read_signing_key(consortium / "keys" / "bureau.sign").public_key().public_bytes_raw()
    known = Principals.load(None, {"bureau": key})
    bodies = [
        read_statement(Statement.from_json(json.loads(path.read_text(encoding="utf-8"))), known)
        for path in sorted(out.iterdir())
    ]
    assert check_balance(bodies) == 70_000
    assert {body.entries for body in bodies} == {10}
    with pytest.raises(UsageError, match="expected a new file to write"):
        told(consortium, "statement", "--month", month, *by, *issued)


def test_measured_contributions_come_as_signed_files(consortium: Path, tmp_path: Path) -> None:
    month = told(consortium, "units", "--json")[0]["month"]
    text = (EXAMPLES / "shares.toml").read_text(encoding="utf-8")
    shares = tmp_path / "shares.toml"
    shares.write_text(
        text.replace(f'"{REPORT}"', f'"{REPORT}"\nmeasured = 500_000'), encoding="utf-8"
    )
    body: dict[str, JSON] = {"product": REPORT, "month": month}
    made = Statement.of(
        CONTRIBUTION, {**body, "shares": contribution({"bureau": 3, "hospital": 1})}
    )
    path = tmp_path / "contribution.json"
    by = ("--month", month, "--shares", str(shares), "--contribution", str(path), "--json")
    for name in ("hospital", "bureau"):  # the second one signs what it bills from
        key = read_signing_key(consortium / "keys" / f"{name}.sign")
        path.write_text(json.dumps(made.sign(name, key).to_json()), encoding="utf-8")
        if name == "hospital":
            with pytest.raises(UsageError, match=r"contribution\.json: .*signature of bureau"):
                told(consortium, "split", *by)
    parts = told(consortium, "split", *by)["products"][REPORT]["parts_fen"]
    # 37,916.655, 20,416.655 and 11,666.69: the fen left go to insurer, and of the equal ones to bureau.
    assert parts == {"bureau": 37_917, "hospital": 20_416, "insurer": 11_667}


def test_tables_show_every_digit_on_a_narrow_screen(
    consortium: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    month = told(consortium, "units", "--json")[0]["month"]
    assert "5,000" in told(consortium, "units")
    invoice = told(consortium, "invoice", "--month", month)
    assert "700.00" in invoice.partition("payable: ")[0]
    assert "…" not in invoice


def test_a_ledger_that_is_not_whole_is_not_billed_from(consortium: Path) -> None:
    path = consortium / "bureau.ledger"
    raw = path.read_bytes()
    assert b'"wall_ms":700' in raw
    path.write_bytes(raw.replace(b'"wall_ms":700', b'"wall_ms":100'))
    with pytest.raises(UsageError, match="expected a whole ledger to bill from, got: entry 4"):
        told(consortium, "units")
