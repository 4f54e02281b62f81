"""Boolean circuits as data: wires, XOR and AND gates in levels; inversions and constants cost no gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError
from mpcstats.session import Words

Places = NDArray[np.intp]
_CONSTANT = -1


@dataclass(frozen=True, slots=True)
class Wire:
    """One bit of a circuit that is being built: the value of wire `index`, or its opposite."""

    index: int
    inverted: bool = False

    def __invert__(self) -> Wire:
        return Wire(self.index, not self.inverted)

    @property
    def constant(self) -> bool:
        """Whether the bit is known to everybody."""
        return self.index == _CONSTANT


ZERO = Wire(_CONSTANT)
ONE = ~ZERO


@dataclass(frozen=True, slots=True)
class Level:
    """Gates that depend on earlier levels alone; rows of `xors` and `ands` are output, left and right input.

    `inverted` has two rows of words, all ones where an AND gate takes the opposite of its left or right input.
    The level's AND gates are those with the numbers `first`, `first` + 1, ... of the circuit.
    """

    xors: Places
    ands: Places
    inverted: Words
    first: int


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit over `wires` bits: first the `inputs` of each of the two parties, in order, then one a gate.

    `flipped` is 1 where an output is the opposite of its wire.
    """

    inputs: tuple[int, int]
    wires: int
    ands: int
    levels: tuple[Level, ...]
    outputs: Places
    flipped: Words

    def evaluate(self, one: Words, other: Words) -> Words:
        """The output bits for the parties' bits, all 0 or 1, in the clear."""
        if (one.size, other.size) != self.inputs:
            raise InternalError(f"expected {self.inputs} bits, got {one.size} and {other.size}")
        bits = np.zeros(self.wires, dtype=np.uint64)
        bits[: sum(self.inputs)] = np.concatenate([one, other])
        for level in self.levels:
            out, a, b = level.xors
            bits[out] = bits[a] ^ bits[b]
            out, a, b = level.ands
            opposite = level.inverted & np.uint64(1)
            bits[out] = (bits[a] ^ opposite[0]) & (bits[b] ^ opposite[1])
        return bits[self.outputs] ^ self.flipped


@dataclass(frozen=True, slots=True)
class _Gate:
    output: int
    left: Wire
    right: Wire
    conjunction: bool


class Builder:
    """A circuit that grows gate by gate; the parties' inputs come first."""

    def __init__(self, one: int, other: int) -> None:
        self._inputs = (one, other)
        self._next = one + other
        self._gates: list[_Gate] = []

    @property
    def inputs(self) -> tuple[list[Wire], list[Wire]]:
        """The wires of the two parties' bits."""
        one, other = self._inputs
        return [Wire(i) for i in range(one)], [Wire(one + i) for i in range(other)]

    def differ(self, a: Wire, b: Wire) -> Wire:
        """a xor b."""
        inverted = a.inverted != b.inverted
        if a.constant or b.constant:
            return Wire(b.index if a.constant else a.index, inverted)
        if a.index == b.index:
            return Wire(_CONSTANT, inverted)
        # A gate on the plain wires; the inversion stays with who uses its output.
        return Wire(self._gate(Wire(a.index), Wire(b.index), conjunction=False).index, inverted)

    def both(self, a: Wire, b: Wire) -> Wire:
        """a and b."""
        for known, free in ((a, b), (b, a)):
            if known.constant:
                return free if known.inverted else ZERO
        if a.index == b.index:
            return a if a == b else ZERO
        return self._gate(a, b, conjunction=True)

    def either(self, a: Wire, b: Wire) -> Wire:
        """a or b."""
        return ~self.both(~a, ~b)

    def choose(self, which: Wire, one: Wire, zero: Wire) -> Wire:
        """`one` where `which` is 1, else `zero`: one AND gate."""
        return self.differ(zero, self.both(which, self.differ(one, zero)))

    def circuit(self, outputs: Sequence[Wire]) -> Circuit:
        """The circuit with these outputs, without gates that none of them needs.

        Raises InternalError if an output is a constant.
        """
        if any(wire.constant for wire in outputs):
            raise InternalError("expected outputs that depend on inputs, got a constant")
        gates = self._needed(outputs)
        new = {i: i for i in range(sum(self._inputs))}
        new |= {gate.output: sum(self._inputs) + n for n, gate in enumerate(gates)}
        levels, ands = _levels(gates, new)
        return Circuit(
            self._inputs,
            len(new),
            ands,
            levels,
            np.array([new[wire.index] for wire in outputs], dtype=np.intp),
            np.array([wire.inverted for wire in outputs], dtype=np.uint64),
        )

    def _gate(self, a: Wire, b: Wire, *, conjunction: bool) -> Wire:
        self._gates.append(_Gate(self._next, a, b, conjunction))
        self._next += 1
        return Wire(self._next - 1)

    def _needed(self, outputs: Iterable[Wire]) -> list[_Gate]:
        needed = {wire.index for wire in outputs}
        found = []
        for gate in reversed(self._gates):
            if gate.output in needed:
                needed |= {gate.left.index, gate.right.index}
                found.append(gate)
        return found[::-1]


def _levels(gates: Sequence[_Gate], new: dict[int, int]) -> tuple[tuple[Level, ...], int]:
    """The gates by their depth, and how many of them are AND gates."""
    depths: dict[int, int] = {}
    by_depth: list[list[_Gate]] = []
    for gate in gates:
        depth = max(depths.get(gate.left.index, 0), depths.get(gate.right.index, 0))
        depths[gate.output] = depth + 1
        if depth == len(by_depth):
            by_depth.append([])
        by_depth[depth].append(gate)
    levels = []
    first = 0
    for same in by_depth:
        xors = [gate for gate in same if not gate.conjunction]
        ands = [gate for gate in same if gate.conjunction]
        turned = [[gate.left.inverted for gate in ands], [gate.right.inverted for gate in ands]]
        masks = np.uint64(0) - np.array(turned, dtype=np.uint64)
        levels.append(Level(_rows(xors, new), _rows(ands, new), masks, first))
        first += len(ands)
    return tuple(levels), first


def _rows(gates: Sequence[_Gate], new: dict[int, int]) -> Places:
    rows = [[new[i] for i in (g.output, g.left.index, g.right.index)] for g in gates]
    return np.array(rows, dtype=np.intp).reshape(-1, 3).T.copy()
