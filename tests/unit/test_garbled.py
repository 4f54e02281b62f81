"""Garbled circuits and oblivious transfer: arithmetic of circuits, half-gates against the clear, malformed elements."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra import group
from mpcstats.engines.pair import transfer
from mpcstats.engines.pair.garbled.circuit import ONE, ZERO, Builder, Wire
from mpcstats.engines.pair.garbled.garble import Garbled, decode, evaluate, garble
from mpcstats.engines.pair.garbled.labels import LabelHash, colours
from mpcstats.engines.pair.garbled.numbers import (
    add,
    add_all,
    constant,
    divide,
    least,
    masked,
    multiply,
    subtract,
)
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.session import PairSeeds, Session, Stream, Words

WIDTH = 7
NUMBERS = st.integers(0, (1 << WIDTH) - 1)


def bits_of(value: int, width: int = WIDTH) -> Words:
    return np.array([value >> i & 1 for i in range(width)], dtype=np.uint64)


def number(bits: Words) -> int:
    return sum(int(bit) << i for i, bit in enumerate(bits))


def stream(name: str) -> Stream:
    return Stream(hashlib.sha256(name.encode()).digest()[:16])


Make = Callable[[Builder, list[Wire], list[Wire]], Sequence[Wire]]
OPERATIONS: dict[str, tuple[Make, Callable[[int, int], int]]] = {
    "add": (add, lambda x, y: x + y),
    "add all": (lambda b, x, y: add_all(b, [x, y, x]), lambda x, y: 2 * x + y),
    "subtract": (lambda b, x, y: subtract(b, x, y)[0], lambda x, y: (x - y) % (1 << WIDTH)),
    "below": (lambda b, x, y: [subtract(b, x, y)[1]], lambda x, y: int(x < y)),
    "least": (least, min),
    "multiply": (multiply, lambda x, y: x * y),
    "shorter": (lambda b, x, y: least(b, x, y[:3]), lambda x, y: min(x, y % 8)),
    "masked": (lambda b, x, y: masked(b, x, y[0]), lambda x, y: x * (y & 1)),
    "either": (lambda b, x, y: [b.either(x[0], y[0])], lambda x, y: x & 1 | y & 1),
    "choose": (lambda b, x, y: [b.choose(~x[0], x[1], y[1])], lambda x, y: (y if x & 1 else x) >> 1 & 1),
    "plus 5": (lambda b, x, y: add(b, x, constant(5, 3)), lambda x, y: x + 5),
    "by 12": (lambda b, x, y: divide(b, multiply(b, x, y), 12), lambda x, y: x * y // 12),
    "by 7": (lambda b, x, y: divide(b, x, 7), lambda x, y: x // 7),
    "by 8": (lambda b, x, y: divide(b, x, 8), lambda x, y: x // 8),
    "by 1": (lambda b, x, y: divide(b, x, 1), lambda x, y: x),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
@given(x=NUMBERS, y=NUMBERS)
def test_numbers_compute_what_they_should(name: str, x: int, y: int) -> None:
    make, plain = OPERATIONS[name]
    builder = Builder(WIDTH, WIDTH)
    circuit = builder.circuit(make(builder, *builder.inputs))
    assert number(circuit.evaluate(bits_of(x), bits_of(y))) == plain(x, y)


def test_constants_and_inversions_cost_nothing() -> None:
    builder = Builder(1, 1)
    (a,), (b,) = builder.inputs
    assert builder.both(a, ZERO) == builder.both(ZERO, a) == builder.both(a, ~a) == ZERO
    assert builder.both(a, ONE) == builder.both(a, a) == builder.differ(a, ZERO) == a
    assert builder.differ(a, ONE) == ~a
    assert builder.differ(a, a) == ZERO
    assert builder.differ(a, ~a) == ONE
    unused = builder.both(a, b)
    circuit = builder.circuit([~builder.both(~a, b)])
    assert (circuit.ands, circuit.wires) == (1, 3)
    assert unused.index == 2
    with pytest.raises(InternalError, match="expected outputs that depend on inputs"):
        builder.circuit([builder.both(a, ZERO)])
    with pytest.raises(InternalError, match=r"expected \(1, 1\) bits, got 2 and 1"):
        circuit.evaluate(bits_of(0, 2), bits_of(0, 1))


LABEL_HASH = LabelHash(stream("key").words(2))


def opened(made: Garbled, circuit: object, x: int, y: int) -> tuple[int, bool]:
    bits = np.concatenate([bits_of(x), bits_of(y)]).astype(np.intp)
    labels = made.pairs[np.arange(bits.size), bits]
    last = evaluate(circuit, LABEL_HASH, labels, made.tables)  # type: ignore[arg-type]
    value, whole = decode(circuit, LABEL_HASH, last, made.tokens)  # type: ignore[arg-type]
    return number(value), whole


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_garbled_circuit_is_the_circuit(name: str) -> None:
    make, plain = OPERATIONS[name]
    builder = Builder(WIDTH, WIDTH)
    circuit = builder.circuit(make(builder, *builder.inputs))
    made = garble(circuit, LABEL_HASH, stream(name))
    for x, y in ((0, 0), (127, 127), (1, 126), (85, 42), (100, 99)):
        assert opened(made, circuit, x, y) == (plain(x, y), True)


def test_labels_of_a_wire_differ_by_one_secret_that_ends_in_one() -> None:
    builder = Builder(2, 2)
    circuit = builder.circuit([builder.both(*builder.inputs[0])])
    made = garble(circuit, LABEL_HASH, stream("labels"))
    differences = made.pairs[:, 0] ^ made.pairs[:, 1]
    assert (differences == differences[0]).all()
    assert colours(differences).all()
    again = garble(circuit, LABEL_HASH, stream("other labels"))
    assert not (again.tables == made.tables).any()
    assert "pairs" not in repr(made)


def test_every_table_row_that_is_used_is_authenticated() -> None:
    """A bit of a ciphertext that the evaluator uses gives labels without a token; of one that it does not, nothing."""
    builder = Builder(WIDTH, WIDTH)
    circuit = builder.circuit(add(builder, *builder.inputs))
    made = garble(circuit, LABEL_HASH, stream("tables"))
    outcomes = set()
    for i in range(made.tables.size):
        tables = made.tables.copy()
        tables.reshape(-1)[i] ^= np.uint64(4)
        changed = Garbled(made.pairs, tables, made.tokens)
        value, whole = opened(changed, circuit, 77, 100)
        outcomes.add(whole)
        assert not whole or value == 177
    assert outcomes == {True, False}


def sessions() -> tuple[Session, Session]:
    seeds = PairSeeds(b"run", {})
    return Session("s", ("s", "c"), seeds), Session("c", ("s", "c"), seeds)


SECRET = bytes(range(32))


def chosen_by(choices: Words) -> transfer.Chosen:
    return transfer.choose(choices, SECRET, b"a test")


def transferred(choices: Words, change: Callable[[Words, Words], None]) -> tuple[Words, Words]:
    """The sender's pairs, and what the chooser gets; `change` may touch what each side sends.

    Points are named after the change, so that a chooser may name what is no element.
    """
    sender, chooser = sessions()
    pairs = stream("pairs").words(choices.size, 2, 2)
    chosen = chosen_by(choices)
    points = chosen.points.copy()
    change(points, np.empty((0, 8), dtype=np.uint64))
    name = transfer.Named.of(chosen.name.context, chosen.name.about, points)
    offers = transfer.offer(sender, points, pairs, name, "c")
    change(np.empty((0, 8), dtype=np.uint64), offers)
    return pairs, chosen.open(chooser, offers, "s")


CHOICES = np.array([0, 1, 1, 0, 1], dtype=np.uint64)


def untouched(_: Words, __: Words) -> None:
    return None


def test_the_chooser_gets_the_labels_that_it_chose_and_no_others() -> None:
    pairs, got = transferred(CHOICES, untouched)
    rows = np.arange(CHOICES.size)
    assert (got == pairs[rows, CHOICES.astype(np.intp)]).all()
    assert not (got == pairs[rows, 1 - CHOICES.astype(np.intp)]).any()


def test_pads_of_two_labels_differ_whatever_was_agreed_on() -> None:
    """Equal ones would show the exclusive or of the labels, which is D."""
    sender, _ = sessions()
    rows = [stream(name).words(5, size) for name, size in (("r", 8), ("B", 4), ("keys", 4))]
    zero, one, again = (
        transfer._pads(sender, np.full(5, j, dtype=np.uint64), *rows) for j in (0, 1, 0)
    )
    assert not (zero == one).any()
    assert (zero == again).all()  # negative control


def test_no_choices_are_no_messages() -> None:
    _, got = transferred(CHOICES[:0], untouched)
    assert got.shape == (0, 2)


def test_both_points_are_elements_whatever_was_chosen() -> None:
    """Each is uniform by itself; only their sum with a hash has a logarithm that the chooser knows."""
    points = chosen_by(CHOICES).points
    assert points.shape == (5, transfer.CHOICE_WORDS)
    halves = points.reshape(-1, 4)
    one = np.array([1, 0, 0, 0], dtype=np.uint64)
    assert (group.multiply(halves, one) == halves).all()
    assert np.unique(halves, axis=0).shape == halves.shape


def test_choices_are_named_and_bind_their_chooser() -> None:
    sender, _ = sessions()
    chosen, pairs = chosen_by(CHOICES), stream("pairs").words(5, 2, 2)
    assert chosen.name == chosen_by(CHOICES).name
    others = (
        chosen_by(CHOICES ^ np.uint64(1)),
        transfer.choose(CHOICES, bytes(32), b"a test"),
        transfer.choose(CHOICES, SECRET, b"another"),
    )
    for other in others:
        assert other.name != chosen.name
        assert not (other.points == chosen.points).any()  # nothing to compare, one bit apart
        with pytest.raises(PeerFault, match="that it has named before") as caught:
            transfer.offer(sender, other.points, pairs, chosen.name, "c")
        assert caught.value.party == "c"


ORDER_AS_FIELD = (1 << 255) - 19
MALFORMED = {
    "negative": bits_of(1, 256),
    "not reduced": bits_of(ORDER_AS_FIELD, 256),
    "largest": bits_of((1 << 256) - 1, 256),
    "no square": bits_of(2, 256),
}


def encoded(bits: Words) -> Words:
    value = number(bits)
    return np.array([value >> 64 * i & (1 << 64) - 1 for i in range(4)], dtype=np.uint64)


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("half", [0, 1])
def test_a_malformed_point_is_the_choosers_fault(name: str, half: int) -> None:
    def change(points: Words, _: Words) -> None:
        if points.size:
            points[2, 4 * half : 4 * half + 4] = encoded(MALFORMED[name])

    with pytest.raises(PeerFault, match="expected elements of ristretto255") as caught:
        transferred(CHOICES, change)
    assert caught.value.party == "c"


@pytest.mark.parametrize("name", [*MALFORMED, "neutral"])
def test_a_malformed_offer_is_the_senders_fault(name: str) -> None:
    bad = np.zeros(4, dtype=np.uint64) if name == "neutral" else encoded(MALFORMED[name])

    def change(_: Words, offers: Words) -> None:
        if offers.size:
            offers[4, :4] = bad

    with pytest.raises(PeerFault, match="expected elements of ristretto255") as caught:
        transferred(CHOICES, change)
    assert caught.value.party == "s"


def test_an_offer_of_another_instance_run_or_step_opens_nothing() -> None:
    def exchanged(_: Words, offers: Words) -> None:
        if offers.size:
            offers[[0, 3]] = offers[[3, 0]]

    pairs, got = transferred(CHOICES, exchanged)
    assert not (got[[0, 3]] == pairs[[0, 3], 0]).any()
    assert not (got[[0, 3]] == pairs[[3, 0], 0]).any()
    chooser = sessions()[1]
    chosen = chosen_by(CHOICES)
    pairs = stream("pairs").words(5, 2, 2)
    for run, step in ((b"other", "run"), (b"run", "other")):
        sender = Session("s", ("s", "c"), PairSeeds(run, {}), step)
        offers = transfer.offer(sender, chosen.points, pairs, chosen.name, "c")
        got = chosen.open(chooser, offers, "s")
        assert not (got == pairs[np.arange(5), CHOICES.astype(np.intp)]).any()


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rbcl._sodium", None)
    group._library.cache_clear()
    try:
        with pytest.raises(UsageError, match="install the extra `pair`"):
            chosen_by(CHOICES)
    finally:
        group._library.cache_clear()
