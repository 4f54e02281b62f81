"""The register of registrations: the fold of its journal, and which datasets have a live code on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mpcstats.errors import UsageError
from mpcstats.records.day import later, years_later
from mpcstats.records.principals import Principals
from mpcstats.records.registration.events import (
    Amendment,
    Coding,
    Draft,
    Event,
    Form,
    Objection,
    Resolution,
    read_event,
)
from mpcstats.records.registration.states import (
    CODED,
    SIGNED_BY,
    State,
    following_state,
)
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.rights.events import is_product
from mpcstats.records.signed import Statement
from mpcstats.records.timeline import History, Timeline

PUBLICITY_DAYS = 10  # working days
VALID_YEARS = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One registration as it stands; `objections` are those that are open, days are included on both ends."""

    number: str
    form: Form
    state: State
    publicity_until: str | None = None
    objections: tuple[str, ...] = ()
    code: str | None = None
    since: str | None = None
    until: str | None = None

    def state_on(self, day: str) -> State:
        """The state on `day`: a coded entry has expired after its last day."""
        ended = self.until is not None and day > self.until
        return State.EXPIRED if ended and self.state in CODED else self.state

    def live(self, day: str) -> str | None:
        """The code, if it is valid on `day`."""
        coded = self.state_on(day) in CODED and self.since is not None and self.since <= day
        return self.code if coded else None


@dataclass(frozen=True, slots=True)
class NoCode:
    """A dataset without a live code; `words` say where its registration stands, and what to do."""

    dataset: str
    words: str


