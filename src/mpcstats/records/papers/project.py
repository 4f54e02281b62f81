"""Projects: registered with their analyses before data are touched, and led by the government where risk is high.

A journal of statements of six kinds; what they mean is folded from them. A government-led project starts, is
extended and released by m signatures of the n government approvers that its registration names; others by their
sponsor's. Days are the signers' own, and never go back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.day import Day
from mpcstats.records.journal import EMPTY, body_as, following
from mpcstats.records.names import DatasetName, Digest, PartyName, ProjectName
from mpcstats.records.papers.asked import Asked
from mpcstats.records.papers.words import Parties, Text, joined
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

State = Literal["registered", "running", "expired", "stopped"]
Analyses = Annotated[tuple[Digest, ...], Field(min_length=1, max_length=256), Listed]


class Step(Table):
    """What every statement of a project says."""

    after: Digest
    day: Day
    project: ProjectName


class Registered(Step):
    """project-registered, signed by `sponsor`.

    `datasets` name their owners; `analyses` are digests of plans or of templates; `initiators` may ask, and
    `results` may learn answers before a release. `signatures` of the approvers `government` are asked for.
    """

    title: Text
    sponsor: PartyName
    risk: Literal["high", "moderate", "low"]
    government_led: bool
    government: Annotated[tuple[PrincipalName, ...], Field(max_length=32), Listed] = ()
    signatures: Annotated[int, Field(ge=0, le=32)] = 0
    datasets: Annotated[dict[DatasetName, PartyName], Field(min_length=1, max_length=256)]
    analyses: Analyses
    initiators: Parties
    results: Parties

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.risk == "high" and not self.government_led:
            raise ValueError("expected government_led for a project of high risk")
        if len(set(self.government)) != len(self.government):
            raise ValueError("expected every government approver once, got one twice")
        if self.government_led and not 1 <= self.signatures <= len(self.government):
            raise ValueError(
                f"expected 1 to {len(self.government)} signatures of the government approvers, got "
                f"{self.signatures}"
            )
        if not self.government_led and (self.government or self.signatures):
            raise ValueError("expected government approvers in a government-led project only")
        return self


class Started(Step):
    """project-start: data may be used until `until`."""

    until: Day


class Extended(Step):
    """project-extend: until a later day."""

    until: Day


class Released(Step):
    """project-release: `recipients` may learn the answers of `analyses` too."""

    analyses: Analyses
    recipients: Parties


class Frozen(Step):
    """dataset-frozen, signed by the dataset's owner: the project uses this content of it, and no other."""

    dataset: DatasetName
    digest: Digest


class Stopped(Step):
    """project-stopped, signed by the sponsor, a government approver or a regulator; for good."""

    because: Text


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it stands on a day."""

    registration: Registered
    state: State
    until: str | None
    frozen: Mapping[str, str]
    releases: tuple[Released, ...]

    def faults(
        self, asked: Asked, fitting: frozenset[str], inputs: Mapping[str, str]
    ) -> Iterator[str]:
        """Why the question may not run in the project, in words; nothing if it may.

        `fitting` are digests of templates that the question is one of, `inputs` digests of datasets known here.
        """
        body = self.registration
        if self.state != "running":
            yield f"it is {self.state} on {asked.day}, not running"
        if asked.initiator not in body.initiators:
            yield f"{joined(body.initiators)} may ask, not {asked.initiator}"
        for name in sorted({read.dataset for read in asked.columns} - set(body.datasets)):
            yield f"dataset {name} is not registered with it"
        mine = {asked.plan, *fitting} & set(body.analyses)
        if not mine:
            yield (
                f"plan {asked.plan[:16]} is none of its registered analyses, nor one of a registered template"
            )
        released = {
            name for each in self.releases if mine & set(each.analyses) for name in each.recipients
        }
        more = tuple(n for n in asked.recipients if n not in body.results and n not in released)
        if more:
            yield f"its answers go to {joined(body.results)} until they are released, not to {joined(more)}"
        yield from self._thawed(asked, inputs)

    def _thawed(self, asked: Asked, inputs: Mapping[str, str]) -> Iterator[str]:
        for name in sorted({read.dataset for read in asked.columns}):
            frozen, got = self.frozen.get(name), inputs.get(name)
            if frozen is not None and got is not None and frozen != got:
                yield f"dataset {name} is frozen as {frozen[:16]}, its content here is {got[:16]}"


@dataclass(frozen=True, slots=True)
class Line:
    """One project in the supervision view; `runs` is how many runs were counted for it."""

    project: str
    title: str
    sponsor: str
    risk: str
    government_led: bool
    state: State
    registered: str
    until: str | None
    frozen: tuple[str, ...]
    released_to: tuple[str, ...]
    runs: int


class Projects:
    """All projects of a journal; give `add` its statements in order."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._steps: dict[str, list[Step]] = {}
        self._head = EMPTY

    @property
    def digest(self) -> str:
        """The head of the journal so far: equal at parties with the same register."""
        return self._head

    @property
    def names(self) -> tuple[str, ...]:
        """All projects, in the order of their registration."""
        return tuple(self._steps)

    def add(self, statement: Statement) -> None:
        """One statement more. Raises UsageError if it cannot come next, or is not signed by those who must."""
        model = MODELS.get(statement.kind)
        if model is None:
            raise UsageError(
                f"expected a statement of {', '.join(MODELS)}, got one of {statement.kind}"
            )
        body = body_as(statement, model)
        steps = self._steps.get(body.project, [])
        try:
            self._check(body, steps, statement.signers(self._principals))
        except ValueError as error:
            raise UsageError(f"{statement.kind} of {body.project}: {error}") from None
        self._steps[body.project] = [*steps, body]
        self._head = following(self._head, statement)

    def get(self, name: str, day: str) -> Project | None:
        """The project as it stands on `day`; None if it is not registered by then."""
        return _folded([step for step in self._steps.get(name, ()) if step.day <= day], day)

    def state(self, name: str, day: str) -> State | None:
        """The project's state on `day`; None if it is not registered by then."""
        found = self.get(name, day)
        return None if found is None else found.state

    def supervision(self, day: str, runs: Mapping[str, int]) -> tuple[Line, ...]:
        """Every project registered by `day`, with its state and what has been counted in `runs`."""
        found = [(name, self.get(name, day)) for name in self.names]
        return tuple(_line(name, p, runs.get(name, 0)) for name, p in found if p is not None)

    def _check(self, body: Step, steps: list[Step], signers: tuple[str, ...]) -> None:
        """Raises ValueError unless `body`, signed by `signers`, may come after `steps`."""
        if isinstance(body, Registered):
            if steps:
                raise ValueError("expected a new project, got one that is registered")
            self._ask_for(signers, (body.sponsor,), 1, body.day, "party")
            return
        if not steps:
            raise ValueError("expected a registered project, got an unknown one")
        if body.day < steps[-1].day:
            raise ValueError(f"expected a day from {steps[-1].day} on, got {body.day}")
        project = _folded(steps, body.day)
        if project is None:  # the first step is a registration
            raise ValueError("expected a registered project, got an unknown one")
        if project.state == "stopped":
            raise ValueError("expected a project that goes on, got a stopped one")
        STEPS[type(body)](body, project)
        self._check_signers(body, project.registration, signers)

    def _check_signers(self, body: Step, of: Registered, signers: tuple[str, ...]) -> None:
        match body:
            case Frozen():
                self._ask_for(signers, (of.datasets[body.dataset],), 1, body.day, "party")
            case Stopped():
                may = (of.sponsor, *of.government, *self._principals.having("regulator", body.day))
                self._ask_for(signers, may, 1, body.day, None)
            case _ if of.government_led:
                self._ask_for(signers, of.government, of.signatures, body.day, "government")
            case _:
                self._ask_for(signers, (of.sponsor,), 1, body.day, "party")

    def _ask_for(
        self,
        signers: tuple[str, ...],
        among: tuple[str, ...],
        wanted: int,
        day: str,
        role: Literal["party", "government"] | None,
    ) -> None:
        """Raises ValueError unless `wanted` different ones of `among` have signed, with `role` on `day`."""
        good = {
            name
            for name in signers
            if name in among and (role is None or self._principals.has(name, role, day))
        }
        if len(good) < wanted:
            what = "" if role is None else f" as {role} on {day}"
            raise ValueError(
                f"expected {wanted} of {joined(among)} to sign{what}, got {joined(tuple(sorted(good)))}"
            )


