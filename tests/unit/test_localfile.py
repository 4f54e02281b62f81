"""local.toml: what a good file gives, where its paths lead, and how bad ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcstats.errors import UsageError
from mpcstats.party.files.config import SILENCE
from mpcstats.party.files.localfile import LocalFile

SHORT = """name = "demo"
catalogue = "catalogue.toml"
policy = "policy.toml"
compute = ["a", "b", "c"]
"""
GOOD = (
    SHORT
    + """initiator = "asker"
silence = 5
scenario = "supervision"
purpose = "a demo"
data_root = "rows"
[consent]
a = "desk/consent.toml"
[data.a]
"a.one" = "one.csv"
"a.two" = "two.csv"
[data.provider]
"provider.rows" = "p.csv"
"""
)


def load(folder: Path, text: str, data: Path | None = None) -> LocalFile:
    (folder / "local.toml").write_text(text, encoding="utf-8")
    return LocalFile.load(folder, data=data)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    assert (found.name, found.path) == ("demo", tmp_path / "local.toml")
    assert (found.catalogue, found.policy) == (
        tmp_path / "catalogue.toml",
        tmp_path / "policy.toml",
    )
    assert (found.compute, found.initiator, found.silence) == (("a", "b", "c"), "asker", 5.0)
    assert (found.scenario, found.purpose) == ("supervision", "a demo")
    assert found.parties == ("a", "b", "c", "asker", "provider")
    rows = tmp_path / "rows"
    assert found.data == {
        "a": {"a.one": rows / "one.csv", "a.two": rows / "two.csv"},
        "provider": {"provider.rows": rows / "p.csv"},
    }
    assert found.consent == {"a": tmp_path / "desk" / "consent.toml"}
    assert "one.csv" not in repr(found)


def test_a_file_that_comes_with_it_lies_beside_it(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    text = GOOD.replace('"one.csv"', '"./public/one.csv"')
    for data, root in ((None, tmp_path / "rows"), (elsewhere, elsewhere)):
        found = load(tmp_path, text, data)
        assert found.data["a"] == {
            "a.one": tmp_path / "public" / "one.csv",
            "a.two": root / "two.csv",
        }


def test_what_may_be_left_out(tmp_path: Path) -> None:
    found = load(tmp_path, SHORT)
    assert (found.initiator, found.silence, found.scenario, found.purpose) == (
        "a",
        SILENCE,
        None,
        None,
    )
    assert (found.data, found.parties) == ({}, ("a", "b", "c"))


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert LocalFile.load(path).path == path
    assert LocalFile.load(path).catalogue == tmp_path / "catalogue.toml"


def test_data_is_looked_for_below_the_named_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert load(tmp_path, GOOD, elsewhere).data["a"]["a.one"] == elsewhere / "one.csv"


def test_a_data_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, GOOD, tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: expected the folder of the data, got none"


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"local\.toml: expected a file to read, got: No such file"
    ):
        LocalFile.load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "demo"', "", "name: field required"),
        ('name = "demo"', 'name = ""', "name: expected text, got none"),
        (
            '["a", "b", "c"]',
            '["a", "b"]',
            "the file: expected 3 different compute parties for engine rep3, got a, b",
        ),
        (
            '["a", "b", "c"]',
            '["a", "b", "b"]',
            "the file: expected 3 different compute parties for engine rep3, got a, b, b",
        ),
        (
            '["a", "b", "c"]',
            '["a", "b", "C"]',
            "compute[3]: expected a party's name of at most 32 lower-case",
        ),
        ('["a", "b", "c"]', '"a"', "compute: input should be a valid list"),
        ('"asker"', '"the asker"', "initiator: expected a party's name of at most 32 lower-case"),
        ("silence = 5", "silence = 0", "silence: input should be greater than or equal to 1"),
        ("silence = 5", "quiet = 5", "quiet: extra inputs are not permitted"),
        ('scenario = "supervision"', 'scenario = " "', "scenario: expected text, got none"),
        (
            "[data.provider]",
            '[data."../x"]',
            "data.../x: expected a party's name of at most 32 lower-case",
        ),
        (
            '"a.one" =',
            "a.one =",
            'data.a: expected a file for each dataset; write "a.one" in quotes',
        ),
        ('"one.csv"', '""', "data.a.a.one: expected text, got none"),
        ("[data.a]", "[data", "expected TOML, got: "),
    ],
)
def test_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    if old not in GOOD:
        raise ValueError(f"{old!r} is not in the good file")
    with pytest.raises(UsageError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"{tmp_path / 'local.toml'}: {message}")
