"""The difference of two policies: what the second permits more than the first, and what less, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpcstats.policy.rule import Helper, Policy, Rule, wider
from mpcstats.records.levels import Level


@dataclass(frozen=True, slots=True)
class Change:
    """Where (a rule's name, or "helpers of ..."), and in words what is permitted more and what less there."""

    where: str
    more: tuple[str, ...]
    less: tuple[str, ...]


def difference(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Every cell, and every owner's helpers, in which `new` does not decide as `old`; none if they decide alike."""
    found = [*_rules(old, new), *_helpers(old, new)]
    return tuple(change for change in found if change.more or change.less)


def _rules(old: Policy, new: Policy) -> Iterator[Change]:
    for scenario in sorted({*old.scenarios, *new.scenarios}):
        for level in Level:
            before, after = old.rule(scenario, level), new.rule(scenario, level)
            named = after or before
            if named is not None:
                yield Change(named.name, _more(after, before), _more(before, after))


def _more(one: Rule | None, other: Rule | None) -> tuple[str, ...]:
    """What `one` permits more than `other`; no rule permits nothing."""
    if one is None:
        return ()
    alone = ("adjudication",) if one.adjudication and not (other and other.adjudication) else ()
    if other is None or not other.permit:
        return ("permit", *alone) if one.permit else alone
    return tuple(f"{words}{_values(words, one, other)}" for words in wider(one, other))


def _values(words: str, one: Rule, other: Rule) -> str:
    """The two values of a bound that `words` names last, where it is a number or a word."""
    name = words.rpartition(" ")[2]
    if name in ("adversary", "noise", "checks", "signatures") or words.startswith("a smaller"):
        return f" ({getattr(one, name)}, not {getattr(other, name)})"
    if words.startswith("a budget"):
        return f" ({'none' if one.budget is None else one.budget})"
    return ""


def _helpers(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = _accepted(old.accepted), _accepted(new.accepted)
    for owner in sorted({*before, *after}):
        was, now = before.get(owner, frozenset()), after.get(owner, frozenset())
        yield Change(f"helpers of {owner}", tuple(sorted(now - was)), tuple(sorted(was - now)))


def _accepted(helpers: tuple[Helper, ...]) -> dict[str, frozenset[str]]:
    return {helper.owner: frozenset(helper.accepts) for helper in helpers}
