"""The terms of a right: which one, on what basis, for which columns, scenarios and purposes, and until when."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.records.day import Day
from mpcstats.records.tomlfile import Listed, Table

E = TypeVar("E", bound=Enum)
ANY = "*"  # stands alone in a list, for whatever it may hold
MOST_NAMES = 1024
AGREEMENTS = ("confidentiality", "revenue", "responsibility")


class Right(Enum):
    """The three rights; the value is the name in the rules."""

    HOLD = "持有"
    USE = "使用"
    OPERATE = "经营"


class Stage(Enum):
    """In which stage of the data's life a right is used; the value is the name in the rules."""

    COLLECT = "采集"
    OPEN = "开放"
    SHARE = "共享"
    PROCESS = "加工"
    TRADE = "交易"


# In which stages each right is used: who collects holds, who processes uses, who trades operates a product.
STAGES: dict[Right, frozenset[Stage]] = {
    Right.HOLD: frozenset({Stage.COLLECT}),
    Right.USE: frozenset({Stage.OPEN, Stage.SHARE, Stage.PROCESS, Stage.TRADE}),
    Right.OPERATE: frozenset({Stage.TRADE}),
}
AGREED = frozenset({Stage.OPEN, Stage.SHARE})  # stages that ask for all three agreements


def _named(kind: type[E]) -> BeforeValidator:
    def read(value: object) -> object:
        if isinstance(value, str) and value in kind.__members__:
            return kind[value]
        raise ValueError(f"expected one of {', '.join(kind.__members__)}")

    return BeforeValidator(read)


RightName = Annotated[Right, _named(Right)]
StageName = Annotated[Stage, _named(Stage)]
Hash = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$")
]  # SHA-256 of a document or of a plan, in hex
Word = Annotated[str, Field(min_length=1, max_length=1000)]
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_NAMES), Listed]


class Scope(Table):
    """Which columns, scenarios and purposes a right is for; "*" alone stands for all of them."""

    columns: Words
    scenarios: Words
    purposes: Words

    @model_validator(mode="after")
    def _plain(self) -> Self:
        for name in ("columns", "scenarios", "purposes"):
            words = getattr(self, name)
            if ANY in words and len(words) > 1:
                raise ValueError(f'expected "{ANY}" alone in {name}, got it beside others')
            if len(set(words)) != len(words):
                raise ValueError(f"expected every one of {name} once, got one twice")
        return self

    def within(self, other: Scope) -> bool:
        """Whether it is no wider than `other`."""
        return (
            _inside(self.columns, other.columns)
            and _inside(self.scenarios, other.scenarios)
            and _inside(self.purposes, other.purposes)
        )

    def uncovered(self, columns: set[str]) -> set[str]:
        """Those of `columns` that it is not for."""
        return set() if self.columns == (ANY,) else columns - set(self.columns)

    def covers(self, scenario: str, purpose: str) -> bool:
        """Whether it is for that scenario and purpose."""
        return (self.scenarios == (ANY,) or scenario in self.scenarios) and (
            self.purposes == (ANY,) or purpose in self.purposes
        )

    def meet(self, other: Scope) -> Scope | None:
        """What is in both; None if that is nothing."""
        parts = {
            name: _both(getattr(self, name), getattr(other, name))
            for name in ("columns", "scenarios", "purposes")
        }
        return Scope.model_validate(parts) if all(parts.values()) else None


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if ANY in one or ANY in other:
        return other if ANY in one else one
    return tuple(word for word in one if word in other)


def _inside(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return outer == (ANY,) or set(inner) <= set(outer)


class Basis(Table):
    """What a right rests on, and the SHA-256 of the document that says so."""

    by: Literal["law", "contract", "consent"]
    document: Hash


class Agreements(Table):
    """Digests of what both sides have signed: 保密协议, 收益分配协议, 权责划分协议."""

    confidentiality: Hash | None = None
    revenue: Hash | None = None
    responsibility: Hash | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that are not there."""
        return tuple(name for name in AGREEMENTS if getattr(self, name) is None)


class Terms(Table):
    """The terms of a right. Both days are included; without `until` it has no end of its own."""

    basis: Basis
    scope: Scope
    since: Day
    until: Day | None = None
    transferable: bool = False
    sublicensable: bool = False
    stage: StageName
    agreements: Agreements = Agreements()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"expected since <= until, got {self.since} > {self.until}")
        missing = self.agreements.missing if self.stage in AGREED else ()
        if missing:
            raise ValueError(
                f"expected the digests of all three agreements in stage {self.stage.name} "
                f"{self.stage.value}, got none of {', '.join(missing)}"
            )
        return self

    def on(self, day: str) -> bool:
        """Whether `day` is in the term."""
        return self.since <= day and (self.until is None or day <= self.until)

    def wider(self, other: Terms) -> tuple[str, ...]:
        """In which points it is wider than `other`; nothing if in none."""
        found = []
        if not self.scope.within(other.scope):
            found.append("scope")
        if self.since < other.since:
            found.append("since")
        if other.until is not None and (self.until is None or self.until > other.until):
            found.append("until")
        return tuple(found)
