"""A consortium's tables many times over: every count grows with the copies, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.joint import Joint, oracle

from mpcstats.errors import UsageError
from mpcstats.party.data.source import file_of
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.sandbox.copies import copied
from mpcstats.records.catalogue import Catalogue

CATALOGUE = """
version = 1
[[dataset]]
name = "a.people"
owner = "a"
rows = 3
[dataset.columns]
id = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true }
sex = { type = "text", level = "LOW", domain = ["F", "M"] }
[[dataset]]
name = "b.bills"
owner = "b"
rows = 4
[dataset.columns]
id = { type = "text", level = "LOW", person = true, key = "trim-upper", distinct = 3 }
diag = { type = "text", level = "LOW", special = [["B20", "B25"]] }
fee = { type = "integer", level = "LOW", minimum = 0, maximum = 90 }
[[dataset]]
name = "public.towns"
owner = "a"
rows = 2
domain = "public"
[dataset.columns]
town = { type = "text", level = "NONE" }
"""
LOCAL = """
name = "two"
catalogue = "catalogue.toml"
policy = "policy.toml"
compute = ["a", "b", "c"]
[data.a]
"a.people" = "people.csv"
"public.towns" = "towns.csv"
[data.b]
"b.bills" = "bills.csv"
"""
TEXTS = (
    "SELECT sex, COUNT(*), SUM(c.fee) FROM a.people e JOIN b.bills c USING (id) GROUP BY 1 ORDER BY 1",
    "SELECT diag, COUNT(*), COUNT(id), COUNT(DISTINCT id) FROM b.bills GROUP BY 1 ORDER BY 1",
)


@pytest.fixture
def config(tmp_path: Path) -> LocalFile:
    for name, text in {
        "catalogue.toml": CATALOGUE,
        "local.toml": LOCAL,
        "people.csv": "id,sex\nx,F\ny,M\nz,\n",
        "bills.csv": "id,diag,fee\n X,E10,7\nx,E10,1\ny,B20,\n,E11,9\n",
        "towns.csv": "town\nu\nv\n",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    return LocalFile.load(tmp_path)


def joint(config: LocalFile) -> Joint:
    files = {n: file_of(n, where) for own in config.data.values() for n, where in own.items()}
    return Joint(Catalogue.load(config.catalogue), files, config.compute, "a")


def test_counts_and_sums_grow_with_the_copies(config: LocalFile, tmp_path: Path) -> None:
    large = copied(config, tmp_path / "large", 3)
    assert replace(large, catalogue=config.catalogue, data=config.data) == config
    with joint(config).together() as one, joint(large).together() as three:
        for text in TEXTS:
            expected = [
                (label, *(None if n is None else 3 * n for n in counts))
                for label, *counts in oracle(one, text)[1]
            ]
            assert oracle(three, text)[1] == expected
        towns = "SELECT * FROM public.towns ORDER BY 1"
        assert oracle(three, towns) == oracle(one, towns)


def test_bounds_grow_with_the_copies_and_hold(config: LocalFile, tmp_path: Path) -> None:
    large = joint(copied(config, tmp_path / "large", 3))
    assert {d.name: d.rows for d in large.catalogue.datasets} == {
        "a.people": 9,
        "b.bills": 12,
        "public.towns": 2,
    }
    assert large.catalogue.dataset("b.bills").columns["id"].distinct == 9
    # A run holds the files to their bounds.
    text = (
        "SELECT COUNT(*) AS n FROM a.people e JOIN (SELECT DISTINCT id FROM b.bills) c USING (id)"
    )
    assert large.ask(text).rows == ((6,),)


def test_no_copy_is_refused(config: LocalFile, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one copy or more, got 0"):
        copied(config, tmp_path / "large", 0)
