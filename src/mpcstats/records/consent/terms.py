"""What a consent permits, what somebody asks, and every reason why the one does not cover the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.records.consent.pseudonym import Pseudonym
from mpcstats.records.names import Nonce, PartyName
from mpcstats.records.second import Second
from mpcstats.records.tomlfile import Listed, Table

MOST_FIELDS = 64

FieldName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[^.\x00-\x1f]+$", max_length=192)
]  # dataset and column: "bureau.settlement.psn_cash_pay"
Scenario = Annotated[str, Field(min_length=1, max_length=64)]
Purpose = Annotated[str, Field(min_length=1, max_length=1000)]

Reason = Literal[
    "replayed",  # a token that was spent: a violation by who presents it
    "used-up",  # a grant that was used as often as it may be
    "revoked",
    "frozen",  # by a regulator: the consent, or the asset that it is about
    "opted-out",
    "expired",
    "too-early",
    "too-long",  # valid for longer than the profile allows
    "other-owner",
    "other-person",
    "other-matter",
    "other-recipient",
    "other-field",
    "other-scenario",
    "other-purpose",
    "not-signed",  # by the person, or by an authority on the person's behalf
    "unknown",  # no consent of that digest is in the journal
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the consent named by the digest `consent` does not cover what is asked; `words` hold no value.

    Where a person has opted out since, `consent` is the person's pseudonym.
    """

    reason: Reason
    consent: str
    words: str

    @property
    def violation(self) -> bool:
        """Whether asking was a breach of the rules: it is recorded, and ends the asker's right to ask."""
        return self.reason == "replayed"

    def __str__(self) -> str:
        return f"consent {self.consent[:16]}: {self.reason}: {self.words}"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be done with rows of `owner` at `second`: each of `recipients` is to have `fields`.

    `person` and `matter` are pseudonyms of the one whose rows they are and of the event, or None: rows of any
    person, no single event. For a question the matter is the question's digest.
    """

    owner: str
    recipients: tuple[str, ...]
    fields: tuple[str, ...]
    scenario: str
    purpose: str
    second: str
    person: str | None = None
    matter: str | None = None

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets of the fields, each once."""
        return tuple(dict.fromkeys(dataset_of(field) for field in self.fields))


def dataset_of(field: str) -> str:
    """The dataset of a field."""
    return field.rpartition(".")[0]


class Terms(Table):
    """What grants and tokens have in common; both seconds are within the time of validity."""

    owner: PartyName
    person: Pseudonym
    recipient: PartyName
    fields: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=MOST_FIELDS), Listed]
    scenario: Scenario
    purpose: Purpose
    not_before: Second
    expires: Second
    nonce: Nonce

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.not_before > self.expires:
            raise ValueError(
                f"expected not_before <= expires, got {self.not_before} > {self.expires}"
            )
        if list(self.fields) != sorted(set(self.fields)):
            raise ValueError("expected the fields in order, each once")
        return self

    def refusals(self, ask: Ask, digest: str) -> Iterator[Refusal]:
        """Every reason why these terms, of the consent `digest`, do not cover `ask`.

        One consent is one recipient's: it covers an ask of several recipients for none of them.
        """
        if ask.owner != self.owner:
            yield Refusal(
                "other-owner", digest, f"expected the owner {self.owner}, got {ask.owner}"
            )
        if ask.person is not None and ask.person != self.person:
            yield Refusal("other-person", digest, "expected the person who consents, got another")
        if ask.recipients != (self.recipient,):
            got = ", ".join(ask.recipients) or "nobody"
            yield Refusal("other-recipient", digest, f"expected {self.recipient} alone, got {got}")
        beyond = sorted(set(ask.fields) - set(self.fields))
        if beyond or not ask.fields:
            got = ", ".join(beyond[:4]) or "none"
            yield Refusal("other-field", digest, f"expected fields of the consent, got {got}")
        if ask.scenario != self.scenario:
            yield Refusal(
                "other-scenario", digest, f"expected {self.scenario!r}, got {ask.scenario[:64]!r}"
            )
        if ask.purpose != self.purpose:
            yield Refusal(
                "other-purpose", digest, "expected the purpose of the consent, got another"
            )
        if ask.second < self.not_before:
            yield Refusal("too-early", digest, f"expected {self.not_before} or later")
        if ask.second > self.expires:
            yield Refusal("expired", digest, f"expected {self.expires} or before, got {ask.second}")
