"""Institutions behind amounts: the columns that count their rows, and the sums of what each of them contributes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    INSTITUTION,
    Aggregated,
    Contributed,
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
    beginning,
    column,
    columns_of,
    known,
)
from mpcstats.plan.relational.linear import in_parts
from mpcstats.plan.relational.naming import Names

Institutions = tuple[tuple[str, ...], ...]


def institutions_behind(rel: Rel, names: Iterable[str]) -> frozenset[str]:
    """The columns that count institutions' rows, of the relations that the columns `names` are computed from."""
    asked = frozenset(names)
    match rel:
        case Owned():
            told = (name for name in rel.facts if INSTITUTION in name)
            return frozenset(told) if asked & rel.facts.keys() else frozenset()
        case Union():
            each = {institutions_behind(part, asked) for part in rel.parts}
            if len(each) == 1:
                return each.pop()
            # Of sides that count differently: those that all have.
            return frozenset(name for name in rel.facts if INSTITUTION in name)
        case Extend():
            made = dict(rel.columns)
            inner = {
                c for name in asked for c in (columns_of(made[name]) if name in made else {name})
            }
            return institutions_behind(rel.input, inner)
        case Filter():
            return institutions_behind(rel.input, asked)
        case Window():
            of = {f.name: f.of for f in rel.functions}
            return institutions_behind(rel.input, {of.get(name, name) or "" for name in asked})
        case Join():
            left = institutions_behind(rel.left, asked & rel.left.facts.keys())
            right = asked & rel.right.facts.keys()
            return left | institutions_behind(rel.right, right) if right else left
        case Group():
            made = {a.name: a.of for a in rel.aggregates if a.of is not None}
            inner = {
                c for name in asked for c in (columns_of(made[name]) if name in made else {name})
            }
            return institutions_behind(rel.input, inner)


def by_dataset(rel: Rel, aggregates: Sequence[Aggregated]) -> Institutions:
    """The columns that count institutions' rows, for each dataset of which amounts are aggregated."""
    amounts = {name for a in aggregates for name in _amount(a)}
    return _grouped(institutions_behind(rel, amounts))


def of_keys(rel: Rel, keys: Sequence[str], names: Names) -> dict[str, Expr]:
    """The columns that count institutions' rows where a key of the group says whose its rows are, and what they are.

    Then a group is of one institution, as its rows are.
    """
    found: dict[str, Expr] = {}
    for name in rel.facts:
        own = beginning(name)
        source = names.sources.get(own) if INSTITUTION in name else None
        if (
            source is not None
            and source in keys
            and own in names.single
            and not _grouped_below(rel, name)
        ):
            label = exp.convert(names.institutions[name])
            same = exp.EQ(this=column(source), expression=label)
            one, zero = exp.Literal.number(1), exp.Literal.number(0)
            found[name] = exp.Case(ifs=[exp.If(this=same, true=one)], default=zero)
    return found


def of_groups(
    rel: Rel, aggregates: Sequence[Aggregated], by_key: Container[str], names: Names
) -> tuple[Aggregated, ...]:
    """What institutions add to the sums of a group, as sums beside these; `names` learns of them.

    Of institutions whose columns are in `by_key` there is nothing to say: a group is of one of them.
    """
    found: list[Aggregated] = []
    for aggregate in aggregates:
        if aggregate.kind != "sum" or aggregate.of is None:
            continue
        for rows in _grouped(institutions_behind(rel, _amount(aggregate))):
            parts = None if rows[0] in by_key else _exact(aggregate.of, rows, rel, names)
            if parts is None:
                continue
            sums = [Aggregated(names.fresh("part"), "sum", part) for part in parts]
            own = names.parts.setdefault(aggregate.name, {})
            own[beginning(rows[0])] = tuple(each.name for each in sums)
            found += sums
    return tuple(found)


def of_outputs(
    rel: Rel, computed: Sequence[tuple[str, Expr]], names: Names
) -> tuple[tuple[str, Expr], ...]:
    """As `of_groups`, for computed columns that are linear in sums."""
    found: list[tuple[str, Expr]] = []
    for name, node in computed:
        for rows in _grouped(institutions_behind(rel, columns_of(node))):
            parts = _linear(node, rows, names)
            if parts is None:
                continue
            columns = [(names.fresh("part"), part) for part in parts]
            own = names.parts.setdefault(name, {})
            own[beginning(rows[0])] = tuple(part for part, _ in columns)
            found += columns
    return tuple(found)


