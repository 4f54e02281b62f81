"""Half-gates (Zahur, Rosulek, Evans, eprint 2014/756): XOR is free, an AND gate is two ciphertexts of 128 bits.

The label of wire w for the value v is Z_w xor v D; D is the garbler's secret and ends in 1, so that the last bit of a
label, its colour, says nothing of v to who does not know Z_w. All gates of a level are one vector operation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.pair.garbled.circuit import Circuit
from mpcstats.engines.pair.garbled.labels import LABEL_WORDS, LabelHash, colours, spread
from mpcstats.session import Stream, Words

TABLE_WORDS = 2 * LABEL_WORDS  # an AND gate's two ciphertexts
TOKEN_WORDS = 2 * LABEL_WORDS  # hashes of the two labels of an output


@dataclass(frozen=True, slots=True)
class Garbled:
    """The garbler's side: `pairs` are the labels for 0 and 1 of each input, shape (inputs, 2, 2), and secret.

    `tables`, a row for each AND gate, and `tokens`, a row for each output, are for the evaluator.
    """

    pairs: Words = field(repr=False)
    tables: Words = field(repr=False)
    tokens: Words = field(repr=False)


def garble(circuit: Circuit, label_hash: LabelHash, stream: Stream) -> Garbled:
    """Garble `circuit` with labels drawn from `stream`: D, then Z of each input."""
    inputs = sum(circuit.inputs)
    delta = stream.words(LABEL_WORDS)
    delta[0] |= np.uint64(1)
    zeros = np.empty((circuit.wires, LABEL_WORDS), dtype=np.uint64)
    zeros[:inputs] = stream.words(inputs, LABEL_WORDS)
    tables = np.empty((circuit.ands, TABLE_WORDS), dtype=np.uint64)
    for level in circuit.levels:
        out, a, b = level.xors
        zeros[out] = zeros[a] ^ zeros[b]
        out, a, b = level.ands
        if out.size:
            A = zeros[a] ^ (level.inverted[0][:, None] & delta)
            B = zeros[b] ^ (level.inverted[1][:, None] & delta)
            rows = slice(level.first, level.first + out.size)
            zeros[out], tables[rows] = _and_gates(A, B, delta, label_hash, level.first)
    # An output that is the opposite of its wire has the labels of its wire exchanged.
    last = zeros[circuit.outputs] ^ (spread(circuit.flipped) & delta)
    number = _output_tweaks(circuit)
    tokens = np.concatenate([label_hash(last, number), label_hash(last ^ delta, number)], axis=1)
    pairs = np.stack([zeros[:inputs], zeros[:inputs] ^ delta], axis=1)
    return Garbled(pairs, tables, tokens)


def _and_gates(
    A: Words, B: Words, delta: Words, label_hash: LabelHash, first: int
) -> tuple[Words, Words]:
    """Z of the outputs and the tables of AND gates whose inputs have the zero labels A and B."""
    n = A.shape[0]
    left, right = _tweaks(first, n)
    hashed = label_hash(
        np.concatenate([A, A ^ delta, B, B ^ delta]), np.concatenate([left, left, right, right])
    )
    A_0, A_1, B_0, B_1 = hashed.reshape(4, n, LABEL_WORDS)
    p_a, p_b = spread(colours(A)), spread(colours(B))
    # The generator's half: a and (colour of b). The evaluator's: a and (b xor colour of b), which it sees.
    T_G = A_0 ^ A_1 ^ (p_b & delta)
    T_E = B_0 ^ B_1 ^ A
    zeros = A_0 ^ (p_a & T_G) ^ B_0 ^ (p_b & (T_E ^ A))
    return zeros, np.concatenate([T_G, T_E], axis=1)


def evaluate(circuit: Circuit, label_hash: LabelHash, labels: Words, tables: Words) -> Words:
    """The labels of the outputs, from one label of each input, shape (inputs, 2), and the tables."""
    held = np.empty((circuit.wires, LABEL_WORDS), dtype=np.uint64)
    held[: sum(circuit.inputs)] = labels
    for level in circuit.levels:
        out, a, b = level.xors
        held[out] = held[a] ^ held[b]
        out, a, b = level.ands
        n = out.size
        if n:
            A, B = held[a], held[b]
            hashed = label_hash(
                np.concatenate([A, B]), np.concatenate(_tweaks(level.first, n))
            ).reshape(2, n, LABEL_WORDS)
            rows = tables[level.first : level.first + n]
            T_G, T_E = rows[:, :LABEL_WORDS], rows[:, LABEL_WORDS:]
            seen_a, seen_b = spread(colours(A)), spread(colours(B))
            held[out] = hashed[0] ^ (seen_a & T_G) ^ hashed[1] ^ (seen_b & (T_E ^ A))
    return held[circuit.outputs]


def decode(
    circuit: Circuit, label_hash: LabelHash, labels: Words, tokens: Words
) -> tuple[Words, bool]:
    """The output bits that the labels stand for by the garbler's tokens, and whether each stands for one."""
    hashed = label_hash(labels, _output_tweaks(circuit))
    is_zero = (hashed == tokens[:, :LABEL_WORDS]).all(axis=1)
    is_one = (hashed == tokens[:, LABEL_WORDS:]).all(axis=1)
    return is_one.astype(np.uint64), bool((is_zero != is_one).all())


def _tweaks(first: int, n: int) -> tuple[Words, Words]:
    """Two tweaks for each of n AND gates from the one with the number `first` on."""
    left = 2 * np.arange(first, first + n, dtype=np.uint64)
    return left, left + np.uint64(1)


def _output_tweaks(circuit: Circuit) -> Words:
    """Tweaks that no gate has."""
    return np.uint64(2 * circuit.ands) + np.arange(circuit.outputs.size, dtype=np.uint64)
