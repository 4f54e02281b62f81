"""Private join: two parties without a helper learn how many keys they share, and sums over the rows that do.

Both mask the hash of every key; what both have masked is equal for equal keys, and in an order that the matcher does
not know. The matcher adds the holder's encrypted values where it finds a match. It learns the number of matches
whatever it is. Specification and argument: protocols/private_join/spec.md. Source: Ion et al. 2019 (eprint 2019/723).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import group, paillier
from mpcstats.algebra.packing import Packing
from mpcstats.engines.pair.elements import Mask, encodings
from mpcstats.engines.pair.numbers import PLAIN_WORDS, from_words, to_words
from mpcstats.engines.pair.opening import tell, tell_parts
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.double_masking import (
    KEY_WORDS,
    Rows,
    receive_second,
    return_first,
    send_first,
    send_second,
)
from mpcstats.protocols.encrypted_sums import ROOM, Encrypted, Sums
from mpcstats.session import Session, Words, parallel

SIZE_LEAK = "intersection-size"
SHOWN_LEAK = "suppression-pattern"
SUM_LEAK = "gated-cell"

Progress = Callable[[int, int], None]
"""Told (rows done, rows in all) of this party's work; all of it is public."""


@dataclass(frozen=True, slots=True)
class Join:
    """Who does what, and the public sizes.

    `matcher` learns the number of matches and is in `size_to`; `holder` has the values, if any: numbers of column j
    in (-2^bits[j], 2^bits[j]). Rows are bounds on the keys of each. Nobody but the matcher is told anything of fewer
    than `k` matches. `size_to` and `sums_to` are parties of the run, the two or others.
    """

    matcher: str
    holder: str
    matcher_rows: int
    holder_rows: int
    size_to: tuple[str, ...]
    k: int = 1
    bits: tuple[int, ...] = ()
    sums_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.matcher == self.holder:
            raise InternalError("expected two parties to join, got one")
        if self.matcher not in self.size_to:
            raise UsageError(
                f"expected {self.matcher} among those who learn the number of matches: it finds them; "
                "name it, or let the other party match"
            )
        if bool(self.bits) != bool(self.sums_to):
            raise UsageError("expected recipients of sums where there are values, and nowhere else")
        if self.k < 1 or self.matcher_rows < 1 or self.holder_rows < 1:
            raise UsageError("expected k of at least 1, and bounds on rows of at least 1")
        if self.bits:
            _ = self.packing  # which says if the columns do not fit

    @property
    def packing(self) -> Packing:
        """How the columns lie in a number. Raises UsageError if they do not fit."""
        return Packing(self.bits, self.holder_rows, ROOM)

    @property
    def told(self) -> tuple[str, ...]:
        """Everybody who is told whether there are k matches."""
        return tuple(dict.fromkeys((*self.size_to, *self.sums_to)))


@dataclass(frozen=True, slots=True)
class Table:
    """A party's distinct keys as 128-bit digests, shape (m, 2), and at the holder their values, shape (m, columns)."""

    keys: Words = field(repr=False)
    values: Words | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Dummies:
    """Rows of no person: `rows` at each party, public; of them `own` are keys at this party, others random ones.

    Not more than `rows` of them are in common. `leak` names on the card what the number of matches then is.
    """

    rows: int = 0
    own: Words = field(default_factory=lambda: np.empty((0, KEY_WORDS), np.uint64), repr=False)
    leak: str = SIZE_LEAK


@dataclass(frozen=True, slots=True)
class Joined:
    """What this party is told: whether there are k matches, how many, and the columns' sums as signed numbers.

    None for what it is not told, or is not shown as there are fewer. The matcher knows `size` in any case.
    """

    shown: bool | None
    size: int | None = field(repr=False)
    sums: tuple[int, ...] | None = field(repr=False)


async def private_join(
    session: Session,
    join: Join,
    table: Table | None = None,
    *,
    key: paillier.Secret | None = None,
    on_progress: Progress | None = None,
) -> Joined:
    """Join the tables of the two; `table` is given at both, None elsewhere.

    `key` is the holder's, if it has one to use again; else it draws one for this run. Raises UsageError (more keys
    than the bound, a key twice, values outside of their bits, rbcl not installed) and PeerFault (elements,
    ciphertexts or a modulus that are none, one element twice, sums out of bounds).
    """
    return await join_with(session, join, table, Dummies(), key=key, on_progress=on_progress)


