"""What a benchmark's report says: the table, the aims, the machine, the commit; and the registry of tasks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mpcstats.errors import InternalError
from mpcstats.party.sandbox import machine as machines
from mpcstats.party.sandbox.report import HEADS, TARGETS, Report, cells, target
from mpcstats.party.sandbox.tasks import FAMILIES, TASKS, merged
from mpcstats.party.version import version

NAMED = (
    *("multiply", "less_than", "equality", "sum", "dot", "lookup_join", "cohort_count"),
    *("sort", "sort32"),
)


def result(task: str, rows: int = 10**6, network: str = "loopback", wall: float = 0.3) -> Any:
    spent = {"wall_s": wall, "cpu_s": 0.1, "bytes_sent": 8 * rows, "peak_rss_bytes": 150_000_000}
    parties = {party: dict(spent) for party in "abc"}
    parties["b"]["wall_s"] = wall / 2
    return {"task": task, "rows": rows, "network": network, "rounds": 7, "parties": parties}


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

    def fake(task: str, rows: int, *, network: str, heard: Any) -> Any:
        return result(task, rows, network, next(walls))

    monkeypatch.setattr("mpcstats.party.sandbox.report.bench", fake)
    heard: list[str] = []
    made = report()
    made.run(
        *(["sum", "dot"], 1000, ["loopback", "lan"]),
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
