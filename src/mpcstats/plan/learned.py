"""Who learns what from a run of a plan, by the cards of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.cards.load import Cards
from mpcstats.plan import physical as plans
from mpcstats.plan.physical import Physical

RECIPIENT = "recipient"  # roles of cards' openings
COMPUTE = "compute"


@dataclass(frozen=True, slots=True)
class Leak:
    """What step `step` shows to the parties `to`: leakage id `id`, its sentence in the vocabulary, the card's words."""

    step: str
    id: str
    words: str
    what: str
    to: tuple[str, ...]
    public: bool  # a public size, which everybody knows before the run


@dataclass(frozen=True, slots=True)
class Learned:
    """What `who` learns, as a person reads it; of nobody, what stays hidden and as long as what holds."""

    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.who}: {self.what}"


def leaks(plan: Physical, step: plans.Step, cards: Cards) -> tuple[Leak, ...]:
    """All that the card of `step` lists: what it opens, then its public sizes. Raises UsageError for no such card."""
    card = cards[step.card]
    known = cards.leakage
    opened = (
        Leak(step.name, o.id, known[o.id], o.what, _parties(plan, o.to), False)
        for o in card.leakage.opened
    )
    sizes = (
        Leak(step.name, name, known[name], "public sizes of the step", plan.parties, True)
        for name in card.leakage.sizes
    )
    return (*opened, *sizes)


def learned(plan: Physical, cards: Cards) -> tuple[Learned, ...]:
    """One entry for each kind of thing that somebody learns, and one for what nobody does."""
    found: dict[Learned, None] = {}
    for step in plan.steps:
        for leak in leaks(plan, step, cards):
            if not leak.public:
                who = ", ".join(leak.to)
                found[Learned(who, f"{leak.what} (k = {plan.gate.k})")] = None
    found[Learned("everybody", "the question, the plan, and the public row bounds")] = None
    for step in plan.steps:
        if isinstance(step, plans.Lookup) and cards[step.card].parties.helper_must_not_collude_with:
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            hidden = (
                f"which keys {left} and {right} have in common, as long as {step.helper} colludes "
                "with neither"
            )
            found[Learned("nobody", hidden)] = None
    return tuple(found)


def _parties(plan: Physical, role: str) -> tuple[str, ...]:
    """Who plays the role to which a card opens something; a role that is not known here stands for itself."""
    known = {RECIPIENT: plan.gate.recipients, COMPUTE: plan.compute}
    return known.get(role, (role,))
