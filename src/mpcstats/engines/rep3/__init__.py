"""Three compute parties with replicated secret sharing (PROTOCOLS: x = x_0 + x_1 + x_2, P_i holds two)."""

from mpcstats.engines.rep3.engine import Rep3

__all__ = ["Rep3"]
