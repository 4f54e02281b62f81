"""The fold of an owner's consent journal: what each record must hold against, and whose rows a run may count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mpcstats.errors import UsageError
from mpcstats.records.consent import acts
from mpcstats.records.consent.acts import (
    Act,
    Asset,
    Delivery,
    Freeze,
    Grant,
    Mode,
    OptOut,
    Revoke,
    Use,
)
from mpcstats.records.consent.holdings import Held, Holdings, OptedOut
from mpcstats.records.consent.signer import PersonKey, Signers
from mpcstats.records.consent.terms import Ask, Refusal, dataset_of
from mpcstats.records.consent.token import LONGEST_SECONDS, TOKEN_KIND, Token, too_long
from mpcstats.records.journal import body_as
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Event:
    """A record of the journal: its number from 1, when it came in, which statement, by whom.

    `persons` are those whom it concerns. A use of rows without consents (mode opt-out) concerns everybody but
    `spared`; then `persons` is None.
    """

    number: int
    second: str
    kind: str
    digest: str
    signer: str
    body: Act
    persons: frozenset[str] | None = frozenset()
    spared: frozenset[str] = frozenset()

    def concerns(self, person: str) -> bool:
        """Whether the person's history has it."""
        return person not in self.spared if self.persons is None else person in self.persons


@dataclass(frozen=True, slots=True)
class Due:
    """A consent that a run will use, and how often it may be used at all; `once`: it is a token."""

    consent: str
    most: int | None
    once: bool = False


@dataclass(frozen=True, slots=True)
class Consented:
    """Whose rows a run may count: `persons` alone in mode per-matter, all but `persons` in mode opt-out.

    `dues` are the consents that the run uses, person by person, for each one in the order of the recipients.
    """

    mode: Mode
    persons: frozenset[str]
    dues: tuple[Due, ...] = ()


