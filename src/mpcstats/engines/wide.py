"""One party's part of a secret in Z_2^128, for sums that 64 bits cannot hold. See engines.share for the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from mpcstats.algebra import wide
from mpcstats.engines.share import Arith, Index, Secret
from mpcstats.errors import InternalError
from mpcstats.session.messages import Words


class Wide(Secret):
    """A vector or matrix of secrets in Z_2^128, of public `shape`; parts have shape (2, *shape), see algebra.wide."""

    __slots__ = ("shape",)

    def __init__(
        self, shape: tuple[int, ...], parts: tuple[Words, ...], constant_at: int | None
    ) -> None:
        super().__init__(parts, constant_at)
        self.shape = shape

    def __repr__(self) -> str:
        return f"<arithmetic secret of 128 bits, of shape {self.shape}>"

    def __add__(self, other: Wide) -> Wide:
        return self._with(self.shape, [wide.add(a, b) for a, b in self._paired(other)])

    def __sub__(self, other: Wide) -> Wide:
        return self._with(self.shape, [wide.subtract(a, b) for a, b in self._paired(other)])

    def __neg__(self) -> Wide:
        return self._with(self.shape, [wide.subtract(np.zeros_like(a), a) for a in self.parts])

    def __getitem__(self, index: Index) -> Wide:
        """The same public selection of every part."""
        return self._each(lambda a: np.stack([np.atleast_1d(limb[index]) for limb in a]))

    def scaled(self, factor: int) -> Wide:
        """The product with a public number."""
        return self._with(self.shape, [wide.scaled(a, factor) for a in self.parts])

    def plus(self, public: int) -> Wide:
        """The sum with a public number in [-2^127, 2^128)."""
        added = wide.wide([public]).reshape(wide.LIMBS, *(1,) * len(self.shape))
        parts = [
            wide.add(a, added) if i == self.constant_at else a for i, a in enumerate(self.parts)
        ]
        return self._with(self.shape, parts)

    def total(self) -> Wide:
        """The sum over the last axis; a vector gives shape (1,)."""
        return self._each(wide.total)

    def low(self) -> Arith:
        """The secret mod 2^64: exact where it is known to lie in [-2^63, 2^63)."""
        return Arith(self.shape, tuple(a[0] for a in self.parts), self.constant_at)

    @staticmethod
    def concatenate(secrets: Sequence[Wide]) -> Wide:
        """One vector of all; each of `secrets` must be a vector."""
        first = secrets[0]
        size = sum(prod(s.shape) for s in secrets)
        columns = zip(*(s.parts for s in secrets), strict=True)
        return first._with((size,), [np.concatenate(column, axis=1) for column in columns])

    def _with(self, shape: tuple[int, ...], parts: Sequence[Words]) -> Wide:
        return Wide(shape, tuple(parts), self.constant_at)

    def _each(self, change: Callable[[Words], Words]) -> Wide:
        # A party without parts learns the new shape from a dummy that takes no memory.
        dummy = np.broadcast_to(np.uint64(0), (wide.LIMBS, *self.shape))
        return self._with(change(dummy).shape[1:], [change(a) for a in self.parts])

    def _paired(self, other: Wide) -> zip[tuple[Words, Words]]:
        if other.shape != self.shape:
            raise InternalError(
                f"expected two secrets of one shape, got {self.shape} and {other.shape}"
            )
        return zip(self.parts, other.parts, strict=True)
