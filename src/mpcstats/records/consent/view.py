"""The data subject's view, the safe box (数字保险箱), and the regulator's: all uses of one asset.

Both are read off the journal's records alone. They hold digests, keyed pseudonyms and names of institutions;
of other persons they hold nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.consent.acts import Asset, Delivery, Use
from mpcstats.records.consent.grants import Consents, Event
from mpcstats.records.consent.holdings import Held
from mpcstats.records.consent.terms import Ask, Reason, dataset_of
from mpcstats.records.consent.token import Token
from mpcstats.records.second import seconds_between

State = Literal["live", "not yet", "expired", "revoked", "used up", "frozen", "opted out"]
# Of several reasons why a consent cannot be used, the person is shown the first of these.
STATES: dict[Reason, State] = {
    "revoked": "revoked",
    "replayed": "used up",
    "used-up": "used up",
    "expired": "expired",
    "frozen": "frozen",
    "opted-out": "opted out",
    "too-early": "not yet",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant or token of a person, and whether it may be used."""

    digest: str
    token: bool
    state: State
    recipient: str
    fields: tuple[str, ...]
    scenario: str
    purpose: str
    expires: str
    used: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Used:
    """A run that used a person's rows: when, for whom, by which of the person's consents, and what it gave.

    `seconds` is the time from the matter's settlement to the delivery, where both are known.
    """

    run: str
    second: str
    recipients: tuple[str, ...]
    fields: tuple[str, ...]
    scenario: str
    purpose: str
    matter: str | None
    consents: tuple[str, ...]
    result: str | None
    seconds: int | None


@dataclass(frozen=True, slots=True)
class SafeBox:
    """All that an owner's journal holds of one person; `history` are the journal's own records, in order."""

    person: str
    assets: tuple[tuple[str, Asset], ...]
    grants: tuple[Granted, ...]
    opt_outs: tuple[str, ...]  # the digests of those that stand
    uses: tuple[Used, ...]
    history: tuple[Event, ...]

    @property
    def live(self) -> tuple[Granted, ...]:
        """The grants and tokens that may be used now: each ends by one revocation of its digest."""
        return tuple(each for each in self.grants if each.state == "live")

    def to_json(self) -> dict[str, JSON]:
        """The view as plain data."""
        return {
            "person": self.person,
            "assets": [
                {"digest": digest, "dataset": asset.dataset, "level": asset.level}
                for digest, asset in self.assets
            ],
            "grants": [_plain(each) for each in self.grants],
            "opt_outs": list(self.opt_outs),
            "uses": [used_json(each) for each in self.uses],
            "history": [event_json(event) for event in self.history],
        }


def safe_box(consents: Consents, person: str, second: str) -> SafeBox:
    """What `person` sees at `second`. A person of whom nothing is known gets an empty box, which says so little."""
    holdings = consents.holdings
    history = tuple(e for e in consents.events if e.concerns(person) and e.second <= second)
    mine = [
        held
        for held in holdings.held.values()
        if held.body.person == person and held.since <= second
    ]
    standing = [
        each.digest
        for each in holdings.opt_outs.get(person, ())
        if not holdings.is_revoked(person, each.digest, second)
    ]
    return SafeBox(
        person,
        tuple((d, asset) for d, asset in holdings.assets.items() if asset.person == person),
        tuple(_granted(consents, held, second) for held in mine),
        tuple(standing),
        tuple(_used(consents, event, person) for event in history if isinstance(event.body, Use)),
        history,
    )


def uses_of_asset(consents: Consents, asset: str) -> tuple[Used, ...]:
    """Every use of the asset with the digest `asset`, oldest first: the regulator's view.

    Raises UsageError if there is no such asset.
    """
    found = consents.holdings.assets.get(asset)
    if found is None:
        raise UsageError(f"expected an asset of the journal, got {asset[:16]!r}")
    return tuple(
        _used(consents, event, found.person)
        for event in consents.events
        if isinstance(event.body, Use)
        and event.concerns(found.person)
        and found.dataset in {dataset_of(name) for name in event.body.fields}
    )


def event_json(event: Event) -> dict[str, JSON]:
    """A record as plain data, without the persons whom it concerns."""
    return {
        "number": event.number,
        "second": event.second,
        "kind": event.kind,
        "digest": event.digest,
        "signer": event.signer,
    }


def used_json(used: Used) -> dict[str, JSON]:
    """A use as plain data."""
    return _plain(used)


def _granted(consents: Consents, held: Held, second: str) -> Granted:
    body = held.body
    return Granted(
        held.digest,
        isinstance(body, Token),
        _state(consents, held, second),
        body.recipient,
        body.fields,
        body.scenario,
        body.purpose,
        body.expires,
        len(held.runs),
        held.most,
    )


def _state(consents: Consents, held: Held, second: str) -> State:
    """Whether a use of just what the consent permits would be refused, and why."""
    body = held.body
    ask = Ask(
        owner=body.owner,
        recipients=(body.recipient,),
        fields=body.fields,
        scenario=body.scenario,
        purpose=body.purpose,
        second=second,
        matter=body.matter if isinstance(body, Token) else None,
    )
    reasons = {refusal.reason for refusal in consents.refusals(held.digest, ask)}
    return next((state for reason, state in STATES.items() if reason in reasons), "live")


def _used(consents: Consents, event: Event, person: str) -> Used:
    use = event.body
    if not isinstance(use, Use):
        raise UsageError(f"expected a use, got {event.kind}")
    delivery = consents.delivery(use.run)
    result = seconds = None
    if delivery is not None and isinstance(delivery.body, Delivery):
        result = delivery.body.result
        if delivery.body.settled is not None:
            seconds = seconds_between(delivery.body.settled, delivery.second)
    return Used(
        use.run,
        use.second,
        use.recipients,
        use.fields,
        use.scenario,
        use.purpose,
        use.matter,
        tuple(_own(consents, use, person)),
        result,
        seconds,
    )


def _own(consents: Consents, use: Use, person: str) -> Iterator[str]:
    """The person's own consents among those of a use: the others' are not for the person to see."""
    for digest in use.consents:
        if consents.holdings.held[digest].body.person == person:
            yield digest


def _plain(row: Granted | Used) -> dict[str, JSON]:
    plain: dict[str, JSON] = {}
    for name in row.__slots__:
        value: JSON = getattr(row, name)
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain
