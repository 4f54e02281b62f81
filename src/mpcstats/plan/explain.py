"""What a plan does, in words, before anything runs: who computes what, who learns what, and what it costs."""

from __future__ import annotations

from mpcstats.cards.load import Cards
from mpcstats.plan import physical as plans
from mpcstats.plan.cost import PROFILES, Estimate, estimate
from mpcstats.plan.physical import Physical


def explain(plan: Physical, cards: Cards) -> str:
    """The plan as text for a person to read, with rounds and bytes from the cards."""
    cost = estimate(plan, cards)
    parts = [
        _head(plan),
        ["", "computed at home", *_fragments(plan)],
        ["", "computed together", *_steps(plan, cards, cost)],
        ["", "who learns what", *learned(plan, cards)],
        ["", "cost (payload, without framing)", *_costs(cost)],
    ]
    return "\n".join(line for part in parts for line in part)


def learned(plan: Physical, cards: Cards) -> list[str]:
    """One line for each kind of thing that somebody learns, and one for what nobody does."""
    recipients = ", ".join(plan.gate.recipients)
    lines = []
    for step in plan.steps:
        for opening in cards[step.card].leakage.opened:
            to = recipients if opening.to == "recipient" else opening.to
            lines.append(f"  {to}: {opening.what} (k = {plan.gate.k})")
    lines.append("  everybody: the question, the plan, and the public row bounds")
    apart: dict[str, None] = {}
    for step in plan.steps:
        avoid = cards[step.card].parties.helper_must_not_collude_with
        if isinstance(step, plans.Lookup) and avoid:
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            line = (
                f"  nobody: which keys {left} and {right} have in common, as long as {step.helper} colludes "
                "with neither"
            )
            apart[line] = None
    return [*lines, *apart]


def _head(plan: Physical) -> list[str]:
    return [
        f"scenario {plan.scenario}, purpose {plan.purpose!r}, asked by {plan.initiator}",
        f"engine {plan.engine} among {', '.join(plan.compute)}",
        f"providers: {', '.join(dict.fromkeys(f.owner for f in plan.fragments))}",
        f"recipients: {', '.join(plan.gate.recipients)}",
    ]


def _fragments(plan: Physical) -> list[str]:
    lines = []
    for fragment in plan.fragments:
        columns = [*(v.name for v in fragment.values), *(c.name for c in fragment.codes)]
        reads = ", ".join(dict.fromkeys(f"{item.dataset}.{item.column}" for item in fragment.items))
        lines.append(
            f"  {fragment.name} at {fragment.owner}: at most {fragment.rows:,} rows"
            + (f", columns {', '.join(columns)}" if columns else "")
        )
        lines.append(f"      reads {reads}")
    return lines


def _steps(plan: Physical, cards: Cards, cost: Estimate) -> list[str]:
    lines = []
    for step, spent in zip(plan.steps, cost.steps, strict=True):
        card = cards[step.card]
        lines.append(f"  {step.name}: {step.card} v{card.version}, {_what(plan, step)}")
        lines.append(
            f"      {card.parties.adversary}, {card.parties.corruptions} of {card.parties.count}"
            f" may be corrupted, cheating {card.parties.on_cheating};"
            f" {spent.rounds} rounds, {_size(sum(spent.bytes_sent.values()))}"
        )
    return lines


def _what(plan: Physical, step: plans.Step) -> str:
    if isinstance(step, plans.Lookup):
        left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
        return f"the keys of {step.left} ({left}) in {step.right} ({right}), {step.helper} helps"
    if isinstance(step, plans.Cohort):
        return f"{_counted(len(step.totals), 'total')} in {_counted(plan.cells, 'cell')} along {step.spine}"
    if isinstance(step, plans.Sum):
        owners = _counted(len(step.fragments), "owner")
        return (
            f"{_counted(len(step.totals), 'total')} in {_counted(plan.cells, 'cell')} over {owners}"
        )
    return f"cells of {step.k} persons or more to {', '.join(step.recipients)}"


def _costs(cost: Estimate) -> list[str]:
    exact = "exactly" if all(step.exact for step in cost.steps) else "at most"
    sent = _size(cost.total_bytes)
    lines = [f"  at most {cost.rounds} rounds, {exact} {sent} over all parties"]
    lines += [f"  {party} sends {_size(sent)}" for party, sent in cost.bytes_sent.items() if sent]
    times = ", ".join(f"{p.name} {cost.seconds(p):.2f} s" for p in PROFILES)
    return [*lines, f"  roughly {times}"]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
