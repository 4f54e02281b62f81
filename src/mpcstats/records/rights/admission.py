"""May a job run by the rights register? Every input's holder, the initiator's USE, the publishers' OPERATE.

Compute parties are not asked about: they hold shares and no right. Whatever the register does not say is missing,
so a register with one licence fewer never lets more through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mpcstats.records.rights.book import Book, Grant, Moment
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.rights.terms import Right

SHOWN = 4  # columns that a finding names


@dataclass(frozen=True, slots=True)
class Input:
    """A dataset that a job reads: whose it is by the catalogue, and which of its columns."""

    dataset: str
    owner: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A right that the job needs and `party` does not have; `words` say it, and what to do."""

    what: Literal["registration", "hold", "use", "operate"]
    asset: str
    party: str
    words: str


def missing(
    register: RightsRegister,
    *,
    day: str,
    initiator: str,
    publishers: Sequence[str],
    inputs: Sequence[Input],
    scenario: str,
    purpose: str,
    head: str | None = None,
) -> tuple[Missing, ...]:
    """Every right that the job lacks on `day`; empty if it lacks none.

    Each input is registered, and its owner by the catalogue holds it; the initiator has USE of each column for
    the scenario and purpose (the holder by holding it); each of `publishers` has OPERATE on a product made from
    all inputs, whose operator may use them still. With `head`, as the register was then. Raises UsageError
    if `day` is none, or the register never had that head.
    """
    book, moment = register.book, register.book.moment(day, head)
    job = _Job(book, moment, scenario, purpose)
    found: list[Missing] = []
    for one in inputs:
        lacking = job.holder(one)
        found += [lacking] if lacking is not None else job.use(one, initiator)
    for publisher in publishers:
        if not job.operates(publisher, inputs):
            found.append(_no_product(publisher, inputs, job))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Job:
    book: Book
    moment: Moment
    scenario: str
    purpose: str

    def holder(self, one: Input) -> Missing | None:
        """What is wrong with the holding of an input, if anything is."""
        unit = self.book.unit_of(one.dataset, self.moment.number)
        first = None if unit is None else self.book.grant(unit.number, self.moment)
        if first is None:
            words = f"{one.dataset} is not registered: its holder, {one.owner}, must enter it first"
            return Missing("registration", one.dataset, one.owner, words)
        if not self.book.in_force(first, self.moment):
            why = first.ended or f"in force from {first.terms.since} to {first.terms.until} only"
            words = f"{one.dataset}: its registration {first.number} is {why}"
            return Missing("registration", one.dataset, first.holder, words)
        if first.holder != one.owner:
            words = (
                f"{one.dataset} is held by {first.holder} in the register and is of {one.owner} in "
                "the catalogue: one of them must be corrected"
            )
            return Missing("hold", one.dataset, one.owner, words)
        return None

    def use(self, one: Input, party: str) -> list[Missing]:
        """Which columns of the input `party` may not use."""
        licensed = False
        left = set(one.columns)
        for links in self.book.covering(
            one.dataset, party, self.scenario, self.purpose, self.moment
        ):
            licensed = True
            # What one link of the chain is not for, none of the chain is.
            left = set().union(*(link.terms.scope.uncovered(left) for link in links))
        if licensed and not left:
            return []
        named = sorted(left)
        columns = ", ".join(named[:SHOWN]) or "its rows"
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        words = (
            f"{party} has no {Right.USE.name} {Right.USE.value} of {one.dataset} ({columns}{more}) in "
            f"scenario {self.scenario!r} for purpose {self.purpose!r} on {self.moment.day}: ask "
            f"{one.owner} for a licence"
        )
        return [Missing("use", one.dataset, party, words)]

    def operates(self, party: str, inputs: Sequence[Input]) -> bool:
        """Whether `party` has OPERATE on a product from all inputs."""
        names = {one.dataset for one in inputs}
        return any(
            self._operable(grant, names) and self._licensed(grant, inputs)
            for asset in self.book.products(party)
            for grant in self.book.held_by(asset, party, self.moment)
            if grant.right is Right.OPERATE
        )

    def _operable(self, grant: Grant, names: set[str]) -> bool:
        lineage = self.book.units[grant.unit].lineage
        if lineage is None or not names <= set(lineage.inputs):
            return False
        return all(
            link.terms.scope.covers(self.scenario, self.purpose)
            for link in self.book.chain(grant, self.moment)
        )

    def _licensed(self, grant: Grant, inputs: Sequence[Input]) -> bool:
        """Whether the product's own operator may use what the job reads."""
        first = self.book.grant(grant.unit, self.moment)
        return first is not None and not any(self.use(one, first.holder) for one in inputs)


def _no_product(party: str, inputs: Sequence[Input], job: _Job) -> Missing:
    names = ", ".join(one.dataset for one in inputs)
    words = (
        f"{party} has no {Right.OPERATE.name} {Right.OPERATE.value} on {job.moment.day} on a product made "
        f"from {names} for scenario {job.scenario!r} and purpose {job.purpose!r}: register the product, "
        "or have its operator license it"
    )
    return Missing("operate", names, party, words)
