"""Cards: the shipped ones are read whole, and each kind of bad card is refused with file and place."""

from __future__ import annotations

import hashlib
from dataclasses import FrozenInstanceError
from importlib.util import find_spec
from pathlib import Path

import pytest

from mpcstats.cards.card import Card, Opening
from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import UsageError

PROTOCOLS = Path(__file__).parents[2] / "protocols"
GOOD = """id = "sum"
version = 2
status = "experimental"
computes = "a sum"
code = "mpcstats.protocols.sum"
source = "a paper"
deviates = "none"

[parties]
engines = ["rep3", "clear"]
count = 3
corruptions = 1
adversary = "semi-honest"
on_cheating = "undetected"
assumes = ["channels"]
helper_must_not_collude_with = ["left"]

[leakage]
sizes = ["size-bound"]
[[leakage.opened]]
id = "gated-cell"
to = "recipient"
what = "cells"

[cost]
kind = "exact"
rounds_kind = "bounded"
rounds = "1 + log2_ceil(rows)"
[cost.bytes]
left = "8 * rows"
[cost.sizes]
rows = "rows"

[limits]
range = "small"
k = 3
"""
VOCABULARY = 'size-bound = "Sizes."\ngated-cell = "Cells."\n'

SETTING = """
[engines.shamir]
least = 3
most = 15
corruptions = "threshold"
adversary = "semi-honest"
on_cheating = "undetected"
assumes = ["channels"]
[engines.shamir.cost]
kind = "exact"
rounds_kind = "exact"
rounds = "2"
[engines.shamir.cost.bytes]
compute = "8 * rows * (parties - threshold)"
[engines.shamir.cost.sizes]
rows = "rows"
"""
ANY = GOOD.replace('"clear"]', '"clear", "shamir"]') + SETTING


def load(folder: Path, text: str | bytes, vocabulary: str | bytes = VOCABULARY) -> Cards:
    (folder / "sum").mkdir()
    for path, content in (
        (folder / "sum" / "card.toml", text),
        (folder / "leakage.toml", vocabulary),
    ):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_cards(folder)


def changed(old: str, new: str) -> str:
    if old not in GOOD:
        raise ValueError(f"{old!r} is not in the good card")
    return GOOD.replace(old, new, 1)


def test_a_good_card_is_read_whole(tmp_path: Path) -> None:
    card = load(tmp_path, GOOD)["sum"]
    assert (card.id, card.version, card.status, card.computes) == (
        "sum",
        2,
        "experimental",
        "a sum",
    )
    assert (card.code, card.source, card.deviates) == ("mpcstats.protocols.sum", "a paper", "none")
    assert (card.parties.engines, card.parties.count, card.parties.corruptions) == (
        ("rep3", "clear"),
        3,
        1,
    )
    assert (card.parties.adversary, card.parties.on_cheating) == ("semi-honest", "undetected")
    assert (card.parties.assumes, card.parties.helper_must_not_collude_with) == (
        ("channels",),
        ("left",),
    )
    assert card.leakage.sizes == ("size-bound",)
    assert card.leakage.opened == (Opening("gated-cell", "recipient", "cells"),)
    assert card.leakage.ids == {"size-bound", "gated-cell"}
    assert (card.cost.kind, card.cost.rounds_kind) == ("exact", "bounded")
    assert card.cost.rounds.evaluate({"rows": 9}) == 5
    assert card.cost.bytes["left"].evaluate({"rows": 9}) == 72
    assert card.cost.sizes == {"rows": "rows"}
    assert card.limits == {"range": "small", "k": 3}
    assert card.digest == hashlib.sha256(GOOD.encode()).hexdigest()


def test_a_card_cannot_be_changed(tmp_path: Path) -> None:
    card: Card = load(tmp_path, GOOD)["sum"]
    with pytest.raises(FrozenInstanceError):
        card.version = 3  # type: ignore[misc]


