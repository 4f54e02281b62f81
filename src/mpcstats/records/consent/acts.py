"""The statements of a consent journal: what persons, authorities, regulators and the owner do in it.

A record is the owner's: it says at which second which statement came in, and binds it to the records before.
The statement in it is signed by whoever acts. A person need not know the journal to sign, and cannot be
said to have done what was not signed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mpcstats.records.consent.pseudonym import Pseudonym
from mpcstats.records.consent.signer import KEY_KIND, PersonKey
from mpcstats.records.consent.terms import MOST_FIELDS, FieldName, Purpose, Scenario, Terms
from mpcstats.records.consent.token import TOKEN_KIND, Token
from mpcstats.records.names import DatasetName, Digest, Nonce, PartyName
from mpcstats.records.second import Second
from mpcstats.records.tomlfile import Listed, Table

RECORD_KIND = "consent-record"
ASSET_KIND = "consent-asset"
GRANT_KIND = "consent-grant"
OPT_OUT_KIND = "consent-opt-out"
REVOKE_KIND = "consent-revoke"
FREEZE_KIND = "consent-freeze"
USE_KIND = "consent-use"
DELIVERY_KIND = "consent-delivery"

MOST_CONSENTS = 500  # that one use names: a run that uses more is written as several
Mode = Literal["per-matter", "opt-out"]  # only those who consent; all but those who opt out
RunLabel = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
Names = Annotated[tuple[PartyName, ...], Field(min_length=1, max_length=64), Listed]
Fields = Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=MOST_FIELDS), Listed]


class Record(Table):
    """The owner's line in the journal: `statement` came in at `second`, after the head `after`."""

    after: Digest
    second: Second
    statement: dict[str, object]


class Asset(Table):
    """By the owner: a person's rows of a dataset are kept; `content` is a keyed digest of them."""

    owner: PartyName
    person: Pseudonym
    dataset: DatasetName
    level: Literal["NONE", "LOW", "MODERATE", "HIGH"]
    content: Digest
    nonce: Nonce


class Grant(Terms):
    """For a person: the recipient may have the fields again and again, or `most_uses` times."""

    most_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class OptOut(Table):
    """For a person: rows of the dataset are not to be used, in the scenario or, without one, in any."""

    owner: PartyName
    person: Pseudonym
    dataset: DatasetName
    scenario: Scenario | None = None
    nonce: Nonce


class Revoke(Table):
    """For a person: the grant, token or opt-out with the digest `target` ends."""

    owner: PartyName
    person: Pseudonym
    target: Digest
    nonce: Nonce


class Freeze(Table):
    """By a regulator: the asset or consent with the digest `target` is not to be used, or may be again."""

    owner: PartyName
    target: Digest
    frozen: bool
    because: Annotated[str, Field(min_length=1, max_length=200)]
    nonce: Nonce


class Use(Table):
    """By the owner: the run began at `second` and used `consents`; in mode opt-out it needed none."""

    owner: PartyName
    run: RunLabel
    mode: Mode
    recipients: Names
    fields: Fields
    scenario: Scenario
    purpose: Purpose
    matter: Digest | None = None
    second: Second
    consents: Annotated[tuple[Digest, ...], Field(max_length=MOST_CONSENTS), Listed] = ()


class Delivery(Table):
    """By the owner: what the run gave to its recipients, by digest; `settled` is when its matter was ready."""

    owner: PartyName
    run: RunLabel
    result: Digest
    settled: Second | None = None


Act = PersonKey | Asset | Grant | Token | OptOut | Revoke | Freeze | Use | Delivery
ACTS: dict[str, type[Act]] = {
    KEY_KIND: PersonKey,
    ASSET_KIND: Asset,
    GRANT_KIND: Grant,
    TOKEN_KIND: Token,
    OPT_OUT_KIND: OptOut,
    REVOKE_KIND: Revoke,
    FREEZE_KIND: Freeze,
    USE_KIND: Use,
    DELIVERY_KIND: Delivery,
}
KIND_OF: dict[type[Act], str] = {model: kind for kind, model in ACTS.items()}
