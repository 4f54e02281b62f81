"""Sums that are attributed to institutions: what is added up, in whose rows, and in which cells these are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.relational.algebra import INSTITUTION, Aggregated, Answer, Expr, beginning
from mpcstats.plan.relational.linear import is_zero
from mpcstats.plan.relational.naming import Names


@dataclass(frozen=True, slots=True)
class Attributed:
    """A sum of `amount` in the rows in which the column `institution` is 1; without an amount: the number of these."""

    institution: str
    amount: Expr | None = None


def attributed(aggregate: Aggregated) -> Attributed | None:
    """A hidden sum of an amount times an institution's flag as such; None of anything else."""
    if aggregate.kind != "sum" or not aggregate.hidden or not isinstance(aggregate.of, exp.Mul):
        return None
    flag = _plain(aggregate.of.expression)
    if not isinstance(flag, exp.Column) or INSTITUTION not in flag.name:
        return None
    # A sum leaves out what is NULL.
    return Attributed(flag.name, _plain(aggregate.of.this))


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
