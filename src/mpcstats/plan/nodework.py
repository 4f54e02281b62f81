"""What expressions on shares cost at most: protocols.derive chooses the forms that cost least, which is not more.

A value is shared as a number, or as the bits of what it is above its least value; some operations work on the one form,
some on the other. Natural are the forms that come without a conversion (protocols/derive/spec.md, section "Forms");
each sub-expression is made once in each form that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from mpcstats.cards.arithmetic import carry_rounds, log2_ceil
from mpcstats.plan import work as engine
from mpcstats.plan.interval import Interval, called, interval
from mpcstats.plan.tables import Call, Column, Node, Reference
from mpcstats.plan.work import NONE, PRODUCT, RING, Work

Form = Literal["number", "bits", "either"]  # either: it is not known here in which
Forms = Mapping[str, Form]
FLAGS = frozenset({"lt", "le", "eq", "and", "or", "not", "isnull", "within"})
Division = tuple[int, int, int]  # bits of numerator, denominator and quotient


class NodeWork:
    """The work of all nodes over `columns`, which are there in `forms`, on `elements` rows."""

    def __init__(self, columns: Mapping[str, Column], forms: Forms, elements: int) -> None:
        self._columns = columns
        self._forms = forms
        self._elements = elements
        # By the identity of a node: equal nodes are one (_one).
        self._nodes: dict[tuple[object, ...], Node] = {}
        self._known_nodes: dict[int, Node] = {}
        self._compared: Counter[int] = Counter()
        self._intervals: dict[int, Interval] = {}
        self._forms_found: dict[int, tuple[bool, bool]] = {}
        self._depths: dict[tuple[str, int], int] = {}
        self._sent = NONE
        self.divisions: list[Division] = []

    def of(self, nodes: Sequence[Node], keep: Node | None) -> Work:
        """The work of `nodes`, and of `keep` as a condition on which rows stay; without that of `divisions`."""
        nodes = [self._one(node) for node in nodes]
        kept_where = None if keep is None else self._one(keep)
        for node in self._nodes.values():
            if isinstance(node, Call) and node.op in ("lt", "le", "eq"):
                self._compared.update({id(arg) for arg in node.args})
        depth = max((self._made(node) for node in nodes), default=0)
        if kept_where is not None:
            kept = engine.anded(1)  # with the row of which rows are there
            depth = max(depth, self._add(kept, self._true(kept_where)))
        return Work(self._sent.ands, self._sent.words, self._sent.put_in, self._sent.halves, depth)

    def form(self, node: Node) -> Form:
        """In which form a result comes."""
        node = self._one(node)
        if isinstance(node, Reference):
            return self._forms[node.name]
        nodes = self._nodes.values()
        if self._constant(node) or any(self._unknown(n) or _divides(n) for n in nodes):
            return "either"
        number, bits = self._natural(node)
        # A choice between public numbers may come as its condition's bit.
        return "either" if number and bits else "number" if number else "bits"

    def _one(self, node: Node) -> Node:
        """The one node that stands for all that are equal to this."""
        if id(node) in self._known_nodes:
            return self._known_nodes[id(node)]
        if isinstance(node, Call):
            args = tuple(self._one(arg) for arg in node.args)
            found = self._nodes.setdefault((node.op, *map(id, args)), Call(node.op, args))
        else:
            found = self._nodes.setdefault((node,), node)
        self._known_nodes |= {id(node): found, id(found): found}
        return found

    def _unknown(self, node: Node) -> bool:
        return isinstance(node, Reference) and self._forms[node.name] == "either"

    def _natural(self, node: Node) -> tuple[bool, bool]:
        """Whether the number, and whether the bits, come without a conversion; of what is not known, the number."""
        if id(node) not in self._forms_found:
            self._forms_found[id(node)] = self._natural_forms(node)
        return self._forms_found[id(node)]

    def _natural_forms(self, node: Node) -> tuple[bool, bool]:
        if self._constant(node):
            return True, True
        if not isinstance(node, Call):
            bits = isinstance(node, Reference) and self._forms[node.name] == "bits"
            return not bits, bits
        op, args = node.op, node.args
        if op in FLAGS:
            return False, True
        if op == "mul":
            return self._natural_product(args)
        forms = [self._natural(arg) for arg in self._values(op, args)]
        numbers, bits = (all(form[i] for form in forms) for i in range(2))
        if op in ("add", "sub", "neg", "abs"):
            bits = bits and not numbers
        return (True, False) if op in ("floordiv", "mod") else (numbers or not bits, bits)

    def _natural_product(self, args: Sequence[Node]) -> tuple[bool, bool]:
        flags = [arg for arg in args if self._is_bit(arg)]
        if len(flags) == 2:
            return False, True
        forms = [self._natural(arg) for arg in args]
        numbers, bits = (all(form[i] for form in forms) for i in range(2))
        if any(map(self._constant, args)):
            return numbers or not (flags and bits), bool(flags) and bits
        if flags and bits:
            return next(self._natural(arg)[0] for arg in args if arg not in flags), True
        return True, False

    def _is_bit(self, node: Node) -> bool:
        found = self._interval(node)
        return (found.minimum, found.maximum) == (0, 1)

    def _made(self, node: Node) -> int:
        """In one form, and what of it is NULL; the rounds until then."""
        text = self._interval(node).kind == "digest"
        whole = self._number if self._natural(node)[0] and not text else self._bits
        return max(whole(node), self._known(node))

    def _add(self, made: Work, after: int) -> int:
        self._sent = self._sent.beside(made)
        return after + made.rounds

    def _interval(self, node: Node) -> Interval:
        if id(node) not in self._intervals:
            self._intervals[id(node)] = (
                called(node.op, [self._interval(arg) for arg in node.args])
                if isinstance(node, Call)
                else interval(node, self._columns)
            )
        return self._intervals[id(node)]

    def _constant(self, node: Node) -> bool:
        found = self._interval(node)
        return found.minimum >= found.maximum

    def _width(self, *nodes: Node) -> int:
        """Bits of any of the nodes above the least value of all."""
        there = [self._interval(node) for node in nodes if not self._interval(node).empty]
        low = min((found.minimum for found in there), default=0)
        return max(1, (max((found.maximum for found in there), default=0) - low).bit_length())

    def _once(self, what: str, node: Node) -> tuple[bool, int]:
        depth = self._depths.get((what, id(node)))
        return depth is not None, depth or 0

    # Numbers.

    def _number(self, node: Node) -> int:
        """Rounds until the number is there."""
        done, depth = self._once("number", node)
        if not done:
            depth = 0 if self._constant(node) else self._new_number(node)
            self._depths["number", id(node)] = depth
        return depth

    def _new_number(self, node: Node) -> int:
        if not isinstance(node, Call):
            if self.form(node) == "number":
                return 0
            return self._add(engine.from_bits(self._width(node), self._elements), 0)
        op, args = node.op, node.args
        if not self._natural(node)[0]:
            return self._add(engine.from_bits(self._width(node), self._elements), self._bits(node))
        if op in ("add", "sub", "neg"):
            return max(self._number(arg) for arg in args)
        if op == "mul":
            depth = max(self._number(arg) for arg in args)
            return depth if any(map(self._constant, args)) else self._add(PRODUCT, depth)
        if op in ("floordiv", "mod"):
            return self._divided(*args)
        return self._chosen(op, args)

    def _chosen(self, op: str, args: Sequence[Node]) -> int:
        """y + flag (x - y) for each but the first of the values."""
        values = self._values(op, args)
        depth = self._choosing(op, args, max(map(self._number, values)))
        turns = 1 if op in ("if", "abs") else len(values) - 1
        for _ in range(turns):
            depth = self._add(PRODUCT, self._add(engine.from_bits(1, self._elements), depth))
        return depth

    def _choosing(self, op: str, args: Sequence[Node], depth: int) -> int:
        """The flags by which values are chosen."""
        values = self._values(op, args)
        if op == "if":
            return max(depth, self._true(args[0]))
        if op == "abs":
            return self._add(engine.compared(self._width(args[0]) + 1), depth)
        if op == "coalesce":
            return self._add(engine.anded(len(values), 2), max([depth, *map(self._known, values)]))
        return self._compared_in_turn(values, depth)

    def _values(self, op: str, args: Sequence[Node]) -> Sequence[Node]:
        """Those that the result may be."""
        if op == "if":
            return args[1:]
        if op != "coalesce":
            return args
        sure = [i for i, arg in enumerate(args) if not self._interval(arg).nullable]
        return args[: sure[0] + 1] if sure else args

    def _compared_in_turn(self, values: Sequence[Node], depth: int) -> int:
        """Of least and greatest: each is compared with the best of those before."""
        width = self._width(*values)
        for value in values[1:]:
            depth = max(depth, self._known(value))
            if not all(self._natural(v)[0] for v in values) or any(map(self._unknown, values)):
                turned = engine.to_bits(width, self._elements)
                shifted = engine.added(width, self._elements)
                depth = self._add(turned.beside(turned), depth)
                depth = self._add(shifted.beside(shifted), depth)
            depth = self._add(engine.compared(width), depth)
            depth = self._add(engine.anded(4, 3), depth)  # whether either is known
        return depth

    def _divided(self, numerator: Node, denominator: Node) -> int:
        of, by = self._interval(numerator), self._interval(denominator)
        depth = max(self._number(numerator), self._number(denominator))
        most = max(abs(of.minimum), abs(of.maximum), 1).bit_length()
        if self._constant(denominator) and not by.nullable and 2 * most + 2 <= RING:
            return self._by_public(numerator, depth)
        divisor = max(abs(by.minimum), abs(by.maximum), 1).bit_length()
        self.divisions.append((most, divisor, most))
        return depth

    def _by_public(self, numerator: Node, depth: int) -> int:
        """By a public number: the numerator times a fixed-point reciprocal, and the bits above the point."""
        if self._interval(numerator).minimum < 0:
            depth = self._add(engine.negative(self._width(numerator) + 1), depth)
            depth = self._add(engine.from_bits(1, self._elements), depth)
        depth = self._add(engine.to_bits(RING, self._elements), depth)
        return self._add(engine.from_bits(RING, self._elements), depth)

    # Bits.

    def _bits(self, node: Node) -> int:
        """Rounds until the bits are there."""
        done, depth = self._once("bits", node)
        if not done:
            depth = 0 if self._constant(node) else self._new_bits(node)
            self._depths["bits", id(node)] = depth
        return depth

    def _new_bits(self, node: Node) -> int:
        if isinstance(node, Call) and node.op in FLAGS:
            return self._flag(node.op, node.args)
        if self._interval(node).kind == "digest":
            return self._chosen_text(node)
        if not self._natural(node)[1] or self._unknown(node):
            return self._add(engine.to_bits(self._width(node), self._elements), self._number(node))
        return (
            self._combined(node.op, node.args, self._width(node)) if isinstance(node, Call) else 0
        )

    def _combined(self, op: str, args: Sequence[Node], width: int) -> int:
        """Bits of bits: sums on a common base, and choices by ands."""
        values = self._values(op, args)
        depth = max(map(self._bits, values))
        if op in ("if", "least", "greatest", "coalesce", "abs"):
            depth = self._choosing(op, args, depth)
        moved = engine.added(width, self._elements)
        for _ in values:  # onto the result's base; of what is subtracted, its complement first
            self._sent = self._sent.beside(moved).beside(moved if op != "add" else NONE)
        turns = max(1, len(values) - 1)
        return self._add(engine.anded(width * turns, turns), depth + 2 * moved.rounds)

    def _chosen_text(self, node: Node) -> int:
        if not isinstance(node, Call):
            return 0
        values = self._values(node.op, node.args)
        first = self._true(node.args[0]) if node.op == "if" else 0
        depth = max([first, *map(self._bits, values), *map(self._known, values)])
        return self._add(engine.anded(RING * (len(values) - 1), len(values) - 1), depth)

    def _flag(self, op: str, args: Sequence[Node]) -> int:
        match op:
            case "lt" | "le":
                return self._less(*args)
            case "eq":
                return self._equal(*args)
            case "isnull":
                return self._known(args[0])
            case "within":
                sign = engine.negative(RING)
                depth = self._add(sign.beside(sign), self._number(args[0]))
                return self._add(engine.anded(1), depth)
            case "not":
                return self._bits(args[0])
            case _:
                # In three values: which are true, and which are false.
                depth = max(map(self._true, args))
                rows = (len(args) - 1) * (2 if any(self._interval(a).nullable for a in args) else 1)
                return self._add(engine.anded(rows, log2_ceil(len(args))), depth)

    def _less(self, x: Node, y: Node) -> int:
        width = self._width(x, y)
        constant = self._constant(x) or self._constant(y)
        numbers = all(self._natural(a) == (True, False) or self._constant(a) for a in (x, y))
        once = all(self._constant(a) or self._compared[id(a)] == 1 for a in (x, y))
        if numbers and (once or not constant):
            depth = max(self._number(x), self._number(y))
            of, by = self._interval(x), self._interval(y)
            apart = max(abs(of.minimum - by.maximum), abs(of.maximum - by.minimum)).bit_length()
            return self._add(engine.negative(min(RING, apart + 1)), depth)
        if numbers:  # with public numbers: one tree, or one for each, on bits that are made once
            return self._add(engine.less_than(width), max(self._bits(x), self._bits(y)))
        return self._add(engine.compared(width), self._aligned(x, y, width))

    def _equal(self, x: Node, y: Node) -> int:
        width = self._width(x, y)
        if self._interval(x).kind == "digest" or self._interval(y).kind == "digest":
            return self._add(engine.equal(RING), max(self._bits(x), self._bits(y)))
        return self._add(engine.equal(width + 1), self._aligned(x, y, width + 1))

    def _aligned(self, x: Node, y: Node, width: int) -> int:
        """Both as bits above one least value."""
        depth = max(self._bits(x), self._bits(y))
        for node in (x, y):
            if not self._constant(node):
                self._sent = self._sent.beside(engine.added(width, self._elements))
        return depth + carry_rounds(width, self._elements)

    # NULL.

    def _true(self, node: Node) -> int:
        """Rounds until the row is there that is 1 where the flag is true, neither false nor NULL."""
        depth = max(self._bits(node), self._known(node))
        done, before = self._once("true", node)
        if done:
            return before
        if self._interval(node).nullable and not self._constant(node):
            depth = self._add(engine.anded(1), depth)
        self._depths["true", id(node)] = depth
        return depth

    def _known(self, node: Node) -> int:
        """Rounds until the row is there that is 1 where the value is not NULL."""
        done, depth = self._once("known", node)
        if not done:
            depth = self._new_known(node) if self._interval(node).nullable else 0
            self._depths["known", id(node)] = depth
        return depth

    def _new_known(self, node: Node) -> int:
        if not isinstance(node, Call):
            return 0
        depth = max(map(self._known, node.args))
        if node.op in ("and", "or", "not", "if"):
            flags = node.args[:1] if node.op == "if" else node.args
            depth = max([depth, *map(self._true, flags)])
        if node.op == "abs":  # a choice by the sign
            (arg,) = node.args
            depth = self._add(engine.compared(self._width(arg) + 1), max(depth, self._number(arg)))
        if node.op in ("floordiv", "mod"):
            # NULL where the divisor is 0, whatever the quotient.
            made = self._divided(*node.args) if self._constant(node) else self._number(node)
            depth = max(depth, made)
        count = len(node.args)
        return self._add(engine.anded(2 * count, 2 * log2_ceil(count) + 1), depth)


def _divides(node: Node) -> bool:
    """Whether it is a quotient: whether it comes as bits, as by most public numbers, is not known here."""
    return isinstance(node, Call) and node.op in ("floordiv", "mod")
