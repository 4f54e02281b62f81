"""Shares that a party keeps of a run until its answer is there, so that those who are left can go on without others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mpcstats.errors import UsageError
from mpcstats.plan.sums import Lost
from mpcstats.protocols.partial_sum import Kept

SECONDS = 600.0  # for which a run that has failed can be gone on with


@dataclass(frozen=True, slots=True)
class _Run:
    label: str
    plan: str
    until: float
    kept: Kept = field(repr=False)


class KeptRuns:
    """What a node keeps, in memory alone: of the last run that has kept anything, and for SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._run: _Run | None = None

    def of(self, label: str, plan: str) -> Keeping:
        """For the run `label` of the plan with the digest `plan`."""
        return Keeping(self, label, plan)

    def put(self, label: str, plan: str, kept: Kept) -> None:
        """Keep it, in place of that of an earlier run."""
        self._run = _Run(label, plan, self._clock() + SECONDS, kept)

    def has(self, label: str) -> bool:
        """Whether there is something of that run."""
        return (
            self._run is not None and self._run.label == label and self._clock() < self._run.until
        )

    def get(self, lost: Lost) -> Kept:
        """What is kept of the run that has lost parties. Raises UsageError if it is another one, or too late."""
        run = self._run
        if run is None or not self.has(lost.run) or run.plan != lost.plan:
            raise UsageError(
                f"expected shares of run {lost.run[:16]} here, got none: ask again from the start"
            )
        return run.kept

    def forget(self) -> None:
        """Nothing is kept any more: the answer is there."""
        self._run = None


class Keeping:
    """Where one run keeps its shares, and finds those of the run that it goes on with."""

    def __init__(self, runs: KeptRuns, label: str, plan: str) -> None:
        self._runs = runs
        self._label = label
        self._plan = plan

    def keep(self, kept: Kept) -> None:
        """Keep this party's shares."""
        self._runs.put(self._label, self._plan, kept)

    def kept(self, lost: Lost) -> Kept:
        """Those of the run that has lost parties. Raises UsageError if there are none."""
        return self._runs.get(lost)
