"""The cells of an answer: the group keys that span them, and the totals of each."""

from __future__ import annotations

from dataclasses import dataclass

SPINE = "spine"  # as the source of a column: the spine's own, not a lookup's

Label = str | int | None  # None: SQL's NULL, which is a group too


@dataclass(frozen=True, slots=True)
class Ref:
    """A value column: of the spine (source SPINE), or of the right fragment of a lookup (source: its step name)."""

    source: str
    column: str


@dataclass(frozen=True, slots=True)
class Term:
    """A product of columns, counted only where all lookups in `under` hit. No factors: the number 1."""

    factors: tuple[Ref, ...]
    under: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of `terms` over the rows of a cell; `bound` is the largest absolute value that it can reach."""

    name: str
    terms: tuple[Term, ...]
    bound: int


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A group column: the code column `column` of the spine or of a lookup's right fragment."""

    source: str
    column: str
    labels: tuple[Label, ...]
