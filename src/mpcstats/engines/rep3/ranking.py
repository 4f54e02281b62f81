"""Which of two elements is smaller, opened: comparison trees on elements that lie in words, not in bit rows.

The tree is that of `compare`: leaves P = not (x xor y) and V = y, and a block of bits becomes one with the block
below it by V = V_hi xor P_hi (V_hi xor V_lo), P = P_hi P_lo. Here the leaves of one element are the 64 bits of a word.
After the first level a pair of bits (V, P) stands for two leaves; from then on a level leaves half of the bits of
every word, so the words of the first half of the rows take in those of the second half: words are always full, and
no bits are transposed. What is not 64 bits wide begins with several elements in a word.

Rows and lanes: element s_0 N/2 + s_1 N/4 + ... + s_4 N/32 + w ends in word w, at the pair of bits
s_0 + 2 s_1 + ... + 16 s_4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3.product import Joint, conj_joint
from mpcstats.engines.rep3.reveal import reveal_inside
from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.share import Elements, Parts, Positions
from mpcstats.errors import InternalError
from mpcstats.session import Session, Words, parallel

WORD = 64
LANES = 32  # pairs of bits of a word, each of another element at the end of the tree
EVEN = np.uint64(0x5555555555555555)  # the places of P
ODD = np.uint64(0xAAAAAAAAAAAAAAAA)  # the places of V
ONE = np.uint64(1)
MOST_PIECES = 3

Words2 = tuple[Words, Words]  # own and next
S = TypeVar("S", bound=np.generic)

# For a half of h bits: the low half of every group of 2 h bits.
_LOW = {
    h: np.uint64(sum(((1 << h) - 1) << start for start in range(0, WORD, 2 * h)))
    for h in (1, 2, 4, 8, 16, 32)
}
# Bit 32 s_4 + 16 s_3 + 8 s_2 + 4 s_1 + 2 s_0 + t of an opened word is of element s_0 N/2 + ... + s_4 N/32 + t N/64 + w.
_PART_OF_BIT = [int(f"{part:06b}"[-2::-1] + f"{part:06b}"[-1], 2) for part in range(WORD)]


async def open_order(
    session: Session,
    seat: Seat,
    compute: tuple[str, ...],
    x: Elements,
    y: Elements,
    at: Positions | None,
) -> NDArray[np.bool_]:
    """For each i, x[i] < y[at[i]] (y[i] without `at`), opened to the three. The two must differ for every i."""
    n = x.length
    if n == 0:
        return np.zeros(0, dtype=np.bool_)
    root = await _root(session.narrow("tree"), seat, _Compared.of(seat, x, y, at), _pieces(x.width))
    # V of the first half of the words goes to the places of P of the second half.
    half = root[0].size // 2
    folded = tuple(((a[:half] & ODD) >> ONE) | (a[half:] & ODD) for a in root)
    everywhere = await parallel(
        *(
            reveal_inside(
                session.narrow(f"to-{party}"), seat, folded, party, _seat(party, compute), bits=True
            )
            for party in compute
        )
    )
    opened = everywhere[compute.index(session.me)]
    if opened is None:
        raise InternalError("expected outcomes at a compute party, got none")
    rows = slicing.slice_bits(opened, WORD)[_PART_OF_BIT]
    octets = np.ascontiguousarray(rows, dtype="<u8").view(np.uint8)
    return (
        np.unpackbits(octets, axis=-1, count=half, bitorder="little").reshape(-1)[:n].view(np.bool_)
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """`bits` neighbouring bits of an element: those of word `word` from bit `offset` on; a power of two, 2 to 64."""

    word: int
    offset: int
    bits: int

    @property
    def packed(self) -> int:
        """Elements in a word before the first level."""
        return WORD // self.bits

    @property
    def low(self) -> np.uint64:
        """As many ones as it has bits."""
        return np.uint64((1 << self.bits) - 1)

    def joined(self, bits: Words) -> Words:
        """Its words, row by row, where `bits` has the word of every element that it is a part of."""
        if self.packed == 1:
            return bits
        lanes = bits.reshape(self.rows, self.packed, -1)
        total = np.zeros((self.rows, lanes.shape[-1]), dtype=np.uint64)
        for lane in range(self.packed):
            own = lanes[:, lane] >> np.uint64(self.offset)
            own &= self.low
            own <<= self.shift(lane)
            total |= own
        return total.reshape(-1)

    def shift(self, lane: int) -> np.uint64:
        """Where in its word a lane begins: of the numbers s_0, s_1, ... the last is the highest there."""
        places = self.packed.bit_length() - 1
        turned = int(f"{lane:0{places}b}"[::-1], 2) if places else 0
        return np.uint64(self.bits * turned)

    @property
    def rows(self) -> int:
        """Rows of words before the first level; the tree leaves one."""
        return LANES // self.packed


def _pieces(width: int) -> tuple[_Piece, ...]:
    """The pieces of an element of `width` bits, the highest first."""
    found = []
    for word in range(-(-width // WORD)):
        offset = 0
        for bits in _sizes(min(WORD, width - word * WORD)):
            found.append(_Piece(word, offset, bits))
            offset += bits
    return tuple(reversed(found))


def _sizes(width: int) -> tuple[int, ...]:
    """At most three powers of two from 2 to 64, largest first, whose sum is `width` or as little more as can be."""
    if width <= 2:
        return (2,)
    largest = 1 << (width.bit_length() - 1)
    sizes = [largest]
    rest = width - largest
    while rest > 0:
        if len(sizes) == MOST_PIECES - 1 or rest <= 2:
            sizes.append(max(2, 1 << (rest - 1).bit_length()))
            break
        sizes.append(1 << (rest.bit_length() - 1))
        rest -= sizes[-1]
    # What rounding up has made as large as its neighbour becomes one piece with it.
    while len(sizes) > 1 and sizes[-1] == sizes[-2]:
        sizes[-2:] = [2 * sizes[-1]]
    return tuple(sizes)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Both sides, filled up to whole words by their last elements: no outcome is opened that was not asked for."""

    x: Elements
    y: Elements
    at: Positions | None  # (N,)
    length: int  # N, a multiple of 64
    inverted: int | None  # the part that takes the constant of a not

    @classmethod
    def of(cls, seat: Seat, x: Elements, y: Elements, at: Positions | None) -> _Compared:
        """x[i] against y[at[i]]."""
        more = -x.length % WORD
        filled = None if at is None else _filled(at, more)
        return cls(x, y, filled, x.length + more, seat.constant_at)

    def leaves(self, piece: _Piece) -> Callable[[slice], list[Words2]]:
        """For some words of one row of `piece`: (P, V) of each part."""
        mine = self._in_lanes(self.x, piece)
        if self.at is None:
            values = self._in_lanes(self.y, piece)
        else:
            table = _cut_out(self.y, piece)
            lanes = self.at.reshape(piece.rows, piece.packed, -1)
        run = self.length // LANES

        def chosen(part: int, words: slice) -> Words:
            if self.at is None:
                return values[part][words].copy()
            if piece.packed == 1:  # rows follow one another
                return table[part].take(self.at[words], mode="clip")
            row, first = divmod(words.start, run)
            places = slice(first, first + words.stop - words.start)
            total: Words = table[part].take(lanes[row, 0, places], mode="clip")
            for lane in range(1, piece.packed):
                bits = table[part].take(lanes[row, lane, places], mode="clip")
                bits <<= piece.shift(lane)
                total |= bits
            return total

        def leaves(words: slice) -> list[Words2]:
            found = []
            for part, own in enumerate(mine):
                v = chosen(part, words)
                p = own[words] ^ v
                if part == self.inverted:
                    np.invert(p, out=p)
                found.append((p, v))
            return found

        return leaves

    def _in_lanes(self, side: Elements, piece: _Piece) -> Parts:
        """The words of `piece`, row by row; made once for each secret."""
        name = (piece, self.length)
        if name not in side.kept:
            whole = (_filled(part[piece.word], self.length - side.length) for part in side.parts)
            side.kept[name] = tuple(piece.joined(bits) for bits in whole)
        return side.kept[name]


