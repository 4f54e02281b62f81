"""Profiles (SYSTEMS.md row 18): acknowledgement records per user before access; a switch CN, EU, JP, US-CMS."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.records.journal import EMPTY, Journal
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.profiles.acknowledgement import Acknowledgements, acknowledge
from mpcstats.records.profiles.profile import (
    PROFILES,
    Declaration,
    Thresholds,
    load_profile,
    shipped,
    strictest,
)
from mpcstats.records.signed import Statement

EXAMPLE = Path(__file__).parents[2] / "examples" / "governance" / "profile.toml"
ROLES = {"bureau": "party", "p.analyst": "user", "h1.doctor": "user"}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}
TODAY = "2026-03-02"
DIGEST = "1" * 64
FULL = Declaration(
    legal_basis="public task",
    special_category_basis="management of health-care systems",
    impact_assessment=DIGEST,
    retention_until="2026-12-31",
    data_use_agreement=DIGEST,
    public_notice=DIGEST,
    minimum_necessary="counts by year alone",
)


def principal(name: str, **more: object) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": [ROLES[name]], **more})


EVERYBODY = Principals(principal(name) for name in ROLES)


def acknowledged(
    after: str,
    text: str,
    *,
    user: str = "p.analyst",
    signer: str | None = None,
    day: str = TODAY,
    kind: str = "acknowledged",
) -> Statement:
    body = {"after": after, "user": user, "text": text, "day": day}
    name = signer or user
    return Statement.of(kind, body).sign(name, KEYS[name])


# --- the switch: thresholds and required fields


def test_each_profile_sets_its_thresholds() -> None:
    persons = {name: shipped(name).minimum_persons for name in PROFILES}
    assert persons == {"CN": 11, "EU": 12, "JP": 10, "US-CMS": 11}
    with pytest.raises(UsageError, match="expected a profile of CN, EU, JP, US-CMS, got 'UK'"):
        shipped("UK")


def test_each_profile_names_its_sources_and_says_that_nobody_has_checked_it() -> None:
    for name in PROFILES:
        profile = shipped(name)
        assert profile.name == name
        assert profile.sources
        assert not profile.checked


@pytest.mark.parametrize("name", PROFILES)
def test_a_request_without_a_required_field_is_told_which_and_why(name: str) -> None:
    profile = shipped(name)
    assert profile.missing(FULL, TODAY) == ()
    for field in profile.required:
        (reason,) = profile.missing(FULL.model_copy(update={field: None}), TODAY)
        assert reason == f"profile {name} asks for {field}: {profile.because[field]}"
    assert len(profile.missing(Declaration(), TODAY)) == len(profile.required)
    others = set(Declaration.model_fields) - set(profile.required)
    assert profile.missing(FULL.model_copy(update=dict.fromkeys(others)), TODAY) == ()


def test_the_profiles_differ_in_what_they_require() -> None:
    asked = {name: frozenset(shipped(name).required) for name in PROFILES}
    assert len(set(asked.values())) == len(PROFILES)
    assert "data_use_agreement" in asked["US-CMS"]
    assert "special_category_basis" in asked["EU"]
    assert "public_notice" in asked["JP"]


def test_an_answer_cannot_be_kept_until_a_day_that_is_over() -> None:
    late = FULL.model_copy(update={"retention_until": "2026-03-01"})
    (reason,) = shipped("CN").missing(late, TODAY)
    assert reason == "profile CN asks for a retention_until from 2026-03-02 on, got 2026-03-01"


thresholds = st.builds(Thresholds, st.integers(1, 50), st.integers(1, 9), st.integers(0, 100))


@given(thresholds, thresholds)
def test_a_profile_raises_thresholds_and_never_lowers_one(
    own: Thresholds, other: Thresholds
) -> None:
    raised = own.raised(other)
    for name in ("minimum_persons", "minimum_contributors", "dominance"):
        assert getattr(raised, name) == max(getattr(own, name), getattr(other, name))
    assert raised == other.raised(own) == raised.raised(own)


def test_of_several_profiles_the_strictest_counts() -> None:
    assert strictest(map(shipped, PROFILES)) == Thresholds(12, 3, 10)
    assert strictest([load_profile(EXAMPLE), shipped("EU")]) == Thresholds(30, 4, 15)
    assert strictest([]) == Thresholds(1, 1, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "CN" ', 'name = "XX" ', "name: input should be 'CN', 'EU', 'JP' or 'US-CMS'"),
        ("minimum_persons = 30", "minimum_persons = 0", "minimum_persons: input should be greater"),
        (
            "minimum_persons = 30",
            "minimum_persons = 30.0",
            "minimum_persons: input should be a valid",
        ),
        ("dominance = 15", "dominance = 101", "dominance: input should be less"),
        ('"legal_basis", ', '"good_will", ', r"required\[1\]: input should be 'legal_basis'"),
        ('legal_basis = "the', 'goodwill = "the', "differs in goodwill, legal_basis"),
        ("days = 180", "days = 0", r"text\[1\].days: input should be greater"),
        ("checked = true", "checked = true\nfree = 1", "free: extra inputs are not permitted"),
    ],
)
def test_a_profile_that_is_wrong_says_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "profile.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_profile(path)


def test_a_declaration_holds_no_document_but_its_digest() -> None:
    with pytest.raises(ValueError, match="impact_assessment"):
        Declaration.model_validate({"impact_assessment": "the text of it"})


# --- acknowledgement records per user before access


@pytest.mark.parametrize("name", PROFILES)
def test_a_user_is_let_in_after_acknowledging_every_text_and_not_before(
    tmp_path: Path, name: str
) -> None:
    profile, path = shipped(name), tmp_path / "acknowledged.jsonl"
    head = EMPTY
    for done, text in enumerate(profile.text):
        fold = Acknowledgements.load(path, EVERYBODY)
        assert len(fold.missing(profile, "p.analyst", TODAY)) == len(profile.text) - done
        statement = acknowledged(head, text.digest)
        acknowledge(path, statement, EVERYBODY, day=TODAY)
        head = Journal.load(path, EVERYBODY).head
    fold = Acknowledgements.load(path, EVERYBODY)
    assert fold.missing(profile, "p.analyst", TODAY) == ()
    # Each user for itself.
    assert len(fold.missing(profile, "h1.doctor", TODAY)) == len(profile.text)


def fold_of(*statements: Statement) -> Acknowledgements:
    fold = Acknowledgements(EVERYBODY)
    for statement in statements:
        fold.add(statement)
    return fold


def test_an_acknowledgement_ends_after_its_days() -> None:
    profile = load_profile(EXAMPLE)
    fold = fold_of(acknowledged(EMPTY, profile.text[0].digest))
    assert fold.missing(profile, "p.analyst", "2026-08-28") == ()  # the 180th day
    assert fold.missing(profile, "p.analyst", "2026-08-29") == (
        "p.analyst acknowledged confidentiality of profile CN on 2026-03-02, for 180 days",
    )
    assert fold.missing(profile, "p.analyst", "2026-03-01") != ()  # the day before


def test_a_text_that_changes_is_acknowledged_anew() -> None:
    profile = load_profile(EXAMPLE)
    fold = fold_of(acknowledged(EMPTY, profile.text[0].digest))
    for part in ("title", "body"):
        text = profile.text[0].model_copy(update={part: "Another."})
        changed = profile.model_copy(update={"text": (text,)})
        assert fold.missing(changed, "p.analyst", TODAY) == (
            "p.analyst has not acknowledged confidentiality of profile CN as it stands now",
        )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            acknowledged(EMPTY, DIGEST, signer="bureau"),
            "expected the signature of p.analyst and no",
        ),
        (
            acknowledged(EMPTY, DIGEST).sign("bureau", KEYS["bureau"]),
            "and no other, got bureau, p.analyst",
        ),
        (acknowledged(EMPTY, "short"), "text: string should match pattern"),
        (acknowledged(EMPTY, DIGEST, kind="other"), "expected a statement of kind acknowledged"),
        (acknowledged(EMPTY, DIGEST, day="2026-3-2"), "day: expected a day as YYYY-MM-DD"),
        (acknowledged("2" * 64, DIGEST), "expected a statement after 0000000000000000"),
        (
            Statement(
                "acknowledged",
                acknowledged(EMPTY, "2" * 64).text,
                acknowledged(EMPTY, DIGEST).signatures,
            ),
            "expected a signature by the key of p.analyst, got another",
        ),
    ],
)
def test_an_acknowledgement_that_is_not_the_users_own_is_not_kept(
    tmp_path: Path, statement: Statement, message: str
) -> None:
    path = tmp_path / "acknowledged.jsonl"
    with pytest.raises(UsageError, match=message):
        acknowledge(path, statement, EVERYBODY, day=TODAY)
    assert Journal.load(path, EVERYBODY).statements == ()


def test_nobody_acknowledges_for_another_day_than_today(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.jsonl"
    for day in ("2026-03-01", "2036-03-02"):
        with pytest.raises(UsageError, match="expected the day 2026-03-02, got another"):
            acknowledge(path, acknowledged(EMPTY, DIGEST, day=day), EVERYBODY, day=TODAY)


def test_days_do_not_go_back_in_the_journal() -> None:
    with pytest.raises(UsageError, match="expected a day from 2026-03-02 on, got 2026-03-01"):
        fold_of(acknowledged(EMPTY, DIGEST), acknowledged(EMPTY, DIGEST, day="2026-03-01"))


def test_who_is_no_principal_on_the_day_acknowledges_nothing() -> None:
    gone = Principals([principal("p.analyst", until="2026-03-01")])
    with pytest.raises(UsageError, match="expected a principal that may act on 2026-03-02"):
        Acknowledgements(gone).add(acknowledged(EMPTY, DIGEST))


def test_a_changed_line_of_the_journal_is_found(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged.jsonl"
    acknowledge(path, acknowledged(EMPTY, DIGEST), EVERYBODY, day=TODAY)
    line: dict[str, Any] = json.loads(path.read_text())
    line["body"]["user"] = "h1.doctor"
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(
        UsageError,
        match=r"acknowledged\.jsonl: statement 1: .* by the key of p\.analyst, got another",
    ):
        Acknowledgements.load(path, EVERYBODY)
