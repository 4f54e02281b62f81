"""National registration (SYSTEMS.md row 8): states as a table, unified code, certificate, export, jobs' admission."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.governance.rights_office import CASES, KEYS, REPORT, SETTLEMENT, WHO, Body

from mpcstats.errors import UsageError
from mpcstats.records.journal import EMPTY, Journal, append
from mpcstats.records.principals import Principals
from mpcstats.records.registration.certificate import KIND, certificate, check_certificate
from mpcstats.records.registration.code import check_code, make_code
from mpcstats.records.registration.export import FIELDS, as_csv, as_json
from mpcstats.records.registration.register import Registrations, missing_codes
from mpcstats.records.registration.states import CODED, SIGNED_BY, TABLE, State
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.signed import Statement

EXAMPLES = Path(__file__).parents[2] / "examples" / "governance"
HASH = "ab" * 32
CALENDAR = Calendar(off=("2026-03-10",), worked=("2026-03-14", "2026-03-15"))
CODE = make_code("R", "990000", 2026, 1)
OTHER = make_code("R", "990000", 2026, 2)
PRODUCT = make_code("P", "990000", 2026, 1)


def form(asset: str = SETTLEMENT, holder: str = "bureau", **changed: Any) -> Body:
    plain = {
        "asset": asset,
        "holder": holder,
        "name": "结算明细",
        "type": "结构化",
        "format": "CSV",
        "storage": "本地",
        "documents": [HASH],
        "commitment": HASH,
    }
    return plain | changed


class Platform:
    """A journal of registrations on disk, and its register."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.register = Registrations(WHO, CALENDAR)

    def enter(self, kind: str, day: str, body: Body, *signers: str) -> None:
        after = self.register.head if self.path.exists() else EMPTY
        made = Statement.of(f"registration-{kind}", {"after": after, "day": day, **body})
        for name in signers:
            made = made.sign(name, KEYS[name])
        append(self.path, made, WHO, Registrations(WHO, CALENDAR).add)
        self.register.add(made)

    def step(self, name: str, day: str, signer: str, entry: str = "N-1", **more: Any) -> None:
        """One step of the table by its name, signed by `signer` (and who must sign with it, after a comma)."""
        steps: dict[str, tuple[str, Body]] = {
            "draft": ("draft", {"form": form()}),
            "submit": ("step", {"takes": "submit"}),
            "publish": ("step", {"takes": "publish"}),
            "renew": ("step", {"takes": "renew"}),
            "accept": ("review", {"outcome": "accept", "reason": "complete"}),
            "return": ("review", {"outcome": "return", "reason": "a document is missing"}),
            "object": (
                "objection",
                {"objection": "O-1", "objector": "vendor", "document": HASH},
            ),
            "dismiss": ("resolution", {"objection": "O-1", "outcome": "dismiss", "reason": "no"}),
            "uphold": ("resolution", {"objection": "O-1", "outcome": "uphold", "reason": "yes"}),
            "code": ("code", {"code": CODE}),
            "change": ("amendment", {"amends": "change", "form": form(), "reason": "moved"}),
            "correct": ("amendment", {"amends": "correct", "form": form(), "reason": "a typo"}),
            "cancel": ("cancel", {"reason": "ended"}),
        }
        kind, body = steps[name]
        self.enter(kind, day, {"entry": entry, **body, **more}, *signer.split(","))

    def published(self, entry: str = "N-1", **more: Any) -> None:
        """Drafted, submitted, reviewed and published on Monday 2026-03-02."""
        holder = more.get("form", form())["holder"]
        self.step("draft", "2026-03-02", holder, entry, **more)
        self.step("submit", "2026-03-02", holder, entry)
        self.step("accept", "2026-03-02", "registry", entry)
        self.step("publish", "2026-03-02", "registry", entry)

    def state(self, day: str) -> State:
        found = self.register.of_asset(SETTLEMENT, day)
        assert found is not None
        return found.state_on(day)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "registration.jsonl")


@pytest.fixture
def coded(platform: Platform) -> Platform:
    """The settlement's registration, coded on 2026-03-17."""
    platform.published()
    platform.step("code", "2026-03-17", "registry")
    return platform


