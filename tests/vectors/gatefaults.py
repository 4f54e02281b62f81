"""Faults on the gate's vectors: messages, shares of bits that decide, and parties who were told of different things."""

from __future__ import annotations

from typing import Any

from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, shorter, twice


def cases() -> dict[str, Bad]:
    """Faults of the comparisons, the trees, the bits, the mask, and of openings to recipients inside and outside."""
    return {**_of_messages(), **_of_shares(), **_of_settings()}


CARRY = "run/below0/carry"
INSIDE, OUTSIDE = "run/open/to-a#0", "run/open/to-d#0"


def _of_messages() -> dict[str, Bad]:
    """What is missing, of another length, or unequal at its two holders."""
    return {
        **lengths("inside_recipient", "opening", INSIDE, "c", "a", told="the component that a lacks"),
        **lengths("inside_recipient", "digest", INSIDE, "b", "a", told="the digest of a component"),
        **lengths("outside_recipient", "copy", OUTSIDE, "b", "d", told="what P_1 sends the recipient"),
        **lengths("all_suppressed", "sign", f"{CARRY}/level3#0", "b", "a", told="a share of the carry"),
        "upper_part_one_word_short": changed(
            "inside_recipient", "the sliced bits of A lack a word", "run/below0/upper#0", "a", "c",
            shorter,
        ),
        "tests_one_word_short": changed(
            "everything", "the bits of A of the one vector of tests lack a word", "run/safety/upper#0",
            "a", "c", shorter,
        ),
        "mask_missing": changed(
            "inside_recipient", "a share of a product does not arrive", "run/mask#0", "c", "b",
            missing, "silence",
        ),
        "column_missing": changed(
            "supports", "a share of the ands of a column does not arrive", "run/rows/1/level0#0", "c",
            "b", missing, "silence",
        ),
        "institutions_twice": changed(
            "contributors", "a share of the counts of institutions arrives twice",
            "run/safe/contributors0/level0#0", "c", "b", twice,
        ),
        "fresh_share_twice": changed(
            "outside_recipient", "a share for the recipient arrives twice at a compute party",
            "run/open/to-d/fresh#0", "b", "a", twice,
        ),
        "unequal_copies_of_an_opening": changed(
            "inside_recipient", "one bit of the opened component", INSIDE, "c", "a", flip(5)
        ),
        "digest_of_another_opening": changed(
            "inside_recipient", "one bit of the digest", INSIDE, "b", "a", flip(3, 63)
        ),
        "unequal_copies_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a component", OUTSIDE, "a", "d", flip(4)
        ),
        "digest_of_another_copy_at_an_outside_recipient": changed(
            "outside_recipient", "one bit of a digest", OUTSIDE, "c", "d", flip(-1)
        ),
        "one_recipient_of_two_gets_another_component": changed(
            "recipients_in_and_out", "c gets another component, b does not", "run/open/to-c#0", "b",
            "c", flip(3),
        ),
    }  # fmt: skip


