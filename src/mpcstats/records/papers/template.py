"""A template as an approval holds it: SQL with named placeholders, and which literals may stand for each."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.records.tomlfile import Listed, Table

SQL_LIMIT = 32 * 1024  # characters
Bound = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Label = int | str


class Slot(Table):
    """What may stand for the placeholder `:name`: a whole number within bounds, or one of the labels `allowed`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    type: Literal["integer", "text"]
    minimum: Bound | None = None
    maximum: Bound | None = None
    allowed: Annotated[tuple[Label, ...] | None, Field(min_length=1, max_length=1024), Listed] = (
        None
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        bounded = self.minimum is not None and self.maximum is not None
        if (self.minimum is None) != (self.maximum is None) or bounded == (
            self.allowed is not None
        ):
            raise ValueError(
                f"{self.name}: expected minimum and maximum, or allowed, so that the placeholder is bounded"
            )
        if bounded and self.type == "text":
            raise ValueError(f"{self.name}: expected bounds on an integer, got them on text")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(
                f"{self.name}: expected minimum <= maximum, got {self.minimum} > {self.maximum}"
            )
        kind = int if self.type == "integer" else str
        if not all(type(label) is kind for label in self.allowed or ()):
            raise ValueError(f"{self.name}: expected {self.type} labels in allowed")
        return self

    def takes(self, value: Label) -> bool:
        """Whether `value` may stand for the placeholder."""
        if type(value) is not (int if self.type == "integer" else str):
            return False
        if self.allowed is not None:
            return value in self.allowed
        # Checked above: a slot without labels is a whole number with both bounds.
        low, high = self.minimum, self.maximum
        return (
            isinstance(value, int) and low is not None and high is not None and low <= value <= high
        )

    @property
    def words(self) -> str:
        """What may stand there, in words."""
        if self.allowed is not None:
            return f"one of {len(self.allowed)} {self.type} labels"
        return f"a whole number from {self.minimum} to {self.maximum}"


class Template(Table):
    """SQL (DuckDB dialect) whose literals at `:name` are bounded by `slots`; mpcstats.plan.template reads it."""

    sql: Annotated[str, Field(min_length=1, max_length=SQL_LIMIT)]
    slots: Annotated[tuple[Slot, ...], Field(max_length=64), Listed] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [slot.name for slot in self.slots]
        if len(set(names)) != len(names):
            raise ValueError("expected one slot for each placeholder, got one twice")
        return self
