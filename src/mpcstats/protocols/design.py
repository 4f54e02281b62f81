"""What a regression computes, in public: columns and their bounds, precision, rules, and all sizes that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, prod

from mpcstats.engines.shamir.field.circuit import SECURITY
from mpcstats.engines.shamir.field.prime import prime_of
from mpcstats.engines.shamir.field.ratio import Precision
from mpcstats.errors import UsageError

FEWEST_PARTIES, MOST_PARTIES = 3, 15
MOST_COEFFICIENTS = 16


def most_corrupted(compute: Sequence[str]) -> int:
    """How many of the compute parties may be corrupted: fewer than half."""
    return (len(compute) - 1) // 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What must be behind coefficients before they are opened: so many rows, of so many providers.

    The rows must be as many without those of any one provider who learns the coefficients, too.
    """

    rows: int
    providers: int = 1

    def check(self, design: Design, compute: Sequence[str], providers: Sequence[str]) -> None:
        """Raises UsageError for rules that protect nothing or cannot be met, and for parties that cannot be."""
        if self.rows <= design.coefficients:
            raise UsageError(
                f"expected more rows than the {design.coefficients} coefficients, got {self.rows}: "
                "a line through every row tells the rows"
            )
        if not 1 <= self.providers <= len(providers):
            raise UsageError(
                f"expected 1 to {len(providers)} contributing providers, got {self.providers}"
            )
        if not FEWEST_PARTIES <= len(compute) <= MOST_PARTIES:
            raise UsageError(
                f"expected {FEWEST_PARTIES} to {MOST_PARTIES} compute parties, got {len(compute)}"
            )
        if len(set(compute)) < len(compute) or len(set(providers)) < len(providers):
            raise UsageError("expected every party once, got one twice")


@dataclass(frozen=True, slots=True)
class Design:
    """y on 1, x_1, ...: whole numbers, with |x_j| <= columns[j-1], |y| <= outcome, and at most `rows` rows a provider.

    Coefficients have `fraction_bits` binary places; if their Euclidean norm is beyond 2^magnitude_bits, nothing of them
    is opened. tell_rows, r_squared: whether the number of rows and R squared are opened with them.
    """

    rows: int
    columns: tuple[int, ...]
    outcome: int
    fraction_bits: int = 20
    magnitude_bits: int = 20
    tell_rows: bool = False
    r_squared: bool = False

    def __post_init__(self) -> None:
        if min(self.rows, self.outcome, *self.columns, 1) < 1:
            raise UsageError("expected bounds of 1 or more on rows and values, got less")
        if not 0 <= len(self.columns) < MOST_COEFFICIENTS:
            raise UsageError(
                f"expected fewer than {MOST_COEFFICIENTS} columns, got {len(self.columns)}"
            )
        if not (1 <= self.fraction_bits <= 64 and 1 <= self.magnitude_bits <= 64):
            raise UsageError(
                "expected 1 to 64 bits before and after the point, "
                f"got {self.magnitude_bits} and {self.fraction_bits}"
            )

    @property
    def coefficients(self) -> int:
        """How many coefficients there are, that of 1 included."""
        return len(self.columns) + 1

    @property
    def sums(self) -> int:
        """Numbers that a provider puts in: products of each two of 1, x_1, ..., y."""
        return (self.coefficients + 1) * (self.coefficients + 2) // 2

    @property
    def results(self) -> int:
        """Numbers that are opened: two flags, rows, coefficients, and R squared with its flag."""
        return 3 + self.coefficients + (2 if self.r_squared else 0)

    def limits(self) -> list[tuple[int, int]]:
        """Least and most of each of a provider's sums."""
        bounds = (1, *self.columns, self.outcome)
        found = []
        for i, x in enumerate(bounds):
            for j, y in enumerate(bounds[i:], start=i):
                most = self.rows * x * y
                found.append((0 if i == j else -most, most))
        return found

    def row_bits(self, providers: int) -> int:
        """Bits of a number of rows less another, its sign included."""
        return (self.rows * providers).bit_length() + 1

    def determinant(self, providers: int) -> int:
        """A bound on det X'X: Hadamard's, the product of the diagonal."""
        return prod(self._diagonal(providers)[:-1])

    def top(self, providers: int) -> int:
        """A bound on each entry of adj(X'X) X'y.

        It is det X'Z, with y for one column of X in Z: at most sqrt(det X'X det Z'Z) by Cauchy and Binet, and Hadamard.
        """
        *diagonal, yy = self._diagonal(providers)
        whole = prod(diagonal)
        return isqrt(whole * whole * yy // min(diagonal)) + 1

    def norm_bits(self, providers: int) -> int:
        """Bits of (2^magnitude det)^2 - |adj(X'X) X'y|^2, its sign included."""
        above = self.determinant(providers) ** 2 << 2 * self.magnitude_bits
        below = self.coefficients * self.top(providers) ** 2
        return max(above, below).bit_length() + 1

    def precision(self, providers: int) -> Precision:
        """The sizes of the divisions."""
        divisor = self.determinant(providers)
        if self.r_squared:
            *_, yy = self._diagonal(providers)
            divisor *= self.rows * providers * yy
        return Precision(divisor.bit_length(), self.magnitude_bits, self.fraction_bits)

    def prime(self, providers: int) -> int:
        """The modulus of the field: longer than every number that is masked, with its mask."""
        longest = max(self.norm_bits(providers), self.row_bits(providers))
        masked = max(longest + SECURITY, self.precision(providers).widest)
        return prime_of(masked + 2)

    def _diagonal(self, providers: int) -> list[int]:
        rows = self.rows * providers
        return [rows * bound * bound for bound in (1, *self.columns, self.outcome)]
