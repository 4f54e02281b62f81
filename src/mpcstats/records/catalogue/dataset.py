"""One table of one owner with its core metadata, and the union of tables of several owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.records.catalogue.checks import Check
from mpcstats.records.catalogue.column import Column
from mpcstats.records.catalogue.metadata import (
    Consent,
    Cycle,
    Domain,
    Format,
    Open,
    Share,
    ShareType,
    Text,
)
from mpcstats.records.day import Day
from mpcstats.records.levels import Level, highest
from mpcstats.records.tomlfile import Listed, Table

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Party = Annotated[str, Field(min_length=1, max_length=64)]
Institutions = Annotated[tuple[str | int, ...], Field(min_length=1, max_length=4096), Listed]
Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z/._-]*$", max_length=64)]


class Dataset(Table):
    """One table of one owner, with a public bound on its rows.

    `rows`, `owner` and the columns are what a question needs; the rest is the catalogue's core metadata, which
    an entry may be without (`mpcstats catalogue check` lists what is missing).
    """

    name: Name
    owner: Annotated[str, Field(min_length=1)]
    rows: Annotated[int, Field(ge=1, le=1 << 40)]
    contributor: str | None = None  # the column whose values are the contributing institutions
    # Whose each of these values is, by party, who may be told its row; if any is named, others do not count.
    contributors: dict[Party, Institutions] = Field(default_factory=dict)
    description: str | None = None
    title: Text | None = None  # 信息资源名称
    # 类, 项, 目, 细目, from the widest on
    category: Annotated[tuple[Text, ...], Field(max_length=4), Listed] = ()
    code: Code | None = None  # 信息资源代码
    provider: Text | None = None  # the unit's registered name; the owner's without
    provider_code: Code | None = None  # 统一社会信用代码
    abstract: Text | None = None
    format: Format | None = None
    share_type: Share | None = None
    share_condition: Text | None = None
    share_method: Text | None = None
    open_type: Open | None = None  # 开放属性
    open_condition: Text | None = None
    update_cycle: Cycle | None = None
    publish_date: Day | None = None
    related: Annotated[tuple[Code, ...], Listed] = ()  # codes of related resources
    domain: Domain = "personal"  # rows of single persons, or what may be known to all
    asset: Text | None = None  # registration code; other registers name the dataset by its `name`
    consent: Consent = "none"  # what is asked of the persons before their rows count
    check: Annotated[
        tuple[Check, ...], Listed
    ] = ()  # what must hold of each row, beside the columns' bounds
    columns: dict[str, Column]

    @property
    def level(self) -> Level:
        """That of its most sensitive column; columns that come together may make it higher (combination)."""
        return highest(column.level for column in self.columns.values())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, column in self.columns.items():
            if column.distinct is not None and column.distinct > self.rows:
                raise ValueError(
                    f"column {name}: expected distinct <= rows = {self.rows}, got {column.distinct}"
                )
            if column.most is not None and column.most > self.rows:
                raise ValueError(
                    f"column {name}: expected most <= rows = {self.rows}, got {column.most}"
                )
        if self.contributor is not None and self.contributor not in self.columns:
            raise ValueError(f"expected the contributor to be a column, got {self.contributor!r}")
        self._check_contributors()
        self._check_checks()
        if self.share_type is ShareType.CONDITIONAL and self.share_condition is None:
            raise ValueError("expected share_condition = ... where share_type is CONDITIONAL")
        return self

    @property
    def institutions(self) -> tuple[str | int, ...]:
        """The values of the contributor item that the catalogue knows, whosever they are."""
        return tuple(value for values in self.contributors.values() for value in values)

    def _check_checks(self) -> None:
        """Raises ValueError unless every check has a name of its own and speaks of numbers with bounds."""
        names = [check.name for check in self.check]
        for check in self.check:
            if names.count(check.name) > 1:
                raise ValueError(f"check {check.name}: expected a name of its own, got it twice")
            for name in sorted(check.columns):
                try:
                    check_operand(name, self.columns)
                except ValueError as error:
                    raise ValueError(f"check {check.name}: {error}") from None

    def _check_contributors(self) -> None:
        """Raises ValueError unless every value is of the contributor item, and one party's."""
        if not self.contributors:
            return
        if self.contributor is None:
            raise ValueError(
                "expected contributor = ... where contributors says whose its values are"
            )
        column, values = self.columns[self.contributor], self.institutions
        kind = str if column.type == "text" else int
        for value in values:
            if not isinstance(value, kind):
                raise ValueError(f"expected contributors as {column.type}, got {value!r}")
            if values.count(value) > 1:
                raise ValueError(f"expected contributor {value!r} at one party, got it twice")


def check_operand(name: str, columns: Mapping[str, Column]) -> None:
    """Raises ValueError unless `name` is a column that a check may speak of: a whole number with public bounds."""
    column = columns.get(name)
    if column is None:
        raise ValueError(f"expected columns of {', '.join(columns)}, got {name!r}")
    bounded = column.minimum is not None or column.domain is not None
    if column.type != "integer" or not bounded:
        raise ValueError(
            f"expected whole numbers with minimum and maximum, or a domain, got {name!r}"
        )


class Union(Table):
    """One name for the same table of several owners; `party_column` says whose a row is."""

    name: Name
    of: Annotated[tuple[Name, ...], Field(min_length=1), Listed]
    party_column: Annotated[str, Field(min_length=1)] = "party"
