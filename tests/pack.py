"""The domain pack beside the checkout: its questions, its answers, and a small sample of its persons."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from tests.joint import Joint

from mpcstats.party.question import header
from mpcstats.records.catalogue import Catalogue, Dataset

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "six_parties"
DOMAIN = ROOT.parent / "shared" / "domain"
DATA = DOMAIN / "data"
HERE = DOMAIN.is_dir()
MISSING = f"the domain pack is not there: no {DOMAIN}"


@dataclass(frozen=True)
class About:
    """In which scenario a question of the pack is asked, and who learns the answer."""

    scenario: str
    recipients: tuple[str, ...]


def question(name: str) -> str:
    """The text of a question: the pack's, after a header that says scenario and recipients."""
    return (DEMO / "questions" / f"{name}.sql").read_text("utf-8")


def _about(name: str) -> About:
    said = header(question(name))
    return About(said.scenario or "supervision", said.to or ("bureau",))


QUESTIONS: Mapping[str, About] = {n: _about(n) for n in (f"Q{i:02}" for i in range(1, 13))}
REFUSED = "Q12R"  # by the default policy
# Everybody of these is in a sample, for there are few: persons with claims, and with settlements whose case is
# missing or has another fee. Some questions ask for nobody else.
RARE = """
SELECT certno FROM p.claims UNION SELECT certno FROM q.claims
UNION SELECT s.certno FROM bureau.settlement s LEFT JOIN (
  SELECT setl_id, MIN(tot_fee) AS fee
  FROM (SELECT * FROM h1.cases UNION ALL SELECT * FROM h2.cases UNION ALL SELECT * FROM h3.cases)
  GROUP BY setl_id) c USING (setl_id)
WHERE s.med_type IN ('21', '52') AND s.refd_setl_flag = '0' AND c.fee IS DISTINCT FROM s.medfee_sumamt
"""


def answers() -> Mapping[str, Any]:
    """The plain answers: question -> columns and rows."""
    found: Mapping[str, Any] = json.loads((DOMAIN / "answers.json").read_text("utf-8"))
    return found


def open_demo(folder: Path) -> Path:
    """A copy of the demo in `folder`, under the policy by which everything is shown."""
    copy = folder / "demo"
    shutil.copytree(DEMO, copy)
    shutil.copy(DEMO / "policies" / "open.toml", copy / "policy.toml")
    return copy


def sampled(whole: Joint, folder: Path, *, one_in: int) -> Joint:
    """Every `one_in`-th person of `whole`, by a hash of the key, with all their rows; the same at every call.

    Cases come with their settlement, whatever id they have. The catalogue's bounds on rows shrink with the tables,
    as a run takes time by bounds.
    """
    files, datasets = {}, []
    with duckdb.connect() as connection:
        for name, path in whole.files.items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
            connection.execute(
                f"CREATE TABLE {name} AS SELECT * FROM read_csv(?, all_varchar = true)", [str(path)]
            )
        connection.execute(_persons(whole.catalogue, one_in))
        for name in whole.files:
            files[name] = folder / f"{name}.csv"
            picked = f"SELECT * FROM {name} WHERE {_picked(whole.catalogue, name)}"
            connection.execute(f"COPY ({picked}) TO '{files[name]}' (HEADER)")
            ((rows,),) = connection.execute(f"SELECT COUNT(*) FROM ({picked})").fetchall()
            datasets.append(_bounded(whole.catalogue.dataset(name), rows))
    catalogue = Catalogue(
        tuple(datasets), whole.catalogue.unions, whole.catalogue.added, whole.catalogue.crosschecks
    )
    return replace(whole, catalogue=catalogue, files=files)


def _persons(catalogue: Catalogue, one_in: int) -> str:
    every = " UNION ".join(
        f"SELECT certno FROM {dataset.name}"
        for dataset in catalogue.datasets
        if "certno" in dataset.columns
    )
    return (
        f"CREATE TABLE picked AS SELECT DISTINCT UPPER(TRIM(certno)) AS certno FROM ({every}) "
        f"WHERE CAST('0x' || SUBSTR(MD5(UPPER(TRIM(certno))), 1, 8) AS UBIGINT) % {one_in} = 0 "
        f"UNION SELECT UPPER(TRIM(certno)) FROM ({RARE})"
    )


def _picked(catalogue: Catalogue, name: str) -> str:
    columns = catalogue.dataset(name).columns
    if "certno" not in columns:
        return "TRUE"
    own = "UPPER(TRIM(certno)) IN (SELECT certno FROM picked)"
    if not name.endswith(".cases"):
        return own
    return f"{own} OR setl_id IN (SELECT setl_id FROM bureau.settlement WHERE {own})"


def _bounded(dataset: Dataset, rows: int) -> Dataset:
    bound = min(dataset.rows, max(1, rows) + 3)
    columns = {
        name: column
        if column.distinct is None
        else column.model_copy(update={"distinct": min(bound, column.distinct)})
        for name, column in dataset.columns.items()
    }
    return dataset.model_copy(update={"rows": bound, "columns": columns})
