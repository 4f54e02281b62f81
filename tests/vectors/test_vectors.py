"""Every vector of a protocol is replayed from its file: good ones message by message, bad ones fail as they say.

What good ones compute is compared with plain arithmetic below, so a vector cannot be consistently wrong. After a
wanted change of a protocol, of the planner or of the demo's question: scripts/vectors writes all files again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.vectors.files import (
    BODIES,
    CHECKOUT,
    INPUT,
    KERNEL,
    expected,
    fault_of,
    outcome,
    paths,
    texts,
)
from tests.vectors.plays import block, residues, signed
from tests.vectors.world import FixedSession, Setting, described, from_hex, party_of, play, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import keyvalue
from mpcstats.cards.load import load_cards
from mpcstats.errors import PeerFault, TransportFault
from mpcstats.session import Message, PairSeeds, Words
from mpcstats.testing import Outcome, Tamper
from mpcstats.transport import lockstep as driver

LARGEST = 300_000  # bytes of the files of one protocol, on average
Vector = dict[str, Any]
AGAIN = "scripts/vectors writes the files again, if this change is wanted"


def read(path: Path) -> Vector:
    vector: Vector = json.loads(path.read_text(encoding="utf-8"))
    return vector


FILES = {
    f"{path.parts[-3]}/{path.stem}": path
    for path in sorted((CHECKOUT / "protocols").glob("*/vectors/*.json"))
}
VECTORS = {name: read(path) for name, path in FILES.items()}
GOOD = [name for name, vector in VECTORS.items() if "base" not in vector]
BAD = [name for name, vector in VECTORS.items() if "base" in vector]


def base_of(name: str) -> Vector:
    return VECTORS[f"{name.split('/')[0]}/{VECTORS[name]['base'].removesuffix('.json')}"]


def starting(vector: Vector) -> Setting:
    """What the parties start from: a vector without what must come of it."""
    return {name: vector[name] for name in INPUT}


def check_good(vector: Vector) -> None:
    """Everything that the vector says is what a run does."""
    assert done(json.dumps(starting(vector), sort_keys=True)) == vector


@cache
def done(given: str) -> Vector:
    """The vector of a run from `given`, the text of a setting: a run is what its setting makes it."""
    start = json.loads(given)
    transcript = play(start, BODIES[start["protocol"]])
    assert (transcript.faults, transcript.waiting) == ({}, {})
    found = outcome(start, transcript)
    return {**json.loads(given), **found}


def check_bad(vector: Vector, base: Vector) -> None:
    """The fault has just the consequences that the vector says."""
    start = starting(base)
    transcript = play(start, BODIES[start["protocol"]], fault_of(vector["fault"]))
    assert expected(base, transcript) == vector["expect"]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_vector_is_what_a_run_does(name: str) -> None:
    check_good(VECTORS[name])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_vector_fails_as_it_says(name: str) -> None:
    check_bad(VECTORS[name], base_of(name))


def test_the_files_are_what_the_script_makes() -> None:
    made = texts()
    assert paths() == set(made), AGAIN
    differing = [
        p for p, text in made.items() if (CHECKOUT / p).read_text(encoding="utf-8") != text
    ]
    assert differing == [], AGAIN
    assert sum(len(text.encode()) for text in made.values()) < LARGEST * len(BODIES)


def test_most_vectors_must_fail_and_every_protocol_has_some() -> None:
    assert len(BAD) > 2 * len(GOOD)
    cards = load_cards(CHECKOUT / "protocols")
    for protocol in BODIES:
        assert VECTORS[f"{protocol}/unequal_pair_seeds"]["version"] == cards[protocol].version
        assert sum(name.startswith(f"{protocol}/") for name in GOOD) >= 5
        assert sum(name.startswith(f"{protocol}/") for name in BAD) >= 20


@pytest.mark.parametrize("name", BAD)
def test_a_bad_vector_has_one_fault_and_says_what_comes_of_it(name: str) -> None:
    vector = VECTORS[name]
    fault, expect = vector["fault"], vector["expect"]
    assert bool(fault["messages"]) != bool(fault["setting"])
    seen = {
        "fault": expect["faults"],
        "silence": expect["waiting"],
        "undetected": expect["results"],
    }
    assert all(seen.get(expect["outcome"], [True]))
    assert bool(expect["faults"]) == (expect["outcome"] == "fault")
    # A party that stops names somebody else, or says that its own input is at fault.
    for stopped in expect["faults"]:
        assert stopped["at"] not in stopped.get("names", "").split(" or ")


# the driver of the library does the same


def by_lockstep(vector: Vector, tamper: Tamper, monkeypatch: pytest.MonkeyPatch) -> Outcome[Any]:
    """The good vector's run by transport.lockstep, which draws seeds: they are replaced by the vector's."""
    start = starting(vector)
    parties = {name: party_of(start, name) for name in start["parties"]}

    def session(me: str, everyone: tuple[str, ...], _: PairSeeds) -> FixedSession:
        return FixedSession(parties[me], everyone)

    monkeypatch.setattr(driver, "Session", session)
    bodies = dict.fromkeys(start["parties"], partial(BODIES[start["protocol"]], start))
    return driver.lockstep(bodies, tamper=tamper)


@pytest.mark.parametrize("name", GOOD)
def test_lockstep_sends_the_same_messages(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def tamper(message: Message) -> Message:
        sent.append((message.step, message.sender, message.receiver, to_hex(message.payload)))
        return message

    vector = VECTORS[name]
    found = by_lockstep(vector, tamper, monkeypatch)
    assert found.results == vector["results"]
    fields = ("step", "sender", "receiver", "payload")
    assert sorted(sent) == sorted(tuple(m[f] for f in fields) for m in vector["messages"])
    assert found.traffic.rounds == max((m["round"] for m in vector["messages"]), default=0)


def one_for_one(name: str) -> bool:
    """Whether each message that the fault changes has one in its place or none: all that lockstep's hook can do."""
    changed = VECTORS[name]["fault"]["messages"]
    return bool(changed) and all(len(m["arrives"]) <= 1 for m in changed)


