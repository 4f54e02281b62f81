"""Parts of sums: what each institution adds to a sum in an owner's query, as hidden outputs beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mpcstats.plan.relational.algebra import INSTITUTION, PART, Expr
from mpcstats.plan.relational.linear import in_parts


@dataclass(frozen=True, slots=True)
class Inside:
    """The hidden columns of the rows that a query selects from, by role; `single`: a row is of one institution.

    `parts` are those of the columns of relations, by the relation's name and theirs; `only` names the relation, where
    there is one.
    """

    roles: Mapping[str, Expr]
    parts: Mapping[tuple[str, str], Sequence[Expr]]
    single: bool
    only: str | None


def added_parts(query: exp.Select, inside: Inside, *, grouped: bool) -> dict[str, dict[str, Expr]]:
    """For outputs of `query` that are sums, or linear in sums, what each institution adds to them, by role."""
    flags = [node for role, node in inside.roles.items() if role.startswith(INSTITUTION)]

    def of_column(node: exp.Column) -> Sequence[Expr] | None:
        return inside.parts.get((node.table or inside.only or "", node.name))

    found: dict[str, dict[str, Expr]] = {}
    for item in query.expressions if flags else ():
        node, parts = item.unalias(), None
        if not grouped:
            parts = in_parts(node, of_column)
        elif isinstance(node, exp.Sum) and not isinstance(node.this, exp.Distinct | exp.Order):
            of = node.this
            each = (
                [_where(flag, of) for flag in flags] if inside.single else in_parts(of, of_column)
            )
            parts = None if each is None else [exp.Sum(this=part) for part in each]
        if parts is not None:
            output = item.alias_or_name
            found[output] = {f"{PART}_{i}:{output}": part for i, part in enumerate(parts)}
    return found


def _where(flag: Expr, of: Expr) -> Expr:
    """`of` in the rows of the institution, else 0."""
    own = exp.EQ(this=flag.copy(), expression=exp.Literal.number(1))
    return exp.Case(ifs=[exp.If(this=own, true=of.copy())], default=exp.Literal.number(0))
