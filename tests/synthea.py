"""The demo of ten parties on Synthea's data: where both are, its questions, and the oracle that answers them in plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "synthea"
DATA = ROOT.parent / "shared" / "data" / "synthea_1k"
UNIONS = {  # name -> the table, and how its owners' folders begin
    "hospitals.patients": ("patients", "hospital_"),
    "hospitals.encounters": ("encounters", "hospital_"),
    "hospitals.diagnoses": ("diagnoses", "hospital_"),
    "insurers.claims": ("claims", "insurer_"),
}
# The oracle's own reading of days and times, not that of party.data.
EPOCH = "TIMESTAMP '1970-01-01 00:00:00'"
SINCE = {"DATE": "day", "TIMESTAMP": "second"}

Row = tuple[Any, ...]


def missing() -> str | None:
    """Why the data cannot be read here; None if they can."""
    return None if (DATA / "bureau").is_dir() else f"the data are not there: no {DATA}"


def questions() -> tuple[str, ...]:
    """The names of the demo's questions, in order."""
    return tuple(sorted(path.stem for path in (DEMO / "questions").glob("*.sql")))


def text_of(name: str) -> str:
    """The question of that name."""
    return (DEMO / "questions" / f"{name}.sql").read_text("utf-8")


class Oracle:
    """All parties' tables in one DuckDB; `with` closes it. Days and seconds are integers since 1970."""

    def __init__(self, data: Path = DATA) -> None:
        self._connection = duckdb.connect()
        files = sorted(data.glob("*/*.parquet"))
        for path in files:
            self._load(path)
        for name, (table, owners) in UNIONS.items():
            parts = [
                f"SELECT *, '{path.parent.name}' AS party FROM {path.parent.name}.{table}"
                for path in files
                if path.stem == table and path.parent.name.startswith(owners)
            ]
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
            self._connection.execute(f"CREATE VIEW {name} AS {' UNION ALL '.join(parts)}")

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(self, text: str) -> tuple[list[str], list[Row]]:
        """Columns and rows of the answer."""
        cursor = self._connection.execute(text)
        return [column[0] for column in cursor.description], cursor.fetchall()

    def _load(self, path: Path) -> None:
        owner, scan = path.parent.name, f"read_parquet('{path}')"
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        columns = ", ".join(_number(name, kind) for name, kind, *_ in described)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {owner}")
        self._connection.execute(f"CREATE TABLE {owner}.{path.stem} AS SELECT {columns} FROM {scan}")


def _number(name: str, kind: str) -> str:
    if kind not in SINCE:
        return name
    return f"date_diff('{SINCE[kind]}', {EPOCH}, {name}::TIMESTAMP) AS {name}"


def same(found: Sequence[Row], expected: Sequence[Row]) -> bool:
    """Whether rows are equal: integers and texts exactly, other numbers within 1e-9 of their size."""
    return len(found) == len(expected) and all(
        len(a) == len(b) and all(map(_same, a, b)) for a, b in zip(found, expected, strict=True)
    )


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float | int):
        return abs(found - expected) <= 1e-9 * max(1.0, abs(expected))
    return type(found) is type(expected) and bool(found == expected)


Answers = Mapping[str, tuple[list[str], list[Row]]]
