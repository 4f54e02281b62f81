"""Attacks on what answers give away: each recovers a secret under an open policy, and fails under the default one.

Trackers, differencing by persons and in time, averaging over repeats and poisoned inputs have modules of their own
(test_trackers, test_averaging, test_poisoned_inputs); the linear reconstruction of a table is in test_reconstruction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gated import OPEN, cells, default_rules, hospitals, shown
from tests.joint import Joint

from mpcstats.policy.least import Least

DEFAULT = default_rules()
Rows = dict[str, list[tuple[Any, ...]]]
Attack = Callable[[Path, Least], int | None]
SECRET = 654_321


def crowd(name: str, persons: int, ward: int, fee: int, *, day: int = 1) -> list[tuple[Any, ...]]:
    return [(f"{name}{ward}-{day}-{i}", ward, day, fee) for i in range(persons)]


def number(joint: Joint, text: str, least: Least) -> int | None:
    """The only number of the answer, None where it is suppressed."""
    ((found,),) = cells(joint, text, least)
    return None if found is None else int(found)


def one_hospital_of_two(folder: Path, least: Least) -> int | None:
    """A sum over two hospitals less the attacker's own."""
    rows: Rows = {
        "h1": crowd("a", 20, 1, 500),
        "h2": [*crowd("b", 20, 1, 700)[:-1], ("b", 1, 1, SECRET - 19 * 700)],
        "h3": crowd("c", 20, 2, 900),
    }
    joint = hospitals(folder, rows)
    total = number(joint, "SELECT SUM(fee) AS fee FROM all_.cases WHERE ward = 1", least)
    return None if total is None else total - 20 * 500


def one_hospital_less(folder: Path, least: Least) -> int | None:
    """A sum over all hospitals less the sum over all but one."""
    rows: Rows = {
        "h1": crowd("a", 20, 1, 500),
        "h2": crowd("b", 20, 1, 600),
        "h3": [*crowd("c", 19, 1, 700), ("c", 1, 1, SECRET - 19 * 700)],
    }
    joint = hospitals(folder, rows)
    whole = number(joint, "SELECT SUM(fee) AS fee FROM all_.cases", least)
    less = number(joint, "SELECT SUM(fee) AS fee FROM all_.cases WHERE party <> 'h3'", least)
    return None if whole is None or less is None else whole - less


def a_giant(folder: Path, least: Least) -> int | None:
    """Dominance probing: the second largest of three estimates the largest to a few per cent."""
    rows: Rows = {
        "h1": crowd("a", 20, 1, SECRET // 20),
        "h2": crowd("b", 20, 1, 40),
        "h3": crowd("c", 20, 1, 30),
    }
    joint = hospitals(folder, rows)
    total = number(joint, "SELECT SUM(fee) AS fee FROM all_.cases", least)
    if total is None:
        return None
    estimate = total - 20 * 40
    # Within a tenth: as good as known.
    return SECRET if abs(estimate - SECRET) < SECRET // 10 else estimate


def repeated_rows(folder: Path, least: Least) -> int | None:
    """A hospital repeats one person's row until a cell of rows is large enough."""
    rows: Rows = {
        "h1": [("victim", 1, 1, SECRET)] * 30,
        "h2": crowd("b", 20, 2, 600),
        "h3": crowd("c", 20, 2, 600),
    }
    joint = hospitals(folder, rows)
    found = cells(
        joint, "SELECT ward, AVG(fee) AS fee FROM all_.cases GROUP BY ward ORDER BY ward", least
    )
    return None if found[0][1] is None else int(found[0][1])


def one_of_many(folder: Path, least: Least) -> int | None:
    """A condition that one person of a large cell meets: its amount stands for all."""
    rows: Rows = {
        "h1": [*crowd("a", 20, 1, 500), ("victim", 1, 7, SECRET)],
        "h2": crowd("b", 20, 1, 600),
        "h3": crowd("c", 20, 1, 700),
    }
    joint = hospitals(folder, rows)
    return number(
        joint, "SELECT SUM(CASE WHEN day = 7 THEN fee ELSE 0 END) AS fee FROM all_.cases", least
    )


def all_but_one(folder: Path, least: Least) -> int | None:
    """Who knows the whole reads the one that is missing off the rest: the complement."""
    rows: Rows = {
        "h1": [*crowd("a", 20, 1, 500), ("victim", 1, 7, 1)],
        "h2": crowd("b", 20, 1, 600),
        "h3": crowd("c", 20, 1, 700),
    }
    joint = hospitals(folder, rows)
    text = (
        "SELECT COUNT(*) AS n, SUM(CASE WHEN day <> 7 THEN 1 ELSE 0 END) AS others FROM all_.cases"
    )
    ((whole, others),) = cells(joint, text, least)
    return None if others is None or whole is None else SECRET * (whole - others)


def the_largest(folder: Path, least: Least) -> int | None:
    """An extreme is one person's value."""
    rows: Rows = {
        "h1": [*crowd("a", 20, 1, 500), ("victim", 1, 7, SECRET)],
        "h2": crowd("b", 20, 1, 600),
        "h3": crowd("c", 20, 1, 700),
    }
    return number(hospitals(folder, rows), "SELECT MAX(fee) AS fee FROM all_.cases", least)


def near_an_end(folder: Path, least: Least) -> int | None:
    """So is a quantile near the end of the order."""
    rows: Rows = {
        "h1": [*crowd("a", 20, 1, 500), ("victim", 1, 7, SECRET)],
        "h2": crowd("b", 20, 1, 600),
        "h3": crowd("c", 20, 1, 700),
    }
    text = "SELECT QUANTILE_DISC(fee, 0.99) AS fee FROM all_.cases"
    return number(hospitals(folder, rows), text, least)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        one_hospital_of_two,
        one_hospital_less,
        a_giant,
        repeated_rows,
        one_of_many,
        the_largest,
        near_an_end,
    )
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_recovers_the_secret_under_an_open_policy(name: str, tmp_path: Path) -> None:
    assert ATTACKS[name](tmp_path, OPEN) == SECRET


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_fails_under_the_default_policy(name: str, tmp_path: Path) -> None:
    assert ATTACKS[name](tmp_path, DEFAULT) is None


