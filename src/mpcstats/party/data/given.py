"""The columns that an owner gives to a relational plan: numbers, or digests of texts; which of them are not NULL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.scan import quoted_name
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.plan.tables import LEAST_DIGEST, Column, Find, Firsts, GroupOwned
from mpcstats.session import Words

Found = Mapping[str, np.ma.MaskedArray[Any, Any]]


@dataclass(frozen=True, slots=True)
class GivenColumn:
    """m numbers as words, or 128-bit digests, shape (m, 2); 0 where the value is NULL, as `known` says."""

    values: Words = field(repr=False)
    known: NDArray[np.bool_] = field(repr=False)

    @property
    def words(self) -> Words:
        """What is put in, shape (m,): the number mod 2^64, or the first half of the digest with its highest bit set.

        So a digest is larger than every number that an expression on shares has (plan.tables.LEAST_DIGEST).
        """
        if self.values.ndim == 1:
            return self.values
        return self.values[:, 0] | np.uint64(LEAST_DIGEST)

    def taken(self, rows: NDArray[np.intp]) -> GivenColumn:
        """The chosen rows, in their order."""
        return GivenColumn(self.values[rows], self.known[rows])


def given_parts(fragment: Fragment) -> tuple[str, list[str], list[str]]:
    """What an engine is asked for: a query (DuckDB) of columns c0, c1, ..., the numbers and the digests among them."""
    picked, numbers, digests = list[str](), list[str](), list[str]()
    for i, column in enumerate(fragment.columns):
        picked.append(f"{quoted_name(column.name)} AS c{i}")
        (digests if column.kind == "digest" else numbers).append(f"c{i}")
    return f"SELECT {', '.join(picked)} FROM ({fragment.sql}) AS f", numbers, digests


def given_columns(fragment: Fragment, found: Found) -> dict[str, GivenColumn]:
    """The columns that an engine has found for `given_parts`, by name, held against their bounds.

    Raises UsageError for more rows than the bound, numbers out of bounds, and NULL where there may be none.
    """
    columns = {}
    for i, column in enumerate(fragment.columns):
        halves = (
            [found[f"c{i}_{half}"] for half in range(2)]
            if column.kind == "digest"
            else [found[f"c{i}"]]
        )
        known = ~np.ma.getmaskarray(halves[0])
        filled = [half.filled(0) for half in halves]
        _check_rows(fragment, known.size)
        _check_known(fragment, column, known)
        if column.kind == "digest":
            columns[column.name] = GivenColumn(np.stack(filled, axis=1).astype(np.uint64), known)
        else:
            numbers = filled[0].astype(np.int64)
            _check_bounds(fragment, column, numbers[known])
            columns[column.name] = GivenColumn(numbers.view(np.uint64), known)
    return columns


def check_keys(plan: Physical, fragment: Fragment, columns: Mapping[str, GivenColumn]) -> None:
    """Raises UsageError for keys that come again where a step of `plan` has them distinct, or are too many."""
    for step in plan.steps:
        if isinstance(step, Find) and step.right == fragment.name:
            _check_distinct(fragment, step.right_key, columns[step.right_key])
        if isinstance(step, Find) and step.left == fragment.name:
            key = columns[step.left_key]
            if step.distinct is None:
                _check_distinct(fragment, step.left_key, key)
            else:
                _check_count(fragment, step.left_key, _different([key], null=False), step.distinct)
        if isinstance(step, GroupOwned) and step.fragment == fragment.name:
            keys = [columns[key.name] for key in step.keys]
            names = ", ".join(key.name for key in step.keys)
            _check_count(fragment, names, _different(keys, null=True), step.groups)


def in_runs(
    plan: Physical, fragment: Fragment, columns: Mapping[str, GivenColumn]
) -> Mapping[str, GivenColumn]:
    """The columns in an order in which rows of one run follow one another, where a step of `plan` takes runs."""
    for step in plan.steps:
        if isinstance(step, Firsts) and step.fragment == fragment.name:
            codes, _ = codes_of([columns[key.name] for key in step.keys])
            rows = np.argsort(codes, kind="stable")
            return {name: column.taken(rows) for name, column in columns.items()}
    return columns


def run_starts(keys: Sequence[GivenColumn]) -> NDArray[np.bool_]:
    """For each row whether it begins a run of rows with the same keys. Raises InternalError if rows are not in runs."""
    codes, first = codes_of(keys)
    starts = np.ones(codes.size, dtype=np.bool_)
    starts[1:] = codes[1:] != codes[:-1]
    if np.count_nonzero(starts) != first.size:
        # A run in two pieces would count twice.
        raise InternalError(f"expected rows in {first.size} runs, got them in no order")
    return starts


def codes_of(keys: Sequence[GivenColumn]) -> tuple[Words, NDArray[np.intp]]:
    """For each row the number of its combination of keys, NULL being a value; for each number a row that has it."""
    columns = [half for key in keys for half in (key.known, *_halves(key))]
    order = np.lexsort(columns)
    begins = np.ones(order.size, dtype=np.bool_)
    for column in columns:
        ordered = column[order]
        begins[1:] &= ordered[1:] == ordered[:-1]
    begins[1:] = ~begins[1:]
    codes = np.empty(order.size, dtype=np.uint64)
    codes[order] = (np.cumsum(begins) - 1).astype(np.uint64)
    return codes, order[begins]


def _halves(key: GivenColumn) -> list[Words]:
    return [key.values] if key.values.ndim == 1 else [key.values[:, 0], key.values[:, 1]]


def _different(keys: Sequence[GivenColumn], *, null: bool) -> int:
    """How many combinations of the keys there are; without `null`, of those that are not NULL."""
    known = keys[0].known if not null else np.ones(keys[0].known.size, dtype=np.bool_)
    (rows,) = np.nonzero(known)
    return codes_of([key.taken(rows) for key in keys])[1].size


def _check_rows(fragment: Fragment, rows: int) -> None:
    if rows > fragment.rows:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected at most {fragment.rows:,} rows by the "
            f"catalogue's bounds, got {rows:,}"
        )


def _check_known(fragment: Fragment, column: Column, known: NDArray[np.bool_]) -> None:
    missing = known.size - int(np.count_nonzero(known))
    if missing and not column.nullable:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected {_what(column)} in {column.name}, got "
            f"something else in {missing} rows"
        )


def _what(column: Column) -> str:
    return "a text" if column.kind == "digest" else "a number of 64 bits"


def _check_bounds(fragment: Fragment, column: Column, numbers: NDArray[np.int64]) -> None:
    minimum, maximum = (0, 1) if column.kind == "flag" else (column.minimum, column.maximum)
    outside = int(np.count_nonzero((numbers < minimum) | (numbers > maximum)))
    if outside:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected {column.name} between {minimum:,} and "
            f"{maximum:,}, as the catalogue's bounds say, got other values in {outside} rows"
        )


def _check_distinct(fragment: Fragment, name: str, key: GivenColumn) -> None:
    keyed = int(np.count_nonzero(key.known))
    repeated = keyed - _different([key], null=False)
    if repeated:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected distinct keys in {name}, got {repeated} "
            "repeated ones: group by the key in a sub-query, or remove the duplicates"
        )


def _check_count(fragment: Fragment, name: str, different: int, bound: int) -> None:
    if different > bound:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected at most {bound:,} different values of "
            f"{name} by the catalogue's bounds, got {different:,}"
        )
