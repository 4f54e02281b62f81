"""The release gate: the one way into the public domain, from the answer of a permitted run, and one-way.

It does not know the personal domain, and can be handed nothing from it: it takes a Permit, which the policy alone
makes, and an answer that must be one which the permitted plan can give: the plan's columns, its public labels,
numbers within its bounds, and nothing where a cell is suppressed. There is no text in it that was not public before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.answer import Answer, Cell, State
from mpcstats.party.domains.classify import Bounds, Output, classify_answer
from mpcstats.party.domains.public import PublicDomain, seal_release
from mpcstats.plan.physical import OutputColumn, Physical
from mpcstats.policy.permit import Permit
from mpcstats.records.billing.units import finished
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.record import Record


def release(
    public: PublicDomain,
    permit: Permit,
    answer: Answer,
    *,
    run: str,
    entries: Iterable[Record],
    catalogue: Catalogue,
    bounds: Bounds,
) -> str:
    """Publish the answer of `run`; the id of the row in the public domain.

    `entries` is this party's ledger, verified, in which the run must have finished. Raises PolicyRefused with every
    reason if the answer is not aggregate-safe or not this party's to publish, UsageError if it is not an answer of the
    plan, or the ledger knows no such run of it.
    """
    reasons = tuple(_refusals(permit, catalogue, bounds))
    if reasons:
        raise PolicyRefused(permit.party, reasons)
    if not any(
        found.run == run and found.plan == permit.plan_digest for found in finished(entries)
    ):
        raise UsageError(
            f"run {run[:64]}: expected a finished run of the permitted plan in the ledger of "
            f"{permit.party}, got none"
        )
    check_answer(permit.plan, answer)
    return public.put_release(seal_release(run, permit, answer))


def _refusals(permit: Permit, catalogue: Catalogue, bounds: Bounds) -> Iterator[str]:
    finding = classify_answer(permit, catalogue, bounds)
    if finding.output is not Output.AGGREGATE_SAFE:
        yield f"the answer is {finding.output.name.lower().replace('_', '-')} {finding.output.value}"
        yield from finding.reasons
    if permit.level > bounds.highest:
        yield (
            f"the question is of level {permit.level.name} {permit.level.chinese}, and answers up to "
            f"{bounds.highest.name} {bounds.highest.chinese} may become public"
        )
    if permit.party not in permit.plan.gate.recipients:
        yield f"{permit.party} is no recipient of the answer"


def check_answer(plan: Physical, answer: Answer) -> None:
    """Raises UsageError unless `plan` can give `answer`; the error names row and column, and no cell's content."""
    names = tuple(column.name for column in plan.output)
    if answer.columns != names:
        raise UsageError(f"expected the plan's columns {', '.join(names)}, got others")
    most = plan.cells if plan.limit is None else min(plan.cells, plan.limit)
    if not len(answer.rows) == len(answer.states) <= most:
        raise UsageError(f"expected at most {most} rows, and as many of states, got others")
    seen: set[tuple[Cell, ...]] = set()
    for number, (row, states) in enumerate(zip(answer.rows, answer.states, strict=True), 1):
        if not len(row) == len(states) == len(names):
            raise UsageError(f"row {number}: expected {len(names)} cells, got another number")
        for column, cell, state in zip(plan.output, row, states, strict=True):
            if not _possible(plan, column, cell, state):
                raise UsageError(
                    f"row {number}, column {column.name}: expected what the plan can give, got "
                    "something else"
                )
        labels = tuple(c for o, c in zip(plan.output, row, strict=True) if o.kind == "group")
        if labels in seen and _all_groups(plan):
            raise UsageError(f"row {number}: expected every group once, got one again")
        seen.add(labels)


def _all_groups(plan: Physical) -> bool:
    """Whether a row's labels name its cell: a question may leave group columns out of its output."""
    shown = {column.position for column in plan.output if column.kind == "group"}
    groups = plan.aggregate.groups
    # Where a key may be NULL, that of a total is told from it by GROUPING alone.
    once = all(len(set(group.labels)) == len(group.labels) for group in groups)
    return once and shown == set(range(len(groups)))


def _possible(plan: Physical, column: OutputColumn, cell: Cell, state: State) -> bool:
    shown = {"value": True, "suppressed": False}.get(state)
    if shown is None:
        return False
    if column.kind == "group":
        labels = plan.aggregate.groups[column.position].labels
        return shown and any(type(cell) is type(label) and cell == label for label in labels)
    if column.kind == "grouping":
        return shown and type(cell) is int and cell in (0, 1)
    if not shown:
        return cell is None
    totals = [column.position] if column.by is None else [column.position, column.by]
    if cell is None:  # SQL's NULL; a quotient of totals is NULL by 0
        return column.kind == "quotient" or bool(set(totals) & set(plan.tests.nullable))
    bound = plan.aggregate.totals[column.position].bound
    if column.kind == "total":
        return type(cell) is int and abs(cell) <= bound
    return type(cell) is float and _quotient(column, cell, bound)


def _quotient(column: OutputColumn, cell: float, bound: int) -> bool:
    """Whether a number that is not whole lies within the bounds of its whole part, or of what is divided."""
    if column.kind == "root":
        return 0 <= cell <= math.sqrt(bound + 1)
    return abs(cell) <= bound + (column.kind == "ratio")  # the fraction is below 1
