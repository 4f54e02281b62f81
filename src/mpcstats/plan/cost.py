"""What a plan costs, from the cards' formulas: who plays which role how often, and the public sizes.

A party's bytes at a step are the sum, over the roles that it plays there, of times * formula(sizes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mpcstats.cards.load import Cards
from mpcstats.errors import InternalError
from mpcstats.plan import physical as plans
from mpcstats.plan.flow import on_tables
from mpcstats.plan.gatecost import gate_sizes
from mpcstats.plan.grouproles import group_roles
from mpcstats.plan.needs import tables_of
from mpcstats.plan.offer import SHAMIR
from mpcstats.plan.paircost import private_join
from mpcstats.plan.physical import Physical
from mpcstats.plan.sizing import Sizing, everyone, outside, owned, seated, then, worked
from mpcstats.plan.sumcost import opened, partial_sum_sizing, sum_sizing
from mpcstats.plan.tablecost import table_sizings
from mpcstats.plan.work import anded


@dataclass(frozen=True, slots=True)
class StepCost:
    """Rounds of one step and payload bytes that each party sends in it; `exact`: bytes are; else they are a bound.

    `work`: seconds of the busiest party's own computing beyond what goes with its bytes.
    """

    step: str
    card: str
    exact: bool
    rounds_exact: bool
    rounds: int
    bytes_sent: Mapping[str, int]
    work: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost of a whole plan. Lookups run side by side, and so do steps on shared tables: their rounds coincide."""

    steps: tuple[StepCost, ...]
    rounds: int
    bytes_sent: Mapping[str, int]

    @property
    def total_bytes(self) -> int:
        """Payload bytes over all parties."""
        return sum(self.bytes_sent.values())

    @property
    def exact(self) -> bool:
        """Whether bytes are exact; else they are a bound."""
        return all(step.exact for step in self.steps)

    def seconds(self, network: Network) -> float:
        """An estimate of the time from handshake to answer, in seconds: it knows neither the machines nor their load.

        Rounds wait for the latency and for processes to wake, the busiest party's bytes for its line, and all for
        local work.
        """
        busiest = max(self.bytes_sent.values(), default=0)
        return (
            self.rounds * (network.latency + WORK_A_ROUND)
            + busiest / network.bytes_a_second
            + self.total_bytes * WORK_A_BYTE
            + sum(step.work for step in self.steps)
        )


@dataclass(frozen=True, slots=True)
class Network:
    """A network: one-way latency in seconds, and what a party can send; infinite where the network is the machine."""

    name: str
    latency: float
    bytes_a_second: float


# docs/benchmarks.md, loopback, 10^6 rows, three parties on two cores: a lookup join of 123 MB takes 0.72 s, a cohort
# count of 16.5 MB 0.092 s, a sum of 24 MB 0.158 s: 5.6 to 6.6 ns a byte over all parties, whatever the step.
WORK_A_BYTE = 6e-9
# A round costs a process its waking and some bookkeeping, however small: 64 divisions on such a machine take 100 rounds
# and 0.17 s (`mpcstats bench divide --rows 64`); on a busy one twice that.
WORK_A_ROUND = 1.7e-3


def estimate(plan: Physical, cards: Cards) -> Estimate:
    """Cost of `plan` by the formulas of `cards`. Raises UsageError for an unknown card or size."""
    return estimated(plan, sizings(plan), cards)


def affordable(plan: Physical, cards: Cards) -> Estimate | None:
    """As `estimate`; None where a protocol of the plan has no card for its engine: nobody knows its cost."""
    given = sizings(plan)
    known = all(
        part.card in cards and plan.engine in cards[part.card].parties.engines
        for sizing in given
        for part in sizing.parts
    )
    return estimated(plan, given, cards) if known else None


def estimated(plan: Physical, given: Sequence[Sizing], cards: Cards) -> Estimate:
    """As `estimate`, of the plan's sizings."""
    steps = tuple(spent(sizing, cards, plan) for sizing in given)
    total: Counter[str] = Counter()
    for step in steps:
        total.update(step.bytes_sent)
    return Estimate(steps, _rounds(plan, {step.step: step.rounds for step in steps}), dict(total))


