"""Rule: the equalities between sources must compare one key, the same for all; each local gets its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.facts import Fact
from mpcstats.plan.joins import Place, bare
from mpcstats.plan.local import known
from mpcstats.plan.logical import Block, Expr, Local, Merged, Source, locals_of, members_of
from mpcstats.plan.physical import Hit


def person_key(block: Block, context: Context) -> Block:
    """Every local of a question that joins owners has its key, which is never NULL; others have none."""
    everyone = (*block.sources, *block.tests)
    if len(everyone) == 1 and not block.conditions:
        return block
    facts = {place: fact for source in everyone for place, fact in _columns(source).items()}
    classes = _classes(block, facts, context)
    if len(classes) > 1:
        columns = "; ".join(" = ".join(".".join(p) for p in sorted(c)) for c in classes)
        raise context.refuse(
            block.conditions[0],
            f"all owners must be joined on one and the same person key, got {columns}",
        )
    places = classes[0] if classes else frozenset()
    for source in everyone:
        if not any(place[0] in members_of(source) for place in places):
            raise context.refuse(
                _item(source),
                f"expected {source.name} to be joined to the others on the person key",
            )
    return replace(
        block,
        sources=tuple(_keyed(source, places) for source in block.sources),
        tests=tuple(_keyed(test, places) for test in block.tests),
        conditions=(),
        criterion=(*block.criterion, *_joined(block)),
    )


def _joined(block: Block) -> tuple[Hit, ...]:
    """An inner join keeps the keys that every source has."""
    return tuple(Hit(source.name) for source in block.sources)


def _classes(block: Block, facts: dict[Place, Fact], context: Context) -> list[frozenset[Place]]:
    classes: list[frozenset[Place]] = []
    for condition in block.conditions:
        sides = _sides(condition, facts)
        if sides is None:
            raise context.refuse(
                condition,
                "a condition over columns of several owners must be an equality of keys "
                f"(supported joins: INNER on the person key), got {condition.sql('duckdb')[:80]!r}",
            )
        for side in sides:
            if not facts[side].names_persons:
                raise context.refuse(
                    condition,
                    f"{'.'.join(side)} joins several owners and is no person key: expected a column to "
                    "which the catalogue gives key = ... and person = true",
                )
        kinds = {facts[side].key for side in sides}
        if len(kinds) > 1:
            raise context.refuse(
                condition,
                f"expected keys of one normalisation, got {' and '.join(sorted(map(str, kinds)))}",
            )
        merged = frozenset(sides).union(*(c for c in classes if c & set(sides)))
        classes = [c for c in classes if not c & merged] + [merged]
    return classes


def _sides(condition: Expr, facts: dict[Place, Fact]) -> tuple[Place, Place] | None:
    if not isinstance(condition, exp.EQ):
        return None
    left, right = bare(condition.this, facts), bare(condition.expression, facts)
    if left is None or right is None or left not in facts or right not in facts:
        return None
    return left, right


def _columns(source: Source) -> Mapping[Place, Fact]:
    """The facts of a source's columns; all parts of a union have the same."""
    return known(locals_of(source)[0]).columns


def _keyed(source: Source, places: Iterable[Place]) -> Source:
    mine = sorted(place for place in places if place[0] in members_of(source))
    match source:
        case Local():
            return _with_key(source, mine)
        case Merged():
            return replace(source, parts=tuple(_with_key(p, mine) for p in source.parts))
        case _:
            return source


def _with_key(local: Local, places: list[Place]) -> Local:
    """The first place is the key, and the others of the same owner are equal to it."""
    first, *others = (exp.column(column, table=table, quoted=True) for table, column in places)
    equal = [exp.EQ(this=first.copy(), expression=other) for other in others]
    present = exp.Not(this=exp.Is(this=first.copy(), expression=exp.Null()))
    return replace(local, key=first, where=(*local.where, *equal, present))


def _item(source: Source) -> Expr | None:
    own = locals_of(source)
    return own[0].members[0].item if own else None