def test_a_complement_is_told_where_the_rule_does_not_ask_for_it(tmp_path: Path) -> None:
    """Supervision reconciles records, and sees the few that are missing; research and commerce do not."""
    assert all_but_one(tmp_path, OPEN) == SECRET
    for scenario in ("commercial", "research"):
        assert all_but_one(tmp_path, default_rules(scenario)) is None


def test_a_recipient_with_two_institutions_knows_both(tmp_path: Path) -> None:
    """Of three institutions two are the recipient's own: it knows the third one by the sum."""
    rows: Rows = {
        "h1": [*crowd("a", 20, 1, 500), *crowd("x", 20, 1, 510)],
        "h2": crowd("b", 20, 1, 600),
        "h3": crowd("c", 1, 2, 1),
    }
    folder = tmp_path
    joint = hospitals(folder, rows)
    # The second half of h1's rows is of another institution of its own.
    path = joint.files["h1.cases"]
    lines = path.read_text("utf-8").splitlines()
    path.write_text(
        "\n".join(line.replace(",H1,", ",H3,") if line[0] == "x" else line for line in lines)
        + "\n",
        "utf-8",
    )
    catalogue = folder / "catalogue.toml"
    text = catalogue.read_text("utf-8").replace('h1 = ["H1"]', 'h1 = ["H1", "H3"]')
    catalogue.write_text(text.replace('{ h3 = ["H3"] }', '{ h1 = ["H1", "H3"] }'), "utf-8")
    joint = Joint(type(joint.catalogue).load(catalogue), joint.files, ("x",), "h1", "clear")
    text = "SELECT SUM(fee) AS fee FROM all_.cases WHERE ward = 1"
    least = Least(5, contributors=3)
    found = shown(joint, text, least, ("h1", "h3"))
    own, other = found["h1"], found["h3"]
    assert own is not None
    assert other is not None
    assert own.rows == ((None,),)
    assert other.rows == ((20 * (500 + 510 + 600),),)


def innocent(seed: int) -> Rows:
    """Three hospitals with four wards of fifteen persons or more each, and fees of one order of magnitude."""
    draw = np.random.default_rng(seed)
    return {
        name: [
            (f"{name}-{ward}-{i}", ward, int(draw.integers(0, 99)), int(draw.integers(800, 1200)))
            for ward in (1, 2, 3, 4)
            for i in range(int(draw.integers(15, 25)))
        ]
        for name in ("h1", "h2", "h3")
    }


TABLES = (
    "SELECT ward, COUNT(*) AS n FROM all_.cases GROUP BY ward ORDER BY ward",
    "SELECT ward, SUM(fee) AS fee FROM all_.cases GROUP BY ward ORDER BY ward",
    "SELECT ward, COUNT(*) AS n, AVG(fee) AS fee FROM all_.cases GROUP BY ward ORDER BY ward",
    "SELECT COUNT(DISTINCT pid) AS n, SUM(fee) AS fee FROM all_.cases",
    "SELECT ward, SUM(CASE WHEN day < 95 THEN fee ELSE 0 END) AS fee FROM all_.cases GROUP BY ward ORDER BY ward",
)


@pytest.mark.parametrize(
    "seeds",
    [range(4), *(pytest.param(range(i, i + 9), marks=pytest.mark.long) for i in range(4, 40, 9))],
    ids=lambda seeds: f"{len(seeds) * len(TABLES)}-from-{seeds.start}",
)
def test_two_hundred_innocent_tables_pass_untouched(tmp_path: Path, seeds: range) -> None:
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        joint = hospitals(folder, innocent(seed))
        for text in TABLES:
            assert cells(joint, text, DEFAULT) == cells(joint, text, OPEN), (seed, text)
