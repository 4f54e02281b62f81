"""What both sides of an adjudication know: which columns a claim consists of, whose event it is, by which token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.engines.pair.transfer import Named
from mpcstats.errors import UsageError
from mpcstats.party.question import Question
from mpcstats.protocols.adjudication import Form, named
from mpcstats.records.canonical import canonical
from mpcstats.records.consent.pseudonym import Pseudonym
from mpcstats.records.ledger.form import as_model
from mpcstats.records.names import DatasetName, Digest
from mpcstats.records.tomlfile import Listed, Table

WORD = "ADJUDICATION "  # what the text of such a question begins with; no SQL does
ADJUDICATION = "adjudication"  # its kind, as a request
ColumnName = Annotated[str, Field(min_length=1, max_length=64)]
Columns = Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=64), Listed]
Values = Annotated[tuple[int | str, ...], Field(min_length=1, max_length=256), Listed]


class ClaimForm(Table):
    """Which columns of `dataset` a claim is made of; the holder sees this.

    `event` is the column that names events, `amounts` are columns of fen. `reasons` lists, for a column, the values
    that a rule may exclude: all that it could, not those that it does. `settled` says when an event was settled.
    """

    dataset: DatasetName
    event: ColumnName
    amounts: Columns
    reasons: Annotated[dict[ColumnName, Values], Field(max_length=32)] = Field(default_factory=dict)
    settled: ColumnName | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, listed in (("amounts", self.amounts), *self.reasons.items()):
            if len(set(listed)) != len(listed):
                raise ValueError(f"expected each of {what} once, got one twice")
        return self

    @property
    def pairs(self) -> tuple[tuple[str, int | str], ...]:
        """The reasons in the circuit's order: column and value, columns by name.

        By name, not as the file has them: the holder reads the form from canonical JSON, which keeps no other order.
        """
        return tuple((name, value) for name in sorted(self.reasons) for value in self.reasons[name])

    @property
    def about(self) -> bytes:
        """The form as bytes: what a rule is named together with, so that it means the same in every claim."""
        return canonical(self.model_dump(mode="json")).encode()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a row that a claim needs, as tokens name them."""
        columns = {*self.amounts, *self.reasons, *((self.settled,) if self.settled else ())}
        return tuple(sorted(f"{self.dataset}.{name}" for name in columns))


class Claim(Table):
    """What an insurer asks: a claim's form, the pseudonyms of person and event, the token, and the rule's name.

    `rule` is the commitment to the rule, `context` what it was made with.
    """

    form: ClaimForm
    person: Pseudonym
    matter: Pseudonym
    token: Digest
    rule: Digest
    context: Digest

    def name(self, form: Form) -> Named:
        """The rule's name, as the protocol checks it."""
        return named(form, self.form.about, bytes.fromhex(self.context), self.rule)

    @property
    def text(self) -> str:
        """The claim as a question's text; `claim_of` reads it."""
        return WORD + canonical(self.model_dump(mode="json"))


def claim_of(question: Question) -> Claim:
    """The claim that a question asks for. Raises UsageError if it is no adjudication, or its text is another's."""
    said: object = None
    if question.text.startswith(WORD):
        try:
            said = json.loads(question.text.removeprefix(WORD))
        except (ValueError, RecursionError):
            said = None
    if not isinstance(said, Mapping):
        raise UsageError(f"expected a question that begins with {WORD}and a claim as JSON")
    claim = as_model(said, Claim, "claim")
    if claim.text != question.text:
        raise UsageError("expected a claim in canonical JSON, got other text")
    return claim