def _of_shares() -> dict[str, Bad]:
    """A compute party changes its last share of a bit: what should be suppressed is opened, or the reverse."""

    def told(base: str, about: str, step: str, at: Any, outcome: str = "undetected") -> Bad:
        return changed(base, about, step, "c", "b", at, outcome)

    return {
        "opened_bit_is_no_bit": changed(
            "inside_recipient", "P_2 adds to the bit of a cell: it is opened as 2 more or less",
            "run/bit/join#0", "c", "a", flip(0, 1),
        ),
        "suppressed_cell_opened": told(
            "all_suppressed", "P_2 changes its last share of the carry: a suppressed cell is opened",
            f"{CARRY}/level5#0", flip(0, 1),
        ),
        "passing_cell_suppressed": told(
            "inside_recipient", "P_2 changes its last share of the carry: a cell is withheld",
            f"{CARRY}/level5#0", flip(0, 1),
        ),
        "failed_condition_opened": told(
            "having", "P_2 changes its share of which cells are in the answer", "run/rows/0/level0#0",
            flip(0, 3),
        ),
        "column_of_a_hidden_cell": told(
            "supports", "P_2 changes its last share of a column: it passes, and its cell does not",
            "run/rows/1/level0#0", flip(0, 0), "fault",
        ),
        "column_of_few_persons_opened": told(
            "supports", "P_2 changes its last share of the carry of a count: 10 persons stand behind it",
            "run/lacking0/carry/level5#0", flip(0, 1),
        ),
        "null_told_as_a_number": told(
            "nulls", "P_2 changes its share of which values are there", "run/rows/1/level0#0", flip(0, 1),
        ),
        "complement_opened": told(
            "complement", "P_2 changes its share of a finding: 1 to 10 persons do not contribute",
            "run/safe/rest1#0", flip(0, 1),
        ),
        "quantile_among_few_opened": told(
            "rank_among_few", "P_2 changes its last share of a carry: 5 values are too few for a median",
            "run/lacking0/carry/level5#0", flip(0, 1),
        ),
        "amount_of_few_contributors_opened": told(
            "contributors", "P_2 changes its share of which institutions are there: 2 are told for 3",
            "run/safe/contributors0/level1#0", flip(0, 1),
        ),
        "amount_of_others_opened": changed(
            "p_rule_with_own", "P_0 changes its share of a finding: the recipient can tell the others'",
            "run/safe/p0/level3#0", "a", "c", flip(0, 0), "undetected",
        ),
        "estimable_amount_opened": told(
            "p_rule", "P_2 changes its share of a finding: the second largest can tell the largest",
            "run/safe/p0/level3#0", flip(0, 3),
        ),
        "dominated_amount_opened": told(
            "dominance", "P_2 changes its share of a finding: one institution has nearly all",
            "run/safe/largest0/level2#0", flip(0, 3),
        ),
    }  # fmt: skip


def _of_settings() -> dict[str, Bad]:
    """What a gate cannot be asked, and parties who were told of different things."""

    def asked(base: str, about: str, name: str, value: Any) -> Bad:
        return Bad(about, base, "fault", setting=[([], ["sizes", name], value)])

    return {
        "minimum_of_zero": asked("inside_recipient", "k = 0 would open every cell", "k", 0),
        "negative_minimum": asked("inside_recipient", "k below 0", "k", -1),
        "minimum_of_no_contributors": asked(
            "contributors", "a minimum of 0 contributors", "contributors", 0
        ),
        "p_of_more_than_all": asked("p_rule", "p above 100 per cent", "p", 101),
        "dominance_of_none": asked("dominance", "the 0 largest contributions", "largest", [0, 60]),
        "dominance_of_nothing": asked("dominance", "at most 0 per cent", "largest", [1, 0]),
        "no_bound": Bad(
            "cells without a count of persons", "inside_recipient", "fault",
            setting=[([], ["inputs", "persons"], [])],
        ),
        "no_amount": Bad(
            "an amount of which nobody knows what it is made", "contributors", "fault",
            setting=[([], ["sizes", "behind", 0, "amounts"], [])],
        ),
        "no_institutions": Bad(
            "a dataset without institutions", "contributors", "fault",
            setting=[([], ["inputs", "institutions", 0], [])],
        ),
        "contributions_of_an_amount_missing": asked(
            "contributors", "the p% rule, where institutions are counted alone", "p", 10
        ),
        "rank_above_all": Bad(
            "a rank beyond the last value", "rank_among_few", "fault",
            setting=[([], ["sizes", "behind", 0, "rank"], [3, 2])],
        ),
        "unequal_minimums": Bad(
            "P_0 gates with k = 1, P_2 with 11: unequal copies of a count less k", "inside_recipient",
            "undetected", setting=[(["a"], ["sizes", "k"], 1)],
        ),
        "unequal_percentages": Bad(
            "P_0 tests with p = 100: unequal copies of what is tested", "p_rule", "undetected",
            setting=[(["a"], ["sizes", "p"], 100)],
        ),
        "unequal_rules": Bad(
            "P_2 does not test complements: it waits at other steps", "complement", "silence",
            setting=[(["c"], ["sizes", "complement"], False)],
        ),
        "unequal_recipients": Bad(
            "a party opens to somebody else", "inside_recipient", "silence",
            setting=[(["c"], ["sizes", "to"], ["b"])],
        ),
        "recipient_told_of_more_cells": Bad(
            "the recipient was told of two cells more", "outside_recipient", "fault",
            setting=[(["d"], ["sizes", "cells"], 7)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: junk is opened", "inside_recipient", "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "digest_of_another_run": Bad(
            "a sender has another run id", "none_suppressed", "fault",
            setting=[(["a"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip
