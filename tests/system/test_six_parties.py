"""Six parties in six processes over TLS, on the domain pack's data: what they answer is what its oracle says."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.records.ledger import entries, verify

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demos" / "six_parties"
DOMAIN = ROOT.parent / "shared" / "domain"
PARTIES = ("bureau", "h1", "h2", "h3", "p", "q")
IN_Q04 = ("bureau", "h1", "h2", "h3", "p")  # q has no cases, and does not compute
BANDS = ("00-39", "40-59", "60-74", "75+")
K = 11
# Persons from elsewhere born in 1970 or later: four cells are empty, one is small.
FEW = "WHERE e.insuplc = '880100' AND e.brdy > 0 AND e.enr_beg<=20088"

pytestmark = pytest.mark.skipif(
    not (DOMAIN / "oracle.py").is_file(),
    reason=f"the domain pack is not there: no {DOMAIN / 'oracle.py'}",
)

Row = tuple[Any, ...]
Run = subprocess.CompletedProcess[str]
Cli = Callable[..., Run]
Plain = Callable[[str], tuple[list[str], list[Row]]]


@dataclass(frozen=True)
class Kept:
    """A finished run and the folder that it has kept."""

    folder: Path
    said: dict[str, Any]

    @property
    def rows(self) -> list[Row]:
        return [tuple(row) for row in self.said["rows"]]

    def ledger(self, party: str) -> Path:
        return self.folder / "ledgers" / f"{party}.sqlite"


@pytest.fixture(scope="module")
def plain() -> Iterator[Plain]:
    """The oracle: columns and rows that DuckDB says over all parties' tables together."""
    connection = runpy.run_path(str(DOMAIN / "oracle.py"))["load"]()  # writes no bytecode beside it

    def say(text: str) -> tuple[list[str], list[Row]]:
        cursor = connection.execute(text)
        return [column[0] for column in cursor.description], cursor.fetchall()

    yield say
    connection.close()


def question(name: str) -> str:
    return (DEMO / "questions" / f"{name}.sql").read_text("utf-8")


def few() -> str:
    text = question("Q04")
    old = "WHERE e.enr_beg<=20088"
    assert old in text
    return text.replace(old, FEW)


def altered(folder: Path, changes: dict[str, str]) -> Path:
    """A copy of the demo whose policy has each key of `changes` replaced."""
    copy = folder / "demo"
    shutil.copytree(DEMO, copy)
    policy = (copy / "policy.toml").read_text("utf-8")
    for old, new in changes.items():
        assert old in policy
        policy = policy.replace(old, new)
    (copy / "policy.toml").write_text(policy, "utf-8")
    return copy


def run(mpcstats: Cli, keep: Path, text: str, *more: str, demo: Path = DEMO) -> Kept:
    path = keep.parent / "question.sql"
    path.write_text(text, "utf-8")
    done = mpcstats(
        *("run", "--local", demo, "--data", DOMAIN / "data", "--question", path),
        *("--json", "--keep", keep, *more),
    )
    assert done.returncode == 0, done.stderr
    return Kept(keep, json.loads(done.stdout))


def kinds(kept: Kept, party: str) -> list[str]:
    return [entry.kind for entry in entries(kept.ledger(party))]


def fault_in(kept: Kept, party: str, path: Path) -> str | None:
    key = Consortium.load(kept.folder / "consortium.toml").member(party).signing_key
    return verify(path, key, party=party).fault


def check_ledgers(mpcstats: Cli, kept: Kept) -> None:
    """Every ledger is whole and tells the whole run; a changed byte in one is found."""
    consortium = kept.folder / "consortium.toml"
    for party in PARTIES:
        assert fault_in(kept, party, kept.ledger(party)) is None
        assert kept.ledger(party).stat().st_mode & 0o777 == 0o600
        told = kinds(kept, party)
        if party in IN_Q04:
            assert told[:3] == ["request", "decision", "start"], party
            # What it has cosigned of the others comes after its own part.
            assert [kind for kind in told if kind != "cosigned"][-1] == "finish"
        else:
            assert told == []
    whole = mpcstats("ledger", "verify", "--consortium", consortium, "--party", "bureau")
    assert whole.returncode == 0
    assert f"{len(kinds(kept, 'bureau'))} entries of bureau, whole; root " in whole.stdout

    changed = kept.folder / "changed.sqlite"
    content = kept.ledger("h2").read_bytes()
    at = content.index(b'"purpose":"joint statistics') + len('"purpose":"')
    changed.write_bytes(content[:at] + b"J" + content[at + 1 :])
    found = mpcstats(
        *("ledger", "verify", "--consortium", consortium, "--party", "h2", "--ledger", changed)
    )
    assert found.returncode == 1
    assert f"{changed}: entry 0: " in found.stdout


