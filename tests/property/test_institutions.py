"""Which cells of a question over several owners are suppressed is what the rules say of their rows, plainly read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.test_institutions import BY_PERSON, CODES, planned, world

from mpcstats.plan.physical import Physical, Release
from mpcstats.policy.magnitude import magnitudes
from mpcstats.records.catalogue import Catalogue

PERSONS = tuple(f"p{i}" for i in range(1, 13))
LIMIT = 100
Settled = tuple[tuple[str, str, int | None], ...]  # person, institution, fee
Costs = Mapping[str, tuple[tuple[str, str, int, int], ...]]  # person, institution, ward, cost
States = dict[int, tuple[bool, ...]]  # by ward: of the count and the columns, whether they are told


@dataclass(frozen=True)
class Asked:
    """The rules, and where a person lives."""

    release: Release
    wards: tuple[int, ...]


def ruled(plan: Physical, catalogue: Catalogue, release: Release) -> Physical:
    """The plan under the release's rules, as policy.derived would have it."""
    amounts = magnitudes(plan, catalogue)
    places = tuple(i for i, total in enumerate(plan.aggregate.totals) if total.name in amounts)
    gate = replace(plan.gate, releases=(release,), magnitudes=places)
    return replace(plan, steps=(*plan.steps[:-1], gate))


# The oracle: what stands behind a cell, person by person and row by row.


def amount_passes(parts: Sequence[int], own: Sequence[int], asked: Release) -> bool:
    """p% by who could estimate whom, (n,k) by size; `parts` has the rest as its last."""
    total = sum(parts)
    if not asked.on_contributions:
        return True
    if total == 0:
        return asked.zeros
    knowing = [{i} for i in range(len(parts))] + ([{*own}] if len(own) > 1 else [])
    for known, target in product(knowing, range(len(parts))):
        others = sum(x for i, x in enumerate(parts) if i not in known and i != target)
        if asked.p and target not in known and others * 100 < asked.p * parts[target]:
            return False
    if asked.largest is None:
        return True
    n, most = asked.largest
    return 100 * sum(sorted(parts)[-n:]) <= most * total


def contributors_pass(there: set[str], asked: Release) -> bool:
    if len(there) < asked.contributors:
        return False
    several = len({*asked.own}) > 1 and asked.contributors > 1
    return not several or len(there - {*asked.own}) >= asked.contributors - 1


def persons_pass(behind: int, others: int, asked: Release) -> bool:
    if behind < asked.k and not (asked.zeros and behind == 0):
        return False
    return complement_passes(others, asked)


def complement_passes(others: int, asked: Release) -> bool:
    return not asked.complement or others == 0 or others >= asked.k


def rank_passes(values: int, asked: Release) -> bool:
    """Of a median: so many values below it, and above."""
    place = (values + 1) // 2
    return min(place - 1, values - place) >= asked.k


def joint_states(rows: Settled, asked: Asked) -> States:
    """Of persons by ward with a bill: number, sum of fees, how many are above the limit, median.

    A person counts in the median for each of its institutions. How many are above the limit is no amount.
    """
    found: States = {}
    release = asked.release
    own = [CODES.index(str(code)) for code in release.own]
    for ward in sorted({*asked.wards}):
        mine = {p for p, w in zip(PERSONS, asked.wards, strict=True) if w == ward}
        bills = [row for row in rows if row[0] in mine]
        persons = {p for p, _, _ in bills}
        if len(persons) < release.k:
            continue
        fees = {p: [f for q, _, f in bills if q == p and f is not None] for p in persons}
        paid = {p for p in persons if fees[p]}
        over = {p for p in paid if sum(fees[p]) > LIMIT}
        there = {code for _, code, _ in bills}
        spent = [sum(f or 0 for _, code, f in bills if code == c) for c in CODES]
        lines = [len({p for p, code, _ in bills if code == c}) for c in CODES]
        enough = not release.on_amounts or contributors_pass(there, release)
        found[ward] = (
            True,
            persons_pass(len(paid), len(persons - paid), release)
            and enough
            and amount_passes([*spent, 0], own, release),
            persons_pass(len(over), len(persons - over), release),
            rank_passes(len(paid), release)
            and complement_passes(len(persons - paid), release)
            and enough
            and amount_passes([*lines, 0], own, release),
        )
    return found


def united_states(costs: Costs, release: Release) -> States:
    """Of the rows of two owners by ward: persons at one of them at least, and the sum of costs."""
    found: States = {}
    own = [CODES.index(str(code)) for code in release.own]
    for ward in range(1, 7):
        rows = {owner: [r for r in costs[owner] if r[2] == ward] for owner in costs}
        # No key joins them: each owner's own number is a lower bound.
        if max(len({p for p, *_ in each}) for each in rows.values()) < release.k:
            continue
        every = [row for each in rows.values() for row in each]
        there = {code for _, code, _, _ in every}
        spent = [sum(cost for _, code, _, cost in every if code == c) for c in CODES]
        enough = not release.on_amounts or contributors_pass(there, release)
        found[ward] = (True, enough and amount_passes([*spent, 0], own, release))
    return found


