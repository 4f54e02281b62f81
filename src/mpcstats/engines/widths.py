"""What the engines refuse of widths and shapes in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError


def width_of(x: Arith | Wide, width: int | None) -> int:
    """How many bits of the vector x are wanted. Raises InternalError if it has not so many, or is no vector."""
    most = 64 if isinstance(x, Arith) else 128
    if len(x.shape) != 1 or not 1 <= (most if width is None else width) <= most:
        raise InternalError(f"expected a vector and 1 to {most} bits, got {x!r} and {width}")
    return most if width is None else width


def check_sign(x: Arith, width: int) -> int:
    """The bits that a sign is wanted of. Raises InternalError unless x is a vector, and they are 2 to 64."""
    if len(x.shape) != 1 or not 2 <= width <= 64:
        raise InternalError(f"expected a vector and 2 to 64 bits, got {x!r} and {width}")
    return width


def check_rows(bits: Bits, most: int) -> None:
    """Raises InternalError unless there are 1 to `most` rows."""
    if not 1 <= bits.width <= most:
        raise InternalError(f"expected 1 to {most} rows, got {bits.width}")


def check_same(x: Bits, y: Bits) -> None:
    """Raises InternalError unless both have one length and width."""
    if (x.length, x.width) != (y.length, y.width):
        raise InternalError(f"expected two secrets of one shape, got {x!r} and {y!r}")


def check_same_wide(x: Wide, y: Wide) -> None:
    """Raises InternalError unless both have one shape."""
    if x.shape != y.shape:
        raise InternalError(f"expected two secrets of one shape, got {x.shape} and {y.shape}")


def check_carry(x: Bits, carry: Bits | int) -> None:
    """Raises InternalError unless `carry` is 0, 1 or one row of x's length."""
    fits = (
        carry in (0, 1) if isinstance(carry, int) else (carry.length, carry.width) == (x.length, 1)
    )
    if not fits:
        raise InternalError(f"expected 0, 1 or one row of {x.length} bits, got {carry!r}")


def check_options(flags: Bits, options: Sequence[Bits]) -> None:
    """Raises InternalError unless there is one row of flags for each option, and all have one shape."""
    shapes = {(o.length, o.width) for o in options}
    if flags.width != len(options) or len(shapes) != 1 or options[0].length != flags.length:
        raise InternalError(f"expected an option for each row of {flags!r}, got {list(options)}")
