"""Encrypted sums: the holder's values as ciphertexts beside its rows, and the masked sum of those that match."""

from __future__ import annotations

from collections.abc import Sequence

from gmpy2 import mpz

from mpcstats.algebra import paillier
from mpcstats.algebra.packing import Packing
from mpcstats.engines.pair.numbers import CIPHER_WORDS, ciphertexts, receive_key, send_key, to_words
from mpcstats.errors import InternalError
from mpcstats.protocols.double_masking import Places
from mpcstats.session import Session, Words
from mpcstats.session.draws import StreamDraw

ROOM = paillier.MODULUS_BITS - 2  # bits of a signed number mod n


class Encrypted:
    """At the holder: its values, packed and encrypted row by row; rows without values encrypt 0."""

    width = CIPHER_WORDS

    def __init__(
        self,
        session: Session,
        packing: Packing,
        values: Words,
        rows: int,
        key: paillier.Secret | None,
    ) -> None:
        """Values of shape (m, columns), m <= rows. Without a key one is drawn."""
        packed = packing.pack(values)
        draw = StreamDraw(session.private())
        self.key = paillier.generate(draw) if key is None else key
        self._packed = packed + [0] * (rows - len(packed))
        self._encryption = paillier.Encryption(self.key, draw, rows)

    def __repr__(self) -> str:
        return "<encrypted>"

    async def begin(self, session: Session, *, peer: str) -> None:
        """Show the modulus to `peer`."""
        await send_key(session.narrow("key"), self.key, to=peer)

    def beside(self, session: Session, places: Places) -> Words:
        """The ciphertexts of the rows at `places`, shape (n, 96)."""
        plain = [self._packed[place] for place in places.tolist()]
        drawn = session.private().words(len(plain), self._encryption.words)
        return to_words(self._encryption.encrypt(plain, drawn), CIPHER_WORDS)

    async def finish(self, session: Session, *, peer: str) -> int:
        """The masked sum, as `peer` has made it. Raises PeerFault for what is no ciphertext."""
        got = (await session.exchange(receive={peer: (1, CIPHER_WORDS)}))[peer]
        (total,) = ciphertexts(session, peer, self.key.public, got)
        return int(self.key.decrypt(total))


class Sums:
    """At the matcher: the ciphertexts beside the holder's rows."""

    width = CIPHER_WORDS

    def __init__(self, rows: int) -> None:
        self._rows = [mpz(0)] * rows
        self._public: paillier.Public | None = None

    def __repr__(self) -> str:
        return "<sums>"

    @property
    def public(self) -> paillier.Public:
        """The holder's modulus, once it is there."""
        if self._public is None:
            raise InternalError("expected the holder's modulus before its rows, got none")
        return self._public

    async def begin(self, session: Session, *, peer: str) -> None:
        """Receive the modulus of `peer`. Raises PeerFault if its proof fails."""
        self._public = await receive_key(session.narrow("key"), owner=peer)

    def take(self, session: Session, peer: str, part: slice, words: Words) -> None:
        """The ciphertexts of some rows. Raises PeerFault for what is none, whether the rows match or not."""
        self._rows[part] = ciphertexts(session, peer, self.public, words)

    async def finish(
        self, session: Session, hits: Sequence[bool], *, shown: bool, peer: str
    ) -> int:
        """Hand `peer` the sum of the rows that are hits plus a uniform mask; the mask, 0 unless `shown`.

        Unless `shown` what is handed over is a number that has nothing to do with the rows.
        """
        public, draw = self.public, StreamDraw(session.private())
        mask = paillier.uniform(draw, public.n)
        # Every row goes into one of two products: the work does not depend on how many are hits.
        products = [mpz(1), mpz(1)]
        for hit, c in zip(hits, self._rows, strict=True):
            products[hit] = products[hit] * c % public.square
        # 1 + n^2 encrypts 0, and is as long as the product.
        total = products[True] if shown else 1 + public.square
        total = total * public.fresh(mask, draw) % public.square
        await session.exchange(send={peer: to_words([total], CIPHER_WORDS)})
        return int(mask) if shown else 0
