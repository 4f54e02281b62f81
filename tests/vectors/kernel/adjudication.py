"""Vectors of adjudication: claims of few bits, so that a whole garbled circuit fits into a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.adjudicated import PAIR, payable
from tests.vectors.bad import (
    OTHER_SEED,
    Arrives,
    Bad,
    at_step,
    changed,
    empty,
    flip,
    from_party,
    lengths,
    payload,
)
from tests.vectors.world import Setting, seeds_for

from mpcstats.protocols.adjudication import Form, Rule, Settled, adjudicate, circuit
from mpcstats.session import Session, Words

PROTOCOL = "adjudication"
Vector = dict[str, Any]
CHOICES, CIRCUIT = "run/circuit#0", "run/circuit#1"
# Where the parts of the holder's message begin, for the form of most vectors.
FORM = Form(2, 1, 4)
LABELS = 8 * circuit(FORM).inputs[1]
TABLES = LABELS + 2 * circuit(FORM).inputs[0]
TOKENS = TABLES + 4 * circuit(FORM).ands


def claim(
    title: str,
    about: str,
    amounts: Sequence[int],
    reasons: Sequence[int],
    rule: Sequence[int],
    excluded: tuple[Sequence[int], Sequence[int]] = ((), ()),
    bits: int = FORM.money_bits,
) -> tuple[str, Setting]:
    """`rule`: deductible, ratio and cap; `excluded`: amounts and reasons, by position."""
    deductible, ratio, cap = rule
    return title, {
        "about": about,
        "protocol": PROTOCOL,
        "version": 1,
        "parties": list(PAIR),
        "compute": list(PAIR),
        **seeds_for(f"{PROTOCOL} {title}", PAIR),
        "roles": {"holder": PAIR[0], "insurer": PAIR[1]},
        "sizes": {"amounts": len(amounts), "reasons": len(reasons), "money_bits": bits},
        "inputs": {
            "settled": {"amounts": list(amounts), "reasons": list(reasons)},
            "rule": {
                "deductible": deductible,
                "ratio": ratio,
                "cap": cap,
                "excluded_amounts": list(excluded[0]),
                "excluded_reasons": list(excluded[1]),
            },
        },
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    made = [
        claim("paid", "two amounts above the deductible, rounded down", (9, 5), (0,), (3, 8000, 15)),
        claim("capped", "more than the cap", (9, 6), (1,), (0, 10_000, 7)),
        claim("below_the_deductible", "nothing is paid", (3, 2), (0,), (6, 10_000, 15)),
        claim(
            "excluded_amount", "one amount is not paid for", (8, 5), (1,), (1, 5000, 15),
            ((0,), ()),
        ),
        claim(
            "excluded_reason", "a reason holds that is excluded", (8, 5), (1,), (1, 5000, 15),
            ((), (0,)),
        ),
        claim("largest", "the largest sum, all of it paid", (15, 0), (0,), (0, 10_000, 15)),
        claim("one_amount", "no reasons, two bits of money", (3,), (), (1, 9999, 3), bits=2),
    ]  # fmt: skip
    return dict(made)


async def body(setting: Setting, session: Session) -> Any:
    """The payable amount at the insurer, nothing at the holder."""
    sizes, inputs, roles = setting["sizes"], setting["inputs"], setting["roles"]
    holds, rules = session.me == roles["holder"], session.me == roles["insurer"]
    amount = await adjudicate(
        session,
        Form(sizes["amounts"], sizes["reasons"], sizes["money_bits"]),
        holder=roles["holder"],
        insurer=roles["insurer"],
        settled=settled_of(inputs["settled"]) if holds and inputs["settled"] else None,
        rule=rule_of(inputs["rule"]) if rules and inputs["rule"] else None,
    )
    return {} if amount is None else {"payable": amount}


def settled_of(given: dict[str, Any]) -> Settled:
    return Settled(tuple(given["amounts"]), tuple(bool(each) for each in given["reasons"]))


def rule_of(given: dict[str, Any]) -> Rule:
    return Rule(
        given["deductible"],
        given["ratio"],
        given["cap"],
        frozenset(given["excluded_amounts"]),
        frozenset(given["excluded_reasons"]),
    )


def check(vector: Vector) -> None:
    """The amount is that of the rule, the insurer alone has it, and nothing else is opened."""
    inputs, roles = vector["inputs"], vector["roles"]
    expected = payable(settled_of(inputs["settled"]), rule_of(inputs["rule"]))
    assert vector["results"] == {roles["holder"]: {}, roles["insurer"]: {"payable": expected}}
    assert [(o["leak"], o["to"]) for o in vector["openings"]] == [
        ("payable-amount", [roles["insurer"]])
    ]


def _words(at: int, *values: int) -> Arrives:
    """Other words at a place of the payload."""

    def change(words: Words) -> Words:
        words[at : at + len(values)] = np.array(values, dtype=np.uint64)
        return words

    return payload(change)


def _exchanged(one: int, other: int, size: int) -> Arrives:
    """Two parts of the payload change places."""

    def change(words: Words) -> Words:
        kept = words[one : one + size].copy()
        words[one : one + size] = words[other : other + size]
        words[other : other + size] = kept
        return words

    return payload(change)


ALL_ONES = (2**64 - 1,) * 4


def cases() -> dict[str, Bad]:
    """Title -> fault."""

    def choices(about: str, arrives: Arrives, outcome: str = "fault") -> Bad:
        return changed("paid", about, CHOICES, "insurer", "bureau", arrives, outcome)

    def garbled(about: str, arrives: Arrives, outcome: str = "fault") -> Bad:
        return changed("paid", about, CIRCUIT, "bureau", "insurer", arrives, outcome)

    return {
        **lengths("paid", "choices", CHOICES, "insurer", "bureau", told="the points of the choices"),
        **lengths(
            "one_amount", "circuit", CIRCUIT, "bureau", "insurer", told="the garbled circuit"
        ),
        "choices_empty": choices("a message without points", empty),
        "choices_at_another_step": choices("points for another step", at_step("run/circuit#7"), "silence"),
        "choices_of_another_sender": choices("points in the holder's own name", from_party("bureau"), "silence"),
        "point_not_reduced": choices("r_0 of the first bit encodes no element", _words(0, *ALL_ONES)),
        "second_point_not_reduced": choices("r_1 of the last bit encodes no element", _words(LABELS - 4, *ALL_ONES)),
        "point_negative": choices("r_0 of the second bit is odd", _words(8, 1, 0, 0, 0)),
        "points_of_two_bits_exchanged": choices("the chooser cannot open its offers", _exchanged(0, 8, 8)),
        "points_of_one_bit_exchanged": choices("r_0 and r_1 in the other order", _exchanged(0, 4, 4)),
        "offer_not_reduced": garbled("B of the first bit encodes no element", _words(0, *ALL_ONES)),
        "offer_neutral": garbled("B of the last bit is the neutral element", _words(LABELS - 8, 0, 0, 0, 0)),
        "offers_exchanged": garbled("the offers of two bits in the other order", _exchanged(0, 8, 8)),
        # The deductible is 3: of its first bit the label for 1 is chosen.
        "chosen_label_changed": garbled("one bit of a label that the insurer opens", flip(6, 9)),
        "label_that_is_not_chosen_changed": garbled(
            "one bit of a label that the insurer cannot open", flip(4, 9), "no difference"
        ),
        "label_of_an_amount_changed": garbled("one bit of a label of the holder's", flip(LABELS, 5)),
        "table_changed": garbled("every ciphertext of the first eight gates", _words(TABLES, *range(32))),
        "tables_exchanged": garbled("the tables of two gates in the other order", _exchanged(TABLES, TABLES + 4, 4)),
        "token_changed": garbled("both tokens of the first output", _words(TOKENS, 1, 2, 3, 4)),
        "tokens_of_two_outputs_exchanged": garbled("tokens in another order", _exchanged(TOKENS, TOKENS + 4, 4)),
        "tokens_of_one_output_exchanged": garbled(
            "the holder says that 0 means 1: the lowest bit is the opposite, and nobody can tell",
            _exchanged(TOKENS, TOKENS + 2, 2), "undetected",
        ),
        "another_run": Bad(
            "the holder hashes with another run id", "paid", "fault",
            setting=[(["bureau"], ["run_id"], OTHER_SEED)],
        ),
        "unequal_forms": Bad(
            "the holder was told of another number of bits", "paid", "fault",
            setting=[(["bureau"], ["sizes", "money_bits"], 5)],
        ),
        "amounts_too_large": Bad(
            "the sum of the amounts has more bits than the form", "paid", "fault",
            setting=[([], ["inputs", "settled", "amounts"], [9, 7])],
        ),
        "amount_negative": Bad(
            "an amount below 0", "paid", "fault",
            setting=[([], ["inputs", "settled", "amounts"], [9, -1])],
        ),
        "amounts_of_another_number": Bad(
            "three amounts in a form of two", "paid", "fault",
            setting=[([], ["inputs", "settled", "amounts"], [1, 2, 3])],
        ),
        "ratio_above_one": Bad(
            "more than 10,000 basis points", "paid", "fault",
            setting=[([], ["inputs", "rule", "ratio"], 10_001)],
        ),
        "exclusion_of_no_amount": Bad(
            "the rule excludes an amount that a claim does not have", "paid", "fault",
            setting=[([], ["inputs", "rule", "excluded_amounts"], [2])],
        ),
        "no_rule": Bad(
            "the insurer comes without a rule", "paid", "fault",
            setting=[([], ["inputs", "rule"], None)],
        ),
        "no_settlement": Bad(
            "the holder comes without a settlement", "paid", "fault",
            setting=[([], ["inputs", "settled"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "the parties have two seeds: no stream of the pair is used", "paid", "no difference",
            setting=[(["bureau"], ["pair_seeds", "bureau-insurer"], OTHER_SEED)],
        ),
    }  # fmt: skip
