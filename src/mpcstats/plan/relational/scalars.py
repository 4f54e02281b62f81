"""SQL expressions over joint rows as expressions on shares, with the columns and forms that they want."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from sqlglot import exp

from mpcstats.plan.cells import Label
from mpcstats.plan.context import Context
from mpcstats.plan.facts import Fact
from mpcstats.plan.relational.algebra import Expr, Facts, about
from mpcstats.plan.relational.naming import shown
from mpcstats.plan.relational.wants import MOST_LABELS, Want, natural, ordered
from mpcstats.plan.tables import LEAST_DIGEST, Call, Node, Null, Number, Op, Reference

Find = Callable[[Want], Node]
BINARY: dict[type[exp.Expr], Op] = {
    exp.Add: "add",
    exp.Sub: "sub",
    exp.Mul: "mul",
    exp.IntDiv: "floordiv",
    exp.Mod: "mod",
}
COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
SUPPORTED = (
    "supported over several owners' columns: + - * // %, ABS, comparisons, BETWEEN, IN, IS NULL, CASE, COALESCE, "
    "GREATEST, LEAST, AND, OR, NOT; what one owner has all columns of is computed there, with all its functions"
)


@dataclass(slots=True)
class Scalars:
    """Translates expressions over columns with `facts`; `find` gives a column on shares in the form that is wanted."""

    context: Context
    facts: Facts
    rows: int
    find: Find

    def fact(self, node: Expr) -> Fact:
        """What is known of `node`."""
        return about(node, self.facts, self.rows)

    def flag(self, node: Expr) -> Node:
        """A condition."""
        return self._condition(node.unnest())

    def value(self, node: Expr, labels: tuple[Label, ...] | None = None) -> Node:
        """A number; with `labels`, the place of a text among them."""
        plain = node.unnest()
        match plain:
            case exp.Null():
                return Null()
            case exp.Literal() | exp.Boolean():
                return self._literal(plain, labels)
            case exp.Column():
                return self.find(self._want(plain, labels))
            case exp.Neg() | exp.Abs():
                op: Op = "neg" if isinstance(plain, exp.Neg) else "abs"
                return Call(op, (self.value(plain.this),))
            case exp.Case() | exp.If():
                return self._case(plain, labels)
            case exp.Coalesce():
                return Call("coalesce", tuple(self.value(n, labels) for n in _arguments(plain)))
            case exp.Greatest() | exp.Least() if labels is None:
                kind: Op = "greatest" if isinstance(plain, exp.Greatest) else "least"
                return Call(kind, tuple(self.value(n) for n in _arguments(plain)))
            case exp.Nullif():
                same = self._compared(
                    exp.EQ(this=plain.this.copy(), expression=plain.expression.copy())
                )
                return Call("if", (same, Null(), self.value(plain.this, labels)))
            case exp.TryCast() | exp.Cast() if self.fact(plain.this).kind in ("integer", "boolean"):
                if plain.to.is_type(*exp.DataType.INTEGER_TYPES):
                    return self.value(plain.this)
        if type(plain) in BINARY and labels is None:
            return Call(BINARY[type(plain)], (self.value(plain.this), self.value(plain.expression)))
        if self.fact(plain).kind == "boolean":
            return self._condition(plain)
        raise self.refused(plain)

    def natural(self, node: Expr) -> tuple[Node, tuple[Label, ...] | None]:
        """`node` in the form in which it is grouped, and its labels if it is a text."""
        known = self.fact(node)
        if known.kind == "text":
            if known.labels is None or len(known.labels) > MOST_LABELS:
                if isinstance(node.unnest(), exp.Column):
                    return self.find(Want(node.unnest().name, "digest")), None
                raise self.refused(node)
            labels = ordered(known.labels)
            return self.value(node, labels), labels
        return (self.flag(node) if known.kind == "boolean" else self.value(node)), None

    def refused(self, node: Expr) -> Exception:
        """The error that `node` cannot be computed on shares."""
        return self.context.refuse(
            node,
            f"{shown(node)} cannot be computed over the columns of several owners; {SUPPORTED}",
        )

    def _want(self, node: Expr, labels: tuple[Label, ...] | None) -> Want:
        known = self.facts.get(node.name)
        if known is None:
            raise self.refused(node)
        if labels is not None:
            return Want(node.name, "code", labels)
        found = natural(node.name, known)
        if found.form not in ("number", "flag"):
            raise self.refused(node)
        return found

    def _literal(self, node: Expr, labels: tuple[Label, ...] | None) -> Node:
        if isinstance(node, exp.Boolean):
            return Number(int(bool(node.this)))
        if labels is not None:
            label: Label = str(node.this) if node.is_string else int(node.this)
            return Number(labels.index(label)) if label in labels else Number(len(labels))
        if node.is_string or not node.is_int:
            raise self.refused(node)
        return Number(int(node.this))

    def _case(self, node: Expr, labels: tuple[Label, ...] | None) -> Node:
        if isinstance(node, exp.If):
            branches = [(node.this, node.args["true"])]
            default = node.args.get("false")
        else:
            branches = [(branch.this, branch.args["true"]) for branch in node.args["ifs"]]
            default = node.args.get("default")
            if node.this is not None:
                branches = [
                    (exp.EQ(this=node.this.copy(), expression=test.copy()), then)
                    for test, then in branches
                ]
        result: Node = Null() if default is None else self.value(default, labels)
        for condition, then in reversed(branches):
            result = Call("if", (self.flag(condition), self.value(then, labels), result))
        return result

    def _condition(self, node: Expr) -> Node:
        match node:
            case exp.Boolean():
                return Number(int(bool(node.this)))
            case exp.Null():
                return Null()
            case exp.Not():
                return Call("not", (self.flag(node.this),))
            case exp.And() | exp.Or():
                op: Op = "and" if isinstance(node, exp.And) else "or"
                return Call(op, (self.flag(node.this), self.flag(node.expression)))
            case exp.Is():
                return self._is(node)
            case exp.Between():
                low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
                high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
                return Call("and", (self._compared(low), self._compared(high)))
            case exp.In() if node.args.get("query") is None:
                tests = [
                    self._compared(exp.EQ(this=node.this.copy(), expression=item.copy()))
                    for item in node.expressions
                ]
                return reduce(lambda a, b: Call("or", (a, b)), tests)
            case exp.NullSafeEQ() | exp.NullSafeNEQ():
                return self._null_safe(node)
            case _ if isinstance(node, COMPARISONS):
                return self._compared(node)
            case exp.Column() | exp.Case() | exp.Coalesce() | exp.If():
                return self.value(node)
        raise self.refused(node)

    def _is(self, node: Expr) -> Node:
        right = node.expression
        if isinstance(right, exp.Boolean):
            given = self.flag(node.this)
            true = Call("if", (given, Number(1), Number(0)))
            false = Call("if", (Call("not", (given,)), Number(1), Number(0)))
            return true if right.this else false
        if not isinstance(right, exp.Null):
            raise self.refused(node)
        plain = node.this.unnest()
        if isinstance(plain, exp.Column):
            if not self.facts[plain.name].nullable:
                return Number(0)
            return Call("not", (self.find(Want(plain.name, "known")),))
        if isinstance(plain, exp.Case):
            # Which branch is taken is known; whether its value is NULL is asked of the value itself.
            inside = plain.copy()
            for branch in inside.args["ifs"]:
                branch.set("true", _is_null(branch.args["true"]))
            default = inside.args.get("default")
            inside.set("default", exp.Boolean(this=True) if default is None else _is_null(default))
            return self.value(inside)
        return Call("isnull", (self.natural(plain)[0],))

    def _null_safe(self, node: Expr) -> Node:
        same = Call(
            "coalesce",
            (
                self._compared(exp.EQ(this=node.this.copy(), expression=node.expression.copy())),
                Number(0),
            ),
        )
        nothing = Call(
            "and",
            tuple(
                self._is(exp.Is(this=n.copy(), expression=exp.Null()))
                for n in (node.this, node.expression)
            ),
        )
        equal = Call("or", (same, nothing))
        return equal if isinstance(node, exp.NullSafeEQ) else Call("not", (equal,))

    def _compared(self, node: Expr) -> Node:
        left, right = self.fact(node.this), self.fact(node.expression)
        if "null" in (left.kind, right.kind):
            return Null()
        if "text" in (left.kind, right.kind):
            return self._texts(node, left, right)
        first, second = self.ratio(node.this), self.ratio(node.expression)
        if first.over is None and second.over is None:
            return _ordering(node, first.top, second.top)
        return self._ratios(node, first, second)

    def _ratios(self, node: Expr, first: Ratio, second: Ratio) -> Node:
        """a / b < c / d as a d < c b, where b and d are not negative; unknown where one of them is 0."""
        over = [r.over for r in (first, second) if r.over is not None]
        left, right = first.top, second.top
        if second.over is not None:
            left = Call("mul", (left, second.over))
        if first.over is not None:
            right = Call("mul", (right, first.over))
        known: list[Node] = [Call("lt", (Number(0), o)) for o in over if not isinstance(o, Number)]
        if not known:
            return _ordering(node, left, right)
        defined = reduce(lambda a, b: Call("and", (a, b)), known)
        return Call("if", (defined, _ordering(node, left, right), Null()))

    def ratio(self, node: Expr) -> Ratio:
        """`node` as a whole number over another; decimals are fractions, and / divides exactly."""
        plain = node.unnest()
        match plain:
            case exp.Literal() if not plain.is_string and not plain.is_int:
                return _decimal(str(plain.this), self.refused(plain))
            case exp.Div():
                top, bottom = self.ratio(plain.this), self.ratio(plain.expression)
                if bottom.over is not None and not isinstance(bottom.over, Number):
                    raise self.refused(plain)
                if not isinstance(bottom.top, Number):
                    bounded = self.fact(plain.expression).bounded
                    if bounded is None and not isinstance(bottom.top, Reference):
                        raise self.refused(plain)
                return Ratio(
                    _times(top.top, bottom.over), _times(top.over or Number(1), bottom.top)
                ).plain()
            case exp.Mul():
                one, other = self.ratio(plain.this), self.ratio(plain.expression)
                return Ratio(
                    _times(one.top, other.top),
                    _times(one.over or Number(1), other.over or Number(1)),
                ).plain()
            case exp.Add() | exp.Sub():
                one, other = self.ratio(plain.this), self.ratio(plain.expression)
                op: Op = "add" if isinstance(plain, exp.Add) else "sub"
                if one.over == other.over:
                    return Ratio(_folded(op, one.top, other.top), one.over)
                tops = (_times(one.top, other.over), _times(other.top, one.over))
                return Ratio(
                    _folded(op, *tops), _times(one.over or Number(1), other.over or Number(1))
                ).plain()
            case exp.Neg():
                inner = self.ratio(plain.this)
                return Ratio(_times(inner.top, Number(-1)), inner.over)
        if plain.find(exp.Div) is not None:
            raise self.refused(plain)
        return Ratio(self.value(plain), None)

    def _texts(self, node: Expr, left: Fact, right: Fact) -> Node:
        sides = (node.this.unnest(), node.expression.unnest())
        if left.labels is not None and right.labels is not None:
            labels = ordered((*left.labels, *right.labels))
            if len(labels) <= MOST_LABELS:
                return _ordering(node, self.value(sides[0], labels), self.value(sides[1], labels))
        if not isinstance(node, exp.EQ | exp.NEQ):
            raise self.refused(node)
        found = _equal(*(self._digest(side) for side in sides))
        return found if isinstance(node, exp.EQ) else Call("not", (found,))

    def _digest(self, node: Expr) -> Node:
        if isinstance(node, exp.Column):
            return self.find(Want(node.name, "digest"))
        if isinstance(node, exp.Literal) and node.is_string:
            return Number(digest(str(node.this)))
        raise self.refused(node)


@dataclass(frozen=True, slots=True)
class Ratio:
    """top / over; None: over 1."""

    top: Node
    over: Node | None

    def plain(self) -> Ratio:
        """Without a denominator of 1."""
        return Ratio(self.top, None) if self.over == Number(1) else self


def digest(text: str) -> int:
    """The digest of a text, as owners' databases give it (plan.keys.encoded, party.data)."""
    encoded = f"{len(text)}:{text}"
    return int(hashlib.sha256(encoded.encode()).hexdigest()[:16], 16) | LEAST_DIGEST


