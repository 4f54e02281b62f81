"""Random consortia: two to four parties, what their catalogue says of their tables, and rows that keep to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st
from tests.joint import Joint

from mpcstats.records.catalogue import Catalogue

Row = tuple[Any, ...]
Draw = st.DrawFn

PARTIES = ("a", "b", "c", "d")
PERSONS = ("P1", "P2", "P3", "P4", "P5")
WRITTEN = ("{}", " {} ")  # a key is normalised by its owner
BILLS = ("X", "Y", "Z")
WORDS = ("ab", "b_", "Abc", "", "%a")
NAMES = ("pid", "id", "g", "s", "n", "d", "t", "e")
UNION = "all_"


@dataclass(frozen=True)
class Table:
    """One dataset: its owner's name and its own, what the catalogue says of its columns, and its rows.

    pid: the person. id: a number of the row, without another one in the table. g, s: with a domain. n, d: with bounds.
    t: a text. e: a second key.
    """

    owner: str
    name: str
    most_rows: int
    columns: dict[str, dict[str, Any]]
    rows: tuple[Row, ...]

    @property
    def full_name(self) -> str:
        return f"{self.owner}.{self.name}"

    def __repr__(self) -> str:
        about = "\n".join(f"    {name} = {told}" for name, told in self.columns.items())
        rows = "\n".join(f"    {row}" for row in self.rows)
        return f"  {self.full_name}, at most {self.most_rows} rows\n{about}\n{rows}"


@dataclass(frozen=True)
class World:
    """The tables of all parties; unions `all_.t` and `all_.u` over those of the same name, if there are several."""

    tables: tuple[Table, ...]

    def __repr__(self) -> str:
        return "\n".join(["", *map(repr, self.tables)])

    @property
    def known_persons(self) -> bool:
        """Whether no person key may be NULL."""
        return not any(table.columns["pid"]["nullable"] for table in self.tables)

    @property
    def unions(self) -> dict[str, list[str]]:
        """The unions and the names of their members."""
        found: dict[str, list[str]] = {}
        for table in self.tables:
            found.setdefault(f"{UNION}.{table.name}", []).append(table.full_name)
        return {name: of for name, of in found.items() if len(of) > 1}

    @property
    def names(self) -> list[str]:
        """The names that may stand in FROM."""
        return [*(table.full_name for table in self.tables), *self.unions]

    def joint(self, directory: Path, engine: str) -> Joint:
        """The parties with their files in `directory`; the first one asks."""
        catalogue = Catalogue.of_table(
            {
                "version": 1,
                "dataset": [
                    {
                        "name": t.full_name,
                        "owner": t.owner,
                        "rows": t.most_rows,
                        "columns": t.columns,
                    }
                    for t in self.tables
                ],
                "union": [{"name": name, "of": of} for name, of in self.unions.items()],
            },
            "the catalogue",
        )
        files = {}
        with duckdb.connect() as connection:
            for table in self.tables:
                files[table.full_name] = directory / f"{table.full_name}.parquet"
                _write(connection, table, files[table.full_name])
        compute = ("x",) if engine == "clear" else ("x", "y", "z")
        return Joint(catalogue, files, compute, self.tables[0].owner, engine)


def _write(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    kinds = ", ".join(
        f"{name} {'BIGINT' if told['type'] == 'integer' else 'VARCHAR'}"
        for name, told in table.columns.items()
    )
    connection.execute(f"CREATE OR REPLACE TABLE rows ({kinds})")
    if table.rows:
        connection.executemany(
            f"INSERT INTO rows VALUES ({', '.join('?' * len(table.columns))})", table.rows
        )
    connection.execute(f"COPY rows TO '{path}'")


@st.composite
def worlds(draw: Draw, *, most_rows: int = 6) -> World:
    """Every party has a table t, some have one named u; in most worlds no person key may be NULL."""
    tables = []
    known_persons = draw(st.sampled_from((True, True, True, False)))
    for party in PARTIES[: draw(st.integers(2, 4))]:
        for name in ("t", "u")[: draw(st.sampled_from((1, 1, 2)))]:
            tables.append(draw(_tables(party, name, known_persons, most_rows)))
    return World(tuple(tables))


@st.composite
def _tables(draw: Draw, party: str, name: str, known_persons: bool, most_rows: int) -> Table:
    columns = draw(_columns(known_persons))
    rows = draw(st.lists(_rows(columns), min_size=1, max_size=most_rows))
    kept = _keeping(columns, [(pid, i, *rest) for i, (pid, *rest) in enumerate(rows)])
    bound = draw(st.integers(max(1, len(kept)), most_rows))
    for told in columns.values():
        for field in ("most", "distinct"):
            if field in told:
                told[field] = min(told[field], bound)
    return Table(party, name, bound, columns, tuple(kept))


@st.composite
def _columns(draw: Draw, known_persons: bool) -> dict[str, dict[str, Any]]:
    low, high = draw(st.sampled_from(((0, 9), (-5, 5), (3, 3), (-(10**6), 10**6), (-9, -2))))
    numbers = [1, 2, 3][: draw(st.integers(1, 3))]
    labels = ["F", "M", ""][: draw(st.integers(1, 3))]
    return {
        "pid": {
            "type": "text",
            "level": "HIGH",
            "person": True,
            "key": "trim-upper",
            "nullable": not known_persons,
            **draw(_repeats()),
        },
        "id": {"type": "integer", "level": "LOW", "unique": True, "nullable": False}
        | {"minimum": 0, "maximum": 40},
        "g": {
            "type": "integer",
            "level": "LOW",
            "domain": numbers,
            "nullable": draw(st.booleans()),
        },
        "s": {"type": "text", "level": "LOW", "domain": labels, "nullable": draw(st.booleans())},
        "n": {"type": "integer", "level": "LOW", "minimum": low, "maximum": high}
        | {"nullable": draw(st.booleans())},
        "d": {"type": "integer", "level": "LOW", "minimum": 0, "maximum": 4}
        | {"nullable": draw(st.booleans())},
        "t": {"type": "text", "level": "LOW", "nullable": draw(st.booleans())},
        "e": {"type": "text", "level": "LOW", "key": "exact", "nullable": draw(st.booleans())}
        | draw(_repeats()),
    }


def _repeats() -> st.SearchStrategy[dict[str, Any]]:
    """What the catalogue says of how often a key stands in its table."""
    return st.sampled_from(
        (
            {"unique": True},
            {"most": 2},
            {"most": 3, "distinct": 2},
            {"unique": True},
            {"most": 2},
            {"most": 2, "distinct": 3},
            {"most": 3},
            {"distinct": 3},
        )
    )


def _rows(columns: dict[str, dict[str, Any]]) -> st.SearchStrategy[Row]:
    """A row without its id."""
    each: list[st.SearchStrategy[Any]] = []
    for name, told in columns.items():
        if name == "id":
            continue
        if name == "pid":
            values: list[Any] = [w.format(p) for w in WRITTEN for p in PERSONS]
        elif name == "t":
            values = list(WORDS)
        elif name == "e":
            values = list(BILLS)
        elif "domain" in told:
            values = list(told["domain"])
        else:
            values = list(dict.fromkeys((told["minimum"], told["maximum"], told["minimum"] + 1)))
            values = [v for v in values if v <= told["maximum"]]
        each.append(st.sampled_from([*values, None] if told["nullable"] else values))
    return st.tuples(*each)


def _keeping(columns: dict[str, dict[str, Any]], rows: list[Row]) -> list[Row]:
    """The rows but those that break what the catalogue says of keys."""
    kept: list[Row] = []
    for row in rows:
        if all(_fits(columns[name], i, [*kept, row]) for i, name in enumerate(NAMES)):
            kept.append(row)
    return kept


def _fits(told: dict[str, Any], place: int, rows: list[Row]) -> bool:
    counts = Counter(str(row[place]).strip() for row in rows if row[place] is not None)
    most = 1 if told.get("unique") else told.get("most", len(rows))
    return max(counts.values(), default=0) <= most and len(counts) <= told.get(
        "distinct", len(rows)
    )