def _cut_out(side: Elements, piece: _Piece) -> Parts:
    """The bits of `piece` of every element, in the lowest places."""
    if piece.bits == WORD:
        return tuple(part[piece.word] for part in side.parts)
    return tuple((part[piece.word] >> np.uint64(piece.offset)) & piece.low for part in side.parts)


async def _root(
    session: Session, seat: Seat, compared: _Compared, pieces: Sequence[_Piece]
) -> Words2:
    """(V, P) of all `pieces` together, both parts, shape (N / 32,)."""
    if len(pieces) == 1:
        return await _tree(session, seat, compared, pieces[0])
    cut = _cut([piece.bits for piece in pieces])
    high, low = await parallel(
        _root(session.narrow("high"), seat, compared, pieces[:cut]),
        _root(session.narrow("low"), seat, compared, pieces[cut:]),
    )

    def at(words: slice) -> Joint:
        return _joint([_operands(h[words], lo[words]) for h, lo in zip(high, low, strict=True)])

    joined = await conj_joint(session.narrow("join"), seat, high[0].size, at)
    own, following = (part ^ (rows & ODD) for part, rows in zip(joined, high, strict=True))
    return own, following


def _cut(sizes: Sequence[int]) -> int:
    """How many of the pieces go to the higher side, so that the whole takes log2 of all bits, rounded up, rounds.

    The larger of these powers of two stand lower, so some of the lowest fill half of the next power of two of the
    sum; the others fit into the other half.
    """
    half = 1 << ((sum(sizes) - 1).bit_length() - 1)
    cut, lower = len(sizes), 0
    while lower < half:
        cut -= 1
        lower += sizes[cut]
    return cut


