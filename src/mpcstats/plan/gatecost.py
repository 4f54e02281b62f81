"""What a release costs at the gate: the tests that it takes, and the trees of ands behind them (gate/spec.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from mpcstats.cards.arithmetic import log2_ceil
from mpcstats.plan.physical import Backing, Release, Tests

Key = tuple[str, int | str]  # what must hold for a column, as protocols.safety.Key


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one thing that must hold takes: further tests, and the tree over them."""

    tests: int
    ands: int
    rounds: int


def gate_sizes(
    tests: Tests, release: Release, columns: Sequence[int], magnitudes: Sequence[int]
) -> Mapping[str, int]:
    """The sizes of the gate's card that depend on what is tested; `columns` are those of the release."""
    gate = _Gate(tests, release)
    needs = [gate.needs(tests.backing[c], c, magnitude=c in magnitudes) for c in columns]
    found = {key: gate.finding(key) for keys in needs for key in keys}
    distinct = {keys for keys in needs if keys}
    nullable = [
        keys for column, keys in zip(columns, needs, strict=True) if column in tests.nullable
    ]
    # The leaves of the trees whose roots are opened: cells, columns, columns that may be NULL.
    base = 1 + int(tests.having or tests.compared)
    leaves = [base, *(base + len(k) for k in distinct), *(base + len(k) + 1 for k in nullable)]
    return {
        "columns": len(columns),
        "bounds": tests.persons,
        "supports": sum(kind in ("support", "rank") for kind, _ in found),
        "tests": sum(f.tests for f in found.values()) + gate.counted(found),
        "ands": tests.persons - 1 + sum(f.ands for f in found.values()) + sum(leaves) - len(leaves),
        "opened": len(leaves),
        "depth": max([log2_ceil(tests.persons), *(f.rounds for f in found.values())])
        + log2_ceil(max(leaves)),
    }


class _Gate:
    """The tests of one release."""

    def __init__(self, tests: Tests, release: Release) -> None:
        self._tests = tests
        self._release = release
        self._own = [sum(label in release.own for label in labels) for labels in tests.institutions]

    def needs(self, backing: Backing, column: int, *, magnitude: bool) -> tuple[Key, ...]:
        """What must hold for a column, beside what must for its cell."""
        release, found = self._release, list[Key]()
        if release.k > 1:
            if backing.rank is not None:
                found.append(("rank", column))
            elif backing.support is not None:
                found.append(("support", backing.support))
            if release.complement:
                found += [("rest", name) for name in backing.rests]
        if magnitude and release.on_amounts:
            of = dict.fromkeys(self._tests.amounts[a].of for a in backing.amounts)
            for dataset in of:
                found.append(("contributors", dataset))
                if self._own[dataset] > 1 and release.contributors > 1:
                    found.append(("others", dataset))
            rules = [("p", release.p), ("largest", release.largest)]
            found += [(kind, a) for a in backing.amounts for kind, asked in rules if asked]
        return tuple(found)

    def finding(self, key: Key) -> _Finding:
        """What it takes to find out whether it holds."""
        match key:
            case ("support", _):
                zeros = int(self._release.zeros)
                return _Finding(zeros, zeros, zeros)
            case ("rest", _):
                return _Finding(2, 1, 1)
            case ("p" | "largest" as kind, int(amount)):
                tests = self._of_amount(kind, amount)
                return _Finding(tests, tests - 1, log2_ceil(tests))
            case ("contributors" | "others" as kind, int(dataset)):
                others = kind == "others"
                count = len(self._tests.institutions[dataset]) - others * self._own[dataset]
                return _threshold(count, self._release.contributors - others)
            case _:
                return _Finding(0, 0, 0)

    def counted(self, found: Mapping[Key, _Finding]) -> int:
        """The tests whether an institution has rows: once for both things that ask for it."""
        datasets = {i for kind, i in found if kind == "contributors" and isinstance(i, int)}
        return sum(len(self._tests.institutions[i]) for i in datasets)

    def _of_amount(self, kind: str, position: int) -> int:
        release, amount = self._release, self._tests.amounts[position]
        parts, own = len(amount.parts) + 1, self._own[amount.of]
        nothing = int(not release.zeros)
        if kind == "p":
            return nothing + parts * (parts - 1) + (parts - own if own > 1 else 0)
        return nothing + comb(parts, min(release.largest[0] if release.largest else 0, parts))


def _threshold(count: int, least: int) -> _Finding:
    """The tree of protocols.safety.fewer."""
    sets = [min(2, least)] * count
    ands = rounds = 0
    while len(sets) > 1:
        merged = [(sets[i], sets[i + 1]) for i in range(0, len(sets) - 1, 2)]
        rest = sets[2 * len(merged) :]
        ands += sum(
            a + b < least for one, other in merged for a in range(one) for b in range(other)
        )
        rounds += 1
        sets = [min(one + other - 1, least) for one, other in merged] + rest
    return _Finding(0, ands, rounds)
