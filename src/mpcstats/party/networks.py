"""The networks for which times are estimated: those that benchmarks are measured on."""

from __future__ import annotations

from mpcstats.plan.cost import Network
from mpcstats.transport.shaping import BYTE_BITS, PROFILES

NETWORKS = tuple(Network(p.name, p.delay, p.rate / BYTE_BITS) for p in PROFILES.values())