class Registrations:
    """The fold of a registration journal. Days never go back, as in the rights register."""

    def __init__(self, principals: Principals, calendar: Calendar) -> None:
        self._principals = principals
        self._calendar = calendar
        self.timeline = Timeline()
        self._entries: dict[str, History[Entry]] = {}
        self._of_asset: dict[str, list[str]] = {}
        self._of_code: dict[str, str] = {}
        self._objections: set[str] = set()

    @property
    def head(self) -> str:
        """The journal's head after all statements."""
        return self.timeline.head

    def head_on(self, day: str) -> str:
        """The head after the last statement that counts on `day`: what a job that is admitted then carries."""
        return self.timeline.head_at(self.timeline.upto(day))

    def add(self, statement: Statement) -> None:
        """Enter the statement. Raises UsageError if it may not come now; nothing is entered then."""
        event = read_event(statement)
        signers = statement.signers(self._principals)
        self.timeline.check(statement, event.day)
        try:
            entry = self._after(event, signers)
        except UsageError as error:
            raise UsageError(f"{statement.kind}: {event.entry}: {error}") from None
        number = self.timeline.advance(statement, event.day)
        if event.entry in self._entries:
            self._entries[event.entry].set(number, entry)
        else:
            self._entries[event.entry] = History(number, entry)
            self._of_asset.setdefault(entry.form.asset, []).append(entry.number)
        if isinstance(event, Coding):
            self._of_code[event.code] = entry.number
        if isinstance(event, Objection):
            self._objections.add(event.objection)

    def entries(self, day: str, *, head: str | None = None) -> tuple[Entry, ...]:
        """Every registration as it stood on `day`, in order of entry."""
        number = self.timeline.upto(day, head)
        found = (history.at(number) for history in self._entries.values())
        return tuple(entry for entry in found if entry is not None)

    def of_asset(self, asset: str, day: str, *, head: str | None = None) -> Entry | None:
        """The last registration of the asset that had been opened by `day`."""
        number = self.timeline.upto(day, head)
        for name in reversed(self._of_asset.get(asset, ())):
            entry = self._entries[name].at(number)
            if entry is not None:
                return entry
        return None

    def of_code(self, code: str, day: str, *, head: str | None = None) -> Entry | None:
        """The registration that has that code, as it stood on `day`."""
        name = self._of_code.get(code)
        entry = None if name is None else self._entries[name].at(self.timeline.upto(day, head))
        return entry if entry is not None and entry.code == code else None

    def live(self, dataset: str, day: str, *, head: str | None = None) -> str | None:
        """The dataset's code, if one is valid on `day`."""
        entry = self.of_asset(dataset, day, head=head)
        return None if entry is None else entry.live(day)

    def _after(self, event: Event, signers: tuple[str, ...]) -> Entry:
        """The entry after `event`. Raises UsageError if it may not come now."""
        known = self._entries.get(event.entry)
        if known is None:
            if not isinstance(event, Draft):
                raise UsageError("expected the entry of an earlier draft, got an unknown one")
            self._check_signed(event, event.form.holder, signers)
            self._check_unregistered(event.form.asset, event.day)
            self._check_form(event.form, event.day)
            return Entry(event.entry, event.form, State.DRAFT)
        entry = known.now
        self._check_signed(event, entry.form.holder, signers)
        state = following_state(entry.state_on(event.day), event.step)
        match event:
            case Draft() | Amendment():
                return self._with_form(entry, event, state, signers)
            case Objection():
                return self._objected(entry, event, state)
            case Resolution():
                return _resolved(entry, event, state)
            case Coding():
                return self._coded(entry, event, state)
            case _ if event.step == "publish":
                until = self._calendar.after(event.day, PUBLICITY_DAYS)
                return replace(entry, state=state, publicity_until=until)
            case _ if event.step == "renew" and entry.until is not None:
                return replace(entry, state=state, until=years_later(entry.until, VALID_YEARS))
            case _:
                return replace(entry, state=state)

    def _check_signed(self, event: Event, holder: str, signers: tuple[str, ...]) -> None:
        by_holder = holder in signers and self._principals.has(holder, "party", event.day)
        registrars = [n for n in signers if self._principals.has(n, "registrar", event.day)]
        # A registrar that is a party does not review its own: both signatures, and of two.
        by_registrar = any(name != holder for name in registrars)
        match SIGNED_BY[event.step]:
            case "holder":
                good, who = by_holder, f"the holder, {holder}"
            case "registrar":
                good, who = by_registrar, "a registrar other than the holder"
            case "both":
                good, who = by_holder and by_registrar, f"the holder, {holder}, and a registrar"
            case "either":
                good, who = by_holder or by_registrar, f"the holder, {holder}, or a registrar"
            case _:
                objector = event.objector if isinstance(event, Objection) else holder
                good, who = objector in signers, f"the objector, {objector}"
        if not good:
            got = ", ".join(signers) or "nobody"
            raise UsageError(f"{event.step}: expected the signature of {who}, got that of {got}")

    def _check_unregistered(self, asset: str, day: str) -> None:
        other = self.of_asset(asset, day)
        if other is not None and other.state_on(day) not in (State.CANCELLED, State.EXPIRED):
            raise UsageError(f"{asset}: expected one registration, it has {other.number} already")

    def _check_form(self, form: Form, day: str) -> None:
        if is_product(form.asset) != bool(form.lineage):
            raise UsageError(
                f"{form.asset}: expected the codes of a product's inputs as lineage, and none for a "
                f"dataset, got {len(form.lineage)}"
            )
        for code in form.lineage:
            entry = self.of_code(code, day)
            if entry is None or entry.live(day) is None:
                raise UsageError(f"{form.asset}: expected live codes as lineage, {code} is none")

    def _with_form(
        self, entry: Entry, event: Draft | Amendment, state: State, signers: tuple[str, ...]
    ) -> Entry:
        form = event.form
        if form.asset != entry.form.asset:
            raise UsageError(f"expected the form of {entry.form.asset}, got that of {form.asset}")
        if form.holder != entry.form.holder and form.holder not in signers:
            raise UsageError(f"expected the new holder, {form.holder}, to sign too")
        self._check_form(form, event.day)
        return replace(entry, form=form, state=state)

    def _objected(self, entry: Entry, event: Objection, state: State) -> Entry:
        if event.objection in self._objections:
            raise UsageError(f"expected a number never used before, got {event.objection}")
        if entry.publicity_until is not None and event.day > entry.publicity_until:
            raise UsageError(
                f"expected an objection by {entry.publicity_until}, the end of publicity, got one "
                f"on {event.day}"
            )
        return replace(entry, state=state, objections=(*entry.objections, event.objection))

    def _coded(self, entry: Entry, event: Coding, state: State) -> Entry:
        if entry.publicity_until is None or event.day <= entry.publicity_until:
            raise UsageError(
                f"expected a code after {PUBLICITY_DAYS} working days of publicity, from the day after "
                f"{entry.publicity_until} on, got one on {event.day}"
            )
        if event.code in self._of_code:
            raise UsageError(f"expected a code of its own, got that of {self._of_code[event.code]}")
        if (event.code[0] == "P") != is_product(entry.form.asset):
            raise UsageError("expected a code with P for a product and R for a dataset")
        # What a product was made from may have ended while it was in publicity.
        self._check_form(entry.form, event.day)
        until = later(years_later(event.day, VALID_YEARS), -1)
        return replace(entry, state=state, code=event.code, since=event.day, until=until)


def missing_codes(
    register: Registrations, *, day: str, datasets: Iterable[str], head: str | None = None
) -> tuple[NoCode, ...]:
    """The datasets that have no live code on `day`, in order; empty if a job may read them all.

    Raises UsageError if `day` is none, or the register never had the head.
    """
    found = []
    for dataset in datasets:
        entry = register.of_asset(dataset, day, head=head)
        if entry is None:
            words = "it is not registered: its holder must register it first"
        elif entry.live(day) is not None:
            continue
        else:
            state = entry.state_on(day)
            words = f"its registration {entry.number} is in state {state.name} {state.value}"
        found.append(NoCode(dataset, f"{dataset} has no live code on {day}: {words}"))
    return tuple(found)


def _resolved(entry: Entry, event: Resolution, state: State) -> Entry:
    if event.objection not in entry.objections:
        raise UsageError(f"expected an open objection, got {event.objection}")
    if event.outcome == "uphold":  # back to the holder, who drafts it again: all of it starts anew
        return replace(entry, state=state, objections=(), publicity_until=None)
    left = tuple(name for name in entry.objections if name != event.objection)
    return replace(entry, state=State.OBJECTED if left else state, objections=left)
