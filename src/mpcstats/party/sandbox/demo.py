"""The settlement demo: made-up data of a town, one question over three organisations, and the plain answer to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import duckdb

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.answer import Cell
from mpcstats.party.ask import Result, ask, step_count
from mpcstats.party.books import check_ledger
from mpcstats.party.data.source import file_of
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.node import Node
from mpcstats.party.question import Asking, Defaults, Question, question_of, today
from mpcstats.party.sandbox.local import Local
from mpcstats.party.sandbox.synthetic import write_tables
from mpcstats.plan.learned import learned
from mpcstats.records.ledger import Report

SETTLEMENT = "settlement"
TRUST = "trust"
PERSONS = "persons"  # the column of the demo's question that the gate goes by


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the demo has to show."""

    question: Question
    result: Result
    plain: tuple[tuple[Cell, ...], ...]
    learned: tuple[str, ...]
    refused: Question
    refusal: PolicyRefused | None
    ledgers: Mapping[str, Report]

    @property
    def equal(self) -> bool:
        """Whether the joint answer is the plain one, without the groups of fewer than k persons."""
        return agrees(self.result, self.plain)

    @property
    def passed(self) -> bool:
        """Whether the demo shows what it says: equal answers, a refusal, whole ledgers."""
        whole = all(report.fault is None for report in self.ledgers.values())
        return self.equal and self.refusal is not None and whole


def agrees(result: Result, plain: Sequence[Sequence[Cell]]) -> bool:
    """Whether the joint answer is the plain one, without the groups of fewer than k persons."""
    answer, k = result.answer, result.permit.plan.gate.k
    if answer is None:
        return False
    persons = answer.columns.index(PERSONS)
    large = tuple(row for row in plain if int(row[persons] or 0) >= k)
    return tuple(row for row in answer.rows if None not in row) == large


def folder(name: str) -> Path:
    """The folder of the demo `name`: in the wheel, or at the top of a checkout."""
    packaged = Path(str(resources.files("mpcstats"))) / "_demos" / name
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "demos" / name


def make_data(where: Path, *, persons: int, seed: int) -> Mapping[str, int]:
    """The demo's tables below `where`; path -> rows."""
    return write_tables(where, persons=persons, seed=seed)


def copy(where: Path, *, persons: int, seed: int) -> Mapping[str, int]:
    """The demo's files and its data in the new folder `where`, to be changed and played with; path -> rows.

    Raises UsageError if the folder is there and has files.
    """
    _copy_files(SETTLEMENT, where)
    return make_data(where / "data", persons=persons, seed=seed)


def copy_trust(where: Path) -> None:
    """The files of the demo that offers all engines, which bring their few rows, in the new folder `where`.

    Raises UsageError if the folder is there and has files.
    """
    _copy_files(TRUST, where)


def _copy_files(name: str, where: Path) -> None:
    if where.exists() and (not where.is_dir() or any(where.iterdir())):
        raise UsageError(f"{where}: expected a new or an empty folder, got one with files")
    shutil.copytree(
        folder(name), where, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )


def settlement(
    data: Path,
    keep: Path,
    *,
    on_begin: Callable[[int], None] = lambda _: None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Shown:
    """Run the demo on the tables in `data`; keys, ledgers and logs are written below `keep`.

    Raises what a run raises.
    """
    files = folder(SETTLEMENT)
    config = LocalFile.load(files, data=data)
    text = (files / "question.sql").read_text(encoding="utf-8")
    with Local(config, keep=keep) as world:
        node = world.node
        question = question_of(
            text,
            initiator=node.me,
            asking=Asking(today()),
            given=Defaults(),
            defaults=Defaults(config.scenario, config.purpose),
        )
        result = ask(
            node,
            question,
            on_plan=lambda permit: on_begin(step_count(permit)),
            on_step=on_step,
        )
        refused, refusal = _refused(node, files)
        who = learned(result.permit.plan, node.records.cards)
        consortium = node.consortium
    ledgers = {
        party: check_ledger(consortium, party, keep / "ledgers" / f"{party}.sqlite")
        for party in consortium.members
    }
    plain = plain_answer(text, config)
    return Shown(
        question, result, plain, tuple(f"  {each}" for each in who), refused, refusal, ledgers
    )


def plain_answer(
    text: str, config: LocalFile, without: Mapping[str, Sequence[str]] | None = None
) -> tuple[tuple[Cell, ...], ...]:
    """What DuckDB says to `text` over all parties' tables together: for a demo, where one may see them all.

    `without` names persons whose rows of a dataset are not counted, by their ids.
    """
    left_out = {} if without is None else without
    with duckdb.connect() as database:
        for files in config.data.values():
            for dataset, source in files.items():
                path = file_of(dataset, source)
                schema, table = dataset.split(".")
                database.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
                relation = (
                    database.read_parquet(str(path))
                    if path.suffix == ".parquet"
                    else database.read_csv(str(path))
                )
                if dataset in left_out:
                    ids = map(duckdb.ConstantExpression, left_out[dataset])
                    # Rows without an id are not counted either, as at the owner's desk of consents.
                    relation = relation.filter(
                        duckdb.SQLExpression("UPPER(TRIM(certno))").isnotin(*ids)
                    )
                relation.create(f'"{schema}"."{table}"')
        rows = database.execute(text).fetchall()
    return tuple(tuple(c if isinstance(c, str) else int(c) for c in row) for row in rows)


def _refused(node: Node, files: Path) -> tuple[Question, PolicyRefused | None]:
    """What this node says to a question that the insurer would ask."""
    question = question_of(
        (files / "refused.sql").read_text(encoding="utf-8"),
        initiator="insurer",
        asking=Asking(today()),
        given=Defaults("commercial", "how many policyholders have HIV"),
        defaults=Defaults(),
    )
    try:
        node.decide(question)
    except PolicyRefused as refusal:
        return question, refusal
    return question, None
