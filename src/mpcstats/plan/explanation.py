"""What a plan does, as data, before anything runs: who reads and computes what, why, who learns what, what it costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpcstats.cards.load import Cards
from mpcstats.errors import InternalError
from mpcstats.plan import physical as plans
from mpcstats.plan.choice import Choice, Choices
from mpcstats.plan.cost import Estimate, Network, StepCost, estimated, played, sizings
from mpcstats.plan.figures import counted
from mpcstats.plan.flow import inputs
from mpcstats.plan.learned import Leak, Learned, beside, leaks, learned
from mpcstats.plan.physical import Fragment, Item, Physical, Use
from mpcstats.plan.sizing import Sizing
from mpcstats.plan.tables import Find
from mpcstats.plan.tablewords import words
from mpcstats.records.levels import Level


@dataclass(frozen=True, slots=True)
class Read:
    """A catalogue column that a fragment reads, what for, and its level there."""

    column: str
    uses: tuple[Use, ...]
    level: Level
    special: bool


@dataclass(frozen=True, slots=True)
class Home:
    """A fragment: what `owner` computes by `sql` in its own database, at most `rows` rows of the columns `yields`."""

    name: str
    owner: str
    rows: int
    reads: tuple[Read, ...]
    yields: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Role:
    """`party` plays `role` of a card `times` times in a step."""

    role: str
    party: str
    times: int


@dataclass(frozen=True, slots=True)
class Composed:
    """Protocol `card` plays in a step too, `runs` times side by side, the first at these public `sizes`."""

    card: str
    runs: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a protocol withstands: `corruptions` of `count` parties, and what becomes of cheating."""

    adversary: str
    corruptions: int
    count: int
    on_cheating: str


