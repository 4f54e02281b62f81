"""Who learns what from a run of a plan, by the cards of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mpcstats.cards.card import Opening
from mpcstats.cards.load import Cards
from mpcstats.plan import physical as plans
from mpcstats.plan.cost import protocols
from mpcstats.plan.physical import Physical
from mpcstats.plan.tables import Find
from mpcstats.plan.told import told

EVERYBODY = "everybody"
PARTS = "of each average the sum and the number of rows that it is of"
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


def leaks(
    plan: Physical, step: plans.Step, cards: Cards, played: Iterable[str]
) -> tuple[Leak, ...]:
    """All that the cards `played` in `step` list: what is opened, then public sizes. Raises UsageError for no card."""
    own = [cards[name] for name in played]
    known = cards.leakage
    opened = dict.fromkeys(
        Leak(step.name, o.id, known[o.id], o.what, to, False)
        for card in own
        for o in card.leakage.opened
        if (to := _opened_to(plan, step, o))
    )
    sizes = dict.fromkeys(
        Leak(step.name, name, known[name], "public sizes of the step", plan.parties, True)
        for card in own
        for name in card.leakage.sizes
    )
    return (*opened, *sizes)


def disclosed(plan: Physical, cards: Cards) -> frozenset[tuple[str, str]]:
    """(what, to whom) for all that a run of `plan` opens, by leakage id, and for the parts of averages."""
    played = protocols(plan)
    found = {
        (leak.id, party)
        for step in plan.steps
        for leak in leaks(plan, step, cards, played[step.name])
        if not leak.public
        for party in leak.to
    }
    if any(column.kind == "quotient" for column in plan.output):
        found |= {(PARTS, party) for party in plan.gate.recipients}
    return frozenset(found)


FAILING: Mapping[str, str] = {
    "leave-out": "how many rows of each owner fail the catalogue's checks, if none do or k persons are behind them",
    "stop": "that no cell passes, if a row of any owner fails the catalogue's checks",
}


def learned(
    plan: Physical, cards: Cards, played: Mapping[str, Iterable[str]] | None = None
) -> tuple[Learned, ...]:
    """One entry for each kind of thing that somebody learns, and one for what nobody does.

    `played`: the cards that play in each step, if they have been found before (plan.cost.protocols).
    """
    if played is None:
        played = protocols(plan)
    found: dict[Learned, None] = {}
    for step in plan.steps:
        for leak in leaks(plan, step, cards, played[step.name]):
            if leak.public:
                continue
            for who, held in _holders(plan, step, leak):
                found[Learned(", ".join(who), leak.what + held)] = None
    if plan.checks != "none":
        found[Learned(", ".join(plan.gate.recipients), FAILING[plan.checks])] = None
    if any(column.kind == "quotient" for column in plan.output):
        found[Learned(", ".join(plan.gate.recipients), PARTS)] = None
    found[Learned(EVERYBODY, "the question, the plan, and the public row bounds")] = None
    for step in plan.steps:
        if isinstance(step, plans.Lookup | Find) and (
            cards[step.card].parties.helper_must_not_collude_with
        ):
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            hidden = (
                f"which keys {left} and {right} have in common, as long as {step.helper} colludes "
                "with neither"
            )
            found[Learned("nobody", hidden)] = None
    if isinstance(plan.aggregate, plans.Outcome):
        hidden = (
            "what the rows of shared tables hold, which of them meet a condition or one another, and how many do, "
            f"as long as no {_number(plan.tolerated + 1)} of {', '.join(plan.compute)} collude"
        )
        found[Learned("nobody", hidden)] = None
    return tuple(found)


def helped(plan: Physical) -> tuple[tuple[str, str, str], ...]:
    """Each helper of a join with the two owners whom it must not collude with, once."""
    steps = (step for step in plan.steps if isinstance(step, plans.Lookup | Find))
    return tuple(
        dict.fromkeys(
            (step.helper, plan.fragment(step.left).owner, plan.fragment(step.right).owner)
            for step in steps
        )
    )


def _number(number: int) -> str:
    return "two" if number == 2 else str(number)


def _holders(
    plan: Physical, step: plans.Step, leak: Leak
) -> tuple[tuple[tuple[str, ...], str], ...]:
    """To whom a leak goes, and in brackets under which minimum; by release where a gate has several."""
    if not isinstance(step, plans.Gate) or isinstance(step, plans.KeptGate):
        return ((leak.to, ""),)
    return tuple(
        (release.recipients, f" ({', '.join([f'k = {release.k}', *beside(plan, release)])})")
        for release in step.releases
    )


def beside(plan: Physical, release: plans.Release) -> list[str]:
    """What holds for a release beside k: contributors, the columns and cells that it is about, what exempts it."""
    words = []
    if release.contributors > 1:
        words.append(f"amounts of {release.contributors} contributors")
    if release.p:
        words.append(f"p-ratio {release.p} %")
    if release.largest is not None:
        words.append("({}, {}) dominance".format(*release.largest))
    if release.complement:
        words.append("complements too")
    if release.rounding > 1:
        words.append(f"counts rounded to {release.rounding}")
    if release.zeros:
        words.append("zeros shown")
    if release.columns is not None:
        names = [
            c.name
            for c in plan.output
            if c.kind not in ("group", "grouping") and {c.position, c.by} & set(release.columns)
        ]
        words.append(f"of {', '.join(names) or 'no column'} alone")
    if release.cells is not None:
        words.append(f"of {len(release.cells)} of {plan.cells} cells")
    if release.exempt is not None:
        words.append(f"exempted by approval {release.exempt[:16]}")
    return words


def _opened_to(plan: Physical, step: plans.Step, opening: Opening) -> tuple[str, ...]:
    """Who learns it in `step`. A private join opens its own cells: the size is told of it, the rest of its gate."""
    join = plan.aggregate
    if not isinstance(join, plans.PrivateJoin):
        return _parties(plan, opening.to)
    of_size = opening.id == join.size
    if of_size == isinstance(step, plans.Gate):
        return ()
    return told(plan, join).size_to if of_size else _parties(plan, opening.to)


def _parties(plan: Physical, role: str) -> tuple[str, ...]:
    """Who plays the role to which a card opens something; a role that is not known here stands for itself."""
    known = {RECIPIENT: plan.gate.recipients, COMPUTE: plan.compute}
    return known.get(role, (role,))