def test_cards_are_a_mapping_with_versions(tmp_path: Path) -> None:
    cards = load(tmp_path, GOOD)
    assert (list(cards), len(cards), "sum" in cards, "gate" in cards) == (["sum"], 1, True, False)
    assert cards.versions == {"sum": f"2 {cards['sum'].digest}"}
    assert cards.leakage == {"size-bound": "Sizes.", "gated-cell": "Cells."}
    with pytest.raises(UsageError, match=r"^expected a card of sum, got 'gate'$"):
        cards["gate"]


def test_the_shipped_cards_are_those_of_the_checkout() -> None:
    cards = load_cards()
    assert set(cards) == {path.parent.name for path in PROTOCOLS.glob("*/card.toml")}
    assert cards.versions == load_cards(PROTOCOLS).versions
    assert {i for card in cards.values() for i in card.leakage.ids} <= set(cards.leakage)


@pytest.mark.parametrize("card", load_cards().values(), ids=lambda card: card.id)
def test_a_shipped_card_is_true_to_its_place(card: Card) -> None:
    # What an engine itself offers, and no protocol is made of, is code of the engine.
    assert card.code in (f"mpcstats.protocols.{card.id}", f"mpcstats.engines.rep3.{card.id}")
    assert find_spec(card.code) is not None
    assert (PROTOCOLS / card.id / "spec.md").is_file()
    assert card.parties.corruptions < card.parties.count


BAD = [
    ('id = "sum"\n', "", "id: field required"),
    ('id = "sum"', "id = 3", "id: input should be a valid string"),
    ("version = 2", "version = 0", "version: input should be greater than or equal to 1"),
    ("version = 2", "version = true", "version: input should be a valid integer"),
    ("version = 2", 'version = "2"', "version: input should be a valid integer"),
    ('"experimental"', '"fine"', "status: input should be 'stable', 'experimental' or 'withdrawn'"),
    ('computes = "a sum"', 'computes = " "', "computes: expected text, got none"),
    (
        "corruptions = 1",
        "corruptions = 3",
        "parties: expected fewer corruptions than parties, got 3 of 3",
    ),
    ('"8 * rows"', "8", "cost.bytes.left: expected a formula as text"),
    ('computes = "a sum"', 'computes = ""', "computes: string should have at least 1 character"),
    ('deviates = "none"', 'deviates = "none"\nmore = 1', "more: extra inputs are not permitted"),
    ("[parties]", "[people]", "parties: field required"),
    ("count = 3", "count = 3.0", "parties.count: input should be a valid integer"),
    ("count = 3", "count = 0", "parties.count: input should be greater than or equal to 1"),
    (
        "corruptions = 1",
        "corruptions = -1",
        "parties.corruptions: input should be greater than or equal to 0",
    ),
    (
        '"semi-honest"',
        '"honest"',
        "parties.adversary: input should be 'semi-honest' or 'malicious'",
    ),
    ('"undetected"', '"abort"', "parties.on_cheating: input should be 'detected' or 'undetected'"),
    (
        'assumes = ["channels"]',
        'assumes = [""]',
        "parties.assumes.0: string should have at least 1 character",
    ),
    ('["rep3", "clear"]', '"rep3"', "parties.engines: input should be a valid list"),
    ('to = "recipient"\n', "", "leakage.opened.0.to: field required"),
    ('kind = "exact"', 'kind = "about"', "cost.kind: input should be 'exact' or 'bounded'"),
    (
        '"8 * rows"',
        '"8 ** rows"',
        "cost.bytes.left: expected +, -, *, //, %, whole numbers, names,",
    ),
    ('"8 * rows"', '"8 *"', "cost.bytes.left: expected a formula, got '8 *'"),
    ("k = 3", "k = 3.5", "limits.k.str: input should be a valid string"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_card_that_breaks_the_schema_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, changed(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'sum' / 'card.toml'}, {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed('id = "sum"', 'id = "gate"'), ": expected id 'sum', got 'gate'"),
        (
            changed('["size-bound"]', '["size-bound", "x", "b"]'),
            ": expected leakage ids of leakage.toml, got b, x",
        ),
        (changed('"gated-cell"', '"cell"'), ": expected leakage ids of leakage.toml, got cell"),
        (
            changed('"8 * rows"', '"8 * lines"'),
            ", cost.sizes: expected the variables of the formulas, differs in lines",
        ),
        (
            changed('rows = "rows"', 'rows = "rows"\ncells = "cells"'),
            ", cost.sizes: expected the variables of the formulas, differs in cells",
        ),
        (GOOD + "[", ": expected a card in TOML, got: Invalid initial character"),
        (b"\xff", ": expected a card in TOML, got: 'utf-8' codec can't decode"),
    ],
)
def test_a_card_at_odds_with_itself_is_refused(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'sum' / 'card.toml'}{message}")


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("a = 1", r"leakage\.toml, a: expected one sentence, got int$"),
        ("a = ", r"leakage\.toml: expected the vocabulary of leakage, got: Invalid value"),
    ],
)
def test_a_bad_vocabulary_is_refused(tmp_path: Path, vocabulary: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(tmp_path, GOOD, vocabulary)


def test_a_missing_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match=r"leakage\.toml: expected the vocabulary of leakage to read, got: No such file",
    ):
        load_cards(tmp_path)


