"""From terms to steps: which of a value's two forms, number or bit rows, each operation works on.

Rules: protocols/derive/spec.md, section "Forms".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpcstats.errors import InternalError
from mpcstats.protocols.expression import DIGEST, Bounds, Node, call_bounds
from mpcstats.protocols.forms import MUXES, Forms, Given
from mpcstats.protocols.steps import Steps
from mpcstats.protocols.terms import FLAGS, RING, Term, Terms, reciprocal


@dataclass(frozen=True, slots=True)
class Wanted:
    """A result: public bounds, and the steps that give its number, its bit rows, and the row of what is not NULL."""

    minimum: int
    maximum: int
    number: int | None
    bits: int | None
    known: int | None


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, and which of them are results."""

    steps: Steps
    results: tuple[Wanted, ...]


def program(nodes: Sequence[Node], columns: Mapping[str, Given]) -> Program:
    """The steps that compute all of `nodes`. Raises UsageError as `expression.bounds` does."""
    terms = Terms({name: given.bounds for name, given in columns.items()})
    roots = [terms.add(node) for node in nodes]
    lowering = _Lowering(terms, columns, roots)
    for root in roots:
        lowering.ask(root)
    return Program(lowering.steps, tuple(lowering.result(root) for root in roots))


class _Lowering:
    """Steps of terms, made when they are asked for, and once."""

    def __init__(self, terms: Terms, columns: Mapping[str, Given], roots: Sequence[int]) -> None:
        self.terms, self.steps = terms, Steps()
        self._numbers: dict[int, int] = {}
        self._bits: dict[int, int] = {}
        self.forms = Forms(terms, columns)
        self._rows_known: dict[int, frozenset[int]] = {}
        reached = [terms[place] for place in terms.reachable(roots)]
        compared = [t for t in reached if t.op in ("lt", "eq")]
        self._compared = Counter(a for t in compared for a in set(t.args))
        self._limits = self._public_limits(compared)

    def _public_limits(self, compared: Sequence[Term]) -> dict[int, tuple[int, ...]]:
        """For each term all public numbers c of which x < c is asked, so that one tree answers for all."""
        found: dict[int, set[int]] = {}
        for t in compared:
            if t.op == "lt":
                x, y = t.args
                if self._constant(y):
                    found.setdefault(x, set()).add(self._bounds(y).minimum)
                elif self._constant(x):
                    found.setdefault(y, set()).add(self._bounds(x).minimum + 1)
        return {
            x: tuple(
                sorted(c for c in limits if self._bounds(x).minimum < c <= self._bounds(x).maximum)
            )
            for x, limits in found.items()
        }

    def _bounds(self, place: int) -> Bounds:
        return self.terms.bounds(place)

    def _constant(self, place: int) -> bool:
        return self._bounds(place).constant

    # results

    def ask(self, root: int) -> None:
        """Make the steps of a term's cheaper form."""
        if self._bounds(root).empty or self._bounds(root).text:
            return
        number, bits = self.forms.natural(root)
        if number:
            self.number(root)
        if bits and not (number and self.terms[root].op != "column"):
            self.bits(root)

    def result(self, root: int) -> Wanted:
        """All forms of a term that are there; bit rows of a flag hold 0 or 1."""
        of, known = self._bounds(root), self.known(root)
        if of.empty:
            return Wanted(0, 0, self.steps.number(0), self.steps.rows(0, 1), known)
        if of.text:
            return Wanted(0, DIGEST, None, self._from(root, 0, RING), known)
        number, bits = self._numbers.get(root), self._bits.get(root)
        return Wanted(of.minimum, of.maximum, number, bits, known)

    # numbers

    def number(self, place: int) -> int:
        """The number of a term."""
        if place not in self._numbers:
            self._numbers[place] = self._number(place)
        return self._numbers[place]

    def _number(self, place: int) -> int:
        term, steps = self.terms[place], self.steps
        if term.bounds.constant:
            return steps.number(term.bounds.minimum)
        if term.op == "not":
            return steps.linear([(self.number(term.args[0]), -1)], 1)
        if not self.forms.natural(place)[0] and not self.forms.is_linear(term):
            return steps.linear([(steps.number_of(self.bits(place)), 1)], term.bounds.minimum)
        if term.op == "column":
            return steps.add("number", (), (term.name,))
        if term.op in MUXES:
            return self._mux_number(place)
        x, y = term.args
        a, b = self.number(x), self.number(y)
        match term.op:
            case "add":
                return steps.linear([(a, 1), (b, 1)])
            case "sub":
                return steps.linear([(a, 1), (b, -1)])
            case "rest":
                return steps.linear([(a, 1), (b, -term.divisor)])
            case "mul":
                return steps.product(a, b)
            case "floordiv" | "mod":
                return steps.add("pick", (self._divided(x, y),), (int(term.op == "mod"),))
        raise InternalError(f"expected an operation on numbers, got {term.op}")

    def _mux_number(self, place: int) -> int:
        """y + flag (x - y)."""
        flag, x, y = self._mux(place)
        if x is None or y is None:
            return self.number(_one_of(x, y))
        value = self.steps.public(flag)
        if value is not None:
            return self.number(x if value else y)
        a, b = self.number(x), self.number(y)
        chosen = self.steps.product(
            self.steps.number_of(flag), self.steps.linear([(a, 1), (b, -1)])
        )
        return self.steps.linear([(chosen, 1), (b, 1)])

    def _mux(self, place: int) -> tuple[int, int | None, int | None]:
        """(flag, x, y): the term's value is x where the flag is 1, else y; None: never known."""
        op, args = self.terms[place].op, self.terms[place].args
        if op == "if":
            x, y = (None if self._bounds(a).empty else a for a in args[1:])
            return self.true(args[0]), x, y
        if op == "coalesce":
            known = self.known(args[0])
            return self.steps.rows(1, 1) if known is None else known, args[0], args[1]
        less, x, y = args
        # y, if it is there and the other one is not, or y is the better one
        flag, k_x, k_y = self.bits(less), self.known(x), self.known(y)
        if k_x is not None:
            flag = self.steps.any_of([flag, self.steps.invert(k_x)])
        return self.steps.all_of([flag] if k_y is None else [flag, k_y]), y, x

    def _divided(self, x: int, y: int) -> int:
        of, by = self._bounds(x), self._bounds(y)
        quotient = call_bounds("floordiv", [of, by])
        sizes = [max(1, max(-b.minimum, b.maximum).bit_length()) for b in (of, by, quotient)]
        return self.steps.add("divide", (self.number(x), self.number(y)), tuple(sizes))

    # bit rows

    def bits(self, place: int) -> int:
        """The rows of value - minimum of a term, as many as its bounds need."""
        if place not in self._bits:
            self._bits[place] = self._rows(place)
        return self._bits[place]

    def _rows(self, place: int) -> int:
        term, steps = self.terms[place], self.steps
        least, width = term.bounds.minimum, term.bounds.width
        if term.bounds.constant:
            return steps.rows(0, 1)
        if not self.forms.natural(place)[1]:
            return steps.bits_of(steps.linear([(self.number(place), 1)], -least), width)
        if term.op == "column":
            return steps.add("bits", (), (term.name,), width)
        if term.op in FLAGS:
            return self._flag(place)
        if term.op in MUXES:
            flag, x, y = self._mux(place)
            if x is None or y is None:
                return self.bits(_one_of(x, y))
            a, b = self._from(x, least, width), self._from(y, least, width)
            return steps.differ(b, steps.under(flag, steps.differ(a, b)))
        if term.op == "quotient":
            return self._quotient(term)
        x, y = term.args
        if term.op == "mul":
            return self._masked(x, y, least, width)
        if term.op == "add":
            return steps.added(steps.padded(self.bits(x), width), steps.padded(self.bits(y), width))
        # x - y - least = (x - min x) + (max y - y)
        return steps.added(
            steps.padded(self.bits(x), width), steps.padded(self._complement(y), width)
        )

    def _complement(self, place: int) -> int:
        """The rows of maximum - value."""
        of, rows = self._bounds(place), self.steps.invert(self.bits(place))
        if of.constant:
            return self.steps.rows(0, 1)
        width = self.steps.width(rows)
        # With v = value - minimum: max - min - v = (2^width - 1 - v) + (max - min + 1) mod 2^width.
        more = (of.maximum - of.minimum + 1) % (1 << width)
        return self.steps.added(rows, self.steps.rows(more, width))

    def _masked(self, x: int, y: int, least: int, width: int) -> int:
        """The product with a flag."""
        flag, other = (x, y) if self.forms.is_bit(x) else (y, x)
        zero = self.steps.rows(-least, width)
        differing = self.steps.differ(self._from(other, least, width), zero)
        return self.steps.differ(zero, self.steps.under(self.bits(flag), differing))

    def _quotient(self, term: Term) -> int:
        x, *below = term.args
        found = reciprocal(self._bounds(x), term.divisor)
        if found is None:
            raise InternalError("expected a quotient that has been found to fit, got another")
        u = [(self.number(x), 1), *((self.number(flag), term.divisor - 1) for flag in below)]
        whole = self.steps.linear([(self.steps.linear(u, found.offset), found.factor)])
        rows = self.steps.bits_of(whole, found.bits)
        return self.steps.padded(self.steps.cut(rows, found.shift, found.bits), term.bounds.width)

    def _from(self, place: int, base: int, width: int, plus: int = 0) -> int:
        """The rows of value + plus - base, which lies in [0, 2^width)."""
        steps, of = self.steps, self._bounds(place)
        over = of.minimum + plus - base
        if of.constant:
            return steps.rows(over, width)
        if over and not self.forms.natural(place)[1] and place not in self._bits:
            return steps.bits_of(steps.linear([(self.number(place), 1)], plus - base), width)
        rows = steps.padded(self.bits(place), width)
        return steps.added(rows, steps.rows(over, width))

    # flags

    def _flag(self, place: int) -> int:
        """The row of a flag, 1 where it is true; of no meaning where it is NULL."""
        term = self.terms[place]
        match term.op:
            case "not":
                return self.steps.invert(self._fact(term.args[0]))
            case "isnull":
                known = self.known(term.args[0])
                return self.steps.rows(0, 1) if known is None else self.steps.invert(known)
            case "and":
                return self.true(place)
            case "lt":
                return self._less(*term.args)
            case "within":
                return self._inside(*term.args)
        return self._equal(*term.args)

    def _inside(self, x: int, low: int, high: int) -> int:
        """low <= x <= high for any word x, whatever its bounds.

        With u = x - low and v = high - x mod 2^64, neither of which has its top bit: u + v < 2^64 is high - low
        mod 2^64, and so high - low itself; u is at most that.
        """
        of, ends = self._bounds(x), (self._bounds(low).minimum, self._bounds(high).minimum)
        if of.constant:
            return self.steps.rows(int(ends[0] <= of.minimum <= ends[1]), 1)
        number = self.number(x)
        outside = [
            self.steps.add("negative", (self.steps.linear([(number, sign)], plus),), (RING,), 1)
            for sign, plus in ((1, -ends[0]), (-1, ends[1]))
        ]
        return self.steps.all_of([self.steps.invert(row) for row in outside])

    def _less(self, x: int, y: int) -> int:
        of, other = self._bounds(x), self._bounds(y)
        if of.maximum < other.minimum or of.minimum >= other.maximum:
            return self.steps.rows(int(of.maximum < other.minimum), 1)
        if other.constant:
            return self._below(x, other.minimum)
        if of.constant:
            return self.steps.invert(self._below(y, of.minimum + 1))
        numbers, bits = self._common(x, y)
        if bits and (not numbers or of.minimum == other.minimum):
            return self._less_rows(x, y, 0)
        if numbers:
            return self._negative(
                self.steps.linear([(self.number(x), 1), (self.number(y), -1)]),
                of.minimum - other.maximum,
                of.maximum - other.minimum,
            )
        return self._less_rows(x, y, 0)

    def _common(self, x: int, y: int) -> tuple[bool, bool]:
        """Whether both are natural as numbers, and whether as bit rows."""
        (n_x, b_x), (n_y, b_y) = self.forms.natural(x), self.forms.natural(y)
        return n_x and n_y, b_x and b_y

    def _below(self, x: int, limit: int) -> int:
        """x < limit, a public number."""
        difference = self._difference(x)
        if difference is not None:  # a - b < limit as a < b + limit
            return self._less_rows(*difference, limit)
        of = self._bounds(x)
        if self._rows_wanted(x):
            tree = tuple(c - of.minimum for c in self._limits[x])
            found = self.steps.add("less_public", (self.bits(x),), tree)
            return self.steps.add("pick", (found,), (tree.index(limit - of.minimum),), 1)
        number = self.steps.linear([(self.number(x), 1)], -limit)
        return self._negative(number, of.minimum - limit, of.maximum - limit)

    def _rows_wanted(self, place: int) -> bool:
        """Whether comparisons of the term are to be on bit rows, which are made once for all of them."""
        return self.forms.natural(place)[1] or place in self._bits or self._compared[place] > 1

    def _difference(self, place: int) -> tuple[int, int] | None:
        """x and y of a term x - y of which only bit rows are there: comparing both is cheaper than subtracting."""
        term = self.terms[place]
        if term.op != "sub" or any(self._constant(a) for a in term.args):
            return None
        x, y = term.args
        numbers, bits = self._common(x, y)
        return (x, y) if bits and not numbers else None

    def _less_rows(self, x: int, y: int, plus: int) -> int:
        """x < y + plus, on rows of both above a common base."""
        a, b = self._aligned(x, y, plus)
        return self.steps.add("less", (a, b), (), 1)

    def _aligned(self, x: int, y: int, plus: int) -> tuple[int, int]:
        of, other = self._bounds(x), self._bounds(y)
        base = min(of.minimum, other.minimum + plus)
        most = max(of.maximum, other.maximum + plus)
        width = max(1, (most - base).bit_length())
        return self._from(x, base, width), self._from(y, base, width, plus)

    def _negative(self, number: int, low: int, high: int) -> int:
        """The sign of a number of [low, high]."""
        width = max(2, max(-low - 1, high).bit_length() + 1)
        return self.steps.add("negative", (number,), (width,), 1)

    def _equal(self, x: int, y: int) -> int:
        of, other = self._bounds(x), self._bounds(y)
        if of.maximum < other.minimum or other.maximum < of.minimum:
            return self.steps.rows(0, 1)
        if of.constant and other.constant:
            return self.steps.rows(1, 1)
        if of.constant or other.constant:
            place, value = (y, of.minimum) if of.constant else (x, other.minimum)
            difference = self._difference(place)
            if difference is not None:  # a - b = value as a = b + value
                return self._same(*self._aligned(*difference, value))
            base = self._bounds(place).minimum
            rows = self.bits(place)
            return self._same(rows, self.steps.rows(value - base, self.steps.width(rows)))
        numbers, bits = self._common(x, y)
        if bits or not numbers:
            return self._same(*self._aligned(x, y, 0))
        low, high = of.minimum - other.maximum, of.maximum - other.minimum
        number = self.steps.linear([(self.number(x), 1), (self.number(y), -1)], -low)
        rows = self.steps.bits_of(number, (high - low).bit_length())
        return self._same(rows, self.steps.rows(-low, self.steps.width(rows)))

    def _same(self, x: int, y: int) -> int:
        """Where all rows agree."""
        if self.steps.width(x) == 1:
            return self.steps.invert(self.steps.differ(x, y))
        return self.steps.add("equal", (x, y), (), 1)

    # NULL: the row of what is known, of what is true, of what is false; sets of rows are those whose and it is

    def known(self, place: int) -> int | None:
        """The row of what is not NULL, None if nothing ever is."""
        return self.steps.all_of(self._known(place)) if self._bounds(place).nullable else None

    def true(self, place: int) -> int:
        """1 where the flag is true, 0 where it is false or NULL."""
        return self.steps.all_of(self._true(place))

    def _true(self, place: int) -> frozenset[int]:
        term = self.terms[place]
        if term.op == "not":
            return self._false(term.args[0])
        if term.op == "and":
            return frozenset().union(*(self._true(a) for a in term.args))
        return self._known(place) | {self._fact(place)}

    def _false(self, place: int) -> frozenset[int]:
        term = self.terms[place]
        if term.op == "not":
            return self._true(term.args[0])
        if term.op == "and":
            if not term.bounds.nullable:
                return frozenset({self.steps.invert(self.true(place))})
            false = [self.steps.all_of(self._false(a)) for a in term.args]
            return frozenset({self.steps.any_of(false)})
        return self._known(place) | {self.steps.invert(self._fact(place))}

    def _fact(self, place: int) -> int:
        """The row of a value of 0 or 1, whatever its bounds."""
        of = self._bounds(place)
        return self.steps.rows(0, 1) if of.empty else self._from(place, 0, 1)

    def _known(self, place: int) -> frozenset[int]:
        if place not in self._rows_known:
            self._rows_known[place] = self._known_rows(place)
        return self._rows_known[place]

    def _known_rows(self, place: int) -> frozenset[int]:
        term = self.terms[place]
        if not term.bounds.nullable:
            return frozenset()
        if term.bounds.empty:
            return frozenset({self.steps.rows(0, 1)})
        match term.op:
            case "column":
                return frozenset({self.steps.add("known", (), (term.name,), 1)})
            case "and":  # true and false exclude each other
                (false,) = self._false(place)
                return frozenset({self.steps.differ(self.true(place), false)})
            case "choose" | "coalesce":
                either = [self.steps.all_of(self._known(a)) for a in term.args[-2:]]
                return frozenset({self.steps.any_of(either)})
            case "if":
                return self._known_branch(*term.args)
            case "floordiv" | "mod":
                return self._known_quotient(*term.args)
        return frozenset().union(*(self._known(a) for a in term.args))

    def _known_quotient(self, x: int, y: int) -> frozenset[int]:
        rows = self._known(x) | self._known(y)
        of = self._bounds(y)
        if of.minimum <= 0 <= of.maximum:
            undefined = self.steps.add("pick", (self._divided(x, y),), (2,), 1)
            rows |= {self.steps.invert(undefined)}
        return rows

    def _known_branch(self, condition: int, x: int, y: int) -> frozenset[int]:
        """That of x where the condition is true, else that of y."""
        if self._bounds(x).empty:
            return self._known(y) | {self.steps.invert(self.true(condition))}
        if self._bounds(y).empty:
            return self._known(x) | self._true(condition)
        flag = self.true(condition)
        k_x, k_y = (self.steps.all_of(self._known(branch)) for branch in (x, y))
        return frozenset(
            {self.steps.differ(k_y, self.steps.under(flag, self.steps.differ(k_x, k_y)))}
        )


def _one_of(x: int | None, y: int | None) -> int:
    found = y if x is None else x
    if found is None:
        raise InternalError("expected a branch that is not NULL, got two")
    return found
