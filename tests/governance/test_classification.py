"""SYSTEMS.md row 10, classification: each item of its Min list works, with real files, DuckDB and signatures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.governance.reviewers import EVERYBODY, EXAMPLES, Desk
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.classify import classify
from mpcstats.plan.physical import Item, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.derived import derived
from mpcstats.policy.sensitivity import JOINED, sensitivity
from mpcstats.records.catalogue import Catalogue, Column
from mpcstats.records.catalogue.combination import met, shipped_combinations, together
from mpcstats.records.classification.crosswalk import load_crosswalk
from mpcstats.records.classification.proposal import Proposal, propose
from mpcstats.records.classification.review import Levels, graded
from mpcstats.records.classification.rules import Counts, ReviewTerms, Seen, load_rules
from mpcstats.records.journal import Journal
from mpcstats.records.levels import Level, highest

CHECKOUT = Path(__file__).parents[2]
PACK = CHECKOUT.parent / "shared" / "domain" / "data"
DEMO = CHECKOUT / "demos" / "settlement"
SETTLEMENT = Catalogue.load(DEMO / "catalogue.toml")
SIX = Catalogue.load(CHECKOUT / "demos" / "six_parties" / "catalogue.toml")
EXAMPLE = Catalogue.load(EXAMPLES / "catalogue.toml")
RULES = load_rules()
SPECIAL = (("B20", "B25"), ("A50", "A65"), ("F20", "F30"))
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def proposed(name: str, **known: Any) -> Proposal:
    return propose(Seen(name, **known), RULES)


def resident_ids(count: int, *, shift: int = 0) -> list[str]:
    """Made-up ids of the fictitious area 990100; with `shift` the check character is another one."""
    found = []
    for number in range(count):
        digits = f"99010019{50 + number % 50:02d}0101{number % 1000:03d}"
        total = sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True))
        found.append(digits + "10X98765432"[(total + shift) % 11])
    return found


def file_of(folder: Path, columns: Mapping[str, list[str]]) -> Path:
    path = folder / "table.csv"
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def of_file(path: Path, **options: Any) -> dict[str, Proposal]:
    found = classify(data=path, catalogue=None, dataset=None, **options)
    return {proposal.column: proposal for proposal in found.proposals}


# --- Min: per-column level and rules (keyword, type, code range) ---


@pytest.mark.parametrize(
    ("name", "level", "kind"),
    [
        ("certno", Level.HIGH, "identity"),
        ("ID_CARD_NO", Level.HIGH, "identity"),
        ("psn_name", Level.HIGH, "identity"),
        ("mobile_phone", Level.HIGH, "contact"),
        ("home_addr", Level.HIGH, "contact"),
        ("bank_card_no", Level.HIGH, "account"),
        ("psn_no", Level.MODERATE, "identity"),
        ("fund_pay_sumamt", Level.MODERATE, "amount"),
        ("acct_pay", Level.MODERATE, "amount"),  # an amount, not an account
        ("benef_name", Level.HIGH, "identity"),
        ("drug_name", Level.MODERATE, "treatment"),  # by `unless` not a person's
        ("fixmedins_name", Level.LOW, "institution"),
        ("insuplc", Level.LOW, "place"),
        ("hosp_lv", Level.NONE, None),
    ],
)
def test_a_name_proposes_a_level(name: str, level: Level, kind: str | None) -> None:
    found = proposed(name, type="text")
    assert (found.level, found.kind) == (level, kind)
    assert found.rule in {rule.id for rule in RULES.rule}
    assert found.reason


def test_a_title_counts_as_a_name() -> None:
    assert proposed("c7", title="联系电话").level is Level.HIGH
    assert proposed("c7", title="主要诊断", type="text").special == SPECIAL


def test_type_and_unit_propose_a_level() -> None:
    assert proposed("x", type="integer", unit="fen").rule == "amount-unit"
    assert proposed("x", type="text", unit="fen").rule == "unmatched"  # an amount is an integer
    assert proposed("diag_x", type="integer").rule == "unmatched"


def test_what_no_rule_speaks_of_is_high() -> None:
    found = proposed("zzz")
    assert (found.level, found.rule, found.confidence) == (Level.HIGH, "unmatched", "none")
    assert "unknown" in found.reason


def test_the_highest_of_several_rules_wins() -> None:
    test = next(rule.values for rule in RULES.rule if rule.id == "resident-id-characters")
    assert test is not None
    found = proposed("insuplc", counts=((test, Counts(100, 100)),))
    assert found.level is Level.HIGH  # whatever its name says
    assert found.matched == ("resident-id-characters", "district-name")
    assert proposed("insuplc", counts=((test, Counts(100, 49)),)).level is Level.LOW
    assert proposed("insuplc", counts=((test, Counts(0, 0)),)).level is Level.LOW


@given(st.lists(st.sampled_from(RULES.rule), max_size=4), st.sampled_from(RULES.rule))
def test_one_rule_more_never_lowers_a_proposal(few: list[Any], more: Any) -> None:
    names = [rule.names[0].replace("*", "") for rule in (*few, more) if rule.names]
    for name in names:
        seen = Seen(name, "text")
        some = RULES.model_copy(update={"rule": tuple(few)})
        all_of = RULES.model_copy(update={"rule": (*few, more)})
        if any(rule.speaks_of(seen) for rule in few):
            assert propose(seen, all_of).level >= propose(seen, some).level


def test_values_are_counted_at_home_whatever_the_column_is_called(tmp_path: Path) -> None:
    count = 200
    path = file_of(
        tmp_path,
        {
            "a1": [
                text.lower() if n % 7 else f" {text} " for n, text in enumerate(resident_ids(count))
            ],
            "a2": resident_ids(count, shift=1),
            "a3": [f"1{3 + n % 7}{n:09d}" for n in range(count)],
            "a4": ["I10.x00", "e11.900", "B20.100", "C34"] * (count // 4),
            "a5": ["B20", "A53.9", "F20.0", ""] * (count // 4),
            "a6": [str(n) for n in range(count)],
        },
    )
    found = of_file(path)
    assert (found["a1"].level, found["a1"].rule) == (Level.HIGH, "resident-id-characters")
    assert found["a1"].confidence == "certain"
    assert found["a1"].counts == Counts(count, count)
    # Negative control: the same digits with another check character are no ids.
    assert found["a2"].rule == "unmatched"
    assert found["a3"].rule == "telephone-number"
    assert (found["a4"].level, found["a4"].special) == (Level.MODERATE, SPECIAL)
    # A table of special diseases only: that a person is in it tells which.
    assert (found["a5"].level, found["a5"].rule) == (Level.HIGH, "special-disease-register")
    assert found["a6"].rule == "unmatched"


def test_a_sample_is_the_same_each_time_and_no_value_comes_out(tmp_path: Path) -> None:
    ids = resident_ids(500)
    path = file_of(tmp_path, {"certno": [i if n % 3 else "" for n, i in enumerate(ids)]})
    first, second = of_file(path, rows=100), of_file(path, rows=100)
    assert first == second
    counts = first["certno"].counts
    assert counts is not None
    assert 40 < counts.values < 100
    arguments = ["catalogue", "classify", str(path)]
    for more in ([], ["--write"]):
        result = CliRunner(env={"COLUMNS": "250"}).invoke(app, [*arguments, *more])
        assert result.exit_code == 0
        assert "resident-id-characters" in result.output
        assert not any(text[:12] in result.output for text in ids)


def test_a_file_without_a_head_line_is_refused_and_not_quoted(tmp_path: Path) -> None:
    ids = resident_ids(3)
    path = tmp_path / "table.csv"
    path.write_text("\n".join(ids) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="got another in column 1") as caught:
        of_file(path)
    assert ids[0][:10] not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("within_days = 730", "within_days = 0", "review.within_days: input should be greater"),
        ('overdue = "HIGH"', 'overdue = "ALL"', "review.overdue: expected a level of NONE, LOW"),
        ("per_mille = 500 }", "per_mille = 1001 }", "rule[1].values.per_mille: input should be"),
        ('check = "resident-id", ', "", "rule[1].values: expected one of check, pattern and codes"),
        ('"1[3-9][0-9]{9}"', '"1[3-9"', "values: expected a regular expression, got: "),
        ('codes = [["B20", "B25"]', 'codes = [["B25", "B20"]', "expected code ranges [from, to), "),
        (
            'id = "person-name"',
            'id = "resident-id-name"',
            "expected one rule resident-id-name, got",
        ),
        ('confidence = "certain"', 'confidence = "90%"', "rule[1].confidence: input should be"),
    ],
)
def test_a_bad_table_of_rules_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (CHECKOUT / "governance" / "classification.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "classification.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_rules(path)
    assert message in str(caught.value)


# --- Min: reviewer override with reason; re-review date; decision log ---

DAY = "2026-01-05"
REVIEW_BY = "2027-01-05"
WHERE = {"dataset": "bureau.enrolment", "column": "psn_no"}


class Office(Desk):
    """The register of levels, and what is said to it."""

    def __init__(self, path: Path | None = None, terms: ReviewTerms = RULES.review) -> None:
        self.levels = Levels(EVERYBODY, terms)
        super().__init__(self.levels.add, path)

    def level(self, day: str = "2026-01-05") -> Level | None:
        return self.levels.level("bureau.enrolment", "psn_no", day)

    def propose(self, signer: str = "bureau", **change: Any) -> str:
        body = {
            "day": DAY,
            **WHERE,
            "level": "MODERATE",
            "rule": "person-number",
            "confidence": "likely",
            "reason": "a number of a person within one register",
        }
        return self.say("level-proposed", signer, **{**body, **change}).digest

    def confirm(self, proposal: str, signer: str = "office.reviewer", **change: Any) -> None:
        body = {"day": DAY, **WHERE, "reason": "as proposed", "review_by": REVIEW_BY}
        self.say("level-confirmed", signer, **{**body, "proposal": proposal, **change})

    def override(self, proposal: str, signer: str = "office.reviewer", **change: Any) -> None:
        body = {"day": DAY, **WHERE, "reason": "insurers keep a list", "review_by": REVIEW_BY}
        self.say(
            "level-overridden", signer, **{**body, "proposal": proposal, "level": "HIGH", **change}
        )

    def regrade(self, was: str, level: str, signer: str = "office.reviewer", **change: Any) -> None:
        body = {
            "day": "2026-06-01",
            **WHERE,
            "was": was,
            "level": level,
            "reason": "a test of re-identification",
            "evidence": hashlib.sha256(b"the report of the test").hexdigest(),
            "review_by": REVIEW_BY,
        }
        self.say("level-regraded", signer, **{**body, **change})


def psn_no(office: Office, day: str = DAY) -> Level:
    return graded(EXAMPLE, office.levels, day).items["bureau.enrolment", "psn_no"].level


def test_a_reviewer_confirms_a_proposal() -> None:
    office = Office()
    proposal = office.propose()
    assert [w.statement for w in office.levels.waiting] == [proposal]
    office.confirm(proposal)
    assert office.levels.waiting == ()
    assert office.level() is Level.MODERATE


def test_a_reviewer_overrides_with_a_reason_and_the_log_keeps_it() -> None:
    office = Office()
    office.override(office.propose())
    assert psn_no(office) is Level.HIGH
    (entry,) = office.levels.log
    assert (entry.before, entry.level, entry.by) == (
        Level.MODERATE,
        Level.HIGH,
        ("office.reviewer",),
    )
    assert (entry.reason, entry.day, entry.review_by) == ("insurers keep a list", DAY, REVIEW_BY)


def test_a_decision_never_lowers_what_all_parties_agreed_on() -> None:
    office = Office()
    office.override(office.propose(), level="NONE")
    assert office.level() is Level.NONE
    assert psn_no(office) is Level.MODERATE


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda o, p: o.confirm(p, "bureau"), "a signature by a reviewer on .*, got bureau"),
        (lambda o, p: o.confirm(p, "insurer.clerk"), "got insurer.clerk"),
        (lambda o, p: o.confirm("0" * 64), "expected the digest of the waiting proposal"),
        (lambda o, p: o.confirm(p, column="insutype"), "waiting proposal for bureau.enrolment.ins"),
        (lambda o, p: o.confirm(p, day="2026-01-04"), "expected a day not before 2026-01-05"),
        (lambda o, p: o.confirm(p, review_by=DAY), "expected review_by after 2026-01-05 and not"),
        (lambda o, p: o.confirm(p, review_by="2028-01-06"), "and not after 2028-01-05, got 2028-"),
        (lambda o, p: o.override(p, level="MODERATE"), "another level than the proposed MODERATE"),
        (lambda o, p: o.override(p, reason=""), "reason: string should have at least 1 character"),
        (
            lambda o, p: o.regrade("MODERATE", "HIGH"),
            "to have the decided level MODERATE, got none",
        ),
        (lambda o, p: o.propose("office.registrar"), "a signature by a party or user on"),
        (lambda o, p: o.say("level-forgotten", "bureau"), "expected a statement of level-proposed"),
    ],
)
def test_who_may_not_decide_or_decides_nothing_is_refused(act: Any, message: str) -> None:
    office = Office()
    proposal = office.propose()
    with pytest.raises(UsageError, match=message):
        act(office, proposal)
    assert office.levels.log == ()


def test_nobody_reviews_a_proposal_of_their_own() -> None:
    office = Office()
    proposal = office.propose("bureau.steward")
    with pytest.raises(UsageError, match="a reviewer who did not propose it, got bureau"):
        office.confirm(proposal, "bureau.steward")
    office.confirm(proposal)


def test_an_overdue_decision_is_listed_and_counts_as_high() -> None:
    office = Office()
    office.confirm(office.propose())
    assert office.levels.overdue(REVIEW_BY) == ()
    assert psn_no(office, REVIEW_BY) is Level.MODERATE
    after = "2027-01-06"
    assert [d.name for d in office.levels.overdue(after)] == ["bureau.enrolment.psn_no"]
    assert psn_no(office, after) is Level.HIGH
    # As configured: a table of rules may let it count as it was decided.
    lenient = RULES.review.model_copy(update={"overdue": Level.NONE})
    other = Office(terms=lenient)
    other.confirm(other.propose())
    assert other.level(after) is Level.MODERATE


def test_the_journal_of_a_file_is_the_same_register(tmp_path: Path) -> None:
    path = tmp_path / "levels.jsonl"
    office = Office(path)
    office.override(office.propose())
    read = Levels(EVERYBODY, RULES.review)
    Journal.load(path, EVERYBODY, read.add)
    assert read.log == office.levels.log
    path.write_text(path.read_text(encoding="utf-8").replace("insurers keep", "insurers lose"))
    with pytest.raises(UsageError, match=r"statement 2: level-overridden .*: it was changed"):
        Journal.load(path, EVERYBODY, Levels(EVERYBODY, RULES.review).add)


def example_levels() -> Office:
    """What examples/governance/levels.jsonl holds: one decision that was regraded, and a proposal that waits."""
    office = Office()
    office.confirm(office.propose("bureau.steward"))
    office.regrade("MODERATE", "HIGH")
    office.propose("bureau.steward", day="2026-06-02", column="insuplc", level="LOW")
    return office


def checked(day: str) -> str:
    """What the command finds in the example on `day`, its conflict settled."""
    path, who = EXAMPLES / "levels.jsonl", EXAMPLES / "catalogue_principals.toml"
    arguments = ["catalogue", "check", EXAMPLES / "catalogue.toml", "--principals", who]
    arguments += ["--levels", path, "--sources", EXAMPLES / "sources.jsonl", "--day", day]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 1
    return result.output


def test_the_command_lists_what_is_overdue_and_what_waits() -> None:
    text = (EXAMPLES / "levels.jsonl").read_text(encoding="utf-8")
    assert text == example_levels().lines
    overdue = (
        "bureau.enrolment.psn_no: expected a review by 2027-01-05, got none: it counts as HIGH"
    )
    assert overdue in checked("2027-01-06")
    on_time = checked("2027-01-05")
    assert overdue not in on_time
    assert "psn_no: expected level HIGH as was decided on 2026-06-01, got MODERATE" in on_time
    assert "insuplc: level LOW is proposed since 2026-06-02, and no reviewer" in on_time


def test_the_consortium_file_may_name_the_journals_and_who_signs_in_them(tmp_path: Path) -> None:
    named = {"principals": "catalogue_principals.toml", "levels": "levels.jsonl"}
    named["sources"] = "sources.jsonl"
    text = (EXAMPLES / "receipt_consortium.toml").read_text(encoding="utf-8")
    lines = [f'{name} = "{EXAMPLES / file}"' for name, file in named.items()]
    path = tmp_path / "consortium.toml"
    path.write_text("\n".join([text, "[registers]", *lines, ""]), encoding="utf-8")
    arguments = ["catalogue", "check", EXAMPLES / "catalogue.toml", "--day", "2027-01-05"]
    result = CliRunner().invoke(app, list(map(str, [*arguments, "--consortium", path])))
    assert result.output == checked("2027-01-05")
    # A journal that has no statement yet has no file; one that was asked for by name must be there.
    path.write_text("\n".join([text, '[registers]\nlevels = "none.jsonl"\n']), encoding="utf-8")
    result = CliRunner().invoke(app, list(map(str, [*arguments, "--consortium", path, "--json"])))
    assert [f["place"] for f in json.loads(result.output) if f["weight"] == "error"] == [
        "element case.total_fee"
    ]


def test_the_command_prints_the_decision_log() -> None:
    arguments = ["catalogue", "decisions", str(EXAMPLES / "levels.jsonl"), "--day", "2027-02-01"]
    arguments += ["--principals", str(EXAMPLES / "catalogue_principals.toml")]
    result = CliRunner(env={"COLUMNS": "250"}).invoke(app, arguments)
    assert result.exit_code == 0
    regraded = next(line for line in result.output.splitlines() if "level-regraded" in line)
    for words in (
        "2026-06-01",
        "MODERATE to HIGH",
        "office.reviewer",
        "a test of re-ident",
        "HIGH 高",
    ):
        assert words in regraded


# --- Min: dataset level = max column; combination rule (id + diagnosis => HIGH) ---


def test_a_datasets_level_is_that_of_its_highest_column() -> None:
    assert EXAMPLE.dataset("bureau.bulletin").level is Level.NONE
    assert EXAMPLE.dataset("h1.cases").level is Level.HIGH
    for dataset in SIX.datasets:
        assert dataset.level is max(column.level for column in dataset.columns.values())


NUMBER = Column(type="text", level=Level.MODERATE, kind="identity")
ILLNESS = Column(type="text", level=Level.MODERATE, special=SPECIAL)


def test_an_identity_beside_a_diagnosis_is_high() -> None:
    rules = shipped_combinations()
    assert together({"psn_no": NUMBER, "diag": ILLNESS}, rules) is Level.HIGH
    assert together({"diag_1": ILLNESS, "diag_2": ILLNESS}, rules) is Level.MODERATE
    assert together({"psn_no": NUMBER}, rules) is Level.MODERATE
    (found,) = met({"psn_no": NUMBER, "diag": ILLNESS}, rules)
    assert (found.combination.name, found.columns) == (
        "identity-with-diagnosis",
        ("diag", "psn_no"),
    )


def planned(text: str, catalogue: Catalogue, parties: tuple[str, str, str]) -> Physical:
    return plan_question(
        text,
        Setting(
            catalogue=catalogue,
            engine="rep3",
            compute=parties,
            initiator="bureau",
            recipients=("bureau",),
            scenario="audit",
            purpose="a test",
            k=10,
            helpers=lambda left, right: tuple(p for p in parties if p not in (left, right)),
        ),
    )


TRIO = ("bureau", "insurer", "hospital")
PLAN = planned((DEMO / "question.sql").read_text(encoding="utf-8"), SETTLEMENT, TRIO)
SPECIAL_PLAN = planned((DEMO / "refused.sql").read_text(encoding="utf-8"), SETTLEMENT, TRIO)


def reading(*items: Item) -> Physical:
    first, *others = PLAN.fragments
    return replace(
        PLAN, fragments=(replace(first, items=items), *(replace(f, items=()) for f in others))
    )


def with_number(level: Level = Level.MODERATE) -> Catalogue:
    """The demo's catalogue, whose cases have a person's number beside the diagnosis."""
    number = NUMBER.model_copy(update={"level": level, "key": "exact"})
    entries = [
        d.model_copy(update={"columns": {**d.columns, "psn_no": number}})
        if d.name == "hospital.cases"
        else d
        for d in SETTLEMENT.datasets
    ]
    return Catalogue(tuple(entries))


def test_a_combination_counts_in_a_question_and_not_for_a_blind_key() -> None:
    catalogue = with_number()
    diagnosis = Item("hospital.cases", "diag_main", "filter")
    seen = sensitivity(reading(Item("hospital.cases", "psn_no", "group"), diagnosis), catalogue)
    assert seen.level is Level.HIGH
    assert seen.columns == ("hospital.cases.diag_main", "hospital.cases.psn_no")
    (reason,) = seen.combined
    assert "who somebody is, beside what illness they have" in reason
    blind = sensitivity(reading(Item("hospital.cases", "psn_no", "key"), diagnosis), catalogue)
    assert (blind.level, blind.combined) == (Level.MODERATE, ())


def test_a_catalogue_adds_combinations_and_takes_none_away(tmp_path: Path) -> None:
    assert {c.name for c in EXAMPLE.combinations} > {c.name for c in shipped_combinations()}
    path = tmp_path / "catalogue.toml"
    rule = 'name = "identity-with-diagnosis"\nkinds = ["identity", "day"]\nlevel = "NONE"\nbecause = "x"\n'
    path.write_text(f"version = 1\n[[combination]]\n{rule}")
    with pytest.raises(UsageError, match="combination identity-with-diagnosis: expected a name of"):
        Catalogue.load(path)


# --- Min: derived data: levels inherit through the plan, and are regraded up or down with evidence ---


def test_derived_columns_keep_their_level_until_the_gate() -> None:
    found = derived(PLAN, SETTLEMENT)
    by_stage = {stage: [d for d in found if d.stage == stage] for stage in ("lookup", "aggregate")}
    fund = next(d for d in found if (d.of, d.name) == ("find_e", "fund"))
    assert fund.level is Level.MODERATE
    assert fund.because == ("bureau.settlement.fund_pay_sumamt", "bureau.settlement.setl_day")
    assert {d.level for d in by_stage["lookup"]} == {Level.MODERATE}
    assert {d.level for d in by_stage["aggregate"]} == {Level.MODERATE}
    answers = [d for d in found if d.stage == "output"]
    assert [d.name for d in answers] == [column.name for column in PLAN.output]
    assert {(d.level, d.because) for d in answers} == {(Level.LOW, ("the gate of 10 persons",))}


def test_a_key_keeps_its_level_and_is_marked_blind() -> None:
    keys = [d for d in derived(PLAN, SETTLEMENT) if d.name == "key"]
    assert {(d.level, d.blind) for d in keys} == {(Level.HIGH, True)}
    assert "a blind key" in str(keys[0])


def test_a_special_predicate_makes_every_total_high_until_the_gate() -> None:
    found = derived(SPECIAL_PLAN, SETTLEMENT)
    totals = [d for d in found if d.stage == "aggregate"]
    assert {d.level for d in totals} == {Level.HIGH}
    assert all("special codes of hospital.cases.diag_main" in d.because for d in totals)
    assert {d.level for d in found if d.stage == "output"} == {Level.LOW}
    # The other side of the lookup picks no rows, and is not made sensitive by it.
    assert next(d for d in found if (d.of, d.name) == ("p", "rows")).level is Level.NONE


LEVELS = st.dictionaries(
    st.sampled_from([(i.dataset, i.column) for f in PLAN.fragments for i in f.items]),
    st.sampled_from(Level),
)


def leveled(levels: Mapping[tuple[str, str], Level]) -> Catalogue:
    """The demo's catalogue without kinds, with these levels and NONE elsewhere."""
    entries = []
    for dataset in SETTLEMENT.datasets:
        columns = {
            name: column.model_copy(
                update={"level": levels.get((dataset.name, name), Level.NONE), "special": ()}
            )
            for name, column in dataset.columns.items()
        }
        entries.append(dataset.model_copy(update={"columns": columns}))
    return Catalogue(tuple(entries))


