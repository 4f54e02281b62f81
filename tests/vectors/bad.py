"""The failing vectors: each is a good one with one fault, named by it; what must happen is recorded from a run.

`outcome` is what the author expects: "fault" (somebody stops and says who broke the protocol), "silence" (somebody
waits for what never comes), "undetected" (a wrong result, as the card says), "no difference".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.vectors.plays import block
from tests.vectors.world import from_hex, to_hex

from mpcstats.session import Words

Message = dict[str, Any]
Arrives = Callable[[Message], list[Message]]
Change = Callable[[Sequence[Message]], Message]
Patch = tuple[Sequence[str], Sequence[str | int], Any]  # parties (none: all), path, value


@dataclass(frozen=True)
class Bad:
    """One fault on the good vector `base`."""

    about: str
    base: str
    outcome: str
    messages: Sequence[Change] = ()
    setting: Sequence[Patch] = field(default=())


def at(step: str, sender: str, receiver: str, arrives: Arrives) -> Change:
    """The message of that name, and what arrives in its place."""

    def change(messages: Sequence[Message]) -> Message:
        name = {"step": step, "sender": sender, "receiver": receiver}
        (found,) = (m for m in messages if name.items() <= m.items())
        return {
            **name,
            "arrives": [
                {"sender": m["sender"], "step": m["step"], "payload": m["payload"]}
                for m in arrives(found)
            ],
        }

    return change


def shorter(m: Message) -> list[Message]:
    return [{**m, "payload": m["payload"][:-16]}]


def longer(m: Message) -> list[Message]:
    return [{**m, "payload": m["payload"] + "00" * 8}]


def empty(m: Message) -> list[Message]:
    return [{**m, "payload": ""}]


def missing(_: Message) -> list[Message]:
    return []


def twice(m: Message) -> list[Message]:
    return [m, m]


def flip(word: int = 0, bit: int = 0) -> Arrives:
    """One bit changed."""

    def flipped(words: Words) -> Words:
        words[word] ^= np.uint64(1) << np.uint64(bit)
        return words

    return payload(flipped)


def payload(change: Callable[[Words], Words]) -> Arrives:
    return lambda m: [{**m, "payload": to_hex(change(from_hex(m["payload"])))}]


def from_party(sender: str) -> Arrives:
    return lambda m: [{**m, "sender": sender}]


def at_step(step: str) -> Arrives:
    return lambda m: [{**m, "step": step}]


OTHER_SEED = "00" * 32


def cases(protocol: str) -> dict[str, Bad]:
    """Title -> fault."""
    return {"sum": _sum, "lookup_join": _lookup, "cohort_count": _cohort}[protocol]()


def lengths(
    base: str, what: str, step: str, sender: str, receiver: str, *, told: str
) -> dict[str, Bad]:
    """The faults that any message can have: every one of them is seen by its receiver."""

    def bad(about: str, arrives: Arrives, outcome: str = "fault") -> Bad:
        return Bad(f"{told} {about}", base, outcome, [at(step, sender, receiver, arrives)])

    return {
        f"{what}_one_word_short": bad("lacks its last word", shorter),
        f"{what}_one_word_long": bad("has a word more", longer),
        f"{what}_missing": bad("does not arrive", missing, "silence"),
        f"{what}_twice": bad("arrives twice", twice),
    }


def _sum() -> dict[str, Bad]:
    """Faults of inputs, inside and outside."""
    outside = "run/0-d"
    return {
        **lengths("three_inside", "input", "run/0-a#0", "a", "c", told="the component of a's input"),
        **lengths("one_outside", "copy", f"{outside}#0", "d", "a", told="the outside provider's copy"),
        **lengths("one_outside", "digest", f"{outside}#1", "a", "b", told="a digest of a component"),
        "input_empty": changed("three_inside", "a component without words", "run/0-a#0", "a", "c", empty),
        "input_of_another_sender": changed(
            "three_inside", "a message comes in another party's name", "run/0-a#0", "a", "c",
            from_party("b"), "silence",
        ),
        "input_at_another_step": changed(
            "three_inside", "a message for a step that does not exist", "run/0-a#0", "a", "c",
            at_step("run/0-a#1"), "silence",
        ),
        "message_that_nobody_awaits": changed(
            "three_inside", "a second message, for a step that does not exist", "run/1-b#0", "b", "a",
            lambda m: [m, {**m, "step": "run/3-b#0"}], "no difference",
        ),
        "share_of_an_input_changed": changed(
            "three_inside", "one bit of a component: nobody can tell", "run/0-a#0", "a", "c",
            flip(), "undetected",
        ),
        "unequal_copies_of_an_input": changed(
            "one_outside", "x_0 differs at its two holders", f"{outside}#0", "d", "a", flip()
        ),
        "unequal_copies_in_the_last_bit": changed(
            "one_outside", "as before, in the highest bit of the last element", f"{outside}#0",
            "d", "c", flip(-1, 63),
        ),
        "unequal_first_seeds_of_an_input": changed(
            "one_outside", "seed 1 differs at its two holders", f"{outside}#0", "d", "b", flip()
        ),
        "unequal_second_seeds_of_an_input": changed(
            "one_outside", "seed 2 differs at its two holders", f"{outside}#0", "d", "b", flip(2)
        ),
        "copies_of_two_recipients_exchanged": Bad(
            "P_0 and P_2 get what is the other's", "one_outside", "fault",
            [
                at(f"{outside}#0", "d", "a", _rolled(-2)),
                at(f"{outside}#0", "d", "c", _rolled(2)),
            ],
        ),
        "digest_of_another_copy": changed(
            "one_outside", "one bit of a digest", f"{outside}#1", "c", "a", flip()
        ),
        "digest_of_another_run": Bad(
            "a party hashes with another run id (its pair streams differ too)", "one_outside",
            "fault", setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
        "unequal_pair_seeds": Bad(
            "P_0 and P_1 have two seeds: the stream that a subtracts is not the one that b holds",
            "three_inside", "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_shapes": Bad(
            "a provider was told of another number of elements", "three_inside", "fault",
            setting=[
                (["a"], ["sizes", "shape"], [4]),
                (["a"], ["inputs", "vectors", 0, "values"], [1, -2, 3, 0]),
            ],
        ),
        "values_of_another_shape": Bad(
            "a provider has more elements than the public shape", "three_inside", "fault",
            setting=[([], ["inputs", "vectors", 0, "values"], [1, -2, 3, 0, 5, 6])],
        ),
        "values_absent_at_their_owner": Bad(
            "a provider has no array", "three_inside", "fault",
            setting=[([], ["inputs", "vectors", 0, "values"], None)],
        ),
        "no_providers": Bad(
            "nobody provides", "three_inside", "fault", setting=[([], ["inputs", "vectors"], [])]
        ),
        "two_compute_parties": Bad(
            "one party has two of the three seats", "three_inside", "fault",
            setting=[([], ["compute"], ["a", "b", "a"])],
        ),
    }  # fmt: skip


def changed(
    base: str,
    about: str,
    step: str,
    sender: str,
    receiver: str,
    arrives: Arrives,
    outcome: str = "fault",
) -> Bad:
    return Bad(about, base, outcome, [at(step, sender, receiver, arrives)])


def _rolled(words: int) -> Arrives:
    return payload(lambda found: np.roll(found, words))


def _halves(change: Callable[[Words], None]) -> Arrives:
    """A change of the 32-bit halves of a payload."""

    def changed(words: Words) -> Words:
        change(words.view(np.uint32))
        return words

    return payload(changed)


def _repeat_second(halves: Any) -> None:
    halves[3:6] = halves[0:3]


def _repeat_last(halves: Any) -> None:
    halves[15:18] = halves[3:6]


def _unused_half(halves: Any) -> None:
    halves[-1] = 1


def _key(name: str) -> dict[str, str]:
    return {"text": f"{len(name)}:{name}", "block": block(f"{len(name)}:{name}")}


def _lookup() -> dict[str, Bad]:
    """Faults of the store, the position seeds, the tags, the equality, and of the two tables."""
    transfer = "run/transfer#0"
    left, right = ["inputs", "left", "keys"], ["inputs", "right"]
    return {
        **lengths("some_hits", "store", transfer, "b", "a", told="the store"),
        **lengths("some_hits", "seeds", transfer, "a", "c", told="the message of position seeds"),
        **lengths("some_hits", "left_tags", "run/left-tags#0", "a", "c", told="L's bit-sliced tags"),
        **lengths("some_hits", "equality", "run/hit/level0#0", "b", "a", told="a share of an and"),
        "store_of_wrong_length": changed(
            "some_hits", "a store without its last row", transfer, "b", "a",
            payload(lambda words: words[:-3]),
        ),
        "store_to_the_helper": changed(
            "some_hits", "H gets the seeds in R's name", transfer, "a", "c", from_party("b"), "silence"
        ),
        "store_changed": changed(
            "some_hits", "all tags of the store are one more: hits are lost", transfer, "b", "a",
            payload(_tags_raised), "undetected",
        ),
        "unused_half_of_the_seeds_set": changed(
            "no_values", "the half word after an odd number of seed parts is not 0", transfer, "a", "c",
            _halves(_unused_half), "no difference",
        ),
        "repeated_position_seed": changed(
            "some_hits", "the second row's seed is the first's", transfer, "a", "c",
            _halves(_repeat_second),
        ),
        "repeated_position_seed_of_padding": changed(
            "some_hits", "a filled-up row has the seed of the second row", transfer, "a", "c",
            _halves(_repeat_last),
        ),
        "position_seed_changed": changed(
            "some_hits", "H decodes the second row elsewhere than L", transfer, "a", "c", flip(2, 63),
            "undetected",
        ),
        "helper_tag_changed": changed(
            "some_hits", "one bit of a hitting row's tag: the hit is lost", "run/helper-tags#0", "c", "b",
            flip(5, 1), "undetected",
        ),
        "equality_share_changed": changed(
            "some_hits", "the last and's share: a hit appears or goes", "run/hit/level5#0", "b", "a",
            flip(), "undetected",
        ),
        "unequal_copies_of_the_tags": changed(
            "outside_left", "an outside L sends two copies of a component", "run/left-tags#0", "d", "c",
            flip(3, 2),
        ),
        "row_bound_exceeded": Bad(
            "L has more keys than the bound", "some_hits", "fault",
            setting=[([], left, [_key(f"P{n:03}") for n in range(7)])],
        ),
        "row_bound_of_the_store_exceeded": Bad(
            "R has more keys than the bound", "some_hits", "fault",
            setting=[([], right, _table(range(8)))],
        ),
        "repeated_key_at_the_left": Bad(
            "L has one key twice: its seed is repeated, and H refuses", "some_hits", "fault",
            setting=[([], left, [_key("P001"), _key("P001"), _key("P002")])],
        ),
        "repeated_key_at_the_right": Bad(
            "R has one key twice, with two values: there is no store", "some_hits", "fault",
            setting=[([], right, _table((4, 4, 5)))],
        ),
        "unequal_row_bounds_of_the_left": Bad(
            "H was told of a smaller bound on L's keys", "some_hits", "fault",
            setting=[(["c"], ["sizes", "left_rows"], 5)],
        ),
        "unequal_row_bounds_of_the_right": Bad(
            "R was told of a larger bound on its keys", "some_hits", "fault",
            setting=[(["b"], ["sizes", "right_rows"], 11)],
        ),
        "one_value_column_missing": Bad(
            "R sends one value column less", "some_hits", "fault",
            setting=[([], [*right, "columns"], [[1, 2, 3, 4, 5]])],
        ),
        "one_party_in_two_roles": Bad(
            "H is L", "some_hits", "fault", setting=[([], ["roles", "helper"], "a")]
        ),
        "unequal_pair_seeds": Bad(
            "L and R have two seeds, so no key of one is a key of the other: no hit", "some_hits",
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "store_masked_for_another_run": Bad(
            "R and H have two run ids: the mask does not come off", "some_hits", "undetected",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip


def _tags_raised(words: Words) -> Words:
    # A key has three sparse rows; each one's tag is raised, by what no dense row takes off.
    words.reshape(-1, 3)[:-48, 0] += np.uint64(1)
    return words


def _table(numbers: Sequence[int]) -> dict[str, Any]:
    rows = len(numbers)
    columns = [list(range(rows)), [10 * i for i in range(rows)]]
    return {"keys": [_key(f"P{n:03}") for n in numbers], "columns": columns}


def _cohort() -> dict[str, Bad]:
    """Faults of the spine, the codes, the criterion, the sums, the bits made numbers, and of inputs."""
    masked, products = "run/totals/masked", "run/totals/products"
    product, held = "product_of_columns", "total_of_a_held_column"
    return {
        **lengths("criterion_all", "spine", "run/spine#0", "a", "c", told="the spine's rows"),
        **lengths(held, "summand", f"{masked}/inputs#0", "c", "b", told="a masked vector of a sum"),
        **lengths(held, "reshare", f"{masked}/reshare#0", "c", "b", told="a summand shared again"),
        **lengths(product, "bit_split", f"{products}/bits0/split#0", "b", "a", told="half of a bit"),
        "bit_join_one_word_short": changed(
            product, "a bit made a number lacks a word", f"{products}/bits0/join#0", "c", "a", shorter
        ),
        "code_one_word_short": changed(
            "held_group", "a side of the codes lacks a word", "run/codes/0/first#0", "a", "c", shorter
        ),
        "criterion_twice": changed(
            "criterion_any", "a share of the criterion arrives twice", "run/criterion/any/level0#0",
            "c", "b", twice,
        ),
        "dot_missing": changed(
            product, "a share of a dot product does not arrive", f"{products}/dot0#0", "b", "a",
            missing, "silence",
        ),
        "spine_changed": changed(
            "criterion_not", "a component of the spine at one holder", "run/spine#0", "a", "c",
            payload(np.invert), "undetected",
        ),
        "padding_bit_changed": changed(
            "no_criterion", "a bit beyond the rows: it has no meaning", "run/spine#0", "a", "c",
            flip(0, 6), "no difference",
        ),
        "hit_share_changed": changed(
            "criterion_all", "a share of the criterion", "run/criterion/all/level0#0", "b", "a",
            payload(np.invert), "undetected",
        ),
        "summand_changed": changed(
            held, "a masked vector of a sum: the total is wrong", f"{masked}/inputs#0", "c", "b",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "bit_split_changed": changed(
            product, "half of a bit is one more: the bit is no bit", f"{products}/bits0/split#0",
            "b", "a", flip(), "undetected",
        ),
        "unequal_copies_of_the_spine": changed(
            "outside_spine", "an outside owner sends two copies of a component", "run/spine#0",
            "d", "a", flip(),
        ),
        "unequal_copies_of_a_column": changed(
            "column_of_an_outside_owner", "an outside owner sends two copies of a column's component",
            f"{products}/column0/0#0", "d", "c", flip(),
        ),
        "unequal_digests_of_a_column": changed(
            "column_of_an_outside_owner", "one bit of a digest", f"{products}/column0/0#1", "b", "c",
            flip(3, 63),
        ),
        "row_bound_exceeded": Bad(
            "the spine's owner has more valid rows than the bound", "criterion_all", "fault",
            setting=[([], ["inputs", "valid"], 7)],
        ),
        "code_of_a_row_missing": Bad(
            "a valid row has no code", "spine_groups", "fault",
            setting=[([], ["inputs", "codes", 0], [0, 1, 0, 1])],
        ),
        "column_of_another_length": Bad(
            "an outside owner's column is longer than the spine", "column_of_an_outside_owner",
            "fault", setting=[([], ["inputs", "columns", 0, 0, "values"], [1, 2, 3, 4, 5, 6, 7])],
        ),
        "column_absent_at_its_owner": Bad(
            "the owner of a summand has none", held, "fault",
            setting=[([], ["inputs", "columns", 0, 1, "values"], None)],
        ),
        "criterion_without_operands": Bad(
            "all of nothing", "criterion_all", "fault",
            setting=[([], ["sizes", "formula"], {"all": []})],
        ),
        "unequal_row_bounds": Bad(
            "a party was told of a larger bound, by a word", "no_criterion", "fault",
            setting=[(["c"], ["sizes", "rows"], 70)],
        ),
        "unequal_criteria": Bad(
            "a party evaluates any instead of all: it waits at other steps", "criterion_all", "silence",
            setting=[(["b"], ["sizes", "formula"], {"any": [{"bit": 0}, {"bit": 1}]})],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", "criterion_all", "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip
