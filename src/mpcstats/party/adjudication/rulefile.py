"""The insurer's rule.toml: which columns a claim is made of, which the holder sees, and the rule, which nobody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.engines.pair.transfer import Chosen
from mpcstats.party.adjudication.claim import ClaimForm, ColumnName, Values
from mpcstats.protocols.adjudication import WHOLE, Form, Rule, commit_to
from mpcstats.records.names import Digest
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

Fen = Annotated[int, Field(ge=0, lt=1 << 62)]


class SecretRule(Table):
    """What is paid: `ratio` in basis points of the amounts above the deductible, up to the cap.

    `excluded_amounts` are columns that do not count, `excluded` for a column the values with which nothing is paid.
    """

    deductible: Fen
    ratio: Annotated[int, Field(ge=0, le=WHOLE)]
    cap: Fen
    excluded_amounts: Annotated[tuple[ColumnName, ...], Field(max_length=64), Listed] = ()
    excluded: dict[ColumnName, Values] = Field(default_factory=dict)

    def __repr__(self) -> str:
        return "<secret rule>"

    __str__ = __repr__


class RuleFile(Table):
    """rule.toml; `secret`, 32 random bytes, hides the rule where it is named, and is as secret as the rule."""

    version: Version
    secret: Annotated[Digest, Field(repr=False)]
    claim: ClaimForm
    rule: Annotated[SecretRule, Field(repr=False)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # The file is the insurer's own: its errors name columns, but no numbers.
        unknown = sorted(set(self.rule.excluded_amounts) - set(self.claim.amounts))
        if unknown:
            raise ValueError(
                f"expected excluded_amounts among the claim's amounts, got {', '.join(unknown)}"
            )
        for column, values in self.rule.excluded.items():
            if not set(values) <= set(self.claim.reasons.get(column, ())):
                raise ValueError(
                    f"expected the excluded values of {column} among the claim's reasons, got others"
                )
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """The file at `path`. Raises UsageError with file and place."""
        return read_toml(path, cls)

    def chosen(self, form: Form) -> Chosen:
        """The rule as it is named, and as it goes into every claim of that form."""
        return commit_to(self.terms(), form, bytes.fromhex(self.secret), self.claim.about)

    def terms(self) -> Rule:
        """The rule as the protocol takes it."""
        out = {(column, value) for column, values in self.rule.excluded.items() for value in values}
        return Rule(
            self.rule.deductible,
            self.rule.ratio,
            self.rule.cap,
            frozenset(
                i for i, name in enumerate(self.claim.amounts) if name in self.rule.excluded_amounts
            ),
            frozenset(i for i, pair in enumerate(self.claim.pairs) if pair in out),
        )