@dataclass(frozen=True, slots=True)
class Joint:
    """A step: protocol `card` computes `what` from the fragments and steps `inputs`.

    `helper` helps the parties `helps`; None where nobody does. Rounds and payload bytes sent, by party, equal the
    card's formulas over `sizes`, with those of the protocols that it is `composed` of, or are at most that where they
    are not exact.
    """

    name: str
    card: str
    version: int
    status: str
    what: str
    inputs: tuple[str, ...]
    roles: tuple[Role, ...]
    helper: str | None
    helps: tuple[str, ...]
    sizes: Mapping[str, int]
    rounds: int
    rounds_exact: bool
    bytes_sent: Mapping[str, int]
    bytes_exact: bool
    trust: Trust
    leaks: tuple[Leak, ...]
    choice: Choice
    composed: tuple[Composed, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan (its SHA-256 in `plan`) in full. `tolerated` of `compute` together learn nothing, by the engine's scheme.

    `rounds` are at most those of the whole plan in lockstep: lookups run side by side. `bytes_sent` is payload by
    party over all steps, exact if `bytes_exact`, else a bound. `seconds`, by network, are an estimate (plan.cost).
    """

    question: str
    scenario: str
    purpose: str
    initiator: str
    plan: str
    engine: str
    compute: tuple[str, ...]
    tolerated: int
    recipients: tuple[str, ...]
    k: int
    cells: int
    fragments: tuple[Home, ...]
    steps: tuple[Joint, ...]
    learned: tuple[Learned, ...]
    rounds: int
    bytes_sent: Mapping[str, int]
    bytes_exact: bool
    seconds: Mapping[str, float]

    @property
    def total_bytes(self) -> int:
        """Payload bytes over all parties."""
        return sum(self.bytes_sent.values())

    @property
    def providers(self) -> tuple[str, ...]:
        """The fragments' owners, each once."""
        return tuple(dict.fromkeys(home.owner for home in self.fragments))


def explanation(
    plan: Physical,
    cards: Cards,
    *,
    level: Callable[[Item], Level],
    networks: Sequence[Network],
) -> Explanation:
    """All of `plan`: `level` is that of a column as it is read, `networks` those for which seconds are estimated.

    Raises UsageError for an unknown card.
    """
    sizes = sizings(plan)
    cost = estimated(plan, sizes, cards)
    steps = zip(plan.steps, sizes, cost.steps, strict=True)
    choices = Choices(plan, cards)
    return Explanation(
        question=plan.question,
        scenario=plan.scenario,
        purpose=plan.purpose,
        initiator=plan.initiator,
        plan=plan.digest(),
        engine=plan.engine,
        compute=plan.compute,
        tolerated=plan.tolerated,
        recipients=plan.gate.recipients,
        k=plan.gate.k,
        cells=plan.cells,
        fragments=tuple(_home(fragment, level) for fragment in plan.fragments),
        steps=tuple(_joint(plan, *step, cards, choices) for step in steps),
        learned=learned(plan, cards, played(sizes)),
        rounds=cost.rounds,
        bytes_sent=_by_party(plan, cost),
        bytes_exact=cost.exact,
        seconds={network.name: cost.seconds(network) for network in networks},
    )


def plain(value: object) -> Any:
    """Explanations and what goes with them as lists, dicts, texts and numbers: a field keeps its name, a level its own.

    Raises InternalError for anything else.
    """
    if isinstance(value, Level):
        return value.name
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InternalError(f"expected plain data in an explanation, got {type(value).__name__}")


def _home(fragment: Fragment, level: Callable[[Item], Level]) -> Home:
    read: dict[str, list[Item]] = {}
    for item in fragment.items:
        read.setdefault(f"{item.dataset}.{item.column}", []).append(item)
    keyed = not fragment.columns and any(item.use == "key" for item in fragment.items)
    values, codes = (tuple(c.name for c in part) for part in (fragment.values, fragment.codes))
    columns = (*values, *codes, *(column.name for column in fragment.columns))
    return Home(
        fragment.name,
        fragment.owner,
        fragment.rows,
        tuple(
            Read(
                column,
                tuple(dict.fromkeys(item.use for item in items)),
                max(level(item) for item in items),
                any(item.special for item in items),
            )
            for column, items in read.items()
        ),
        ("key", *columns) if keyed else columns,
        fragment.sql,
    )


def _joint(
    plan: Physical,
    step: plans.Step,
    sizing: Sizing,
    spent: StepCost,
    cards: Cards,
    choices: Choices,
) -> Joint:
    card = cards[step.card]
    owners = (
        (plan.fragment(step.left).owner, plan.fragment(step.right).owner)
        if isinstance(step, plans.Lookup | plans.PrivateJoin | Find)
        else ()
    )
    parties = card.promised(plan.engine, len(plan.compute), plan.tolerated)
    return Joint(
        name=step.name,
        card=card.id,
        version=card.version,
        status=card.status,
        what=_what(plan, step),
        inputs=_inputs(step),
        roles=tuple(Role(role, party, times) for (role, party), times in sizing.roles.items()),
        helper=step.helper if isinstance(step, plans.Lookup | Find) else None,
        helps=owners,
        sizes=sizing.sizes,
        rounds=spent.rounds,
        rounds_exact=spent.rounds_exact,
        bytes_sent=spent.bytes_sent,
        bytes_exact=spent.exact,
        trust=Trust(parties.adversary, parties.corruptions, parties.count, parties.on_cheating),
        leaks=leaks(plan, step, cards, dict.fromkeys(part.card for part in sizing.parts)),
        choice=choices.of(step),
        composed=tuple(
            Composed(part.card, len(part.runs), part.sizes) for part in sizing.parts[1:]
        ),
    )


def _by_party(plan: Physical, cost: Estimate) -> dict[str, int]:
    return {party: cost.bytes_sent.get(party, 0) for party in plan.parties}


def _inputs(step: plans.Step) -> tuple[str, ...]:
    match step:
        case plans.Lookup() | plans.PrivateJoin():
            return (step.left, step.right)
        case plans.Cohort():
            return (step.spine, *step.lookups)
        case plans.Sum():
            return step.fragments
        case plans.Comparison():
            return (step.of, step.everybody)
        case plans.Noise() | plans.Gate():
            return (step.of,)
        case _:
            return inputs(step)


def _what(plan: Physical, step: plans.Step) -> str:
    match step:
        case plans.Lookup():
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            return (
                f"the keys of {step.left} ({left}) in {step.right} ({right}), {step.helper} helps"
            )
        case plans.Cohort():
            totals = counted(len(step.totals), "total")
            return f"{totals} in {counted(plan.cells, 'cell')} along {step.spine}"
        case plans.PrivateJoin():
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            totals = counted(len(step.totals), "total")
            found = f"{totals} over the keys of {step.left} ({left}) in {step.right} ({right})"
            return found + (_hidden(step) if isinstance(step, plans.PaddedJoin) else "")
        case plans.Sum():
            totals, owners = (
                counted(len(step.totals), "total"),
                counted(len(step.fragments), "owner"),
            )
            return f"{totals} in {counted(plan.cells, 'cell')} over {owners}"
        case plans.Comparison():
            earlier = counted(step.cells, "earlier cell")
            return f"{counted(plan.cells, 'cell')} beside {earlier}: none that differs in 1 to {step.k - 1} persons"
        case plans.Noise():
            names = [total.name for total in plan.aggregate.totals]
            added = (each.words(names[each.column]) for each in step.columns)
            again = "the same if asked again" if step.sticky else "new in every run"
            kept = "".join(f"; {name}: at most {limits}" for name, limits in step.limits)
            return f"adds {'; '.join(added)}, {again}: costs {step.loss} of each dataset{kept}"
        case plans.KeptGate():
            return (
                f"the sums as they are to {', '.join(step.recipients)}, and of each cell how many persons the owners "
                "have counted: nothing is tested"
            )
        case plans.Gate():
            return "; ".join(_opens(plan, release) for release in step.releases)
        case _:
            return words(plan, step)


def _hidden(step: plans.PaddedJoin) -> str:
    law = step.law
    return (
        f"; their number with noise of -{law.shift} to {law.shift} for each of the two that is told it, by dummies: "
        f"costs {law.loss} of each dataset; sums are exact"
    )


def _opens(plan: Physical, release: plans.Release) -> str:
    words = ", ".join(beside(plan, release))
    to = ", ".join(release.recipients)
    return f"cells of {release.k} persons or more to {to}" + (f" ({words})" if words else "")
