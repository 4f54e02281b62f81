"""schemas/ is what the script makes, every example keeps to it and to its model, and a surplus field is named."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError
from tests.unit.schema_check import Checker

from mpcstats.errors import UsageError
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.desk.consent import ConsentDesk
from mpcstats.party.desk.paper import approval_of, licence_of
from mpcstats.party.domains.classify import Bounds
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.files.localfile import LocalFile
from mpcstats.policy.expected import load_expected
from mpcstats.policy.rule import Policy
from mpcstats.policy.template import load_kinds
from mpcstats.records.billing.buyers import Buyers
from mpcstats.records.billing.shares import Shares
from mpcstats.records.billing.tariff import Tariff
from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.combination import CombinationsFile
from mpcstats.records.classification.crosswalk import load_crosswalk
from mpcstats.records.classification.rules import load_rules
from mpcstats.records.contracts.contract import Contract
from mpcstats.records.journal import EMPTY, Journal, body_as, line_of
from mpcstats.records.ledger.receipt import Receipt
from mpcstats.records.principals import Principals
from mpcstats.records.profiles.profile import load_profile
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table, read_toml

CHECKOUT = Path(__file__).parents[2]
SCHEMAS = CHECKOUT / "schemas"
NAMES = {"kind", "body", "signatures"}
FILLED = {"after": EMPTY, "link": EMPTY, "nonce": "0" * 32}
KEY = Ed25519PrivateKey.from_private_bytes(b"a key of schema tests, nobody's.")


def script() -> ModuleType:
    loader = SourceFileLoader("schemas", str(CHECKOUT / "scripts" / "schemas"))
    spec = spec_from_loader("schemas", loader)
    if spec is None:
        raise RuntimeError("scripts/schemas cannot be loaded")
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # dataclasses look their module up by name
        patch.setitem(sys.modules, "schemas", module)
        loader.exec_module(module)
    return module


SCRIPT = script()
FORMATS = {form.name: form for form in SCRIPT.FORMATS}
RENDERED: dict[str, str] = SCRIPT.render()
PARSED = {name: json.loads(text) for name, text in RENDERED.items() if name.endswith(".json")}
FILES = [name for name, form in FORMATS.items() if form.kind is None and name != "violation"]
# How each file is read; whoever adds a format says it here.
READ: Mapping[str, Callable[[Path], object]] = {
    "consortium": Consortium.load,
    "party": partial(PartyFile.load, party="bureau"),
    "local": LocalFile.load,
    "principals": partial(Principals.load, parties={}),
    "catalogue": Catalogue.load,
    "policy": Policy.load,
    "policy-test": load_expected,
    "party-kinds": load_kinds,
    "profile": load_profile,
    "classification": load_rules,
    "combinations": partial(read_toml, model=CombinationsFile),
    "crosswalk": load_crosswalk,
    "holidays": Calendar.load,
    "adjudication-rule": RuleFile.load,
    "consent-desk": ConsentDesk.open,
    "contract-file": Contract.load,
    "domains": Bounds.load,
    "tariff": Tariff.load,
    "buyers": Buyers.load,
    "shares": Shares.load,
    "receipt": Receipt.load,
}


def statements(value: object) -> Iterator[dict[str, Any]]:
    """Every signed statement in plain data, those within others too."""
    if isinstance(value, dict):
        if set(value) == NAMES:
            yield value
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from statements(part)


def values(form: Any, path: Path) -> list[dict[str, Any]]:
    """What an example holds of a format: a file's table, or the bodies of its statements of that kind."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        table = tomllib.loads(text)
        assert table.pop("kind", form.kind) == form.kind, path
        if form.kind in table and isinstance(table[form.kind], dict):
            table = table[form.kind]
        return [{**{name: FILLED[name] for name in form.adds}, **table}]
    lines = [text] if path.suffix == ".json" else text.splitlines()
    found = [json.loads(line) for line in lines]
    if form.kind is None:
        return found
    return [s["body"] for one in found for s in statements(one) if s["kind"] == form.kind]


CASES = [
    pytest.param(form, CHECKOUT / path, id=f"{form.name}:{path}")
    for form in FORMATS.values()
    for path in form.examples
]


