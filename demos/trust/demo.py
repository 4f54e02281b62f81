#!/usr/bin/env python3
"""Two questions, each on every engine that can compute it: five organisations, processes of their own over mutual TLS.

usage: .venv/bin/python demos/trust/demo.py     (needs the extra `pair`: pip install '.[pair]')
"""

from __future__ import annotations

from pathlib import Path

import duckdb

import mpcstats as ms
from mpcstats.party.client import Party

HERE = Path(__file__).parent
HOSPITALS = ("north", "south", "west")
QUESTIONS = {"sums": ("rep3", "shamir"), "join": ("rep3", "pair")}  # and where each of them can run


def plain(text: str) -> tuple[tuple[object, ...], ...]:
    """What DuckDB says over all tables together; a demo may see them all. Cells of fewer than 11 rows are NULL."""
    with duckdb.connect() as database:
        for schema, table in (("bureau", "enrolment"), ("insurer", "policies")):
            database.execute(f"CREATE SCHEMA {schema}")
            file = HERE / f"{table}.csv"
            database.execute(f"CREATE VIEW {schema}.{table} AS FROM read_csv('{file}')")
        files = [str(HERE / f"{hospital}.csv") for hospital in HOSPITALS]
        database.execute("CREATE SCHEMA hospitals")
        database.execute(f"CREATE VIEW hospitals.cases AS FROM read_csv({files})")
        return tuple(database.execute(text).fetchall())


def ask(bureau: Party, name: str) -> None:
    """Compare the engines, ask on each that can, and hold every answer to the plain one."""
    text = (HERE / f"{name}.sql").read_text(encoding="utf-8")
    print(f"\n{text.strip()}\n")
    offered = bureau.sql(text).explain().alternatives
    for each in offered:
        print(f"  {each.engine:7} {each.decision}")
    possible = [each for each in offered if not each.against]
    assert tuple(each.engine for each in possible) == QUESTIONS[name]
    answers = []
    for each in possible:
        result = bureau.sql(text, engine=each.engine).run()
        assert result.answer is not None
        answers.append(result.answer.rows)
        sent = sum(row.bytes_sent for row in result.compared().rows)
        print(f"\non {each.engine}, among {', '.join(each.compute)}: {sent:,} bytes")
        print(f"tolerates {each.tolerates}")
        for learned in each.learned:
            print(f"  {learned}")
        print(result)
    assert len(set(answers)) == 1
    shown = [row for row in answers[0] if None not in row]
    assert shown == [row for row in plain(text) if row in shown]
    assert shown


def main() -> None:
    with ms.local(HERE) as bureau:
        for name in QUESTIONS:
            ask(bureau, name)
    print("\nthe same answers on every engine, and DuckDB's over all tables together")


if __name__ == "__main__":
    main()
