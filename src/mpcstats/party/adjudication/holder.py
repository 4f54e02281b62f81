"""The holder's side: is this claim permitted, is the token good, and which one row is it about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.adjudication.claim import Claim, ClaimForm, claim_of
from mpcstats.party.adjudication.decide import agreed_terms, decided_by, permitted, refuse
from mpcstats.party.adjudication.plan import ClaimPlan, plan_of
from mpcstats.party.adjudication.play import Side, Spend
from mpcstats.party.compile import Papers
from mpcstats.party.data.sources import Value
from mpcstats.party.desk.consent import ConsentDesk, now
from mpcstats.party.node import Node
from mpcstats.party.question import Question
from mpcstats.protocols.adjudication import Settled
from mpcstats.records.catalogue import Column
from mpcstats.records.consent.terms import Ask
from mpcstats.records.consent.token import TOKEN_KIND
from mpcstats.records.second import FORM
from mpcstats.records.signed import Statement

EVENT_LIMIT = 256  # characters of an event's name
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hold(node: Node, question: Question, papers: Papers, event: str) -> Side:
    """The holder's decision on the claim of `question` about `event`, written to its ledger, and the row.

    Raises PolicyRefused with every reason, a replayed token being a violation; UsageError for data that are not as the
    catalogue says.
    """
    with node.decisions.deciding(question, papers):
        claim, plan = _read(node, question)
        level, rule, reasons = decided_by(node, question, claim)
        desk, token = _desk(node, plan), _token(node, claim, papers)
        ask = _ask(desk, plan, claim, question, event)
        refusals = desk.presented(token, ask)
        if not desk.accepts(plan.insurer, claim.rule):
            other = "other-rule: expected a commitment to a rule that the holder's desk names, got another"
            reasons = (*reasons, other)
        replayed = ("replayed-token",) if any(each.violation for each in refusals) else ()
        refuse(node.me, (*reasons, *map(str, refusals)), replayed)
        if claim.matter != ask.matter:
            refuse(node.me, ("other-matter: expected the claim's event to be the one named",))
        row = _row(node, desk, ask, claim.form)
    why = permitted(plan, level, rule, node, claim.form.dataset)
    node.decisions.write_permit(question, why)
    settled = _settled(claim.form, row)
    return Side(
        question,
        papers,
        plan,
        agreed_terms(node, question, plan),
        settled=settled,
        spend=Spend(token, ask, _second(node, claim.form, row)),
    )


def _read(node: Node, question: Question) -> tuple[Claim, ClaimPlan]:
    try:
        claim = claim_of(question)
        plan = plan_of(question, claim, node.records.catalogue, node.records.cards)
    except UsageError as error:
        raise PolicyRefused(node.me, (str(error),)) from None
    if plan.holder != node.me:
        refuse(
            node.me, (f"other-owner: expected a dataset of {node.me}, got one of {plan.holder}",)
        )
    return claim, plan


def _desk(node: Node, plan: ClaimPlan) -> ConsentDesk:
    if node.consent is None:
        raise PolicyRefused(
            node.me, ("expected a desk of consents at the holder, got none: no token can be spent",)
        )
    return node.consent


def _token(node: Node, claim: Claim, papers: Papers) -> Statement:
    found = [paper for paper in papers if paper.kind == TOKEN_KIND and paper.digest == claim.token]
    if len(found) != 1 or len(papers) != 1:
        refuse(
            node.me, ("no-token: expected the one token that the claim names, and no other paper",)
        )
    return found[0]


def _ask(desk: ConsentDesk, plan: ClaimPlan, claim: Claim, question: Question, event: str) -> Ask:
    """What is asked of the token: the event is the one named, whatever the claim says of its pseudonym."""
    if not 0 < len(event) <= EVENT_LIMIT or not event.isprintable():
        refuse(plan.holder, (f"expected an event's name of at most {EVENT_LIMIT} characters",))
    return Ask(
        plan.holder,
        (plan.insurer,),
        claim.form.fields,
        question.scenario,
        question.purpose,
        now(),
        claim.person,
        desk.key.matter(event),
    )


def _row(node: Node, desk: ConsentDesk, ask: Ask, form: ClaimForm) -> Mapping[str, Value]:
    """The one row of the token's person and event."""
    dataset = node.records.catalogue.dataset(form.dataset)
    if dataset.consent != "per-matter":
        refuse(
            node.me,
            (
                f'{dataset.name}: expected consent = "per-matter" in the catalogue, got {dataset.consent!r}',
            ),
        )
    rows = node.sources.matter(ask, desk.key, column=form.event)
    if len(rows) != 1:
        got = "none" if not rows else "several"
        refuse(
            node.me,
            (f"no-event: expected one settlement of the token's person and event, got {got}",),
        )
    return rows[0]


def _settled(form: ClaimForm, row: Mapping[str, Value]) -> Settled:
    amounts = [row[name] for name in form.amounts]
    if not all(isinstance(amount, int) for amount in amounts):
        raise UsageError(
            f"{form.dataset}: expected an amount in every column of the claim, got NULL"
        )
    return Settled(
        tuple(amount for amount in amounts if isinstance(amount, int)),
        tuple(row[name] == value for name, value in form.pairs),
    )


def _second(node: Node, form: ClaimForm, row: Mapping[str, Value]) -> str | None:
    """When the event was settled: the end of what a service level measures from."""
    if form.settled is None:
        return None
    column: Column = node.records.catalogue.dataset(form.dataset).columns[form.settled]
    value = row[form.settled]
    if not isinstance(value, int):
        return None
    step = timedelta(days=1) if column.unit == "day" else timedelta(seconds=1)
    try:
        return (EPOCH + value * step).strftime(FORM)
    except OverflowError:
        raise UsageError(f"{form.dataset}: expected a time of this era in {form.settled}") from None
