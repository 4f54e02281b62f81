"""`mpcstats ledger` on the files of a run: what it prints, and what a checkpoint that was kept shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.governance.audited import PARTIES, Audited

from mpcstats.cli.app import app
from mpcstats.errors import UsageError

CONSORTIUM = Path(__file__).parents[2] / "examples" / "governance" / "receipt_consortium.toml"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Audited]:
    made = Audited(tmp_path)
    made.receipt()
    yield made
    made.close()


def ledger(world: Audited, command: str, party: str, *more: object) -> int:
    options = ("--consortium", CONSORTIUM, "--party", party, "--ledger", world.path(party))
    code = app(["ledger", command, *map(str, (*options, *more))], standalone_mode=False)
    return int(code or 0)


def test_show_prints_every_entry(world: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger(world, "show", "hospital", "--json") == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown == [e.to_json() for e in world.ledgers["hospital"].entries()]
    assert ledger(world, "show", "hospital") == 0
    table = capsys.readouterr().out
    assert all(entry["time"] in table and entry["kind"] in table for entry in shown)
    assert world.plan in table


def test_verify_prints_json_for_programs(
    world: Audited, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ledger(world, "verify", "bureau", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["entries"], report["fault"], report["cosigned"]) == (7, None, 5)
    world.path("bureau").replace(world.path("hospital"))  # whose key it was not written with
    assert ledger(world, "verify", "hospital", "--json") == 1
    assert json.loads(capsys.readouterr().out)["fault"] is not None


@pytest.mark.parametrize("party", PARTIES)
def test_a_whole_ledger_is_cosigned_up_to_the_run(
    world: Audited, capsys: pytest.CaptureFixture[str], party: str
) -> None:
    assert ledger(world, "verify", party) == 0
    said = capsys.readouterr().out
    assert f"7 entries of {party}, whole; root {world.ledgers[party].root.hex()}" in said
    assert "cosigned by others: the first 5" in said


def test_what_another_party_keeps_finds_a_rollback(
    world: Audited, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ledger(world, "checkpoint", "hospital", "--of", "bureau") == 0
    note = tmp_path / "note"
    note.write_text(capsys.readouterr().out, "utf-8")
    assert note.read_text("utf-8").startswith("mpcstats/bureau\n5\n")
    assert ledger(world, "verify", "bureau", "--checkpoint", note) == 0
    (tmp_path / "new").mkdir()
    empty = Audited(tmp_path / "new")
    assert ledger(empty, "verify", "bureau") == 0
    capsys.readouterr()
    assert ledger(empty, "verify", "bureau", "--checkpoint", note) == 1
    assert "entry 0: expected 5 entries as a kept checkpoint says, got 0" in capsys.readouterr().out
    empty.close()


def test_a_file_that_is_no_checkpoint_is_refused(world: Audited, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none: expected a checkpoint, got: No such file"):
        ledger(world, "verify", "bureau", "--checkpoint", tmp_path / "none")
    for content, said in ((b"\xff", "expected a checkpoint in UTF-8"), (b"x", "expected a signed")):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(UsageError, match=said):
            ledger(world, "verify", "bureau", "--checkpoint", tmp_path / "bad")
    with pytest.raises(UsageError, match=r"expected a checkpoint of nobody, got none$"):
        ledger(world, "checkpoint", "bureau", "--of", "nobody")
