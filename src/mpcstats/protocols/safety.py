"""Safety rules: what a cell and a column of it must have to be opened, as tests on shares and what they imply."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, permutations
from operator import add, sub, xor
from typing import Any, Literal

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.cells import Amount, Behind, Cells
from mpcstats.protocols.criterion import conjunction
from mpcstats.session import Session

WHOLE = 100  # per cent
NEVER = 1 << 61  # more persons than there are

# What must hold, and of which count ("support", "rest"), column ("rank"), dataset ("contributors", "others") or amount.
Key = tuple[Literal["support", "rank", "rest", "contributors", "others", "p", "largest"], int]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of cells and columns. Those on amounts hold for columns that are magnitudes.

    persons: k, of a cell, of those who contribute to a column, on each side of a quantile's rank. contributors: m
    institutions behind an amount. p: an amount less its two largest contributions is at least p per cent of the
    largest (p% rule, p-ratio). largest: (n, k), its n largest contributions are at most k per cent of it
    ((n,k) dominance). complement: the persons of a cell who do not contribute to a column are none, or k or more.
    zeros: a column to which nobody contributes, and an amount of 0, may be told. own: for each dataset, the
    positions of the recipients' own institutions, whose parts they know.
    """

    persons: int
    contributors: int = 1
    p: int = 0
    largest: tuple[int, int] | None = None
    complement: bool = False
    zeros: bool = False
    own: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.persons < 1:
            raise UsageError(f"expected a minimum of at least 1 person, got {self.persons}")
        if self.contributors < 1:
            raise UsageError(
                f"expected a minimum of at least 1 contributor, got {self.contributors}"
            )
        if not 0 <= self.p <= WHOLE:
            raise UsageError(f"expected p from 0 to 100 per cent, got {self.p}")
        if self.largest is not None and not (self.largest[0] >= 1 and 0 < self.largest[1] <= WHOLE):
            raise UsageError(
                f"expected at least 1 largest contribution and 1 to 100 per cent, got {self.largest}"
            )

    @property
    def on_contributions(self) -> bool:
        """Whether the size of contributions matters."""
        return self.p > 0 or self.largest is not None

    @property
    def on_amounts(self) -> bool:
        """Whether anything is asked of amounts."""
        return self.contributors > 1 or self.on_contributions


