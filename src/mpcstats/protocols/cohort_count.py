"""Cohort count: persons and totals, by cell, over the rows of one spine that meet a boolean criterion.

The spine's owner puts in which rows are valid and to which cell each belongs; hits and columns come from
lookups along the same spine. Totals are sums of products of columns under the cohort's bits.
Specification and argument: protocols/cohort_count/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as cartesian
from math import prod

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine, Masked
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.criterion import Formula, conjunction, evaluate
from mpcstats.protocols.held import Held, Summand
from mpcstats.session import Session, Words, parallel


@dataclass(frozen=True, slots=True)
class SpineGroup:
    """A group key that the spine's owner knows: `codes` holds a label position a valid row (None elsewhere)."""

    labels: int
    codes: Words | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A group key that a lookup has brought: `column` holds a label position in each row that hits.

    Rows without a hit hold junk: the cohort's formula must ask for the hit.
    """

    labels: int
    column: Held


Group = SpineGroup | HeldGroup


@dataclass(frozen=True, slots=True)
class Term:
    """The product of `factors` (none: the number 1), over the rows where all hits `under` are 1."""

    factors: tuple[Held, ...]
    under: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cohort:
    """The public outline: spine of `rows` rows at `owner`, of which the first `valid` (its secret) are real.

    `groups` span the cells, the last one fastest. `totals[t]` is the sum of its terms.
    """

    owner: str
    rows: int
    valid: int | None = field(repr=False)
    formula: Formula | None
    hits: tuple[Bits, ...]
    groups: tuple[Group, ...]
    totals: tuple[tuple[Term, ...], ...]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return prod(g.labels for g in self.groups)


@dataclass(frozen=True, slots=True)
class Counted:
    """For each cell the number of persons, shape (cells,), and the totals, shape (totals * cells,), by total.

    `members` has a row of bits for each cell: which rows of the spine are in it.
    """

    persons: Arith
    totals: Arith
    members: Bits


async def cohort_count(session: Session, engine: Engine, cohort: Cohort) -> Counted:
    """Count the cohort by cell. Totals are mod 2^64: their bounds must have been checked by the planner."""
    spine_rows, held_rows, met = await parallel(
        _spine_rows(session.narrow("spine"), engine, cohort),
        _held_rows(session.narrow("codes"), engine, cohort),
        _met(session.narrow("criterion"), engine, cohort),
    )
    # For each cell, one row: the spine's rows that are in the cohort and in the cell.
    cells = await conjunction(session.narrow("cells"), engine, [*met, *spine_rows, *held_rows])
    return await _totals(session.narrow("totals"), engine, cohort, cells)


async def _spine_rows(session: Session, engine: Engine, cohort: Cohort) -> list[Bits]:
    """One operand: for each cell, the valid rows whose spine codes are those of the cell."""
    spine_groups = [g for g in cohort.groups if isinstance(g, SpineGroup)]
    width = prod(g.labels for g in spine_groups)
    rows = _one_hot(cohort, spine_groups, width) if session.me == cohort.owner else None
    shared = await engine.share_bits(
        session, rows, owner=cohort.owner, length=cohort.rows, width=width
    )
    if width == 1:
        return [shared.repeat(cohort.cells)]
    index = []
    for codes in _cell_codes(cohort, SpineGroup):
        row = 0
        for position, code in codes.items():
            row = (
                row * cohort.groups[position].labels + code
            )  # the last key runs fastest, as in _one_hot
        index.append(row)
    return [shared.rows(index)]


def _one_hot(cohort: Cohort, groups: Sequence[SpineGroup], width: int) -> Words:
    if cohort.valid is None or cohort.valid > cohort.rows:
        raise UsageError(
            f"expected at most {cohort.rows} valid rows at the spine's owner, got {cohort.valid}"
        )
    code = np.zeros(cohort.valid, dtype=np.uint64)
    for group in groups:
        if group.codes is None or group.codes.shape != (cohort.valid,):
            raise InternalError("expected a code for each valid row at the spine's owner")
        if np.any(group.codes >= np.uint64(group.labels)):
            raise UsageError(
                f"expected codes below {group.labels} at the spine's owner, got larger ones"
            )
        code = code * np.uint64(group.labels) + group.codes
    flags = np.zeros((width, cohort.rows), dtype=np.bool_)
    flags[code.astype(np.intp), np.arange(cohort.valid)] = True
    return np.stack([slicing.pack(row) for row in flags])


async def _held_rows(session: Session, engine: Engine, cohort: Cohort) -> list[Bits]:
    """One operand for each held group key: for each cell, the rows whose code is that of the cell."""
    held = [(i, group) for i, group in enumerate(cohort.groups) if isinstance(group, HeldGroup)]
    by_label = await parallel(
        *(_code_rows(session.narrow(str(i)), engine, group) for i, group in held)
    )
    codes = _cell_codes(cohort, HeldGroup)
    return [
        rows.rows([cell[i] for cell in codes]) for (i, _), rows in zip(held, by_label, strict=True)
    ]


async def _code_rows(session: Session, engine: Engine, group: HeldGroup) -> Bits:
    """For each label, one row: 1 where the column's code is that label.

    code = u + v with u and v each known to one party, so code = c where u - c and -v agree in the bits that a
    code has. All labels are compared in one batch.
    """
    first, second = group.column.summands
    length = 64 * slicing.words(
        group.column.rows
    )  # every label's rows begin at a word of their own
    width = max(1, (group.labels - 1).bit_length())
    sides: list[tuple[str, Words | None]] = [(first.owner, None), (second.owner, None)]
    if first.values is not None:
        left = _padded(first.values, length)
        shifted = np.concatenate([left - np.uint64(c) for c in range(group.labels)])
        sides[0] = (first.owner, slicing.slice_bits(shifted, width))
    if second.values is not None:
        negated = np.uint64(0) - _padded(second.values, length)
        sides[1] = (second.owner, np.tile(slicing.slice_bits(negated, width), (1, group.labels)))
    total = length * group.labels
    x, y = await parallel(
        *(
            engine.share_bits(session.narrow(name), rows, owner=owner, length=total, width=width)
            for name, (owner, rows) in zip(("first", "second"), sides, strict=True)
        )
    )
    same = await engine.equal(session.narrow("equal"), x, y)
    return same.folded(group.column.rows, group.labels)


async def _met(session: Session, engine: Engine, cohort: Cohort) -> list[Bits]:
    """One operand: the criterion, the same for all cells; none if every valid row is in the cohort."""
    if cohort.formula is None:
        return []
    return [(await evaluate(session, engine, cohort.formula, cohort.hits)).repeat(cohort.cells)]


async def _totals(session: Session, engine: Engine, cohort: Cohort, cells: Bits) -> Counted:
    bits = await _restricted(session.narrow("under"), engine, cohort, cells)
    masked, products = _sorted_terms(engine, cohort)
    masked_cells, product_cells = await parallel(
        _masked_cells(session.narrow("masked"), engine, cohort, masked, bits),
        _product_cells(session.narrow("products"), engine, products, bits),
    )
    results = masked_cells + product_cells
    by_total: list[list[Arith]] = [[] for _ in cohort.totals]
    for addend, result in zip([*masked, *products], results, strict=True):
        for total in addend.totals:
            by_total[total].append(result)
    persons = results[0]  # _sorted_terms puts the plain count first
    columns = [_added(addends) for addends in by_total]
    return Counted(persons, Arith.concatenate(columns) if columns else persons[:0], cells)


@dataclass(frozen=True, slots=True)
class _Addend:
    """Something to be summed under the bits `under`, and the totals that it is added to."""

    under: tuple[int, ...]
    totals: tuple[int, ...]
    summand: Summand | None = None  # summed by its owner
    factors: tuple[Held, ...] = ()  # multiplied as secrets


def _sorted_terms(engine: Engine, cohort: Cohort) -> tuple[list[_Addend], list[_Addend]]:
    """Addends whose owner computes, the count of persons first; and those that need products of secrets."""
    everyone = Summand(engine.compute[0], np.ones(cohort.rows, dtype=np.uint64))
    counts: dict[tuple[int, ...], tuple[int, ...]] = {(): ()}
    masked: list[_Addend] = []
    products: list[_Addend] = []
    for t, total in enumerate(cohort.totals):
        for term in total:
            if not term.factors:
                counts[term.under] = (*counts.get(term.under, ()), t)
            elif len(term.factors) == 1 and term.factors[0].held_by(engine.compute):
                masked += [
                    _Addend(term.under, (t,), summand) for summand in term.factors[0].summands
                ]
            else:
                products.append(_Addend(term.under, (t,), factors=term.factors))
    return [_Addend(under, totals, everyone) for under, totals in counts.items()] + masked, products


async def _restricted(
    session: Session, engine: Engine, cohort: Cohort, cells: Bits
) -> dict[tuple[int, ...], Bits]:
    """The cells' bits, once for each set of hits that a term asks for besides."""
    sets = sorted({term.under for total in cohort.totals for term in total if term.under})
    hits = await parallel(
        *(
            conjunction(session.narrow(f"hits{i}"), engine, [cohort.hits[h] for h in under])
            for i, under in enumerate(sets)
        )
    )
    pairs = [(cells, hit.repeat(cells.width)) for hit in hits]
    rows = await engine.conj(session.narrow("cells"), pairs) if pairs else []
    return {(): cells, **dict(zip(sets, rows, strict=True))}


