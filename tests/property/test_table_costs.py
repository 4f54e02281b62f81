"""What steps on shared tables are said to cost holds for what they send: exactly where it says so, else as a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import plans
from tests.joint import Joint
from tests.plans import CLAIMS, READMITTED, SHARED, STAY, called, changed, number

from mpcstats.cards.load import load_cards
from mpcstats.engines.rep3 import Rep3
from mpcstats.party.data.given import GivenColumn, in_runs
from mpcstats.party.data.sources import Rows
from mpcstats.party.tables.play import play_tables
from mpcstats.party.tables.stage import Stage
from mpcstats.plan import tables
from mpcstats.plan.cells import GroupKey
from mpcstats.plan.cost import StepCost, estimate
from mpcstats.plan.physical import Fragment, Outcome, Physical
from mpcstats.plan.tables import Aggregate, Column, Computed, TableStep
from mpcstats.session import Session
from mpcstats.testing import Outcome as Played
from mpcstats.testing import run_together

CARDS = load_cards()
PACK = Path(__file__).parents[2].parent / "shared" / "domain"


def smaller(plan: Physical, factor: int = 40) -> Physical:
    """The plan with smaller bounds on rows."""
    fragments = tuple(replace(f, rows=f.rows // factor) for f in plan.fragments)
    return replace(plan, fragments=fragments)


def made_up(fragment: Fragment, seed: int) -> Rows:
    """Rows within the fragment's bounds; keys are distinct, and some are those of other fragments."""
    rng = np.random.default_rng(seed)
    count = fragment.rows - fragment.rows // 8
    columns = {}
    for column in fragment.columns:
        known = rng.random(count) < (0.8 if column.nullable else 1.0)
        if column.kind == "digest":
            keys = np.arange(count, dtype=np.uint64) * np.uint64(seed % 2 + 1)
            values = np.stack([keys, keys], axis=1) * known[:, None].astype(np.uint64)
        else:
            drawn = rng.integers(column.minimum, column.maximum + 1, count)
            values = np.where(known, drawn, 0).astype(np.int64).view(np.uint64)
        columns[column.name] = GivenColumn(values, known)
    return Rows(np.empty((0, 2), dtype=np.uint64), {}, {}, columns)


def in_order(plan: Physical, fragment: Fragment, rows: Rows) -> Rows:
    """The rows as their owner brings them."""
    return replace(rows, columns=in_runs(plan, fragment, rows.columns))


def play(plan: Physical) -> Played[None]:
    """All steps on shared tables, up to the outcome."""
    rows = {f.name: in_order(plan, f, made_up(f, seed)) for seed, f in enumerate(plan.fragments)}
    owners = {f.name: f.owner for f in plan.fragments}
    steps = [step for step in plan.steps if isinstance(step, TableStep)]
    (last,) = (step for step in plan.steps if isinstance(step, Outcome))

    async def body(session: Session) -> None:
        own = {name: rows[name] for name, owner in owners.items() if owner == session.me}
        stage = Stage(Rep3(plan.compute), plan, own)
        await play_tables(session, stage, steps, last, on_step=lambda _: None)

    return run_together(plan.parties, body)


def sent_by(played: Played[None], plan: Physical, step: str) -> dict[str, int]:
    found = dict.fromkeys(plan.parties, 0)
    for (party, path), size in played.traffic.bytes_by_step.items():
        if path.startswith((f"run/{step}/", f"run/{step}#")):
            found[party] += size
    return found


def costs(plan: Physical) -> Mapping[str, StepCost]:
    return {step.step: step for step in estimate(plan, CARDS).steps}


def check(plan: Physical, *, loose: float = 4.0) -> None:
    """Bytes of every step, party by party, and rounds of all."""
    played, said = play(plan), costs(plan)
    for step in plan.steps[:-1]:
        sent, cost = sent_by(played, plan, step.name), said[step.name]
        bound = {party: cost.bytes_sent.get(party, 0) for party in plan.parties}
        if cost.exact:
            assert sent == bound, (step.name, sent, bound)
        assert all(sent[p] <= bound[p] for p in sent), (step.name, sent, bound)
        assert sum(bound.values()) <= loose * sum(sent.values()) + 8192, (step.name, sent, bound)
    rounds = estimate(plan, CARDS).rounds - said["gate"].rounds
    assert played.traffic.rounds <= rounds


@pytest.mark.parametrize("name", ["STAY", "READMITTED", "SHARED"])
def test_whole_plans(name: str) -> None:
    check(smaller(getattr(plans, name)))