def test_q04_is_the_oracles_answer_and_every_ledger_is_whole(
    mpcstats: Cli, plain: Plain, run_folder: Path
) -> None:
    kept = run(mpcstats, run_folder, question("Q04"))
    columns, rows = plain(question("Q04"))
    assert kept.said["columns"] == columns
    assert kept.rows == rows
    assert min(row[-1] for row in rows) >= K  # all cells are shown, or this test says nothing
    assert kept.said["states"] == [["value"] * 3] * len(rows)
    assert set(kept.said["spent"]) == set(IN_Q04)
    check_ledgers(mpcstats, kept)
    for log in kept.folder.glob("*.log"):
        assert "listens at" in log.read_text("utf-8")
        assert "rror" not in log.read_text(
            "utf-8"
        )  # neither a fault nor the end of a process in trouble


def test_a_question_over_all_six_is_the_oracles_answer(
    mpcstats: Cli, plain: Plain, run_folder: Path
) -> None:
    text = question("diabetes_city_policy")
    kept = run(mpcstats, run_folder, text)
    columns, rows = plain(text)
    assert (kept.said["columns"], kept.rows) == (columns, rows)
    assert all(isinstance(cell, int) for row in kept.rows for cell in row)
    assert set(kept.said["spent"]) == set(PARTIES)
    # The negative control: of a year that is a day shorter, the oracle says something else.
    assert kept.rows != plain(text.replace("AND 20088", "AND 20087"))[1]


def test_with_a_minimum_of_one_person_every_cell_is_shown_and_empty_ones_are_left_out(
    mpcstats: Cli, plain: Plain, tmp_path: Path, run_folder: Path
) -> None:
    demo = altered(tmp_path, {"minimum_persons = 11": "minimum_persons = 1"})
    kept = run(mpcstats, run_folder, few(), demo=demo)
    columns, rows = plain(few())
    assert (kept.said["columns"], kept.rows) == (columns, rows)
    assert len(rows) < 2 * len(BANDS)  # some cells are empty
    assert 0 < min(row[-1] for row in rows) < K  # and some are small


def test_small_cells_are_suppressed_for_a_recipient_that_did_not_ask(
    mpcstats: Cli, plain: Plain, tmp_path: Path, run_folder: Path
) -> None:
    demo = altered(tmp_path, {'recipients = ["bureau"]': 'recipients = ["bureau", "h1"]'})
    kept = run(mpcstats, run_folder, few(), "--to", "h1", demo=demo)
    assert not {"columns", "rows", "states"} & set(kept.said)  # the bureau asked and learns nothing

    answers = list(kept.folder.rglob("answers/*"))
    assert answers == [kept.folder / "ledgers" / "answers" / f"{kept.said['run']}-h1.json"]
    assert answers[0].parent.stat().st_mode & 0o777 == 0o700
    found = json.loads(answers[0].read_text("utf-8"))
    assert found["question"]["recipients"] == ["h1"]
    columns, rows = plain(few())
    assert found["columns"] == columns
    counts = {row[:2]: row[2] for row in rows}
    for row, states in zip(found["rows"], found["states"], strict=True):
        shown = counts.pop(tuple(row[:2]), 0)
        if shown >= K:
            assert (row[2], states) == (shown, ["value"] * 3)
        else:
            assert (row[2], states) == (None, ["value", "value", "suppressed"])
    assert counts == {}
    assert [tuple(row[:2]) for row in found["rows"]] == [(i, b) for i in (310, 390) for b in BANDS]
    assert sum(row[2] is not None for row in found["rows"]) > 0
    assert f"ledgers/answers/{answers[0].name}" in (kept.folder / "h1.log").read_text("utf-8")


def test_a_folder_in_use_is_not_kept_in(mpcstats: Cli, run_folder: Path) -> None:
    run_folder.mkdir()
    (run_folder / "mine.txt").touch()
    done = mpcstats(
        *("run", "--local", DEMO, "--data", DOMAIN / "data", "--keep", run_folder),
        *("--question", DEMO / "questions" / "Q04.sql"),
    )
    assert done.returncode == 2
    assert "expected an empty folder" in " ".join(done.stderr.split())
    assert [path.name for path in run_folder.iterdir()] == ["mine.txt"]
    with pytest.raises(UsageError, match="expected a ledger, got no file"):
        entries(run_folder / "ledgers" / "bureau.sqlite")
