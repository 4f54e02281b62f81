"""A claim's payable amount from the bureau's settlement row and the insurer's secret rule: a composition.

It is made of the engine's operations and `divide`, and has no card, specification and vectors of its own yet, so
no plan can name it. The bureau puts in amounts and categories, the insurer its rules; all three parties compute;
the payable amounts are opened to the insurer alone, and nothing else is opened.

payable = 0 if the category is excluded or amount <= deductible,
          else min(cap, (amount - deductible) * ratio // 1000).

Everything is put in as bits, so that neither side can put in a number where the rule has a flag: an exclusion of
2 instead of 1 would carry the category into the amount. A rule that pays everything shows the amount itself: the
rule must be the contract's, which the bureau cannot see; so it is to be registered by its digest before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra.bits import slice_bits
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.protocols.divide import divide
from mpcstats.session import Session, Words

# The leakage that this opening is: what would stand in leakage.toml.
LEAK = "payable-amount"
LEAKS = {LEAK: "The payable amount of one adjudicated claim, to the insurer that pays it."}

CATEGORIES = (11, 14, 21, 52)  # med_type
MONEY_BITS = 36  # fen: below 687 million yuan
RATIO_BITS = 10
RATIO = 1000  # per mille


@dataclass(frozen=True, slots=True)
class Claim:
    """The bureau's: an amount in fen, and a category."""

    amount: int = field(repr=False)
    category: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """The insurer's: deductible and cap in fen, a ratio per mille, and categories that it does not pay."""

    deductible: int = field(repr=False)
    ratio: int = field(repr=False)
    cap: int = field(repr=False)
    excluded: frozenset[int] = field(default=frozenset(), repr=False)


def payable_plainly(claim: Claim, rule: Rule) -> int:
    """The same in the clear."""
    if claim.category in rule.excluded or claim.amount <= rule.deductible:
        return 0
    return min(rule.cap, (claim.amount - rule.deductible) * rule.ratio // RATIO)


async def adjudicate(
    session: Session,
    engine: Engine,
    count: int,
    *,
    bureau: str,
    insurer: str,
    claims: Sequence[Claim] | None,
    rules: Sequence[Rule] | None,
) -> list[int] | None:
    """The payable amounts of `count` claims at the insurer, None elsewhere; each side gives what is its own."""
    amount, category = await _claims(session.narrow("claims"), engine, count, bureau, claims)
    deductible, ratio, cap, excluded = await _rules(
        session.narrow("rules"), engine, count, insurer, rules
    )
    below = await engine.less_than(session.narrow("below"), amount, deductible)
    out = await engine.select(session.narrow("excluded"), category, excluded)
    (pays,) = await engine.conj(session.narrow("pays"), [(~below, ~out)])
    numbers = [
        await engine.from_bits(session.narrow(name), bits)
        for name, bits in (("amount", amount), ("deductible", deductible), ("ratio", ratio))
    ]
    pays_too = (await engine.to_arith(session.narrow("flag"), pays))[0]
    excess = await engine.multiply(session.narrow("excess"), numbers[0] - numbers[1], pays_too)
    shares = await engine.multiply(session.narrow("share"), excess, numbers[2])
    thousand = engine.public(session.narrow("thousand"), np.full(count, RATIO, dtype=np.uint64))
    divided = await divide(
        session.narrow("divide"),
        engine,
        shares,
        thousand,
        numerator_bits=MONEY_BITS + RATIO_BITS,
        denominator_bits=10,
    )
    # One bit more than money: a ratio of 10 bits is below 2 * 1000.
    given = await engine.to_bits(session.narrow("bits"), divided.quotient, width=MONEY_BITS + 1)
    capped = Bits.stack([cap, cap.rows(0) ^ cap.rows(0)])
    over = await engine.less_than(session.narrow("over"), capped, given)
    least = await engine.select(session.narrow("least"), Bits.stack([over, ~over]), [capped, given])
    payable = await engine.from_bits(session.narrow("payable"), least)
    opened = await engine.reveal(session.narrow("open"), payable, leak=LEAK, to=(insurer,))
    return None if opened is None else [int(value) for value in opened]


async def _claims(
    session: Session, engine: Engine, count: int, owner: str, claims: Sequence[Claim] | None
) -> tuple[Bits, Bits]:
    """Amounts, and one row for each category: 1 where the claim is of it."""
    amounts = None if claims is None else [claim.amount for claim in claims]
    amount = await _shared(session.narrow("amount"), engine, amounts, owner, count, MONEY_BITS)
    codes = None
    if claims is not None:
        codes = [1 << CATEGORIES.index(claim.category) for claim in claims]
    category = await _shared(
        session.narrow("category"), engine, codes, owner, count, len(CATEGORIES)
    )
    return amount, category


async def _rules(
    session: Session, engine: Engine, count: int, owner: str, rules: Sequence[Rule] | None
) -> tuple[Bits, Bits, Bits, list[Bits]]:
    """Deductibles, ratios, caps, and for each category one row: 1 where it is excluded."""
    found = []
    for name, width in (
        ("deductible", MONEY_BITS),
        ("ratio", RATIO_BITS),
        ("cap", MONEY_BITS),
    ):
        values = None if rules is None else [getattr(rule, name) for rule in rules]
        found.append(await _shared(session.narrow(name), engine, values, owner, count, width))
    codes = None
    if rules is not None:
        codes = [
            sum(1 << j for j, code in enumerate(CATEGORIES) if code in rule.excluded)
            for rule in rules
        ]
    flags = await _shared(session.narrow("excluded"), engine, codes, owner, count, len(CATEGORIES))
    return found[0], found[1], found[2], [flags.rows([j]) for j in range(len(CATEGORIES))]


async def _shared(
    session: Session,
    engine: Engine,
    values: Sequence[int] | None,
    owner: str,
    count: int,
    width: int,
) -> Bits:
    rows: Words | None = None
    if values is not None:
        rows = slice_bits(np.array(values, dtype=np.uint64), width)
    return await engine.share_bits(session, rows, owner=owner, length=count, width=width)
