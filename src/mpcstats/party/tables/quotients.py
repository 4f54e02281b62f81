"""Divide: quotients of two columns of a shared table, as a whole number and a decimal fraction."""

from __future__ import annotations

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.party.tables.table import Broad, Table, bounds
from mpcstats.plan import tables as plans
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.derive import Value, as_number
from mpcstats.protocols.divide import Number, divide, ratio
from mpcstats.session import Session, parallel

FRACTION_BITS = (10**plans.FRACTION_DIGITS - 1).bit_length()


async def quotients(session: Session, engine: Engine, step: plans.Divide, table: Table) -> Table:
    """The table with two columns for each quotient."""
    found = await parallel(
        *(
            _quotient(session.narrow(str(i)), engine, quotient, table)
            for i, quotient in enumerate(step.quotients)
        )
    )
    columns = {name: value for each in found for name, value in each.items()}
    return Table(table.rows, table.present, {**table.columns, **columns})


async def _quotient(
    session: Session, engine: Engine, quotient: plans.Quotient, table: Table
) -> dict[str, Value]:
    """n = q d + r, where r has the sign of n and |r| < |d|: the fraction is r 10^digits / d, below 10^digits."""
    numerator = await _number(session.narrow("numerator"), engine, table, quotient.numerator)
    denominator = await _number(session.narrow("denominator"), engine, table, quotient.denominator)
    n_bits, d_bits = (_bits(table, name) for name in (quotient.numerator, quotient.denominator))
    whole_bits = min(n_bits, _magnitude(quotient.whole.minimum, quotient.whole.maximum))
    divided = await divide(
        session.narrow("whole"),
        engine,
        numerator,
        denominator,
        numerator_bits=n_bits,
        denominator_bits=d_bits,
        quotient_bits=whole_bits,
    )
    fraction = await ratio(
        session.narrow("fraction"),
        engine,
        divided.remainder,
        denominator,
        decimals=plans.FRACTION_DIGITS,
        numerator_bits=min(n_bits, d_bits),
        denominator_bits=d_bits,
        quotient_bits=FRACTION_BITS,
    )
    known = [_known(table, name) for name in (quotient.numerator, quotient.denominator)]
    there = [row for row in (~divided.undefined, *known) if row is not None]
    row = await conjunction(session.narrow("known"), engine, there)
    return {
        column.name: Value(*bounds(column), _narrow(number), None, row)
        for column, number in (
            (quotient.whole, divided.quotient),
            (quotient.fraction, fraction.value),
        )
    }


async def _number(session: Session, engine: Engine, table: Table, name: str) -> Number:
    column = table.columns.get(name)
    if isinstance(column, Broad):
        return column.number
    return await as_number(session, engine, table.value(name))


def _known(table: Table, name: str) -> Bits | None:
    column = table.columns[name]
    return None if isinstance(column, Broad) else column.known


def _bits(table: Table, name: str) -> int:
    column = table.columns[name]
    return _magnitude(column.minimum, column.maximum)


def _magnitude(minimum: int, maximum: int) -> int:
    """Bits of the greatest magnitude within the bounds, at least 1."""
    return max(1, abs(minimum).bit_length(), abs(maximum).bit_length())


def _narrow(number: Number) -> Arith:
    return number.low() if isinstance(number, Wide) else number
