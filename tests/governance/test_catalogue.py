"""SYSTEMS.md row 9, the resource catalogue 一数一源: each item of its Min list, with real files and signatures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.governance.reviewers import EVERYBODY, EXAMPLES, Desk, principals_toml
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.plan.physical import Item, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.resolution import unresolved
from mpcstats.records.catalogue import Catalogue, Column, Dataset
from mpcstats.records.catalogue.cells import HEADS, WRITTEN_AS_JSON
from mpcstats.records.catalogue.combination import Combination
from mpcstats.records.catalogue.dataset import Union
from mpcstats.records.catalogue.exchange import Form, read, read_file, written
from mpcstats.records.catalogue.findings import Finding, findings
from mpcstats.records.catalogue.metadata import Quality, ShareType, UpdateCycle
from mpcstats.records.catalogue.names import COLUMN, COMBINATION, DATASET, QUALITY, UNION
from mpcstats.records.catalogue.sources import Settlements, conflicts
from mpcstats.records.levels import Level, OpenType

CHECKOUT = Path(__file__).parents[2]
FILE = EXAMPLES / "catalogue.toml"
DEMOS = [
    CHECKOUT / "demos" / name / "catalogue.toml"
    for name in ("settlement", "six_parties", "synthea")
]
EXAMPLE = Catalogue.load(FILE)
SPECIAL = (("B20", "B25"), ("A50", "A65"), ("F20", "F30"))
CLAIMS = ["bureau.settlement.medfee_sumamt", "hospitals.cases.tot_fee"]
FORMS: list[tuple[Form, bool]] = [
    ("toml", False),
    ("json", False),
    ("json", True),
    ("csv", False),
    ("csv", True),
]


def command(*arguments: str | Path, code: int = 0) -> str:
    """What the command prints; its exit code must be `code`."""
    result = CliRunner(env={"COLUMNS": "220"}).invoke(app, ["catalogue", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


# --- Min: the core metadata of the government guide, level and sensitivity per item, quality metrics ---


def test_an_entry_has_the_fields_of_the_guide() -> None:
    entry = EXAMPLE.dataset("bureau.enrolment")
    assert entry.category == ("医疗保障", "参保管理", "参保登记", "个人参保")  # 类, 项, 目, 细目
    assert (entry.title, entry.code) == ("基本医疗保险参保信息", "990100-YB-0001")
    assert (entry.provider, entry.provider_code) == ("示例市医疗保障局", "99990100000000000X")
    assert entry.abstract is not None
    assert entry.format == "database"
    assert [(n, c.type) for n, c in entry.columns.items()][:2] == [
        ("certno", "text"),
        ("psn_no", "text"),
    ]
    assert (entry.share_type, entry.open_type) == (ShareType.CONDITIONAL, OpenType.PROHIBITED)
    assert entry.share_condition
    assert entry.share_method
    assert entry.update_cycle is UpdateCycle.DAILY
    assert entry.publish_date == "2025-03-01"
    assert entry.related == ("990100-YB-0002",)
    assert (entry.domain, entry.consent, entry.asset) == (
        "personal",
        "opt-out",
        "DR-990100-2025-0001",
    )
    assert [t.value for t in ShareType] == ["无条件共享", "有条件共享", "不予共享"]


def test_items_have_level_quality_and_dictionary() -> None:
    certno = EXAMPLE.items["bureau.enrolment", "certno"]
    assert certno.level is Level.HIGH
    assert (certno.quality.completeness, certno.quality.validity) == (998, 995)
    insutype = EXAMPLE.items["bureau.enrolment", "insutype"]
    assert insutype.dictionary["310"] == "职工基本医疗保险"
    assert EXAMPLE.dataset("bureau.enrolment").level is Level.HIGH


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.parent.name)
def test_a_file_without_the_metadata_loads(path: Path) -> None:
    for dataset in Catalogue.load(path).datasets:
        domain = "public" if dataset.name.startswith("public.") else "personal"
        assert (dataset.share_type, dataset.domain, dataset.consent) == (None, domain, "none")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"CONDITIONAL"',
            '"SECRET"',
            "share_type: expected one of UNCONDITIONAL, CONDITIONAL, REF",
        ),
        (
            'share_condition = "医疗保障监管和待遇核定"\n',
            "",
            "expected share_condition = ... where",
        ),
        ('"DAILY"', '"HOURLY"', "update_cycle: expected one of REAL_TIME, DAILY"),
        (
            '"2025-03-01"',
            '"2025-3-1"',
            "publish_date: expected a day as YYYY-MM-DD, got '2025-3-1'",
        ),
        ('"personal"', '"private"', "domain: input should be 'personal' or 'public'"),
        ("= 998", "= 1001", "quality, completeness: input should be less than or equal to 1000"),
        ("= 998", "= 99.8", "quality, completeness: input should be a valid integer"),
        ("person.resident_id", "Person", "certno, element: string should match pattern"),
        ('element = "person.resident_id", source', "source", "certno: expected element = ... bes"),
        (
            'kind = "identity"',
            'kind = "who"',
            "psn_no, kind: input should be 'identity', 'contact'",
        ),
        (
            'kind = "place" }',
            'derived_from = ["x"] }',
            "derived_from, 0: expected an item as owner",
        ),
        ('"个人参保"]', '"个人参保", "更细"]', "category: tuple should have at most 4 items"),
        ('"place", "account"', '"place"', "combination place-with-account, kinds: tuple should"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "catalogue.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Catalogue.load(path)
    assert message in str(caught.value)


# --- Min: one authoritative source per element; a second claim is a conflict case, not silent ---


def test_a_second_claim_is_a_conflict_with_both_claimants() -> None:
    (conflict,) = conflicts(EXAMPLE)
    assert conflict.element == "case.total_fee"
    assert [claim.name for claim in conflict.claims] == CLAIMS
    # The parts of a union hold different rows: together one claim.
    assert conflict.items == (CLAIMS[0], "h1.cases.tot_fee", "h2.cases.tot_fee")
    assert "got claims by bureau.settlement.medfee_sumamt, hospitals.cases.tot_fee" in conflict.what


def test_without_the_second_claim_there_is_no_conflict() -> None:
    assert conflicts(without_claim("bureau.settlement", "medfee_sumamt")) == ()
    # A hospital alone is not its union: then its claim is its own.
    (other,) = conflicts(without_claim("h2.cases", "tot_fee"))
    assert [claim.name for claim in other.claims] == [CLAIMS[0], "h1.cases.tot_fee"]


def without_claim(dataset: str, column: str) -> Catalogue:
    changed = []
    for entry in EXAMPLE.datasets:
        columns = dict(entry.columns)
        if entry.name == dataset:
            columns[column] = columns[column].model_copy(update={"source": False})
        changed.append(entry.model_copy(update={"columns": columns}))
    return Catalogue(tuple(changed), EXAMPLE.unions, EXAMPLE.added)


def settle(desk: Desk, signer: str = "office.registrar", **change: Any) -> None:
    body = {
        "day": "2026-01-05",
        "element": "case.total_fee",
        "source": CLAIMS[1],
        "claims": CLAIMS,
        "reason": "the hospital writes the bill; the bureau copies it",
    }
    desk.say("source-settled", signer, **{**body, **change})


def test_a_registrar_settles_a_conflict_and_a_third_claim_opens_it_again() -> None:
    settled = Settlements(EVERYBODY)
    settle(Desk(settled.add))
    assert settled.open(EXAMPLE) == ()
    assert settled.source(conflicts(EXAMPLE)[0]) == CLAIMS[1]
    third = EXAMPLE.dataset("bureau.settlement").columns["medfee_sumamt"]
    more = Dataset(name="p.claims", owner="p", rows=1, columns={"clm_amt": third})
    wider = Catalogue((*EXAMPLE.datasets, more), EXAMPLE.unions, EXAMPLE.added)
    assert [c.element for c in settled.open(wider)] == ["case.total_fee"]


@pytest.mark.parametrize(
    ("signer", "change", "message"),
    [
        ("bureau", {}, "a signature by a registrar on 2026-01-05, got bureau"),
        ("office.registrar", {"source": "a.b.c"}, "one of them the source"),
        ("office.registrar", {"claims": [CLAIMS[0], CLAIMS[0]]}, "expected different claims"),
        ("office.registrar", {"claims": CLAIMS[:1]}, "claims: tuple should have at least 2"),
        ("office.registrar", {"day": "2026-13-01"}, "day: expected a day as YYYY-MM-DD"),
        ("office.registrar", {"more": 1}, "more: extra inputs are not permitted"),
    ],
)
def test_a_settlement_that_nobody_may_make_is_refused(
    signer: str, change: dict[str, Any], message: str
) -> None:
    settled = Settlements(EVERYBODY)
    with pytest.raises(UsageError, match=message):
        settle(Desk(settled.add), signer, **change)
    assert len(settled.open(EXAMPLE)) == 1


# --- Min: every column named in a query resolves to exactly one catalogue item ---

QUESTION = """
SELECT e.insutype, COUNT(*) AS persons, SUM(s.fee) AS fee
FROM bureau.enrolment e
JOIN (SELECT certno, SUM(tot_fee) AS fee FROM h1.cases GROUP BY certno) s ON s.certno = e.certno
GROUP BY e.insutype"""


def planned(text: str = QUESTION, catalogue: Catalogue = EXAMPLE) -> Physical:
    parties = ("bureau", "h1", "h2")
    return plan_question(
        text,
        Setting(
            catalogue=catalogue,
            engine="rep3",
            compute=parties,
            initiator="bureau",
            recipients=("bureau",),
            scenario="supervision",
            purpose="a test",
            k=11,
            helpers=lambda left, right: tuple(p for p in parties if p not in (left, right)),
        ),
    )


def test_every_column_of_a_question_is_one_item() -> None:
    assert list(unresolved(planned(), EXAMPLE, ())) == []
    with pytest.raises(UsageError, match="unknown column 'fee_x'"):
        planned(QUESTION.replace("tot_fee", "fee_x"))
    with pytest.raises(UsageError, match="in more than one relation"):
        planned(QUESTION.replace("e.insutype", "certno"))


def test_a_column_in_an_open_conflict_is_refused_until_it_is_settled() -> None:
    settled = Settlements(EVERYBODY)
    (reason,) = unresolved(planned(), EXAMPLE, settled.open(EXAMPLE))
    assert reason.startswith("h1.cases.tot_fee is in an open conflict: expected one authoritative")
    settle(Desk(settled.add))
    assert list(unresolved(planned(), EXAMPLE, settled.open(EXAMPLE))) == []
    # A question without the element in dispute is not touched by it.
    plain = planned(QUESTION.replace("SUM(tot_fee)", "COUNT(*)"))
    assert list(unresolved(plain, EXAMPLE, conflicts(EXAMPLE))) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Item("no.where", "x", "value"), "no.where.x is of no dataset of the catalogue"),
        (Item("bureau.enrolment", "x", "value"), "bureau.enrolment.x is no item of the catalogue"),
        (
            Item("h1.cases", "tot_fee", "value"),
            "is read as data of bureau, .* says that it is h1's",
        ),
    ],
)
def test_a_plan_that_was_made_up_is_found(item: Item, message: str) -> None:
    plan = planned()
    own = next(fragment for fragment in plan.fragments if fragment.owner == "bureau")
    others = tuple(fragment for fragment in plan.fragments if fragment is not own)
    forged = replace(plan, fragments=(replace(own, items=(*own.items, item)), *others))
    (reason,) = unresolved(forged, EXAMPLE, ())
    assert re.search(message, reason)


# --- plain files ---


@pytest.mark.parametrize(("form", "chinese"), FORMS)
@pytest.mark.parametrize("path", [FILE, *DEMOS], ids=lambda path: path.parent.name)
def test_a_catalogue_survives_every_form(path: Path, form: Form, chinese: bool) -> None:
    catalogue = Catalogue.load(path)
    text = written(catalogue, form, chinese=chinese)
    back = read(text, form, "a test")
    assert back.file == catalogue.file
    assert back.digest() == catalogue.digest()
    assert written(back, form, chinese=chinese) == text


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
columns = st.builds(
    Column,
    type=st.just("text"),
    level=st.sampled_from(Level),
    nullable=st.booleans(),
    domain=st.none() | st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple),
    description=st.none() | texts,
    title=st.none() | texts,
    kind=st.sampled_from([None, "identity", "day"]),
    dictionary=st.dictionaries(texts, texts, max_size=2),
    quality=st.builds(Quality, validity=st.none() | st.integers(0, 1000)),
)
datasets = st.builds(
    Dataset,
    name=st.just("a.b"),
    owner=texts,
    rows=st.integers(1, 1 << 40),
    category=st.lists(texts, max_size=4).map(tuple),
    abstract=st.none() | texts,
    update_cycle=st.sampled_from([None, *UpdateCycle]),
    columns=st.dictionaries(texts, columns, max_size=3),
)


@settings(max_examples=60)
@given(datasets, st.sampled_from(FORMS))
def test_every_entry_survives_every_form(dataset: Dataset, how: tuple[Form, bool]) -> None:
    form, chinese = how
    catalogue = Catalogue((dataset,))
    assert read(written(catalogue, form, chinese=chinese), form, "a test").file == catalogue.file


def test_every_field_has_a_chinese_name_of_its_own() -> None:
    for model, names in (
        (Dataset, DATASET),
        (Column, COLUMN),
        (Quality, QUALITY),
        (Union, UNION),
        (Combination, COMBINATION),
    ):
        assert set(names) == set(model.model_fields)
        assert len(set(names.values())) == len(names)
    assert len(set(HEADS.values())) == len(HEADS)
    assert set(HEADS) >= WRITTEN_AS_JSON


def test_an_export_for_people_has_the_names_of_the_form() -> None:
    text = written(EXAMPLE, "csv", chinese=True)
    heads = text.splitlines()[0].split(",")
    assert heads[:3] == ["资源标识", "持有方", "行数上限"]
    assert {"信息资源提供方代码", "共享类型", "更新周期", "信息项标识", "敏感级别"} <= set(heads)
    assert "有条件共享" in text
    assert "高敏感" in text


CSV = "dataset.name,dataset.owner,dataset.rows,item.name,item.type,item.level\n"
ROW = "a.b,a,1,c,text,LOW\n"


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("", "csv", "x: expected a row of heads, got an empty file"),
        ("a,b\n", "csv", "x: expected heads of the catalogue's fields, got 'a'"),
        ("item.name,信息项标识\n", "csv", "x: expected every head once, got one twice"),
        (CSV + "a.b,a\n", "csv", "x: row 2: expected 6 cells, got 2"),
        (
            CSV + "a.b,a,one,c,text,LOW\n",
            "csv",
            "row 2: dataset.rows: expected JSON, got other text",
        ),
        (CSV + ROW + ROW, "csv", "row 3: expected each item once, got a.b.c again"),
        (
            CSV + ROW + "a.b,a,2,d,text,LOW\n",
            "csv",
            "row 3: expected the fields of a.b as in row 2, ",
        ),
        (
            CSV + ",a,1,c,text,LOW\n",
            "csv",
            "row 2: expected the name of the item's dataset, got no",
        ),
        (CSV + "a.b,a,1,,text,LOW\n", "csv", "row 2: expected the item's name beside its fields"),
        (
            CSV + "a.b,a,1,c,text,low\n",
            "csv",
            "x: dataset a.b, columns, c, level: expected a level",
        ),
        (CSV + '"a\n', "csv", "x: expected CSV, got: "),
        ("{", "json", "x: expected JSON, got: "),
        ("[]", "json", "x: expected a table, got something else"),
        ("[" * 100_000, "json", "x: expected JSON, got: tables nested too deep"),
        ('{"version": 1, "version": 1}', "json", "expected every name once in an object"),
        ('{"version": 1, "版本": 1}', "json", "expected version once, got it under two names"),
        ('{"version": 1.0}', "json", "x: version: expected a version as a whole number"),
        ('{"version": 1, "dataset": 3}', "json", "x: dataset: input should be a valid tuple"),
        ("version = ", "toml", "x: expected TOML, got: "),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_place(text: str, form: Form, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, form, "x")
    assert message in str(caught.value)


def test_chinese_names_are_not_for_the_catalogues_own_form(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected csv or json for fields under their Chinese"):
        written(EXAMPLE, "toml", chinese=True)
    with pytest.raises(UsageError, match=r"expected a file of toml, csv, json, got '\.xlsx'"):
        read_file(tmp_path / "catalogue.xlsx")


# --- what is wrong with a catalogue ---


def found_in(**change: Callable[[Dataset], Dataset]) -> list[Finding]:
    """The errors of the example, its datasets changed, its conflict settled."""
    entries = tuple(
        change[name](d) if (name := d.name.replace(".", "_")) in change else d
        for d in EXAMPLE.datasets
    )
    changed = Catalogue(entries, EXAMPLE.unions, EXAMPLE.added)
    return [f for f in findings(changed, disputed=(), special=SPECIAL) if f.weight == "error"]


def column_with(name: str, **update: Any) -> Callable[[Dataset], Dataset]:
    def changed(dataset: Dataset) -> Dataset:
        column = dataset.columns[name].model_copy(update=update)
        return dataset.model_copy(update={"columns": {**dataset.columns, name: column}})

    return changed


def test_a_catalogue_in_order_has_no_errors() -> None:
    assert found_in() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"h1_cases": column_with("diag_main", special=SPECIAL[:1], kind="diagnosis")},
            "h1.cases.diag_main: expected the special ranges A50-A65, F20-F30 of a diagnosis",
        ),
        (
            {"h1_cases": column_with("diag_main", special=(("B21", "B25"), *SPECIAL[1:]))},
            "h1.cases.diag_main: expected the special ranges B20-B25",
        ),
        (
            {"bureau_settlement": column_with("certno", level=Level.MODERATE)},
            "certno: expected level HIGH of what names persons, got MODERATE",
        ),
        (
            {"bureau_settlement": column_with("certno", key="resident-id")},
            "expected the key of bureau.enrolment.certno, which tells the same element",
        ),
        (
            {"h1_cases": column_with("tot_fee", unit="yuan")},
            "expected the unit of bureau.settlement.medfee_sumamt",
        ),
        (
            {"bureau_enrolment": column_with("insutype", dictionary={"999": "x"})},
            "insutype: expected labels of the domain only, got '999'",
        ),
        (
            {"bureau_bulletin": column_with("year", derived_from=("bureau.enrolment.brdy",))},
            "expected level MODERATE as bureau.enrolment.brdy, which it is derived from",
        ),
        (
            {"bureau_bulletin": column_with("year", derived_from=("bureau.enrolment.none",))},
            "expected derived_from to name items, got 'bureau.enrolment.none'",
        ),
        (
            {"bureau_bulletin": column_with("year", level=Level.MODERATE)},
            "bureau.bulletin: expected at most level LOW in the public domain, got MODERATE by year",
        ),
        (
            {"bureau_bulletin": column_with("year", level=Level.LOW)},
            "expected open_type CONDITIONAL 有条件开放 for rows of level LOW, got UNCONDITIONAL",
        ),
    ],
)
def test_each_error_is_found(change: dict[str, Callable[[Dataset], Dataset]], message: str) -> None:
    assert any(message in str(finding) for finding in found_in(**change)), found_in(**change)


def test_ranges_that_touch_cover_a_special_range() -> None:
    split = (("B20", "B22"), ("B22", "B26"), *SPECIAL[1:])
    assert found_in(h1_cases=column_with("diag_main", special=split)) == []


# --- the command ---


def test_list_and_show_print_both_languages() -> None:
    text = command("list", FILE)
    for words in ("HIGH 高敏感", "PROHIBITED 不予开放", "CONDITIONAL 有条件共享", "DAILY 每日"):
        assert words in text
    assert "hospitals.cases" in text  # a union, of h1 and h2
    assert "h1, h2" in text
    text = command("show", FILE, "bureau.enrolment")
    for words in (
        "信息资源代码",
        "990100-YB-0001",
        "completeness 998‰",
        "权威来源",
        "(unverified)",
    ):
        assert words in text
    assert "expected a dataset of" in str(refused("show", FILE, "no.such"))


def refused(*arguments: str | Path) -> UsageError:
    result = CliRunner().invoke(app, ["catalogue", *map(str, arguments)])
    assert isinstance(result.exception, UsageError)
    return result.exception


def test_check_ends_with_1_on_an_error_and_with_0_once_it_is_settled(tmp_path: Path) -> None:
    text = command("check", FILE, code=1)
    assert "error: element case.total_fee: expected one authoritative source" in text
    assert "1 errors, 3 warnings" in text
    assert "warning: h2.cases: expected the metadata title, category, code" in text
    journal, who = EXAMPLES / "sources.jsonl", EXAMPLES / "catalogue_principals.toml"
    text = command("check", FILE, "--sources", journal, "--principals", who)
    assert "0 errors" in text
    assert "name --principals" in str(refused("check", FILE, "--sources", journal))
    assert "got no file" in str(
        refused("check", FILE, "--levels", tmp_path / "none", "--principals", who)
    )


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.parent.name)
def test_the_demos_catalogues_have_no_errors(path: Path) -> None:
    assert " 0 errors" in command("check", path)


def test_the_list_is_json_for_programs() -> None:
    found = json.loads(command("list", FILE, "--json"))
    assert [(one["dataset"], one["level"]) for one in found][:2] == [
        ("bureau.enrolment", "HIGH 高敏感"),
        ("bureau.settlement", "HIGH 高敏感"),
    ]
    assert all(name.isascii() for one in found for name in one)


def test_export_and_import_are_each_others_reverse(tmp_path: Path) -> None:
    table, back = tmp_path / "catalogue.csv", tmp_path / "catalogue.toml"
    command("export", FILE, "--chinese", "--out", table)
    command("import", table, "--out", back)
    assert Catalogue.load(back).digest() == EXAMPLE.digest()
    assert "expected no file there yet" in str(refused("import", table, "--out", back))
    assert "expected a form of toml, csv, json" in str(refused("export", FILE, "--format", "xml"))


def test_the_example_table_is_the_example_catalogue() -> None:
    path = EXAMPLES / "catalogue.csv"
    assert path.read_bytes().decode() == written(EXAMPLE, "csv", chinese=True)
    assert read_file(path).digest() == EXAMPLE.digest()


def test_the_example_journal_is_what_these_keys_sign() -> None:
    settled = Settlements(EVERYBODY)
    desk = Desk(settled.add)
    settle(desk)
    assert (EXAMPLES / "sources.jsonl").read_text(encoding="utf-8") == desk.lines
    assert (EXAMPLES / "catalogue_principals.toml").read_text(encoding="utf-8") == principals_toml()
