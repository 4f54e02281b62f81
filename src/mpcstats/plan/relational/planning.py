"""From the text of a question to the fragments and steps of a relational plan."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.plan import physical as plans
from mpcstats.plan.context import Context
from mpcstats.plan.physical import Fragment, OutputColumn
from mpcstats.plan.relational.answering import Answering
from mpcstats.plan.relational.build import build
from mpcstats.plan.relational.lowering import Lowering
from mpcstats.plan.relational.reporting import reported
from mpcstats.plan.relational.rewrite import rewritten


@dataclass(frozen=True, slots=True)
class Planned:
    """All of a physical plan but its gate; the last step is the one whose cells the gate opens."""

    fragments: tuple[Fragment, ...]
    steps: tuple[plans.Step, ...]
    output: tuple[OutputColumn, ...]
    order: tuple[tuple[int, bool], ...]
    limit: int | None = None


def relational(context: Context) -> Planned:
    """The relational plan of the question of `context`. Raises UsageError, with the place, at what is not supported."""
    answer, names = build(context)
    answer = rewritten(answer, context, names)
    lowering = Lowering(context, names)
    outcome, output = reported(lowering, *Answering(lowering, answer).outcome())
    return Planned(
        lowering.fragments(),
        (*lowering.finished(), outcome),
        output,
        answer.order,
        answer.limit,
    )
