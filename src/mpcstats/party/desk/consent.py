"""An owner's desk of consents: what comes in is recorded, runs begin with what is consented to, persons look in.

consent.toml says where the owner keeps its journal, its file of what is spent and its keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.data.consent import ConsentFilter, normal_id
from mpcstats.party.files.keys import read_signing_key
from mpcstats.records.canonical import JSON
from mpcstats.records.catalogue import Normalisation
from mpcstats.records.consent.acts import (
    KIND_OF,
    MOST_CONSENTS,
    RECORD_KIND,
    Act,
    Delivery,
    Mode,
    Use,
)
from mpcstats.records.consent.grants import Consented, Consents, Due
from mpcstats.records.consent.pseudonym import PseudonymKey, read_pseudonym_key
from mpcstats.records.consent.second import FORM
from mpcstats.records.consent.spent import Spent
from mpcstats.records.consent.terms import Ask, PartyName, Refusal
from mpcstats.records.consent.token import LONGEST_SECONDS
from mpcstats.records.journal import Journal, append
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table, Version, read_toml

FileName = Annotated[str, Field(min_length=1)]


class ConsentFile(Table):
    """consent.toml; paths are relative to it."""

    version: Version
    owner: PartyName
    journal: FileName
    spent: FileName
    principals: FileName
    signing_key: FileName
    pseudonym_key: FileName
    longest_token_hours: Annotated[int, Field(ge=1, le=24 * 366)] = LONGEST_SECONDS // 3600


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run asks of the owner's datasets, and whose rows it may count, by mode."""

    asks: Mapping[Mode, Ask]
    persons: Mapping[Mode, Consented] = field(repr=False)


