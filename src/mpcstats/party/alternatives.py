"""A question on every engine that is offered, side by side, as a person compares them before asking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpcstats.cards.load import Cards
from mpcstats.party.candidates import Candidate, Plannable, Unplannable
from mpcstats.plan.cost import Network
from mpcstats.plan.figures import size, times
from mpcstats.plan.learned import EVERYBODY, Learned, helped, learned
from mpcstats.plan.physical import Physical

HEADS = (
    "engine",
    "who computes",
    "tolerates",
    "who learns what",
    "rounds",
    "bytes",
    "s",
    "decision",
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """The question on `engine`: among whom, whom that withstands, who learns what beyond the question and the plan.

    `rounds`, `bytes_sent` over all parties and `seconds` by network are estimates by the cards. They are None, and
    nobody computes or learns anything, where there is no plan or a protocol of it has no card. `against`: why it cannot
    run or is not permitted there; none if the engine is no hindrance. `chosen`: it is the one that would run.
    """

    engine: str
    compute: tuple[str, ...]
    tolerates: str
    learned: tuple[Learned, ...]
    rounds: int | None
    bytes_sent: int | None
    seconds: Mapping[str, float] | None
    against: tuple[str, ...]
    chosen: bool

    @property
    def decision(self) -> str:
        """Chosen, possible, or why not."""
        if self.against:
            return f"no: {'; '.join(self.against)}"
        return "chosen" if self.chosen else "possible"

    @property
    def row(self) -> tuple[str, ...]:
        """What stands under HEADS."""
        return (
            self.engine,
            ", ".join(self.compute),
            self.tolerates,
            "; ".join(map(str, self.learned)),
            "" if self.rounds is None else f"{self.rounds}",
            "" if self.bytes_sent is None else size(self.bytes_sent),
            "" if self.seconds is None else times(self.seconds),
            self.decision,
        )


def alternatives(
    candidates: Iterable[Candidate], chosen: Plannable, cards: Cards, networks: Sequence[Network]
) -> tuple[Alternative, ...]:
    """Every candidate, in order, the `chosen` one among them."""
    return tuple(_alternative(each, chosen, cards, networks) for each in candidates)


def _alternative(
    candidate: Candidate, chosen: Plannable, cards: Cards, networks: Sequence[Network]
) -> Alternative:
    if isinstance(candidate, Unplannable) or candidate.cost is None:
        return Alternative(
            candidate.engine, (), "", (), None, None, None, candidate.against, candidate is chosen
        )
    plan, cost = candidate.plan, candidate.cost
    return Alternative(
        candidate.engine,
        plan.compute,
        tolerates(plan),
        tuple(each for each in learned(plan, cards) if each.who != EVERYBODY),
        cost.rounds,
        cost.total_bytes,
        {n.name: cost.seconds(n) for n in networks},
        candidate.against,
        candidate is chosen,
    )


def tolerates(plan: Physical) -> str:
    """Whom the plan withstands: how many compute parties together, and which helpers must stand apart from whom."""
    who = f"any {plan.tolerated} of {len(plan.compute)} compute parties"
    apart = [f"{helper} apart from {left} and {right}" for helper, left, right in helped(plan)]
    return "; ".join([who, *apart])


def text(found: Sequence[Alternative]) -> str:
    """The alternatives for a person to read, one after another: a row is longer than a line."""
    lines = ["engines compared"]
    for each in found:
        lines.append(f"  {each.engine}: {each.decision}")
        if not each.compute:
            continue
        lines.append(f"      among {', '.join(each.compute)}; tolerates {each.tolerates}")
        if each.rounds is not None and each.bytes_sent is not None and each.seconds is not None:
            lines.append(
                f"      at most {each.rounds} rounds, {size(each.bytes_sent)}; {times(each.seconds)}"
            )
        lines += [f"      {entry}" for entry in each.learned]
    return "\n".join(lines)
