"""Find: for each row of a shared table the row of a fragment that has its key, by a lookup join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpcstats.algebra import bits as slicing
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
    shares = session.narrow("shares")
    columns: list[Column] = await parallel(
        *(
            _shared(shares.narrow(str(i)), stage.engine, held, word.form)
            for i, (held, word) in enumerate(zip(found.columns, words, strict=True))
        )
    )
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


async def _shared(session: Session, engine: Engine, held: Held, form: Form) -> Column:
    """The column as a secret: numbers, single bits, or the bits of texts' digests."""
    if form == "bit":
        return await _lowest_bit(session, engine, held)
    numbers = await held.share(session.narrow("number"), engine)
    if form == "number":
        return numbers
    return await engine.to_bits(session.narrow("text"), numbers, width=DIGEST_BITS)


async def _lowest_bit(session: Session, engine: Engine, held: Held) -> Bits:
    """The lowest bit of the column: nothing is carried into it, so it is the exclusive or of the summands'."""
    shares = await parallel(
        *(
            engine.share_bits(
                session.narrow(str(i)),
                None if summand.values is None else slicing.slice_bits(summand.values, 1),
                owner=summand.owner,
                length=held.rows,
                width=1,
            )
            for i, summand in enumerate(held.summands)
        )
    )
    total = shares[0]
    for share in shares[1:]:
        total = total ^ share
    return total


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
