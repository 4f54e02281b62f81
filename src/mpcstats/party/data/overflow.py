"""Arithmetic in a fragment that an engine without DuckDB's TRY computes: where it fails, and in which numbers.

TRY(e) is NULL on a row where anything in e that is computed fails. Other engines have no such thing, so e is
computed where nothing can fail, and taken only if no number on the way has left its type.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.plan.lineage import behind, outputs

ARITHMETIC = (exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Abs)
DIVISIONS = (exp.IntDiv, exp.Mod)
HUGE = 128  # bits of DuckDB's HUGEINT; its BIGINT has 64, its INTEGER 32


def large_columns(tree: exp.Expr) -> frozenset[int]:
    """The ids of the columns in `tree` that name a sum, of 128 bits in DuckDB; others hold 64."""
    found: dict[int, bool] = {}

    def large(node: exp.Expr, scope: Scope) -> bool:
        if isinstance(node, exp.Sum):
            return True
        if isinstance(node, exp.Column):
            if id(node) not in found:
                found[id(node)] = False  # of a name that stands for itself
                found[id(node)] = any(large(*each) for each in _behind(node, scope))
            return found[id(node)]
        inner = node.unnest()
        if isinstance(inner, exp.Query):
            held = [s for s in scopes if s.expression is inner]
            return any(
                large(item, s)
                for s in held
                for n in inner.named_selects
                for item, s in outputs(s, n)
            )
        return any(large(part, scope) for part in node.iter_expressions())

    scopes = traverse_scope(tree)
    for scope in scopes:
        for column in scope.columns:
            large(column, scope)
    return frozenset(key for key, is_large in found.items() if is_large)


def _behind(column: exp.Column, scope: Scope) -> list[tuple[exp.Expr, Scope]]:
    if not column.table and len(scope.sources) == 1:
        (source,) = scope.sources.values()
        return outputs(source, column.name) if isinstance(source, Scope) else []
    found = behind(column, scope)
    return found if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Attempt:
    """What TRY stands around: the conditions under which DuckDB would fail, and the `bits` of its value."""

    fails: exp.Expr | None
    bits: int


class Overflow:
    """Finds where the arithmetic of a tree fails; `large` are the columns of `large_columns`."""

    def __init__(self, large: Collection[int]) -> None:
        self._large = large

    def attempt(self, node: exp.Expr) -> Attempt:
        """About the operand of a TRY. The conditions hold copies of its parts, arithmetic in exact numbers."""
        return Attempt(self._fails(node), self.bits(node))

    def bits(self, node: exp.Expr) -> int:
        """Of the type that DuckDB gives the number `node`."""
        node = node.unnest()
        match node:
            case exp.Literal() | exp.Null() | exp.Boolean():
                return 32 if node.is_string or abs(int(str(node.this or 0))) < 1 << 31 else 64
            case exp.Column():
                return HUGE if id(node) in self._large else 64
            case exp.Case() | exp.If():
                return max(self.bits(result) for result in _results(node))
            case exp.Sum():
                return HUGE
            case _ if isinstance(node, (*ARITHMETIC, exp.Coalesce, exp.Greatest, exp.Least)):
                return max(self.bits(part) for part in node.iter_expressions())
            case _:
                return 64

    def _fails(self, node: exp.Expr) -> exp.Expr | None:
        if isinstance(node, exp.Case | exp.If):
            return self._case_fails(node)
        inside = [found for part in node.iter_expressions() if (found := self._fails(part))]
        if isinstance(node, exp.Coalesce):
            inside = self._coalesce_fails(node)
        if isinstance(node, DIVISIONS):
            inside.append(exp.EQ(this=_alone(node.expression), expression=exp.Literal.number(0)))
        if isinstance(node, ARITHMETIC):
            inside.append(_outside(node, self.bits(node)))
        return _any(inside)

    def _case_fails(self, node: exp.Case | exp.If) -> exp.Expr | None:
        """Only of the branch that a row takes: DuckDB computes no other for it."""
        branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        subject = node.this if isinstance(node, exp.Case) else None
        default = node.args.get("default" if isinstance(node, exp.Case) else "false")
        parts = [] if subject is None else [self._fails(subject)]
        taken = []
        for branch in branches:
            test, result = branch.this, self._fails(branch.args["true"])
            parts.append(self._fails(test))
            if subject is not None:
                test = exp.EQ(this=_alone(subject), expression=_alone(test))
            taken.append((test, result))
        last = None if default is None else self._fails(default)
        if last is not None or any(result is not None for _, result in taken):
            ifs = [exp.If(this=t.copy(), true=r or exp.false()) for t, r in taken]
            parts.append(exp.Case(ifs=ifs, default=last or exp.false()))
        return _any([part for part in parts if part is not None])

    def _coalesce_fails(self, node: exp.Coalesce) -> list[exp.Expr]:
        """Of each operand where the ones before it are missing."""
        found, missing = list[exp.Expr](), list[exp.Expr]()
        for part in (node.this, *node.expressions):
            fails = self._fails(part)
            if fails is not None:
                found.append(exp.and_(*(m.copy() for m in missing), fails, copy=False))
            missing.append(exp.Is(this=_alone(part), expression=exp.Null()))
        return found


def _results(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.If):
        found = [node.args["true"], node.args.get("false")]
    else:
        found = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
    return [part for part in found if part is not None]


def _outside(node: exp.Expr, bits: int) -> exp.Expr:
    """Whether the number `node` is none of a type of `bits`: too large, or missing though no operand is."""
    low, high = (exp.Literal.number(n) for n in bounds(bits))
    within = exp.Between(this=_alone(node), low=low, high=high)
    present = [
        exp.Not(this=exp.Is(this=_alone(part), expression=exp.Null()))
        for part in node.iter_expressions()
    ]
    return exp.Coalesce(this=exp.Not(this=within), expressions=[exp.and_(*present, copy=False)])


def bounds(bits: int) -> tuple[int, int]:
    """The least and the greatest number of a type of `bits`."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def _any(parts: list[exp.Expr]) -> exp.Expr | None:
    return exp.or_(*parts, copy=False) if parts else None


def _alone(node: exp.Expr) -> exp.Expr:
    """A copy that may stand as an operand."""
    copy = node.copy()
    return copy if isinstance(copy, exp.Column | exp.Literal | exp.Paren) else exp.Paren(this=copy)
