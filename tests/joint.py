"""Questions over several parties' own files, run in one thread: what the plan answers, and what DuckDB says.

joint = Joint.of_local(folder, data=data)  # or Joint(catalogue, files, compute, initiator)
with joint.together() as connection:
    assert not differences(joint.ask(text), *oracle(connection, text))
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from mpcstats.cards.load import load_cards
from mpcstats.party.answer import Answer
from mpcstats.party.client import local_file
from mpcstats.party.data.rehearsal import rehearse
from mpcstats.party.data.scan import scan_of
from mpcstats.party.data.source import file_of
from mpcstats.party.data.sources import Sources
from mpcstats.party.run import play
from mpcstats.plan.keys import normalised
from mpcstats.plan.offer import Offer
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.strictness import Checks
from mpcstats.policy.case import Case
from mpcstats.policy.check import check
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.testing import Outcome, lockstep

SCENARIO = "study"
DAY = "2026-01-01"
CLOSE = 1e-9  # relative, of ratios; whole numbers are equal or not

Row = tuple[Any, ...]
CARDS = load_cards()
LEAKAGE = sorted({leak for card in CARDS.values() for leak in card.leakage.ids})


@dataclass(frozen=True)
class Joint:
    """Datasets of several parties under one catalogue, and who computes; a policy permits whatever is planned.

    `files` has a file for each dataset. With `engine` "clear", `compute` is one party. Questions are the
    initiator's, and so are the answers.
    """

    catalogue: Catalogue
    files: Mapping[str, Path]
    compute: tuple[str, ...]
    initiator: str
    engine: str = "rep3"
    scenario: str = SCENARIO

    @property
    def threshold(self) -> int | None:
        """Of engine shamir: as many as its compute parties allow."""
        return (
            Offer("shamir", self.compute).seats(()).threshold if self.engine == "shamir" else None
        )

    @classmethod
    def of_local(cls, config: Path, *, data: Path | None = None) -> Joint:
        """The consortium of a local.toml."""
        loaded = local_file(config, data=data)
        files = {n: file_of(n, where) for own in loaded.data.values() for n, where in own.items()}
        catalogue = Catalogue.load(loaded.catalogue)
        return cls(catalogue, files, loaded.compute, loaded.initiator)

    def plan(
        self, text: str, *, k: int = 1, to: Sequence[str] = (), checks: Checks = "none"
    ) -> Physical:
        """The plan of the question, tried on made-up rows. Raises UsageError as the planner does."""
        plan = plan_question(
            text,
            Setting(
                catalogue=self.catalogue,
                engine=self.engine,
                compute=self.compute,
                initiator=self.initiator,
                recipients=tuple(to) or (self.initiator,),
                scenario=self.scenario,
                purpose="a test",
                k=k,
                helpers=lambda *_: self.compute,
                checks=checks,
                threshold=self.threshold,
            ),
        )
        rehearse(plan, self.catalogue)
        return plan

    def run(self, plan: Physical) -> Outcome[Answer | None]:
        """Answers of all parties, and the traffic. Every party reads its own files and checks the plan."""
        policy = _permissive(self.scenario, plan)

        def body(party: str) -> Any:
            permit = check(Case(plan, self.catalogue, policy, CARDS, day=DAY), party=party)
            own = {n: f for n, f in self.files.items() if self.catalogue.dataset(n).owner == party}
            rows = Sources(party, own, self.catalogue).read(plan).rows
            return lambda session: play(session, permit, rows)

        return lockstep({party: body(party) for party in plan.parties})

    def ask(self, text: str, *, k: int = 1, checks: Checks = "none") -> Answer:
        """The initiator's answer to a question."""
        return self.answer(self.plan(text, k=k, checks=checks))

    def answer(self, plan: Physical) -> Answer:
        """The initiator's answer to a plan; nobody else has one."""
        results = self.run(plan).results
        assert all((found is None) == (p != self.initiator) for p, found in results.items())
        found = results[self.initiator]
        assert found is not None
        return found

    def together(self) -> duckdb.DuckDBPyConnection:
        """A database with all parties' tables and the unions, keys normalised as the catalogue says; close it."""
        return _tables(self.catalogue, self.files)


def oracle(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[Row]]:
    """Columns and rows that DuckDB says, decimals as floats."""
    cursor = connection.execute(text)
    rows = [tuple(_number(cell) for cell in row) for row in cursor.fetchall()]
    return [column[0] for column in cursor.description or ()], rows


def _tables(catalogue: Catalogue, files: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, path in files.items():
        picked = []
        for column, about in catalogue.dataset(name).columns.items():
            kind = "BIGINT" if about.type == "integer" else "VARCHAR"
            value = f'CAST("{column}" AS {kind})'
            if about.key is not None:
                value = normalised(about.key, value, integer=about.type == "integer")
            picked.append(f'{value} AS "{column}"')
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
        connection.execute(
            f"CREATE TABLE {name} AS SELECT {', '.join(picked)} FROM {scan_of(name, path)}"
        )
    for union in catalogue.unions:
        parts = (
            f"SELECT *, '{catalogue.dataset(name).owner}' AS {union.party_column} FROM {name}"
            for name in union.of
        )
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {union.name.split('.')[0]}")
        connection.execute(f"CREATE VIEW {union.name} AS {' UNION ALL '.join(parts)}")
    return connection


def differences(
    answer: Answer, columns: Sequence[str], rows: Sequence[Row], *, ordered: bool = True
) -> list[str]:
    """Where the answer is not the oracle's: names of columns, number of rows, then cells by their place.

    A whole number must be the same, a ratio within CLOSE; without `ordered` rows are sorted first.
    """
    if answer.columns != tuple(columns):
        return [f"expected columns {tuple(columns)}, got {answer.columns}"]
    if len(answer.rows) != len(rows):
        return [f"expected {len(rows)} rows, got {len(answer.rows)}"]
    if not ordered:
        found, wanted = sorted(answer.rows, key=_key), sorted(rows, key=_key)
    else:
        found, wanted = list(answer.rows), list(rows)
    return [
        f"row {i}, {name}: expected {should!r}, got {is_!r}"
        for i, pair in enumerate(zip(found, wanted, strict=True))
        for name, is_, should in zip(columns, *pair, strict=True)
        if not _same(is_, should)
    ]


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return isinstance(found, int | float) and math.isclose(found, wanted, rel_tol=CLOSE)
    return type(found) is type(wanted) and bool(found == wanted)


def _key(row: Row) -> list[tuple[str, Any]]:
    # Ratios that differ in their last digit must not change places.
    return [
        (type(cell).__name__, float(f"{cell:.6g}") if isinstance(cell, float) else cell)
        for cell in ("" if cell is None else cell for cell in row)
    ]


def _number(cell: Any) -> Any:
    return float(cell) if isinstance(cell, Decimal) else cell


def _permissive(scenario: str, plan: Physical) -> Policy:
    """Every level, protocol and recipient; every compute party helps."""
    rules = (
        Rule.model_validate(
            {
                "scenario": scenario,
                "level": level,
                "permit": True,
                "minimum_parties": 1,
                "leakage": LEAKAGE,
                "recipients": ["*"],
                "engines": ["rep3", "shamir", "pair", "clear"],
                "zeros": "shown",
            }
        )
        for level in ("NONE", "LOW", "MODERATE", "HIGH")
    )
    accepts = list(plan.compute)
    return Policy.of(tuple(rules), tuple(Helper(owner=p, accepts=accepts) for p in plan.parties))
