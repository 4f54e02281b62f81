"""What the two sides agree on before a run: the protocol, who comes with what, and the claim's public form."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mpcstats.cards.load import Cards
from mpcstats.errors import UsageError
from mpcstats.party.adjudication.claim import Claim, ClaimForm
from mpcstats.party.question import Question
from mpcstats.protocols.adjudication import MOST_BITS, Form
from mpcstats.records.canonical import canonical
from mpcstats.records.catalogue import Catalogue, Column, Dataset

CARD = "adjudication"
ENGINE = "pair"
UNITS = ("day", "second")


@dataclass(frozen=True, slots=True)
class Input:
    """What a party comes with: its name among commitments."""

    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class Payable:
    """What comes out, to whom."""

    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """One adjudication: `question` is its digest, `card` version and digest of the protocol's card."""

    question: str
    holder: str
    insurer: str
    card: str
    form: Form

    @property
    def initiator(self) -> str:
        """The insurer asks."""
        return self.insurer

    @property
    def parties(self) -> tuple[str, ...]:
        """The holder and the insurer."""
        return (self.holder, self.insurer)

    @property
    def fragments(self) -> tuple[Input, ...]:
        """The settlement and the rule."""
        return (Input("settlement", self.holder), Input("rule", self.insurer))

    @property
    def gate(self) -> Payable:
        """The payable amount, to the insurer alone."""
        return Payable((self.insurer,))

    def digest(self) -> str:
        """SHA-256 of the plan, in hex; equal plans give equal digests."""
        said = canonical(
            {
                "card": f"{CARD} {self.card}",
                "engine": ENGINE,
                "question": self.question,
                "parties": self.parties,
                "form": {
                    "amounts": self.form.amounts,
                    "reasons": self.form.reasons,
                    "money_bits": self.form.money_bits,
                },
            }
        )
        return hashlib.sha256(said.encode()).hexdigest()


def plan_of(question: Question, claim: Claim, catalogue: Catalogue, cards: Cards) -> ClaimPlan:
    """The plan of the claim. Raises UsageError for columns that the catalogue does not have, or not so."""
    dataset = catalogue.dataset(claim.form.dataset)
    if question.recipients != (question.initiator,):
        raise UsageError("expected the payable amount for who asks, and for nobody else")
    if dataset.owner == question.initiator:
        raise UsageError(f"{dataset.name}: expected a dataset of another party, got one's own")
    form = form_of(claim.form, dataset)
    return ClaimPlan(
        question.digest(), dataset.owner, question.initiator, cards.versions[CARD], form
    )


def form_of(claim: ClaimForm, dataset: Dataset) -> Form:
    """The public sizes of claims of that form. Raises UsageError that names the column at fault."""
    for name in (claim.event, claim.settled, *claim.reasons):
        if name is not None:
            _column(dataset, name)
    largest = sum(_most(dataset, name) for name in claim.amounts)
    for name, value in claim.pairs:
        _check_reason(dataset, name, value)
    if claim.settled is not None and _column(dataset, claim.settled).unit not in UNITS:
        raise UsageError(
            f"{dataset.name}: expected unit = {' or '.join(UNITS)} of {claim.settled}, which says when an event "
            "was settled"
        )
    bits = max(2, largest.bit_length())
    if bits > MOST_BITS:
        raise UsageError(
            f"{dataset.name}: expected amounts whose maxima sum to less than 2^{MOST_BITS} fen, got more"
        )
    return Form(len(claim.amounts), len(claim.pairs), bits)


def _column(dataset: Dataset, name: str) -> Column:
    if name not in dataset.columns:
        raise UsageError(f"{dataset.name}: expected a column of the catalogue, got {name!r}")
    return dataset.columns[name]


def _most(dataset: Dataset, name: str) -> int:
    column = _column(dataset, name)
    if (
        column.unit != "fen"
        or column.maximum is None
        or column.minimum is None
        or column.minimum < 0
    ):
        raise UsageError(
            f'{dataset.name}: expected {name} to have unit = "fen", a minimum of at least 0 and a maximum in the '
            "catalogue: it is an amount of a claim"
        )
    return column.maximum


def _check_reason(dataset: Dataset, name: str, value: int | str) -> None:
    column = _column(dataset, name)
    if (column.type == "integer") != isinstance(value, int):
        raise UsageError(f"{dataset.name}: expected reasons of {name} of type {column.type}")
    if column.domain is not None and value not in column.domain:
        raise UsageError(f"{dataset.name}: expected reasons of {name} in its domain, got another")
