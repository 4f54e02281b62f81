"""What an output is: identifiable, de-identified, or aggregate-safe; and why it is no more than that.

Only what is aggregate-safe leaves the personal domain. For a table of cells that means: nothing in it names a person,
and every cell that is shown has at least k. For microdata: no identifier, every combination of
quasi-identifiers at least k times, and within each of them l sensitive values, distributed within t as in the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.party.domains.anonymity import Microdata, k_anonymity, l_diversity, t_closeness
from mpcstats.policy.permit import Permit
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml


class Output(Enum):
    """The classes; the value is the name in the law (PIPL, articles 4 and 73)."""

    IDENTIFIABLE = "可识别"
    DE_IDENTIFIED = "去标识化"
    AGGREGATE_SAFE = "匿名化"


@dataclass(frozen=True, slots=True)
class Finding:
    """The class of an output, and every reason why it is not a safer one; none if it is aggregate-safe."""

    output: Output
    reasons: tuple[str, ...]


def _level(value: object) -> object:
    if isinstance(value, str) and value in Level.__members__:
        return Level[value]
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


class Bounds(Table):
    """domains.toml: from where on an output is aggregate-safe, and from which level on not public all the same.

    `minimum_persons` is k of cells and of microdata, `diversity` is l, and `closeness` t as numerator and
    denominator.
    """

    version: Version
    minimum_persons: Annotated[int, Field(ge=2, le=1 << 40)]
    highest: Annotated[Level, BeforeValidator(_level)]
    diversity: Annotated[int, Field(ge=2, le=1 << 20)]
    closeness: Annotated[
        tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1, le=1 << 30)]], Listed
    ]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.closeness[0] >= self.closeness[1]:
            raise ValueError("expected closeness below 1: at 1 every distribution passes")
        return self

    @classmethod
    def load(cls, path: Path) -> Bounds:
        """The bounds in the file at `path`. Raises UsageError with file and place."""
        return read_toml(path, cls)

    @property
    def t(self) -> Fraction:
        """The largest distance of distributions."""
        return Fraction(*self.closeness)


def classify_answer(permit: Permit, catalogue: Catalogue, bounds: Bounds) -> Finding:
    """The class of every answer of the permitted plan: what it shows follows from the plan and the gate's k.

    Raises UsageError for a dataset that the catalogue does not know.
    """
    plan = permit.plan
    persons = sorted(
        {
            f"{item.dataset}.{item.column}"
            for fragment in plan.fragments
            for item in fragment.items
            if item.use in ("group", "value")
            and _names_persons(catalogue, item.dataset, item.column)
        }
    )
    if persons:
        return Finding(
            Output.IDENTIFIABLE,
            (f"the answer shows {', '.join(persons)}, which names persons",),
        )
    # Those that an approval exempts too: it speaks of named recipients, not of everybody.
    least = min(release.k for release in plan.gate.releases)
    if least < bounds.minimum_persons:
        reason = (
            f"the gate opens cells of {least} persons, and {bounds.minimum_persons} are asked for"
        )
        return Finding(Output.DE_IDENTIFIED, (reason,))
    return Finding(Output.AGGREGATE_SAFE, ())


def classify_rows(table: Microdata, bounds: Bounds) -> Finding:
    """The class of microdata."""
    identifiers = table.having("identifier")
    if identifiers:
        return Finding(
            Output.IDENTIFIABLE, (f"it holds identifiers: {', '.join(sorted(identifiers))}",)
        )
    reasons = tuple(_too_thin(table, bounds))
    return Finding(Output.DE_IDENTIFIED if reasons else Output.AGGREGATE_SAFE, reasons)


def _too_thin(table: Microdata, bounds: Bounds) -> Iterator[str]:
    k = k_anonymity(table)
    if k < bounds.minimum_persons:
        yield f"k-anonymity: expected {bounds.minimum_persons} rows in every class, got {k} in one"
    for column in table.having("sensitive", "sensitive-ordered"):
        diversity = l_diversity(table, column)
        if diversity < bounds.diversity:
            yield (
                f"l-diversity of {column}: expected {bounds.diversity} values in every class, got "
                f"{diversity} in one"
            )
        if t_closeness(table, column) > bounds.t:
            yield f"t-closeness of {column}: expected every class within {bounds.t} of the whole"


def _names_persons(catalogue: Catalogue, dataset: str, column: str) -> bool:
    known = catalogue.dataset(dataset).columns.get(column)
    return known is None or known.person  # unknown: the worst is taken
