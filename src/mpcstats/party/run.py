"""Running a permitted plan: the coroutine that every party plays, from its own rows to the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.shamir import Shamir
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.answer import Answer, answer
from mpcstats.party.data.sources import Rows
from mpcstats.party.keeping import Keeping
from mpcstats.party.left import open_left
from mpcstats.party.noise import OwnNoise, noised
from mpcstats.party.pairs import play_join
from mpcstats.party.past.comparing import Past, compared
from mpcstats.party.received import cells_of, columns_of
from mpcstats.party.registry import engine_for
from mpcstats.party.tables.members import members_of
from mpcstats.party.tables.play import play_tables
from mpcstats.party.tables.stage import Stage
from mpcstats.plan import physical as plans
from mpcstats.plan.tables import TableStep
from mpcstats.policy.permit import Permit
from mpcstats.protocols import cohort_count as cohorts
from mpcstats.protocols import criterion as criteria
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Held, Summand
from mpcstats.protocols.lookup_join import Found, LeftTable, Lookup, RightTable, lookup_join
from mpcstats.protocols.partial_sum import keep, resume
from mpcstats.protocols.private_join import Progress
from mpcstats.protocols.safety import Rules
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Words, parallel

PERSONS = "persons"


async def play(
    session: Session,
    permit: Permit,
    rows: Mapping[str, Rows],
    *,
    own_noise: OwnNoise | None = None,
    on_step: Callable[[str], None] = lambda _: None,
    past: Past | None = None,
    keeping: Keeping | None = None,
    on_progress: Progress | None = None,
) -> Answer | None:
    """Take part in the permitted plan with the `rows` of this party's own fragments, by fragment name.

    `own_noise` has this party's keys, where the plan adds noise. The answer at each recipient, None elsewhere.
    `on_step` hears the name of each step when it is done. `past` is where this party keeps what a comparison with
    earlier runs needs, `keeping` where it keeps shares that may outlive a loss of parties. `on_progress` hears how many
    rows of this party's work are done, in a step that takes minutes: a private join.
    """
    plan = permit.plan
    aggregate = plan.aggregate
    if isinstance(aggregate, plans.PrivateJoin):
        joined = await play_join(session, plan, aggregate, rows, on_progress)
        for step in plan.steps:
            on_step(step.name)
        return None if joined is None else answer(plan, [joined])
    if isinstance(plan.gate, plans.KeptGate):
        left = await open_left(session, plan, keeping)
        for step in plan.steps:
            on_step(step.name)
        return None if left is None else answer(plan, [left])
    run = _Run(session, engine_for(plan), plan, rows, on_step, past)
    match aggregate:
        case plans.PartialSum():
            cells = await run.partial_sum(aggregate, keeping)
        case plans.Sum():
            cells = await run.sum(aggregate)
        case plans.Cohort():
            cells = await run.cohort(aggregate)
        case plans.Outcome():
            cells = await run.outcome(aggregate)
    on_step(aggregate.name)
    cells = await noised(session, run.engine, plan, cells, own=own_noise, rows=rows)
    if plan.noise is not None:
        on_step(plan.noise.name)
    opened = await run.releases(cells)
    on_step(plan.gate.name)
    return None if all(each is None for each in opened) else answer(plan, opened)


@dataclass(slots=True)
class _Run:
    session: Session
    engine: Engine
    plan: plans.Physical
    rows: Mapping[str, Rows]
    on_step: Callable[[str], None]
    past: Past | None = None
    found: dict[str, Found] = field(default_factory=dict)
    columns: dict[plans.Ref, Held] = field(default_factory=dict)

    async def sum(self, step: plans.Sum) -> Cells:
        """Every provider's cells added up."""
        session = self.session.narrow(step.name)
        shape = (1 + len(step.totals), self.plan.cells)
        summed = await vector_sum(session, self.engine, self._summands(step), shape=shape)
        persons = tuple(by_provider[0] for by_provider in summed.by_provider)
        return self._added(step, persons, summed.total[1:].flat())

    async def partial_sum(self, step: plans.PartialSum, keeping: Keeping | None) -> Cells:
        """As `sum`, of shares that are kept; or of those that a run before has left."""
        if not isinstance(self.engine, Shamir) or keeping is None:
            raise InternalError("expected engine shamir, and where to keep shares")
        session, length = self.session.narrow(step.name), (1 + len(step.totals)) * self.plan.cells
        flat = [
            Summand(each.owner, None if each.values is None else each.values.reshape(-1))
            for each in self._summands(step)
        ]
        if step.lost is None:
            kept = await keep(session.narrow("deal"), self.engine, flat, length=length)
            keeping.keep(kept)
        else:
            kept = keeping.kept(step.lost)
        places = [kept.owners.index(each.owner) for each in flat]
        shares = await parallel(
            *(
                resume(session.narrow(f"share{place}"), kept, self.engine, counted=[place])
                for place in places
            )
        )
        total = shares[0]
        for share in shares[1:]:
            total = total + share
        cells = self.plan.cells
        persons = tuple(share.between(0, cells) for share in shares)
        return self._added(step, persons, total.between(cells, length))

    def _summands(self, step: plans.Sum) -> list[Summand]:
        """What each provider counted: persons, then the totals, each a row of cells."""
        names = [PERSONS, *(_only_factor(total).column for total in step.totals)]
        found = []
        for name in step.fragments:
            own = self.rows.get(name)
            counted = None if own is None else np.stack([_words(own.values[c]) for c in names])
            found.append(Summand(self.plan.fragment(name).owner, counted))
        return found

    def _added(self, step: plans.Sum, persons: tuple[Arith, ...], values: Arith) -> Cells:
        """The cells of `values`, each of as many persons as one provider alone has at least.

        Distinct persons over several providers are at least as many as at any one of them.
        """
        return Cells(self.plan.cells, persons, values, tuple(Behind() for _ in step.totals))

    async def cohort(self, step: plans.Cohort) -> Cells:
        """The spine's lookups side by side, then the cohort on them."""
        found = await parallel(*(self._lookup(self.plan.lookup(name)) for name in step.lookups))
        self.found = dict(zip(step.lookups, found, strict=True))
        counted = await cohorts.cohort_count(
            self.session.narrow(step.name), self.engine, self._outline(step)
        )
        behind = tuple(Behind() for _ in step.totals)
        compared, appears = self.plan.comparison, None
        if compared is not None:
            inside = self.session.narrow(compared.name)
            appears = await self._compared(inside, compared, counted.members)
        return Cells(self.plan.cells, (counted.persons,), counted.totals, behind, appears=appears)

    async def outcome(self, step: plans.Outcome) -> Cells:
        """The cells of the shared tables, compared along the rows of one of these where the plan does so."""
        steps = [each for each in self.plan.steps if isinstance(each, TableStep)]
        compared = self.plan.comparison
        along = None if compared is None else compared.along
        cells, table = await play_tables(
            self.session,
            Stage(self.engine, self.plan, self.rows),
            steps,
            step,
            on_step=self.on_step,
            kept=None if along is None else along.table,
        )
        if compared is None or along is None or table is None:
            return cells
        inside = self.session.narrow(compared.name)
        members = await members_of(inside.narrow("members"), self.engine, table, along.cells)
        return replace(cells, appears=await self._compared(inside, compared, members))

    async def _compared(self, session: Session, step: plans.Comparison, members: Bits) -> Bits:
        """Which cells may be opened beside those of earlier runs."""
        allowed = await compared(
            session, self.engine, self.plan, step, members, self.rows, self.past
        )
        self.on_step(step.name)
        return allowed

    async def releases(self, cells: Cells) -> list[Opened | None]:
        """What each release of the gate opens to this party, None where it is no recipient."""
        gated = self.session.narrow(self.plan.gate.name)
        releases, amounts = self.plan.gate.releases, self.plan.gate.magnitudes
        behind = tuple(replace(b, magnitude=i in amounts) for i, b in enumerate(cells.behind))
        cells = replace(cells, behind=behind)
        if len(releases) == 1:
            return [await self._release(gated, releases[0], cells)]
        return await parallel(
            *(
                self._release(gated.narrow(f"release{i}"), release, cells)
                for i, release in enumerate(releases)
            )
        )

    async def _release(
        self, session: Session, release: plans.Release, cells: Cells
    ) -> Opened | None:
        part = cells.part(columns_of(self.plan, release), cells_of(self.plan, release))
        if release.k == 1:  # nothing is to be hidden of a column to which nobody contributes
            behind = (replace(b, support=None, rests=(), rank=None) for b in part.behind)
            part = replace(part, behind=tuple(behind))
        rules = rules_of(self.plan, release)
        return await gate(session, self.engine, part, rules, to=release.recipients)

    async def _lookup(self, step: plans.Lookup) -> Found:
        left, right = self.plan.fragment(step.left), self.plan.fragment(step.right)
        roles = Lookup(
            left=left.owner,
            right=right.owner,
            helper=step.helper,
            left_rows=left.rows,
            right_rows=right.rows,
            values=len(_carried(right)),
        )
        at_left, at_right = self.rows.get(left.name), self.rows.get(right.name)
        found = await lookup_join(
            self.session.narrow(step.name),
            self.engine,
            roles,
            left=None if at_left is None else LeftTable(at_left.keys),
            right=None if at_right is None else RightTable(at_right.keys, _table(at_right, right)),
        )
        self.on_step(step.name)
        return found

    def _outline(self, step: plans.Cohort) -> cohorts.Cohort:
        spine = self.plan.fragment(step.spine)
        own = self.rows.get(spine.name)
        positions = {name: i for i, name in enumerate(step.lookups)}
        return cohorts.Cohort(
            owner=spine.owner,
            rows=spine.rows,
            valid=None if own is None else own.keys.shape[0],
            formula=_formula(step.criterion, positions),
            hits=tuple(self.found[name].hit for name in step.lookups),
            groups=tuple(self._group(step, group) for group in step.groups),
            totals=tuple(
                tuple(
                    cohorts.Term(
                        tuple(self._column(step, ref) for ref in term.factors),
                        tuple(positions[name] for name in term.under),
                    )
                    for term in total.terms
                )
                for total in step.totals
            ),
        )

    def _group(self, step: plans.Cohort, group: plans.GroupKey) -> cohorts.Group:
        if group.source == plans.SPINE:
            own = self.rows.get(step.spine)
            codes = None if own is None else _words(own.codes[group.column])
            return cohorts.SpineGroup(len(group.labels), codes)
        return cohorts.HeldGroup(
            len(group.labels), self._column(step, plans.Ref(group.source, group.column))
        )

    def _column(self, step: plans.Cohort, ref: plans.Ref) -> Held:
        if ref not in self.columns:
            self.columns[ref] = self._held(step, ref)
        return self.columns[ref]

    def _held(self, step: plans.Cohort, ref: plans.Ref) -> Held:
        if ref.source != plans.SPINE:
            right = self.plan.fragment(self.plan.lookup(ref.source).right)
            return self.found[ref.source].columns[_carried(right).index(ref.column)]
        spine = self.plan.fragment(step.spine)
        own = self.rows.get(spine.name)
        values: Words | None = None
        if own is not None:
            values = np.zeros(spine.rows, dtype=np.uint64)
            values[: own.keys.shape[0]] = _words(own.values[ref.column])
        return Held(spine.rows, (Summand(spine.owner, values),))


