"""Every rewrite of relational plans: the algebra before and after it, where it must not fire, and that it is sound.

A fixture is a question of tests/fixtures/rewrites/<rewrite>/, and below it, as comments, the algebra that the rewrite
is given and what it makes of it; "unchanged" where it must leave it alone. `write` writes these down, to be read.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from tests.algebra_sql import answer_of

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Answer
from mpcstats.plan.relational.build import build
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.printing import printed
from mpcstats.plan.relational.rewrite import TIDYING, Rewrite, computed_by_owners, rewrite
from mpcstats.plan.relational.rewrites.answers_apart import answers_apart
from mpcstats.plan.relational.rewrites.carry_filters import carry_filters
from mpcstats.plan.relational.rewrites.collapse import collapse
from mpcstats.plan.relational.rewrites.filters_down import filters_down
from mpcstats.plan.relational.rewrites.groups_apart import groups_apart
from mpcstats.plan.relational.rewrites.left_to_inner import left_to_inner
from mpcstats.plan.relational.rewrites.preaggregate import preaggregate
from mpcstats.plan.relational.rewrites.semi_from_inner import semi_from_inner
from mpcstats.plan.relational.rewrites.spine import spine
from mpcstats.plan.relational.rewrites.unions_left import unions_left
from mpcstats.records.catalogue import Catalogue

FOLDER = Path(__file__).parents[1] / "fixtures" / "rewrites"
CATALOGUE = Catalogue.load(FOLDER / "catalogue.toml")
BEFORE, AFTER, UNCHANGED = "-- before", "-- after", "-- unchanged"
Whole = Callable[[Answer, Context, Names], Answer]


def of_rows(*rules: Rewrite) -> Whole:
    """Rewrites of relations, on all of an answer's."""

    def whole(answer: Answer, context: Context, _: Names) -> Answer:
        rel = rewrite(answer.input, context, rules)
        return answer if rel is answer.input else replace(answer, input=rel)

    return whole


# Rewrite -> what has been done before it, and itself.
REWRITES: dict[str, tuple[Whole, Whole]] = {
    "left_to_inner": (of_rows(), of_rows(left_to_inner)),
    "filters_down": (of_rows(), of_rows(filters_down)),
    "carry_filters": (of_rows(filters_down), of_rows(carry_filters)),
    "collapse": (of_rows(filters_down), of_rows(collapse)),
    "groups_apart": (of_rows(collapse), of_rows(groups_apart)),
    "preaggregate": (of_rows(collapse), of_rows(preaggregate)),
    "semi_from_inner": (of_rows(*TIDYING), lambda answer, *_: semi_from_inner(answer)),
    "spine": (of_rows(*TIDYING), of_rows(spine)),
    "unions_left": (of_rows(*TIDYING), of_rows(unions_left)),
    "answers_apart": (of_rows(*TIDYING), answers_apart),
    "pushing": (of_rows(*TIDYING), computed_by_owners),
}
CASES = sorted(FOLDER.glob("*/*.sql"))


def asked(path: Path) -> str:
    """The question of a fixture."""
    return path.read_text("utf-8").partition(f"\n{BEFORE}")[0]


def both(path: Path) -> tuple[Answer, Answer]:
    """The algebra before and after the fixture's rewrite."""
    context = Context(asked(path), CATALOGUE, ("a", "b", "c"), lambda *_: ("a", "b", "c"))
    answer, names = build(context)
    first, then = REWRITES[path.parent.name]
    before = first(answer, context, names)
    return before, then(before, context, names)


def written(path: Path) -> str:
    """The fixture as the rewrites make it."""
    before, after = (
        "\n".join(f"--   {line}" for line in printed(answer).splitlines()) for answer in both(path)
    )
    end = UNCHANGED if before == after else f"{AFTER}\n{after}"
    return f"{asked(path).rstrip()}\n{BEFORE}\n{before}\n{end}\n"


def write() -> None:
    """Writes all fixtures anew."""
    for path in CASES:
        path.write_text(written(path), "utf-8")


def test_every_rewrite_has_a_fixture_where_it_fires_and_one_where_it_must_not() -> None:
    rules = FOLDER.parents[2] / "src" / "mpcstats" / "plan" / "relational" / "rewrites"
    modules = {path.stem for path in rules.glob("*.py")} - {"__init__"}
    assert modules == set(REWRITES)
    fires = {path.parent.name for path in CASES if UNCHANGED not in path.read_text("utf-8")}
    stays = {path.parent.name for path in CASES if UNCHANGED in path.read_text("utf-8")}
    assert fires == stays == modules


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_the_rewrite_makes_of_it(path: Path) -> None:
    assert path.read_text("utf-8") == written(path)


def tables(seed: int) -> duckdb.DuckDBPyConnection:
    """Tables as the catalogue describes them, with NULLs and duplicates."""
    draw = random.Random(seed)
    connection = duckdb.connect()
    for dataset in CATALOGUE.datasets:
        columns = ", ".join(
            f"{name} {'VARCHAR' if about.type == 'text' else 'BIGINT'}"
            for name, about in dataset.columns.items()
        )
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {dataset.owner}")
        connection.execute(f"CREATE TABLE {dataset.name} ({columns})")
        most = 1 if dataset.columns["pid"].unique else 3
        persons = [f"P{i}" for i in range(6) for _ in range(most)]
        keys: list[str | None] = [*draw.sample(persons, min(len(persons), dataset.rows - 1)), None]
        for key in keys[draw.randrange(3) :]:
            row = [
                key
                if about.type == "text"
                else draw.choice([0, 1, 3, 5, 9, *([None, None] if about.nullable else [])])
                for about in dataset.columns.values()
            ]
            marks = ", ".join("?" for _ in row)
            connection.execute(f"INSERT INTO {dataset.name} VALUES ({marks})", row)
    return connection


def cells(connection: duckdb.DuckDBPyConnection, answer: Answer) -> Counter[tuple[object, ...]]:
    return Counter(connection.execute(answer_of(answer)).fetchall())


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_rewrite_changes_no_answer(path: Path) -> None:
    before, after = both(path)
    for seed in range(12):
        with tables(seed) as connection:
            assert cells(connection, before) == cells(connection, after), f"seed {seed}"


def test_a_rewrite_that_is_not_sound_is_found() -> None:
    path = FOLDER / "left_to_inner" / "kept_for_null.sql"
    before, _ = both(path)
    text = answer_of(before)
    assert " left JOIN " in text
    found = 0
    for seed in range(12):
        with tables(seed) as connection:
            wrong = connection.execute(text.replace(" left JOIN ", " inner JOIN ")).fetchall()
            found += Counter(wrong) != cells(connection, before)
    assert found
