"""Random questions over random tables of six owners: the run of the plan equals DuckDB over all tables together."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.joint import Joint

from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.records.catalogue import Catalogue

Row = tuple[Any, ...]

BUREAU = """
[[dataset]]
name = "bureau.persons"
owner = "bureau"
rows = 9
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
band = { type = "integer", level = "LOW", domain = [1, 2, 3], nullable = false }
sex = { type = "text", level = "LOW", domain = ["F", "M"], nullable = false }
town = { type = "integer", level = "LOW", domain = [1, 2] }
wealth = { type = "integer", level = "LOW", minimum = -50, maximum = 50 }

[[dataset]]
name = "bureau.visits"
owner = "bureau"
rows = 12
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
kind = { type = "integer", level = "LOW", domain = [0, 1] }
amount = { type = "integer", level = "LOW", minimum = -20, maximum = 60 }
"""
HOSPITAL = """
[[dataset]]
name = "{party}.cases"
owner = "{party}"
rows = 8
[dataset.columns]
pid = {{ type = "text", level = "HIGH", person = true, key = "trim-upper" }}
diag = {{ type = "text", level = "LOW" }}
stage = {{ type = "integer", level = "LOW", domain = {stages}, nullable = false }}
fee = {{ type = "integer", level = "LOW", minimum = 0, {fee} }}
days = {{ type = "integer", level = "LOW", minimum = 0, maximum = 9, nullable = false }}
"""
INSURER = """
[[dataset]]
name = "{party}.policies"
owner = "{party}"
rows = 8
[dataset.columns]
policy_no = {{ type = "text", level = "LOW", unique = true, nullable = false }}
pid = {{ type = "text", level = "HIGH", person = true, key = "trim-upper" }}
prod = {{ type = "integer", level = "LOW", domain = [1, 2], nullable = false }}
premium = {{ type = "integer", level = "LOW", minimum = 0, maximum = 40 }}

[[dataset]]
name = "{party}.claims"
owner = "{party}"
rows = 8
[dataset.columns]
policy_no = {{ type = "text", level = "LOW" }}
pid = {{ type = "text", level = "HIGH", person = true, key = "trim-upper" }}
status = {{ type = "integer", level = "LOW", domain = [0, 1, 2] }}
paid = {{ type = "integer", level = "LOW", minimum = 0, maximum = 70 }}
"""
UNIONS = {
    "hospitals.cases": ("h1.cases", "h2.cases", "h3.cases"),
    "insurers.policies": ("p.policies", "q.policies"),
    "insurers.claims": ("p.claims", "q.claims"),
}
SUFFIXES = (".parquet", ".csv", ".csv.gz")


def _catalogue_text() -> str:
    unions = "".join(
        f'[[union]]\nname = "{name}"\nof = {list(of)!r}\n' for name, of in UNIONS.items()
    )
    # What a column may hold differs by hospital.
    hospitals = (
        HOSPITAL.format(party="h1", stages=[0, 1], fee="maximum = 70, nullable = false"),
        HOSPITAL.format(party="h2", stages=[0, 1, 2], fee="maximum = 90"),
        HOSPITAL.format(party="h3", stages=[2, 0], fee="maximum = 40"),
    )
    insurers = "".join(INSURER.format(party=party) for party in ("p", "q"))
    return f"version = 1\n{BUREAU}{''.join(hospitals)}{insurers}{unions}"


# Tables ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Files of all owners, and a database that holds all their tables, keys normalised."""

    files: dict[str, Path]
    together: duckdb.DuckDBPyConnection


def _make(directory: Path, catalogue: Catalogue, seed: int) -> World:
    draw = random.Random(seed)
    together = duckdb.connect()
    files = {}
    for name in (n for n in catalogue.names if catalogue.has(n)):
        columns = catalogue.dataset(name).columns
        rows = _rows(draw, catalogue, name)
        schema, table = name.split(".")
        kinds = ", ".join(
            f"{c} {'BIGINT' if column.type == 'integer' else 'VARCHAR'}"
            for c, column in columns.items()
        )
        together.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        together.execute(f"CREATE TABLE {schema}.{table} ({kinds})")
        together.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
        files[name] = directory / f"{name}{draw.choice(SUFFIXES)}"
        together.execute(f"COPY {name} TO '{files[name]}'")
        if "pid" in columns:
            together.execute(f"UPDATE {name} SET pid = NULLIF(UPPER(TRIM(pid)), '')")
    for name, members in UNIONS.items():
        parts = (f"SELECT *, '{m.split('.')[0]}' AS party FROM {m}" for m in members)
        together.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
        together.execute(f"CREATE VIEW {name} AS {' UNION ALL '.join(parts)}")
    return World(files, together)


