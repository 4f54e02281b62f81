"""Vectors of an owner's permutation: owners at every seat and outside, all rows and some, numbers and bits at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Arrives, Bad, at, changed, flip, lengths, payload, shorter
from tests.vectors.good import drawn, head, shared, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Positions
from mpcstats.session import Session, Words

PROTOCOL = "permute"
WIDTH = 3


def columns(title: str, numbers: Sequence[int]) -> dict[str, Any]:
    """A column of numbers and rows of bits (their low bits), shared."""
    stream = drawn(f"{PROTOCOL} {title}")
    return {
        "numbers": shared(numbers, stream),
        "bits": shared_rows(numbers, WIDTH, stream),
        "plain": list(numbers),
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str, about: str, owner: str, numbers: Sequence[int], order: Sequence[int]
    ) -> Setting:
        return {
            **head(PROTOCOL, title, about, ["d"] if owner == "d" else []),
            "roles": {"owner": owner},
            "sizes": {"rows": len(numbers), "kept": len(order), "width": WIDTH},
            "inputs": {**columns(title, numbers), "order": list(order)},
        }

    five = [7, -1, 0, -(1 << 63), 12]
    made = {
        "owner_at_seat_0": ("P_0 knows the order", "a", five, [3, 0, 4, 1, 2]),
        "owner_at_seat_1": ("P_1 knows the order", "b", five, [4, 3, 2, 1, 0]),
        "owner_at_seat_2": ("P_2 knows the order", "c", five, [0, 1, 2, 3, 4]),
        "owner_outside": ("an owner that does not compute", "d", five, [1, 4, 0, 2, 3]),
        "some_rows": ("two of five rows are kept", "b", five, [4, 1]),
        "some_rows_of_an_outside_owner": ("three of five rows", "d", five, [2, 0, 4]),
        "one_row": ("there is one order only", "a", [5], [0]),
        "no_rows": ("nothing to permute: messages without words", "c", [], []),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does: both columns at once."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n, owner = sizes["rows"], setting["roles"]["owner"]
    own: Positions | None = None
    if session.me == owner and inputs["order"] is not None:
        own = np.array(inputs["order"], dtype=np.intp)
    found = await engine_of(setting).permute(
        session,
        [
            arith_of(setting, session, inputs["numbers"], n),
            bits_of(setting, session, inputs["bits"], n, sizes["width"]),
        ],
        own,
        owner=owner,
        keep=sizes["kept"],
    )
    return {"numbers": shares(found[0]), "bits": shares(found[1])}


def _halves(change: Any) -> Arrives:
    def changed_words(words: Words) -> Words:
        change(words.view(np.uint32))
        return words

    return payload(changed_words)


def _swap(halves: Any) -> None:
    halves[[0, 1]] = halves[[1, 0]]


def _repeat(halves: Any) -> None:
    halves[1] = halves[0]


def _beyond(halves: Any) -> None:
    halves[0] = 5


def _unused(halves: Any) -> None:
    halves[5] = 9


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, outside = "owner_at_seat_0", "owner_outside"
    first, second = "run#0", "run#1"
    order = ["inputs", "order"]
    return {
        **lengths(base, "order", first, "a", "c", told="the owner's order sigma"),
        **lengths(base, "masked_part", first, "b", "c", told="the masked component c"),
        **lengths(base, "owners_part", second, "a", "c", told="the owner's part of the result"),
        **lengths(base, "receivers_part", second, "c", "a", told="the receiver's part of the result"),
        **lengths(outside, "orders", first, "d", "b", told="an outside owner's two orders"),
        **lengths(outside, "digest", second, "a", "b", told="a digest of an order"),
        "pass_one_word_short": changed(
            outside, "a message of the last pass lacks a word", "run/pass2#0", "c", "b", shorter
        ),
        "order_with_a_row_twice": changed(
            base, "sigma names a row twice", first, "a", "c", _halves(_repeat)
        ),
        "order_with_a_row_beyond": changed(
            base, "sigma names a row that is not there", first, "a", "c", _halves(_beyond)
        ),
        "order_with_two_rows_exchanged": changed(
            base, "sigma is another permutation: rows are mixed up", first, "a", "c", _halves(_swap),
            "undetected",
        ),
        "unused_half_of_the_order_set": changed(
            base, "the half word after an odd number of positions is not 0", first, "a", "c",
            _halves(_unused), "no difference",
        ),
        "masked_part_changed": changed(
            base, "one bit of c: one element is another", first, "b", "c", flip(5, 63), "undetected"
        ),
        "part_of_the_result_changed": changed(
            base, "two holders have two components", second, "a", "c", flip(), "undetected"
        ),
        "unequal_copies_of_an_order": changed(
            outside, "an outside owner gives one holder another order", first, "d", "b",
            _halves(_swap),
        ),
        "unequal_digests_of_an_order": changed(
            outside, "one bit of a digest", second, "c", "a", flip(3, 63)
        ),
        "outside_order_with_a_row_twice": Bad(
            "both holders of pass 0 get the same order, which names a row twice", outside, "fault",
            [
                at(first, "d", "a", _halves(_repeat_last)),
                at(first, "d", "b", _halves(_repeat)),
            ],
        ),
        "owners_order_names_a_row_twice": Bad(
            "the owner's own order is none", base, "fault",
            setting=[([], order, [3, 0, 4, 1, 1])],
        ),
        "owners_order_too_short": Bad(
            "the owner names four of five rows", base, "fault", setting=[([], order, [3, 0, 4, 1])]
        ),
        "order_absent_at_its_owner": Bad(
            "the owner has no order", base, "fault", setting=[([], order, None)]
        ),
        "unequal_numbers_of_rows_kept": Bad(
            "the receiver was told that fewer rows are kept", "some_rows", "fault",
            setting=[(["a"], ["sizes", "kept"], 1)],
        ),
        "unequal_owners": Bad(
            "a party takes another one for the owner", base, "silence",
            setting=[(["c"], ["roles", "owner"], "b")],
        ),
        "unequal_pair_seeds": Bad(
            "the owner and its neighbour draw two permutations: rows are mixed up", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "digest_of_another_run": Bad(
            "a holder hashes with another run id", outside, "fault",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip


def _repeat_last(halves: Any) -> None:
    # P_0 gets the order of pass 2 in three words, then that of pass 0.
    _repeat(halves[6:])


def result_of(vector: dict[str, Any], name: str) -> list[Words]:
    """The three components of a result; each must be the same at its two holders."""
    parts = [vector["results"][party][name] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    return [from_hex(own) for own, _ in parts]


def number_of(vector: dict[str, Any], name: str) -> Words:
    """A result of numbers, put together."""
    one, two, three = result_of(vector, name)
    return one + two + three


def bits_in(vector: dict[str, Any], name: str, n: int, width: int) -> Words:
    """The numbers whose bits a result holds."""
    one, two, three = result_of(vector, name)
    return slicing.join_bits((one ^ two ^ three).reshape(width, slicing.words(n)), n)


def check_inputs(inputs: dict[str, Any]) -> None:
    """Components sum to what is said in plain."""
    one, two, three = (from_hex(x) for x in inputs["numbers"])
    assert np.array_equal(one + two + three, residues(inputs["plain"]))


def check(vector: dict[str, Any]) -> None:
    """The results are the columns, indexed by the order."""
    inputs, sizes = vector["inputs"], vector["sizes"]
    check_inputs(inputs)
    expected = residues(inputs["plain"])[np.array(inputs["order"], dtype=np.intp)]
    assert np.array_equal(number_of(vector, "numbers"), expected)
    low = expected & np.uint64((1 << sizes["width"]) - 1)
    assert np.array_equal(bits_in(vector, "bits", sizes["kept"], sizes["width"]), low)
    assert vector["openings"] == []
