"""Numbers: those of a Paillier key as words of fixed width, and what is checked when a peer sends them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from gmpy2 import gcd, mpz

from mpcstats.algebra import modulus, paillier
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Words

PLAIN_WORDS = paillier.MODULUS_BITS // 64  # of a number mod n
CIPHER_WORDS = 2 * PLAIN_WORDS
KEY_WORDS = PLAIN_WORDS * (1 + modulus.CHALLENGES)


def to_words(numbers: Iterable[int], width: int) -> Words:
    """Rows of `width` words, the lowest first; numbers must fit."""
    plain = b"".join(int(number).to_bytes(8 * width, "little") for number in numbers)
    return np.frombuffer(plain, dtype="<u8").astype(np.uint64).reshape(-1, width)


def from_words(words: Words) -> list[mpz]:
    """The number of each row, whatever it is."""
    size = 8 * words.shape[1]
    plain = np.ascontiguousarray(words, dtype="<u8").tobytes()
    return [
        mpz(int.from_bytes(plain[at : at + size], "little")) for at in range(0, len(plain), size)
    ]


async def send_key(session: Session, key: paillier.Secret, *, to: str) -> None:
    """Show `to` this party's modulus, and the proof that belongs to it."""
    numbers = [key.public.n, *modulus.prove(key, _context(session))]
    await session.exchange(send={to: to_words(numbers, PLAIN_WORDS)})


async def receive_key(session: Session, *, owner: str) -> paillier.Public:
    """The modulus of `owner`. Raises PeerFault naming it for one whose proof fails."""
    shape = (1 + modulus.CHALLENGES, PLAIN_WORDS)
    n, *roots = from_words((await session.exchange(receive={owner: shape}))[owner])
    public = paillier.Public.of(n)
    found = modulus.fault(public, roots, _context(session))
    if found is not None:
        raise PeerFault(owner, session.step, found)
    return public


def ciphertexts(session: Session, peer: str, public: paillier.Public, words: Words) -> list[mpz]:
    """The ciphertexts that `peer` has sent. Raises PeerFault naming it if one is not in (0, n^2), or is no unit."""
    found = from_words(words)
    product = mpz(1)
    for row, c in enumerate(found):
        if not 0 < c < public.square:
            raise PeerFault(
                peer, session.step, f"expected ciphertexts in (0, n^2), got another in row {row}"
            )
        product = product * c % public.n
    if gcd(product, public.n) != 1:
        raise PeerFault(
            peer, session.step, "expected ciphertexts without a common factor with n, got others"
        )
    return found


def _context(session: Session) -> bytes:
    return session.digest().astype("<u8").tobytes()