def spent(sizing: Sizing, cards: Cards, plan: Physical) -> StepCost:
    """What one step of `plan` costs: the protocols that it is composed of one after another, the runs of each side by
    side.
    """
    sent: Counter[str] = Counter()
    rounds = 0
    seats = {"parties": len(plan.compute), "threshold": plan.tolerated}
    for part in sizing.parts:
        cost = cards[part.card].cost_on(plan.engine)
        for run in part.runs:
            for (role, party), times in _roles(run, plan).items():
                # Another engine's roles are among them where a protocol has several: these send nothing on this one.
                if role in cost.bytes or plan.engine not in cards[part.card].settings:
                    sent[party] += times * cost.bytes[role].evaluate({**run.sizes, **seats})
        rounds += max(
            cost.rounds.evaluate({**run.sizes, **seats}) if run.roles else 0 for run in part.runs
        )
    played = [cards[part.card].cost_on(plan.engine) for part in sizing.parts if part.roles]
    held = all(part.exact for part in sizing.parts)
    return StepCost(
        sizing.step,
        sizing.card,
        held and all(cost.kind == "exact" for cost in played),
        held and all(cost.rounds_kind == "exact" for cost in played) and not sizing.then,
        rounds,
        dict(sent),
        sizing.work,
    )


def _roles(run: Sizing, plan: Physical) -> Mapping[tuple[str, str], int]:
    """Who plays what in a run: on shamir, where all compute parties take part, by their places in the group too."""
    times = run.roles.get(("compute", plan.compute[0]), 0)
    if plan.engine != SHAMIR or not times or ("dealer", plan.compute[0]) in run.roles:
        return run.roles
    placed = group_roles(plan.compute, plan.tolerated)
    return {**{name: times * count for name, count in placed.items()}, **run.roles}


def _rounds(plan: Physical, rounds: Mapping[str, int]) -> int:
    """Of the whole plan: lookups run side by side, and so do steps on shared tables once their tables are there."""
    lookups = [rounds[step.name] for step in plan.steps if isinstance(step, plans.Lookup)]
    waves = [max(rounds[name] for name in wave) for wave in waves_of(plan)]
    single = (
        plans.Cohort,
        plans.Sum,
        plans.PrivateJoin,
        plans.Outcome,
        plans.Comparison,
        plans.Noise,
        plans.Gate,
    )
    others = [rounds[step.name] for step in plan.steps if isinstance(step, single)]
    return max(lookups, default=0) + sum(waves) + sum(others)


def waves_of(plan: Physical) -> tuple[tuple[str, ...], ...]:
    """The steps that make shared tables, by name: each wave is played when those before are done."""
    done: dict[str, int] = {}
    for step in on_tables(plan):
        if not isinstance(step, plans.Outcome):
            done[step.name] = 1 + max((done[name] for name in tables_of(step)), default=0)
    numbers = range(1, max(done.values(), default=0) + 1)
    return tuple(tuple(name for name in done if done[name] == number) for number in numbers)


def sizings(plan: Physical) -> tuple[Sizing, ...]:
    """The public sizes and roles of every step, in order."""
    shared = {sizing.step: sizing for sizing in table_sizings(plan)}
    found = []
    for step in plan.steps:
        match step:
            case plans.Lookup():
                found.append(_lookup(plan, step))
            case plans.Cohort():
                found.append(_CohortCount(plan, step).sizing())
            case plans.PartialSum():
                found.append(partial_sum_sizing(plan, step))
            case plans.Sum():
                found.append(sum_sizing(plan, step))
            case plans.PrivateJoin():
                found.append(private_join(plan, step))
            case plans.JoinGate():
                found.append(Sizing(step.name, step.card, {}, {}))  # the join has done it
            case plans.KeptGate():
                found.append(opened(plan, step))
            case plans.Comparison():
                found.append(_comparison(plan, step))
            case plans.Noise():
                found.append(_noise(plan, step))
            case plans.Gate():
                found.append(_gate(plan, step))
            case _ if step.name in shared:
                found.append(shared[step.name])
            case _:
                raise InternalError(f"expected a step with a known cost, got {step.name}")
    return tuple(found)


def protocols(plan: Physical) -> dict[str, tuple[str, ...]]:
    """For each step of `plan`, by name, the cards of the protocols that play in it, its own first."""
    found: dict[str, tuple[str, ...]] = {step.name: (step.card,) for step in plan.steps}
    return found | played(table_sizings(plan))


def played(given: Sequence[Sizing]) -> dict[str, tuple[str, ...]]:
    """As `protocols`, of sizings."""
    return {
        sizing.step: tuple(dict.fromkeys(part.card for part in sizing.parts)) for sizing in given
    }


def public_sizes(plan: Physical) -> dict[str, int]:
    """Every public size of the plan under a name of its own: what parties compare before they begin."""
    rows = {f"{fragment.name} rows": fragment.rows for fragment in plan.fragments}
    parts = [part for sizing in sizings(plan) for part in sizing.parts]
    runs = [run for part in parts for run in part.runs]
    sizes = {f"{run.step} {name}": size for run in runs for name, size in run.sizes.items()}
    return {**rows, **sizes}