def test_a_card_may_withstand_all_but_one_party(tmp_path: Path) -> None:
    assert load(tmp_path, changed("corruptions = 1", "corruptions = 2"))["sum"].parties.count == 3


@pytest.mark.parametrize(
    ("text", "vocabulary", "message"),
    [
        (GOOD, b"\xff", "leakage.toml: expected the vocabulary of leakage, got: 'utf-8' codec"),
        (GOOD, "a = " + "[" * 5000, "leakage.toml: expected the vocabulary of leakage, got lists"),
        (
            "a = " + "[" * 5000,
            VOCABULARY,
            "card.toml: expected a card in TOML, got lists or tables",
        ),
        ("a = " + "1" * 5000, VOCABULARY, "card.toml: expected a card in TOML, got: Exceeds"),
    ],
    ids=["bytes", "deep vocabulary", "deep card", "digits"],
)
def test_a_file_that_python_cannot_take_is_refused(
    tmp_path: Path, text: str, vocabulary: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text, vocabulary)
    assert message in str(caught.value)


def test_a_card_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leakage.toml").touch()
    (tmp_path / "sum" / "card.toml").mkdir(parents=True)
    with pytest.raises(
        UsageError, match=r"card\.toml: expected a card to read, got: Is a directory$"
    ):
        load_cards(tmp_path)


def test_a_setting_says_what_differs_on_an_engine_of_any_number_of_parties(tmp_path: Path) -> None:
    card = load(tmp_path, ANY)["sum"]
    setting = card.settings["shamir"]
    assert (setting.least, setting.most, setting.corruptions.text) == (3, 15, "threshold")
    sizes = {"rows": 2, "parties": 5, "threshold": 2}
    assert card.cost_on("shamir").bytes["compute"].evaluate(sizes) == 48
    assert card.cost_on("rep3") is card.cost
    brief = ANY[: ANY.index("[engines.shamir.cost]")]
    (tmp_path / "brief").mkdir()
    without = load(tmp_path / "brief", brief)["sum"]
    assert without.cost_on("shamir").rounds.text == without.cost.rounds.text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"clear", "shamir"]', '"clear"]', "engines.shamir: expected an engine of parties.engines"),
        ("most = 15", "most = 2", "engines.shamir.most: expected at least 3, got 2"),
        (
            'corruptions = "threshold"',
            'corruptions = "rows"',
            "engines.shamir.corruptions: expected parties and threshold, got rows",
        ),
        (
            "8 * rows * (parties",
            "8 * cells * (parties",
            "engines.shamir.cost.sizes: expected the variables of the formulas, differs in cells, rows",
        ),
        ("least = 3", "least = 0", "engines.shamir.least: input should be greater"),
    ],
)
def test_a_bad_setting_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ANY
    with pytest.raises(UsageError, match=message):
        load(tmp_path, ANY.replace(old, new))
