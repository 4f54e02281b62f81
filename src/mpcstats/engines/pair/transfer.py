"""Oblivious transfer in ristretto255: of two labels the chooser gets the one of its bit, the sender learns no bit.

One instance for each bit of the key agreement that Masny and Rindal ("Endemic oblivious transfer", eprint 2019/706)
turn into an oblivious transfer; secure against a malicious chooser and a malicious sender if hashes are random oracles
and Diffie-Hellman is hard (protocols/adjudication/spec.md). All of it is bound to the run and the step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import group
from mpcstats.engines.pair.garbled.labels import LABEL_WORDS, spread
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Stream, Words

CHOICE_WORDS = 2 * group.WORDS  # what the chooser sends for each bit: r_0 and r_1
OFFER_WORDS = group.WORDS + 2 * LABEL_WORDS  # what the sender sends: B and both labels, encrypted
_DOMAIN = b"mpcstats-transfer-1"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chooser's state: what it sends, shape (bits, 8), its bits and its exponents."""

    points: Words
    _choices: Words = field(repr=False)
    _exponents: Words = field(repr=False)

    def open(self, session: Session, offers: Words, sender: str) -> Words:
        """The chosen labels, shape (bits, 2), from the sender's offers, shape (bits, 8).

        Raises PeerFault for what is no element of the group.
        """
        B, hidden = offers[:, : group.WORDS], offers[:, group.WORDS :]
        keys = _checked(session, sender, group.multiply(B, self._exponents))
        zero, one = hidden[:, :LABEL_WORDS], hidden[:, LABEL_WORDS:]
        which = spread(self._choices)
        return _pads(session, self.points, B, keys) ^ zero ^ (which & (zero ^ one))


def choose(session: Session, choices: Words) -> Chosen:
    """Begin to choose by bits, all 0 or 1, with exponents and elements of the private stream."""
    n, stream = choices.size, session.private()
    exponents = _scalars(stream, n)
    r_other = group.from_uniform(stream.words(n, group.UNIFORM_WORDS))
    # r_c = a G - H_c(r_(1-c)): for the other label the logarithm of r_(1-c) + H_(1-c)(r_c) would be needed.
    r_c = group.subtract(group.of_base(exponents), _hashed(session, choices, r_other))
    exchanged = (r_c ^ r_other) & spread(choices)
    points = np.concatenate([r_c ^ exchanged, r_other ^ exchanged], axis=1)
    return Chosen(points, choices, exponents)


def offer(session: Session, points: Words, pairs: Words, chooser: str) -> Words:
    """What the sender of the label pairs, shape (bits, 2, 2), sends to `chooser`, whose `points` have come.

    Raises PeerFault for what is no element of the group.
    """
    n = points.shape[0]
    r = points[:, : group.WORDS], points[:, group.WORDS :]
    exponents = _scalars(session.private(), n)
    B = group.of_base(exponents)
    hidden = []
    for j in (0, 1):
        hashed = _hashed(session, np.full(n, j, dtype=np.uint64), r[1 - j])
        A_j = _checked(session, chooser, group.add(r[j], hashed))
        pads = _pads(session, points, B, group.multiply(A_j, exponents))
        hidden.append(pads ^ pairs[:, j])
    return np.concatenate([B, *hidden], axis=1)


def _scalars(stream: Stream, n: int) -> Words:
    drawn = stream.words(n, group.UNIFORM_WORDS)
    return np.array([group.scalar(row) for row in drawn], dtype=np.uint64).reshape(n, group.WORDS)


def _checked(session: Session, peer: str, elements: Words) -> Words:
    """`elements`, which `group` has made of what `peer` has sent. Raises PeerFault if that did not encode any."""
    if group.neutral(elements).any():
        raise PeerFault(
            peer,
            session.step,
            "expected elements of ristretto255 other than the neutral one, got others",
        )
    return elements


def _hashed(session: Session, j: Words, r: Words) -> Words:
    """H_j(r) of each instance: elements of which nobody knows the logarithm."""
    instance = np.arange(j.size, dtype=np.uint64)
    rows = np.concatenate([instance[:, None], j[:, None], r], axis=1)
    prefix = session.digest().astype("<u8").tobytes()
    return group.hash_to_group(rows, prefix=prefix, domain=_DOMAIN)


def _pads(session: Session, points: Words, B: Words, keys: Words) -> Words:
    """What hides each label: a hash of the agreed key and of all that was said in the instance."""
    pads = [
        session.digest(np.array([i], dtype=np.uint64), points[i], B[i], keys[i])[:LABEL_WORDS]
        for i in range(keys.shape[0])
    ]
    return np.array(pads, dtype=np.uint64).reshape(-1, LABEL_WORDS)