async def join_with(
    session: Session,
    join: Join,
    table: Table | None,
    dummies: Dummies,
    *,
    key: paillier.Secret | None = None,
    on_progress: Progress | None = None,
) -> Joined:
    """As `private_join`, with dummies among the rows: `size` counts matches of dummies too, k does not."""
    found = _Found()
    if session.me in (join.matcher, join.holder):
        group.check_installed()  # before anything is sent
    if session.me == join.matcher:
        work = _Work(join, dummies, on_progress, _given(table, join.matcher_rows, 0))
        found = await _match(session, work)
    elif session.me == join.holder:
        work = _Work(join, dummies, on_progress, _given(table, join.holder_rows, len(join.bits)))
        found = await _hold(session, work, key)
    return await _opened(session.narrow("open"), join, dummies, found)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one of the two has at the end; `part`: the masked sum at the holder, the mask at the matcher."""

    shown: bool | None = None
    size: int | None = field(default=None, repr=False)
    part: int | None = field(default=None, repr=False)
    modulus: int = 0


class _Work:
    """What one of the two starts from, and how much of its work is done."""

    def __init__(
        self, join: Join, dummies: Dummies, on_progress: Progress | None, table: Table
    ) -> None:
        self.table = table
        self.dummies = dummies
        self.matcher_rows = join.matcher_rows + dummies.rows
        self.holder_rows = join.holder_rows + dummies.rows
        self.join = join
        self._on_progress = on_progress
        self._done = 0

    def rows(self, session: Session, count: int) -> Rows:
        """This party's elements, `count` with its dummies and random ones."""
        keys = np.concatenate([self.table.keys, self.dummies.own])
        return Rows(session.narrow("keys"), keys, count)

    def done(self, rows: int) -> None:
        """So many rows more."""
        self._done += rows
        if self._on_progress is not None:
            self._on_progress(self._done, self.matcher_rows + self.holder_rows)


def _given(table: Table | None, rows: int, columns: int) -> Table:
    if table is None:
        raise InternalError("expected this party's own table, got none")
    keys, values = table.keys, table.values
    if keys.ndim != 2 or keys.shape[1] != KEY_WORDS or len(keys) > rows:
        raise UsageError(
            f"expected at most {rows} keys of {KEY_WORDS} words each, got an array of {keys.shape}"
        )
    shape = None if values is None else values.shape
    if (columns or shape is not None) and shape != (len(keys), columns):
        raise UsageError(f"expected {columns} values for each of {len(keys)} keys, got {shape}")
    if len(set(encodings(keys))) < len(keys):
        raise UsageError("expected distinct keys, got one twice: aggregate the rows of a key first")
    return table


async def _match(session: Session, work: _Work) -> _Found:
    """The matcher's part: it finds the matches, and hands over their encrypted and masked sums."""
    join, holder = work.join, work.join.holder
    mask = Mask(session.narrow("mask"))
    rows = work.rows(session, work.matcher_rows)
    sums = Sums(work.holder_rows) if join.bits else None

    async def received() -> Words:
        step = session.narrow("second")
        if sums is not None:
            await sums.begin(step, peer=holder)
        take, width = (None, 0) if sums is None else (sums.take, sums.width)
        return await receive_second(
            step, work.holder_rows, mask, take, width=width, peer=holder, done=work.done
        )

    first = send_first(session.narrow("first"), rows, mask, peer=holder, done=work.done)
    ours, theirs = await parallel(first, received())
    hits = _hits(session, holder, ours, theirs)
    size = sum(hits)
    shown = size >= join.k + work.dummies.rows
    if sums is None:
        return _Found(shown, size)
    part = await sums.finish(session.narrow("total"), hits, shown=shown, peer=holder)
    return _Found(shown, size, part, int(sums.public.n))