def _times(node: Node, factor: Node | None) -> Node:
    if factor is None or factor == Number(1):
        return node
    return _folded("mul", node, factor)


def _folded(op: Op, a: Node, b: Node) -> Node:
    """The operation, done at once on two public numbers."""
    if op == "mul" and a == Number(1):
        return b
    if isinstance(a, Number) and isinstance(b, Number):
        done = {"add": a.value + b.value, "sub": a.value - b.value, "mul": a.value * b.value}
        return Number(done[op])
    return Call(op, (a, b))


def _decimal(text: str, refused: Exception) -> Ratio:
    whole, _, digits = text.partition(".")
    if not (whole + digits).isdigit() or len(digits) > 9:
        raise refused
    digits = digits.rstrip("0")
    return Ratio(Number(int(whole + digits or "0")), Number(10 ** len(digits))).plain()


def _ordering(node: Expr, a: Node, b: Node) -> Node:
    match node:
        case exp.EQ():
            return _equal(a, b)
        case exp.NEQ():
            return Call("not", (_equal(a, b),))
        case exp.LT():
            return Call("lt", (a, b))
        case exp.LTE():
            return Call("le", (a, b))
        case exp.GT():
            return Call("lt", (b, a))
        case _:
            return Call("le", (b, a))


def _equal(a: Node, b: Node) -> Node:
    return Call("eq", (a, b))


def _is_null(node: Expr) -> Expr:
    return exp.Is(this=node.copy(), expression=exp.Null())


def _arguments(node: Expr) -> Sequence[Expr]:
    return [node.this, *node.expressions]


@dataclass(slots=True)
class Wanted:
    """Remembers what an expression wants, to ask for it before there is a table."""

    wants: dict[Want, None] = field(default_factory=dict)

    def __call__(self, want: Want) -> Node:
        """Notes the want; what it gives stands for a column that is not there yet."""
        self.wants[want] = None
        return Reference(want.name)