class ConsentDesk:
    """The desk of one owner. Every call reads the journal anew, so that what others have written holds."""

    def __init__(self, path: Path, file: ConsentFile) -> None:
        here = path.parent
        self.owner = file.owner
        self.journal = here / file.journal
        self.spent = here / file.spent
        self.key: PseudonymKey = read_pseudonym_key(here / file.pseudonym_key)
        self._longest = file.longest_token_hours * 3600
        self._signing_key: Ed25519PrivateKey = read_signing_key(here / file.signing_key)
        own = self._signing_key.public_key().public_bytes_raw()
        self._principals = Principals.load(here / file.principals, {file.owner: own})

    @classmethod
    def open(cls, path: Path) -> Self:
        """The desk that the consent.toml at `path` describes. Raises UsageError with file and place."""
        return cls(path, read_toml(path, ConsentFile))

    def consents(self) -> Consents:
        """The fold of the journal. Raises UsageError with file and line for one that is not whole."""
        found = self._empty()
        Journal.load(self.journal, self._principals, found.add)
        return found

    def record(self, statement: Statement, *, second: str) -> str:
        """Put a statement into the journal; its digest. Raises UsageError if it does not hold there."""
        while True:
            head = self._head()
            line: dict[str, JSON] = {
                "after": head,
                "second": second,
                "statement": statement.to_json(),
            }
            record = Statement.of(RECORD_KIND, line).sign(self.owner, self._signing_key)
            try:
                append(self.journal, record, self._principals, self._empty().add)
            except UsageError:
                if self._head() == head:
                    raise
                # Somebody else has written in between: the record must come after theirs.
            else:
                return statement.digest

    def record_own(self, act: Act, *, second: str) -> str:
        """The same for what the owner itself says: an asset, a use, a delivery."""
        return self.record(self._stated(act), second=second)

    def choose(self, asks: Mapping[Mode, Ask]) -> Chosen:
        """Whose rows a run may count; nothing is used up yet. `asks` as of party.data.consent.asks."""
        consents = self.consents()
        return Chosen(asks, {mode: consents.consented(ask, mode) for mode, ask in asks.items()})

    def filter(self, chosen: Chosen) -> ConsentFilter:
        """The filter of the owner's rows for a run."""
        return ConsentFilter(self.key, chosen.persons)

    def begin(self, run: str, chosen: Chosen, *, second: str) -> None:
        """Use up what the run `run` was given, and write it down: to be called before a share is sent.

        Raises PolicyRefused with every reason if something was revoked or used up since it was chosen.
        """
        consents = self.consents()
        dues: list[Due] = []
        uses: list[Use] = []
        reasons: list[Refusal] = []
        for mode, ask in chosen.asks.items():
            persons = chosen.persons[mode]
            for due in persons.dues:
                held = consents.holdings.held[due.consent]
                then = replace(held.narrowed(ask), second=second)
                reasons += consents.refusals(due.consent, then)
            dues += persons.dues
            uses += _uses(run, replace(ask, second=second), persons)
        if not reasons:
            reasons += self._spend(run, dues, uses)
        if reasons:
            raise PolicyRefused(self.owner, tuple(str(reason) for reason in reasons))
        self.settle(second=second)

    def admit(self, token: Statement, ask: Ask, run: str) -> tuple[Refusal, ...]:
        """Spend a one-shot token for the run of one matter, at `ask.second`; every reason if it is refused.

        () means that this run, and no other one ever, may have the fields of `ask`. Raises UsageError for what
        is no token.
        """
        consents = self.consents()
        found = consents.presented(token, ask)
        if found:
            return found
        if not consents.has(token.digest):
            try:
                self.record(token, second=ask.second)
            except UsageError:
                # Somebody else may have recorded it in between; who spends it first is settled below.
                if not self.consents().has(token.digest):
                    raise
        due = Due(token.digest, 1, once=True)
        persons = Consented("per-matter", frozenset(), (due,))
        refused = self._spend(run, [due], _uses(run, ask, persons))
        if not refused:
            self.settle(second=ask.second)
        return refused

    def deliver(self, run: str, result: str, *, second: str, settled: str | None = None) -> str:
        """Write down that the run gave the result with the digest `result` at `second`.

        `settled` is when its matter was settled: the time from then to `second` is what a service level bounds.
        """
        given = {"owner": self.owner, "run": run, "result": result, "settled": settled}
        return self.record_own(Delivery.model_validate(given), second=second)

    def settle(self, *, second: str) -> int:
        """Write to the journal what is spent and not in it yet, as after a crash; how many uses these were."""
        consents = self.consents()
        with Spent.open(self.spent) as spent:
            missing = [use for use in spent.uses() if not consents.has(self._stated(use).digest)]
        for use in missing:
            try:
                self.record_own(use, second=second)
            except UsageError:
                if not self.consents().has(self._stated(use).digest):
                    raise
        return len(missing)

    def pseudonym(self, text: str, normalisation: Normalisation) -> str:
        """The pseudonym of the person with this id. Raises UsageError, which does not hold it, if it is invalid."""
        return self.key.person(normal_id(text, normalisation))

    def _spend(self, run: str, dues: Sequence[Due], uses: Sequence[Use]) -> tuple[Refusal, ...]:
        with Spent.open(self.spent) as spent:
            return spent.spend(dues, uses, run)

    def _head(self) -> str:
        return Journal.load(self.journal, self._principals).head

    def _stated(self, act: Act) -> Statement:
        return stated(act, self.owner, self._signing_key)

    def _empty(self) -> Consents:
        return Consents(self.owner, self._principals, longest=self._longest)


def stated(act: Act, signer: str, key: Ed25519PrivateKey) -> Statement:
    """What somebody does with consents as a statement signed with `key` under the name `signer`."""
    return Statement.of(KIND_OF[type(act)], act.model_dump(mode="json")).sign(signer, key)


def now() -> str:
    """The second of this machine's clock, in UTC."""
    return datetime.now(UTC).strftime(FORM)


def _uses(run: str, ask: Ask, persons: Consented) -> list[Use]:
    """What a run writes down: uses of at most so many consents as one statement holds, no person's in two."""
    given = {
        "owner": ask.owner,
        "run": run,
        "mode": persons.mode,
        "recipients": ask.recipients,
        "fields": ask.fields,
        "scenario": ask.scenario,
        "purpose": ask.purpose,
        "matter": ask.matter,
        "second": ask.second,
    }
    if persons.mode == "opt-out":
        return [Use.model_validate(given)]
    consents = tuple(due.consent for due in persons.dues)
    size = MOST_CONSENTS - MOST_CONSENTS % len(ask.recipients)
    return [
        Use.model_validate({**given, "consents": consents[start : start + size]})
        for start in range(0, len(consents), size)
    ]