@pytest.mark.parametrize("name", [name for name in BAD if one_for_one(name)])
def test_lockstep_raises_what_a_bad_vector_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = VECTORS[name]
    arrives = fault_of(vector["fault"]).arrives

    def tamper(message: Message) -> Message | None:
        as_sent = [(message.sender, message.step, message.payload)]
        instead = arrives.get((message.step, message.sender, message.receiver), as_sent)
        return next((Message(s, message.receiver, step, p) for s, step, p in instead), None)

    expect = vector["expect"]
    if expect["outcome"] in ("undetected", "no difference"):
        by_lockstep(base_of(name), tamper, monkeypatch)
        return
    with pytest.raises((PeerFault, TransportFault)) as caught:
        by_lockstep(base_of(name), tamper, monkeypatch)
    if isinstance(caught.value, TransportFault):
        assert caught.value.party in {w["sender"] for w in expect["waiting"]}
    else:
        said = described(caught.value)
        assert said in [{k: v for k, v in f.items() if k != "at"} for f in expect["faults"]]


# negative controls


PLACES = ("messages", "streams", "results", "openings")


def test_no_vector_may_change_in_one_bit() -> None:
    """One place of each vector, another for the next; the long test has all of all."""
    for i, name in enumerate(GOOD):
        _check_changed(name, PLACES[i % len(PLACES)])


@pytest.mark.long
def test_no_vector_may_change_in_one_bit_anywhere() -> None:
    for name in GOOD:
        for place in PLACES:
            _check_changed(name, place)


def _check_changed(name: str, place: str) -> None:
    for changed in one_bit_changed(VECTORS[name], place):
        with pytest.raises(AssertionError):
            check_good(changed)


