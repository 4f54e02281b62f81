"""The public sizes of a step and who plays which role how often: what the formulas of cards are taken at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mpcstats.plan.physical import Physical
from mpcstats.plan.work import RING, Work

Roles = Mapping[tuple[str, str], int]
DIVISIONS = ("divide_rounds", "divide_bytes", "divide_bytes_seat0", "divide_bytes_seat2")


@dataclass(frozen=True, slots=True)
class Sizing:
    """The public sizes of one run of a protocol, and (role, party) -> how many times the party plays the role.

    `beside` are further runs of the card in the same step, side by side with this one: a gate's other releases.
    `then` are runs of other protocols that the step is composed of. Not `exact`: sizes are bounds, and so are the
    figures. Without roles nothing is sent. `work`: seconds of computing that bytes do not tell of.
    """

    step: str
    card: str
    sizes: Mapping[str, int]
    roles: Roles
    beside: tuple[Sizing, ...] = ()
    then: tuple[Sizing, ...] = ()
    exact: bool = True
    work: float = 0.0

    @property
    def runs(self) -> tuple[Sizing, ...]:
        """This run and those beside it."""
        return (self, *self.beside)

    @property
    def parts(self) -> tuple[Sizing, ...]:
        """This run, and those that follow it, in order."""
        return (self, *(part for each in self.then for part in each.parts))


def everyone(plan: Physical, *roles: str, times: int = 1) -> Counter[tuple[str, str]]:
    """Each compute party as "compute" and as `roles`."""
    return Counter({(role, party): times for role in ("compute", *roles) for party in plan.compute})


def seated(plan: Physical, *seats: int, times: int = 1) -> Counter[tuple[str, str]]:
    """The compute parties in these seats, as "seat0" and so on."""
    there = [seat for seat in seats if seat < len(plan.compute)]  # engine clear has one
    return Counter({(f"seat{seat}", plan.compute[seat]): times for seat in there})


def owned(plan: Physical, owner: str) -> Counter[tuple[str, str]]:
    """The roles of a permutation that `owner` knows: it and its neighbours, or it outside and all seats."""
    if owner not in plan.compute:
        seats = {(f"outside_seat{i}", party): 1 for i, party in enumerate(plan.compute)}
        return Counter({("outside_owner", owner): 1, **seats})
    seat = plan.compute.index(owner)
    after, before = plan.compute[(seat + 1) % len(plan.compute)], plan.compute[seat - 1]
    return Counter({("owner", owner): 1, ("after_owner", after): 1, ("before_owner", before): 1})


def outside(plan: Physical, owner: str) -> int:
    """1 if the owner is not a compute party, else 0."""
    return int(owner not in plan.compute)


def beside(runs: Sequence[Sizing]) -> tuple[Sizing, ...]:
    """The runs as one, side by side; nothing for none."""
    return (replace(runs[0], beside=tuple(runs[1:])),) if runs else ()


def then(first: Sizing, *others: Iterable[Sizing]) -> Sizing:
    """The step that begins with `first` and goes on with all the others."""
    return replace(first, then=(*first.then, *(each for runs in others for each in runs)))


def put_in(
    plan: Physical, step: str, owner: str, *, rows: int, bits: int, numbers: int
) -> tuple[Sizing, ...]:
    """Rows of bits and columns of numbers that `owner` puts in; nothing if there are none."""
    if not (bits or numbers):
        return ()
    out = outside(plan, owner)
    sizes = {"rows": rows, "bits": bits, "numbers": numbers, "outside": out}
    roles = everyone(plan) + Counter({("outside" if out else "inside", owner): 1})
    return (Sizing(step, "table", sizes, roles),)


def worked(plan: Physical, step: str, work: Work, *, rows: int) -> tuple[Sizing, ...]:
    """Operations of the engine on columns of `rows` rows, by the card of derive; nothing if nobody sends anything.

    Divisions of columns are runs of their own, by the card of divide.
    """
    if work.nothing:
        return ()
    sizes = {
        "rows": rows,
        "ands": work.ands,
        "numbers": work.words,
        "upper": work.put_in,
        "halves": work.halves,
        "opened": RING * work.halves,
        "level_rounds": work.rounds,
        **dict.fromkeys(DIVISIONS, 0),
    }
    roles = everyone(plan) + seated(plan, 0, 2)
    return (Sizing(step, "derive", sizes, roles, exact=False),)
