"""A program of steps on shared columns: each step once, in levels of which all messages travel together."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

# Steps that send messages; the others are local. A level is what one more of these takes.
MESSAGES = frozenset(
    {
        "and",
        "less",
        "equal",
        "less_public",
        "negative",
        "to_bits",
        "from_bits",
        "multiply",
        "add_bits",
        "divide",
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` (spec of derive, section "Steps") of the results of the steps `args`, with public numbers `of`.

    `width`: rows of a result that is Bits; 0 for numbers and for several results.
    """

    kind: str
    args: tuple[int, ...]
    of: tuple[int | str, ...]
    width: int


class Steps:
    """Steps in an order in which each comes after its arguments; a step is named by its place."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.levels: list[int] = []
        self._places: dict[Step, int] = {}

    def __getitem__(self, place: int) -> Step:
        return self.steps[place]

    def width(self, place: int) -> int:
        """Rows of a result."""
        return self.steps[place].width

    def add(
        self, kind: str, args: tuple[int, ...], of: tuple[int | str, ...] = (), width: int = 0
    ) -> int:
        """The place of this step, which may be there already."""
        step = Step(kind, args, of, width)
        if step not in self._places:
            self._places[step] = len(self.steps)
            self.steps.append(step)
            before = max((self.levels[a] for a in args), default=0)
            self.levels.append(before + (kind in MESSAGES))
        return self._places[step]

    # numbers

    def number(self, value: int) -> int:
        """A public number."""
        return self.linear([], value)

    def linear(self, terms: Iterable[tuple[int, int]], constant: int = 0) -> int:
        """The sum of factor * number over (number, factor), and a constant: no message, and no sum of sums."""
        factors: dict[int, int] = {}
        for place, factor in terms:
            step = self.steps[place]
            if step.kind != "linear":
                factors[place] = factors.get(place, 0) + factor
                continue
            added, *inner = (int(part) for part in step.of)
            constant += factor * added
            for argument, within in zip(step.args, inner, strict=True):
                factors[argument] = factors.get(argument, 0) + factor * within
        kept = sorted((p, f) for p, f in factors.items() if f)
        if constant == 0 and len(kept) == 1 and kept[0][1] == 1:
            return kept[0][0]
        return self.add("linear", tuple(p for p, _ in kept), (constant, *(f for _, f in kept)))

    # rows of bits

    def rows(self, value: int, width: int) -> int:
        """Public rows: in each the bit of `value`."""
        return self.add("rows", (), (value,), width)

    def public(self, place: int) -> int | None:
        """The value of public rows, None of others."""
        step = self.steps[place]
        return int(step.of[0]) if step.kind == "rows" else None

    def invert(self, x: int) -> int:
        """The complement of all rows."""
        step, value = self.steps[x], self.public(x)
        if value is not None:
            return self.rows(((1 << step.width) - 1) ^ value, step.width)
        return step.args[0] if step.kind == "not" else self.add("not", (x,), (), step.width)

    def differ(self, x: int, y: int) -> int:
        """The exclusive or."""
        width = self.steps[x].width
        if x == y:
            return self.rows(0, width)
        for one, other in ((x, y), (y, x)):
            value = self.public(one)
            if value == 0:
                return other
            if value == (1 << width) - 1:
                return self.invert(other)
        return self.add("xor", (min(x, y), max(x, y)), (), width)

    def both(self, x: int, y: int) -> int:
        """The and, row by row."""
        width = self.steps[x].width
        for one, other in ((x, y), (y, x)):
            value = self.public(one)
            if value == 0:
                return one
            if value == (1 << width) - 1:
                return other
            if self.steps[one].kind == "not" and self.steps[one].args == (other,):
                return self.rows(0, width)
        return x if x == y else self.add("and", (min(x, y), max(x, y)), (), width)

    def under(self, flag: int, x: int) -> int:
        """All rows of x where the row `flag` is 1, 0 elsewhere."""
        width, value = self.steps[x].width, self.public(x)
        if width == 1 or self.public(flag) is not None:
            return self.both(self.repeated(flag, width), x)
        if value is not None:
            return x if value == 0 else self.add("pattern", (flag,), (value,), width)
        return self.both(self.repeated(flag, width), x)

    def repeated(self, flag: int, width: int) -> int:
        """The one row, `width` times."""
        value = self.public(flag)
        if value is not None:
            return self.rows(((1 << width) - 1) * value, width)
        return flag if width == 1 else self.add("repeat", (flag,), (), width)

    def stacked(self, low: int, high: int) -> int:
        """The rows of both, those of `low` below."""
        width, rest = self.steps[low].width, self.steps[high].width
        value, above = self.public(low), self.public(high)
        if value is not None and above is not None:
            return self.rows(value + (above << width), width + rest)
        return self.add("stack", (low, high), (), width + rest)

    def cut(self, x: int, start: int, stop: int) -> int:
        """Rows start to stop - 1."""
        if (start, stop) == (0, self.steps[x].width):
            return x
        value = self.public(x)
        if value is not None:
            return self.rows((value >> start) & ((1 << (stop - start)) - 1), stop - start)
        return self.add("cut", (x,), (start, stop), stop - start)

    def padded(self, x: int, width: int) -> int:
        """With rows of 0 on top, `width` in all; rows beyond are left out, as they are 0."""
        have = self.steps[x].width
        if have >= width:
            return self.cut(x, 0, width)
        return self.stacked(x, self.rows(0, width - have))

    def added(self, x: int, y: int) -> int:
        """The sum mod 2^width. Rows below the lowest 1 of a public summand are left as they are."""
        width = self.steps[x].width
        for one, other in ((x, y), (y, x)):
            value = self.public(one)
            if value == 0:
                return other
            if value is not None:
                same = (value & -value).bit_length() - 1
                if same:
                    low, high = self.cut(other, 0, same), self.cut(other, same, width)
                    return self.stacked(
                        low, self.added(high, self.rows(value >> same, width - same))
                    )
                if (rest := self.public(other)) is not None:
                    return self.rows((value + rest) % (1 << width), width)
        return self.add("add_bits", (min(x, y), max(x, y)), (), width)

    # between both

    def bits_of(self, x: int, width: int) -> int:
        """The low `width` bits of a number."""
        step = self.steps[x]
        if step.kind == "linear" and not step.args:
            return self.rows(int(step.of[0]) % (1 << width), width)
        return self.add("to_bits", (x,), (), width)

    def number_of(self, rows: int) -> int:
        """The number whose bits the rows are."""
        value = self.public(rows)
        if value is not None:
            return self.number(value)
        return self.add("from_bits", (rows,))

    def product(self, x: int, y: int) -> int:
        """The product of two numbers."""
        for one, other in ((x, y), (y, x)):
            step = self.steps[one]
            if step.kind == "linear" and not step.args:
                return self.linear([(other, int(step.of[0]))])
        return self.add("multiply", (min(x, y), max(x, y)))

    def all_of(self, rows: Iterable[int]) -> int:
        """One row: where all are 1; 1 everywhere without any. Those that are there first are joined first."""
        queue = [(self.levels[row], row) for row in sorted(set(rows))]
        heapq.heapify(queue)
        if not queue:
            return self.rows(1, 1)
        while len(queue) > 1:
            _, x = heapq.heappop(queue)
            _, y = heapq.heappop(queue)
            joined = self.both(x, y)
            heapq.heappush(queue, (self.levels[joined], joined))
        return queue[0][1]

    def any_of(self, rows: Iterable[int]) -> int:
        """One row: where at least one is 1."""
        return self.invert(self.all_of([self.invert(row) for row in rows]))
