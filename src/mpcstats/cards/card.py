"""A protocol's card: what it computes, whom it withstands, what it leaks, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mpcstats.cards.formula import Formula

Adversary = Literal["semi-honest", "malicious"]
CostKind = Literal["exact", "bounded"]
OnCheating = Literal["detected", "undetected"]
# What a protocol tests or adds before it opens a cell; a policy may ask for each.
Offer = Literal[
    "minimum-persons",
    "minimum-contributors",
    "per-recipient",
    "dominance",
    "complement",
    "rounding",
    "noise-counts",
]


@dataclass(frozen=True, slots=True)
class Parties:
    """Who computes, how many of them may be corrupted and how, and what else is assumed."""

    engines: tuple[str, ...]
    count: int
    corruptions: int
    adversary: Adversary
    on_cheating: OnCheating
    assumes: tuple[str, ...]
    helper_must_not_collude_with: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """A leakage id, the role that learns it, and what it is in one phrase."""

    id: str
    to: str
    what: str


@dataclass(frozen=True, slots=True)
class Leakage:
    """Leakage ids of public sizes, and what is opened."""

    sizes: tuple[str, ...]
    opened: tuple[Opening, ...]

    @property
    def ids(self) -> frozenset[str]:
        """All leakage ids of the card."""
        return frozenset(self.sizes) | {opening.id for opening in self.opened}


@dataclass(frozen=True, slots=True)
class Cost:
    """Rounds, and payload bytes that a party sends for each role that it plays, over the public `sizes`.

    `kind` speaks of the bytes, `rounds_kind` of the rounds: equal to the formula, or at most that.
    """

    kind: CostKind
    rounds_kind: CostKind
    rounds: Formula
    bytes: Mapping[str, Formula]
    sizes: Mapping[str, str]  # variable -> what it means


@dataclass(frozen=True, slots=True)
class Setting:
    """What a card promises on an engine of any number of parties, instead of its `parties` and `cost`.

    From `least` to `most` compute parties. `corruptions` is a formula over `parties`, their number, and `threshold`,
    how many of them together learn nothing; the formulas of `cost` may use both besides the sizes.
    """

    least: int
    most: int
    corruptions: Formula
    adversary: Adversary
    on_cheating: OnCheating
    assumes: tuple[str, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Card:
    """All promises of one protocol; `digest` is SHA-256 of the card's file.

    `offers`: the rules of a gate that it can enforce; what is not named is not offered. `settings`: what differs on
    other engines than the first of `parties.engines`, by engine.
    """

    id: str
    version: int
    status: Literal["stable", "experimental", "withdrawn"]
    computes: str
    code: str
    source: str
    deviates: str
    parties: Parties
    leakage: Leakage
    cost: Cost
    limits: Mapping[str, str | int]
    digest: str
    offers: tuple[Offer, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def promised(self, engine: str, parties: int, threshold: int) -> Parties:
        """Whom it withstands on `engine` among that many compute parties, of whom `threshold` may collude."""
        if engine not in self.settings:
            return self.parties
        own = self.settings[engine]
        corruptions = own.corruptions.evaluate({"parties": parties, "threshold": threshold})
        return replace(
            self.parties,
            count=parties,
            corruptions=corruptions,
            adversary=own.adversary,
            on_cheating=own.on_cheating,
            assumes=own.assumes,
        )

    def adversary_on(self, engine: str) -> Adversary:
        """What it withstands on `engine`."""
        setting = self.settings.get(engine)
        return self.parties.adversary if setting is None else setting.adversary

    def cost_on(self, engine: str) -> Cost:
        """What it costs on `engine`."""
        return self.settings[engine].cost if engine in self.settings else self.cost
