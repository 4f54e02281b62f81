"""Derive: SQL's scalar expressions on shared columns, with NULLs.

An expression becomes steps on numbers and on bit rows, each once, in levels whose messages travel together.
Specification and argument: protocols/derive/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.divide import divide
from mpcstats.protocols.expression import Bounds, Node
from mpcstats.protocols.forms import Given
from mpcstats.protocols.histogram import less_than_public
from mpcstats.protocols.lowering import Program, Wanted, program
from mpcstats.protocols.steps import MESSAGES, Step
from mpcstats.session import Session, Words, parallel

Found = Arith | Bits | tuple[Arith | Bits, ...]
ONES = np.uint64((1 << 64) - 1)


@dataclass(frozen=True, slots=True)
class Value:
    """A column of n shared values, some of which may be NULL; what stands in a NULL's place is of no meaning.

    minimum, maximum: public bounds of values that are not NULL. At least one of the two forms is there: `number`, the
    signed number mod 2^64, and `bits`, the rows of value - minimum, as many as maximum - minimum has bits and at
    least one. `known`: one row, 1 where it is not NULL; None: it never is.
    A flag has bounds 0 and 1; a text is a digest of 64 bits, with bounds 0 and 2^64 - 1, and has no number.
    """

    minimum: int
    maximum: int
    number: Arith | None
    bits: Bits | None
    known: Bits | None = None

    @property
    def bounds(self) -> Bounds:
        """What is public of the values."""
        return Bounds(self.minimum, self.maximum, self.known is not None)

    @property
    def given(self) -> Given:
        """What is public of the column."""
        return Given(self.bounds, self.number is not None, self.bits is not None)


async def derive(
    session: Session,
    engine: Engine,
    nodes: Sequence[Node],
    columns: Mapping[str, Value],
    *,
    rows: int,
) -> list[Value]:
    """The values of all `nodes` over columns of `rows` rows, in the forms that cost least.

    Raises UsageError as `expression.bounds` does, before any message; InternalError for a column of another length
    or width than its bounds ask for.
    """
    made = program(nodes, {name: value.given for name, value in columns.items()})
    for name, value in columns.items():
        _check(name, value, rows)
    run = _Run(engine, made, columns, rows)
    await run.levels(session)
    return [run.value(wanted) for wanted in made.results]


async def passing(session: Session, engine: Engine, present: Bits | None, condition: Value) -> Bits:
    """One row: 1 where the row is present and the condition true, neither false nor NULL. `present` None: all are.

    Raises UsageError for a condition that is not between 0 and 1.
    """
    if not condition.bounds.flag:
        raise UsageError(
            f"expected a condition, got a value between {condition.minimum} and {condition.maximum}"
        )
    row = await as_bits(session.narrow("bits"), engine, condition)
    fact = ~row if condition.minimum == 1 else row
    rows = [r for r in (fact, condition.known, present) if r is not None]
    return await conjunction(session.narrow("and"), engine, rows)


async def masked(session: Session, engine: Engine, value: Value, where: Bits | None) -> Arith:
    """The numbers where they are known and `where` (one row; None: everywhere) is 1, and 0 elsewhere."""
    rows = [r for r in (value.known, where) if r is not None]
    if not rows:
        return await as_number(session.narrow("number"), engine, value)
    mask = await conjunction(session.narrow("where"), engine, rows)
    bits = value.bits
    if bits is not None and bits.width == 1 and value.minimum == 0:
        (kept,) = await engine.conj(session.narrow("and"), [(bits, mask)])
        return (await engine.to_arith(session.narrow("number"), kept))[0]
    number, factors = await parallel(
        as_number(session.narrow("number"), engine, value),
        engine.to_arith(session.narrow("factors"), mask),
    )
    return await engine.multiply(session.narrow("product"), number, factors[0])


async def as_number(session: Session, engine: Engine, value: Value) -> Arith:
    """The value as a number, of no meaning where it is NULL. Raises UsageError for a text."""
    if value.number is not None:
        return value.number
    if value.bits is None or value.bounds.text:
        raise UsageError("expected a number, got a text: texts cannot be added up")
    return (await engine.from_bits(session, value.bits)).plus(value.minimum)


async def as_bits(session: Session, engine: Engine, value: Value) -> Bits:
    """The rows of value - minimum, of no meaning where it is NULL."""
    if value.bits is not None:
        return value.bits
    if value.number is None:
        raise InternalError("expected a number or bit rows, got neither")
    return await engine.to_bits(
        session, value.number.plus(-value.minimum), width=value.bounds.width
    )


def _check(name: str, value: Value, rows: int) -> None:
    of = value.bounds
    shapes = {
        "number": (value.number is None) or value.number.shape == (rows,),
        "bits": value.bits is None or (value.bits.length, value.bits.width) == (rows, of.width),
        "known": value.known is None or (value.known.length, value.known.width) == (rows, 1),
        "form": value.bits is not None or (value.number is not None and not of.text),
    }
    wrong = [part for part, right in shapes.items() if not right and not of.empty]
    if wrong:
        raise InternalError(
            f"column {name!r}: expected {rows} rows, numbers or {of.width} bits, got another {wrong[0]}"
        )


@dataclass(slots=True)
class _Run:
    engine: Engine
    program: Program
    columns: Mapping[str, Value]
    rows: int
    found: dict[int, Found] = field(default_factory=dict)
    like: Bits | None = None  # no rows: what public rows are made of

    async def levels(self, session: Session) -> None:
        """All steps; what no later one needs is let go."""
        steps = self.program.steps
        last = self._last_levels()
        zero = self.engine.public(session, np.zeros(self.rows, dtype=np.uint64))
        empty = np.zeros((0, slicing.words(self.rows)), dtype=np.uint64)
        self.like = Bits(self.rows, 0, tuple(empty for _ in zero.parts), zero.constant_at)
        for level in range(max(steps.levels, default=-1) + 1):
            here = [i for i, other in enumerate(steps.levels) if other == level]
            sending = [i for i in here if steps[i].kind in MESSAGES]
            if sending:
                await self._send(session.narrow(f"level{level}"), sending)
            for place in here:
                if place not in self.found:
                    self.found[place] = self._local(session, steps[place])
            for place in [p for p in self.found if last[p] <= level]:
                del self.found[place]

    def _last_levels(self) -> list[int]:
        """For each step the level of the last one that needs it; beyond all for a result."""
        steps = self.program.steps
        last = list(steps.levels)
        for step, level in zip(steps.steps, steps.levels, strict=True):
            for argument in step.args:
                last[argument] = max(last[argument], level)
        for wanted in self.program.results:
            for place in (wanted.number, wanted.bits, wanted.known):
                if place is not None:
                    last[place] = len(steps.steps) + 1
        return last

    def value(self, wanted: Wanted) -> Value:
        """A result."""
        return Value(
            wanted.minimum,
            wanted.maximum,
            None if wanted.number is None else self._number(wanted.number),
            None if wanted.bits is None else self._bits(wanted.bits),
            None if wanted.known is None else self._bits(wanted.known),
        )

    async def _send(self, session: Session, places: Sequence[int]) -> None:
        steps = self.program.steps
        ands = [p for p in places if steps[p].kind == "and"]
        others = [p for p in places if steps[p].kind != "and"]
        branches = [
            self._sent(session.narrow(f"{steps[p].kind}{i}"), steps[p])
            for i, p in enumerate(others)
        ]
        if ands:
            branches.append(self._anded(session.narrow("and"), ands))
        results = await parallel(*branches)
        if ands:
            joint = results.pop()
            if not isinstance(joint, tuple):
                raise InternalError("expected the ands of a level, got one result")
            self.found.update(zip(ands, joint, strict=True))
        self.found.update(zip(others, results, strict=True))

    async def _anded(self, session: Session, places: Sequence[int]) -> Found:
        pairs = []
        for place in places:
            x, y = self.program.steps[place].args
            pairs.append((self._bits(x), self._bits(y)))
        return tuple(await self.engine.conj(session, pairs))

    async def _sent(self, session: Session, step: Step) -> Found:
        engine, args = self.engine, step.args
        numbers = [int(part) for part in step.of]
        match step.kind:
            case "less":
                return await engine.less_than(session, self._bits(args[0]), self._bits(args[1]))
            case "equal":
                return await engine.equal(session, self._bits(args[0]), self._bits(args[1]))
            case "less_public":
                found = await less_than_public(session, engine, self._bits(args[0]), numbers)
                return tuple(found[limit] for limit in numbers)
            case "negative":
                return await engine.negative(session, self._number(args[0]), width=numbers[0])
            case "to_bits":
                return await engine.to_bits(session, self._number(args[0]), width=step.width)
            case "from_bits":
                return await engine.from_bits(session, self._bits(args[0]))
            case "multiply":
                return await engine.multiply(session, *map(self._number, args))
            case "add_bits":
                return await engine.add_bits(session, *map(self._bits, args))
            case "divide":
                return await self._divided(session, step)
        raise InternalError(f"expected a step that sends, got {step.kind}")

    async def _divided(self, session: Session, step: Step) -> Found:
        numerator, denominator, quotient = (int(part) for part in step.of)
        found = await divide(
            session,
            self.engine,
            *map(self._number, step.args),
            numerator_bits=numerator,
            denominator_bits=denominator,
            quotient_bits=quotient,
        )
        if not isinstance(found.quotient, Arith) or not isinstance(found.remainder, Arith):
            raise InternalError("expected quotients of 64 bits, got wider ones")
        return found.quotient, found.remainder, found.undefined

    def _local(self, session: Session, step: Step) -> Found:
        match step.kind:
            case "number" | "bits" | "known":
                return self._column(str(step.of[0]), step.kind)
            case "linear":
                return self._linear(session, step)
            case "rows":
                return self._public(int(step.of[0]), step.width)
            case "not":
                return ~self._bits(step.args[0])
            case "xor":
                x, y = map(self._bits, step.args)
                return x ^ y
            case "repeat":
                return self._bits(step.args[0]).repeat(step.width)
            case "pattern":
                pattern = _ones(int(step.of[0]), step.width)[:, None]
                return self._bits(step.args[0]).repeat(step.width).masked(pattern)
            case "stack":
                return Bits.stack([self._bits(place) for place in step.args])
            case "cut":
                return self._bits(step.args[0]).rows(slice(*map(int, step.of)))
            case "pick":
                found = self.found[step.args[0]]
                if isinstance(found, tuple):
                    return found[int(step.of[0])]
        raise InternalError(f"expected a local step, got {step.kind}")

    def _column(self, name: str, form: str) -> Found:
        value = self.columns[name]
        found = {"number": value.number, "bits": value.bits, "known": value.known}[form]
        if found is None:
            raise InternalError(f"column {name!r}: expected its {form}, got None")
        return found

    def _linear(self, session: Session, step: Step) -> Arith:
        constant, *factors = (int(part) for part in step.of)
        if not factors:
            public = np.full(self.rows, constant % (1 << 64), dtype=np.uint64)
            return self.engine.public(session, public)
        total: Arith | None = None
        for place, factor in zip(step.args, factors, strict=True):
            part = self._number(place)
            part = part if factor == 1 else part.scaled(factor)
            total = part if total is None else total + part
        if total is None:
            raise InternalError("expected numbers to add up, got none")
        return total.plus(constant) if constant else total

    def _public(self, value: int, width: int) -> Bits:
        if self.like is None:
            raise InternalError("expected public rows within a run, got them before")
        shape = (width, slicing.words(self.rows))
        return self.like.constant(np.broadcast_to(_ones(value, width)[:, None], shape).copy())

    def _number(self, place: int) -> Arith:
        found = self.found[place]
        if not isinstance(found, Arith):
            raise InternalError(f"expected numbers of {self.program.steps[place].kind}")
        return found

    def _bits(self, place: int) -> Bits:
        found = self.found[place]
        if not isinstance(found, Bits):
            raise InternalError(f"expected bit rows of {self.program.steps[place].kind}")
        return found


def _ones(value: int, width: int) -> Words:
    """For each row all ones or all zeros, by the bit of `value`."""
    return np.array([ONES if value >> i & 1 else 0 for i in range(width)], dtype=np.uint64)
