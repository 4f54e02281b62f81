"""Which columns with special codes a predicate can pick such a code of; in doubt, all that it reads.

A condition is read column by column: what it says of other columns is left out, so
`diag >= 'E10' AND diag < 'E15' OR other = 1` picks diabetes of `diag`. IS NULL picks no code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from mpcstats.plan import ranges
from mpcstats.plan.facts import BOOLEAN
from mpcstats.plan.lineage import Base, Carrier, carriers
from mpcstats.plan.ranges import Ranges

Special = Callable[[Base], Ranges]  # the special codes of a catalogue column
Picked = dict[Base, Ranges]  # the codes of each column with which a condition can be true

COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.EQ: "=",
    exp.NEQ: "<>",
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}


def flagged(node: exp.Expr, scope: Scope, special: Special) -> set[Base]:
    """The columns of which some predicate in `node` can pick a special code."""
    found: set[Base] = set()
    for condition in _conditions(node):
        picked = _picked(condition, scope, special, negated=False)
        found |= {base for base, codes in picked.items() if ranges.meet(codes, special(base))}
    for case in _in_scope(node):
        if isinstance(case, exp.Case | exp.If):
            found |= _left_over(case, scope, special)
    return found


def _conditions(node: exp.Expr, *, inside: bool = False) -> Iterator[exp.Expr]:
    """The outermost truth values in `node`, and those that decide a CASE or are compared inside of one."""
    if isinstance(node, exp.Query):
        return
    truth = isinstance(node, BOOLEAN)
    if truth and not inside:
        yield node
    if isinstance(node, exp.Case):
        yield from (_test(node, branch) for branch in node.args["ifs"] if node.this is not None)
    joined = isinstance(node, exp.Connector | exp.Not | exp.Paren) and (truth or inside)
    for child in node.iter_expressions():
        yield from _conditions(child, inside=joined)


def _test(case: exp.Expr, branch: exp.Expr) -> exp.Expr:
    """The condition of a branch of CASE, or of IF."""
    if isinstance(case, exp.Case) and case.this is not None:
        return exp.EQ(this=case.this.copy(), expression=branch.this.copy())
    condition: exp.Expr = branch.this
    return condition


def _in_scope(node: exp.Expr) -> Iterator[exp.Expr]:
    """`node` and its parts, without those of sub-queries."""
    return node.walk(prune=lambda part: isinstance(part, exp.Query))


def _left_over(case: exp.Expr, scope: Scope, special: Special) -> set[Base]:
    """Columns of which ELSE picks special codes: those between two ranges that the conditions take away."""
    branches = case.args["ifs"] if isinstance(case, exp.Case) else [case]
    taken: Picked = {}
    for branch in branches:
        taken = _either(taken, _picked(_test(case, branch), scope, special, negated=False))
    between = {
        base: tuple(gap for gap in ranges.complement(codes) if gap[0] and gap[1] is not None)
        for base, codes in taken.items()
    }
    return {base for base, gaps in between.items() if ranges.meet(gaps, special(base))}


def _picked(node: exp.Expr, scope: Scope, special: Special, *, negated: bool) -> Picked:
    match node:
        case exp.Paren():
            return _picked(node.this, scope, special, negated=negated)
        case exp.Not():
            return _picked(node.this, scope, special, negated=not negated)
        case exp.And() | exp.Or():
            sides = [
                _picked(side, scope, special, negated=negated)
                for side in (node.this, node.expression)
            ]
            both = isinstance(node, exp.And) is not negated
            return _both(*sides) if both else _either(*sides)
        case exp.Is() if isinstance(node.this, exp.Column):
            return {}
        case exp.In() if node.expressions:
            operator, join = ("<>", _both) if negated else ("=", _either)
            listed = (
                _compared(node.this, operator, value, scope, special) for value in node.expressions
            )
            return reduce(join, listed)
        case exp.Between():
            low, high = ("<", ">") if negated else (">=", "<=")
            first = _compared(node.this, low, node.args["low"], scope, special)
            second = _compared(node.this, high, node.args["high"], scope, special)
            return _either(first, second) if negated else _both(first, second)
        case exp.Like() | exp.StartsWith():
            return _matched(node, scope, special, negated=negated)
        case _ if type(node) in COMPARISONS:
            operator = COMPARISONS[type(node)]
            if negated:
                operator = NEGATED[operator]
            if _text(node.this) is not None:
                return _compared(node.expression, MIRRORED[operator], node.this, scope, special)
            return _compared(node.this, operator, node.expression, scope, special)
        case _:
            return _anything(node, scope, special)


def _compared(
    node: exp.Expr, operator: str, other: exp.Expr, scope: Scope, special: Special
) -> Picked:
    text = _text(other)
    if text is None:
        return _either(_anything(node, scope, special), _anything(other, scope, special))

    def codes(carrier: Carrier) -> Ranges:
        if carrier.prefix is None:
            return ranges.compared(operator, text)
        return ranges.compared_prefix(operator, text, carrier.prefix)

    return _by_carrier(node, scope, special, codes)


def _matched(node: exp.Expr, scope: Scope, special: Special, *, negated: bool) -> Picked:
    text = _text(node.expression)
    if text is None:
        return _anything(node, scope, special)
    begins = isinstance(node, exp.StartsWith)

    def codes(carrier: Carrier) -> Ranges:
        if carrier.prefix is not None:
            return ranges.EVERYTHING
        if begins:
            found = ranges.prefixed(text)
            return ranges.complement(found) if negated else found
        return ranges.like(text, negated=negated)

    return _by_carrier(node.this, scope, special, codes)


def _by_carrier(
    node: exp.Expr, scope: Scope, special: Special, codes: Callable[[Carrier], Ranges]
) -> Picked:
    result: Picked = {}
    for carrier in sorted(carriers(node, scope), key=repr):
        if special(carrier.base):
            picked = ranges.EVERYTHING if carrier.changed else codes(carrier)
            result = _either(result, {carrier.base: picked})
    return result


def _anything(node: exp.Expr, scope: Scope, special: Special) -> Picked:
    """Every column with special codes that flows into `node` or into a part of it."""
    parts = [node, *node.iter_expressions()] if isinstance(node, BOOLEAN) else [node]
    return {
        carrier.base: ranges.EVERYTHING
        for part in parts
        for carrier in carriers(part, scope)
        if special(carrier.base)
    }


def _text(node: exp.Expr) -> str | None:
    literal = node.unnest()
    return str(literal.this) if isinstance(literal, exp.Literal) and literal.is_string else None


def _either(first: Picked, second: Picked) -> Picked:
    shared = {b: ranges.union([first[b], second[b]]) for b in first if b in second}
    return {**first, **second, **shared}


def _both(first: Picked, second: Picked) -> Picked:
    shared = {b: ranges.intersection(first[b], second[b]) for b in first if b in second}
    return {**first, **second, **shared}