def least_for_rank(persons: int, rank: tuple[int, int]) -> int:
    """The least number c of values of which at least `persons` lie on each side of the ceil(c * rank)-th smallest.

    Both sides, ceil(c q) - 1 and c - ceil(c q), never fall when c grows, so all larger numbers do as well. NEVER, and
    no more than that, for the ends, the smallest and the greatest value, which no number of values surrounds.
    """
    numerator, denominator = rank
    if not 0 <= numerator <= denominator or denominator < 1:
        raise InternalError(f"expected a rank from 0 to 1, got {numerator}/{denominator}")
    if numerator in (0, denominator):
        return NEVER
    # c q > k: more than k values up to the rank; c (1 - q) >= k: k beyond it.
    below = persons * denominator // numerator + 1
    above = -(-persons * denominator // (denominator - numerator))
    return min(max(below, above), NEVER)


class Safety:
    """The rules on `cells`: `signs` are all their tests at once, `findings` what follows from these.

    `needs` has for each column what must hold for it beside what must for its cell, `keys` each of these once.
    `supports` are the numbers of persons that must not lie below a least, by key.
    """

    def __init__(self, cells: Cells, rules: Rules) -> None:
        self._cells = cells
        self._rules = rules
        self._tests: list[Arith] = []
        self.supports: dict[Key, tuple[Arith, int]] = {}
        self._none: dict[Key, int] = {}  # the test whether a number of persons is 0
        self._few: dict[Key, int] = {}  # whether it is below k
        self._absent: dict[int, list[int]] = {}  # by dataset
        self._unsafe: dict[Key, list[int]] = {}
        self.needs: list[tuple[Key, ...]] = [self._of(i, b) for i, b in enumerate(cells.behind)]
        self.keys: list[Key] = list(dict.fromkeys(key for keys in self.needs for key in keys))

    async def signs(self, session: Session, engine: Engine) -> list[Bits]:
        """A row for each test but those of supports: 1 where the number is too small."""
        if not self._tests:
            return []
        found = await engine.negative(session, Arith.concatenate(self._tests))
        count = self._cells.count
        return [found.taken(np.arange(i * count, (i + 1) * count)) for i in range(len(self._tests))]

    def findings(
        self, session: Session, engine: Engine, lacking: Sequence[Bits], signs: Sequence[Bits]
    ) -> list[Coroutine[Any, Any, Bits]]:
        """For each of `keys` a row, 1 where it holds; `lacking`: where supports are too small, in their order."""
        too_few = dict(zip(self.supports, lacking, strict=True))
        return [
            self._finding(session.narrow(f"{kind}{i}"), engine, (kind, i), too_few, signs)
            for kind, i in self.keys
        ]

    async def _finding(
        self,
        session: Session,
        engine: Engine,
        key: Key,
        lacking: dict[Key, Bits],
        signs: Sequence[Bits],
    ) -> Bits:
        kind, i = key
        match kind:
            case "support" | "rank" | "rest":
                few = signs[self._few[key]] if kind == "rest" else lacking[key]
                if key not in self._none:
                    return ~few
                # Too few, but not none: few and not none.
                (bad,) = await engine.conj(session, [(few, ~signs[self._none[key]])])
                return ~bad
            case "p" | "largest":
                safe = [~signs[test] for test in self._unsafe[key]]
                return await conjunction(session, engine, safe)
            case "contributors" | "others":
                own = self._own(i) if kind == "others" else ()
                absent = [signs[t] for p, t in enumerate(self._absent[i]) if p not in own]
                least = self._rules.contributors - (kind == "others")
                return ~await fewer(session, engine, absent, least)

    def _of(self, column: int, behind: Behind) -> tuple[Key, ...]:
        rules, counts, found = self._rules, self._cells.counts, list[Key]()
        if behind.rank is not None:
            found.append(("rank", column))
            self.supports["rank", column] = self._ranked(behind.rank, behind.support)
        elif behind.support is not None:
            key: Key = ("support", behind.support)
            found.append(key)
            if key not in self.supports:
                self.supports[key] = counts[behind.support], rules.persons
                if rules.zeros:
                    self._none[key] = self._test(counts[behind.support].plus(-1))
        for rest in behind.rests if rules.complement else ():
            key = ("rest", rest)
            found.append(key)
            if key not in self._few:
                self._few[key] = self._test(counts[rest].plus(-rules.persons))
                self._none[key] = self._test(counts[rest].plus(-1))
        if behind.magnitude and rules.on_amounts:
            found += self._of_amounts(behind.amounts)
        return tuple(found)

    def _ranked(self, rank: tuple[int, int], support: int | None) -> tuple[Arith, int]:
        """The persons whose values a quantile is of, and how many there must be."""
        cells, least = self._cells, least_for_rank(self._rules.persons, rank)
        if support is not None:
            return cells.counts[support], least
        if len(cells.persons) > 1 and least < NEVER:
            raise InternalError("expected one count of persons where a quantile is opened")
        return cells.persons[0], least

    def _of_amounts(self, amounts: Sequence[int]) -> list[Key]:
        if not amounts:
            raise InternalError("expected what a magnitude is made of, got nothing")
        found: list[Key] = []
        for of in dict.fromkeys(self._cells.amounts[a].of for a in amounts):
            if of not in self._absent:
                rows = self._cells.institutions[of]
                self._absent[of] = [self._test(each.plus(-1)) for each in rows]
            found.append(("contributors", of))
            if len(self._own(of)) > 1 and self._rules.contributors > 1:
                found.append(("others", of))
        for a in amounts:
            weighed = self._p(self._cells.amounts[a]), self._largest(self._cells.amounts[a])
            for key, numbers in zip(_of_amount(a), weighed, strict=True):
                if numbers and key not in self._unsafe:
                    self._unsafe[key] = [self._test(number) for number in numbers]
                if numbers:
                    found.append(key)
        return found

    def _p(self, amount: Amount) -> list[Arith]:
        """Numbers none of which is below 0 if the p% rule holds: exactly it, for parts that are not below 0."""
        p = self._rules.p
        if not p:
            return []
        total, parts = self._parts(amount)
        found = [] if self._rules.zeros else [total.plus(-1)]
        # 100 (T - x_i - x_j) - p x_i is least for the largest x_i and the second largest x_j.
        found += [_p_rule(total - a - b, a, p) for a, b in permutations(parts, 2)]
        own = self._own(amount.of)
        if len(own) > 1:
            others = reduce(sub, [parts[i] for i in own], total)
            found += [
                _p_rule(others - part, part, p) for i, part in enumerate(parts) if i not in own
            ]
        return found

    def _largest(self, amount: Amount) -> list[Arith]:
        """Numbers none of which is below 0 if (n,k) dominance holds: k T - 100 times the sum of any n parts."""
        if self._rules.largest is None:
            return []
        n, k = self._rules.largest
        total, parts = self._parts(amount)
        found = [] if self._rules.zeros else [total.plus(-1)]
        some = combinations(parts, min(n, len(parts)))
        return found + [total.scaled(k) - reduce(add, each).scaled(WHOLE) for each in some]

    def _parts(self, amount: Amount) -> tuple[Arith, list[Arith]]:
        """The total, and the institutions' parts with what these leave of it."""
        if amount.total is None:
            raise InternalError(
                "expected the parts of an amount, got the count of its institutions"
            )
        return amount.total, [*amount.parts, reduce(sub, amount.parts, amount.total)]

    def _own(self, of: int) -> tuple[int, ...]:
        return self._rules.own[of] if self._rules.own else ()

    def _test(self, number: Arith) -> int:
        self._tests.append(number)
        return len(self._tests) - 1


def _of_amount(position: int) -> tuple[Key, Key]:
    return ("p", position), ("largest", position)


def _p_rule(rest: Arith, largest: Arith, p: int) -> Arith:
    return rest.scaled(WHOLE) - largest.scaled(p)


async def fewer(session: Session, engine: Engine, absent: Sequence[Bits], least: int) -> Bits:
    """One row: 1 where fewer than `least` of the rows `absent` are 0; at least one row, `least` at least 1.

    E_j of a set of rows says that exactly j of them are 0. Of two sets that are put together, it is the exclusive or
    of E_a E_b over a + b = j, since no two of these hold at once; only j < least are wanted.
    """
    if not absent:
        raise InternalError("expected institutions to be counted, got none")
    sets = [[row, ~row][:least] for row in absent]
    level = 0
    while len(sets) > 1:
        merged = [(sets[i], sets[i + 1]) for i in range(0, len(sets) - 1, 2)]
        pairs = [
            (one[a], other[b])
            for one, other in merged
            for a, b in _below(len(one), len(other), least)
        ]
        products = iter(await engine.conj(session.narrow(f"level{level}"), pairs))
        rest = sets[2 * len(merged) :]
        sets = [_summed(one, other, least, products) for one, other in merged] + rest
        level += 1
    return reduce(xor, sets[0])


def _below(one: int, other: int, least: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(one) for b in range(other) if a + b < least]


def _summed(one: list[Bits], other: list[Bits], least: int, products: Any) -> list[Bits]:
    found: dict[int, list[Bits]] = {}
    for a, b in _below(len(one), len(other), least):
        found.setdefault(a + b, []).append(next(products))
    return [reduce(xor, found[j]) for j in sorted(found)]