@given(LEVELS)
def test_the_highest_derived_level_before_the_gate_is_the_questions(
    levels: dict[tuple[str, str], Level],
) -> None:
    catalogue = leveled(levels)
    found = derived(PLAN, catalogue)
    before = highest(d.level for d in found if d.stage != "output" and not d.blind)
    assert max(before, JOINED) is sensitivity(PLAN, catalogue).level  # it joins persons unseen
    for column in found:
        assert (column.level is Level.NONE) == (column.because == ())
        assert column.stage != "output" or column.level <= Level.LOW


@given(LEVELS, st.data())
def test_raising_an_item_never_lowers_a_derived_column(
    levels: dict[tuple[str, str], Level], data: st.DataObject
) -> None:
    raised = data.draw(
        st.sampled_from([(i.dataset, i.column) for f in PLAN.fragments for i in f.items])
    )
    up = {**levels, raised: Level.HIGH}
    pairs = zip(derived(PLAN, leveled(levels)), derived(PLAN, leveled(up)), strict=True)
    assert all(before.level <= after.level for before, after in pairs)


def test_a_level_is_regraded_up_and_down_on_evidence() -> None:
    office = Office()
    office.confirm(office.propose())
    office.regrade("MODERATE", "HIGH")
    assert psn_no(office, "2026-06-01") is Level.HIGH
    office.regrade("HIGH", "LOW", day="2026-07-01")
    assert office.level("2026-07-01") is Level.LOW
    assert [(d.before.name, d.level.name) for d in office.levels.log] == [
        ("MODERATE", "MODERATE"),
        ("MODERATE", "HIGH"),
        ("HIGH", "LOW"),
    ]
    assert office.levels.log[-1].evidence == hashlib.sha256(b"the report of the test").hexdigest()