def test_the_schemas_are_up_to_date() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert sorted(there) == sorted(RENDERED), "run scripts/schemas"
    stale = [name for name, text in there.items() if text != RENDERED[name]]
    assert stale == [], "run scripts/schemas"


def test_a_changed_model_makes_its_schema_stale() -> None:
    class Wider(Table):
        """A model with another field."""

        more: int

    one = FORMATS["buyers"]
    other = SCRIPT.Format(one.name, Wider, one.kept, one.by, one.examples)
    assert SCRIPT.schema_of(other) != SCRIPT.schema_of(one) == PARSED["buyers.schema.json"]


def test_every_format_has_an_example_and_a_reader_and_every_model_a_description() -> None:
    assert [name for name, form in FORMATS.items() if not form.examples] == []
    assert sorted(FILES) == sorted(READ)
    silent = [
        f"{file}: {name}"
        for file, schema in PARSED.items()
        for name, part in (("itself", schema), *schema.get("$defs", {}).items())
        if part.get("type") == "object" and "description" not in part
        if file not in ("entry.schema.json", "statement.schema.json")
    ]
    assert silent == []


def test_the_index_names_every_schema_and_links_to_files() -> None:
    links = re.findall(r"\]\(([^)]+)\)", RENDERED["README.md"])
    assert {link for link in links if "/" not in link} == set(PARSED)
    assert [link for link in links if not (SCHEMAS / link).is_file()] == []


def test_every_model_of_a_statement_or_a_file_is_in_the_index() -> None:
    """Whatever a file or a statement's body is read as has a schema; maps of kinds are read by the script."""
    source = [p.read_text(encoding="utf-8") for p in (CHECKOUT / "src/mpcstats").rglob("*.py")]
    pattern = r"\b(?:read_toml\(|body_as\((?!Statement))[^,]+, (?:\w+\.)?(\w+)\b"
    read = {name for text in source for name in re.findall(pattern, text)}
    shown = {form.model.__name__ for form in FORMATS.values()} | {"cls"}
    generic = {"model", "ACTS", "MODELS"}
    assert len(read - generic) > 20
    assert read - shown - generic == set()


def test_every_example_is_in_the_index() -> None:
    folders = (CHECKOUT / "examples/governance", CHECKOUT / "governance", CHECKOUT / "demos")
    there = {
        str(path.relative_to(CHECKOUT))
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".toml", ".json", ".jsonl")
    }
    named = {path for form in FORMATS.values() for path in form.examples}
    # An answer is what `mpcstats run --json` prints; no model reads it.
    assert there - named == {"examples/governance/receipt_answer.json"}


@pytest.mark.parametrize(("form", "path"), CASES)
def test_every_example_keeps_to_its_schema_and_its_model(form: Any, path: Path) -> None:
    checker = Checker(PARSED[f"{form.name}.schema.json"], PARSED)
    found = values(form, path)
    assert found, f"{path} has nothing of {form.name}"
    for value in found:
        assert checker.faults(value) == []
        form.model.model_validate(value)


@pytest.mark.parametrize(("form", "path"), CASES)
def test_every_schema_and_model_refuses_a_surplus_and_a_missing_field(
    form: Any, path: Path
) -> None:
    checker = Checker(PARSED[f"{form.name}.schema.json"], PARSED)
    value = values(form, path)[0]
    assert checker.faults({**value, "surplus": 1}) == ["the file.surplus: unknown"]
    refused(form.model, {**value, "surplus": 1}, "surplus")
    for name in PARSED[f"{form.name}.schema.json"].get("required", ()):
        less = {other: part for other, part in value.items() if other != name}
        assert checker.faults(less) == [f"the file.{name}: required"]
        refused(form.model, less, name)


