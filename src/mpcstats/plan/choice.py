"""Why a step of a plan runs the protocol that it runs: when the planner chooses it, and why it chose no other."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.cards.load import Cards
from mpcstats.plan import physical as plans
from mpcstats.plan.physical import Physical
from mpcstats.plan.tablechoice import TableChoice

HELPED = "it takes more bytes, and is for joins whose owners accept no helper in common"
ON_TABLES = "it is for tables of shares, and takes more bytes"
NO_HELPER = "it needs a helper that is neither of the two"
TELLS = "it tells the size of the intersection as it is"


@dataclass(frozen=True, slots=True)
class Other:
    """A protocol that computes something like it, and why it was not chosen."""

    card: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The conditions under which the planner chooses a step's card; no `others`: there is no alternative."""

    because: str
    others: tuple[Other, ...]


class Choices:
    """Why the steps of a plan have their cards. Of other protocols only those that are among `cards` are named."""

    def __init__(self, plan: Physical, cards: Cards) -> None:
        self._plan = plan
        self._cards = cards
        self._on_tables = TableChoice(plan, cards)

    def of(self, step: plans.Step) -> Choice:
        """Why `step` has its card."""
        plan = self._plan
        others: tuple[Other, ...]
        match step:
            case plans.Sum():
                because, others = _sum(step), (Other("lookup_join", "no keys of two owners meet"),)
            case plans.Lookup():
                because, others = _lookup(plan, step), (Other("sort_join", HELPED),)
            case plans.Cohort():
                because, others = (
                    _cohort(plan, step),
                    tuple(Other(card, ON_TABLES) for card in ("group_by_public", "group_by")),
                )
            case plans.PaddedJoin():
                because = f"{_pair(plan, step)}; the policy does not let the exact size be told"
                others = (Other("private_join", TELLS), Other("lookup_join", NO_HELPER))
            case plans.PrivateJoin():
                because, others = _pair(plan, step), (Other("lookup_join", NO_HELPER),)
            case plans.JoinGate():
                because, others = (
                    "the party that finds the matches tests k, and opens nothing of fewer",
                    (),
                )
            case plans.KeptGate():
                because, others = (
                    "two are left, who can test nothing, and the policy asks for no test",
                    (),
                )
            case plans.Comparison():
                because, others = "the policy compares cells with those of earlier runs", ()
            case plans.Noise():
                because, others = (
                    "the policy asks for noise, and repeats must not average it away",
                    (),
                )
            case plans.Gate():
                because, others = "nothing else in a plan opens a value", ()
            case _:
                because = self._on_tables.because(step)
                others = tuple(Other(*each) for each in self._on_tables.others(step))
        return Choice(because, tuple(other for other in others if other.card in self._cards))


def _sum(step: plans.Sum) -> str:
    """rules.cells: a question that joins nothing between owners."""
    if len(step.fragments) == 1:
        return "the question reads one owner's rows: the owner counts its cells at home"
    return "the question joins nothing between owners: each counts its cells at home, and they are added"


def _lookup(plan: Physical, step: plans.Lookup) -> str:
    """rules.spine: the spine by bytes, the helper by the order of the compute parties."""
    left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
    return (
        f"the question joins {left} and {right} on the person key; {step.left} is the spine: of the relations "
        "that one owner has whole, and whose lookups all find a helper, the one with the fewest bytes; "
        f"{step.helper} helps: the first compute party that both owners accept and that is neither of them"
    )


def _pair(plan: Physical, step: plans.PrivateJoin) -> str:
    """plan.pairing."""
    left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
    columns = (
        f", which has the columns that are summed and sees none of {left}'s keys"
        if step.columns
        else ""
    )
    return f"{left} and {right} compute alone: {left} finds the matches with {right}{columns}"


def _cohort(plan: Physical, step: plans.Cohort) -> str:
    """plan.lower: what follows lookups, always."""
    labels = f", in {plan.cells} cells with public labels" if step.groups else ""
    return f"the joined rows of {step.spine} are counted where their lookups hit{labels}"
