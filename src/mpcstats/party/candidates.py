"""A question on every engine that is offered: its plan there, whether it is permitted, and which one is chosen.

The choice goes by what all parties have alike (question, papers, catalogue, policy, registers, cards), never by what
one party alone knows, so that all choose the same; the handshake compares the plan, and so the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mpcstats.cards.load import Cards
from mpcstats.errors import UsageError
from mpcstats.party.networks import CHOSEN_BY
from mpcstats.plan.cost import Estimate, affordable, protocols
from mpcstats.plan.learned import disclosed
from mpcstats.plan.offer import REP3, SEATS, Offer
from mpcstats.plan.physical import Physical
from mpcstats.policy.case import Case
from mpcstats.policy.check import on_engine
from mpcstats.policy.conditions.protocols import unordered


@dataclass(frozen=True, slots=True)
class Plannable:
    """A plan of the question on `engine`, what it costs by the cards, and why the policy does not permit it there.

    `cost` is None where a protocol of the plan has no card. `opens` is what is opened, and to whom.
    """

    engine: str
    plan: Physical
    cost: Estimate | None
    against: tuple[str, ...]
    opens: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Unplannable:
    """The question cannot be computed on `engine`; `fault` says why."""

    engine: str
    fault: UsageError = field(compare=False)

    @property
    def against(self) -> tuple[str, ...]:
        """Why not, in words."""
        return (str(self.fault),)


Candidate = Plannable | Unplannable


def asked_for(offers: tuple[Offer, ...], engine: str | None) -> tuple[Offer, ...]:
    """Those of `offers` that are of `engine`; None: all. Raises UsageError if there are none."""
    found = tuple(offer for offer in offers if engine in (None, offer.engine))
    if not found:
        known = ", ".join(dict.fromkeys(offer.engine for offer in offers))
        how = "compute = [...]" if engine == REP3 else f"[engines.{engine}]"
        raise UsageError(
            f"expected an engine that the consortium offers ({known}), got {engine}: its file, or "
            f"local.toml, offers it with {how}"
        )
    return found


def weighed(
    engine: str, plan: Callable[[], Physical], case_of: Callable[[Physical], Case]
) -> Candidate:
    """The question on one engine, by its `plan` there and the case that it is."""
    try:
        made = plan()
        case = case_of(made)
        _check_runs(made, case.cards)
        against = tuple(reason.text for reason in on_engine(case))
        cost = affordable(made, case.cards)
        opens = frozenset() if cost is None else disclosed(made, case.cards)
        return Plannable(engine, made, cost, against, opens)
    except UsageError as fault:
        return Unplannable(engine, fault)


def _check_runs(plan: Physical, cards: Cards) -> None:
    """Raises UsageError if protocols of the plan are not of its engine, whatever a policy says: nothing can run."""
    played = dict.fromkeys(name for names in protocols(plan).values() for name in names)
    engines = {name: cards[name].parties.engines for name in played if name in cards}
    lacking = [name for name, has in engines.items() if plan.engine not in has]
    if lacking:
        elsewhere = [each for each in SEATS if all(each in engines[name] for name in lacking)]
        where = f": they are of {' and '.join(elsewhere)}" if elsewhere else ""
        raise UsageError(
            f"expected protocols of engine {plan.engine}, got {', '.join(lacking)}{where}"
            f"{unordered(lacking, plan.engine)}"
        )


def chosen(candidates: Iterable[Candidate]) -> Plannable:
    """Of the permitted plans that open no more than another one, that of the fewest seconds over a wide-area network.

    Of equal ones the first. A plan that opens all that another one does, and more, is never taken for being faster.
    If none is permitted, the first that can be computed: the policy's reasons against it are said. Raises UsageError
    where there is none, with the reason of every engine.
    """
    every = tuple(candidates)
    plans = [each for each in every if isinstance(each, Plannable)]
    if not plans:
        faults = [each.fault for each in every if isinstance(each, Unplannable)]
        if len(faults) == 1:
            raise faults[0]
        words = dict.fromkeys(f"on {each.engine}: {each.against[0]}" for each in every)
        raise UsageError("; ".join(words))
    permitted = [each for each in plans if not each.against]
    least = [each for each in permitted if not any(one.opens < each.opens for one in permitted)]
    return min(least, key=_seconds) if least else plans[0]


def _seconds(candidate: Plannable) -> float:
    return float("inf") if candidate.cost is None else candidate.cost.seconds(CHOSEN_BY)