async def _tree(session: Session, seat: Seat, compared: _Compared, piece: _Piece) -> Words2:
    """(V, P) of one piece."""
    leaves = compared.leaves(piece)
    run = compared.length // LANES
    value = _room(piece.rows * run)

    def first(words: slice) -> Joint:
        found = []
        for kept, (p, v) in zip(value, leaves(words), strict=True):
            np.bitwise_and(v, ODD, out=kept[words])
            found.append(_first(p, v))
        return _joint(found)

    products = await conj_joint(
        session.narrow("level0"),
        seat,
        piece.rows * run,
        first,
        run=None if piece.packed == 1 else run,
    )
    half = 2
    while half < piece.bits:
        step = session.narrow(f"level{half.bit_length() - 1}")
        value, products = await _level(step, seat, value, products, half)
        half *= 2
    own, following = (v ^ z for v, z in zip(value, products, strict=True))
    return own, following


async def _level(
    session: Session, seat: Seat, value: Words2, products: Words2, half: int
) -> tuple[Words2, Words2]:
    """Groups of 2 `half` bits become groups of `half`. What a level leaves is V_hi in place and the products to add."""
    size = value[0].size // 2
    low, shift = _LOW[half], np.uint64(half)
    kept = _room(size)

    def at(words: slice) -> Joint:
        found = []
        for into, v, z in zip(kept, value, products, strict=True):
            # The words of the first half of the elements, and those of the second, above them in a group.
            first = v[:size][words] ^ z[:size][words]
            second = v[size:][words] ^ z[size:][words]
            lows = second & low
            lows <<= shift
            lows |= first & low
            first >>= shift
            first &= low
            second &= ~low
            second |= first
            np.bitwise_and(second, ODD, out=into[words])
            found.append(_operands(second, lows))
        return _joint(found)

    return kept, await conj_joint(session, seat, size, at)


def _joint(found: Sequence[Words2]) -> Joint:
    (a_own, b_own), (a_next, b_next) = found
    return (a_own, a_next), (b_own, b_next)


def _room(size: int) -> Words2:
    return np.empty(size, dtype=np.uint64), np.empty(size, dtype=np.uint64)


def _operands(high: Words, low: Words) -> Words2:
    """What is multiplied where blocks of pairs (V, P) meet: (P_hi, P_hi) and (V_hi xor V_lo, P_lo)."""
    p = high & EVEN
    left = p << ONE
    left |= p
    right = high & ODD
    right ^= low
    return left, right


def _first(p: Words, v: Words) -> Words2:
    """The same for leaves: bit 2 i + 1 of P and V is the high one, bit 2 i the low one."""
    high = (p >> ONE) & EVEN
    left = high << ONE
    left |= high
    right = v << ONE
    right ^= v
    right &= ODD
    right |= p & EVEN
    return left, right


def _filled(values: NDArray[S], more: int) -> NDArray[S]:
    """`values`, their last element repeated `more` times along the last axis."""
    if not more:
        return values
    last = np.repeat(values[..., -1:], more, axis=-1)
    return np.concatenate([values, last], axis=-1)


def _seat(party: str, compute: tuple[str, ...]) -> Seat:
    seat = seat_of(party, compute)
    if seat is None:
        raise InternalError(f"expected a compute party, got {party}")
    return seat
