"""Transcripts: both ends have one digest; any other message, order, step or length gives another."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mpcstats.session import Words
from mpcstats.transport.transcript import DOMAIN, Transcript

ONE: Words = np.arange(5, dtype=np.uint64)
TWO: Words = np.arange(3, dtype=np.uint64) << np.uint64(60)
SAID = ((7, ONE), (9, TWO))


def sent(*messages: tuple[int, Words]) -> str:
    kept = Transcript(["b"])
    for tag, words in messages:
        kept.sent("b", tag, words)
    return kept.to_json()["b"]["sent"]


def test_what_one_has_sent_is_what_the_other_has_received() -> None:
    other = Transcript(["a", "c"])
    for tag, words in SAID:
        other.received("a", tag, words)
    said = other.to_json()
    assert said["a"]["received"] == sent(*SAID)
    # Each direction and each peer by itself.
    assert said["a"]["sent"] == said["c"]["received"] == hashlib.sha256(DOMAIN).hexdigest()


def test_the_digest_is_of_tag_length_and_words() -> None:
    state = hashlib.sha256(DOMAIN)
    for tag, words in SAID:
        state.update(tag.to_bytes(8, "little") + len(words).to_bytes(8, "little"))
        state.update(b"".join(int(word).to_bytes(8, "little") for word in words))
    assert sent(*SAID) == state.hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        SAID[::-1],
        SAID[:1],
        (*SAID, (0, ONE[:0])),
        ((8, ONE), (9, TWO)),
        ((7, ONE[:4]), (9, np.concatenate([ONE[4:], TWO]))),
        ((7, ONE ^ np.uint64(1)), (9, TWO)),
    ],
)
def test_any_other_messages_have_another(other: tuple[tuple[int, Words], ...]) -> None:
    assert sent(*other) != sent(*SAID)


def test_a_view_counts_as_what_it_shows() -> None:
    assert sent((7, np.arange(10, dtype=np.uint64)[::2])) == sent(
        (7, np.array([0, 2, 4, 6, 8], dtype=np.uint64))
    )
