"""Which engine a plan runs on."""

from __future__ import annotations

from collections.abc import Callable

from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.shamir import Shamir
from mpcstats.errors import UsageError
from mpcstats.plan.physical import Physical

ENGINES: dict[str, Callable[[Physical], Engine]] = {
    "rep3": lambda plan: Rep3(plan.compute),
    "shamir": lambda plan: Shamir(plan.compute, plan.threshold),
    "clear": lambda plan: Clear(plan.compute),
}


def engine_for(plan: Physical) -> Engine:
    """The engine that the plan names, among its compute parties. Raises UsageError if there is no such one.

    A plan on engine pair has none: its one protocol is played by itself (party.pairs).
    """
    if plan.engine not in ENGINES:
        raise UsageError(f"expected an engine of {', '.join(ENGINES)}, got {plan.engine!r}")
    return ENGINES[plan.engine](plan)
