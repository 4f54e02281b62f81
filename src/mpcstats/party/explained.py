"""A question before it is asked: its plan in full and one party's decision on it, as text, JSON or a page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from mpcstats.errors import PolicyRefused
from mpcstats.party.alternatives import Alternative, alternatives
from mpcstats.party.alternatives import text as compare
from mpcstats.party.candidates import chosen
from mpcstats.party.compile import NOTHING, Known, Papers, Records, candidates, case_of
from mpcstats.party.explained_page import page
from mpcstats.party.networks import NETWORKS
from mpcstats.party.question import Question
from mpcstats.plan.explain import text
from mpcstats.plan.explanation import Explanation, explanation, plain
from mpcstats.policy.check import check
from mpcstats.policy.sensitivity import item_level
from mpcstats.policy.verdict import Verdict, verdict


@dataclass(frozen=True, slots=True)
class Explained:
    """A plan and one party's decision on it; `refusal` if it is no. `print` shows the text, a notebook the page.

    `alternatives`: the question on every engine that the consortium offers, the plan's own among them.
    """

    plan: Explanation
    verdict: Verdict
    refusal: PolicyRefused | None
    alternatives: tuple[Alternative, ...]

    def __str__(self) -> str:
        """The plan in words, who learns what, its cost, other engines if there are any, the levels of its columns, and
        the decision.
        """
        compared = [compare(self.alternatives)] if len(self.alternatives) > 1 else []
        parts = [text(self.plan), *compared, _levels(self.verdict), _decision(self)]
        return "\n\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """All as plain data: `plan`, `verdict` and `engines`, each field by its name."""
        return {
            "plan": plain(self.plan),
            "verdict": plain(self.verdict),
            "engines": plain(self.alternatives),
        }

    def to_html(self) -> str:
        """One page that needs no other file and runs no script."""
        return page(self.plan, self.verdict, self.alternatives)

    def _repr_html_(self) -> str:
        # A frame of its own: the page's styles stay out of the notebook's.
        return (
            f'<iframe sandbox srcdoc="{escape(self.to_html())}" '
            'style="width: 100%; height: 45em; border: 0"></iframe>'
        )


def explained(
    question: Question, records: Records, papers: Papers = (), known: Known = NOTHING
) -> Explained:
    """The plan of `question`, and the decision of the party whose records these are; nothing is sent or written down.

    Raises UsageError where the question cannot be planned.
    """
    offered = candidates(question, records, papers)
    best = chosen(offered)
    plan = best.plan
    case = case_of(plan, question, records, papers, known)
    refusal = None
    try:
        check(case, party=records.party)
    except PolicyRefused as refused:
        refusal = refused
    return Explained(
        explanation(
            plan,
            records.cards,
            level=partial(item_level, catalogue=case.catalogue),
            networks=NETWORKS,
        ),
        verdict(case, party=records.party),
        refusal,
        alternatives(offered, best, records.cards, NETWORKS),
    )


def _levels(found: Verdict) -> str:
    """A line for each fragment, step and the answer; what a level comes from is in JSON and page."""
    lines: dict[str, list[str]] = {}
    for each in found.derived:
        blind = ", a blind key" if each.blind else ""
        lines.setdefault(each.of, []).append(f"{each.name} {each.level.name}{blind}")
    shown = (f"  {of}: {', '.join(columns)}" for of, columns in lines.items())
    return "\n".join(["levels of what is derived", *shown])


def _decision(explained: Explained) -> str:
    found = explained.verdict
    passed = [f.condition for f in found.findings if not f.reasons]
    lines = (
        [f"  level {found.level_words}, rule {found.rule}"]
        if found.permitted
        else [f"  {reason}" for reason in found.reasons]
    )
    word = "permitted" if found.permitted else "refused"
    return "\n".join(
        [
            f"{word} by the policy of {found.party}",
            *lines,
            f"  conditions passed: {', '.join(passed) or 'none'}",
            f"  plan {explained.plan.plan}",
        ]
    )
