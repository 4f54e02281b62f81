"""The bodies of the register's statements, of six kinds: 首次, 许可, 转移, 变更, 注销, 异议."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName
from mpcstats.records.rights.terms import Hash, RightName, Terms
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

DATASET = r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"  # as the catalogue calls it
PRODUCT = r"product:[a-z][a-z0-9_-]{0,63}"
LEAST_RETENTION = 30  # years that a registration is kept at least, after its end

# What a right is on: a dataset by its catalogue name, or a product by its id, as "product:fund-report".
Asset = Annotated[str, Field(pattern=f"^({DATASET}|{PRODUCT})$", max_length=130)]
Number = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{0,62}[A-Z0-9]$")]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]


def is_product(asset: str) -> bool:
    """Whether the asset is a product, not a dataset."""
    return asset.startswith("product:")


class Event(Table):
    """What every statement of the register says: the head it comes after, and its day."""

    after: Digest
    day: Day


class Lineage(Table):
    """What a product was made from: registered datasets and products, and the plans of the runs that made it."""

    inputs: Annotated[tuple[Asset, ...], Field(min_length=1, max_length=256), Listed]
    plans: Annotated[tuple[Hash, ...], Field(min_length=1, max_length=256), Listed]


class First(Event):
    """首次: an asset becomes a registration unit under a number of its own; `holder` has its first right.

    That is HOLD on a dataset, and OPERATE on a product. `sensitivity` is the class of GB/T 43697: core data are
    not registered. `disputes` names whatever is in dispute about it: it must be empty.
    """

    asset: Asset
    number: Number
    right: RightName
    holder: PrincipalName
    terms: Terms
    sensitivity: Literal["general", "important", "core"]
    disputes: Annotated[tuple[Reason, ...], Listed] = ()
    lineage: Lineage | None = None
    retention: Annotated[int, Field(ge=LEAST_RETENTION, le=1000)] = LEAST_RETENTION  # years

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if is_product(self.asset) != (self.lineage is not None):
            raise ValueError(
                "expected the lineage of a product, and of nothing else: a dataset has none"
            )
        if self.lineage is not None and self.asset in self.lineage.inputs:
            raise ValueError("expected a lineage of other assets, got the product itself")
        return self


class Licence(Event):
    """许可: the holder of right `under` (a unit's or a licence's number) gives `right` to `holder`."""

    number: Number
    under: Number
    right: RightName
    holder: PrincipalName
    terms: Terms


class Transfer(Event):
    """转移: the right of that number goes to `holder`, its terms as they are."""

    number: Number
    holder: PrincipalName
    document: Hash


class Change(Event):
    """变更: the right of that number has other terms from this day on."""

    number: Number
    terms: Terms
    reason: Reason


class Cancel(Event):
    """注销: the right of that number ends on this day, and what was licensed under it."""

    number: Number
    reason: Reason


class Objection(Event):
    """异议: `objector` disputes a right on an asset, registered or not."""

    step: Literal["raise"]
    objection: Number
    asset: Asset
    objector: PrincipalName
    document: Hash


class Resolution(Event):
    """The end of an objection.

    dismissed: it was unfounded. settled: the parties agree, and what follows is entered by them. upheld: the
    asset's registration is annulled; the asset may be registered anew, under another number.
    """

    step: Literal["resolve"]
    objection: Number
    outcome: Literal["dismissed", "settled", "upheld"]
    reason: Reason
    document: Hash


KINDS: Mapping[str, type[Event]] = {
    "right-first": First,
    "right-licence": Licence,
    "right-transfer": Transfer,
    "right-change": Change,
    "right-cancel": Cancel,
    "right-objection": Objection,
}
CHINESE: Mapping[str, str] = {
    "right-first": "首次",
    "right-licence": "许可",
    "right-transfer": "转移",
    "right-change": "变更",
    "right-cancel": "注销",
    "right-objection": "异议",
}


def read_event(statement: Statement) -> Event:
    """What the statement says. Raises UsageError with the place of every fault in it."""
    model = KINDS.get(statement.kind)
    if model is None:
        raise UsageError(f"expected a statement of {', '.join(KINDS)}, got {statement.kind}")
    if model is Objection and statement.body.get("step") == "resolve":
        model = Resolution
    return body_as(statement, model)