def with_repeats(plan: Physical, keys: int) -> Physical:
    for owner in plans.HOSPITALS:
        plan = changed(plan, f"find_{owner}", distinct=keys)
    return plan


def test_a_find_of_repeated_keys_is_expanded() -> None:
    check(with_repeats(smaller(STAY), 480))


@pytest.mark.parametrize("distinct", [None, 480])
def test_a_find_of_texts_and_flags(distinct: int | None) -> None:
    more = (plans.digest("diag_main_h1"), replace(plans.flag("died_h1"), nullable=True))
    fragments = tuple(
        replace(f, columns=(*f.columns, *more)) if f.name == "c_h1" else f for f in STAY.fragments
    )
    plan = smaller(replace(STAY, fragments=fragments))
    columns = (*plan.fragment("c_h1").columns[1:],)
    check(changed(plan, "find_h1", columns=columns, distinct=distinct))


def moved_outside(plan: Physical) -> Physical:
    """The settlements at h2, who computes nothing."""
    fragments = tuple(replace(f, owner="h2") if f.name == "s" else f for f in plan.fragments)
    moved = replace(plan, fragments=fragments)
    steps = tuple(s for s in moved.steps if s.name != "find_h2")
    moved = replace(moved, steps=steps)
    moved = changed(moved, "find_h1", helper="bureau")
    moved = changed(moved, "find_h3", of="find_h1", helper="bureau")
    fee = called("least", "tot_fee_h1", "tot_fee_h3")
    days = called("coalesce", "act_ipt_days_h1", "act_ipt_days_h3")
    columns = (
        Computed(number("fee", 0, plans.FEE), fee),
        Computed(number("days", 0, 400), days),
        Computed(plans.flag("in_case"), called("not", called("isnull", "tot_fee_h1"))),
    )
    return changed(moved, "joined", columns=columns, keep=called("or", "hit_h1", "hit_h3"))


@pytest.mark.parametrize("distinct", [None, 340])
def test_an_owner_who_does_not_compute(distinct: int | None) -> None:
    plan = smaller(moved_outside(STAY))
    for name in ("find_h1", "find_h3"):
        plan = changed(plan, name, distinct=distinct)
    check(plan)


@pytest.mark.parametrize(("kind", "most"), [("left", 2), ("inner", 3), ("left", 1)])
def test_matches_of_several_rows(kind: str, most: int) -> None:
    plan = changed(smaller(SHARED), "insured_claims", kind=kind, most=most)
    cell = called("coalesce", "insutype_e", 0)
    column = Computed(number("cell", 0, 1), cell)
    plan = changed(plan, "persons", of="coded", keys=(plans.CLAIMED[0], number("cell", 0, 1)))
    coded = tables.Derive("coded", ("insured_claims",), (column,))
    steps = []
    for each in plan.steps:
        steps += [each, coded] if each.name == "insured_claims" else [each]
    plan = replace(plan, steps=tuple(steps))
    for name in ("counts", "extremes", "median", "spread"):
        plan = changed(plan, name, cell="cell")
    check(plan)


def test_groups_that_an_owner_knows() -> None:
    """The bureau's persons by type, and a claims' owner outside by person."""
    for fragment, owner in (("e", "bureau"), ("c_q", "q")):
        columns = plans.PERSONS if fragment == "e" else plans.CLAIMED
        key = columns[0]
        given = tables.Give("rows", (fragment,), columns[1:])
        grouped = tables.GroupOwned(
            "groups",
            "rows",
            fragment,
            (key,),
            (
                Aggregate(number("n_rows", 0, 4_000), "count"),
                Aggregate(number("added", 0, plans.FEE * 4_000), "sum", columns[1].name),
            ),
            40,
        )
        counted = tables.Tally(
            "counts",
            "groups",
            None,
            1,
            (
                Aggregate(number("n", 0, 4_000), "count"),
                Aggregate(number("more", 0, plans.FEE * 4_000), "sum", "added"),
            ),
        )
        outcome = Outcome("outcome", "counts", (), (plans.total("n", 4_000),), ("n",))
        steps = (given, grouped, counted, outcome, SHARED.steps[-1])
        plan = smaller(replace(SHARED, steps=steps, output=()), 20)
        assert plan.fragment(fragment).owner == owner
        check(plan)


