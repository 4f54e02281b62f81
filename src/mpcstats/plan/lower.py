"""The last stage of planning: a block that all rules have rewritten, as the physical plan's fragments and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpcstats.plan import physical as plans
from mpcstats.plan.context import Context
from mpcstats.plan.fragment import fragment
from mpcstats.plan.logical import Block, Merged, Source, locals_of

AGGREGATE = "cohort"
SUMMED = "sum"
GATE = "gate"


@dataclass(frozen=True, slots=True)
class Lowered:
    """Fragments, and the steps up to the one whose cells the gate opens, which is the last."""

    fragments: tuple[plans.Fragment, ...]
    steps: tuple[plans.Lookup | plans.Sum | plans.Cohort, ...]


def lower(block: Block, context: Context) -> Lowered:
    """The fragments and steps of `block`."""
    everyone = [own for s in (*block.sources, *block.tests) for own in locals_of(s)]
    # The spine's fragment first: the order of the others is that of the question.
    everyone.sort(key=lambda own: own.name != block.spine)
    _check_names([own.name for own in everyone], context)
    fragments = tuple(fragment(own, context) for own in everyone)
    if block.spine is None:
        names = tuple(own.name for own in fragments)
        source = {s.name: plans.SPINE for s in block.sources}
        summed = plans.Sum(SUMMED, names, _groups(block, source), totals_of(block, source))
        return Lowered(fragments, (summed,))
    lookups = tuple(
        plans.Lookup(f"find_{look.right}", block.spine, look.right, look.helper)
        for look in block.looks
    )
    source = {block.spine: plans.SPINE, **{step.right: step.name for step in lookups}}
    cohort = plans.Cohort(
        AGGREGATE,
        block.spine,
        tuple(step.name for step in lookups),
        criterion_of(block, source),
        _groups(block, source),
        totals_of(block, source),
    )
    return Lowered(fragments, (*lookups, cohort))


def _check_names(names: Sequence[str], context: Context) -> None:
    """Fragments and steps have different names; two relations can give the same ones."""
    steps = [AGGREGATE, SUMMED, GATE, *(f"find_{name}" for name in names)]
    for name in names:
        if [*names, *steps].count(name) > 1:
            raise context.refuse(
                None,
                f"expected names of relations that lead to different fragments, got {name!r} twice: "
                "give one of them another alias",
            )


def _groups(block: Block, source: Mapping[str, str]) -> tuple[plans.GroupKey, ...]:
    keys = [group.key for group in block.groups if group.key is not None]
    return tuple(plans.GroupKey(source[key.source], key.column, key.labels) for key in keys)


def totals_of(block: Block, source: Mapping[str, str]) -> tuple[plans.Total, ...]:
    """The totals of `block`, each local named by its `source` in the plan."""
    return tuple(
        plans.Total(
            measure.name,
            tuple(
                plans.Term(
                    tuple(plans.Ref(source[ref.source], ref.column) for ref in term.factors),
                    tuple(source[name] for name in term.under),
                )
                for term in measure.terms
            ),
            measure.bound,
        )
        for measure in block.measures
    )


def criterion_of(block: Block, source: Mapping[str, str]) -> plans.Criterion:
    """What must hold of a spine row: all of the block's criteria, a union's hit being that of any part."""
    sources = {s.name: s for s in (*block.sources, *block.tests)}
    parts = [_resolved(part, sources, source) for part in block.criterion]
    needed = tuple(part for part in parts if not isinstance(part, plans.Always))
    return plans.Always() if not needed else needed[0] if len(needed) == 1 else plans.All(needed)


def _resolved(
    part: plans.Criterion, sources: Mapping[str, Source], step: Mapping[str, str]
) -> plans.Criterion:
    match part:
        case plans.Hit(lookup=name):
            found = sources[name]
            own = found.parts if isinstance(found, Merged) else locals_of(found)
            hits = [_hit(step[local.name]) for local in own]
            return hits[0] if len(hits) == 1 else plans.Any(tuple(hits))
        case plans.Not(of=inner):
            return plans.Not(_resolved(inner, sources, step))
        case plans.All(of=parts):
            return plans.All(_each(parts, sources, step))
        case plans.Any(of=parts):
            return plans.Any(_each(parts, sources, step))
        case _:
            return part


def _each(
    parts: Sequence[plans.Criterion], sources: Mapping[str, Source], step: Mapping[str, str]
) -> tuple[plans.Criterion, ...]:
    return tuple(_resolved(part, sources, step) for part in parts)


def _hit(name: str) -> plans.Criterion:
    return plans.Always() if name == plans.SPINE else plans.Hit(name)