def one_bit_changed(vector: Vector, place: str) -> list[Vector]:
    """The vector with one thing changed at `place`: in the first entry, and in the last; [] if there is none."""
    if place == "results":
        names = [p for p, result in vector["results"].items() if result]
        found = []
        for party in names[:1]:
            changed = copy.deepcopy(vector)
            _change(changed["results"][party])
            found.append(changed)
        return found
    found = []
    for i in {0, len(vector[place]) - 1} if vector[place] else set():
        changed = copy.deepcopy(vector)
        _change(changed[place][i])
        found.append(changed)
    return found


def _change(entry: Any) -> None:
    """One bit of the last text of hex, or one unit of the last number, within `entry`."""
    names = list(entry) if isinstance(entry, dict) else range(len(entry))
    for name in reversed(list(names)):
        value = entry[name]
        if isinstance(value, dict | list):
            if value:
                _change(value)
                return
        elif isinstance(value, int):
            entry[name] = value ^ 1
            return
        elif value and set(value) <= set("0123456789abcdef"):
            entry[name] = f"{value[:-1]}{int(value[-1], 16) ^ 1:x}"
            return
    entry["changed" if isinstance(entry, dict) else 0] = 1  # an empty result


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("sum/one_outside", ("run_id",)),
        ("lookup_join/some_hits", ("run_id",)),
        ("gate/inside_recipient", ("run_id",)),
        ("sum/three_inside", ("pair_seeds", "a-b")),
        ("lookup_join/some_hits", ("pair_seeds", "b-c")),
        ("gate/outside_recipient", ("pair_seeds", "a-c")),
        ("sum/one_outside", ("private_seeds", "d")),
        ("lookup_join/some_hits", ("private_seeds", "a")),
    ],
)
def test_no_seed_may_change_in_one_bit(name: str, path: Sequence[str]) -> None:
    changed = copy.deepcopy(VECTORS[name])
    place = changed
    for step in path[:-1]:
        place = place[step]
    _change_text(place, path[-1])
    with pytest.raises(AssertionError):
        check_good(changed)


def _change_text(entry: dict[str, str], name: str) -> None:
    entry[name] = f"{entry[name][:-1]}{int(entry[name][-1], 16) ^ 1:x}"


@pytest.mark.parametrize("name", BAD)
def test_without_its_fault_a_bad_vector_does_not_hold(name: str) -> None:
    vector = copy.deepcopy(VECTORS[name])
    if vector["expect"]["outcome"] == "no difference":
        return
    vector["fault"] = {"messages": [], "setting": []}
    with pytest.raises(AssertionError):
        check_bad(vector, base_of(name))


@pytest.mark.parametrize("field", ["at", "error", "names", "step", "reason"])
def test_nothing_that_a_bad_vector_says_may_change(field: str) -> None:
    for name in ("sum/unequal_copies_of_an_input", "gate/unequal_copies_of_an_opening"):
        vector = copy.deepcopy(VECTORS[name])
        vector["expect"]["faults"][0][field] += "x"
        with pytest.raises(AssertionError):
            check_bad(vector, base_of(name))


# what good vectors compute, by plain arithmetic


@pytest.mark.parametrize("name", GOOD)
def test_a_good_vector_computes_what_it_should(name: str) -> None:
    check_meaning(VECTORS[name])