def _everyone(plan: Physical) -> dict[tuple[str, str], int]:
    return {("compute", party): 1 for party in plan.compute}


def _lookup(plan: Physical, step: plans.Lookup) -> Sizing:
    left, right = plan.fragment(step.left), plan.fragment(step.right)
    sizes = {
        "left_rows": left.rows,
        "right_rows": right.rows,
        "values": len(right.values) + len(right.codes),
        "left_outside": int(left.owner not in plan.compute),
    }
    roles = {("left", left.owner): 1, ("right", right.owner): 1, ("helper", step.helper): 1}
    return Sizing(step.name, step.card, sizes, {**roles, **_everyone(plan)})


def _comparison(plan: Physical, step: plans.Comparison) -> Sizing:
    owner = plan.fragment(step.everybody).owner
    holders = {("holder", party): 1 for party in dict.fromkeys((*plan.compute, owner))}
    sizes = {
        "cells": plan.cells,
        "several": int(plan.cells > 1),
        "depth": step.cells,
        "capacity": step.persons,
        "moved": -(-plan.cells // 64),
        "outside": outside(plan, owner),
    }
    roles = everyone(plan) + seated(plan, 0) + owned(plan, owner) + Counter(holders)
    found = Sizing(step.name, step.card, sizes, dict(roles))
    if step.along is None:
        return found
    # Of a shared table it has to be found which of the rows in a cell are there.
    rows = plan.fragment(step.along.spine).rows
    return then(found, worked(plan, step.name, anded(len(step.along.cells)), rows=rows))


def _noise(plan: Physical, step: plans.Noise) -> Sizing:
    owners = dict.fromkeys(fragment.owner for fragment in plan.fragments)
    places = {owner: "inside" if owner in plan.compute else "outside" for owner in owners}
    roles = {(f"provider_{place}", owner): 1 for owner, place in places.items()}
    sizes = {"elements": plan.cells * len(step.columns), "providers": len(owners)}
    return Sizing(step.name, step.card, sizes, {**roles, **_everyone(plan)})


def _gate(plan: Physical, step: plans.Gate) -> Sizing:
    first, *others = step.releases
    beside = [
        _release(plan, step, release, f"{step.name}/release{i}")
        for i, release in enumerate(others, 1)
    ]
    found = _release(plan, step, first, step.name)
    then = tuple(run for sizing in (found, *beside) for run in sizing.then)
    return replace(found, beside=tuple(replace(b, then=()) for b in beside), then=then)


def _release(plan: Physical, gate: plans.Gate, release: plans.Release, name: str) -> Sizing:
    roles: Counter[tuple[str, str]] = Counter(_everyone(plan))
    roles["seat0", plan.compute[0]] += 1
    for recipient in release.recipients:
        if recipient in plan.compute:
            seat = plan.compute.index(recipient)
            roles["before_recipient", plan.compute[seat - 1]] += 1
            roles["after_recipient", plan.compute[(seat + 1) % len(plan.compute)]] += 1
    inside = sum(recipient in plan.compute for recipient in release.recipients)
    columns = range(len(plan.aggregate.totals)) if release.columns is None else release.columns
    sizes = {
        "cells": plan.cells if release.cells is None else len(release.cells),
        **gate_sizes(plan.tests, release, columns, gate.magnitudes),
        "inside_recipients": inside,
        "outside_recipients": len(release.recipients) - inside,
    }
    if plan.engine == SHAMIR:
        roles.update(group_roles(plan.compute, plan.tolerated, recipients=release.recipients))
    return Sizing(name, gate.card, sizes, dict(roles), then=_margins(plan, gate, release, name))


def _margins(
    plan: Physical, gate: plans.Gate, release: plans.Release, name: str
) -> tuple[Sizing, ...]:
    """What the gate does so that totals do not tell of the cells beside them."""
    step, tests = plan.aggregate, plan.tests
    if not isinstance(step, plans.Outcome) or step.beside is None:
        return ()
    if release.k == 1 and not release.on_amounts:
        return ()
    columns = range(len(step.totals)) if release.columns is None else release.columns
    opened = gate_sizes(tests, release, columns, gate.magnitudes)["opened"]
    sizes = {
        "cells": plan.cells,
        "columns": len(columns),
        "rows": opened,
        "released": opened - len({*columns} & {*tests.nullable}),
    }
    roles = Counter(_everyone(plan))
    roles["seat0", plan.compute[0]] += 1
    return (Sizing(f"{name}/margins", "margins", sizes, dict(roles)),)


class _CohortCount:
    """Counts what protocols.cohort_count does; spec.md numbers the steps."""

    def __init__(self, plan: Physical, step: plans.Cohort) -> None:
        self.plan = plan
        self.step = step
        self.owner = plan.fragment(step.spine).owner
        self.roles: Counter[tuple[str, str]] = Counter(_everyone(plan))
        self.sizes = dict.fromkeys(
            ("ands", "masked_sums", "converted", "products", "dots", "outside_inputs"), 0
        )
        self.sizes["rows"] = plan.fragment(step.spine).rows

    def sizing(self) -> Sizing:
        """All of the step."""
        input_rounds = max(self._spine_rows(), self._codes(), self._criterion(self.step.criterion))
        self.sizes["input_rounds"] = input_rounds
        self.sizes["cell_rounds"] = self._cells()
        self.sizes["under_rounds"] = self._under()
        self.sizes["total_rounds"] = self._totals()
        return Sizing(self.step.name, self.step.card, self.sizes, dict(self.roles))

    def _put_in(self, kind: str, owner: str, times: int) -> int:
        """Note an input of `times` rows or columns in one array; its rounds."""
        if owner in self.plan.compute:
            self.roles[f"{kind}_inside", owner] += times
            return 1
        self.roles[f"{kind}_outside", owner] += times
        self.roles["outside_input", owner] += 1
        self.sizes["outside_inputs"] += 1
        return 2

    def _spine_rows(self) -> int:
        width = 1
        for group in self.step.groups:
            if group.source == plans.SPINE:
                width *= len(group.labels)
        return self._put_in("bit_row", self.owner, width)

    def _codes(self) -> int:
        rounds = 0
        for group in self.step.groups:
            if group.source != plans.SPINE:
                labels = len(group.labels)
                width = max(1, (labels - 1).bit_length())
                put_in = [
                    self._put_in("bit_row", owner, width * labels)
                    for owner in self._holders(group.source)
                ]
                self.sizes["ands"] += (width - 1) * labels
                rounds = max(rounds, max(put_in) + _log2_ceil(width))
        return rounds

    def _criterion(self, criterion: plans.Criterion) -> int:
        """Notes the ands; the rounds."""
        if isinstance(criterion, plans.Not):
            return self._criterion(criterion.of)
        if isinstance(criterion, plans.All | plans.Any):
            self.sizes["ands"] += len(criterion.of) - 1
            return max(self._criterion(part) for part in criterion.of) + _log2_ceil(
                len(criterion.of)
            )
        return 0

    def _cells(self) -> int:
        held = sum(group.source != plans.SPINE for group in self.step.groups)
        operands = 1 + held + (not isinstance(self.step.criterion, plans.Always))
        self.sizes["ands"] += (operands - 1) * self.plan.cells
        return _log2_ceil(operands)

    def _under(self) -> int:
        sets = {term.under for total in self.step.totals for term in total.terms if term.under}
        self.sizes["ands"] += sum(len(under) - 1 + self.plan.cells for under in sets)
        return max((_log2_ceil(len(under)) + 1 for under in sets), default=0)

    def _totals(self) -> int:
        terms = [term for total in self.step.totals for term in total.terms]
        counts = {(), *(term.under for term in terms if not term.factors)}
        holders = [self.plan.compute[0]] * len(counts)
        multiplied = []
        for term in terms:
            owners = [o for ref in term.factors for o in self._holders(ref.source)]
            if len(term.factors) == 1 and all(o in self.plan.compute for o in owners):
                holders += owners
            elif term.factors:
                multiplied.append(term)
        for holder in holders:
            self.roles["masked", holder] += self.plan.cells
        self.sizes["masked_sums"] = len(holders) * self.plan.cells
        return max(2, self._multiplied(multiplied))

    def _multiplied(self, terms: list[plans.Term]) -> int:
        if not terms:
            return 0
        cells = self.plan.cells
        self.sizes["converted"] = len({term.under for term in terms}) * cells
        refs = dict.fromkeys(ref for term in terms for ref in term.factors)
        put_in = [self._put_in("column", o, 1) for ref in refs for o in self._holders(ref.source)]
        self.sizes["products"] = sum(len(term.factors) - 1 for term in terms)
        self.sizes["dots"] = len(terms) * cells
        return max(2, max(put_in) + max(len(term.factors) - 1 for term in terms)) + 1

    def _holders(self, source: str) -> tuple[str, ...]:
        """Who knows a summand of the source's columns."""
        if source == plans.SPINE:
            return (self.owner,)
        return (self.owner, self.plan.lookup(source).helper)


def _log2_ceil(n: int) -> int:
    return (n - 1).bit_length() if n > 1 else 0
