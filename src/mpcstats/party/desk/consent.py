"""An owner's desk of consents: what comes in is recorded, runs begin with what is consented to, persons look in.

consent.toml says where the owner keeps its journal, its file of what is spent and its keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.party.data.consent import ConsentFilter, normal_id
from mpcstats.party.desk.statements import read_statement
from mpcstats.party.files.keys import read_signing_key
from mpcstats.records.canonical import JSON
from mpcstats.records.catalogue import Normalisation
from mpcstats.records.consent.acts import (
    DELIVERY_KIND,
    KIND_OF,
    MOST_CONSENTS,
    USE_KIND,
    Act,
    Mode,
    Use,
)
from mpcstats.records.consent.book import Book, Page
from mpcstats.records.consent.grants import Consented, Consents, Due
from mpcstats.records.consent.pseudonym import PseudonymKey, read_pseudonym_key
from mpcstats.records.consent.spent import Spent
from mpcstats.records.consent.terms import Ask, Refusal
from mpcstats.records.consent.token import LONGEST_SECONDS, Token
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest, PartyName
from mpcstats.records.principals import Principals
from mpcstats.records.second import FORM
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

# What others are told if a run cannot begin: which consents have changed, and how many, is not theirs to know.
CHANGED = "consents have changed since the question was decided: ask again"
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
    # By insurer, commitments to the rules that a claim may come with; an insurer that is not named may come with any.
    rules: dict[PartyName, Annotated[tuple[Digest, ...], Listed]] = Field(default_factory=dict)
    longest_token_hours: Annotated[int, Field(ge=1, le=24 * 366)] = LONGEST_SECONDS // 3600


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run asks of the owner's datasets, and whose rows it may count, by mode."""

    asks: Mapping[Mode, Ask]
    persons: Mapping[Mode, Consented] = field(repr=False)


