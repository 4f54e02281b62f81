"""What a benchmark's report says: the table, the aims, the machine, the commit; and the registry of tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import group
from mpcstats.engines.shamir import Shamir
from mpcstats.errors import InternalError, UsageError
from mpcstats.party.sandbox import machine as machines
from mpcstats.party.sandbox.bench import Work, bench, work
from mpcstats.party.sandbox.report import HEADS, TARGETS, Report, cells, target
from mpcstats.party.sandbox.tasks import FAMILIES, NAMES, ON_SHAMIR, TASKS, Task, merged
from mpcstats.party.version import version
from mpcstats.session import Session, Words
from mpcstats.testing import run_together

NAMED = (
    *("multiply", "less_than", "equality", "sum", "dot", "lookup_join", "cohort_count"),
    *("sort", "sort32"),
)


def result(task: str, rows: int = 10**6, network: str = "loopback", wall: float = 0.3) -> Any:
    spent = {"wall_s": wall, "cpu_s": 0.1, "bytes_sent": 8 * rows, "peak_rss_bytes": 150_000_000}
    parties = {party: dict(spent) for party in "abc"}
    parties["b"]["wall_s"] = wall / 2
    about = {"task": task, "rows": rows, "network": network, "engine": "rep3", "rounds": 7}
    return {**about, "parties": parties}


def report(*results: Any) -> Report:
    about = {"cpu": "Fast 1", "cores": 2, "platform": "Linux x", "python": "3", "numpy": "2"}
    speed = {"words_s": 0.04, "aes_s": 0.07, "fresh_s": 0.1}
    return Report("abc123", about, speed, list(results))


def test_every_named_task_is_there() -> None:
    assert set(NAMED) <= set(TASKS)
    assert sum(len(family) for family in FAMILIES) == len(TASKS)


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(InternalError, match="'sum' again"):
        merged((*FAMILIES, {"sum": TASKS["sum"]}))


def test_a_row_of_the_table() -> None:
    row = dict(zip(HEADS, cells(result("less_than")), strict=True))
    assert row == {
        "task": "less_than",
        "rows": "1,000,000",
        "network": "loopback",
        "rounds": "7",
        "bytes a row and party": "8.0",
        "wall s": "0.3",
        "CPU s a party": "0.1",
        "peak MB": "150",
        "target s": "0.12",
        "ratio": "2.50",
    }


def test_aims_are_for_a_million_rows_on_loopback() -> None:
    assert target(result("sort")) == TARGETS["sort"]
    assert target(result("sort", rows=10**5)) is None
    assert target(result("sort", network="lan")) is None
    assert target(result("sum")) is None


def test_the_table_has_machine_and_commit_on_top() -> None:
    lines = report(result("sum"), result("sort")).table().splitlines()
    assert "abc123" in lines[0]
    assert "Fast 1, 2 cores" in lines[2]
    assert "0.07 s for 256 MiB of AES" in lines[4]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert [line.split(" ")[1] for line in lines[-2:]] == ["sum", "sort"]


def test_all_tasks_run_over_all_networks_and_files_are_written_as_they_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    walls = iter([0.5, 0.1, 0.3] * 4)

    def fake(asked: Work, *, heard: Any) -> Any:
        return result(asked.task, asked.rows, asked.network, next(walls))

    monkeypatch.setattr("mpcstats.party.sandbox.report.bench", fake)
    heard: list[str] = []
    made = report()
    made.run(
        [work(task, 1000, network=n) for n in ("loopback", "lan") for task in ("sum", "dot")],
        repeats=3,
        on_task=heard.append,
        folder=tmp_path / "new",
    )
    names = ["sum over loopback", "dot over loopback", "sum over lan", "dot over lan"]
    assert heard == names
    written = json.loads((tmp_path / "new" / "bench.json").read_text("utf-8"))
    assert written == made.to_json()
    assert [r["median_wall_s"] for r in written["results"]] == [0.3] * 4
    assert written["results"][0]["walls_s"] == [0.5, 0.1, 0.3]
    assert max(p["wall_s"] for p in written["results"][0]["parties"].values()) == 0.3
    assert (tmp_path / "new" / "bench.md").read_text("utf-8") == made.table()


def test_the_commit_is_the_checkouts_or_the_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machines.commit(tmp_path) == version()
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert machines.commit(tmp_path) == version()  # git refuses the folder

    def described(*_: object, **__: object) -> object:
        return subprocess.CompletedProcess([], 0, stdout="v1-3-gabc\n")

    monkeypatch.setattr("subprocess.run", described)
    assert machines.commit(tmp_path) == "v1-3-gabc"


def test_the_processor_is_named_where_the_system_names_it(tmp_path: Path) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor : 0\nmodel name\t: Fast 1 @ 2 GHz\nmodel name\t: other\n", "utf-8")
    assert machines._cpu(listed) == "Fast 1 @ 2 GHz"
    assert machines._cpu(tmp_path / "none")
    assert machines.machine()["cores"] >= 1


def test_peak_memory_is_this_processes_own(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nVmHWM:\t  2048 kB\n", "utf-8")
    assert machines.peak_memory(status) == 2 << 20
    assert machines.peak_memory(tmp_path / "none") > 10e6
    assert machines.peak_memory() > 10e6


def test_a_task_on_engine_shamir_says_by_how_many_parties() -> None:
    ten = {**result("sum"), "engine": "shamir"}
    ten["parties"] = {party: dict(ten["parties"]["a"]) for party in "abcdefghij"}
    row = dict(zip(HEADS, cells(ten), strict=True))
    assert (row["task"], row["target s"], row["ratio"]) == ("sum, shamir of 10", "3", "0.10")
    assert target({**ten, "parties": result("sum")["parties"]}) is None


def test_what_is_run_is_of_the_engine_that_the_task_is_for() -> None:
    assert work("sum", 10) == Work("sum", 10, "loopback", "rep3", 3)
    assert work("private_join", 10) == Work("private_join", 10, "loopback", "pair", 2)
    assert work("sum", 10, engine="shamir").names == ("a", "b", "c")
    assert len(work("sum", 10, engine="shamir", parties=15).names) == 15


@pytest.mark.parametrize(
    ("task", "asked", "message"),
    [
        ("sum", {"parties": 4}, "expected 3 parties on rep3, got 4: --engine shamir takes more"),
        ("sum", {"engine": "shamir", "parties": 2}, "expected 3 to 15 parties on shamir, got 2"),
        ("sum", {"engine": "shamir", "parties": 16}, "expected 3 to 15 parties on shamir, got 16"),
        ("sort", {"engine": "shamir"}, "expected one of sum, multiply, .* on shamir, got sort"),
        ("sum", {"engine": "pair"}, "expected private_join on pair, got sum"),
        ("private_join", {"engine": "rep3"}, "expected engine pair for private_join, got rep3"),
        ("sum", {"engine": "spdz"}, "expected engine rep3, shamir or pair, got 'spdz'"),
        ("nothing", {}, "expected a task, got 'nothing'"),
    ],
)
def test_what_cannot_be_run_is_refused(task: str, asked: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        work(task, 10, **asked)


def test_a_join_of_two_without_the_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rbcl._sodium", None)
    group._library.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"pip install 'mpcstats\[pair\]'"):
            bench(work("private_join", 10))
    finally:
        group._library.cache_clear()


@pytest.mark.parametrize("task", ON_SHAMIR)
@pytest.mark.parametrize("n", [3, 5])
def test_tasks_of_engine_shamir_find_the_plain_answer(task: str, n: int) -> None:
    outcomes = checked(task, n, lambda expected: expected)
    assert outcomes == [None] * n


def test_a_task_that_finds_another_answer_is_a_defect() -> None:
    with pytest.raises(InternalError, match="the benchmark's answer to be the plain one"):
        checked("sum", 3, lambda expected: expected + np.uint64(1))


def checked(task: str, n: int, change: Callable[[Words], Words]) -> list[None]:
    names = tuple(NAMES[:n])

    async def party(session: Session) -> None:
        given = Task(session, Shamir(names), 70, lambda: None, lambda: None)
        answer, expected = await TASKS[task](given, session.narrow("timed"))
        return await given.check(answer, change(expected))

    return list(run_together(names, party).results.values())
