"""The rights register: the fold of its journal, and who held what on which day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mpcstats.errors import InternalError, UsageError
from mpcstats.records.principals import Principals
from mpcstats.records.rights.book import Book, Dispute, Grant, Held, Unit
from mpcstats.records.rights.events import (
    Cancel,
    Change,
    Event,
    First,
    Licence,
    Objection,
    Resolution,
    Transfer,
    read_event,
)
from mpcstats.records.rights.rules import (
    Office,
    check_cancel,
    check_change,
    check_first,
    check_licence,
    check_objection,
    check_resolution,
    check_transfer,
)
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who held what on `day`, by the register whose head was `head`; `held` in order of registration."""

    day: str
    head: str
    held: tuple[Held, ...]

    def of(self, party: str) -> tuple[Held, ...]:
        """What `party` held; nothing for one that only computes."""
        return tuple(one for one in self.held if one.holder == party)


@dataclass(frozen=True, slots=True)
class Entered:
    """A statement of the register and what it says; `head` is the register's after it."""

    number: int
    head: str
    statement: Statement
    event: Event


class RightsRegister:
    """The fold of a rights journal: `add` takes the statements in order, and refuses what may not be entered.

    An event counts from its day on. Days never go back, so answers for days before the register's last are
    final; with `head`, any answer is given again as it was when that was the register's head.
    """

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self.book = Book()
        self._entered: list[Entered] = []

    def add(self, statement: Statement) -> None:
        """Enter the statement. Raises UsageError if its preconditions do not hold; nothing is entered then."""
        event = read_event(statement)
        signers = statement.signers(self._principals)
        if not signers:
            raise UsageError(f"{statement.kind}: expected a signature, got none")
        self.book.timeline.check(statement, event.day)
        office = Office(self.book, self._principals, event.day, signers)
        try:
            enter = self._checked(office, event)
        except UsageError as error:
            raise UsageError(f"{statement.kind}: {error}") from None
        self.book.timeline.advance(statement, event.day)
        enter()
        number = self.book.timeline.number
        self._entered.append(Entered(number, self.head, statement, event))

    @property
    def head(self) -> str:
        """The journal's head after all statements."""
        return self.book.timeline.head

    def head_on(self, day: str) -> str:
        """The head after the last statement that counts on `day`: what a job that is admitted then carries."""
        return self.book.timeline.head_at(self.book.timeline.upto(day))

    @property
    def last_day(self) -> str | None:
        """The day of the last statement; what is answered for days before it never changes."""
        return self.book.timeline.last_day

    def as_of(self, day: str, *, head: str | None = None) -> Holdings:
        """Who held what on `day`; by the register as it was at `head`, if one is given.

        Raises UsageError if the register never had that head.
        """
        moment = self.book.moment(day, head)
        # The head after the last statement that counts: it names all that the answer rests on.
        at = self.book.timeline.head_at(moment.number)
        return Holdings(day, at, tuple(self.book.held(moment)))

    def history(self, asset: str) -> tuple[Entered, ...]:
        """Every statement about the asset, oldest first."""
        return tuple(one for one in self._entered if self._asset(one.event) == asset)

    def entered(self) -> tuple[Entered, ...]:
        """Every statement, oldest first."""
        return tuple(self._entered)

    def _asset(self, event: Event) -> str:
        match event:
            case First() | Objection():
                return event.asset
            case Licence() | Transfer() | Change() | Cancel():
                return self.book.grants[event.number].now.asset
            case Resolution():
                return self.book.disputes[event.objection].now.asset
            case _:
                raise InternalError(
                    f"expected an event of the register, got {type(event).__name__}"
                )

    def _checked(self, office: Office, event: Event) -> Callable[[], None]:
        """How to enter the event, whose preconditions hold. Raises UsageError if one does not."""
        book = self.book
        match event:
            case First():
                check_first(office, event)
                return partial(book.enter_unit, *_unit(event, book.timeline.number + 1))
            case Licence():
                return partial(book.enter, _licensed(event, check_licence(office, event)))
            case Transfer():
                grant = check_transfer(office, event)
                return partial(book.enter, replace(grant, holder=event.holder))
            case Change():
                grant = check_change(office, event)
                return partial(book.enter, replace(grant, terms=event.terms))
            case Cancel():
                return partial(book.end, check_cancel(office, event), "cancelled")
            case Objection():
                check_objection(office, event)
                dispute = Dispute(event.objection, event.asset, event.objector)
                return partial(book.enter_dispute, dispute)
            case Resolution():
                return partial(self._resolve, check_resolution(office, event), event)
            case _:
                raise InternalError(
                    f"expected an event of the register, got {type(event).__name__}"
                )

    def _resolve(self, dispute: Dispute, event: Resolution) -> None:
        self.book.enter_dispute(replace(dispute, outcome=event.outcome))
        unit = self.book.unit_of(dispute.asset, self.book.timeline.number)
        if event.outcome == "upheld" and unit is not None:
            self.book.end(self.book.grants[unit.number].now, "annulled")


def _unit(event: First, number: int) -> tuple[Unit, Grant]:
    unit = Unit(event.number, event.asset, event.lineage, event.retention, number)
    return unit, Grant(
        event.number, event.number, event.asset, event.right, event.holder, None, event.terms
    )


def _licensed(event: Licence, licensor: Grant) -> Grant:
    return Grant(
        event.number,
        licensor.unit,
        licensor.asset,
        event.right,
        event.holder,
        licensor.number,
        event.terms,
    )
