"""Runs that follow one another on the same persons: each compares its cells with what was kept of the others.

`Past.ask` is a cohort question: cells of persons in, a count and a sum for each cell out, None where it is suppressed.
With `compare` off the gate stands alone, which is the open policy of the attack tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tests.dealt import bits, numbers

from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.differencing import Compared, Earlier, Index, differencing
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Words
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")
LOW = np.uint64((1 << 32) - 1)  # what is kept of a share
Cohort = frozenset[int]
Answer = list[tuple[int, int] | None]
Kept = tuple[list[Words], list[Words]]  # parts of members and of flags, by party


@dataclass
class Past:
    """What the parties keep; `places` is the index of the owner: person -> position."""

    k: int
    compare: bool = True
    clear: bool = True
    owner: str = "a"
    depth: int = 12
    capacity: int = 80
    places: dict[int, int] = field(default_factory=dict)
    kept: list[dict[str, Kept]] = field(default_factory=list)
    asked: int = 0

    def ask(
        self, cells: Sequence[Cohort], values: Mapping[int, int], to: str = "c"
    ) -> tuple[Answer, list[bool]]:
        """The answer, and which cells the recipient sees; `values` has everybody who is there."""
        self.asked += 1
        for person in values:
            self.places.setdefault(person, len(self.places))
        # The spine has another order every time.
        drawn = np.random.default_rng(self.asked).permutation(sorted(values))
        people = [int(person) for person in drawn]
        outcome = run_together((*TRIO, "d"), lambda s: self._play(s, cells, values, people, to))
        if self.compare:
            found = {p: kept for p, (_, kept) in outcome.results.items() if kept is not None}
            self.kept.append(found)
        opened, _ = outcome.results[to]
        assert opened is not None
        shown = opened.shown.tolist()
        counts, sums = opened.values.tolist()
        return [
            (n, total) if s else None for n, total, s in zip(counts, sums, shown, strict=True)
        ], shown

    async def _play(
        self,
        session: Session,
        cells: Sequence[Cohort],
        values: Mapping[int, int],
        people: Sequence[int],
        to: str,
    ) -> tuple[Opened | None, Kept | None]:
        compute = ("b",) if self.clear else TRIO
        engine = Clear(compute) if self.clear else Rep3(compute)
        masks = [sum(int(p in cell) << i for i, cell in enumerate(cells)) for p in people]
        members = bits(session, compute, np.array(masks, dtype=np.uint64), len(cells), 1)
        column = numbers(
            session, compute, np.array([values[p] for p in people], dtype=np.uint64), 2
        )
        flags = await engine.to_arith(session.narrow("flags"), members)
        totals = await engine.dot(session.narrow("totals"), flags, column.repeat(len(cells)))
        counts = flags.total().flat()
        appears: Bits | None = None
        kept = None
        if self.compare:
            found = await self._compared(session, engine, members, people, compute)
            appears = found.allowed
            if session.me in compute:
                parts = ([w & LOW for w in x.parts] for x in (found.members, found.flags))
                kept = (next(parts), next(parts))
        both = Arith.concatenate([counts, totals])
        given = Cells(len(cells), (counts,), both, (Behind(), Behind()), appears=appears)
        return await gate(session.narrow("gate"), engine, given, Rules(self.k), to=(to,)), kept

    async def _compared(
        self,
        session: Session,
        engine: Clear | Rep3,
        members: Bits,
        people: Sequence[int],
        compute: tuple[str, ...],
    ) -> Compared:
        own = session.me == self.owner
        at = np.array([self.places[p] for p in people], dtype=np.intp) if own else None
        index = Index(self.owner, self.capacity, at, len(self.places) if own else None)
        earlier = self._earlier(session, members, compute)
        return await differencing(
            session.narrow("history"), engine, members, index, earlier, k=self.k
        )

    def _earlier(self, session: Session, members: Bits, compute: tuple[str, ...]) -> Earlier:
        shape = (self.depth, self.capacity)
        if session.me not in compute:
            return Earlier(Arith(shape, (), None), Arith((self.depth,), (), None))
        mine = [kept[session.me] for kept in self.kept]
        releases, rows = [], 0
        for _, flags in mine:
            releases.append((rows, rows + flags[0].shape[0]))
            rows += flags[0].shape[0]
        count = len(members.parts)
        of_members = [np.zeros(shape, dtype=np.uint64) for _ in range(count)]
        of_flags = [np.zeros(self.depth, dtype=np.uint64) for _ in range(count)]
        for (start, stop), (ours, flags) in zip(releases, mine, strict=True):
            for i in range(count):
                of_members[i][start:stop], of_flags[i][start:stop] = ours[i], flags[i]
        at = members.constant_at
        return Earlier(
            Arith(shape, tuple(of_members), at),
            Arith((self.depth,), tuple(of_flags), at),
            tuple(releases),
        )
