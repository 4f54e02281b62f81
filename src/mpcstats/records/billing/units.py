"""Units of use, from a ledger's entries alone: who has had what computed, in which month, and how much it was.

A unit arises when a run has finished: a question that was refused, or a run that failed, gives nobody an answer
and costs nothing. What is counted is what the ledger of this one party says, so two parties count the same
calls and cells, and each its own bytes and milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import Annotated, Literal, Protocol, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.billing.month import check_month
from mpcstats.records.canonical import JSON
from mpcstats.records.levels import Level
from mpcstats.records.names import Digest
from mpcstats.records.record import Record
from mpcstats.records.tomlfile import Listed, counted, said

B = TypeVar("B", bound=BaseModel)
GATED = "gated-cell"  # the leakage id of what the gate opens
Unit = Literal["call", "cell", "byte", "ms", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)


def _level(value: object) -> object:
    if isinstance(value, str) and value in Level.__members__:
        return Level[value]
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


Text = Annotated[str, Field(min_length=1, max_length=1024)]
Count = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Body(BaseModel):
    """What is read of an entry's body; an entry may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Request(_Body):
    question: Digest
    initiator: Text
    scenario: Text
    purpose: Text


class _Decision(_Body):
    question: Digest
    permit: bool
    plan: Digest | None = None
    level: Annotated[Level | None, BeforeValidator(_level)] = None
    template: Text | None = None  # the approved template that the question is an instance of
    datasets: Annotated[tuple[Text, ...], Listed] = ()  # what the plan reads

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.permit and (self.plan is None or self.level is None):
            raise ValueError("expected plan and level with a permit, got it without")
        return self


class _Start(_Body):
    run: Text
    plan: Digest


class _Opening(_Body):
    run: Text
    leak: Text
    shape: Annotated[tuple[Count, ...], Listed]


class _Finish(_Body):
    run: Text
    wall_ms: Count
    bytes_sent: Count


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: who asked for what, under which permit, and what it took at this party.

    `cells` are the numbers that the gate has opened: per cell of the answer one that says whether it is shown,
    and its values. `index` is that of the entry that says it has finished, `month` that of its time.
    """

    run: str
    index: int
    month: str
    buyer: str
    scenario: str
    purpose: str
    level: Level
    plan: str
    template: str | None
    datasets: tuple[str, ...]
    cells: int
    bytes: int
    ms: int


@dataclass(frozen=True, slots=True)
class Units:
    """How much was used; `month` is 1 for any use at all in a month. Units of one month add up."""

    call: int = 0
    cell: int = 0
    byte: int = 0
    ms: int = 0
    month: int = 0

    def of(self, unit: Unit) -> int:
        """The number of units of that name."""
        found: int = getattr(self, unit)
        return found

    def with_(self, run: Run) -> Units:
        """These units and those of `run`, in the same month."""
        return Units(
            self.call + 1, self.cell + run.cells, self.byte + run.bytes, self.ms + run.ms, 1
        )

    def to_json(self) -> dict[str, JSON]:
        """The units by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """What units are added up by: a product's use in a month, by one buyer in one scenario at one level."""

    month: str
    product: str
    scenario: str
    level: Level
    buyer: str


class Products(Protocol):
    """Says which product a run was a call of."""

    def product_of(self, run: Run) -> str:
        """The product's name. Raises UsageError if the run is a call of none."""


def finished(entries: Iterable[Record]) -> Iterator[Run]:
    """The finished runs in the order of the ledger. `entries` must be a whole ledger, verified, oldest first.

    Raises UsageError with the entry's number where a body has not the form that a node writes, or a run has no
    start, no decision or no request before it, or is there twice.
    """
    reading = _Reading()
    for entry in entries:
        try:
            run = reading.read(entry)
        except UsageError as error:
            raise UsageError(f"entry {entry.index}: {error}") from None
        if run is not None:
            yield run


def used(runs: Iterable[Run], products: Products) -> dict[Use, Units]:
    """The units of `runs`, sorted by what they are added up by. Raises UsageError for a run of no product."""
    found: dict[Use, Units] = defaultdict(Units)
    for run in runs:
        try:
            product = products.product_of(run)
        except UsageError as error:
            raise UsageError(f"entry {run.index}: {error}") from None
        use = Use(run.month, product, run.scenario, run.level, run.buyer)
        found[use] = found[use].with_(run)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Started:
    """A run that has started, with what was known then."""

    plan: str
    request: _Request
    decision: _Decision
    level: Level


class _Reading:
    """What has been read of a ledger so far."""

    def __init__(self) -> None:
        self._requests: dict[str, _Request] = {}  # by question
        self._permits: dict[str, _Decision] = {}  # by plan
        self._running: dict[str, _Started] = {}  # by run
        self._cells: dict[str, int] = defaultdict(int)  # by run
        self._runs: set[str] = set()

    def read(self, entry: Record) -> Run | None:
        """The run that `entry` says has finished; None for any other entry."""
        match entry.kind:
            case "request":
                request = _body(entry, _Request)
                self._requests[request.question] = request
            case "decision":
                decision = _body(entry, _Decision)
                if decision.permit and decision.plan is not None:
                    self._permits[decision.plan] = decision
            case "start":
                self._start(_body(entry, _Start))
            case "opening":
                opening = _body(entry, _Opening)
                if opening.leak == GATED:
                    self._cells[opening.run] += prod(opening.shape)
            case "finish":
                return self._finish(entry, _body(entry, _Finish))
        return None

    def _start(self, start: _Start) -> None:
        if start.run in self._runs:
            raise UsageError("expected every run to start once, got one that starts again")
        decision = self._permits.get(start.plan)
        if decision is None or decision.level is None:
            raise UsageError("expected a decision that permits the run's plan, got none before it")
        request = self._requests.get(decision.question)
        if request is None:
            raise UsageError("expected the request that was decided on, got none before it")
        self._runs.add(start.run)
        self._running[start.run] = _Started(start.plan, request, decision, decision.level)

    def _finish(self, entry: Record, finish: _Finish) -> Run:
        started = self._running.pop(finish.run, None)
        if started is None:
            what = "a second finish" if finish.run in self._runs else "none"
            raise UsageError(f"expected the start of a run before its finish, got {what}")
        request = started.request
        return Run(
            run=finish.run,
            index=entry.index,
            month=check_month(entry.time[:7]),
            buyer=request.initiator,
            scenario=request.scenario,
            purpose=request.purpose,
            level=started.level,
            plan=started.plan,
            template=started.decision.template,
            datasets=tuple(sorted(started.decision.datasets)),
            cells=self._cells.pop(finish.run, 0),
            bytes=finish.bytes_sent,
            ms=finish.wall_ms,
        )


def _body(entry: Record, model: type[B]) -> B:
    try:
        return model.model_validate(dict(entry.body))
    except ValidationError as error:
        faults = [f"{counted({}, e['loc'])}: {said(e['msg'])}" for e in error.errors()]
        raise UsageError(f"{entry.kind}: " + "; ".join(faults)) from None