class ConsentDesk:
    """The desk of one owner. Threads may share it; other processes may write to the same files."""

    def __init__(self, path: Path, file: ConsentFile) -> None:
        here = path.parent
        self.owner = file.owner
        self.journal = here / file.journal
        self.spent = here / file.spent
        self.key: PseudonymKey = read_pseudonym_key(here / file.pseudonym_key)
        self._signing_key = read_signing_key(here / file.signing_key)
        own = self._signing_key.public_key().public_bytes_raw()
        self.book = Book(
            self.journal,
            file.owner,
            Principals.load(here / file.principals, {file.owner: own}),
            self._signing_key,
            longest=file.longest_token_hours * 3600,
        )
        self._settled = False
        self._rules = file.rules

    @classmethod
    def open(cls, path: Path) -> Self:
        """The desk that the consent.toml at `path` describes. Raises UsageError with file and place."""
        return cls(path, read_toml(path, ConsentFile))

    def accepts(self, insurer: str, rule: str) -> bool:
        """Whether claims of `insurer` may come with the rule of that commitment."""
        return insurer not in self._rules or rule in self._rules[insurer]

    def consents(self) -> Consents:
        """The fold of the journal, to be read while no other thread writes through this desk.

        Raises UsageError with file and line for a journal that is not whole.
        """
        with self.book.reading() as consents:
            return consents

    @property
    def head(self) -> str:
        """The journal's head as last read, for a ledger to keep with every run."""
        return self.book.head

    def record(self, statement: Statement, *, second: str) -> str:
        """Put a statement into the journal; its digest. Raises UsageError if it does not hold there."""
        with self.book.writing() as page:
            return page.record(statement, second=page.at(second))

    def record_file(self, path: Path, *, second: str) -> str:
        """The same with the statement in the file at `path`. Raises UsageError with the file."""
        statement = read_statement(path)
        try:
            return self.record(statement, second=second)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    def record_own(self, act: Act, *, second: str) -> str:
        """The same for what the owner itself says: an asset, a use, a delivery."""
        return self.record(self._stated(act), second=second)

    def take(
        self, tokens: Sequence[Statement], asks: Mapping[Mode, Ask], *, second: str
    ) -> tuple[Refusal, ...]:
        """Put the one-shot tokens that came with a question into the journal, so that their rows may be counted.

        The refusals of those that do not hold for it; these are not put in. Raises UsageError for what is no token.
        """
        found: list[Refusal] = []
        asked = asks.get("per-matter")
        with self.book.writing() as page:
            second = page.at(second)
            self._settle_once(page, second)
            for statement in tokens:
                token = body_as(statement, Token)
                if asked is None or token.owner != self.owner:
                    continue  # another owner's, or of no use to this question
                named = (
                    (token.recipient,) if token.recipient in asked.recipients else asked.recipients
                )
                ask = replace(asked, recipients=named, second=second)
                refused = page.consents.presented(statement, ask)
                found += refused
                if not refused and not page.consents.has(statement.digest):
                    page.record(statement, second=second)
        return tuple(found)

    def choose(self, asks: Mapping[Mode, Ask]) -> Chosen:
        """Whose rows a run may count; nothing is used up yet. `asks` as of party.data.consent.asks."""
        with self.book.reading() as consents:
            return Chosen(asks, {mode: consents.consented(ask, mode) for mode, ask in asks.items()})

    def filter(self, chosen: Chosen) -> ConsentFilter:
        """The filter of the owner's rows for a run."""
        return ConsentFilter(self.key, chosen.persons)

    def begin(self, run: str, chosen: Chosen, *, second: str) -> tuple[Refusal, ...]:
        """Use up what the run `run` was given, and write it down: to be called before a share is sent.

        () if the run may go on; else what was revoked, frozen, used up or opted out of since it was chosen. These
        are for the owner alone, for they tell of single persons: others are told CHANGED.
        """
        with self.book.writing() as page:
            second = page.at(second)
            self._settle_once(page, second)
            refused = tuple(_changed(page.consents, chosen, second))
            if refused:
                return refused
            uses = [
                use
                for mode, ask in chosen.asks.items()
                for use in _uses(run, replace(ask, second=second), chosen.persons[mode])
            ]
            dues = [due for each in chosen.persons.values() for due in each.dues]
            return self._spend(page, dues, uses, run, second)

    def presented(self, token: Statement, ask: Ask) -> tuple[Refusal, ...]:
        """Every reason why `admit` would refuse the token now; nothing is spent. Raises UsageError for no token."""
        with self.book.reading() as consents:
            return consents.presented(token, ask)

    def admit(self, token: Statement, ask: Ask, run: str) -> tuple[Refusal, ...]:
        """Spend a one-shot token for the run of one matter, at `ask.second`; every reason if it is refused.

        () means that this run, and no other one ever, may have the fields of `ask`. Raises UsageError for what
        is no token.
        """
        with self.book.writing() as page:
            ask = replace(ask, second=page.at(ask.second))
            self._settle_once(page, ask.second)
            refused = page.consents.presented(token, ask)
            if refused:
                return refused
            if not page.consents.has(token.digest):
                page.record(token, second=ask.second)
            due = Due(token.digest, 1, once=True)
            uses = _uses(run, ask, Consented("per-matter", frozenset(), (due,)))
            return self._spend(page, [due], uses, run, ask.second)

    def used_by(self, run: str) -> bool:
        """Whether the run has used consents: one that nobody has consented to, and has counted nobody, has not."""
        with self.book.reading() as consents:
            return bool(consents.uses(run))

    def deliver(self, run: str, result: str, *, second: str, settled: str | None = None) -> str:
        """Write down that the run gave the result with the digest `result` at `second`.

        `settled` is when its matter was settled: the time from then to `second` is what a service level bounds.
        """
        given: dict[str, JSON] = {"owner": self.owner, "run": run, "result": result}
        delivery = Statement.of(DELIVERY_KIND, {**given, "settled": settled})
        return self.record(delivery.sign(self.owner, self._signing_key), second=second)

    def settle(self, *, second: str) -> int:
        """Write to the journal what is spent and not in it, as after a crash; how many uses these were."""
        with self.book.writing() as page:
            return self._settle(page, page.at(second))

    def pseudonym(self, text: str, normalisation: Normalisation) -> str:
        """The pseudonym of the person with this id. Raises UsageError, which does not hold it, if it is invalid."""
        return self.key.person(normal_id(text, normalisation))

    def _spend(
        self, page: Page, dues: Sequence[Due], uses: Sequence[Use], run: str, second: str
    ) -> tuple[Refusal, ...]:
        """Spend and then write down: after a crash in between the consents are spent, and `settle` writes the rest."""
        with Spent.open(self.spent) as spent:
            refused = spent.spend(dues, uses, run)
        if not refused:
            for use in uses:
                page.record(self._stated(use), second=second)
        return refused

    def _settle(self, page: Page, second: str) -> int:
        with Spent.open(self.spent) as spent:
            found = [self._stated(use) for use in spent.uses()]
        missing = [each for each in found if not page.consents.has(each.digest)]
        for statement in missing:
            try:
                page.record(statement, second=second)
            except UsageError as error:
                raise UsageError(
                    f"{self.journal}: expected a journal that the uses in {self.spent} fit, got "
                    f"another ({error}): was it cut off or put back to an old copy?"
                ) from None
        return len(missing)

    def _settle_once(self, page: Page, second: str) -> None:
        """What a process before this one has left, before the first new run."""
        if not self._settled:
            self._settle(page, second)
            self._settled = True

    def _stated(self, act: Act) -> Statement:
        return stated(act, self.owner, self._signing_key)


def stated(act: Act, signer: str, key: Ed25519PrivateKey) -> Statement:
    """What somebody does with consents as a statement signed with `key` under the name `signer`."""
    return Statement.of(KIND_OF[type(act)], act.model_dump(mode="json")).sign(signer, key)


def now() -> str:
    """The second of this machine's clock, in UTC."""
    return datetime.now(UTC).strftime(FORM)


def _changed(consents: Consents, chosen: Chosen, second: str) -> Iterator[Refusal]:
    """What has changed against a choice by `second`."""
    for mode, ask in chosen.asks.items():
        asked = replace(ask, second=second)
        for due in chosen.persons[mode].dues:
            held = consents.holdings.held[due.consent]
            yield from consents.refusals(due.consent, held.narrowed(asked))
        if mode == "opt-out":
            for person in sorted(
                consents.consented(asked, mode).persons - chosen.persons[mode].persons
            ):
                yield Refusal("opted-out", person, "expected no new opt-out or freeze, got one")


def _uses(run: str, ask: Ask, persons: Consented) -> list[Use]:
    """What a run writes down: uses of at most so many consents as one statement holds, no person's in two.

    Raises UsageError with the place if the ask is larger than a statement may be.
    """
    given: dict[str, JSON] = {
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
        return [body_as(Statement.of(USE_KIND, given), Use)]
    consents = tuple(due.consent for due in persons.dues)
    size = MOST_CONSENTS - MOST_CONSENTS % len(ask.recipients)
    return [
        body_as(Statement.of(USE_KIND, {**given, "consents": consents[start : start + size]}), Use)
        for start in range(0, len(consents), size)
    ]