def check_meaning(vector: Vector) -> None:
    {
        "sum": check_sum,
        "lookup_join": check_lookup,
        "cohort_count": check_cohort,
        **{name: module.check for name, module in KERNEL.items()},
    }[vector["protocol"]](vector)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("sum/three_inside", ("inputs", "vectors", 0, "values", 0), 2),
        ("lookup_join/some_hits", ("inputs", "right", "columns", 0, 0), 7),
        ("lookup_join/some_hits", ("inputs", "left", "keys", 0, "text"), "4:P099"),
        ("cohort_count/criterion_all", ("sizes", "formula"), {"bit": 0}),
        ("cohort_count/totals_by_group", ("inputs", "codes", 0, 0), 1),
        ("cohort_count/product_of_columns", ("inputs", "columns", 1, 0, "values", 2), 9),
        ("gate/inside_recipient", ("sizes", "k"), 12),
        ("gate/inside_recipient", ("inputs", "plain", "values", 0, 3), 0),
        ("shuffle/numbers_and_bits", ("inputs", "plain", "bits", 0, 1), 1),
        ("shuffle/one_column", ("run_id",), "00" * 32),
        ("sort/two_keys", ("inputs", "plain", "keys", 0, 1), 0),
        ("sort/pivots", ("results", "b", "order", 0), 4),
        ("adjudication/capped", ("inputs", "rule", "cap"), 8),
        ("adjudication/excluded_reason", ("inputs", "rule", "excluded_reasons"), []),
        ("adjudication/paid", ("results", "bureau", "digest"), "00" * 32),
        ("compact/some_flagged", ("inputs", "plain", "flags", 0), 1),
        ("compact/many_rows", ("results", "c", "order", 65), 0),
        ("sort_join/inner_match", ("inputs", "plain", "right", 0, 0, 0), 2),
        ("differencing/one_person_less", ("sizes", "k"), 1),
        ("differencing/near_an_earlier_union", ("inputs", "releases"), [[0, 1], [1, 2]]),
        ("differencing/near_a_complement", ("inputs", "persons"), 8),
        ("sort_join/two_matches", ("inputs", "plain", "right", 1, 0, 3), 60),
        ("private_join/count", ("inputs", "matcher", 0, 1), 3),
        ("private_join/sums", ("inputs", "values", 0, 0), 6),
        ("private_join/sums_below_k", ("sizes", "k"), 2),
        ("private_join_padded/both", ("sizes", "shift"), "3"),
        ("regression/one_column", ("inputs", "rows", "a", 0, 1), -3),
        ("regression/too_few_rows", ("sizes", "least_rows"), 4),
        ("regression/a_column_that_is_constant", ("inputs", "rows", "a", 0, 0), 1),
    ],
)
def test_a_wrong_meaning_is_seen(name: str, path: Sequence[Any], value: Any) -> None:
    vector = copy.deepcopy(VECTORS[name])
    place = vector
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(AssertionError):
        check_meaning(vector)


