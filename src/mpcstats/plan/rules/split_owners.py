"""Rule: sources split by owner. What one owner holds is joined and filtered at home."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.logical import (
    Block,
    Expr,
    Local,
    Merged,
    Relation,
    Source,
    members_of,
    tables_of,
)
from mpcstats.plan.rules.unions import parts


def split_owners(block: Block, context: Context) -> Block:
    """Every relation within a local, or a merged source of one local an owner; conditions of one source inside it."""
    sources = _split(block.sources, context)
    tests = tuple(part for test in block.tests for part in _split((test,), context))
    kept: list[Expr] = []
    for condition in block.conditions:
        holders = [
            source
            for source in (*sources, *tests)
            if set(tables_of(condition)) & set(members_of(source))
        ]
        if len(holders) > 1:
            kept.append(condition)
        elif holders:
            sources = tuple(_filtered(s, holders[0], condition, context) for s in sources)
            tests = tuple(_filtered(s, holders[0], condition, context) for s in tests)
        else:
            raise context.refuse(condition, "expected a condition on columns of the relations")
    return replace(block, sources=sources, tests=tests, conditions=tuple(kept))


def _split(sources: tuple[Source, ...], context: Context) -> tuple[Source, ...]:
    """Relations of one owner together, in the place of the first."""
    found: dict[str, Source] = {}
    for source in sources:
        if not isinstance(source, Relation):
            found[source.name] = source
        elif source.owner is None:
            found[source.name] = _merged(source, context)
        else:
            place = f"{source.owner}."  # a dot: no name in FROM holds one
            first = found.get(place)
            if isinstance(first, Local):
                found[place] = replace(
                    first,
                    name=f"{first.name}_{source.name}",
                    members=(*first.members, source),
                )
            else:
                found[place] = Local(source.name, source.owner, (source,))
    return tuple(found.values())


def _merged(relation: Relation, context: Context) -> Merged:
    merge, own = parts(relation, context)
    local = tuple(Local(f"{relation.name}_{part.owner}", str(part.owner), (part,)) for part in own)
    return Merged(relation.name, merge, local)


def _filtered(source: Source, holder: Source, condition: Expr, context: Context) -> Source:
    if source is not holder:
        return source
    match source:
        case Local():
            return replace(source, where=(*source.where, condition))
        case Merged(merge="rows"):
            own = (replace(part, where=(*part.where, condition)) for part in source.parts)
            return replace(source, parts=tuple(own))
        case _:
            raise context.refuse(
                condition,
                f"a condition on {source.name}, which is known only as a sum over several owners, "
                "is not supported yet: put it into the sub-query's WHERE",
            )
