"""A proposal: which level the rules give a column, by which rule, how sure that is, and why; the highest wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mpcstats.records.catalogue.column import Range
from mpcstats.records.catalogue.metadata import Kind
from mpcstats.records.classification.rules import Confidence, Counts, Rule, RulesFile, Seen
from mpcstats.records.levels import Level

UNMATCHED = "unmatched"
SURENESS: dict[Confidence, int] = {"certain": 2, "likely": 1, "possible": 0}


@dataclass(frozen=True, slots=True)
class Proposal:
    """The level that rule `rule` proposes for `column`; `matched` are all rules that speak of it.

    `counts` are those of the rule's own test of values, for the owner's eyes alone: they are in no statement, since
    how many rare codes a table holds may tell of a person.
    """

    column: str
    level: Level
    rule: str
    confidence: Confidence | Literal["none"]
    reason: str
    kind: Kind | None
    special: tuple[Range, ...]
    matched: tuple[str, ...]
    counts: Counts | None = None


def propose(seen: Seen, rules: RulesFile) -> Proposal:
    """The proposal for a column. What no rule speaks of gets the level that the table has for it."""
    matched = [rule for rule in rules.rule if rule.speaks_of(seen)]
    if not matched:
        rest = rules.unmatched
        return Proposal(seen.name, rest.level, UNMATCHED, "none", rest.reason, None, (), ())
    # 就高从严: the highest level; of several rules for it the surest, then the first.
    best = max(matched, key=lambda rule: (rule.level, SURENESS[rule.confidence]))
    counts = None if best.values is None else seen.counted(best.values)
    return Proposal(
        seen.name,
        best.level,
        best.id,
        best.confidence,
        best.reason,
        best.kind or _first_kind(matched),
        _special(matched),
        tuple(rule.id for rule in matched),
        counts,
    )


def propose_all(columns: Iterable[Seen], rules: RulesFile) -> tuple[Proposal, ...]:
    """A proposal for each column, in order."""
    return tuple(propose(seen, rules) for seen in columns)


def _first_kind(matched: list[Rule]) -> Kind | None:
    return next((rule.kind for rule in matched if rule.kind is not None), None)


def _special(matched: list[Rule]) -> tuple[Range, ...]:
    return tuple(dict.fromkeys(codes for rule in matched for codes in rule.special))
