"""One authoritative source per element (一数一源): two claims to one element are a conflict, which a registrar settles.

The parts of a union hold different rows of one table, so together they are one source. A settlement names every
claim that it decides between: another claim later opens the conflict again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.column import Element
from mpcstats.records.catalogue.metadata import ItemName, Text
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

SETTLED = "source-settled"


@dataclass(frozen=True, slots=True)
class Claim:
    """That an item is the authoritative source of its element; `source` is its dataset, or the union of parts."""

    source: str
    column: str
    items: tuple[str, ...]  # owner.dataset.column: more than one for a union

    @property
    def name(self) -> str:
        """As a settlement names it."""
        return f"{self.source}.{self.column}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two or more claims to be the source of `element`, in order of their names."""

    element: str
    claims: tuple[Claim, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Every item that claims."""
        return tuple(item for claim in self.claims for item in claim.items)

    @property
    def what(self) -> str:
        """What is in conflict, in words."""
        claimants = ", ".join(claim.name for claim in self.claims)
        return (
            f"expected one authoritative source of {self.element}, got claims by {claimants}: a "
            f"registrar settles it with a {SETTLED} statement"
        )


def claims(catalogue: Catalogue, element: str) -> tuple[Claim, ...]:
    """All claims to be the source of `element`."""
    found: dict[tuple[str, str], list[str]] = {}
    for (dataset, name), column in catalogue.items.items():
        if column.source and column.element == element:
            source = _whole(catalogue, dataset, name)
            found.setdefault((source, name), []).append(f"{dataset}.{name}")
    return tuple(Claim(*where, tuple(sorted(items))) for where, items in sorted(found.items()))


def _whole(catalogue: Catalogue, dataset: str, column: str) -> str:
    """The union whose parts all claim in their `column`, or the dataset itself."""
    own = catalogue.items[dataset, column]
    for union in catalogue.unions:
        parts = [catalogue.column(part, column) for part in union.of]
        if dataset in union.of and all(
            part is not None and part.source and part.element == own.element for part in parts
        ):
            return union.name
    return dataset


def conflicts(catalogue: Catalogue) -> tuple[Conflict, ...]:
    """Every element that has more than one claim, settled or not, in order of its name."""
    elements = {c.element for c in catalogue.items.values() if c.source and c.element is not None}
    every = (Conflict(element, claims(catalogue, element)) for element in sorted(elements))
    return tuple(conflict for conflict in every if len(conflict.claims) > 1)


class SettledBody(Table):
    """What a `source-settled` statement says: of all `claims`, that of `source` counts."""

    after: str
    day: Day
    element: Element
    source: ItemName
    claims: Annotated[tuple[ItemName, ...], Field(min_length=2), Listed]
    reason: Text


class Settlements:
    """What has been settled: the fold of a journal of `source-settled` statements."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._settled: dict[str, SettledBody] = {}
        self._day = ""

    def add(self, statement: Statement) -> None:
        """Take the next statement. Raises UsageError unless a registrar settles claims that it names."""
        if statement.kind != SETTLED:
            raise UsageError(f"expected a statement of kind {SETTLED}, got {statement.kind}")
        body = body_as(statement, SettledBody)
        if len(set(body.claims)) != len(body.claims) or body.source not in body.claims:
            raise UsageError(
                f"{SETTLED}: expected different claims, one of them the source, got "
                f"{', '.join(body.claims)} and {body.source}"
            )
        if body.day < self._day:
            raise UsageError(f"{SETTLED}: expected a day not before {self._day}, got {body.day}")
        signers = statement.signers(self._principals)
        if not any(self._principals.has(name, "registrar", body.day) for name in signers):
            raise UsageError(
                f"{SETTLED}: expected a signature by a registrar on {body.day}, got "
                f"{', '.join(signers) or 'none'}"
            )
        self._day = body.day
        self._settled[body.element] = body

    def source(self, conflict: Conflict) -> str | None:
        """The claim that counts; None while the conflict is open."""
        body = self._settled.get(conflict.element)
        named = {claim.name for claim in conflict.claims}
        return body.source if body is not None and set(body.claims) == named else None

    def open(self, catalogue: Catalogue) -> tuple[Conflict, ...]:
        """The conflicts of `catalogue` that nobody has settled as they now are."""
        return tuple(c for c in conflicts(catalogue) if self.source(c) is None)
