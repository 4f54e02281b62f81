"""Any number of compute parties, from 3 to 15, with Shamir's scheme over a Galois ring (algebra.galois)."""

from mpcstats.engines.shamir.engine import Shamir

__all__ = ["Shamir"]
