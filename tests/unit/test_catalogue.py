"""The catalogue: what a good file gives, and which file and place each bad one is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcstats.errors import UsageError
from mpcstats.records.catalogue import Catalogue, Dataset
from mpcstats.records.levels import Level

GOOD = """version = 1

[[dataset]]
name = "bureau.enrolment"
owner = "bureau"
rows = 100
contributor = "office"
[dataset.columns.person]
type = "text"
level = "HIGH"
key = "resident-id"
distinct = 100
unique = true
nullable = false
[dataset.columns.office]
type = "text"
level = "NONE"
domain = ["north", "south"]
[dataset.columns.fen]
type = "integer"
level = "MODERATE"
minimum = -5
maximum = 500
unit = "fen"
[dataset.columns.diagnosis]
type = "text"
level = "LOW"
special = [["B20", "B25"], ["F00", "G00"]]
"""
SECOND = """
[[dataset]]
name = "insurer.policies"
owner = "insurer"
rows = 7
[dataset.columns.person]
type = "text"
level = "LOW"
"""
THIRD = SECOND.replace("insurer", "other")
UNION = '\n[[union]]\nname = "all.policies"\nof = ["insurer.policies", "other.policies"]\n'
COLUMN = "dataset bureau.enrolment, columns"


def load(folder: Path, text: str | bytes) -> Catalogue:
    path = folder / "catalogue.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Catalogue.load(path)


def changed(old: str, new: str) -> str:
    if GOOD.count(old) < 1:
        raise ValueError(f"{old!r} is not in the good catalogue")
    return GOOD.replace(old, new, 1)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    catalogue = load(tmp_path, GOOD + SECOND + THIRD + UNION)
    assert catalogue.names == (
        "bureau.enrolment",
        "insurer.policies",
        "other.policies",
        "all.policies",
    )
    dataset = catalogue.dataset("bureau.enrolment")
    assert (dataset.owner, dataset.rows, dataset.contributor) == ("bureau", 100, "office")
    assert list(dataset.columns) == ["person", "office", "fen", "diagnosis"]
    person, fen = dataset.columns["person"], dataset.columns["fen"]
    assert (person.level, person.key, person.distinct, person.unique) == (
        Level.HIGH,
        "resident-id",
        100,
        True,
    )
    assert (person.nullable, fen.nullable) == (False, True)
    assert (fen.minimum, fen.maximum, fen.unit) == (-5, 500, "fen")
    assert dataset.columns["office"].domain == ("north", "south")
    assert dataset.columns["diagnosis"].special == (("B20", "B25"), ("F00", "G00"))


def test_unions_and_datasets_are_told_apart(tmp_path: Path) -> None:
    catalogue = load(tmp_path, GOOD + SECOND + THIRD + UNION)
    union = catalogue.union("all.policies")
    assert union is not None
    assert union.of == ("insurer.policies", "other.policies")
    assert union.party_column == "party"
    assert catalogue.union("insurer.policies") is None
    assert catalogue.has("insurer.policies")
    assert not catalogue.has("all.policies")


def test_an_unknown_dataset_is_refused_with_the_known_names(tmp_path: Path) -> None:
    catalogue = load(tmp_path, GOOD + SECOND)
    expected = r"^expected a dataset of bureau\.enrolment, insurer\.policies, got 'nobody\.none'$"
    with pytest.raises(UsageError, match=expected):
        catalogue.dataset("nobody.none")


def test_the_digest_is_of_content_not_of_order(tmp_path: Path) -> None:
    digest = load(tmp_path, GOOD + SECOND).digest()
    assert len(digest) == 64
    swapped = "version = 1\n" + SECOND + GOOD.removeprefix("version = 1\n") + "# a comment\n"
    assert load(tmp_path, swapped).digest() == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('level = "LOW"', 'level = "NONE"'),
        ("rows = 100", "rows = 101"),
        ("unique = true", "unique = false"),
        ("maximum = 500", "maximum = 501"),
        ('owner = "bureau"', 'owner = "office"'),
        ('["B20", "B25"], ', ""),
    ],
)
def test_the_digest_shows_every_change(tmp_path: Path, old: str, new: str) -> None:
    assert load(tmp_path, changed(old, new)).digest() != load(tmp_path, GOOD).digest()


def test_a_catalogue_cannot_be_changed(tmp_path: Path) -> None:
    dataset = load(tmp_path, GOOD).dataset("bureau.enrolment")
    with pytest.raises(ValueError, match="frozen"):
        dataset.rows = 3  # type: ignore[misc]


BAD = [
    ("version = 1", "", "version: field required"),
    ("version = 1", "version = 2", "version: input should be 1"),
    ("version = 1", "version = 1\nextra = 1", "extra: extra inputs are not permitted"),
    ("rows = 100", "", "dataset bureau.enrolment, rows: field required"),
    (
        "rows = 100",
        "rows = 0",
        "dataset bureau.enrolment, rows: input should be greater than or equal to 1",
    ),
    (
        "rows = 100",
        "rows = 1099511627777",
        "rows: input should be less than or equal to 1099511627776",
    ),
    ("rows = 100", "rows = 99", "column person: expected distinct <= rows = 99, got 100"),
    (
        'owner = "bureau"',
        'owner = ""',
        "dataset bureau.enrolment, owner: string should have at least 1",
    ),
    ('"bureau.enrolment"', '"enrolment"', "dataset enrolment, name: string should match pattern"),
    ('"bureau.enrolment"', '"bureau.enrolment\\n"', "name: string should match pattern"),
    ('"bureau.enrolment"', "3", "dataset 1, name: input should be a valid string"),
    (
        'contributor = "office"',
        'contributor = "x"',
        "expected the contributor to be a column, got 'x'",
    ),
    (
        'level = "HIGH"',
        'level = "high"',
        f"{COLUMN}, person, level: expected a level of NONE,",
    ),
    (
        'level = "HIGH"',
        "level = 3",
        "person, level: expected a level of NONE, LOW, MODERATE, HIGH",
    ),
    ('level = "HIGH"', "", f"{COLUMN}, person, level: field required"),
    (
        'type = "text"',
        'type = "date"',
        f"{COLUMN}, person, type: input should be 'text' or 'integer'",
    ),
    (
        '"resident-id"',
        '"phone"',
        "person, key: input should be 'trim-upper', 'resident-id' or 'exact'",
    ),
    (
        "distinct = 100",
        "distinct = 0",
        "person, distinct: input should be greater than or equal to 1",
    ),
    (
        "distinct = 100",
        "most = 0",
        "person, most: input should be greater than or equal to 1",
    ),
    ("distinct = 100", "most = 2", "expected most on a column that is not unique, got both"),
    (
        "distinct = 100\nunique = true",
        "most = 101",
        "column person: expected most <= rows = 100, got 101",
    ),
    ('unit = "fen"', 'units = "fen"', f"{COLUMN}, fen, units: extra inputs are not permitted"),
    (
        "minimum = -5",
        "",
        "fen: expected minimum and maximum together, got one of them",
    ),
    (
        "minimum = -5",
        "minimum = 501",
        "fen: expected minimum <= maximum, got 501 > 500",
    ),
    (
        "maximum = 500",
        "maximum = 4611686018427387905",
        "fen, maximum: input should be less than or equal to",
    ),
    (
        'type = "integer"',
        'type = "text"',
        "expected bounds on an integer column only, got them on text",
    ),
    (
        '["north", "south"]',
        "[]",
        "office: expected a domain of one or more different labels",
    ),
    ('["north", "south"]', '["a", "a"]', "expected a domain of one or more different labels"),
    ('["north", "south"]', '["a", 1]', "office: expected a domain of text labels"),
    ('unit = "fen"', 'domain = ["a"]', "fen: expected a domain of integer labels"),
    (
        'unit = "fen"',
        "domain = [1, 501]",
        "fen: expected a domain within the bounds, got 501",
    ),
    (
        '["F00", "G00"]',
        '["G00", "F00"]',
        "expected special ranges [from, to) of text codes, got 'G00' to 'F00'",
    ),
    ('["F00", "G00"]', '["F00"]', "special, 1, 1: field required"),
    (
        'unit = "fen"',
        'special = [["1", "2"]]',
        "expected special ranges [from, to) of text codes, got '1'",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD)
def test_a_bad_entry_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, changed(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'catalogue.toml'}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = ", "catalogue.toml: expected TOML, got: Invalid value"),
        (b"\xff", "catalogue.toml: expected text in UTF-8, got something else"),
        ("version = 1\ndataset = 3", "dataset: input should be a valid tuple"),
        (
            "version = 1\ndataset = [3]",
            "dataset 1: input should be a valid dictionary or instance of Dataset",
        ),
        (
            GOOD + SECOND + SECOND,
            "insurer.policies: expected one entry, got 2 (a conflict to be settled)",
        ),
        (GOOD + UNION, "union all.policies: expected datasets, got 'insurer.policies'"),
        (GOOD + SECOND + THIRD + UNION + UNION, "all.policies: expected one entry, got 2"),
        (
            GOOD + '[[union]]\nname = "all.x"\nof = []',
            "union all.x, of: tuple should have at least 1 item",
        ),
        (
            GOOD + SECOND + UNION.replace("other.policies", "bureau.enrolment"),
            "union all.policies: expected bureau.enrolment to have the columns of insurer.policies",
        ),
        (
            SECOND + THIRD.replace('"text"', '"integer"') + UNION,
            "union all.policies: expected other.policies to have the columns of insurer.policies",
        ),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    if isinstance(text, str) and not text.startswith("version"):
        text = "version = 1\n" + text
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: expected a file to read, got: No such file"):
        Catalogue.load(tmp_path / "none.toml")


def test_two_entries_of_one_name_are_refused_without_a_file() -> None:
    dataset = Dataset(name="a.b", owner="a", rows=1, columns={})
    with pytest.raises(
        UsageError, match=r"^a\.b: expected one entry, got 2 \(a conflict to be settled\)$"
    ):
        Catalogue((dataset, dataset))


OTHER_UNION = GOOD + SECOND + THIRD + UNION
MEMBERS = "union all.policies: expected "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD + SECOND + UNION.replace("other.policies", "insurer.policies"),
            MEMBERS + "every dataset once, got one twice: its rows would count twice",
        ),
        (
            OTHER_UNION.replace('owner = "other"', 'owner = "insurer"'),
            MEMBERS + "datasets of different owners, got two of one",
        ),
        (
            OTHER_UNION + 'party_column = "person"\n',
            MEMBERS + "a party_column that no dataset has as a column, got 'person'",
        ),
        (
            GOOD + SECOND + 'key = "exact"\n' + THIRD + 'key = "trim-upper"\n' + UNION,
            MEMBERS + "other.policies to have the keys of insurer.policies, differs in person",
        ),
        (
            GOOD + SECOND + THIRD + 'key = "exact"\n' + UNION,
            MEMBERS + "other.policies to have the keys of insurer.policies, differs in person",
        ),
    ],
    ids=["twice", "owner", "party_column", "normalisation", "no key"],
)
def test_members_that_do_not_fit_a_union_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'catalogue.toml'}: {message}"


def test_members_of_one_form_are_taken(tmp_path: Path) -> None:
    key = 'key = "exact"\n'
    text = GOOD + SECOND + key + THIRD + key + UNION + 'party_column = "whose"\n'
    union = load(tmp_path, text).union("all.policies")
    assert union is not None
    assert union.party_column == "whose"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rows = 100", 'rows = "100"'),
        ("rows = 100", "rows = 100.0"),
        ("rows = 100", "rows = true"),
        ("distinct = 100", "distinct = true"),
        ("unique = true", 'unique = "yes"'),
        ("unique = true", "unique = 1"),
        ("version = 1", "version = true"),
        ("version = 1", "version = 1.0"),
        ('unit = "fen"', "domain = [true, 2]"),
        ('unit = "fen"', "domain = [1.0, 2]"),
        ("minimum = -5", "minimum = -5.0"),
        ('["B20", "B25"]', '["B20", 25]'),
    ],
)
def test_values_have_the_type_as_written(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(UsageError):
        load(tmp_path, changed(old, new))


def test_lists_and_whole_numbers_are_taken(tmp_path: Path) -> None:
    columns = (
        load(tmp_path, changed('unit = "fen"', "domain = [1, 2]"))
        .dataset("bureau.enrolment")
        .columns
    )
    assert columns["fen"].domain == (1, 2)


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    text = changed("rows = 100", "rows = 0").replace('"integer"', '"date"')
    with pytest.raises(
        UsageError,
        match=r"toml: dataset bureau\.enrolment, rows: .*; dataset bureau\.enrolment, columns, fen, type: ",
    ):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000, "expected TOML, got lists or tables nested too deep"),
        ("a = " + "{a = " * 5000, "expected TOML, got lists or tables nested too deep"),
        ("version = " + "1" * 5000, "expected TOML, got: "),
    ],
    ids=["lists", "tables", "digits"],
)
def test_a_file_that_python_cannot_take_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'catalogue.toml'}: {message}")