def at_most(count: int, rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The first so many rows of each person."""
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        seen[row[0]] = seen.get(row[0], 0) + 1
        if seen[row[0]] <= count:
            kept.append(row)
    return tuple(kept)


@st.composite
def releases(draw: st.DrawFn) -> Release:
    return Release(
        ("bureau",),
        draw(st.integers(2, 3)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([0, 10, 40])),
        draw(st.none() | st.sampled_from([(1, 70), (2, 90)])),
        draw(st.booleans()),
        draw(st.booleans()),
        own=draw(st.sampled_from([(), ("A", "B"), ("B", "C")])),
    )


PERSON = st.sampled_from(PERSONS)
BILLS = st.lists(
    st.tuples(PERSON, st.sampled_from(CODES), st.sampled_from([None, 0, 1, 10, 60, 101])),
    min_size=18,
    max_size=36,
).map(lambda rows: at_most(6, rows))
WARDS = st.tuples(*(st.integers(1, 3) for _ in PERSONS))


def costs_of(*codes: str) -> st.SearchStrategy[tuple[tuple[str, str, int, int], ...]]:
    row = st.tuples(
        PERSON, st.sampled_from(codes), st.integers(1, 4), st.sampled_from([0, 1, 10, 60])
    )
    return st.lists(row, min_size=8, max_size=24).map(lambda rows: at_most(4, rows))


def told(
    release: Release,
    text: str,
    rows: Settled = (),
    costs: Costs | None = None,
    wards: Sequence[int] = (1,) * len(PERSONS),
) -> States:
    """What the answer's states say, by ward, of all but the ward."""
    bills = [(p, code, 0, "" if fee is None else fee, 0, 0) for p, code, fee in rows]
    people = [(p, ward, LIMIT) for p, ward in zip(PERSONS, wards, strict=True)]
    with TemporaryDirectory() as folder:
        joint = world(Path(folder), bills, costs or {"h1": (), "h2": ()}, people)
        plan = planned(joint, text, k=release.k)
        answer = joint.answer(ruled(plan, joint.catalogue, release))
    return {
        int(str(row[0])): tuple(state == "value" for state in states[1:])
        for row, states in zip(answer.rows, answer.states, strict=True)
        if states[1] == "value"
    }


JOINT = BY_PERSON.format(
    summed="SUM(fee) AS x",
    asked="SUM(f.x) AS y, SUM(CASE WHEN f.x > q.limit_ THEN 1 ELSE 0 END) AS z, "
    "QUANTILE_DISC(f.x, 0.5) AS w",
)
UNITED = "SELECT ward, COUNT(*) AS n, SUM(cost) AS y FROM hospitals.cases GROUP BY ward ORDER BY 1"
STRICT = Release(("bureau",), 2, 2, 10, (1, 70), complement=True)
ROWS: Settled = (
    ("p1", "A", 60), ("p2", "B", 60), ("p3", "C", 60), ("p1", "C", 1),
    ("p4", "A", 101), ("p5", "B", 60), ("p5", "B", 60), ("p6", "C", None),
    ("p7", "B", 10), ("p8", "B", 10), ("p9", "B", 0),
)  # fmt: skip
LIVES = (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3)


@settings(max_examples=16)
@given(release=releases(), rows=BILLS, wards=WARDS)
@example(release=STRICT, rows=ROWS, wards=LIVES)
def test_a_joint_questions_states_are_what_the_rules_say_of_the_rows(
    release: Release, rows: Settled, wards: tuple[int, ...]
) -> None:
    assert told(release, JOINT, rows, wards=wards) == joint_states(rows, Asked(release, wards))


@settings(max_examples=16)
@given(
    release=releases(),
    costs=st.fixed_dictionaries({"h1": costs_of("A", "B"), "h2": costs_of("B", "C")}),
)
def test_a_unions_states_are_what_the_rules_say_of_the_rows(release: Release, costs: Costs) -> None:
    assert told(release, UNITED, costs=costs) == united_states(costs, release)


def test_every_rule_decides_something_of_the_example() -> None:
    """Negative control: with one rule less, or another own institution, the oracle says something else."""
    asked = Asked(STRICT, LIVES)
    base = joint_states(ROWS, asked)
    free = Release(("bureau",), 2)
    alone = [
        replace(free, contributors=2), replace(free, p=10), replace(free, largest=(1, 70)),
        replace(free, complement=True), replace(free, zeros=True), replace(free, k=3),
        replace(free, p=10, own=("A", "B")),
    ]  # fmt: skip
    seen = [joint_states(ROWS, Asked(release, LIVES)) for release in (free, *alone)]
    assert base != seen[0]
    assert all(one != seen[0] for one in seen[1:])
    assert all(one != other for one, other in combinations([seen[2], seen[7]], 2))
