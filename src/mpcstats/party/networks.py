"""The networks for which times are estimated: those that benchmarks are measured on."""

from __future__ import annotations

from mpcstats.plan.cost import Network
from mpcstats.transport.shaping import BYTE_BITS, PROFILES, WAN, Profile


def _network(profile: Profile) -> Network:
    return Network(profile.name, profile.delay, profile.rate / BYTE_BITS)


NETWORKS = tuple(_network(profile) for profile in PROFILES.values())
CHOSEN_BY = _network(WAN)  # engines are compared on it: organisations are far apart