def components(vector: Vector, get: Any) -> list[Words]:
    """The three components of a result; each must be the same at its two holders."""
    parts = [get(vector["results"][party]) for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    return [from_hex(own) for own, _ in parts]


def total(vector: Vector, get: Any) -> Words:
    one, two, three = components(vector, get)
    return one + two + three


def row(vector: Vector, get: Any, n: int) -> list[int]:
    one, two, three = components(vector, get)
    return [int(b) for b in slicing.unpack(one ^ two ^ three, n)]


def check_sum(vector: Vector) -> None:
    columns = [v["values"] for v in vector["inputs"]["vectors"]]
    sums = [sum(column) for column in zip(*columns, strict=True)]
    assert signed(total(vector, lambda r: r["total"])) == sums
    for i, column in enumerate(columns):
        by_provider = total(vector, lambda r, i=i: r["by_provider"][i])
        assert signed(by_provider) == column


def check_lookup(vector: Vector) -> None:
    roles, sizes, inputs = vector["roles"], vector["sizes"], vector["inputs"]
    left, right = ([k["text"] for k in inputs[side]["keys"]] for side in ("left", "right"))
    for side in ("left", "right"):
        assert all(k["block"] == block(k["text"]) for k in inputs[side]["keys"])
    padding = sizes["left_rows"] - len(left)
    hits = [int(text in right) for text in left] + [0] * padding
    assert row(vector, lambda r: r["hit"], sizes["left_rows"]) == hits
    for j, column in enumerate(inputs["right"]["columns"]):
        at_left, at_helper = (
            from_hex(vector["results"][roles[who]]["columns"][j]) for who in ("left", "helper")
        )
        found = signed(at_left + at_helper)
        assert [found[i] for i, hit in enumerate(hits) if hit] == [
            column[right.index(text)] for text in left if text in right
        ]
    check_store(vector, right)


def check_store(vector: Vector, texts_of_right: Sequence[str]) -> None:
    """R's message less the mask gives each key's tag and values: this is what another store must do too."""
    roles, sizes = vector["roles"], vector["sizes"]
    (message,) = [
        m
        for m in vector["messages"]
        if m["step"] == "run/transfer#0" and m["sender"] == roles["right"]
    ]
    words = 1 + sizes["values"]
    shape = keyvalue.shape(sizes["right_rows"])
    mask = pair_words(vector, roles["right"], roles["helper"], "run/transfer", shape.rows * words)
    store = (from_hex(message["payload"]) - mask).reshape(shape.rows, words)
    secret = pair_words(vector, roles["left"], roles["right"], "run/transfer", 4)
    columns = vector["inputs"]["right"]["columns"]
    for i, text in enumerate(texts_of_right):
        seed, tag = pseudonym(secret, bytes.fromhex(block(text)))
        found = keyvalue.decode(store, np.array([seed], dtype=np.uint32), shape)[0]
        assert [int(found[0]), *signed(found[1:])] == [tag, *(c[i] for c in columns)]


def pair_words(vector: Vector, first: str, second: str, step: str, n: int) -> Words:
    seeds = vector["pair_seeds"]
    seed = seeds.get(f"{first}-{second}") or seeds[f"{second}-{first}"]
    run_id = bytes.fromhex(vector["run_id"])
    return PairSeeds(run_id, {second: bytes.fromhex(seed)}).stream(second, step).words(n)


def pseudonym(secret: Words, key: bytes) -> tuple[list[int], int]:
    """Position seed and tag of a key, with AES one block at a time."""
    keys = bytes.fromhex(to_hex(secret))
    blocks = []
    for start in (0, 16):
        cipher = Cipher(algorithms.AES(keys[start : start + 16]), modes.ECB())  # noqa: S305
        blocks.append(cipher.encryptor().update(key))
    seed = [int.from_bytes(blocks[0][4 * i : 4 * i + 4], "little") for i in range(3)]
    return seed, int.from_bytes(blocks[1][:8], "little")


def check_cohort(vector: Vector) -> None:
    sizes, inputs = vector["sizes"], vector["inputs"]
    rows = sizes["rows"]
    hits = []
    for one, two, three in inputs["hits"]:
        bits = from_hex(one) ^ from_hex(two) ^ from_hex(three)
        hits.append([int(b) for b in slicing.unpack(bits, rows)])
    columns = [
        signed(sum((residues(s["values"]) for s in column), start=np.zeros(rows, dtype=np.uint64)))
        for column in inputs["columns"]
    ]
    cells = list(product(*(range(g["labels"]) for g in sizes["groups"])))
    persons = [0] * len(cells)
    totals = [[0] * len(cells) for _ in sizes["totals"]]
    for i in range(inputs["valid"]):
        if sizes["formula"] and not holds(sizes["formula"], [h[i] for h in hits]):
            continue
        cell = cells.index(
            tuple(
                columns[g["column"]][i] if "column" in g else inputs["codes"][g["codes"]][i]
                for g in sizes["groups"]
            )
        )
        persons[cell] += 1
        for t, terms in enumerate(sizes["totals"]):
            for term in terms:
                if all(hits[h][i] for h in term["under"]):
                    totals[t][cell] += int(np.prod([columns[f][i] for f in term["factors"]]))
    assert signed(total(vector, lambda r: r["persons"])) == persons
    flat = [v for column in totals for v in column]
    assert signed(total(vector, lambda r: r["totals"])) == flat


def holds(formula: dict[str, Any], hits: Sequence[int]) -> bool:
    ((kind, of),) = formula.items()
    if kind == "bit":
        return bool(hits[of])
    if kind == "not":
        return not holds(of, hits)
    parts = [holds(part, hits) for part in of]
    return all(parts) if kind == "all" else any(parts)