def test_what_was_decided_is_lowered_on_evidence_alone() -> None:
    office = Office()
    office.override(office.propose())
    proposal = office.propose()
    for decide in (office.confirm, lambda p: office.override(p, level="NONE")):
        with pytest.raises(UsageError, match="expected a level-regraded statement with evidence"):
            decide(proposal)
    office.override(
        proposal, reason="still so", review_by="2027-06-01"
    )  # to look at it again is no change
    assert (office.level(), len(office.levels.log)) == (Level.HIGH, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"evidence": "the report"}, "evidence: string should match pattern"),
        ({"was": "LOW"}, "to have the decided level LOW, got MODERATE"),
        ({"level": "MODERATE"}, "expected another level than MODERATE"),
        ({"signer": "bureau"}, "a signature by a reviewer"),
    ],
)
def test_a_regrade_without_evidence_or_right_is_refused(
    change: dict[str, Any], message: str
) -> None:
    office = Office()
    office.confirm(office.propose())
    with pytest.raises(UsageError, match=message):
        office.regrade(**{"was": "MODERATE", "level": "HIGH", **change})


# --- the crosswalk ---


def test_every_level_has_a_correspondence_and_none_is_verified_yet() -> None:
    crosswalk = load_crosswalk()
    for level in Level:
        found = crosswalk.of(level)
        assert {entry.standard for entry in found} == {"GB/T 39725-2020", "GB/T 43697-2024"}
        # Unverified entries say so wherever they are shown.
        assert all(entry.verified or "(unverified)" in str(entry) for entry in found)
    assert not any(entry.verified for entry in crosswalk.correspondence)
    grades = [crosswalk.of(level)[0].grades for level in Level]
    assert grades == [("1",), ("2",), ("3",), ("4", "5")]


