"""The demo of ten parties on Synthea's data: where both are, questions, their oracle, and a sample of its persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
from tests.joint import Joint

from mpcstats.records.catalogue import Catalogue, Dataset

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "synthea"
DATA = ROOT.parent / "shared" / "data" / "synthea_1k"
HERE = DATA.is_dir()
MISSING = f"the data are not there: no {DATA}"
NAMES = tuple(sorted(path.stem for path in (DEMO / "questions").glob("*.sql")))
UNIONS = {  # name -> the table, and how its owners are called
    "hospitals.patients": ("patients", "hospital_"),
    "hospitals.encounters": ("encounters", "hospital_"),
    "hospitals.diagnoses": ("diagnoses", "hospital_"),
    "insurers.claims": ("claims", "insurer_"),
}
# The oracle's own reading of days and times: not that of party.data.
SINCE = {"DATE": "day", "TIMESTAMP": "second"}
# Some of these are in a sample, for there are few: living members who were not seen, persons with a claim that two
# insurers have, persons with two hospitals on one day; and one postal area. Some questions ask for nobody else.
RARE = """
(SELECT person_key FROM bureau.members WHERE death_date IS NULL AND person_key NOT IN
   (SELECT person_key FROM hospitals.encounters WHERE start_ts >= 1735689600) ORDER BY sex, person_key LIMIT 6)
UNION (SELECT DISTINCT a.person_key FROM insurer_aetna.claims a
  JOIN insurer_anthem.claims b USING (encounter_id, billed_cents) ORDER BY 1 LIMIT 4)
UNION (SELECT DISTINCT a.person_key FROM hospital_a.encounters a JOIN hospital_b.encounters b
  ON a.person_key = b.person_key AND a.start_ts // 86400 = b.start_ts // 86400 ORDER BY 1 LIMIT 4)
UNION SELECT person_key FROM bureau.members WHERE zip = '19118'
"""


def question(name: str) -> str:
    """The text of a question of the demo."""
    return (DEMO / "questions" / f"{name}.sql").read_text("utf-8")


def together(files: Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """A database with the tables in `files` (owner/table.parquet) and the unions, days and seconds as integers.

    Close it.
    """
    connection = duckdb.connect()
    for path in files:
        owner, scan = path.parent.name, f"read_parquet('{path}')"
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        columns = ", ".join(_number(name, kind) for name, kind, *_ in described)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {owner}")
        connection.execute(f"CREATE TABLE {owner}.{path.stem} AS SELECT {columns} FROM {scan}")
    for name, (table, owners) in UNIONS.items():
        parts = [
            f"SELECT *, '{path.parent.name}' AS party FROM {path.parent.name}.{table}"
            for path in files
            if path.stem == table and path.parent.name.startswith(owners)
        ]
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
        connection.execute(f"CREATE VIEW {name} AS {' UNION ALL '.join(parts)}")
    return connection


def _number(name: str, kind: str) -> str:
    if kind not in SINCE:
        return name
    return f"date_diff('{SINCE[kind]}', TIMESTAMP '1970-01-01', {name}::TIMESTAMP) AS {name}"


def sampled(whole: Joint, folder: Path, *, one_in: int) -> Joint:
    """Every `one_in`-th person of `whole`, by a hash of the key, with all their rows; the same at every call.

    The catalogue's bounds on rows shrink with the tables, as a run takes time by bounds.
    """
    files, datasets = {}, []
    with together(tuple(whole.files.values())) as connection:
        connection.execute(
            "CREATE TABLE picked AS SELECT person_key FROM bureau.members "
            f"WHERE CAST('0x' || SUBSTR(MD5(person_key), 1, 8) AS UBIGINT) % {one_in} = 0 UNION {RARE}"
        )
        for name, path in whole.files.items():
            files[name] = folder / path.parent.name / path.name
            files[name].parent.mkdir(exist_ok=True)
            picked = f"SELECT * FROM read_parquet('{path}') WHERE person_key IN (FROM picked)"
            connection.execute(f"COPY ({picked}) TO '{files[name]}'")
            ((rows,),) = connection.execute(f"SELECT COUNT(*) FROM ({picked})").fetchall()
            datasets.append(_bounded(whole.catalogue.dataset(name), rows))
    catalogue = Catalogue(tuple(datasets), whole.catalogue.unions, whole.catalogue.added)
    return replace(whole, catalogue=catalogue, files=files)


def _bounded(dataset: Dataset, rows: int) -> Dataset:
    bound = min(dataset.rows, rows + 3)
    columns = {
        name: column.model_copy(
            update={
                what: min(bound, most)
                for what in ("distinct", "most")
                if (most := getattr(column, what)) is not None
            }
        )
        for name, column in dataset.columns.items()
    }
    return dataset.model_copy(update={"rows": bound, "columns": columns})
