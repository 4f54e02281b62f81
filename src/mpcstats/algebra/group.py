"""Group: ristretto255 (RFC 9496), of prime order, by libsodium (extra `pair`); n elements are an array of (n, 4) words.

A row of zeros is the neutral element's encoding. What libsodium refuses (no canonical encoding, or a neutral result)
comes out as such a row, so that a caller looks for bad rows once, in `neutral`, and names whose they are.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError, UsageError

Words = NDArray[np.uint64]

ORDER = (1 << 252) + 27742317777372353535851937790883648493
WORDS = 4  # of an element, and of a scalar
BYTES = 8 * WORDS
UNIFORM_WORDS = 8  # that make one element or one scalar
_SHA512_BLOCK = 128


class _Library:
    """The functions of libsodium that take addresses; `rbcl` brings it and has started it."""

    __slots__ = ("add", "base", "from_uniform", "multiply", "subtract")

    def __init__(self) -> None:
        try:
            from rbcl._sodium import _sodium, lib_path, which_os
        except ImportError:
            raise UsageError(
                "expected rbcl for computing in ristretto255, got none: install the extra `pair`, "
                "pip install 'mpcstats[pair]'"
            ) from None
        # rbcl writes its library to a new temporary file at every import, and leaves it there. Once
        # loaded it is not needed any more, and on POSIX it can be removed.
        if which_os != "Windows":
            Path(lib_path).unlink(missing_ok=True)

        def function(name: str, arguments: int) -> Any:
            # Not by attribute, which would be the function that rbcl itself calls with other types.
            found = _sodium[name]
            found.argtypes, found.restype = [ctypes.c_void_p] * arguments, ctypes.c_int
            return found

        self.add = function("crypto_core_ristretto255_add", 3)
        self.subtract = function("crypto_core_ristretto255_sub", 3)
        self.from_uniform = function("crypto_core_ristretto255_from_hash", 2)
        self.multiply = function("crypto_scalarmult_ristretto255", 3)
        self.base = function("crypto_scalarmult_ristretto255_base", 2)


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


def check_installed() -> None:
    """Raises UsageError if the extra `pair` is not installed."""
    _library()


def from_uniform(words: Words) -> Words:
    """The elements of n rows of 8 uniform words, shape (n, 4): uniform, and nobody knows their logarithms.

    Source: RFC 9496, section 4.3.4.
    """
    source = _rows(words, UNIFORM_WORDS)
    out = np.zeros((len(source), WORDS), dtype=np.uint64)
    call = _library().from_uniform
    for target, at in zip(_places(out), _places(source), strict=True):
        call(target, at)
    return out


def hash_to_group(messages: Words, *, prefix: bytes, domain: bytes) -> Words:
    """For each row of `messages` the element that `prefix` and the row's bytes hash to, shape (n, 4).

    A random oracle into the group: expand_message_xmd with SHA-512 to 64 bytes, then `from_uniform`. `domain` is the
    separation tag, 1 to 255 bytes, of one use alone. Source: RFC 9380, section 5.3.1; RFC 9497, section 4.1.
    """
    data = np.ascontiguousarray(messages, dtype="<u8")
    size = 8 * data.shape[1]
    plain = data.tobytes()
    rows = (plain[at : at + size] for at in range(0, len(plain), size))
    spread = b"".join(expanded(rows, prefix, domain))
    return from_uniform(np.frombuffer(spread, dtype="<u8").reshape(-1, UNIFORM_WORDS))


def expanded(messages: Iterable[bytes], prefix: bytes, domain: bytes) -> Sequence[bytes]:
    """expand_message_xmd of SHA-512 to 64 bytes, of `prefix` and each of the messages.

    Source: RFC 9380, section 5.3.1. Raises InternalError unless the domain has 1 to 255 bytes.
    """
    if not 1 <= len(domain) <= 255:
        raise InternalError(f"expected a domain of 1 to 255 bytes, got {len(domain)}")
    tag = domain + bytes([len(domain)])
    before = hashlib.sha512(bytes(_SHA512_BLOCK) + prefix)
    after = (8 * UNIFORM_WORDS).to_bytes(2, "big") + b"\0" + tag
    last = b"\1" + tag
    found = []
    for message in messages:
        state = before.copy()
        state.update(message + after)
        found.append(hashlib.sha512(state.digest() + last).digest())
    return found


def scalar(uniform: Words) -> Words:
    """A uniform scalar other than 0, 4 words, of 8 uniform ones.

    Raises InternalError for the one in 2^252 that gives 0.
    """
    value = int.from_bytes(np.ascontiguousarray(uniform, dtype="<u8").tobytes(), "little") % ORDER
    if not value:
        raise InternalError("expected a scalar other than 0: the randomness is bad")
    return np.frombuffer(value.to_bytes(BYTES, "little"), dtype="<u8").astype(np.uint64)


def multiply(elements: Words, scalars: Words) -> Words:
    """Each element times its scalar, shape (n, 4); one of the two may be a single row of 4 words, for all.

    Zeros where an encoding is not canonical, or the product is the neutral element.
    """
    n = _count(elements, scalars)
    out = np.zeros((n, WORDS), dtype=np.uint64)
    source, factors = _rows(elements, WORDS), _rows(scalars, WORDS)
    call = _library().multiply
    for target, factor, at in zip(_places(out), _each(factors, n), _each(source, n), strict=True):
        call(target, factor, at)
    return out


def of_base(scalars: Words) -> Words:
    """The base point times each of n scalars, shape (n, 4); zeros for the scalar 0."""
    source = _rows(scalars, WORDS)
    out = np.zeros((len(source), WORDS), dtype=np.uint64)
    call = _library().base
    for target, at in zip(_places(out), _places(source), strict=True):
        call(target, at)
    return out


def add(x: Words, y: Words) -> Words:
    """x + y, row by row or with a single row; zeros where an encoding is not canonical."""
    return _combined(_library().add, x, y)


def subtract(x: Words, y: Words) -> Words:
    """x - y, row by row or with a single row; zeros where an encoding is not canonical."""
    return _combined(_library().subtract, x, y)


def neutral(elements: Words) -> NDArray[np.bool_]:
    """Which rows are the neutral element, or what came of an encoding that is none."""
    found: NDArray[np.bool_] = np.all(elements == np.uint64(0), axis=-1)
    return found


def _combined(call: Any, x: Words, y: Words) -> Words:
    n = _count(x, y)
    out = np.zeros((n, WORDS), dtype=np.uint64)
    left, right = _rows(x, WORDS), _rows(y, WORDS)
    for target, p, q in zip(_places(out), _each(left, n), _each(right, n), strict=True):
        call(target, p, q)
    return out


def _rows(words: Words, width: int) -> Words:
    """The array as contiguous rows of `width` words: libsodium reads so many bytes at each row's address."""
    if words.shape[-1:] != (width,):
        raise InternalError(f"expected rows of {width} words, got an array of {words.shape}")
    return np.ascontiguousarray(words, dtype=np.uint64).reshape(-1, width)


def _count(x: Words, y: Words) -> int:
    """The number of rows of both, where an array of one dimension stands for as many as needed."""
    sizes = {each.shape[0] for each in (x, y) if each.ndim > 1}
    if len(sizes) > 1:
        raise InternalError(f"expected as many rows in both, got {x.shape} and {y.shape}")
    return sizes.pop() if sizes else 1


def _places(rows: Words) -> Iterable[int]:
    """The address of each row."""
    first: int = rows.ctypes.data
    return range(first, first + rows.nbytes, rows.strides[0]) if rows.size else ()


def _each(rows: Words, n: int) -> Iterable[int]:
    """The address of each of n rows; of one row, n times if it stands alone."""
    first: int = rows.ctypes.data
    return repeat(first, n) if len(rows) == 1 else _places(rows)
