"""Transcripts: of each direction of each connection, a digest of all messages of a run, equal at both its ends.

TLS already keeps messages whole. A transcript is for afterwards: with one in each party's ledger, nobody can claim
that something else was sent to it. Messages are masked, so a digest of them tells nothing of anybody's data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from mpcstats.session.messages import Words

DOMAIN = b"mpcstats transcript 1"


class Transcript:
    """The digests with each of `peers`: SHA-256 over DOMAIN, then of each message its step's tag, its number of words
    (8 bytes each) and its words, in the order of the connection.
    """

    def __init__(self, peers: Iterable[str]) -> None:
        names = tuple(peers)
        self._sent = {peer: hashlib.sha256(DOMAIN) for peer in names}
        self._received = {peer: hashlib.sha256(DOMAIN) for peer in names}

    def sent(self, peer: str, tag: int, words: Words) -> None:
        """One more message to `peer`."""
        _update(self._sent[peer], tag, words)

    def received(self, peer: str, tag: int, words: Words) -> None:
        """One more message from `peer`."""
        _update(self._received[peer], tag, words)

    def to_json(self) -> dict[str, dict[str, str]]:
        """The digests so far, as hex."""
        return {
            peer: {
                "sent": self._sent[peer].hexdigest(),
                "received": self._received[peer].hexdigest(),
            }
            for peer in self._sent
        }


def _update(state: hashlib._Hash, tag: int, words: Words) -> None:
    state.update(tag.to_bytes(8, "little") + words.size.to_bytes(8, "little"))
    state.update(np.ascontiguousarray(words).data)  # not copied where it is contiguous
