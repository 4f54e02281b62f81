"""What exact arithmetic on bit rows costs, as functions of public sizes that the formulas of cards may use.

Closed forms of what engines.rep3.adder, engines.rep3.numbers and protocols.long_division send; tests hold them equal.
A word is 64 bits; "ands" are words sent for 64 elements.
"""

from __future__ import annotations

FEW_ELEMENTS = 4096  # engines.prefix
FEW_BITS = 2  # engines.rep3.numbers
DIGITS = ((1024, 4), (8192, 2))  # protocols.long_division


def words(n: int) -> int:
    """Words of one bit of each of n elements."""
    return -(-n // 64)


def log2_ceil(n: int) -> int:
    """Levels of a tree over n leaves, 0 for n <= 1."""
    return (n - 1).bit_length() if n > 1 else 0


def carry_ands(leaves: int, elements: int) -> int:
    """Of all carries over `leaves` leaves."""
    if leaves < 2:
        return 0
    if _in_pairs(leaves, elements):
        half = leaves // 2
        return 2 * half - 1 + carry_ands(half, 0) + (leaves - 1) // 2
    # At level l every leaf with bit l set takes part: two ands, or one where its block then begins at leaf 0.
    joined = sum(
        ((leaves >> (bit + 1)) << bit) + max(0, leaves % (2 << bit) - (1 << bit))
        for bit in range(leaves.bit_length())
    )
    return 2 * joined - (leaves - 1)


def carry_rounds(leaves: int, elements: int) -> int:
    """Rounds of all carries."""
    if _in_pairs(leaves, elements):
        return 2 + log2_ceil(leaves // 2)
    return log2_ceil(leaves)


def magnitude_ands(bits: int, elements: int) -> int:
    """Of a number's bits with its sign, and of the magnitude of `bits` bits from them."""
    # Where V of a block that grows is 0, each of its nodes takes one and.
    return carry_ands(bits + 1, elements) + (carry_ands(bits, elements) + bits - 1) // 2


def division_words(quotient: int, divisor: int, remainder: int, elements: int) -> int:
    """Words that every compute party sends in a long division; `remainder`: 1 if it is wanted."""
    size, digit = words(elements), _digit(elements)
    if digit == 1:
        back = remainder * (divisor + carry_ands(divisor, elements))
        return size * (max(quotient, 0) * carry_ands(divisor + 1, elements) + back)
    total = sum(
        size * sums * carry_ands(divisor + digit, 64 * size * sums) for sums in _odd_sums(digit)
    )
    lanes = (1 << digit) - 1
    one = lanes * carry_ands(divisor + digit + 1, 64 * size * lanes) + divisor
    return total + -(-quotient // digit) * size * one


def division_rounds(quotient: int, divisor: int, remainder: int, elements: int) -> int:
    """Rounds of a long division."""
    size, digit = words(elements), _digit(elements)
    if digit == 1:
        back = remainder * (1 + carry_rounds(divisor, elements))
        return quotient * carry_rounds(divisor + 1, elements) + back
    total = sum(carry_rounds(divisor + digit, 64 * size * sums) for sums in _odd_sums(digit))
    lanes = (1 << digit) - 1
    one = carry_rounds(divisor + digit + 1, 64 * size * lanes) + 1
    return total + -(-quotient // digit) * one


def number_words(bits: int, limbs: int, elements: int) -> int:
    """Words that every compute party sends to make a number of 1 or 2 limbs from `bits` rows; 0 for 0 limbs."""
    if limbs < 1:
        return 0
    if _one_by_one(bits, limbs):
        return bits * elements
    top = 64 * limbs
    rest = max(0, top - 1 - bits)
    return words(elements) * (carry_ands(min(bits + 1, top), elements) + rest)


def number_extra(seat: int, bits: int, limbs: int, elements: int) -> int:
    """Words that the compute party of `seat` sends on top of number_words."""
    if limbs < 1 or _one_by_one(bits, limbs):
        return 0
    return {0: limbs * elements, 2: 64 * limbs * words(elements)}.get(seat, 0)


def save_rounds(numbers: int) -> int:
    """Rounds in which so many numbers become two by carry-save adders: engines.shamir.trees."""
    rounds = 0
    while numbers > 2:
        numbers -= numbers // 3
        rounds += 1
    return rounds


def _in_pairs(leaves: int, elements: int) -> bool:
    return elements > FEW_ELEMENTS and leaves >= 4


def _digit(elements: int) -> int:
    return next((bits for most, bits in DIGITS if elements <= most), 1)


def _odd_sums(digit: int) -> list[int]:
    """How many odd multiples of the divisor each round of sums makes, for digits of up to 4 bits."""
    return {2: [1], 3: [2, 1], 4: [3, 4]}[digit]


def _one_by_one(bits: int, limbs: int) -> bool:
    return limbs == 1 and bits <= FEW_BITS
