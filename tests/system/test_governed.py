"""The governance demo: every scene is as it should be, its folder bears it out, and its checks can fail."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mpcstats.cli import demo
from mpcstats.cli.app import app
from mpcstats.errors import PolicyRefused
from mpcstats.party.desk.receipt import check_receipt
from mpcstats.party.desk.standing import violations
from mpcstats.party.sandbox.demo import agrees, plain_answer
from mpcstats.party.sandbox.governed import CONSENTED, FREE, PRICED, Governed
from mpcstats.party.sandbox.local import environment
from mpcstats.party.sandbox.scene import Scene
from mpcstats.party.sandbox.scenes import answered, scenes
from mpcstats.records.ledger import entries
from mpcstats.records.signed import Statement

PERSONS = 6000
PAGE = (Path(__file__).parents[2] / "docs" / "governance.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    with Governed(tmp_path_factory.mktemp("governed"), persons=PERSONS, seed=1) as made:
        yield made


@pytest.fixture(scope="module")
def played(town: Governed) -> Mapping[str, Scene]:
    """The scenes by title; they are played once."""
    return {scene.title: scene for scene in scenes(town)}


def kinds(town: Governed, party: str) -> list[str]:
    return [entry.kind for entry in entries(town.ledger(party))]


def test_every_scene_is_as_it_should_be(played: Mapping[str, Scene]) -> None:
    wrong = [(s.title, what) for s in played.values() for what, so in s.must.items() if not so]
    assert wrong == []
    assert len(played) == 13
    assert sum(len(scene.must) for scene in played.values()) >= 25


@pytest.mark.parametrize("so", [True, False])
def test_the_command_ends_as_the_scenes_do(so: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "Governed", lambda *_, **__: nullcontext())
    monkeypatch.setattr(demo, "scenes", lambda *_, **__: iter([Scene("a", must={"it is": so})]))
    result = CliRunner().invoke(app, ["demo", "governance"])
    assert result.exit_code == (0 if so else 1)
    assert ("yes: it is" if so else "NO: it is") in result.output


def test_without_papers_every_reason_is_given(played: Mapping[str, Scene]) -> None:
    said = "\n".join(played["the question without papers"].lines)
    for reason in (
        "expected an approval by an authoriser",
        "expected a question of a registered project",
        "a real-name user of bureau must ask",
    ):
        assert reason in said


def test_the_answer_is_without_the_rows_of_who_has_opted_out(
    town: Governed, played: Mapping[str, Scene]
) -> None:
    counted, every = town.plain(), plain_answer(town.text, town.config)
    assert counted != every  # else the comparison of the scene could not fail
    assert played["persons left out"].lines[0].startswith(f"insurer tells of {CONSENTED}: 49 ")


def test_ledgers_say_what_was_done(town: Governed, played: Mapping[str, Scene]) -> None:
    assert played
    bureau = kinds(town, "bureau")
    assert bureau.count("violation") == bureau.count("reinstatement") == 1
    assert bureau.count("finish") == 2
    assert bureau.index("violation") < bureau.index("reinstatement")
    for party in ("hospital", "insurer"):
        assert kinds(town, party).count("finish") == 2
    starts = [e.body["consents"] for e in entries(town.ledger("insurer")) if e.kind == "start"]
    assert all(starts)


def test_the_kept_receipt_holds_and_the_changed_one_does_not(
    town: Governed, played: Mapping[str, Scene]
) -> None:
    assert played
    whole, changed = (
        check_receipt(town.where / name, town.consortium, principals=town.offices.files.principals)
        for name in ("receipt.json", "receipt_changed.json")
    )
    assert all(finding.good for finding in whole)
    assert {f.party for f in changed if not f.good} == {"hospital"}
    # With the parties alone nobody knows who signed the approval.
    nobody = town.where / "nobody.toml"
    nobody.write_text("version = 1\n", encoding="utf-8")
    unknown = check_receipt(town.where / "receipt.json", town.consortium, principals=nobody)
    assert [f.check for f in unknown if not f.good] == ["approval"]
    # Another answer is none that was committed to.
    answer = json.loads((town.where / "answer.json").read_text("utf-8"))
    answer["rows"][0][1] += 1
    other = town.where / "answer_changed.json"
    other.write_text(json.dumps(answer), encoding="utf-8")
    found = check_receipt(
        town.where / "receipt.json",
        town.consortium,
        principals=town.offices.files.principals,
        answer=other,
    )
    assert [f.check for f in found if not f.good] == ["answer"]


def test_the_commands_of_the_page_look_at_what_is_kept(
    town: Governed,
    played: Mapping[str, Scene],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert played
    (tmp_path / "town").symlink_to(town.where)
    monkeypatch.chdir(tmp_path)
    day = town.offices.day
    good, bad = (
        [shlex.split(line.replace("TODAY", day).replace("MONTH", day[:7])) for line in block]
        for block in (
            re.findall(r"^\$ mpcstats (.*)", found, flags=re.MULTILINE)
            for found in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)[1:]
        )
    )
    assert (len(good), len(bad)) == (23, 2)
    for expected, commands in ((0, good), (1, bad)):
        for words in commands:
            result = CliRunner().invoke(app, words, catch_exceptions=False)
            assert result.exit_code == expected, (words, result.output)
            assert result.output, words


def test_the_cancelled_licence_alone_stops_the_question(
    town: Governed, played: Mapping[str, Scene]
) -> None:
    """With a new licence, and nothing else changed, the same question is answered again."""
    (title,) = (title for title in played if title.startswith("hospital cancels"))
    assert "hospital.cases (certno, diag_2, diag_3, diag_main)" in played[title].lines[0]
    question = town.question(FREE)
    papers = town.papers(question, "A-4")
    with pytest.raises(PolicyRefused, match=r"no USE 使用 of hospital\.cases"):
        town.ask(question, papers)
    terms = licensed(town)
    town.offices.enter(
        *("rights", "right-licence", "hospital"),
        number="L-AGAIN",
        under="R-3",
        right="USE",
        holder="bureau",
        terms=terms,
    )
    result = town.ask(question, papers)
    assert agrees(result, town.plain())
    # And the scene can fail: held against all rows, the same answer is not equal.
    assert not agrees(result, plain_answer(town.text, town.config))
    assert answered("again", town, result).passed


def test_papers_of_another_question_do_not_serve(
    town: Governed, played: Mapping[str, Scene]
) -> None:
    assert played
    refusal = town.refusal(town.question(PRICED), town.papers(town.question(FREE), "A-5"))
    assert refusal is not None
    assert any("it is for plan" in reason for reason in refusal.reasons)
    # Nor does an approval that the user signs for itself.
    question = town.question(PRICED)
    request, approval = town.papers(question, "A-6")
    own = town.offices.signed(Statement.of("approval", approval.body), "bureau.desk")
    refusal = town.refusal(question, (request, own))
    assert refusal is not None
    assert any("expected an authoriser" in reason for reason in refusal.reasons)


def test_the_script_of_the_page_asks_breaks_a_rule_and_is_forgiven(
    town: Governed,
    played: Mapping[str, Scene],
    tmp_path: Path,
    no_process_of: Callable[[Path], None],
) -> None:
    """As somebody would in a shell after the demo: every command a process of its own."""
    assert played
    plain = town.plain()
    town.__exit__(None, None, None)  # the ports are free, and the bureau's ledger is closed
    (tmp_path / "town").symlink_to(town.where)
    command = tmp_path / "mpcstats"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mpcstats.cli "$@"\n', "utf-8")
    command.chmod(0o755)
    (script,) = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    around = environment()
    done = subprocess.run(
        ["bash", "-u", "-c", script],
        cwd=tmp_path,
        env={**around, "PATH": f"{tmp_path}:{around['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout
    for kind, *numbers in plain:
        shown = r"\s+".join([str(kind), *(f"{number:,}" for number in numbers)])
        assert re.search(shown, said), done
    assert f"left out for want of consent: {len(town.opted_out)}" in said
    assert "(B-1) has been used up: 1 uses were approved\n" in done.stderr
    assert "recorded as a violation (over-budget)" in done.stderr
    assert "stands: it may not ask" in said
    assert re.search(r"^entry \d+ of bureau$", said, flags=re.MULTILINE)
    assert [line.forgiven for line in violations(town.consortium, "bureau")] == [True, True]
    no_process_of(town.where)


def licensed(town: Governed) -> dict[str, object]:
    """The terms of the licence that was cancelled."""
    path = town.offices.files.rights
    assert path is not None
    bodies = [json.loads(line)["body"] for line in path.read_text("utf-8").splitlines()]
    (found,) = (
        b["terms"] for b in bodies if b.get("number") == "L-HOSPITAL-CASES" and "terms" in b
    )
    return dict(found)