async def _masked_cells(
    session: Session,
    engine: Engine,
    cohort: Cohort,
    addends: Sequence[_Addend],
    bits: Mapping[tuple[int, ...], Bits],
) -> list[Arith]:
    requests = [
        Masked(bits[a.under].rows(cell), a.summand.owner, a.summand.values)
        for a in addends
        if a.summand is not None
        for cell in range(cohort.cells)
    ]
    sums = await engine.masked_sums(session, requests)
    return [sums[i * cohort.cells : (i + 1) * cohort.cells] for i in range(len(addends))]


async def _product_cells(
    session: Session,
    engine: Engine,
    addends: Sequence[_Addend],
    bits: Mapping[tuple[int, ...], Bits],
) -> list[Arith]:
    if not addends:
        return []
    under = sorted({a.under for a in addends})
    numbers, columns = await parallel(
        parallel(
            *(engine.to_arith(session.narrow(f"bits{i}"), bits[u]) for i, u in enumerate(under))
        ),
        _multiplied(session, engine, addends),
    )
    flags = dict(zip(under, numbers, strict=True))
    return await parallel(
        *(
            engine.dot(
                session.narrow(f"dot{i}"), flags[a.under], column.repeat(flags[a.under].shape[0])
            )
            for i, (a, column) in enumerate(zip(addends, columns, strict=True))
        )
    )


