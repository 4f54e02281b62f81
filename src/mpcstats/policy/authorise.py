"""May it be asked at all? The decision of the table alone, before there is a plan: permit, with obligations, or deny.

分场景、分级授权: by scenario, level, who asks, what is computed, and what the answer looks like. A pure function over
the table, so that an office can say beforehand what a party's node will say later; the node decides on the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mpcstats.plan.strictness import STRICTNESS
from mpcstats.policy.operations import OPERATIONS
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import ANYBODY, LOUDNESS, STRENGTH, WIDTH, Policy, Requirement, Rule
from mpcstats.records.levels import Level

# Those who grant, check and register do not ask (运营与授权分离: operating is separated from authorising).
MAY_ASK = frozenset({"party", "user", "operator", "government", "regulator"})
ADJUDICATION = "adjudication"  # the operation that is no statistic: one person's own event
PAYABLE_AMOUNT = "payable-amount"  # its only form

Verdict = Literal["permit", "permit-with-obligations", "deny"]
Duty = (
    Requirement
    | Literal[
        "minimum-persons",
        "minimum-contributors",
        "dominance",
        "concentration",
        "complement",
        "rounding",
        "quantile-rounding",
        "noise",
        "checks",
        "adversary",
        "signatures",
        "government-led",
        "budget",
        "fee",
        "recipients",
        "no-blind-keys",
        "token",
    ]
)


@dataclass(frozen=True, slots=True)
class Obligation:
    """What has to be met; `amount` where it is a number (persons, contributors, per cent, signatures, questions)."""

    duty: Duty
    text: str
    amount: int | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody would ask: all as text, from anybody; what is unknown is denied.

    `requester`: a role of principals; `operation`: one of policy.operations or "adjudication"; `form`: "aggregate",
    "plain" or "payable-amount"; `recipient`: a party, or None if that is still open.
    """

    scenario: str
    level: str
    requester: str
    operation: str
    form: str
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The verdict and why; obligations in the order of the rule's fields, none unless there are any."""

    verdict: Verdict
    reason: Reason
    obligations: tuple[Obligation, ...] = ()


def authorise(policy: Policy, wish: Wish) -> Authorisation:
    """What `policy` says to `wish`. Total: whatever it does not say is a denial, with the first ground."""
    level = Level.__members__.get(wish.level)
    rule = None if level is None else policy.rule(wish.scenario, level)
    if rule is None:
        text = f"no rule speaks of scenario {wish.scenario!r} at level {wish.level!r}: what is unknown is denied"
        return Authorisation("deny", Reason("no-rule", text))
    against = next(_against(rule, wish), None)
    if against is not None:
        return Authorisation("deny", against)
    duties = _token() if wish.operation == ADJUDICATION else tuple(_duties(rule, wish))
    why = Reason("permitted", f"rule {rule.name}" + (f": {rule.because}" if rule.because else ""))
    return Authorisation("permit-with-obligations" if duties else "permit", why, duties)


def _against(rule: Rule, wish: Wish) -> Iterator[Reason]:
    if wish.requester not in MAY_ASK:
        yield Reason(
            "requester",
            f"expected who asks to be one of {', '.join(sorted(MAY_ASK))}, got {wish.requester!r}: who "
            "grants, checks or registers does not ask",
        )
    if wish.operation == ADJUDICATION:
        yield from _against_adjudication(rule, wish)
    else:
        yield from _against_statistic(rule, wish)


def _against_adjudication(rule: Rule, wish: Wish) -> Iterator[Reason]:
    if not rule.adjudication:
        yield Reason("operation", f"rule {rule.name} permits no adjudication")
    if wish.form != PAYABLE_AMOUNT:
        yield Reason(
            "form",
            f"rule {rule.name} lets an adjudication tell the payable amount alone; this asks for {wish.form!r}",
        )


def _against_statistic(rule: Rule, wish: Wish) -> Iterator[Reason]:
    if not rule.permit:
        yield Reason("denied", f"rule {rule.name}: {rule.because}")
        return
    named = OPERATIONS if rule.operations is None else rule.operations
    if wish.operation not in named:
        yield Reason(
            "operation",
            f"rule {rule.name} permits {', '.join(sorted(named))}; this asks for {wish.operation!r}",
        )
    forms = [form for form, width in WIDTH.items() if width <= WIDTH[rule.form]]
    if wish.form not in forms:
        yield Reason(
            "form", f"rule {rule.name} permits answers as {', '.join(forms)}, not {wish.form!r}"
        )
    recipient = wish.recipient
    if not (recipient is None or ANYBODY in rule.recipients or recipient in rule.recipients):
        yield Reason(
            "recipient",
            f"rule {rule.name} permits {', '.join(sorted(rule.recipients))} as recipient; this is for "
            f"{recipient}",
        )


def _duties(rule: Rule, wish: Wish) -> Iterator[Obligation]:
    """What the rule asks of a statistic. Duties on magnitudes are named for every operation but a count."""
    if rule.minimum_persons > 1:
        k = rule.minimum_persons
        yield Obligation("minimum-persons", f"cells of at least {k} persons", k)
    if wish.operation != "count":
        if rule.minimum_contributors > 1:
            least = rule.minimum_contributors
            words = f"at least {least} contributors of a magnitude"
            yield Obligation("minimum-contributors", words, least)
        if rule.dominance > 0:
            words = f"a p-ratio of {rule.dominance} % of a magnitude"
            yield Obligation("dominance", words, rule.dominance)
        if rule.concentration is not None:
            words = f"{rule.concentration} of a magnitude"
            yield Obligation("concentration", words, rule.concentration.percent)
    if rule.rounding > 1:
        yield Obligation("rounding", f"counts rounded to {rule.rounding}", rule.rounding)
    if rule.quantile_rounding > 1 and wish.operation != "count":
        words = f"quantiles rounded to {rule.quantile_rounding}"
        yield Obligation("quantile-rounding", words, rule.quantile_rounding)
    if rule.complement:
        yield Obligation("complement", "complements that are none or as large as a cell must be")
    if LOUDNESS[rule.noise] > 0:
        yield Obligation("noise", f"noise on {rule.noise}")
    if STRICTNESS[rule.checks] > 0:
        yield Obligation("checks", f"rows that fail the catalogue's checks: {rule.checks}")
    if STRENGTH[rule.adversary] > 0:
        yield Obligation("adversary", f"protocols with {rule.adversary} security")
    if ANYBODY not in rule.recipients:
        yield Obligation("recipients", f"for {', '.join(sorted(rule.recipients))} alone")
    if (
        not rule.blind_keys and wish.form != "plain"
    ):  # what is open as it stands is joined by anybody
        yield Obligation("no-blind-keys", "no join on a person key")
    yield from _papers(rule)
    if rule.budget is not None:
        yield Obligation("budget", f"at most {rule.budget}", rule.budget.questions)
    if rule.fee:
        yield Obligation("fee", "a fee")


def _papers(rule: Rule) -> Iterator[Obligation]:
    for requirement in sorted(set(rule.requires)):
        yield Obligation(requirement, f"{requirement} required")
    if rule.signatures > 1:
        words = f"{rule.signatures} signatures under the approval"
        yield Obligation("signatures", words, rule.signatures)
    if rule.government_led:
        yield Obligation("government-led", "a government-led project")


def _token() -> tuple[Obligation, ...]:
    return (
        Obligation("token", "the person's one-shot token for this event, consumed by the answer"),
    )