def _hits(session: Session, holder: str, ours: Words, theirs: Words) -> list[bool]:
    """For each of the holder's rows whether it is one of ours. Raises PeerFault for an element that comes twice."""
    known, rows = set(encodings(ours)), encodings(theirs)
    if len(known) < len(ours) or len(set(rows)) < len(rows):
        raise PeerFault(
            holder, session.step, "expected distinct elements for distinct keys, got one twice"
        )
    return [row in known for row in rows]


async def _hold(session: Session, work: _Work, key: paillier.Secret | None) -> _Found:
    """The holder's part: it masks, encrypts and shuffles; of the result it sees a masked sum alone."""
    join, matcher, values = work.join, work.join.matcher, work.table.values
    mask = Mask(session.narrow("mask"))
    rows = work.rows(session, work.holder_rows)
    encrypted = None
    if values is not None:
        step = session.narrow("values")
        encrypted = Encrypted(step, join.packing, values, work.holder_rows, key)

    async def sent() -> None:
        step = session.narrow("second")
        given = None
        if encrypted is not None:
            await encrypted.begin(step, peer=matcher)
            given = encrypted.beside
        await send_second(step, rows, mask, given, peer=matcher, done=work.done)

    step = session.narrow("first")
    again = return_first(step, work.matcher_rows, mask, peer=matcher, done=work.done)
    await parallel(again, sent())
    if encrypted is None:
        return _Found()
    part = await encrypted.finish(session.narrow("total"), peer=matcher)
    return _Found(part=part, modulus=int(encrypted.key.public.n))


async def _opened(session: Session, join: Join, dummies: Dummies, found: _Found) -> Joined:
    """What everybody is told, at this party."""
    owner, shown, size = join.matcher, None, None
    if found.shown is not None and found.size is not None:
        shown, size = _word(found.shown), _word(found.size if found.shown else 0)
    step = session.narrow("shown")
    flag = await tell(step, shown, owner=owner, size=1, to=join.told, leak=SHOWN_LEAK)
    step = session.narrow("size")
    told = await tell(step, size, owner=owner, size=1, to=join.size_to, leak=dummies.leak)
    parts = None
    if join.bits:
        parts = await _parts(session.narrow("sums"), join, found)
    if flag is None:
        return Joined(None, None, None)
    if flag[0] > 1:
        raise PeerFault(owner, session.step, "expected the bit shown or not, got another number")
    if session.me == owner:
        count = found.size
    else:
        count = None if told is None or not flag[0] else _checked_size(session, join, dummies, told)
    sums = None if parts is None or not flag[0] else _sums(session, join, parts)
    return Joined(bool(flag[0]), count, sums)


def _word(number: int) -> Words:
    return np.array([number], dtype=np.uint64)


def _checked_size(session: Session, join: Join, dummies: Dummies, told: Words) -> int:
    size, most = int(told[0]), min(join.matcher_rows, join.holder_rows) + dummies.rows
    if not join.k + dummies.rows <= size <= most:
        raise PeerFault(
            join.matcher,
            session.step,
            f"expected {join.k + dummies.rows} to {most} matches, got another number",
        )
    return size


async def _parts(session: Session, join: Join, found: _Found) -> dict[str, Words] | None:
    """Both parts of the sums, each with the modulus, at their recipients."""
    mine = None
    if found.part is not None:
        mine = to_words([found.part, found.modulus], PLAIN_WORDS).reshape(-1)
    parts = {party: mine if party == session.me else None for party in (join.matcher, join.holder)}
    return await tell_parts(
        session,
        parts,
        size=2 * PLAIN_WORDS,
        to=join.sums_to,
        leak=SUM_LEAK,
        shape=(len(join.bits),),
    )


def _sums(session: Session, join: Join, parts: Mapping[str, Words]) -> tuple[int, ...]:
    """The columns' sums: the masked sum without its mask. Raises PeerFault if they are out of bounds."""
    (mask, n), (masked, again) = (
        from_words(parts[party].reshape(2, -1)) for party in (join.matcher, join.holder)
    )
    found = join.packing.unpack(int(masked - mask), int(n)) if n == again and n else None
    if found is None:
        raise PeerFault(
            f"{join.holder} or {join.matcher}",
            session.step,
            "expected sums within the bounds of their columns, got others",
        )
    return found