def contributed(
    rel: Rel,
    aggregates: Sequence[Aggregated],
    institutions: Institutions,
    context: Context,
    names: Names,
) -> tuple[tuple[Contributed, ...], tuple[Aggregated, ...]]:
    """For each aggregate of amounts and each dataset behind it what institutions contribute, and the sums of that.

    Exactly, where a row is of one institution or the aggregate is linear in sums whose parts are known. What is
    neither (what a person pays beyond a deductible) is no sum of institutions' amounts: then a row counts whole for
    each of its institutions, and the amount is the sum of these. To one value of many (a quantile), and to a sum
    of ones, institutions contribute rows.
    """
    sums = _Sums(aggregates, names)
    found: list[Contributed] = []
    for aggregate in aggregates:
        behind = institutions_behind(rel, _amount(aggregate))
        for position, rows in enumerate(institutions):
            if aggregate.of is None or behind.isdisjoint(rows):
                continue
            if not context.contributions:
                found.append(Contributed(aggregate.name, position))
                continue
            ends = known(aggregate.of, rel).bounded
            if aggregate.kind in ("quantile", "min", "max") or (ends and set(ends) <= {0, 1}):
                found.append(Contributed(aggregate.name, position, None, tuple(rows)))
                continue
            of = aggregate.of
            exact = _exact(of, rows, rel, names)
            parts = exact or [_where_behind(of, name, rel) for name in rows]
            own = tuple(sums.name(part, "contribution") for part in parts)
            total = None if exact is None else sums.name(of, "amount")
            found.append(Contributed(aggregate.name, position, total, own))
    return tuple(found), tuple(sums.made)


@dataclass(slots=True)
class _Sums:
    """The sums that there are, and those that are made for what institutions contribute, each once."""

    given: Sequence[Aggregated]
    names: Names
    made: list[Aggregated] = field(default_factory=list)

    def name(self, of: Expr, wanted: str) -> str:
        for each in (*self.given, *self.made):
            if each.kind == "sum" and each.of == of:
                return each.name
        self.made.append(Aggregated(self.names.fresh(wanted), "sum", of, hidden=True))
        return self.made[-1].name


def _exact(of: Expr, rows: Sequence[str], rel: Rel, names: Names) -> list[Expr] | None:
    """`of` by institution, where a row is of one of them or it is linear; None elsewhere."""
    if beginning(rows[0]) in names.single and not _grouped_below(rel, rows[0]):
        return [_where_behind(of, name, rel) for name in rows]
    return _linear(of, rows, names)


def _grouped_below(rel: Rel, name: str) -> bool:
    """Whether the column is of groups that are made on shares: then a row may have several institutions behind it."""
    match rel:
        case Group():
            return True
        case Filter() | Extend() | Window():
            return name in rel.input.facts and _grouped_below(rel.input, name)
        case Join():
            side = rel.left if name in rel.left.facts else rel.right
            return _grouped_below(side, name)
        case Union():
            return any(_grouped_below(part, name) for part in rel.parts)
    return False


def _linear(of: Expr, rows: Sequence[str], names: Names) -> list[Expr] | None:
    own = beginning(rows[0])

    def parts(node: exp.Column) -> list[Expr] | None:
        found = names.parts.get(node.name, {}).get(own)
        return None if found is None else [column(name) for name in found]

    return in_parts(of, parts)


def _where_behind(of: Expr, name: str, rel: Rel) -> Expr:
    """`of` in the rows that have the institution behind them, else 0, and 0 where it is NULL."""
    return exp.Mul(this=_or_zero(of, rel), expression=_or_zero(column(name), rel))


def _or_zero(node: Expr, rel: Rel) -> Expr:
    if not known(node, rel).nullable:
        # A column in brackets would be an expression that its owner computes, and shares once more.
        return node.copy() if isinstance(node, exp.Column) else exp.Paren(this=node.copy())
    return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])


def _amount(aggregate: Aggregated) -> frozenset[str]:
    """The columns of an aggregate that may be of amounts."""
    if aggregate.of is None or aggregate.kind in ("count", "distinct"):
        return frozenset()
    return columns_of(aggregate.of)


def _grouped(names: Iterable[str]) -> Institutions:
    """The columns that count institutions' rows by dataset, in the order of the institutions."""
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda n: (beginning(n), int(n.rpartition("_")[2]))):
        if INSTITUTION in name:
            found.setdefault(beginning(name), []).append(name)
    return tuple(tuple(each) for each in found.values())