# --- the domain pack ---


@pytest.mark.parametrize(
    "name", sorted(n for n in SIX.items if SIX.dataset(n[0]).domain == "personal"), ids=".".join
)
def test_names_types_and_units_alone_propose_the_packs_levels(name: tuple[str, str]) -> None:
    column = SIX.items[name]
    found = proposed(name[1], type=column.type, unit=column.unit)
    assert (found.level, found.special) == (column.level, column.special)


@pytest.mark.skipif(
    not PACK.is_dir(), reason="the domain pack ../shared/domain is not beside this checkout"
)
@pytest.mark.parametrize(
    ("table", "diagnoses"),
    [
        ("h1/cases", {"diag_main", "diag_2", "diag_3"}),
        ("p/claims", {"diag_main"}),
        ("bureau/enrolment", set()),
    ],
)
def test_the_packs_tables_are_classified(tmp_path: Path, table: str, diagnoses: set[str]) -> None:
    path = PACK / f"{table}.csv.gz"
    found = of_file(path, rows=2000)
    assert (found["certno"].level, found["certno"].rule) == (Level.HIGH, "resident-id-characters")
    assert {name for name, p in found.items() if p.special == SPECIAL} == diagnoses
    assert all(p.rule != "unmatched" for p in found.values())
    # What --write prints is a catalogue's entry.
    text = classify(data=path, catalogue=None, dataset=None, rows=2000).toml
    pasted = tmp_path / "catalogue.toml"
    pasted.write_text("version = 1\n" + text, encoding="utf-8")
    (dataset,) = Catalogue.load(pasted).datasets
    assert dataset.level is Level.HIGH
    assert {n for n, c in dataset.columns.items() if "diagnosis" in c.kinds} == diagnoses
