"""What two who are left of a run have put in, opened as it is: a plan that tests nothing, as they play it."""

from __future__ import annotations

import numpy as np

from mpcstats.errors import InternalError
from mpcstats.party.keeping import Keeping
from mpcstats.plan.physical import PartialSum, Physical
from mpcstats.protocols.cells import Opened
from mpcstats.protocols.partial_sum import open_kept
from mpcstats.session import Session


async def open_left(session: Session, plan: Physical, keeping: Keeping | None) -> Opened | None:
    """What is opened at each recipient, None elsewhere. A cell without persons is not shown, as the gate would do."""
    step = plan.aggregate
    if not isinstance(step, PartialSum) or step.lost is None or keeping is None:
        raise InternalError("expected a sum that goes on with kept shares, and where they are")
    kept = keeping.kept(step.lost)
    places = [kept.owners.index(plan.fragment(name).owner) for name in step.fragments]
    recipients = plan.gate.recipients
    words = await open_kept(session.narrow(plan.gate.name), kept, counted=places, to=recipients)
    if words is None:
        return None
    persons, *values = words.view(np.int64).reshape(1 + len(step.totals), plan.cells)
    shown = persons > 0
    flags = np.repeat(shown[None, :], len(step.totals), axis=0)
    totals = np.array(values, dtype=np.int64).reshape(flags.shape)
    return Opened(shown, flags, flags.copy(), np.where(flags, totals, 0))
