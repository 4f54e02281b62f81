"""Noise within limits on what one person adds: what moves is bounded whatever the data are."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import duckdb
import pytest
import sqlglot
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Known, Records, case_of, compile_question, planned
from mpcstats.party.data.sources import Sources
from mpcstats.party.explained import explained
from mpcstats.party.noise import NoiseKeys, OwnNoise
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.plan.limiting import limited
from mpcstats.plan.limits import Limits
from mpcstats.plan.moving.moves import moves
from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import Noise, Physical
from mpcstats.policy.check import reasons
from mpcstats.policy.noise import lost
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss
from mpcstats.records.privacy.spending import Losses
from mpcstats.transport.lockstep import lockstep

COMPUTE = ("a", "b", "c")
CATALOGUE = Catalogue.of_table(
    tomllib.loads("""version = 1
[[dataset]]
name = "a.people"
owner = "a"
rows = 300
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper", unique = true, nullable = false }
ward = { type = "integer", level = "LOW", domain = [1, 2], nullable = false }
age = { type = "integer", level = "LOW", minimum = 0, maximum = 120, nullable = false }

[[dataset]]
name = "b.stays"
owner = "b"
rows = 2000
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper" }
kind = { type = "integer", level = "LOW", domain = [1, 2, 3], nullable = false }
days = { type = "integer", level = "LOW", minimum = -10, maximum = 900 }

[[dataset]]
name = "c.stays"
owner = "c"
rows = 2000
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper", most = 4 }
kind = { type = "integer", level = "LOW", domain = [1, 2, 3], nullable = false }
days = { type = "integer", level = "LOW", minimum = 0, maximum = 100, nullable = false }