def test_groups_that_flags_tell_apart() -> None:
    """The bureau's persons by type, all of whom have the second of two flags."""
    apart = (
        replace(number("none", 0, 0), nullable=False),
        replace(number("all", 1, 1), nullable=False),
    )
    key, value = plans.PERSONS[:2]
    most = (value.maximum or 1) * 4_000
    aggregates = (
        Aggregate(number("n_rows", 0, 4_000), "count"),
        Aggregate(number("n_all", 0, 4_000), "count", None, "all"),
        Aggregate(number("added", 0, most), "sum", value.name),
        Aggregate(number("added_none", 0, most), "sum", value.name, "none"),
    )
    given = tables.Give("rows", ("e",), plans.PERSONS[1:])
    grouped = tables.GroupOwned("groups", "rows", "e", (key,), aggregates, 40, apart)
    counted = tables.Tally(
        "counts", "groups", None, 1, (Aggregate(number("n", 0, 4_000), "count"),)
    )
    outcome = Outcome("outcome", "counts", (), (plans.total("n", 4_000),), ("n",))
    fragments = tuple(
        replace(f, columns=(*f.columns, *apart)) if f.name == "e" else f for f in SHARED.fragments
    )
    steps = (given, grouped, counted, outcome, SHARED.steps[-1])
    check(smaller(replace(SHARED, fragments=fragments, steps=steps, output=()), 20))


@pytest.mark.parametrize("cells", [1, 4])
def test_sums_under_flags(cells: int) -> None:
    """Of a column that may be NULL and of one that may not, in rows that may not be there."""
    _, value, day = plans.CLAIMED[:3]
    late = Computed(plans.flag("late"), called("lt", day.minimum + 40, day.name))
    cell = Computed(number("cell", 0, 3), called("mod", called("sub", day.name, day.minimum), 4))
    coded = tables.Derive("coded", ("rows",), (late, cell))
    most = plans.FEE * 4_000
    aggregates = (
        Aggregate(number("n", 0, 4_000), "count"),
        Aggregate(number("added", -most, most), "sum", value.name),
        Aggregate(number("added_late", -most, most), "sum", value.name, "late"),
        Aggregate(number("n_late", 0, 4_000), "sum", "late"),
        Aggregate(number("days", 0, most), "sum", day.name, "late"),
        Aggregate(number("first", 0, 4_000), "count", only=(0,)),
    )
    tally = tables.Tally("counts", "coded", "cell" if cells > 1 else None, cells, aggregates)
    groups = (GroupKey("counts", "cell", (0, 1, 2, 3)),) if cells > 1 else ()
    outcome = Outcome("outcome", "counts", groups, (plans.total("n", 4_000),), ("n",))
    steps = (tables.Give("rows", ("c_p",), plans.CLAIMED), coded, tally, outcome, SHARED.steps[-1])
    check(smaller(replace(SHARED, steps=steps, output=()), 20))


@pytest.mark.parametrize("way", ["key", "cell", "window"])
@pytest.mark.parametrize("cells", [2, 60])
def test_persons_that_count_once(way: str, cells: int) -> None:
    """Flags counted on bits, and for many cells as numbers; the cell in the key or on shares."""
    person, day = plans.CLAIMED[0], plans.CLAIMED[2]
    given = tables.Give("rows", ("c_p",), plans.CLAIMED)
    few = called("sub", day.name, day.minimum)
    coded = tables.Derive(
        "coded",
        ("rows",),
        (
            Computed(number("cell", 0, cells - 1), called("least", few, cells - 1)),
            Computed(plans.flag("late"), called("lt", day.minimum + 40, day.name)),
        ),
    )
    flags = (
        tables.Flagged(plans.flag("someone"), None),
        tables.Flagged(plans.flag("someone_late"), "late"),
    )
    window = tables.Neighbours(
        "window", "coded", (person.name,), (), (tables.Neighbour(plans.flag("starts"), "starts"),)
    )
    first = tables.Firsts("first", "coded", "c_p", (person,), None, None, 1, flags)
    if way == "cell":
        first = replace(first, cell="cell", cells=cells)
    if way == "window":
        first = replace(first, of="window", fragment=None, keys=(), starts="starts")
    sums = [
        Aggregate(number("n", 0, 4_000), "sum", "someone"),
        Aggregate(number("n_late", 0, 4_000), "sum", "someone_late"),
        Aggregate(number("paid", 0, plans.FEE * 4_000), "sum", plans.CLAIMED[1].name),
    ]
    tally = tables.Tally("counts", "first", "cell", cells, tuple(sums))
    labels = GroupKey("counts", "g0", tuple(range(cells)))
    outcome = Outcome("outcome", "counts", (labels,), (plans.total("n", 4_000),), ("n",))
    extra = (window,) if way == "window" else ()
    steps = (given, coded, *extra, first, tally, outcome, SHARED.steps[-1])
    plan = smaller(replace(SHARED, steps=steps, output=()), 1)
    plan = replace(plan, fragments=(plan.fragment("c_p"),))
    check(plan)