def _line(name: str, project: Project, runs: int) -> Line:
    body = project.registration
    released = dict.fromkeys(party for each in project.releases for party in each.recipients)
    return Line(
        project=name,
        title=body.title,
        sponsor=body.sponsor,
        risk=body.risk,
        government_led=body.government_led,
        state=project.state,
        registered=body.day,
        until=project.until,
        frozen=tuple(sorted(project.frozen)),
        released_to=tuple(released),
        runs=runs,
    )


def _folded(steps: list[Step], day: str) -> Project | None:
    """The project that `steps`, all of days up to `day`, make on `day`."""
    if not steps or not isinstance(steps[0], Registered):
        return None
    until: str | None = None
    stopped = False
    frozen: dict[str, str] = {}
    releases: list[Released] = []
    for step in steps:
        match step:
            case Started() | Extended():
                until = step.until
            case Frozen():
                frozen[step.dataset] = step.digest
            case Released():
                releases.append(step)
            case Stopped():
                stopped = True
    state: State = "registered" if until is None else "running" if day <= until else "expired"
    return Project(steps[0], "stopped" if stopped else state, until, frozen, tuple(releases))


def _start(body: Step, project: Project) -> None:
    if project.state != "registered":
        raise ValueError(
            f"expected a project that has not started, got one that is {project.state}"
        )
    _until(body, None)


def _extend(body: Step, project: Project) -> None:
    if project.until is None:
        raise ValueError("expected a project that has started, got one that is registered")
    _until(body, project.until)


def _until(body: Step, before: str | None) -> None:
    if isinstance(body, Started | Extended) and body.until <= (before or body.day):
        raise ValueError(f"expected until after {before or body.day}, got {body.until}")


def _release(body: Step, project: Project) -> None:
    if project.until is None:
        raise ValueError("expected a project that has started, got one that is registered")
    if isinstance(body, Released) and not set(body.analyses) <= set(project.registration.analyses):
        raise ValueError("expected analyses that were registered, got another")


def _freeze(body: Step, project: Project) -> None:
    if not isinstance(body, Frozen):
        return
    if body.dataset not in project.registration.datasets:
        raise ValueError(f"expected a dataset of the project, got {body.dataset}")
    if body.dataset in project.frozen:
        raise ValueError(f"expected {body.dataset} once, it is frozen: its content stays as it was")


def _stop(_: Step, __: Project) -> None:
    return


MODELS: dict[str, type[Step]] = {
    "project-registered": Registered,
    "project-start": Started,
    "project-extend": Extended,
    "project-release": Released,
    "dataset-frozen": Frozen,
    "project-stopped": Stopped,
}
# What must hold before each step. Raises ValueError if it does not.
STEPS: dict[type[Step], Callable[[Step, Project], None]] = {
    Started: _start,
    Extended: _extend,
    Released: _release,
    Frozen: _freeze,
    Stopped: _stop,
}