async def _multiplied(session: Session, engine: Engine, addends: Sequence[_Addend]) -> list[Arith]:
    """The product of each addend's factors; every column is put in once."""
    columns = {id(f): f for a in addends for f in a.factors}
    shares = await parallel(
        *(f.share(session.narrow(f"column{i}"), engine) for i, f in enumerate(columns.values()))
    )
    shared = dict(zip(columns, shares, strict=True))
    return await parallel(
        *(
            _chained(session.narrow(f"product{i}"), engine, [shared[id(f)] for f in a.factors])
            for i, a in enumerate(addends)
        )
    )


async def _chained(session: Session, engine: Engine, factors: Sequence[Arith]) -> Arith:
    column = factors[0]
    for i, factor in enumerate(factors[1:]):
        column = await engine.multiply(session.narrow(f"factor{i}"), column, factor)
    return column


def _added(addends: Sequence[Arith]) -> Arith:
    total = addends[0]
    for addend in addends[1:]:
        total = total + addend
    return total


def _cell_codes(cohort: Cohort, kind: type[Group]) -> list[dict[int, int]]:
    """For each cell, in order: the label position of every group key of this kind, by the key's position."""
    wanted = [i for i, group in enumerate(cohort.groups) if isinstance(group, kind)]
    labels = cartesian(*(range(group.labels) for group in cohort.groups))
    return [{i: cell[i] for i in wanted} for cell in labels]


def _padded(values: Words, length: int) -> Words:
    return np.concatenate([values, np.zeros(length - values.size, dtype=np.uint64)])
