"""Find: for each row of a shared table the row of a fragment that has its key, by a lookup join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError
from mpcstats.party.data.sources import Rows
from mpcstats.party.tables.stage import Stage, column_of
from mpcstats.party.tables.table import DIGEST_BITS, Table, bounds
from mpcstats.plan import tables as plans
from mpcstats.plan.physical import Fragment
from mpcstats.protocols.derive import Value
from mpcstats.protocols.expand import NO_ROW, distinct, expand
from mpcstats.protocols.held import Held
from mpcstats.protocols.lookup_join import LeftTable, Lookup, RightTable, lookup_join
from mpcstats.protocols.table import Given, Own, give
from mpcstats.session import Session, parallel

Form = Literal["number", "bit", "text"]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the right owner's store: the value of a column, or whether it is known."""

    column: str
    form: Form
    known: bool = False


async def find(session: Session, stage: Stage, step: plans.Find, table: Table) -> Table:
    """`table` with the columns found, which are NULL where there is no hit."""
    left, right = stage.plan.fragment(step.left), stage.plan.fragment(step.right)
    if table.rows != left.rows:
        raise InternalError(f"expected the rows of fragment {left.name}, got {table.rows} rows")
    words = _words(right, step.columns)
    lookup = Lookup(
        left=left.owner,
        right=right.owner,
        helper=step.helper,
        left_rows=left.rows if step.distinct is None else step.distinct,
        right_rows=right.rows,
        values=len(words),
    )
    keys = _keys(stage.own(left), step, left.rows)
    found = await lookup_join(
        session.narrow("lookup"),
        stage.engine,
        lookup,
        left=None if keys is None else keys.table,
        right=_right(stage.own(right), step, words),
    )
    columns = await _shared(session.narrow("shares"), stage.engine, found.columns, words)
    hit: Column = found.hit
    if step.distinct is not None:
        hit, *columns = await expand(
            session.narrow("rows"),
            stage.engine,
            [hit, *columns],
            None if keys is None else keys.sources,
            owner=left.owner,
            rows_out=left.rows,
            compact=True,
        )
    if not isinstance(hit, Bits):
        raise InternalError("expected bits to stay bits")
    values = await _values(session.narrow("known"), stage.engine, hit, words, columns, right)
    return Table(
        table.rows,
        table.present,
        {**table.columns, **values, step.hit: Value(0, 1, None, hit, None)},
    )


def _words(right: Fragment, columns: Sequence[plans.Column]) -> list[_Word]:
    forms: dict[str, Form] = {"number": "number", "flag": "bit", "digest": "text"}
    words = []
    for wanted in columns:
        column = column_of(right, wanted.name)
        words.append(_Word(column.name, forms[column.kind]))
        if column.nullable:
            words.append(_Word(column.name, "bit", known=True))
    return words


@dataclass(frozen=True, slots=True)
class _Keys:
    """The left owner's keys as it looks them up; for distinct ones which of them each row has."""

    table: LeftTable
    sources: Positions | None


def _keys(own: Rows | None, step: plans.Find, rows: int) -> _Keys | None:
    if own is None:
        return None
    key = own.columns[step.left_key]
    (places,) = np.nonzero(key.known)
    if step.distinct is None:
        return _Keys(LeftTable(key.values[places], places), None)
    sources = np.full(rows, NO_ROW, dtype=np.intp)
    keys, sources[places] = distinct(key.values[places])
    return _Keys(LeftTable(keys), sources)


def _right(own: Rows | None, step: plans.Find, words: Sequence[_Word]) -> RightTable | None:
    """The right owner's rows whose key is not NULL."""
    if own is None:
        return None
    key = own.columns[step.right_key]
    (places,) = np.nonzero(key.known)
    values = np.empty((places.size, len(words)), dtype=np.uint64)
    for i, word in enumerate(words):
        column = own.columns[word.column]
        values[:, i] = column.known[places] if word.known else column.words[places]
    return RightTable(key.values[places], values)


async def _shared(
    session: Session, engine: Engine, held: Sequence[Held], words: Sequence[_Word]
) -> list[Column]:
    """The columns as secrets: numbers, single bits, or the bits of texts' digests.

    The two holders put in all their summands at once. Nothing is carried into the lowest bit of a sum, so a single bit
    is the exclusive or of the summands' lowest.
    """
    if not held:
        return []
    given = await parallel(
        *(
            _put_in(session.narrow(str(which)), engine, held, words, which)
            for which in range(len(held[0].summands))
        )
    )
    numbers = iter([x + y for x, y in zip(*(each.numbers for each in given), strict=True)])
    bits = iter([x ^ y for x, y in zip(*(each.fields for each in given), strict=True)])
    columns: list[Column] = [next(bits) if w.form == "bit" else next(numbers) for w in words]
    texts = [
        (i, c)
        for i, (c, w) in enumerate(zip(columns, words, strict=True))
        if w.form == "text" and isinstance(c, Arith)
    ]
    digests = await parallel(
        *(
            engine.to_bits(session.narrow(f"text{i}"), number, width=DIGEST_BITS)
            for i, number in texts
        )
    )
    for (i, _), digest in zip(texts, digests, strict=True):
        columns[i] = digest
    return columns


async def _put_in(
    session: Session, engine: Engine, held: Sequence[Held], words: Sequence[_Word], which: int
) -> Given:
    """Summand number `which` of every column, at its holder; of single bits the lowest alone."""
    summands = [h.summands[which] for h in held]
    own = None
    if session.me == summands[0].owner:
        values = [s.values for s in summands if s.values is not None]
        numbers = [v for v, w in zip(values, words, strict=True) if w.form != "bit"]
        bits = [v for v, w in zip(values, words, strict=True) if w.form == "bit"]
        own = Own(held[0].rows, tuple(numbers), tuple(bits))
    flags = sum(word.form == "bit" for word in words)
    return await give(
        session,
        engine,
        own,
        owner=summands[0].owner,
        rows=held[0].rows,
        numbers=len(words) - flags,
        widths=[1] * flags,
    )


async def _values(
    session: Session,
    engine: Engine,
    hit: Bits,
    words: Sequence[_Word],
    columns: Sequence[Column],
    right: Fragment,
) -> dict[str, Value]:
    """The columns by name. A value is known where there is a hit and the right owner has it."""
    found = list(zip(words, columns, strict=True))
    known = {w.column: c for w, c in found if w.known and isinstance(c, Bits)}
    pairs = [(row, hit) for row in known.values()]
    joint = await engine.conj(session, pairs) if pairs else []
    known = dict(zip(known, joint, strict=True))
    values = {}
    for word, column in found:
        if not word.known:
            number = column if isinstance(column, Arith) else None
            bits = column if isinstance(column, Bits) else None
            name = word.column
            least, greatest = bounds(column_of(right, name))
            values[name] = Value(least, greatest, number, bits, known.get(name, hit))
    return values
