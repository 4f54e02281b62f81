"""Sums that are attributed to institutions: what is added up, in whose rows, and in which cells these are."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.relational.algebra import (
    INSTITUTION,
    Aggregated,
    Answer,
    Expr,
    Group,
    beginning,
)
from mpcstats.plan.relational.linear import is_zero
from mpcstats.plan.relational.naming import Names


@dataclass(frozen=True, slots=True)
class Attributed:
    """A sum of `amount` in the rows in which the column `institution` is 1; without an amount: the number of these."""

    institution: str
    amount: Expr | None = None


def attributed(aggregate: Aggregated) -> Attributed | None:
    """A hidden sum of an amount times an institution's flag as such; None of anything else."""
    if aggregate.kind != "sum" or not aggregate.hidden or aggregate.of is None:
        return None
    return product(aggregate.of)


def product(node: Expr) -> Attributed | None:
    """An amount times an institution's flag as such; None of anything else."""
    flag = _plain(node.expression) if isinstance(node, exp.Mul) else None
    if not isinstance(flag, exp.Column) or INSTITUTION not in flag.name:
        return None
    # A sum leaves out what is NULL.
    return Attributed(flag.name, _plain(node.this))


def told_by_keys(answer: Answer, names: Names) -> dict[str, str]:
    """By column that counts an institution's rows the key of the answer that says of which institution a row is."""
    plain = {node.name: key for key, node in answer.keys if isinstance(node, exp.Column)}
    found = {}
    for name in (n for each in answer.institutions for n in each):
        source = names.sources.get(beginning(name))
        if source in plain:
            found[name] = plain[source]
    return found


def cells_of(
    institution: Label | None, told: str, keys: Mapping[str, Sequence[Label]]
) -> tuple[int, ...]:
    """The cells whose key `told` is the institution; `keys` has the labels of each, the last running fastest."""
    found = [0]
    for key, labels in keys.items():
        places = [i for i, label in enumerate(labels) if key != told or label == institution]
        found = [cell * len(labels) + place for cell in found for place in places]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Apart:
    """An aggregate over the rows of a group with `flag`, one of `flags`, of which each row has just one.

    It is the part of the sum `whole`, or says whether there are such rows.
    """

    flag: str
    flags: tuple[str, ...]
    whole: str | None = None


def told_apart(
    group: Group, wanted: Sequence[Aggregated], at_hand: Container[str], names: Names
) -> dict[str, Apart]:
    """By name those aggregates that come of a finer grouping by the institutions of one dataset, known at its owner.

    That costs less than a column of each of them; it takes all institutions, as a row must be in one of the groups.
    """
    found: dict[str, Apart] = {}
    own: tuple[str, ...] = ()
    for aggregate in wanted:
        about = _about(aggregate, names)
        if about is None or about.institution not in at_hand:
            continue
        flags = own or _whole(about.institution, group, names)
        whole = None if about.amount is None else _sum_of(about.amount, group, wanted, names)
        if about.institution in flags and (about.amount is None or whole is not None):
            own = flags
            found[aggregate.name] = Apart(about.institution, flags, whole)
    # A few more groups are dearer than the one or two columns that they save.
    return found if len(found) >= len(own) > 1 else {}


def _about(aggregate: Aggregated, names: Names) -> Attributed | None:
    of = aggregate.of
    if not isinstance(of, exp.Column):
        return None
    if aggregate.kind == "max" and INSTITUTION in of.name:
        return Attributed(of.name)
    placed = names.place(of.name)
    return product(placed) if aggregate.kind == "sum" and placed is not None else None


def _whole(institution: str, group: Group, names: Names) -> tuple[str, ...]:
    """All columns of the dataset's institutions, if they are flags of which each row has just one; () if not."""
    own = beginning(institution)
    if own not in names.whole or isinstance(group.input, Group):
        return ()
    return tuple(name for name in group.input.facts if beginning(name) == own)


def _sum_of(amount: Expr, group: Group, wanted: Sequence[Aggregated], names: Names) -> str | None:
    """The aggregate that is the sum of the amount over all rows, where it is never NULL."""
    for each in wanted:
        if each.kind == "sum" and isinstance(each.of, exp.Column):
            nullable = group.input.facts[each.of.name].nullable
            same = amount in (each.of, names.place(each.of.name))
            if same and not nullable:
                return each.name
    return None


def _plain(node: Expr) -> Expr:
    """The expression without brackets, and without a 0 in place of NULL."""
    while True:
        match node:
            case exp.Paren():
                node = node.this
            case exp.Coalesce(this=inner, expressions=[exp.Literal() as zero]) if is_zero(zero):
                node = inner
            case _:
                return node
