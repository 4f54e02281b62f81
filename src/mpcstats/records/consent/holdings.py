"""What an owner's consent journal amounts to at a second: assets, consents, opt-outs, revocations and freezes.

It is asked as of a second, so that what is said of a run does not depend on when it is asked; only how often a
consent was used counts all uses. Opting out outweighs every grant and token; a regulator's freeze outweighs all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mpcstats.records.consent.acts import Asset, Grant, OptOut
from mpcstats.records.consent.terms import Ask, Refusal
from mpcstats.records.consent.token import Token

NEVER = "~"  # sorts after every second


@dataclass(slots=True)
class Held:
    """A grant or token of the journal, since when, signed by whom, and the runs that have used it."""

    digest: str
    body: Grant | Token
    signer: str
    since: str
    runs: list[str] = field(default_factory=list)

    @property
    def most(self) -> int | None:
        """How often it may be used; None: without end."""
        return 1 if isinstance(self.body, Token) else self.body.most_uses

    @property
    def thrift(self) -> int:
        """Which of several consents is used first: what costs its giver least."""
        return 2 if isinstance(self.body, Token) else 0 if self.most is None else 1

    def narrowed(self, ask: Ask) -> Ask:
        """The part of `ask` that is for the recipient of this consent; for the first one if it is not among them."""
        mine = tuple(name for name in ask.recipients if name == self.body.recipient)
        return replace(ask, recipients=mine or ask.recipients[:1])


@dataclass(frozen=True, slots=True)
class OptedOut:
    """An opt-out of the journal, and since when."""

    digest: str
    body: OptOut
    since: str


@dataclass(slots=True)
class Holdings:
    """All of it, by digest of the statement that made it; `Consents.add` alone changes it."""

    assets: dict[str, Asset] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)  # of every asset, consent and opt-out
    asset_of: dict[tuple[str, str], str] = field(default_factory=dict)  # by person and dataset
    held: dict[str, Held] = field(default_factory=dict)
    held_by: dict[str, list[Held]] = field(default_factory=dict)  # by recipient
    opt_outs: dict[str, list[OptedOut]] = field(default_factory=dict)  # by person
    revocations: dict[tuple[str, str], str] = field(default_factory=dict)  # by person and digest
    freezes: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)

    def is_revoked(self, person: str, digest: str, second: str) -> bool:
        """Whether the person's consent or opt-out had been revoked by `second`."""
        return self.revocations.get((person, digest), NEVER) <= second

    def is_frozen(self, digest: str, second: str) -> bool:
        """Whether the asset or consent was frozen at `second`."""
        changes = reversed(self.freezes.get(digest, []))
        return next((frozen for since, frozen in changes if since <= second), False)

    def against(self, held: Held, ask: Ask) -> Iterator[Refusal]:
        """Every reason why `held` does not cover `ask`: what its terms say, then what has happened since."""
        digest, person = held.digest, held.body.person
        yield from held.body.refusals(ask, digest)
        if held.since > ask.second:
            yield Refusal("too-early", digest, f"expected {held.since} or later: it came in then")
        if self.is_revoked(person, digest, ask.second):
            yield Refusal("revoked", digest, "expected a consent that stands, got a revoked one")
        assets = [self.asset_of.get((person, dataset)) for dataset in ask.datasets]
        if any(self.is_frozen(each, ask.second) for each in (digest, *assets) if each is not None):
            yield Refusal("frozen", digest, "expected no freeze by a regulator, got one")
        if any(self._spares(each, ask) for each in self.opt_outs.get(person, ())):
            yield Refusal("opted-out", digest, "expected no opt-out of the person, got one")
        if held.most is not None and len(held.runs) >= held.most:
            yield used_up(digest, held.most, once=isinstance(held.body, Token))

    def covering(self, ask: Ask) -> dict[str, Held]:
        """By person the consent to be used for `ask`, which has one recipient."""
        best: dict[str, Held] = {}
        for held in self.held_by.get(ask.recipients[0], ()):
            if next(self.against(held, ask), None) is not None:
                continue
            before = best.get(held.body.person)
            if before is None or held.thrift < before.thrift:
                best[held.body.person] = held
        return best

    def spared(self, ask: Ask) -> frozenset[str]:
        """Persons whose rows are not to be used for `ask`, whatever they have granted."""
        opted = {
            person
            for person, mine in self.opt_outs.items()
            if any(self._spares(each, ask) for each in mine)
        }
        frozen = {
            self.assets[digest].person
            for digest in self.freezes
            if digest in self.assets
            and self.assets[digest].dataset in ask.datasets
            and self.is_frozen(digest, ask.second)
        }
        return frozenset(opted | frozen)

    def _spares(self, opted: OptedOut, ask: Ask) -> bool:
        return (
            opted.since <= ask.second
            and opted.body.dataset in ask.datasets
            and opted.body.scenario in (None, ask.scenario)
            and not self.is_revoked(opted.body.person, opted.digest, ask.second)
        )


def used_up(digest: str, most: int, *, once: bool) -> Refusal:
    """The refusal of a consent that was used `most` times; `once`: of a token."""
    if once:
        return Refusal("replayed", digest, "expected a token that is not spent, got a spent one")
    words = f"expected a grant used less than {most} times, got one used up"
    return Refusal("used-up", digest, words)