def test_from_draft_to_code(platform: Platform) -> None:
    path = [
        ("draft", "bureau", State.DRAFT),
        ("submit", "bureau", State.SUBMITTED),
        ("return", "registry", State.DRAFT),
        ("draft", "bureau", State.DRAFT),
        ("submit", "bureau", State.SUBMITTED),
        ("accept", "registry", State.REVIEWED),
        ("publish", "registry", State.PUBLICITY),
        ("object", "vendor", State.OBJECTED),
        ("dismiss", "registry", State.PUBLICITY),
    ]
    for name, signer, state in path:
        platform.step(name, "2026-03-02", signer)
        assert platform.state("2026-03-02") is state
    platform.step("code", "2026-03-17", "registry")
    assert platform.state("2026-03-17") is State.CODED
    # The file alone gives the same again.
    again = Registrations(WHO, CALENDAR)
    Journal.load(platform.path, WHO, again.add)
    assert again.entries("2026-03-17") == platform.register.entries("2026-03-17")


def test_an_upheld_objection_sends_it_back(platform: Platform) -> None:
    platform.published()
    platform.step("object", "2026-03-03", "vendor")
    with pytest.raises(UsageError, match="a number never used before, got O-1"):
        platform.step("object", "2026-03-03", "vendor")
    platform.step("object", "2026-03-03", "vendor", objection="O-2")
    with pytest.raises(UsageError, match="expected an open objection, got O-3"):
        platform.step("dismiss", "2026-03-03", "registry", objection="O-3")
    with pytest.raises(UsageError, match="in state OBJECTED"):
        platform.step("code", "2026-03-17", "registry")
    platform.step("dismiss", "2026-03-17", "registry")
    assert platform.state("2026-03-17") is State.OBJECTED  # one is open still
    platform.step("uphold", "2026-03-17", "registry", objection="O-2")
    assert platform.state("2026-03-17") is State.DRAFT
    (entry,) = platform.register.entries("2026-03-17")
    assert (entry.objections, entry.publicity_until) == ((), None)  # publicity begins anew
    with pytest.raises(UsageError, match="expected draft, submit, cancel in state DRAFT 草稿"):
        platform.step("publish", "2026-03-17", "registry")


@pytest.mark.parametrize("name", ["change", "correct", "renew"])
def test_changed_corrected_renewed(coded: Platform, name: str) -> None:
    """Asked for by the holder, signed by the registrar too; the code stays and is live."""
    for alone in ("bureau", "registry"):
        with pytest.raises(UsageError, match="the holder, bureau, and a registrar, got that of"):
            coded.step(name, "2026-04-01", alone)
    coded.step(name, "2026-04-01", "bureau,registry")
    assert coded.state("2026-04-01") is TABLE[State.CODED, name]  # type: ignore[index]
    assert coded.register.live(SETTLEMENT, "2026-04-01") == CODE


def test_cancelled(coded: Platform) -> None:
    with pytest.raises(UsageError, match="the holder, bureau, or a registrar, got that of vendor"):
        coded.step("cancel", "2026-04-01", "vendor")
    coded.step("cancel", "2026-04-01", "bureau")
    assert coded.register.live(SETTLEMENT, "2026-03-31") == CODE
    assert coded.register.live(SETTLEMENT, "2026-04-01") is None
    with pytest.raises(UsageError, match="expected nothing in state CANCELLED"):
        coded.step("change", "2026-04-01", "bureau,registry")


def test_three_years_then_expired_unless_renewed(coded: Platform) -> None:
    assert coded.register.live(SETTLEMENT, "2029-03-16") == CODE
    assert coded.register.live(SETTLEMENT, "2029-03-17") is None
    assert coded.state("2029-03-17") is State.EXPIRED
    coded.step("renew", "2029-03-16", "bureau,registry")
    assert coded.register.live(SETTLEMENT, "2032-03-16") == CODE
    with pytest.raises(UsageError, match="expected nothing in state EXPIRED 已到期, got renew"):
        coded.step("renew", "2032-03-17", "bureau,registry")
    coded.step("draft", "2032-03-17", "bureau", "N-2")  # an expired one is registered anew


