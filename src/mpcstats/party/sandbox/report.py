"""A report of benchmarks: what ran where, as one JSON object and as one table to read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from mpcstats.party.sandbox.bench import Heard, bench
from mpcstats.party.sandbox.machine import calibration, commit, machine
from mpcstats.transport.shaping import LOOPBACK

JSON_NAME = "bench.json"
TABLE_NAME = "bench.md"

# Seconds for 10^6 rows, three processes on loopback with TLS on 2 quiet cores: aims, and no test holds them.
TARGET_ROWS = 10**6
TARGETS = {
    "multiply": 0.06,
    "less_than": 0.12,
    "equality": 0.1,
    "sort": 5.0,
    "sort32": 3.5,
    "sort_join": 14.0,
    "group_by": 8.0,
    "group_by_public": 1.5,
    "quantile": 6.0,
}

HEADS = (
    *("task", "rows", "network", "rounds", "bytes a row and party"),
    *("wall s", "CPU s a party", "peak MB", "target s", "ratio"),
)


@dataclass(slots=True)
class Report:
    """Results so far, each as `bench` gives it, on one machine and of one commit."""

    commit: str
    machine: dict[str, Any]
    calibration: dict[str, float]
    results: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, code: str | None = None) -> Report:
        """An empty report of this machine, measured now; `code` stands for the commit where that is known better."""
        return cls(commit() if code is None else code, machine(), calibration())

    def run(
        self,
        tasks: Sequence[str],
        rows: int,
        networks: Sequence[str],
        *,
        repeats: int = 1,
        on_task: Callable[[str], None] = lambda _: None,
        heard: Heard = lambda _: None,
        folder: Path | None = None,
    ) -> None:
        """Run every task over every network; `folder` gets both files anew after each, so nothing is lost.

        Of `repeats` runs the one with the median wall seconds is kept, with the wall seconds of all. Raises as
        `bench` does. `on_task` hears what begins, `heard` which part of it is done, where a task says so.
        """
        for network in networks:
            for task in tasks:
                on_task(f"{task} over {network}")
                runs = [bench(task, rows, network=network, heard=heard) for _ in range(repeats)]
                self.results.append(_middle(runs))
                if folder is not None:
                    self.write(folder)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write bench.json and bench.md into `folder`; their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / JSON_NAME, folder / TABLE_NAME
        content = json.dumps(self.to_json(), indent=1, ensure_ascii=False)
        for path, text in zip(paths, (content + "\n", self.table()), strict=True):
            path.write_text(text, encoding="utf-8")
        return paths

    def to_json(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "commit": self.commit,
            "machine": self.machine,
            "calibration": self.calibration,
            "results": self.results,
        }

    def table(self) -> str:
        """The report in Markdown: machine and commit, then a row for each result."""
        about, speed = self.machine, self.calibration
        where = (
            f"{about['cpu']}, {about['cores']} cores, {about['platform']}, Python {about['python']}, "
            f"numpy {about['numpy']}."
        )
        fast = (
            f"One core of it, in the same run: {speed['words_s']:g} s for xor and and of 2^25 words each, "
            f"{speed['aes_s']:g} s for 256 MiB of AES-128-CTR, {speed['fresh_s']:g} s for the first touch of 64 MiB."
        )
        legend = (
            "Wall seconds and peak are those of the slowest and of the largest party; targets are for 10^6 rows on "
            "loopback."
        )
        lines = [f"# Benchmarks of {self.commit}", "", where, "", fast, "", legend, ""]
        rules = ["---"] * 3 + ["---:"] * (len(HEADS) - 3)
        lines += [_line(HEADS), _line(rules), *(_line(cells(result)) for result in self.results)]
        return "\n".join(lines) + "\n"


def wall(result: dict[str, Any]) -> float:
    """Wall seconds of the slowest party."""
    return float(max(spent["wall_s"] for spent in result["parties"].values()))


def target(result: dict[str, Any]) -> float | None:
    """The aim in seconds for the result's task, rows and network, if there is one."""
    if result["rows"] != TARGET_ROWS or result["network"] != LOOPBACK.name:
        return None
    return TARGETS.get(result["task"])


def cells(result: dict[str, Any]) -> list[str]:
    """The result's row of the table, under HEADS."""
    parties = result["parties"].values()
    aim = target(result)
    return [
        result["task"],
        f"{result['rows']:,}",
        result["network"],
        str(result["rounds"]),
        f"{mean(spent['bytes_sent'] for spent in parties) / result['rows']:.1f}",
        f"{wall(result):.3g}",
        f"{mean(spent['cpu_s'] for spent in parties):.3g}",
        f"{max(spent['peak_rss_bytes'] for spent in parties) / 1e6:.0f}",
        "" if aim is None else f"{aim:g}",
        "" if aim is None else f"{wall(result) / aim:.2f}",
    ]


def _middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    walls = [wall(run) for run in runs]
    middle = sorted(runs, key=wall)[len(runs) // 2]
    return {**middle, "walls_s": walls, "median_wall_s": median(walls)}


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