[[union]]
name = "all.stays"
of = ["b.stays", "c.stays"]
party_column = "provider"
"""),
    "a test",
)
RULE: dict[str, Any] = {
    "scenario": "audit",
    "permit": True,
    "minimum_persons": 2,
    "leakage": ["size-bound", "data-state", "gated-cell", "suppression-pattern", "key-equality"],
    "recipients": ["*"],
    "engines": ["rep3"],
    "noise": "all",
    "privacy": {"epsilon": "1/2"},
}
LIMITED = {"rows_per_person": 2, "clamps": {"days": [-5, 20]}}
WITHIN = {"b.stays": Limits(2, (("days", -5, 20),))}
MOST = "999999999"
JOINED = "FROM b.stays s JOIN a.people p USING (pid)"
ALONE = "SELECT kind, COUNT(*) AS n, SUM(days) AS d FROM b.stays GROUP BY kind"
TABLE = f"SELECT s.kind, COUNT(*) AS n, SUM(s.days) AS d {JOINED} GROUP BY s.kind"
COHORT = (
    "SELECT p.ward, COUNT(*) AS n, SUM(s.d) AS d FROM a.people p JOIN (SELECT pid, SUM(days) AS d "
    "FROM b.stays GROUP BY pid) s USING (pid) GROUP BY p.ward"
)


def records(*, limits: Mapping[str, Any] = LIMITED, budget: str = "2", **rule: Any) -> Records:
    rules = [Rule.model_validate({**RULE, **rule, "level": level.name}) for level in Level]
    accepted = tuple(Helper(owner=owner, accepts=["c", "a", "b"]) for owner in COMPUTE)
    budgets = [
        {"dataset": "a.people", "epsilon": budget},
        {"dataset": "b.stays", "epsilon": budget, **limits},
        {"dataset": "c.stays", "epsilon": budget},
    ]
    policy = Policy.of(
        tuple(rules), accepted, tuple(PrivacyBudget.model_validate(b) for b in budgets)
    )
    return Records("a", CATALOGUE, policy, load_cards(), COMPUTE, COMPUTE)


def question(text: str) -> Question:
    return Question(text, "audit", "a test", "a", ("a",), "2026-03-01")


def plan_of(text: str, **more: Any) -> Physical:
    return planned(question(text), records(**more))


def noise_of(text: str, **more: Any) -> Noise:
    step = plan_of(text, **more).noise
    assert step is not None
    return step


def refused(text: str, **more: Any) -> list[str]:
    with pytest.raises(PolicyRefused) as caught:
        compile_question(question(text), records(**more), (), Known(losses=Losses()))
    return list(caught.value.reasons)


# the plan

FOUND = {
    # What an owner adds up: two rows, of at most 20 each.
    ALONE: [Sensitivity(2, 4, 2), Sensitivity(40, 1600, 2)],
    TABLE: [Sensitivity(2, 4, 2), Sensitivity(40, 1600, 2)],
    # Two rows of a person are one in the cohort, which may go from nothing to 40; it stays in its ward.
    COHORT: [Sensitivity(1, 1, 1), Sensitivity(40, 1600, 1)],
    "SELECT COUNT(DISTINCT pid) AS n, SUM(days + 1) AS d FROM b.stays": [
        Sensitivity(1, 1, 1),
        Sensitivity(42, 1764, 1),
    ],
    # At both owners: 2 and, as the catalogue says, 4.
    "SELECT kind, COUNT(*) AS n, SUM(days) AS d FROM all.stays GROUP BY kind": [
        Sensitivity(6, 36, 3),
        Sensitivity(440, 193600, 3),
    ],
    # A row that is not found any more stays, in another cell.
    "SELECT p.ward, COUNT(*) AS n, SUM(s.days) AS d FROM b.stays s LEFT JOIN a.people p USING (pid) GROUP BY p.ward": [
        Sensitivity(4, 8, 3),
        Sensitivity(80, 6400, 3),
    ],
    f"SELECT COUNT(DISTINCT s.pid) AS n {JOINED} WHERE p.age + s.days > 30": [Sensitivity(1, 1, 1)],
    f"SELECT s.kind, COUNT(DISTINCT s.pid) AS n {JOINED} GROUP BY s.kind": [Sensitivity(2, 2, 2)],
}  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_what_one_person_moves_follows_from_the_limits(text: str) -> None:
    plan = plan_of(text)
    totals = range(len(plan.aggregate.totals))
    assert [moves(plan, CATALOGUE, i, WITHIN) for i in totals] == FOUND[text]
    step = noise_of(text)
    assert [(e.l1, e.l2_squared, e.cells) for e in step.columns] == [
        (m.l1, m.l2_squared, m.cells) for m in FOUND[text]
    ]
    assert step.limits == (("b.stays", WITHIN["b.stays"]),)
    assert step.loss.epsilon == Fraction(1, 2)
    assert set(lost(plan)) == {i.dataset for f in plan.fragments for i in f.items}
    assert set(lost(plan).values()) == {Loss(Fraction(1, 2), step.loss.rho)}


UNBOUNDED = {
    "a quotient": f"SELECT AVG(s.days) AS d {JOINED}",
    "an extreme": f"SELECT MAX(s.days) AS d {JOINED}",
    "a median": f"SELECT MEDIAN(s.days) AS d {JOINED}",
    "totals": "SELECT p.ward, COUNT(*) AS n FROM a.people p GROUP BY ROLLUP (p.ward)",
    "groups of several persons": "SELECT COUNT(*) AS n FROM (SELECT s.kind, COUNT(*) AS c "
    f"{JOINED} GROUP BY s.kind, p.age) t WHERE t.c > 3",
    "persons of a kind side by side": "SELECT COUNT(*) AS n FROM b.stays s JOIN b.stays r ON s.kind = r.kind",
    "an owner's mean": "SELECT COUNT(*) AS n FROM b.stays WHERE days > (SELECT AVG(days) FROM b.stays)",
    "an owner's rank": "SELECT COUNT(*) AS n FROM (SELECT pid, ROW_NUMBER() OVER (ORDER BY days) AS r "
    "FROM b.stays) s WHERE s.r < 9",
}  # fmt: skip


@pytest.mark.parametrize("text", UNBOUNDED.values(), ids=list(UNBOUNDED))
def test_what_limits_do_not_bound_is_not_answered(text: str) -> None:
    try:
        plan = plan_of(text)
    except UsageError:
        return
    assert plan.noise is None
    assert any("nothing bounds what one person adds" in why for why in refused(text))


@pytest.mark.parametrize("text", [ALONE, TABLE])
def test_without_limits_nothing_bounds_it(text: str) -> None:
    """The negative control; and a catalogue that says how often a person comes bounds it as well."""
    assert plan_of(text, limits={}).noise is None
    assert any("nothing bounds" in why for why in refused(text, limits={}))
    other = noise_of(text.replace("b.stays", "c.stays"), limits={})
    assert [each.l1 for each in other.columns] == [4, 400]
    assert other.limits == ()


def test_a_rule_without_noise_limits_nothing() -> None:
    plain = {"noise": "none", "privacy": None}
    assert plan_of(ALONE, **plain).digest() == plan_of(ALONE, limits={}, **plain).digest()
    assert "OVER" not in plan_of(ALONE, **plain).fragments[0].sql
    assert "OVER" in plan_of(ALONE).fragments[0].sql


def test_the_plan_says_its_limits_and_is_held_to_them() -> None:
    plan, before = plan_of(ALONE), Known(losses=Losses())
    assert str(WITHIN["b.stays"]) in plan.canonical() or '"rows":2' in plan.canonical()
    said = str(explained(question(ALONE), records(), (), before))
    assert "; b.stays: at most 2 rows a person, days cut to -5 to 20" in said
    looser = records(limits={"rows_per_person": 9, "clamps": {"days": [-5, 20]}})
    why = [r.text for r in reasons(case_of(plan, question(ALONE), looser, (), before))]
    assert "the plan's noise is for other limits on what a person adds than the policy's" in why
    assert any("is for less than a person adds" in each for each in why)


def test_limits_that_cannot_be_are_refused() -> None:
    for limits, words in (
        ({"clamps": {"days": [0, 1]}}, "expected rows_per_person of b.stays beside clamps"),
        ({"rows_per_person": 1, "clamps": {"days": [2, 1]}}, "expected bounds low <= high"),
    ):
        with pytest.raises(ValueError, match=words):
            records(limits=limits)
    with pytest.raises(UsageError, match=r"^b.stays.kind: expected a column of whole numbers"):
        plan_of(ALONE, limits={"rows_per_person": 1, "clamps": {"kind": [1, 2]}})


# neighbours: the answers of the fragments themselves, with a person and without

Row = tuple[str, int, int | None]


def totals(plan: Physical, stays: Sequence[Row]) -> list[dict[int, int]]:
    """Cell by cell, the number and the days."""
    rows = filled((), stays).execute(plan.fragments[0].sql).fetchall()
    return [{row[3]: row[1] for row in rows}, {row[3]: row[2] for row in rows}]


def moved(plan: Physical, stays: Sequence[Row], person: str) -> list[int]:
    """How far the totals move, over all cells, if `person` is left out."""
    rest = [row for row in stays if row[0] != person]
    both = zip(totals(plan, stays), totals(plan, rest), strict=True)
    return [sum(abs(a.get(c, 0) - b.get(c, 0)) for c in range(3)) for a, b in both]


ANN: list[Row] = [("ANN", 1 + i % 3, 900) for i in range(1000)]
OTHERS: list[Row] = [(f"P{i}", 1, 1) for i in range(50)]
CROWD = ANN + OTHERS


def test_a_person_of_a_thousand_rows_moves_the_answer_no_further_than_the_bound() -> None:
    assert moved(plan_of(ALONE), CROWD, "ANN") == [2, 40]
    open_plan = plan_of(ALONE, limits={}, noise="none", privacy=None)
    assert moved(open_plan, CROWD, "ANN") == [1000, 900_000]


STAYS = st.lists(
    st.tuples(
        st.sampled_from(["ANN", "BOB", "EVE"]),
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(-10, 900)),
    ),
    max_size=12,
)
LEFT = (
    "SELECT p.ward, COUNT(*) AS n, SUM(COALESCE(s.days, 0)) AS d FROM b.stays s LEFT JOIN a.people p USING (pid) "
    "GROUP BY p.ward"
)
BOTH = f"SELECT s.kind, COUNT(DISTINCT s.pid) AS n, SUM(p.age + COALESCE(s.days, 0)) AS d {JOINED} GROUP BY s.kind"
HIDDEN = (
    "SELECT p.ward, COUNT(*) AS n, SUM(t.c) AS d FROM a.people p LEFT JOIN (SELECT pid, COUNT(*) AS c FROM b.stays "
    "GROUP BY pid) t USING (pid) GROUP BY p.ward"
)


@cache
def bounds(text: str) -> list[Sensitivity]:
    plan = plan_of(text)
    found = [moves(plan, CATALOGUE, i, WITHIN) for i in range(2)]
    assert None not in found
    return [each for each in found if each is not None]


@cache
def database() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("CREATE SCHEMA a; CREATE TABLE a.people (pid VARCHAR, ward BIGINT, age BIGINT)")
    made.execute("CREATE SCHEMA b; CREATE TABLE b.stays (pid VARCHAR, kind BIGINT, days BIGINT)")
    return made


def filled(people: Sequence[str], stays: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """The tables with these rows."""
    found = database()
    found.execute("DELETE FROM a.people; DELETE FROM b.stays")
    persons = [(person, 1 + len(person) % 2, 100) for person in people]
    for table, rows in (("a.people", persons), ("b.stays", stays)):
        if rows:
            found.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
    return found


def answers(text: str, people: Sequence[str], stays: Sequence[Row]) -> list[dict[Any, int]]:
    """Both totals of the question, by cell, as DuckDB answers it over limited rows."""
    query = limited(sqlglot.parse_one(text, dialect=DIALECT), WITHIN, CATALOGUE).sql(DIALECT)
    rows = filled(people, stays).execute(query).fetchall()
    return [{row[0]: row[i] or 0 for row in rows} for i in (1, 2)]


@pytest.mark.parametrize("text", [ALONE, TABLE, COHORT, LEFT, BOTH, HIDDEN])
@settings(max_examples=15)
@given(data=STAYS, where=st.sampled_from(["a", "b", "both"]))
def test_neighbours_differ_by_the_sensitivity_at_most(
    text: str, data: list[Row], where: str
) -> None:
    """Ann is left out of one dataset, or of both; the bounds hold in l1, in l2 and in cells."""
    people = ["ANN", "BOB", "CARLA"]
    rest = people[1:] if where in ("a", "both") else people
    others = [row for row in data if row[0] != "ANN"] if where in ("b", "both") else data
    pair = zip(answers(text, people, data), answers(text, rest, others), strict=True)
    for (before, after), bound in zip(pair, bounds(text), strict=True):
        moved = [before.get(c, 0) - after.get(c, 0) for c in before.keys() | after.keys()]
        assert sum(map(abs, moved)) <= bound.l1
        assert sum(m * m for m in moved) <= bound.l2_squared
        assert sum(m != 0 for m in moved) <= bound.cells


# the run


@pytest.mark.parametrize("text", [ALONE, TABLE, COHORT])
def test_a_run_counts_what_the_limits_leave(text: str, tmp_path: Any) -> None:
    """With an epsilon so large that the noise is 0: what is added up is within limits."""
    people = [f"P{i},1,30" for i in range(50)] + ["ANN,1,30"]
    (tmp_path / "people.csv").write_text("\n".join(["pid,ward,age", *people, ""]), encoding="utf-8")
    rows = [f"{pid},{kind},{days}" for pid, kind, days in CROWD]
    (tmp_path / "stays.csv").write_text("\n".join(["pid,kind,days", *rows, ""]), encoding="utf-8")
    data = {"a.people": tmp_path / "people.csv", "b.stays": tmp_path / "stays.csv"}
    loud = records(privacy={"epsilon": MOST}, budget=MOST)
    permit = compile_question(question(text), loud, (), Known(losses=Losses()))
    assert permit.plan.noise is not None

    def body(party: str) -> Any:
        own = {n: p for n, p in data.items() if CATALOGUE.dataset(n).owner == party}
        found = Sources(party, own, CATALOGUE).read(permit.plan).rows
        keys = NoiseKeys.of(Ed25519PrivateKey.from_private_bytes(party.encode() * 32))
        noise = OwnNoise(keys, [b"s"])
        return lambda session: play(session, permit, found, own_noise=noise)

    answer = lockstep({party: body(party) for party in permit.plan.parties}).results["a"]
    assert answer is not None
    number, days = (int(str(value)) for value in answer.rows[0][1:])
    # 50 persons of a row and a day each; Ann has 2 rows of 20, in some cells.
    assert 0 <= number - 50 <= 2
    assert 0 <= days - 50 <= 40