def test_publicity_lasts_ten_working_days(platform: Platform) -> None:
    """Ten after Monday 2 March 2026: one weekday is off, and a whole weekend is worked."""
    platform.published()
    entry = platform.register.of_asset(SETTLEMENT, "2026-03-02")
    assert entry is not None
    assert entry.publicity_until == "2026-03-15"
    with pytest.raises(UsageError, match="from the day after 2026-03-15 on, got one on 2026-03-15"):
        platform.step("code", "2026-03-15", "registry")
    with pytest.raises(UsageError, match="an objection by 2026-03-15"):
        platform.step("object", "2026-03-16", "vendor")
    platform.step("code", "2026-03-17", "registry")


def test_working_days_by_default_and_by_list(tmp_path: Path) -> None:
    assert Calendar().after("2026-03-06", 1) == "2026-03-09"
    assert Calendar().after("2026-03-02", 10) == "2026-03-16"
    longer = Calendar(off=("2026-03-09", "2026-03-10"))
    assert longer.after("2026-03-06", 1) == "2026-03-11"
    listed = Calendar.load(EXAMPLES / "holidays.toml")
    assert listed.after("2026-09-30", 1) == "2026-10-08"
    assert listed.works("2026-10-10")  # a Saturday that is worked
    assert not listed.works("2026-10-11")
    wrong = tmp_path / "holidays.toml"
    wrong.write_text('version = 1\noff = ["2026-03-08"]\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"holidays\.toml: .*a weekday in off, got 2026-03-08"):
        Calendar.load(wrong)


def test_every_step_is_in_the_table_or_refused(coded: Platform) -> None:
    """From a coded state every step that the table does not have is refused, whoever signs."""
    for name in SIGNED_BY:
        if (State.CODED, name) not in TABLE:
            with pytest.raises(UsageError, match="in state CODED 已赋码"):
                coded.step(name, "2026-04-01", "bureau,registry,vendor")
    assert {state for state, _ in TABLE} == set(State) - {State.CANCELLED, State.EXPIRED}
    assert set(SIGNED_BY) == {step for _, step in TABLE}
    assert State.EXPIRED not in CODED


@pytest.mark.parametrize(
    ("steps", "name", "signer", "message"),
    [
        ([], "draft", "vendor", "draft: expected the signature of the holder, bureau"),
        (["draft"], "submit", "registry", "submit: expected the signature of the holder, bureau"),
        (["draft", "submit"], "accept", "bureau", "accept: expected the signature of a registrar"),
        (["draft", "submit"], "accept", "watchdog", "accept: expected the signature of a regist"),
        ([], "submit", "bureau", "expected the entry of an earlier draft"),
    ],
)
def test_signed_by_holder_or_registrar(
    platform: Platform, steps: list[str], name: str, signer: str, message: str
) -> None:
    for done in steps:
        platform.step(done, "2026-03-02", "bureau")
    with pytest.raises(UsageError, match=message):
        platform.step(name, "2026-03-02", signer)


def test_no_registrar_reviews_its_own(tmp_path: Path) -> None:
    bureau = WHO.get("bureau")
    assert bureau is not None
    both = bureau.model_copy(update={"roles": ("party", "registrar")})
    register = Registrations(Principals([both]), CALENDAR)

    def enter(kind: str, body: Body) -> None:
        plain = {"after": register.head, "day": "2026-03-02", "entry": "N-1", **body}
        made = Statement.of(f"registration-{kind}", plain)
        register.add(made.sign("bureau", KEYS["bureau"]))

    enter("draft", {"form": form()})
    enter("step", {"takes": "submit"})
    with pytest.raises(UsageError, match="a registrar other than the holder, got that of bureau"):
        enter("review", {"outcome": "accept", "reason": "my own"})


def test_a_form_keeps_its_asset_and_a_new_holder_signs(coded: Platform) -> None:
    with pytest.raises(UsageError, match=f"expected the form of {SETTLEMENT}, got that of {CASES}"):
        coded.step("change", "2026-04-01", "bureau,registry", form=form(CASES))
    moved = form(holder="hospital")
    with pytest.raises(UsageError, match="the new holder, hospital, to sign too"):
        coded.step("change", "2026-04-01", "bureau,registry", form=moved)
    coded.step("change", "2026-04-01", "bureau,registry,hospital", form=moved)
    with pytest.raises(UsageError, match="signature of the holder, hospital"):
        coded.step("correct", "2026-04-01", "bureau,registry", form=moved)


def test_days_never_go_back_and_statements_come_in_order(coded: Platform) -> None:
    with pytest.raises(UsageError, match="not before the register's last, 2026-03-17"):
        coded.step("cancel", "2026-03-16", "bureau")
    body = {"after": EMPTY, "day": "2026-03-17", "entry": "N-1", "reason": "ended"}
    old = Statement.of("registration-cancel", body).sign("bureau", KEYS["bureau"])
    with pytest.raises(UsageError, match="got one after 0000000000000000; sign it again"):
        coded.register.add(old)  # as a fold of its own, without the journal's check


def test_one_registration_an_asset(coded: Platform) -> None:
    with pytest.raises(UsageError, match="expected one registration, it has N-1 already"):
        coded.step("draft", "2026-04-01", "bureau", "N-2")


@settings(max_examples=20)  # of which each makes 200 wrong codes
@given(
    st.sampled_from("RP"), st.integers(0, 999999), st.integers(2025, 2099), st.integers(1, 9999999)
)
def test_every_mistyped_code_is_found(kind: Any, area: int, year: int, serial: int) -> None:
    """Each wrong digit, and each pair of neighbours in the wrong order."""
    code = make_code(kind, f"{area:06d}", year, serial)
    assert check_code(code) == code
    for at in range(len(code)):
        others = {digit for digit in "0123456789RP" if digit != code[at]}
        wrong = {code[:at] + digit + code[at + 1 :] for digit in others}
        if at + 1 < len(code) and code[at] != code[at + 1]:
            wrong.add(code[:at] + code[at + 1] + code[at] + code[at + 2 :])
        for other in wrong:
            with pytest.raises(UsageError, match="expected"):
                check_code(other)


def test_codes_are_unique(coded: Platform) -> None:
    coded.step("draft", "2026-03-17", "hospital", "N-2", form=form(CASES, "hospital"))
    coded.step("submit", "2026-03-17", "hospital", "N-2")
    coded.step("accept", "2026-03-17", "registry", "N-2")
    coded.step("publish", "2026-03-17", "registry", "N-2")
    for code, message in (
        (CODE, "a code of its own, got that of N-1"),
        (PRODUCT, "P for a product and R for a dataset"),
        (CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "check digits that fit"),
    ):
        with pytest.raises(UsageError, match=message):
            coded.step("code", "2026-04-01", "registry", "N-2", code=code)
    coded.step("code", "2026-04-01", "registry", "N-2", code=OTHER)


def test_the_certificate_is_signed_and_stays(coded: Platform) -> None:
    body = certificate(coded.register, SETTLEMENT, "2026-03-17")
    assert (body["code"], body["since"], body["until"]) == (CODE, "2026-03-17", "2029-03-16")
    signed = Statement.of(KIND, body).sign("registry", KEYS["registry"])
    coded.step("cancel", "2026-03-17", "registry")
    check_certificate(signed, coded.register, WHO)
    with pytest.raises(UsageError, match="a live code on 2026-03-17, got none"):
        certificate(coded.register, SETTLEMENT, "2026-03-17")
    with pytest.raises(UsageError, match="the signature of a registrar, got that of bureau"):
        check_certificate(
            Statement.of(KIND, body).sign("bureau", KEYS["bureau"]), coded.register, WHO
        )
    forged = Statement.of(KIND, body | {"code": OTHER}).sign("registry", KEYS["registry"])
    with pytest.raises(UsageError, match="differs in code"):
        check_certificate(forged, coded.register, WHO)


def test_export_in_the_forms_fields(coded: Platform) -> None:
    entries = coded.register.entries("2026-03-17")
    whole = json.loads(as_json(entries, "2026-03-17", coded.register.head))
    (row,) = whole["registrations"]
    assert (row["名称"], row["登记状态"], row["统一赋码"]) == ("结算明细", "已赋码", CODE)
    assert whole["head"] == coded.register.head
    assert "统一赋码" not in whole["unverified"]
    assert "代理人" in whole["unverified"]
    head, *rows = csv.reader(io.StringIO(as_csv(entries, "2026-03-17"), newline=""))
    assert len(head) == len(FIELDS)
    assert all(("未核实" in name) == (name != "统一赋码") for name in head)
    assert rows == [list(row.values())]


def test_a_cell_is_never_a_formula(platform: Platform) -> None:
    for text in ("=1+1", "+1", "-1", "@x", "two\nlines", " blank"):
        with pytest.raises(UsageError, match=r"form\.name: expected one line of printable text"):
            platform.step("draft", "2026-03-02", "bureau", form=form(name=text))


def test_a_job_refuses_datasets_without_a_live_code(coded: Platform) -> None:
    def missing(day: str, *datasets: str) -> list[str]:
        return [one.words for one in missing_codes(coded.register, day=day, datasets=datasets)]

    coded.step("draft", "2026-03-18", "hospital", "N-2", form=form(CASES, "hospital"))
    assert missing("2026-03-17", SETTLEMENT) == []
    assert missing("2026-03-18", SETTLEMENT, CASES, "bureau.new") == [
        "hospital.cases has no live code on 2026-03-18: its registration N-2 is in state DRAFT 草稿",
        "bureau.new has no live code on 2026-03-18: it is not registered: its holder must register it first",
    ]
    assert "in state PUBLICITY 公示" in missing("2026-03-16", SETTLEMENT)[0]
    assert "in state EXPIRED 已到期" in missing("2029-03-17", SETTLEMENT)[0]
    # Later events leave the answer of an earlier day, and of an earlier head, as it was.
    head = coded.register.head
    coded.step("cancel", "2026-03-18", "bureau")
    assert missing("2026-03-17", SETTLEMENT) == []
    assert "CANCELLED" in missing("2026-03-18", SETTLEMENT)[0]
    assert missing_codes(coded.register, day="2026-03-18", datasets=(SETTLEMENT,), head=head) == ()


def test_products_carry_the_codes_of_their_inputs(coded: Platform) -> None:
    def draft(**changed: Any) -> None:
        made = form(REPORT, "insurer", **changed)
        coded.step("draft", "2026-03-17", "insurer", "N-9", form=made)

    with pytest.raises(UsageError, match="expected the codes of a product's inputs as lineage"):
        draft()
    with pytest.raises(UsageError, match=f"expected live codes as lineage, {OTHER} is none"):
        draft(lineage=[CODE, OTHER])
    with pytest.raises(UsageError, match="and none for a dataset, got 1"):
        coded.step(
            "draft",
            "2026-03-17",
            "hospital",
            "N-8",
            form=form(CASES, "hospital", lineage=[CODE]),
        )
    draft(lineage=[CODE])
    coded.step("submit", "2026-03-17", "insurer", "N-9")
    coded.step("accept", "2026-03-17", "registry", "N-9")
    coded.step("publish", "2026-03-17", "registry", "N-9")
    assert coded.register.of_code(CODE, "2026-03-16") is None  # not before it was given
    coded.step("code", "2026-04-10", "registry", "N-9", code=PRODUCT)
    assert certificate(coded.register, REPORT, "2026-04-10")["lineage"] == [CODE]


def test_a_product_is_not_coded_after_its_input_has_ended(coded: Platform) -> None:
    made = form(REPORT, "insurer", lineage=[CODE])
    coded.step("draft", "2026-03-17", "insurer", "N-9", form=made)
    coded.step("submit", "2026-03-17", "insurer", "N-9")
    coded.step("accept", "2026-03-17", "registry", "N-9")
    coded.step("publish", "2026-03-17", "registry", "N-9")
    coded.step("cancel", "2026-04-01", "bureau")
    with pytest.raises(UsageError, match=f"expected live codes as lineage, {CODE} is none"):
        coded.step("code", "2026-04-10", "registry", "N-9", code=PRODUCT)
