"""What the register has entered: units, the rights on them, objections; and what of it is in force when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from mpcstats.errors import InternalError
from mpcstats.records.rights.events import Lineage
from mpcstats.records.rights.terms import Right, Scope, Terms
from mpcstats.records.timeline import History, Timeline


@dataclass(frozen=True, slots=True)
class Unit:
    """A registration unit: one asset under one number, which is also the number of its first right."""

    number: str
    asset: str
    lineage: Lineage | None
    retention: int  # years after its end
    entered: int  # the number of its statement


@dataclass(frozen=True, slots=True)
class Grant:
    """A right: the first one of a unit (`under` is None), or a licence under another right."""

    number: str
    unit: str
    asset: str
    right: Right
    holder: str
    under: str | None
    terms: Terms
    ended: Literal["cancelled", "annulled"] | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection to an asset, open until it has an outcome."""

    number: str
    asset: str
    objector: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, and the last statement that counts for it."""

    day: str
    number: int


@dataclass(frozen=True, slots=True)
class Held:
    """A right in force on a day, no wider than any right that it was licensed under."""

    asset: str
    unit: str
    number: str
    right: Right
    holder: str
    under: str | None
    scope: Scope
    since: str
    until: str | None
    terms: Terms  # as registered


class Book:
    """The register's entries. It checks nothing: `rules` does, before anything is entered."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.units: dict[str, Unit] = {}
        self.grants: dict[str, History[Grant]] = {}
        self.disputes: dict[str, History[Dispute]] = {}
        self._of_asset: dict[str, list[Unit]] = {}
        self._of_holder: dict[tuple[str, str], list[str]] = {}  # (asset, ever a holder) -> numbers
        self._products: dict[str, dict[str, None]] = {}  # by holder; a dict keeps their order
        self._objected: dict[str, list[str]] = {}

    def enter_unit(self, unit: Unit, grant: Grant) -> None:
        """A new unit with its first right."""
        self.units[unit.number] = unit
        self._of_asset.setdefault(unit.asset, []).append(unit)
        self.enter(grant)

    def enter(self, grant: Grant) -> None:
        """A new right, or the state of one from the timeline's last statement on."""
        number = self.timeline.number
        known = self.grants.get(grant.number)
        if known is None:
            self.grants[grant.number] = History(number, grant)
        else:
            known.set(number, grant)
        held = self._of_holder.setdefault((grant.asset, grant.holder), [])
        if grant.number not in held:
            held.append(grant.number)
        if self.units[grant.unit].lineage is not None:
            self._products.setdefault(grant.holder, {})[grant.asset] = None

    def enter_dispute(self, dispute: Dispute) -> None:
        """A new objection, or the outcome of one."""
        known = self.disputes.get(dispute.number)
        if known is None:
            self.disputes[dispute.number] = History(self.timeline.number, dispute)
            self._objected.setdefault(dispute.asset, []).append(dispute.number)
        else:
            known.set(self.timeline.number, dispute)

    def end(self, grant: Grant, how: Literal["cancelled", "annulled"]) -> None:
        """The right ends, and with it what hangs on it."""
        self.enter(replace(grant, ended=how))

    @property
    def assets(self) -> tuple[str, ...]:
        """Every asset that was ever registered, in order of registration."""
        return tuple(self._of_asset)

    def now(self, day: str) -> Moment:
        """`day`, after every statement."""
        return Moment(day, self.timeline.number)

    def moment(self, day: str, head: str | None = None) -> Moment:
        """`day`, after the statements up to it and up to `head`. Raises UsageError as Timeline.upto."""
        return Moment(day, self.timeline.upto(day, head))

    def unit_of(self, asset: str, number: int) -> Unit | None:
        """The asset's unit after statement `number`: the last one that was entered."""
        for unit in reversed(self._of_asset.get(asset, ())):
            if unit.entered <= number:
                return unit
        return None

    def grant(self, number: str, moment: Moment) -> Grant | None:
        """The right of that number as it stood."""
        found = self.grants.get(number)
        return None if found is None else found.at(moment.number)

    def chain(self, grant: Grant, moment: Moment) -> Iterator[Grant]:
        """The right, the one that it was licensed under, and so on up to the unit's first."""
        link: Grant | None = grant
        while link is not None:
            yield link
            if link.under is None:
                return
            link = self.grant(link.under, moment)
        raise InternalError(f"expected every licence under a registered right: {grant.number}")

    def in_force(self, grant: Grant, moment: Moment) -> bool:
        """Whether the right and all that it hangs on have not ended, and the day is in their terms."""
        return all(
            link.ended is None and link.terms.on(moment.day) for link in self.chain(grant, moment)
        )

    def held_by(self, asset: str, holder: str, moment: Moment) -> Iterator[Grant]:
        """The rights on the asset that `holder` has in force."""
        for number in self._of_holder.get((asset, holder), ()):
            grant = self.grant(number, moment)
            if grant is not None and grant.holder == holder and self.in_force(grant, moment):
                yield grant

    def covering(
        self, asset: str, party: str, scenario: str, purpose: str, moment: Moment
    ) -> Iterator[tuple[Grant, ...]]:
        """The rights of `party` on the asset that are for that scenario and purpose, each as its chain.

        HOLD of a dataset and OPERATE of a product cover their use too.
        """
        for grant in self.held_by(asset, party, moment):
            links = tuple(self.chain(grant, moment))
            if all(link.terms.scope.covers(scenario, purpose) for link in links):
                yield links

    def products(self, party: str) -> tuple[str, ...]:
        """The products on which `party` has ever had a right."""
        return tuple(self._products.get(party, ()))

    def held(self, moment: Moment) -> Iterator[Held]:
        """All rights in force, in order of registration."""
        for number in self.grants:
            grant = self.grant(number, moment)
            if grant is not None and self.in_force(grant, moment):
                found = self.effective(grant, moment)
                if found is not None:
                    yield found

    def effective(self, grant: Grant, moment: Moment) -> Held | None:
        """The right as far as all that it hangs on reaches; None where that leaves nothing of its scope."""
        links = tuple(self.chain(grant, moment))
        scope: Scope | None = grant.terms.scope
        for link in links[1:]:
            scope = None if scope is None else scope.meet(link.terms.scope)
        if scope is None:
            return None
        ends = [link.terms.until for link in links if link.terms.until is not None]
        return Held(
            grant.asset,
            grant.unit,
            grant.number,
            grant.right,
            grant.holder,
            grant.under,
            scope,
            max(link.terms.since for link in links),
            min(ends) if ends else None,
            grant.terms,
        )

    def open_disputes(self, asset: str, number: int) -> tuple[Dispute, ...]:
        """The objections to the asset that had no outcome after statement `number`."""
        found = (self.disputes[name].at(number) for name in self._objected.get(asset, ()))
        return tuple(one for one in found if one is not None and one.outcome is None)
