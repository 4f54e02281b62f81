"""One column of a dataset: what is public about its values, and which element of reality it tells."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.records.catalogue.metadata import ItemName, Kind, LevelName, Quality, Text
from mpcstats.records.tomlfile import Listed, Table

Normalisation = Literal["trim-upper", "resident-id", "exact"]
Type = Literal["text", "integer"]
# What a column tells, wherever it stands: "person.resident_id" in a bureau's table and in a hospital's.
Element = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=128)]
LARGEST = 1 << 62
Range = Annotated[tuple[str, str], Listed]


class Column(Table):
    """What is public about one column: type, level, bounds on its values, and its part in joins.

    Of columns with one `element`, that with `source` is where the element is kept (一数一源).
    """

    type: Type
    level: LevelName
    key: Normalisation | None = None  # joins persons or other units, after this normalisation
    person: bool = False  # the key names persons: joins between owners and the gate count these
    distinct: Annotated[int, Field(ge=1)] | None = None  # bound on distinct values
    most: Annotated[int, Field(ge=1)] | None = None  # bound on the rows that one value is in
    unique: bool = False
    nullable: bool = True
    domain: Annotated[tuple[int | str, ...] | None, Listed] = None
    minimum: Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | None = None
    maximum: Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | None = None
    unit: str | None = None  # day, second: of an instant, since 1970-01-01 00:00
    description: str | None = None
    # Half-open ranges of codes that make a predicate HIGH.
    special: Annotated[tuple[Range, ...], Listed] = ()
    title: Text | None = None  # the item's name in the owner's language
    kind: Kind | None = None
    element: Element | None = None
    source: bool = False
    dictionary: dict[str, str] = Field(default_factory=dict)  # code, as text -> label
    quality: Quality = Quality()
    derived_from: Annotated[tuple[ItemName, ...], Listed] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it speaks of: as the entry says, and what a person key and special codes show by themselves."""
        shown: set[Kind | None] = {
            self.kind,
            "identity" if self.person else None,
            "diagnosis" if self.special else None,
        }
        return frozenset(kind for kind in shown if kind is not None)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.minimum is None) != (self.maximum is None):
            raise ValueError("expected minimum and maximum together, got one of them")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"expected minimum <= maximum, got {self.minimum} > {self.maximum}")
        if self.type == "text" and self.minimum is not None:
            raise ValueError("expected bounds on an integer column only, got them on text")
        if self.unique and self.most is not None:
            raise ValueError("expected most on a column that is not unique, got both")
        if self.person and self.key is None:
            raise ValueError("expected person = true on a key, got a column without key = ...")
        if self.source and self.element is None:
            raise ValueError("expected element = ... beside source = true: the source of what?")
        if self.domain is not None:
            self._check_domain(self.domain)
        for low, high in self.special:
            if self.type != "text" or low >= high:
                raise ValueError(
                    f"expected special ranges [from, to) of text codes, got {low!r} to {high!r}"
                )
        return self

    def _check_domain(self, domain: tuple[int | str, ...]) -> None:
        kind = int if self.type == "integer" else str
        if not domain or len(set(domain)) != len(domain):
            raise ValueError("expected a domain of one or more different labels")
        if not all(isinstance(label, kind) for label in domain):
            raise ValueError(f"expected a domain of {self.type} labels")
        if self.minimum is not None and self.maximum is not None:
            outside = [
                v for v in domain if isinstance(v, int) and not self.minimum <= v <= self.maximum
            ]
            if outside:
                raise ValueError(f"expected a domain within the bounds, got {outside[0]}")