def rules_of(plan: plans.Physical, release: plans.Release) -> Rules:
    """What the gate asks of the cells of `release`."""
    own = tuple(
        tuple(i for i, label in enumerate(labels) if label in release.own)
        for labels in plan.tests.institutions
    )
    return Rules(
        release.k,
        release.contributors,
        release.p,
        release.largest,
        release.complement,
        release.zeros,
        own,
    )


def _carried(right: plans.Fragment) -> list[str]:
    """The columns that a right fragment puts into its store, in order."""
    return [*(value.name for value in right.values), *(code.name for code in right.codes)]


def _table(rows: Rows, right: plans.Fragment) -> Words:
    columns = {**rows.values, **rows.codes}
    table = np.empty((rows.keys.shape[0], len(_carried(right))), dtype=np.uint64)
    for i, name in enumerate(_carried(right)):
        table[:, i] = _words(columns[name])
    return table


def _formula(criterion: plans.Criterion, positions: Mapping[str, int]) -> criteria.Formula | None:
    if isinstance(criterion, plans.Always):
        return None
    if isinstance(criterion, plans.Hit):
        return criteria.Bit(positions[criterion.lookup])
    if isinstance(criterion, plans.Not):
        return criteria.Not(_part(criterion.of, positions))
    parts = tuple(_part(part, positions) for part in criterion.of)
    return criteria.All(parts) if isinstance(criterion, plans.All) else criteria.Any(parts)


def _part(criterion: plans.Criterion, positions: Mapping[str, int]) -> criteria.Formula:
    formula = _formula(criterion, positions)
    if formula is None:
        raise InternalError("expected 'always' only as a whole criterion, got it as a part of one")
    return formula


def _only_factor(total: plans.Total) -> plans.Ref:
    ((factor,),) = (term.factors for term in total.terms)
    return factor


def _words(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Words:
    return values.view(np.uint64)
