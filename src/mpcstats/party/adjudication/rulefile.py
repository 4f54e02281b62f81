"""The insurer's rule.toml: which columns a claim is made of, which the holder sees, and the rule, which nobody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.party.adjudication.claim import ClaimForm, ColumnName, Values
from mpcstats.protocols.adjudication import WHOLE, Rule
from mpcstats.records.canonical import canonical
from mpcstats.records.ledger.commitment import commit
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


class RuleFile(Table):
    """rule.toml; `salt` hides the rule in its commitment, and is as secret as the rule."""

    version: Version
    salt: Digest
    claim: ClaimForm
    rule: SecretRule

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

    @property
    def commitment(self) -> str:
        """To the rule and its columns, 64 hex digits: what a contract may name, and every claim does."""
        said = {
            "claim": self.claim.model_dump(mode="json"),
            "rule": self.rule.model_dump(mode="json"),
        }
        return commit(canonical(said).encode(), bytes.fromhex(self.salt))

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
