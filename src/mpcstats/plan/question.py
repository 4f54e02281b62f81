"""From the text of a question to the physical plan: the SQL door, the rules in order, the last stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlglot.errors import SqlglotError

from mpcstats.errors import UsageError
from mpcstats.plan import physical as plans
from mpcstats.plan.context import Context, Helpers
from mpcstats.plan.contributing import everyone_contributes
from mpcstats.plan.cost import sizings
from mpcstats.plan.interval import TooLarge
from mpcstats.plan.limits import Limited
from mpcstats.plan.logical import Block
from mpcstats.plan.lower import GATE, lower
from mpcstats.plan.offer import PAIR
from mpcstats.plan.pairing import paired
from mpcstats.plan.relational.planning import Planned, relational
from mpcstats.plan.rules.cells import cells
from mpcstats.plan.rules.criteria import criteria
from mpcstats.plan.rules.group_codes import group_codes
from mpcstats.plan.rules.measures import measures
from mpcstats.plan.rules.person_key import person_key
from mpcstats.plan.rules.resolve import resolve
from mpcstats.plan.rules.spine import spine
from mpcstats.plan.rules.split_owners import split_owners
from mpcstats.plan.sql import parse
from mpcstats.plan.strictness import Checks
from mpcstats.records.catalogue import Catalogue
from mpcstats.suppression.secondary import Method

Rule = Callable[[Block, Context], Block]

# Each rule needs what the ones before it have done.
RULES: tuple[Rule, ...] = (
    criteria,
    resolve,
    split_owners,
    person_key,
    group_codes,
    measures,
    cells,
    spine,
)
WORD_BYTES = 8
MOST_BYTES = 1 << 30  # what a peer takes in one message (transport.inbox)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a question is asked with, beside its text: who asks whom, where it is computed, and under which k.

    `helpers` says which parties both owners of a lookup accept as helper; `k` is the least number of persons
    of a cell that may be opened. `contributors`: the institutions behind amounts are counted, where they can be;
    `contributions`: what each of them adds to an amount, too. `complement`: the persons who do not contribute to a
    column are counted. `rounding`, `quantiles`: counts, and quantiles, are rounded to a multiple of it. `suppression`
    is the method that chooses which cells are hidden beside others, where totals are shown, and `percent` the room of
    hidden amounts. `checks`: what is done, on shares, about rows that fail the catalogue's checks. `limits`: of what
    one person adds, by dataset. `threshold`: as in plan.offer.Seats.
    """

    catalogue: Catalogue
    engine: str
    compute: tuple[str, ...]
    initiator: str
    recipients: tuple[str, ...]
    scenario: str
    purpose: str
    k: int
    helpers: Helpers
    contributors: bool = False
    contributions: bool = False
    complement: bool = False
    rounding: int = 1
    quantiles: int = 1
    suppression: Method = "greedy"
    percent: int = 10
    checks: Checks = "none"
    limits: Limited = field(default_factory=dict)
    threshold: int | None = None


def plan_question(text: str, setting: Setting) -> plans.Physical:
    """The physical plan of the question `text` (SQL, DuckDB dialect).

    The same text and setting give the same plan, with the same digest, at every party. Raises UsageError, with
    line and column, where the question asks for something that cannot be computed, or not yet.
    """
    if len(set(setting.compute)) != len(setting.compute):
        raise UsageError(f"expected different compute parties, got {', '.join(setting.compute)}")
    context = Context(
        text,
        setting.catalogue,
        setting.compute,
        setting.helpers,
        persons=setting.k > 1,
        contributors=setting.contributors or setting.contributions,
        contributions=setting.contributions,
        complement=setting.complement,
        rounding=setting.rounding,
        quantiles=setting.quantiles,
        suppression=setting.suppression,
        percent=setting.percent,
        checks=setting.checks,
        limits=setting.limits,
        engine=setting.engine,
    )
    try:
        found = _planned(context, setting.recipients)
    except SqlglotError as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"expected a question whose parts fit together, got: {said}") from None
    release = plans.Release(setting.recipients, setting.k)
    gate = _gate(found.steps[-1], release)
    plan = plans.Physical(
        question=text,
        scenario=setting.scenario,
        purpose=setting.purpose,
        initiator=setting.initiator,
        engine=setting.engine,
        compute=setting.compute,
        fragments=found.fragments,
        steps=(*found.steps, gate),
        output=found.output,
        order=found.order,
        limit=found.limit,
        checks=setting.checks,
        threshold=setting.threshold,
    )
    try:
        _check_messages(plan, context)
    except TooLarge:
        raise context.refuse(
            None,
            "a number that is computed on the way may reach beyond 2^62: state tighter bounds in the catalogue",
        ) from None
    return plan


def _planned(context: Context, recipients: tuple[str, ...]) -> Planned:
    if context.engine == PAIR:
        block = _ruled(context, RULES[:-1])
        fragments, join = paired(block, context, recipients)
        return Planned(fragments, (join,), block.output, block.order)
    return _cohort(context) or relational(context)


def _gate(of: plans.Step, release: plans.Release) -> plans.Gate:
    """What opens the cells of the last step: a private join opens its own."""
    kind = plans.JoinGate if isinstance(of, plans.PrivateJoin) else plans.Gate
    return kind(GATE, of.name, (release,))


def _ruled(context: Context, rules: Iterable[Rule]) -> Block:
    block = parse(context)
    for rule in rules:
        block = rule(block, context)
    return block


def _cohort(context: Context) -> Planned | None:
    """The plan along one spine of persons; None where the question is none for it, or tables show more of its cells.

    A cohort counts the persons of cells, and neither those who contribute to a column nor institutions, which are asked
    for behind amounts, and rounds nothing; it never has the rows as shares, which checks are made on.
    """
    if context.checked or context.rounding > 1:
        return None
    try:
        block = _ruled(context, RULES)
        lowered = lower(block, context)
    except UsageError:
        return None
    if context.contributors and any(m.kind == "sum" for m in block.measures):
        return None
    if context.persons and not all(everyone_contributes(m) for m in block.measures):
        return None
    return Planned(lowered.fragments, lowered.steps, block.output, block.order)


def _check_messages(plan: plans.Physical, context: Context) -> None:
    """Raises UsageError if a party would have to send more than MOST_BYTES in one message."""
    for sizing in sizings(plan):
        columns = max((n for (role, _), n in sizing.roles.items() if role == "masked"), default=0)
        size = columns * sizing.sizes.get("rows", 0) * WORD_BYTES
        if size > MOST_BYTES:
            raise context.refuse(
                None,
                f"the sums of {plan.cells} cells over {sizing.sizes['rows']:,} rows would take a message of "
                f"{size / 1e9:.1f} GB, of at most {MOST_BYTES / 1e9:.1f} GB: ask for fewer groups or totals",
            )