def refused(model: type[BaseModel], value: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    assert (name,) in [error["loc"] for error in caught.value.errors()]


@pytest.mark.parametrize("name", FILES)
def test_a_surplus_field_of_a_file_is_named_with_file_and_place(name: str, tmp_path: Path) -> None:
    example = CHECKOUT / FORMATS[name].examples[0]
    text = example.read_text(encoding="utf-8")
    path = tmp_path / example.name
    if example.suffix == ".toml":
        path.write_text(f"surplus = 1\n{text}", encoding="utf-8")
    else:
        path.write_text(json.dumps({**json.loads(text), "surplus": 1}), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: (.*; )?surplus: "):
        READ[name](path)


TABLED = [
    name for name in FILES if re.search(r"^\[", (CHECKOUT / FORMATS[name].examples[0]).read_text(), re.M)
    and FORMATS[name].examples[0].endswith(".toml")
]  # fmt: skip


@pytest.mark.parametrize("name", TABLED)
def test_a_surplus_field_of_a_table_within_is_named_with_its_place(
    name: str, tmp_path: Path
) -> None:
    """It is the last table of the file: the place says which of several it is."""
    example = CHECKOUT / FORMATS[name].examples[0]
    text = example.read_text(encoding="utf-8")
    head = re.findall(r"^\[+([^\]]+)\]+", text, re.M)[-1].partition(".")[0]
    path = tmp_path / example.name
    path.write_text(f"{text}\nsurplus = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: ") as caught:
        READ[name](path)
    assert re.search(rf"(\b|: ){head}\S* ?.*surplus", str(caught.value)), caught.value


@pytest.mark.parametrize("name", ["approval", "licence"])
def test_a_surplus_field_of_a_paper_is_named_with_file_and_place(name: str, tmp_path: Path) -> None:
    text = (CHECKOUT / FORMATS[name].examples[0]).read_text(encoding="utf-8")
    path = tmp_path / f"{name}.toml"
    path.write_text(f"surplus = 1\n{text}", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: surplus: "):
        (approval_of if name == "approval" else licence_of)(path)


@pytest.mark.parametrize(
    "name", [name for name, form in FORMATS.items() if "after" in form.adds], ids=str
)
def test_a_surplus_field_of_a_journal_is_named_with_file_line_and_place(
    name: str, tmp_path: Path
) -> None:
    form = FORMATS[name]
    body = {**values(form, CHECKOUT / form.examples[0])[0], "after": EMPTY, "surplus": 1}
    path = tmp_path / "journal.jsonl"
    principals = Principals.load(None, {"bureau": KEY.public_key().public_bytes_raw()})
    said = Statement.of(form.kind, body).sign("bureau", KEY)
    path.write_text(line_of(said), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Journal.load(path, principals, lambda statement: _read(statement, form.model))
    assert str(caught.value) == (
        f"{path}: statement 1: {form.kind}: surplus: extra inputs are not permitted"
    )


def _read(statement: Statement, model: type[BaseModel]) -> None:
    body_as(statement, model)


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        ("entry", {"index": True}, "index: type"),
        ("entry", {"index": -1}, "index: minimum"),
        ("entry", {"index": 1 << 62}, "index: exclusiveMaximum"),
        ("entry", {"kind": "rumour"}, "kind: enum"),
        ("entry", {"time": "noon"}, "time: pattern"),
        ("entry", {"more": 1}, "more: unknown"),
        ("statement", {"signatures": {"a": "ff"}}, "signatures.a: pattern"),
        (
            "statement",
            {"signatures": {f"a{i}": "0" * 128 for i in range(65)}},
            "signatures: too many",
        ),
        ("statement", {"body": []}, "body: type"),
        ("statement", {"kind": "A"}, "kind: pattern"),
    ],
)
def test_the_forms_written_by_hand_refuse(file: str, change: dict[str, Any], fault: str) -> None:
    goods: dict[str, dict[str, Any]] = {
        "entry": {
            "index": 0,
            "time": "2026-01-05T00:00:00Z",
            "kind": "request",
            "body": {},
            "previous": EMPTY,
        },
        "statement": {"kind": "request", "body": {}, "signatures": {"a": "0" * 128}},
    }
    good = goods[file]
    checker = Checker(PARSED[f"{file}.schema.json"], PARSED)
    assert checker.faults(good) == []
    assert checker.faults({**good, **change}) == [f"the file.{fault}"]


def test_a_place_deep_within_a_receipt_is_checked_through_the_other_files() -> None:
    value = json.loads((CHECKOUT / "examples/governance/receipt.json").read_text(encoding="utf-8"))
    value["parties"][1]["entries"][0]["entry"]["previous"] = "short"
    value["parties"][0]["agreement"]["kind"] = 7
    assert Checker(PARSED["receipt.schema.json"], PARSED).faults(value) == [
        "the file.parties[1].agreement.kind: type",
        "the file.parties[2].entries[1].entry.previous: pattern",
    ]
