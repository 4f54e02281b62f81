"""What an evaluator could exclusive-or away: no tweak of a garbled circuit hides two things, no label comes twice."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from mpcstats.engines.pair.garbled import garble as garbling
from mpcstats.engines.pair.garbled.circuit import Circuit
from mpcstats.engines.pair.garbled.labels import LabelHash
from mpcstats.protocols.adjudication import Form, circuit
from mpcstats.session import Stream, Words

FORM = Form(2, 2, 12)
Label = bytes


class Heard(LabelHash):
    """The hash, and what labels were hashed under which tweak."""

    __slots__ = ("labels",)

    def __init__(self) -> None:
        super().__init__(np.arange(2, dtype=np.uint64))
        self.labels: dict[int, set[Label]] = defaultdict(set)

    def __call__(self, labels: Words, tweaks: Words) -> Words:
        for label, tweak in zip(labels, tweaks.tolist(), strict=True):
            self.labels[tweak].add(label.tobytes())
        return super().__call__(labels, tweaks)


def pairs_by_tweak(made: Circuit) -> tuple[dict[int, set[Label]], bytes]:
    """The labels under each tweak, and D."""
    heard = Heard()
    found = garbling.garble(made, heard, Stream(b"labels of a test"))
    return heard.labels, (found.pairs[0, 0] ^ found.pairs[0, 1]).tobytes()


def alone(labels: set[Label], delta: bytes) -> bool:
    """Whether these are the two labels of one wire."""
    if len(labels) != 2:
        return False
    one, other = (np.frombuffer(label, dtype=np.uint64) for label in labels)
    return (one ^ other).tobytes() == delta


def test_a_tweak_is_of_one_wire_at_one_gate() -> None:
    made = circuit(FORM)
    found, delta = pairs_by_tweak(made)
    assert set(found) == set(range(2 * made.ands + made.outputs.size))
    assert all(alone(labels, delta) for labels in found.values())


def test_tweaks_of_outputs_that_gates_have_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(
        garbling, "_output_tweaks", lambda made: np.arange(made.outputs.size, dtype=np.uint64)
    )
    found, delta = pairs_by_tweak(circuit(FORM))
    assert not all(alone(labels, delta) for labels in found.values())


def test_two_runs_have_no_ciphertext_in_common() -> None:
    """Of another run: other labels and another key of the hash, the same circuit."""
    made = circuit(FORM)
    rows = []
    for run in (1, 2, 2):
        label_hash = LabelHash(np.full(2, run, dtype=np.uint64))
        garbled = garbling.garble(made, label_hash, Stream(bytes([run]) * 16))
        words = np.concatenate([garbled.tables, garbled.tokens]).reshape(-1, 2)
        rows.append({word.tobytes() for word in words})
    assert not rows[0] & rows[1]
    assert rows[1] == rows[2]  # negative control