def _rows(draw: random.Random, catalogue: Catalogue, name: str) -> list[Row]:
    """Mostly half as many rows as the catalogue allows or more; the third one has no key."""
    dataset = catalogue.dataset(name)
    count = draw.randint(1 if draw.random() < 0.1 else dataset.rows // 2 + 1, dataset.rows)
    column = dataset.columns
    persons = [f"P{i}" for i in range(9)]
    keys = (
        draw.sample(persons, count) if column["pid"].unique else draw.choices(persons[:6], k=count)
    )
    rows = []
    for i, key in enumerate(keys):
        row: list[Any] = []
        for c, about in column.items():
            if c == "pid":
                written = draw.choice((key, key.lower(), f" {key} ", key, key))
                row.append(draw.choice((None, "", " ")) if i == 2 else written)
            elif c == "policy_no":
                row.append(f"N{i if about.unique else draw.randint(0, 7)}")
            elif c == "diag":
                row.append(draw.choice(("E10", "E11", "E149", "I10", "B20", None)))
            elif about.nullable and draw.random() < 0.2:
                row.append(None)
            elif about.domain is not None:
                row.append(draw.choice(about.domain))
            else:
                row.append(draw.randint(about.minimum or 0, about.maximum or 0))
        rows.append(tuple(row))
    return rows


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.toml"
    path.write_text(_catalogue_text(), encoding="utf-8")
    return Catalogue.load(path)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> Iterator[Callable[[int], World]]:
    """The tables of a seed, made when they are first asked for."""
    made: dict[int, World] = {}

    def of(seed: int) -> World:
        if seed not in made:
            made[seed] = _make(tmp_path_factory.mktemp(f"world{seed}"), catalogue, seed)
        return made[seed]

    yield of
    for one in made.values():
        one.together.close()


# Questions ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """A relation of FROM, `{r}` being its name: what may be asked of it. `total` columns are never NULL."""

    owner: str
    sql: str
    groups: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


PERSONS = Template(
    "bureau",
    "bureau.persons {r}",
    (
        "{r}.band",
        "{r}.sex",
        "COALESCE({r}.town, 0)",
        "CASE WHEN {r}.wealth < 0 THEN 'poor' ELSE 'rich' END",
    ),
    (
        "{r}.wealth",
        "{r}.wealth * 2 - {r}.band",
        "ABS({r}.wealth)",
        "CASE WHEN {r}.sex = 'F' THEN 1 END",
    ),
    ("{r}.band", "COALESCE({r}.wealth, 0)"),
    (
        "{r}.wealth > 0",
        "{r}.band <> 2",
        "{r}.sex = 'F'",
        "{r}.town IS NULL",
        "{r}.band = 1 OR {r}.wealth < 9",
    ),
)
SPENT = "SELECT pid, SUM(amount) AS amount FROM bureau.visits GROUP BY pid"
BUREAUS = (
    PERSONS,
    Template(
        "bureau", "bureau.visits {r}", (), ("{r}.amount", "{r}.kind"), (), ("{r}.amount > 5",)
    ),
    Template("bureau", "(SELECT DISTINCT pid FROM bureau.visits WHERE kind = 1) {r}"),
    Template(
        "bureau",
        "(SELECT pid, SUM(amount) AS amount, COUNT(*) AS n FROM bureau.visits GROUP BY pid) {r}",
        ("CASE WHEN {r}.n > 1 THEN 'many' ELSE 'one' END",),
        ("{r}.amount",),
        ("{r}.n",),
        ("{r}.n < 3", "{r}.amount >= 0"),
    ),
    Template(
        "bureau",
        "(SELECT e.pid, e.band, COALESCE(v.amount, 0) AS amount FROM bureau.persons e "
        f"LEFT JOIN ({SPENT}) v ON v.pid = e.pid) {{r}}",
        ("{r}.band",),
        (),
        ("{r}.amount", "{r}.amount - {r}.band"),
        ("{r}.amount > 0",),
    ),
    Template(
        "bureau",
        "(SELECT e.pid, v.amount, e.band FROM bureau.persons e LEFT JOIN bureau.visits v USING (pid)) {r}",
        (),
        ("{r}.amount", "{r}.amount * {r}.band"),
        ("{r}.band",),
    ),
    Template(
        "bureau",
        "(SELECT pid, amount, ROW_NUMBER() OVER (PARTITION BY pid ORDER BY amount DESC NULLS LAST) AS place "
        "FROM bureau.visits) {r}",
        (),
        ("{r}.amount",),
        ("{r}.place",),
        ("{r}.place = 1",),
    ),
    Template(
        "bureau",
        "(SELECT pid, MAX(amount) AS amount FROM bureau.visits GROUP BY pid HAVING COUNT(*) > 1) {r}",
        (),
        ("{r}.amount",),
    ),
)
ONE_HOSPITAL = (
    Template("h1", "h1.cases {r}", (), ("{r}.fee",), ("{r}.days",), ("{r}.diag LIKE 'E1%'",)),
    Template("h1", "(SELECT DISTINCT UPPER(TRIM(pid)) AS pid FROM h1.cases WHERE fee > 20) {r}"),
    Template(
        "h1",
        "(SELECT pid, MAX(stage) AS stage, SUM(fee) AS fee, SUM(days) AS days FROM h1.cases GROUP BY 1) {r}",
        ("{r}.stage",),
        ("{r}.fee",),
        ("{r}.days",),
        ("{r}.stage > 0",),
    ),
)
ONE_INSURER = (
    Template("p", "p.policies {r}", (), ("{r}.premium",), ("{r}.prod",), ("{r}.prod = 1",)),
    Template(
        "p",
        "(SELECT p.pid, SUM(COALESCE(c.paid, 0)) AS paid FROM p.policies p LEFT JOIN (SELECT policy_no, "
        "SUM(paid) AS paid FROM p.claims WHERE status = 1 GROUP BY policy_no) c USING (policy_no) "
        "GROUP BY p.pid) {r}",
        (),
        (),
        ("{r}.paid",),
    ),
    Template("p", "(SELECT pid FROM p.policies UNION SELECT pid FROM p.claims) {r}"),
)
HOSPITALS = (
    Template(
        "hospitals",
        "hospitals.cases {r}",
        ("{r}.stage", "{r}.party"),
        ("{r}.fee",),
        ("{r}.days", "{r}.days * 2 + {r}.stage"),
        ("{r}.diag >= 'E11'", "{r}.party <> 'h2'"),
    ),
    Template("hospitals", "(SELECT DISTINCT pid FROM hospitals.cases WHERE diag LIKE 'E1%') {r}"),
    Template(
        "hospitals",
        "(SELECT pid, SUM(fee) AS fee, SUM(days) AS days, COUNT(*) AS n FROM hospitals.cases "
        "WHERE stage < 2 GROUP BY pid) {r}",
        (),
        ("{r}.fee",),
        ("{r}.days", "{r}.n"),
    ),
    Template("hospitals", "(SELECT party, pid FROM hospitals.cases GROUP BY party, pid) {r}"),
)
INSURERS = (
    Template(
        "insurers", "insurers.policies {r}", (), ("{r}.premium",), ("{r}.prod",), ("{r}.prod = 2",)
    ),
    Template("insurers", "(SELECT DISTINCT pid FROM insurers.claims WHERE paid > 30) {r}"),
    Template(
        "insurers",
        "(SELECT p.pid, SUM(COALESCE(c.paid, 0)) AS paid FROM insurers.policies p LEFT JOIN (SELECT party, "
        "policy_no, SUM(paid) AS paid FROM insurers.claims WHERE status = 1 GROUP BY party, policy_no) c "
        "ON c.party = p.party AND c.policy_no = p.policy_no GROUP BY p.pid) {r}",
        (),
        (),
        ("{r}.paid",),
    ),
)
FAMILIES = (BUREAUS, ONE_HOSPITAL, ONE_INSURER, HOSPITALS, INSURERS)
TESTED = {
    "bureau": ("bureau.visits", "kind = 0"),
    "h1": ("h1.cases", "fee > 30"),
    "p": ("p.claims", "status = 1"),
    "hospitals": ("hospitals.cases", "days > 3"),
    "insurers": ("insurers.claims", "status <> 2"),
}
OWNERS = {"hospitals": {"h1", "h2", "h3"}, "insurers": {"p", "q"}}


@dataclass(frozen=True)
class Question:
    """Its text, and the same with NULL sums as 0 and without cells of nobody; the last column counts persons."""

    text: str
    oracle: str
    order: tuple[int, ...]
    groups: int


@st.composite
def questions(draw: st.DrawFn, *, most: int = 4) -> Question:
    families = draw(st.permutations(FAMILIES))[: draw(st.integers(1, most))]
    chosen = [draw(st.sampled_from(family)) for family in families]
    if len(chosen) == 1 and draw(st.booleans()):
        chosen = [PERSONS]
    elif not any(template.owner == "bureau" for template in chosen) and draw(st.booleans()):
        chosen[0] = draw(st.sampled_from(BUREAUS))
    if any(template.owner == "bureau" for template in chosen) and draw(st.integers(0, 4)) == 0:
        chosen.append(draw(st.sampled_from(BUREAUS)))  # joined at the bureau
    names = [f"r{i}" for i in range(len(chosen))]
    criterion = (
        draw(criteria({template.owner for template in chosen})) if draw(st.booleans()) else ""
    )
    filters = _of(chosen, "filters")
    conditions = [f"({c})" for c in draw(_some(filters, 2))]
    if criterion:
        # A row without a key is nobody's: it never counts where owners are joined, not even under NOT.
        conditions += [criterion] if len(chosen) > 1 else [criterion, "r0.pid IS NOT NULL"]
    source = _joined(draw, chosen, names)
    groups = draw(_some(_of(chosen, "groups"), 2))
    measures = draw(st.lists(measure(chosen, names), min_size=1, max_size=3))
    order = draw(_some(range(1, len(groups) + len(measures) + 1), 2)) if draw(st.booleans()) else ()
    return _written(source, conditions, groups, measures, order)


def _written(
    source: str, conditions: list[str], groups: list[str], measures: list[str], order: Any
) -> Question:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    ordered = (
        f" ORDER BY {', '.join(f'{o} DESC' if o % 2 else str(o) for o in order)}" if order else ""
    )
    shown = [f"COALESCE({m}, 0)" if m.startswith("SUM") else m for m in measures]
    persons = "COUNT(DISTINCT r0.pid)"
    having = f" HAVING {persons} > 0" if groups else ""
    return Question(
        f"SELECT {', '.join([*groups, *measures])} FROM {source}{where}{grouped}{ordered}",
        f"SELECT {', '.join([*groups, *shown, persons])} FROM {source}{where}{grouped}{having}{ordered}",
        tuple(o - 1 for o in order),
        len(groups),
    )


def _joined(draw: st.DrawFn, chosen: list[Template], names: list[str]) -> str:
    """The relations under their names, each tied to one before it, in one of the ways to write that."""
    text = chosen[0].sql.format(r=names[0])
    for i in range(1, len(chosen)):
        other = names[draw(st.integers(0, i - 1))]
        sides = [f"{names[i]}.pid", f"{other}.pid"]
        if draw(st.booleans()):
            sides = [f"UPPER(TRIM({side}))" for side in sides][:: draw(st.sampled_from((1, -1)))]
        text += f" JOIN {chosen[i].sql.format(r=names[i])} ON {sides[0]} = {sides[1]}"
    return text


def _of(chosen: list[Template], field: str) -> list[str]:
    return [
        text.format(r=f"r{i}")
        for i, template in enumerate(chosen)
        for text in getattr(template, field)
    ]


def _some(items: Any, most: int) -> st.SearchStrategy[list[Any]]:
    pool = list(items)
    return st.lists(st.sampled_from(pool), unique=True, max_size=most) if pool else st.just([])


@st.composite
def criteria(draw: st.DrawFn, joined: set[str]) -> str:
    """IN, NOT IN, EXISTS and NOT EXISTS over owners that are not joined, under AND, OR and NOT."""
    others = [
        name
        for name in TESTED
        if not any(OWNERS.get(name, {name}) & OWNERS.get(owner, {owner}) for owner in joined)
    ]
    if not others:
        return ""
    tests = [draw(_test(draw(st.sampled_from(others)))) for _ in range(draw(st.integers(1, 3)))]
    text = tests[0]
    for test in tests[1:]:
        text = f"({text} {draw(st.sampled_from(('AND', 'OR')))} {test})"
        if draw(st.integers(0, 2)) == 0:
            text = f"NOT {text}"
    return text


@st.composite
def _test(draw: st.DrawFn, owner: str) -> str:
    table, condition = TESTED[owner]
    where = draw(st.sampled_from((condition, f"NOT ({condition})", "pid IS NOT NULL")))
    match draw(st.integers(0, 4)):
        case 0:
            return f"r0.pid IN (SELECT pid FROM {table} WHERE ({where}) AND pid IS NOT NULL)"
        case 1:
            return f"r0.pid NOT IN (SELECT pid FROM {table} WHERE pid IS NOT NULL AND ({where}))"
        case 2:
            return f"EXISTS (SELECT 1 FROM {table} t WHERE t.pid = r0.pid AND ({where.replace('pid', 't.pid')}))"
        case 3:
            return f"NOT EXISTS (SELECT * FROM {table} t WHERE ({where.replace('pid', 't.pid')}) AND r0.pid = t.pid)"
        case _:
            return f"r0.pid IN (SELECT pid FROM {table} WHERE {where})"


@st.composite
def measure(draw: st.DrawFn, chosen: list[Template], names: list[str]) -> str:
    values, totals = _of(chosen, "values"), _of(chosen, "totals")
    every = [*values, *totals]
    kind = draw(st.integers(0, 6))
    if kind == 0 or not every:
        return "COUNT(*)"
    if kind == 1:
        return f"COUNT(DISTINCT {draw(st.sampled_from(names))}.pid)"
    if kind == 2:
        return f"COUNT({draw(st.sampled_from(every))})"
    if kind in {3, 4}:
        return f"SUM({draw(st.sampled_from(every))})"
    if kind == 5 and totals:
        a, b = draw(st.sampled_from(totals)), draw(st.sampled_from(totals))
        return f"SUM({a} {draw(st.sampled_from('+-'))} {b})"
    a, b = draw(st.sampled_from(every)), draw(st.sampled_from(every))
    return f"SUM(({a}) * {b})"


# Running --------------------------------------------------------------------------------------------

REFUSALS = tuple(
    re.compile(text)
    for text in (
        "expected a bound on how many rows have the same",
        "NOT IN over a column that may be NULL",
        "cannot be computed over the columns of several owners",
        "state tighter bounds in the catalogue",
    )
)


def joint(catalogue: Catalogue, one: World, engine: str) -> Joint:
    """The six parties, the bureau asking."""
    compute = ("x",) if engine == "clear" else ("bureau", "h1", "p")
    return Joint(catalogue, one.files, compute, "bureau", engine)


def compare(found: Answer, question: Question, together: duckdb.DuckDBPyConnection) -> None:
    """The rows are those of the oracle, in an order that ORDER BY allows.

    A sum of nothing is 0 in a cohort, as here in the oracle, and NULL in tables of shares, as in SQL.
    """
    expected = together.execute(question.oracle).fetchall()
    if not question.groups and expected[0][-1] == 0:
        # Nobody is there. Over one owner's rows, some may have no key.
        assert set(found.states[0]) == {"suppressed"} or set(found.rows[0]) <= {0, None}
        return
    assert found.suppressed == 0
    wanted = [tuple(row[:-1]) for row in expected]
    given = [tuple(0 if cell is None else cell for cell in row) for row in found.rows]
    assert Counter(given) == Counter(wanted)
    for rows in zip(given, wanted, strict=True):
        assert len({tuple(row[o] for o in question.order) for row in rows}) == 1


def _kind(error: UsageError) -> str:
    for pattern in REFUSALS:
        if pattern.search(str(error)):
            return pattern.pattern
    raise error


def answered(
    question: Question, tally: Counter[str], catalogue: Catalogue, one: World, engine: str
) -> None:
    """Plan, run and compare; a refusal must be one of REFUSALS."""
    try:
        plan = joint(catalogue, one, engine).plan(question.text)
    except UsageError as error:
        tally[_kind(error)] += 1
        return
    tally["answered"] += 1
    compare(joint(catalogue, one, engine).answer(plan), question, one.together)


def _most_are_answered(tally: Counter[str]) -> None:
    refused = sum(n for kind, n in tally.items() if kind != "answered")
    assert tally["answered"] > 2 * refused, tally


@pytest.mark.parametrize("examples", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_clear_equals_duckdb(
    examples: int, catalogue: Catalogue, world: Callable[[int], World]
) -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(questions(), st.integers(0, 19))
    def equal(question: Question, seed: int) -> None:
        answered(question, tally, catalogue, world(seed), "clear")

    equal()
    _most_are_answered(tally)


def test_rep3_equals_duckdb(catalogue: Catalogue, world: Callable[[int], World]) -> None:
    tally: Counter[str] = Counter()

    @settings(max_examples=30)
    @given(questions(most=3), st.integers(0, 19))
    def equal(question: Question, seed: int) -> None:
        answered(question, tally, catalogue, world(seed), "rep3")

    equal()
    _most_are_answered(tally)


JOINED = "bureau.persons e JOIN hospitals.cases c ON c.pid = e.pid"
FEES = "(SELECT pid, SUM(fee) AS fee, COUNT(*) AS n FROM hospitals.cases GROUP BY pid) c"


@pytest.mark.parametrize(
    ("select", "rest"),
    [
        # The hospitals' catalogues differ: one has no NULL, another has other labels.
        ("COUNT(c.fee)", f"FROM {JOINED}"),
        ("c.party, COUNT(*), SUM(c.days)", "FROM hospitals.cases c GROUP BY c.party"),
        ("c.stage, COUNT(*)", "FROM hospitals.cases c GROUP BY c.stage"),
        ("SUM(COALESCE(c.fee, 0) + e.band)", f"FROM bureau.persons e JOIN {FEES} ON c.pid = e.pid"),
        (
            "SUM(COALESCE(c.fee, 0) * 2 - c.n)",
            f"FROM bureau.persons e JOIN {FEES} ON c.pid = e.pid",
        ),
        ("COUNT(1), SUM(3), COUNT(*)", f"FROM {JOINED}"),
        # Columns of sub-queries that nobody asks for.
        ("COUNT(*)", f"FROM bureau.persons e JOIN {FEES} USING (pid)"),
        (
            "COUNT(*)",
            "FROM bureau.persons e WHERE EXISTS (SELECT * FROM bureau.visits v WHERE v.pid = e.pid)",
        ),
        (
            "COUNT(*)",
            "FROM bureau.persons e WHERE EXISTS (SELECT MAX(amount) FROM bureau.visits v WHERE v.pid = e.pid)",
        ),
        # Under two NOTs a NULL among the keys changes nothing.
        ("COUNT(*)", "FROM bureau.persons e WHERE NOT (e.pid NOT IN (SELECT pid FROM h1.cases))"),
        (
            "COUNT(*)",
            "FROM bureau.persons e WHERE EXISTS (SELECT DISTINCT ON (stage) fee FROM h1.cases c WHERE c.pid = e.pid)",
        ),
        (
            "SUM(e.wealth)",
            "FROM bureau.persons e WHERE e.wealth > (SELECT AVG(wealth) FROM bureau.persons)",
        ),
    ],
)
def test_questions_that_were_once_answered_wrongly_or_not_at_all(
    catalogue: Catalogue, world: Callable[[int], World], select: str, rest: str
) -> None:
    text = f"SELECT {select} {rest}"
    table = "c" if "e.pid" not in rest and " e " not in rest else "e"
    persons = f"{select}, COUNT(DISTINCT {table}.pid)"
    oracle = text.replace(select, persons, 1)
    question = Question(text, oracle, (), int("GROUP BY c." in rest))
    for one in map(world, range(4)):
        compare(joint(catalogue, one, "clear").ask(text), question, one.together)


def test_rows_without_a_key_count_nowhere_once_owners_are_joined(
    catalogue: Catalogue, world: Callable[[int], World]
) -> None:
    """Unlike SQL: NOT EXISTS is true of a row without a key, but nobody is that row."""
    text = "SELECT COUNT(*) FROM bureau.persons e WHERE NOT EXISTS (SELECT 1 FROM h1.cases c WHERE c.pid = e.pid)"
    one = world(0)
    ((count,),) = joint(catalogue, one, "clear").ask(text).rows
    (sql,) = one.together.execute(text).fetchall()[0]
    (keyless,) = one.together.execute(
        "SELECT COUNT(*) FROM bureau.persons WHERE pid IS NULL"
    ).fetchall()[0]
    assert keyless > 0
    assert count == sql - keyless