def nullable_days(plan: Physical) -> Physical:
    """The report days may be NULL, and are the keys, the values and the spreads of later steps."""
    day = replace(plans.CLAIMED[2], nullable=True)
    columns = (*plans.CLAIMED[:2], day)
    fragments = tuple(
        replace(f, columns=columns) if f.name in ("c_p", "c_q") else f for f in plan.fragments
    )
    plan = replace(plan, fragments=fragments)
    for owner in CLAIMS:
        plan = changed(plan, f"claims_{owner}", columns=columns)
    aggregates = (
        Aggregate(number("n_claims", 0, plans.N_CLAIMS), "count", day.name),
        Aggregate(number("paid", 0, plans.FEE * plans.N_CLAIMS), "sum", day.name),
        Aggregate(number("last_day", 19_723, 20_453), "max", day.name),
        Aggregate(number("most_paid", 0, plans.FEE), "min", "paid_amt_c"),
    )
    keys = (plans.CLAIMED[0], plans.PERSONS[1], day)
    return changed(plan, "persons", aggregates=aggregates, keys=keys)


def test_columns_that_may_be_null() -> None:
    check(smaller(nullable_days(SHARED)))


def test_a_window_with_numbers_and_distances() -> None:
    functions = (
        tables.Neighbour(number("next_day", 19_723, 20_200, nullable=True), "lead", "adm_day_u", 2),
        tables.Neighbour(digest_of("next_cat"), "lag", "cat_u"),
        tables.Neighbour(number("place", 1, plans.STAYS), "row_number"),
        tables.Neighbour(number("way", 1, 9, nullable=True), "lag", "dscg_way_u"),
    )
    order = (tables.Order("dscg_way_u", descending=True, nulls_first=True),)
    check(smaller(changed(READMITTED, "later", functions=functions, order=order)))


def digest_of(name: str) -> Column:
    return plans.digest(name)


def test_distinct_values_of_one_cell() -> None:
    plan = changed(
        READMITTED,
        "outcome",
        of="kinds",
        totals=(plans.total("n_kinds", plans.STAYS),),
        persons=("n_kinds",),
    )
    kinds = tables.Spread(
        "kinds",
        "again",
        None,
        1,
        (
            Aggregate(number("n_kinds", 0, plans.STAYS), "distinct", "cat_u"),
            Aggregate(number("n_ways", 0, plans.STAYS), "distinct", "dscg_way_u"),
        ),
    )
    steps = tuple(kinds if step.name == "all" else step for step in plan.steps)
    check(smaller(replace(plan, steps=steps)))


def test_a_deviation_in_128_bits() -> None:
    wide = 2**126 - 1
    plan = changed(
        SHARED,
        "spread",
        value="paid",
        numerator=Column("over", "wide", 0, wide),
    )
    plan = changed(
        plan,
        "persons",
        aggregates=(
            Aggregate(number("n_claims", 0, 99), "count"),
            Aggregate(number("paid", 0, 2**40), "sum", "paid_amt_c"),
            Aggregate(number("last_day", 19_723, 20_453), "max", "report_day_c"),
        ),
    )
    check(smaller(plan))


def test_too_little_is_seen() -> None:
    """Negative control: the costs of the plan with bounds half as large."""
    plan = smaller(STAY)
    played, said = play(plan), costs(smaller(STAY, 80))
    for step in ("settled", "find_h1", "joined", "counted"):
        sent = sent_by(played, plan, step)
        assert any(sent[party] > said[step].bytes_sent.get(party, 0) for party in sent)


@pytest.mark.skipif(not PACK.is_dir(), reason="the domain pack is not beside the checkout")
@pytest.mark.parametrize("name", ["Q02", "Q06", "Q09", "Q11"])
def test_plans_of_the_planner(name: str) -> None:
    joint = Joint.of_local(plans.CATALOGUE_FILE.parent / "local.toml", data=PACK / "data")
    plan = joint.plan((PACK / "questions" / f"{name}.sql").read_text(encoding="utf-8"))
    check(smaller(plan, 200))
