"""Oblivious transfer in ristretto255: of two labels the chooser gets the one of its bit, the sender learns no bit.

One instance for each bit of the key agreement that Masny and Rindal ("Endemic oblivious transfer", eprint 2019/706)
turn into an oblivious transfer; secure against a malicious chooser and a malicious sender if hashes are random oracles
and Diffie-Hellman is hard (protocols/adjudication/spec.md). What a chooser sends binds it to its bits and hides them:
so it is a commitment too, named before and sent again in every run. All else is bound to the run and the step.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import group
from mpcstats.engines.pair.garbled.labels import LABEL_WORDS, spread
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Stream, Words

CHOICE_WORDS = 2 * group.WORDS  # what the chooser sends for each bit: r_0 and r_1
OFFER_WORDS = group.WORDS + 2 * LABEL_WORDS  # what the sender sends: B and both labels, encrypted
_DOMAIN = b"mpcstats-transfer-1"
_NAME = b"mpcstats choices 1"


@dataclass(frozen=True, slots=True)
class Named:
    """What a sender knows of choices before they come: 32 bytes of `context`, what they are about, their digest."""

    context: bytes
    about: bytes
    digest: str

    @classmethod
    def of(cls, context: bytes, about: bytes, points: Words) -> Named:
        """The name of `points`."""
        state = hashlib.sha256(_NAME)
        for part in (context, about, points.astype("<u8").tobytes()):
            state.update(len(part).to_bytes(8, "little") + part)
        return cls(context, about, state.hexdigest())

    def check(self, session: Session, chooser: str, points: Words) -> None:
        """Raises PeerFault if these are not the points that were named."""
        if Named.of(self.context, self.about, points).digest != self.digest:
            raise PeerFault(
                chooser, session.step, "expected the choices that it has named before, got others"
            )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chooser's state: its `name`, what it sends, shape (bits, 8), its bits and its exponents."""

    name: Named
    points: Words = field(repr=False)
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
        return _pads(session, self._choices, self.points, B, keys) ^ zero ^ (which & (zero ^ one))


def choose(choices: Words, secret: bytes, about: bytes) -> Chosen:
    """Choices of bits, all 0 or 1: the same for the same `secret` of 32 bytes, bits and public text `about`.

    All randomness follows from the three together: with other bits everything is another, so that two choices of one
    secret cannot be compared.
    """
    said = len(about).to_bytes(8, "little") + about + choices.astype("<u8").tobytes()
    context = hashlib.blake2b(said, key=secret, person=b"mpcstats-context", digest_size=32).digest()
    key = hashlib.blake2b(said, key=secret, person=b"mpcstats-choices", digest_size=16).digest()
    n, stream = choices.size, Stream(key)
    exponents = _scalars(stream, n)
    r_other = group.from_uniform(stream.words(n, group.UNIFORM_WORDS))
    # r_c = a G - H_c(r_(1-c)): for the other label the logarithm of r_(1-c) + H_(1-c)(r_c) would be needed.
    r_c = group.subtract(group.of_base(exponents), _hashed(context, choices, r_other))
    exchanged = (r_c ^ r_other) & spread(choices)
    points = np.concatenate([r_c ^ exchanged, r_other ^ exchanged], axis=1)
    return Chosen(Named.of(context, about, points), points, choices, exponents)


def offer(session: Session, points: Words, pairs: Words, name: Named, chooser: str) -> Words:
    """What the sender of the label pairs, shape (bits, 2, 2), sends to `chooser`, whose `points` have come.

    Raises PeerFault for points that are not the named ones, and for what is no element of the group.
    """
    name.check(session, chooser, points)
    n = points.shape[0]
    r = points[:, : group.WORDS], points[:, group.WORDS :]
    exponents = _scalars(session.private(), n)
    B = group.of_base(exponents)
    hidden = []
    for j in (0, 1):
        each = np.full(n, j, dtype=np.uint64)
        hashed = _hashed(name.context, each, r[1 - j])
        A_j = _checked(session, chooser, group.add(r[j], hashed))
        pads = _pads(session, each, points, B, group.multiply(A_j, exponents))
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


def _hashed(context: bytes, j: Words, r: Words) -> Words:
    """H_j(r) of each instance: elements of which nobody knows the logarithm."""
    instance = np.arange(j.size, dtype=np.uint64)
    rows = np.concatenate([instance[:, None], j[:, None], r], axis=1)
    return group.hash_to_group(rows, prefix=context, domain=_DOMAIN)


def _pads(session: Session, j: Words, points: Words, B: Words, keys: Words) -> Words:
    """What hides label j of each instance: a hash of the agreed key and of all that was said in the instance.

    Of j too: the labels of a wire differ by D, which equal pads would show.
    """
    pads = [
        session.digest(np.array([i, j[i]], np.uint64), points[i], B[i], keys[i])[:LABEL_WORDS]
        for i in range(keys.shape[0])
    ]
    return np.array(pads, dtype=np.uint64).reshape(-1, LABEL_WORDS)