class Consents:
    """The consents of `owner`: `add` takes the records of a journal that has checked the records' own signatures."""

    def __init__(
        self, owner: str, principals: Principals, *, longest: int | None = LONGEST_SECONDS
    ) -> None:
        self.owner = owner
        self.holdings = Holdings()
        self._signers = Signers(principals)
        self._longest = longest
        self._events: list[Event] = []
        self._seen: set[str] = set()
        self._runs: dict[str, list[Event]] = {}
        self._deliveries: dict[str, Event] = {}

    @property
    def events(self) -> tuple[Event, ...]:
        """Every record, oldest first."""
        return tuple(self._events)

    @property
    def second(self) -> str | None:
        """When the last record came in; None before the first."""
        return self._events[-1].second if self._events else None

    def has(self, digest: str) -> bool:
        """Whether a statement of that digest has been recorded."""
        return digest in self._seen

    def uses(self, run: str) -> tuple[Use, ...]:
        """What the run has used; () if nothing is recorded."""
        return tuple(e.body for e in self._runs.get(run, ()) if isinstance(e.body, Use))

    def delivery(self, run: str) -> Event | None:
        """The record of what the run gave, if there is one."""
        return self._deliveries.get(run)

    def refusals(self, consent: str, ask: Ask) -> tuple[Refusal, ...]:
        """Every reason why the grant or token `consent` of the journal does not cover `ask`; () if it does."""
        held = self.holdings.held.get(consent)
        if held is None:
            return (Refusal("unknown", consent, "expected a consent of the journal, got none"),)
        return tuple(self.holdings.against(held, ask))

    def presented(self, statement: Statement, ask: Ask) -> tuple[Refusal, ...]:
        """The same for a token that need not be in the journal yet. Raises UsageError for what is no token at all."""
        if statement.kind != TOKEN_KIND:
            raise UsageError(f"expected a {TOKEN_KIND}, got {statement.kind}")
        digest, token = statement.digest, body_as(statement, Token)
        try:
            signer = self._signers.of_person(statement, token.person, ask.second)
        except UsageError as error:
            return (Refusal("not-signed", digest, str(error)),)
        held = self.holdings.held.get(digest, Held(digest, token, signer, ask.second))
        found = (*too_long(token, digest, self._longest), *self.holdings.against(held, ask))
        return tuple(found)

    def consented(self, ask: Ask, mode: Mode) -> Consented:
        """Whose rows may be counted for `ask`, which names no person.

        In mode per-matter a person counts if, for every recipient, one grant or token covers all that is asked.
        Raises UsageError for an ask without recipients or fields, or of another owner.
        """
        if not (ask.recipients and ask.fields) or ask.owner != self.owner or ask.person is not None:
            raise UsageError(
                f"expected recipients and fields of {self.owner} and no single person, got "
                f"{len(ask.recipients)} recipients and {len(ask.fields)} fields of {ask.owner}"
            )
        if mode == "opt-out":
            return Consented(mode, self.holdings.spared(ask))
        found = [
            self.holdings.covering(replace(ask, recipients=(name,))) for name in ask.recipients
        ]
        persons = frozenset.intersection(*(frozenset(each) for each in found))
        chosen = (each[person] for person in sorted(persons) for each in found)
        return Consented(mode, persons, tuple(due_of(held) for held in chosen))

    def add(self, record: Statement) -> None:
        """Take the next record. Raises UsageError for one that does not hold here; then nothing has changed."""
        if record.kind != acts.RECORD_KIND:
            raise UsageError(f"expected {acts.RECORD_KIND}, got {record.kind}")
        line = body_as(record, acts.Record)
        if [s.signer for s in record.signatures] != [self.owner]:
            raise UsageError(f"{record.kind}: expected the signature of {self.owner} alone")
        if self.second is not None and line.second < self.second:
            raise UsageError(
                f"{record.kind}: expected {self.second} or later, got {line.second}: is the clock right?"
            )
        try:
            statement = Statement.from_json(line.statement)
        except UsageError as error:
            raise UsageError(f"{record.kind}: statement: {error}") from None
        self._take(statement, line.second)

    def _take(self, statement: Statement, second: str) -> None:
        model = acts.ACTS.get(statement.kind)
        if model is None:
            raise UsageError(f"expected a kind of {', '.join(acts.ACTS)}, got {statement.kind}")
        body: Act = body_as(statement, model)
        digest = statement.digest
        if body.owner != self.owner:
            raise UsageError(f"{statement.kind}: expected owner {self.owner}, got {body.owner}")
        if digest in self._seen:
            raise UsageError(
                f"{statement.kind} {digest[:16]}: expected a new statement, got it again"
            )
        signer = self._signer(statement, body, second)
        event = Event(len(self._events) + 1, second, statement.kind, digest, signer, body)
        self._events.append(self._applied(event))
        self._seen.add(digest)

    def _signer(self, statement: Statement, body: Act, second: str) -> str:
        match body:
            case Grant() | Token() | OptOut() | Revoke():
                return self._signers.of_person(statement, body.person, second)
            case PersonKey():
                return self._signers.of_role(statement, "authority", second)
            case Freeze():
                return self._signers.of_role(statement, "regulator", second)
        signer = self._signers.of_role(statement, "party", second)
        if signer != self.owner:
            raise UsageError(
                f"{statement.kind}: expected the signature of {self.owner}, got that of {signer}"
            )
        return signer

    def _applied(self, event: Event) -> Event:
        """`event` with those whom it concerns, after it has taken effect."""
        body = event.body
        match body:
            case Use():
                return self._add_use(event, body)
            case Delivery():
                return self._add_delivery(event, body)
            case Freeze():
                return replace(event, persons=frozenset((self._add_freeze(event, body),)))
            case PersonKey():
                self._signers.enrol(body)
            case Asset():
                self._add_asset(event, body)
            case Grant() | Token():
                self._add_held(Held(event.digest, body, event.signer, event.second))
            case OptOut():
                opted = OptedOut(event.digest, body, event.second)
                self.holdings.opt_outs.setdefault(body.person, []).append(opted)
                self.holdings.persons[event.digest] = body.person
            case Revoke():
                self._add_revoke(event, body)
        return replace(event, persons=frozenset((body.person,)))

    def _add_asset(self, event: Event, body: Asset) -> None:
        place = (body.person, body.dataset)
        if place in self.holdings.asset_of:
            raise UsageError(
                f"{event.kind}: expected one asset of a person in {body.dataset}, got a second"
            )
        self.holdings.assets[event.digest] = body
        self.holdings.persons[event.digest] = body.person
        self.holdings.asset_of[place] = event.digest

    def _add_held(self, held: Held) -> None:
        body = held.body
        if isinstance(body, Token):
            _raise(too_long(body, held.digest, self._longest))
        else:
            datasets = {dataset_of(name) for name in body.fields}
            missing = sorted(d for d in datasets if (body.person, d) not in self.holdings.asset_of)
            if missing:
                raise UsageError(
                    f"{acts.GRANT_KIND}: expected registered assets of the person, got none in "
                    f"{', '.join(missing)}: their owner records them by consent-asset statements"
                )
        self.holdings.held[held.digest] = held
        self.holdings.persons[held.digest] = body.person
        self.holdings.held_by.setdefault(body.recipient, []).append(held)

    def _add_revoke(self, event: Event, body: Revoke) -> None:
        # A target that is not here may be a token that its holder has not presented yet.
        if self.holdings.persons.get(body.target) not in (None, body.person):
            raise UsageError(f"{event.kind}: expected a consent of the person, got another's")
        place = (body.person, body.target)
        if place in self.holdings.revocations:
            raise UsageError(f"{event.kind}: expected a consent that stands, got a revoked one")
        self.holdings.revocations[place] = event.second

    def _add_freeze(self, event: Event, body: Freeze) -> str:
        whose = self.holdings.persons.get(body.target)
        if whose is None:
            raise UsageError(f"{event.kind}: expected an asset or consent of the journal, got none")
        if self.holdings.is_frozen(body.target, event.second) == body.frozen:
            state = "frozen" if body.frozen else "not frozen"
            raise UsageError(f"{event.kind}: expected a change, got a target that is {state}")
        self.holdings.freezes.setdefault(body.target, []).append((event.second, body.frozen))
        return whose

    def _add_use(self, event: Event, body: Use) -> Event:
        if body.second > event.second:
            raise UsageError(f"{event.kind}: expected a use by {event.second}, got {body.second}")
        if body.run in self._deliveries:
            raise UsageError(f"{event.kind}: expected a run without delivery, got {body.run}")
        if body.mode == "opt-out":
            if body.consents:
                raise UsageError(f"{event.kind}: expected no consents in mode opt-out, got some")
            made = replace(event, persons=None, spared=self.holdings.spared(ask_of(body)))
        else:
            made = replace(event, persons=self._use_consents(event, body))
        self._runs.setdefault(body.run, []).append(made)
        return made

    def _use_consents(self, event: Event, body: Use) -> frozenset[str]:
        """The persons whose consents the run uses: each must cover it, and all recipients must be covered."""
        ask = ask_of(body)
        covered: dict[str, list[str]] = {}
        for digest in body.consents:
            held = self.holdings.held.get(digest)
            _raise(self.refusals(digest, ask if held is None else held.narrowed(ask)))
            if held is None or body.run in held.runs:
                raise UsageError(f"{event.kind}: expected one use of a consent a run, got a second")
            covered.setdefault(held.body.person, []).append(held.body.recipient)
        if not covered or any(sorted(mine) != sorted(body.recipients) for mine in covered.values()):
            raise UsageError(
                f"{event.kind}: expected for every person one consent a recipient, got others"
            )
        for digest in body.consents:
            self.holdings.held[digest].runs.append(body.run)
        return frozenset(covered)

    def _add_delivery(self, event: Event, body: Delivery) -> Event:
        uses = self._runs.get(body.run)
        if uses is None or body.run in self._deliveries:
            raise UsageError(
                f"{event.kind}: expected a run that has used something and delivered nothing yet"
            )
        if body.settled is not None and body.settled > event.second:
            raise UsageError(
                f"{event.kind}: expected settled by {event.second}, got {body.settled}"
            )
        named = frozenset().union(*(use.persons for use in uses if use.persons is not None))
        spared = [use.spared for use in uses if use.persons is None]
        made = replace(event, persons=named)
        if spared:
            made = replace(event, persons=None, spared=frozenset.intersection(*spared) - named)
        self._deliveries[body.run] = made
        return made


def ask_of(use: Use) -> Ask:
    """What a run asked, from its use."""
    return Ask(
        owner=use.owner,
        recipients=use.recipients,
        fields=use.fields,
        scenario=use.scenario,
        purpose=use.purpose,
        second=use.second,
        matter=use.matter,
    )


def due_of(held: Held) -> Due:
    """What a run that uses `held` must spend."""
    return Due(held.digest, held.most, isinstance(held.body, Token))


def _raise(refusals: Iterable[Refusal]) -> None:
    found = tuple(refusals)
    if found:
        raise UsageError("; ".join(str(each) for each in found))
