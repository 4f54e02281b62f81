"""Whose rows are a relation's: which persons they name, and whether those of one person stand together."""

from __future__ import annotations

from itertools import permutations

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    Answer,
    Extend,
    Filter,
    Group,
    Join,
    Rel,
    Union,
    Window,
    at_leaves,
)
from mpcstats.plan.relational.rewrites.unions_left import helpers, spine_owner
from mpcstats.plan.relational.wants import Want

MOST_APART = 4  # owners, each of whom looks its rows up at every other


def one_row_each(rel: Rel, person: str) -> bool:
    """Whether no two rows that name a person name the same."""
    return any(unique <= {person} for unique in rel.unique)


def behind_groups(rel: Rel, name: str) -> bool:
    """Whether the column is one of the persons of a group that is made on shares."""
    match rel:
        case Group():
            return name not in rel.keys or behind_groups(rel.input, name)
        case Filter() | Extend() | Window():
            return behind_groups(rel.input, name)
        case Union():
            return any(behind_groups(part, name) for part in rel.parts)
        case Join():
            side = rel.left if name in rel.left.facts else rel.right
            # Of a grouped union that is looked up, a group's persons come from several owners too.
            return behind_groups(side, name)
    return False


def wants_person(answer: Answer, context: Context) -> list[Want]:
    """What is wanted of the person column before there are rows, if it cannot be had of their owner later."""
    person = answer.person
    if person is None or person in at_leaves(answer.input):
        return []
    known = [Want(person, "known")] if answer.input.facts[person].nullable else []
    if one_row_each(answer.input, person):
        return known
    if behind_groups(answer.input, person):
        return []
    if in_partitions(answer.input, person):
        return [*known, Want(person, "starts")]
    if apart(answer.input, person, context):
        return [*known, Want(person, "again"), Want(person, "elsewhere")]
    return [Want(person, "digest")]


def apart(rel: Rel, person: str, context: Context) -> bool:
    """Whether the rows are those of a few owners, who have one row a person each and can look it up at the others."""
    match rel:
        case Filter():
            return not rel.guards and apart(rel.input, person, context)
        case Extend():
            return person not in dict(rel.columns) and apart(rel.input, person, context)
        case Union():
            owners = [spine_owner(part) for part in rel.parts]
            # Only where the question looks up owners' rows at one another anyway.
            told = any(isinstance(part, Join) for part in rel.parts) and all(
                one_row_each(p, person) and person in at_leaves(p) for p in rel.parts
            )
            return (
                told
                and 1 < len(set(owners)) == len(owners) <= MOST_APART
                and all(
                    one is not None and other is not None and helpers(one, other, context)
                    for one, other in permutations(owners, 2)
                )
            )
    return False


def in_partitions(rel: Rel, person: str) -> bool:
    """Whether the rows of one person stand together, as a window has sorted them."""
    match rel:
        case Window():
            return rel.partition == (person,)
        case Filter():
            return not rel.guards and in_partitions(rel.input, person)
        case Extend():
            return person not in dict(rel.columns) and in_partitions(rel.input, person)
    return False
