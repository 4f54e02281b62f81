"""Rule: each measure becomes a sum of products of columns that single owners compute at home.

The number of joined rows of a key is the product of the numbers at each source; a sum of a source's expression
is multiplied by the numbers of the other sources. NULL counts as 0 in a sum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product as cartesian
from math import prod

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.facts import Fact, united
from mpcstats.plan.joins import bare
from mpcstats.plan.local import Known, known
from mpcstats.plan.logical import (
    Block,
    Expr,
    Local,
    Measure,
    Merged,
    Source,
    Value,
    locals_of,
    members_of,
    tables_of,
)
from mpcstats.plan.physical import Ref, Term

LIMIT = 1 << 63
MOST_TERMS = 256
ROWS = "rows"  # the value column that counts the joined rows of a key
PLAIN = re.compile("[a-z][a-z0-9_]{0,39}")
RESERVED = re.compile(
    r"rows|persons|key(_\d)?|digest_|[gm]\d+"
)  # names that fragments have themselves

Product = Mapping[
    str, Expr
]  # source -> what is multiplied there; a source that is not named counts rows
Addend = tuple[tuple[Ref, ...], tuple[str, ...]]  # factors, and the locals that must have the key


def measures(block: Block, context: Context) -> Block:
    """The block whose measures have terms. Raises UsageError where a total could leave 64 bits."""
    if locals_of(block.sources[0])[0].key is None:
        return block  # plan.rules.cells: one owner, or one union, without a join
    work = _Work(context, {source.name: source for source in block.sources})
    found = tuple(replace(m, terms=work.terms(m)) for m in block.measures)
    sources = tuple(work.sources.values())
    bounded = tuple(bounded_by(m, _bound(m, sources), context) for m in found)
    return replace(block, sources=sources, measures=bounded)


def bounded_by(measure: Measure, bound: int, context: Context) -> Measure:
    """`measure` with its bound. Raises UsageError if a total of that absolute value would leave 64 bits."""
    if bound >= LIMIT:
        raise context.refuse(
            measure.sql,
            f"{measure.name} could overflow: by the catalogue's bounds it can reach {_size(bound)}, which "
            "is 2^63 or more; state tighter bounds in the catalogue, or sum a part",
        )
    return replace(measure, bound=bound)


@dataclass(slots=True)
class _Work:
    context: Context
    sources: dict[str, Source]

    def terms(self, measure: Measure) -> tuple[Term, ...]:
        """The terms of one measure; notes the value columns that they need."""
        if measure.kind == "distinct":
            self._check_key(measure)
            return (Term(()),)
        products = self._products(measure)
        terms: list[Term] = []
        for factors in products:
            addends = [self._addends(name, factors.get(name)) for name in list(self.sources)]
            self._check_count(measure.sql, len(terms) + prod(len(a) for a in addends))
            for choice in cartesian(*addends):
                refs = tuple(ref for part, _ in choice for ref in part)
                under = tuple(sorted({name for _, part in choice for name in part}))
                terms.append(Term(refs, under))
        return tuple(terms)

    def _check_count(self, node: Expr | None, products: int) -> None:
        if products > MOST_TERMS:
            raise self.context.refuse(
                node, f"expected a sum of at most {MOST_TERMS} products, got {products}"
            )

    def _check_key(self, measure: Measure) -> None:
        for source in self.sources.values():
            about = known(locals_of(source)[0])
            if measure.sql is not None and bare(measure.sql, about.columns) in about.same:
                return
        raise self.context.refuse(
            measure.sql, "COUNT(DISTINCT x) counts persons: expected the key that joins the owners"
        )

    def _products(self, measure: Measure) -> list[Product]:
        if measure.sql is None:
            return [{}]
        if measure.kind == "rows":
            name = self._source_of(measure.sql)
            if not self._fact(name, measure.sql).nullable:
                return [{}]
            if _is_persons(self.sources[name]):
                raise self.context.refuse(
                    measure.sql, "expected a column without NULL to be counted over several owners"
                )
            return [{name: _present(measure.sql)}]
        products = self._split(measure.sql)
        if len(products) > 1:
            self._check_addends(measure, products)
        return products

    def _check_addends(self, measure: Measure, products: Sequence[Product]) -> None:
        """In SQL a sum with one NULL operand is NULL: split, it would not be."""
        for factors in products:
            for name, node in factors.items():
                if self._fact(name, node).nullable:
                    raise self.context.refuse(
                        measure.sql,
                        f"{node.sql('duckdb')} may be NULL, and is added to another owner's column: "
                        f"write COALESCE({node.sql('duckdb')}, 0)",
                    )

    def _split(self, node: Expr) -> list[Product]:
        names = [s.name for s in self.sources.values() if set(tables_of(node)) & set(members_of(s))]
        if len(names) == 1 and not _is_persons(self.sources[names[0]]):
            return [{names[0]: node}]
        if len(names) == 1 and isinstance(node, exp.Column):
            return [{names[0]: node}]
        match node:
            case exp.Paren():
                return self._split(node.this)
            case exp.Coalesce() if len(names) == 1 and _or_zero(node):
                inner = self._split(node.this)
                return [{names[0]: node}] if inner == [{names[0]: node.this}] else inner
            case exp.Literal() if node.is_int:
                return [{self._counting(node): node}]
            case exp.Neg():
                return self._times(exp.Literal.number(-1), self._split(node.this))
            case exp.Add():
                return [*self._split(node.this), *self._split(node.expression)]
            case exp.Sub():
                right = self._times(exp.Literal.number(-1), self._split(node.expression))
                return [*self._split(node.this), *right]
            case exp.Mul():
                return self._multiply(node)
        raise self.context.refuse(
            node,
            "a sum over several owners may add, subtract and multiply their columns, got "
            f"{node.sql('duckdb')[:80]!r}",
        )

    def _multiply(self, node: Expr) -> list[Product]:
        sides = self._split(node.this), self._split(node.expression)
        self._check_count(node, len(sides[0]) * len(sides[1]))
        pairs = list(cartesian(*sides))
        for a, b in pairs:
            for name in a.keys() & b.keys():
                if _is_persons(self.sources[name]) and tables_of(a[name]) and tables_of(b[name]):
                    raise self.context.refuse(
                        node, f"{name} is known only as sums over several owners: no product of two"
                    )
        return [_multiplied(a, b) for a, b in pairs]

    def _times(self, number: Expr, products: list[Product]) -> list[Product]:
        return [_multiplied({next(iter(p)): number}, p) for p in products]

    def _counting(self, node: Expr) -> str:
        """A source of one owner, at which a constant can be counted."""
        for source in self.sources.values():
            if isinstance(source, Local):
                return source.name
        raise self.context.refuse(node, "expected a column of one owner beside a constant")

    def _source_of(self, node: Expr) -> str:
        names = [s.name for s in self.sources.values() if set(tables_of(node)) & set(members_of(s))]
        if len(names) != 1:
            raise self.context.refuse(node, "expected an expression over the columns of one owner")
        return names[0]

    def _fact(self, name: str, node: Expr) -> Fact:
        # The parts of a union may differ: what one of them may hold, the whole may hold.
        return united([known(local).fact(node) for local in locals_of(self.sources[name])])

    def _addends(self, name: str, node: Expr | None) -> list[Addend]:
        """What a source contributes for `node`, or, without one, its number of rows."""
        source = self.sources[name]
        if isinstance(source, Local):
            local, ref = self._with_value(source, node)
            self.sources[name] = local
            return [(() if ref is None else (ref,), ())]
        if not isinstance(source, Merged) or (source.merge == "persons" and node is None):
            return [((), ())]
        own = [self._with_value(part, node) for part in source.parts]
        self.sources[name] = replace(source, parts=tuple(part for part, _ in own))
        return [(() if ref is None else (ref,), (part.name,)) for part, ref in own]

    def _with_value(self, local: Local, node: Expr | None) -> tuple[Local, Ref | None]:
        """`local` with the column for `node`, and its reference; None for one row a key."""
        about = known(local)
        if node is None and about.single:
            return local, None
        fact = None if node is None else about.fact(node)
        if node is not None and (fact is None or fact.bounded is None):
            raise self.context.refuse(
                node,
                f"{node.sql('duckdb')[:80]!r} needs bounds to be summed: state minimum and maximum "
                "in the catalogue",
            )
        value = _value(local, node, fact, about)
        for existing in local.values:
            if existing.sql == value.sql:
                return local, Ref(local.name, existing.name)
        local = replace(
            local,
            values=(*local.values, value),
            multiplicity=value.name if node is None else local.multiplicity,
        )
        return local, Ref(local.name, value.name)


def _value(local: Local, node: Expr | None, fact: Fact | None, about: Known) -> Value:
    name, rows = value_name(local, node), about.rows
    if node is None or fact is None or fact.bounded is None:
        return Value(name, exp.Count(this=exp.Star()), 0, about.most, rows)
    low, high = fact.bounded
    if fact.nullable:
        low, high = min(low, 0), max(high, 0)
        node = exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])
    total = fact.whole(rows) or 0
    if about.single:
        return Value(name, node.copy(), low, high, total)
    low, high = low * (about.most if low < 0 else 1), high * (about.most if high > 0 else 1)
    return Value(name, exp.Sum(this=node.copy()), max(low, -total), min(high, total), total)


def value_name(local: Local, node: Expr | None) -> str:
    """A name for the column of `node` that no other value of `local` has, and no code or key."""
    name = ROWS if node is None else "sum"
    if isinstance(node, exp.Column) and PLAIN.fullmatch(node.name):
        name = "value" if RESERVED.fullmatch(node.name) else node.name
    taken = {value.name for value in local.values}
    numbered = (f"{name}{i}" for i in range(2, len(taken) + 3))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def _size(number: int) -> str:
    return f"{number:,}" if number.bit_length() < 128 else f"2^{number.bit_length() - 1}"


def _bound(measure: Measure, sources: Sequence[Source]) -> int:
    """The largest absolute value that the total of `measure` can reach."""
    values = {
        Ref(local.name, value.name): value
        for source in sources
        for local in locals_of(source)
        for value in local.values
    }
    single_owner = [s for s in sources if isinstance(s, Local)]
    persons = min((known(s).keys for s in single_owner), default=0)
    return sum(_term_bound([values[r] for r in t.factors], persons) for t in measure.terms)


def _term_bound(factors: Sequence[Value], persons: int) -> int:
    if not factors:
        return persons
    # Every key comes once: of each product one factor adds up to its total, the others are at most
    # their largest value.
    return min(
        factor.total * prod(other.largest for j, other in enumerate(factors) if j != i)
        for i, factor in enumerate(factors)
    )


def _is_persons(source: Source) -> bool:
    return isinstance(source, Merged) and source.merge == "persons"


def _or_zero(node: exp.Expr) -> bool:
    (zero,) = node.expressions if len(node.expressions) == 1 else (None,)
    return isinstance(zero, exp.Literal) and zero.is_int and int(zero.this) == 0


def _present(node: Expr) -> Expr:
    return exp.Case(
        ifs=[
            exp.If(this=exp.Is(this=node.copy(), expression=exp.Null()), true=exp.Literal.number(0))
        ],
        default=exp.Literal.number(1),
    )


def _multiplied(first: Product, second: Product) -> Product:
    """Factors of the same source are multiplied there."""
    names = dict.fromkeys((*first, *second))
    both = {name: [p[name] for p in (first, second) if name in p] for name in names}
    return {name: reduce(_mul, nodes) for name, nodes in both.items()}


def _mul(a: Expr, b: Expr) -> Expr:
    return exp.Mul(this=exp.paren(a.copy()), expression=exp.paren(b.copy()))
