"""An owner's own datasets, held against the catalogue by the engine that has them, then cut down to a plan's fragments.

All that can be wrong with the data is found here, before anything is sent. Messages and reports hold names and
counts, never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError
from mpcstats.party.data.consent import (
    ConsentFilter,
    LeftOut,
    columns_for_matter,
    matter_rows,
    person_column,
)
from mpcstats.party.data.engine import Engine, Numbers
from mpcstats.party.data.given import GivenColumn, check_keys, given_columns, given_parts, in_runs
from mpcstats.party.data.halt import Halt
from mpcstats.party.data.place import Place, opened, place_of
from mpcstats.party.data.source import PostgresTable, Source, SparkTable
from mpcstats.party.data.table import load_table
from mpcstats.plan import physical as plans
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.consent.pseudonym import PseudonymKey
from mpcstats.records.consent.terms import Ask
from mpcstats.session import Words

Int64 = NDArray[np.int64]
Value = int | str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """What a fragment yields at its owner: 128-bit digests of the keys, shape (m, 2), and columns of m numbers.

    A fragment of a Sum step has no keys, and one number a cell. One of a relational plan has `columns` alone.
    """

    keys: Words = field(repr=False)
    values: Mapping[str, Int64] = field(repr=False)
    codes: Mapping[str, Int64] = field(repr=False)
    columns: Mapping[str, GivenColumn] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Audited:
    """For the owner alone: rows of a table, and of them those whose key is missing, is invalid, or comes again."""

    relation: str
    rows: int
    null_keys: int
    invalid_keys: int
    distinct_keys: int

    @property
    def repeated_keys(self) -> int:
        """Rows whose key another row has too, but for the first of each."""
        return self.rows - self.null_keys - self.invalid_keys - self.distinct_keys


@dataclass(frozen=True, slots=True)
class Own:
    """What a party brings to a plan: rows by fragment name, and what it should know of its own tables."""

    rows: Mapping[str, Rows]
    audits: tuple[Audited, ...]
    left_out: tuple[LeftOut, ...] = ()  # of each dataset that needs consent


class Sources:
    """The datasets of one party, by name, wherever their rows are."""

    def __init__(self, party: str, data: Mapping[str, Source], catalogue: Catalogue) -> None:
        self.party = party
        self._data = dict(data)
        self._catalogue = catalogue
        for name in data:
            owner = catalogue.dataset(name).owner
            if owner != party:
                raise UsageError(f"{name}: expected a dataset of {party}, got one of {owner}")

    def read(
        self,
        plan: Physical,
        *,
        on_step: Callable[[str], None] = lambda _: None,
        halt: Halt | None = None,
        consent: ConsentFilter | None = None,
    ) -> Own:
        """The rows of this party's fragments of `plan`, without those that `consent` leaves out.

        Raises UsageError for every kind of bad input, if a dataset needs consent and no `consent` is given, and
        if another thread sets `halt`.
        """
        fragments = [f for f in plan.fragments if f.owner == self.party]
        keyed = not isinstance(plan.aggregate, plans.Sum)
        halt = Halt() if halt is None else halt
        found = dict[str, Rows]()
        reports, left_out = list[Audited](), list[LeftOut]()
        limited = () if plan.noise is None else tuple(name for name, _ in plan.noise.limits)
        for place, own in self._by_place(fragments).items():
            with _Database(opened(place)) as database, halt.over(database.engine):
                for name, columns in _used(own).items():
                    halt.check()
                    if (
                        name in limited
                    ):  # which rows of a person count hangs on all of their columns
                        columns = list(self._catalogue.dataset(name).columns)
                    left_out += self._load(database.engine, name, columns, consent)
                    on_step(f"read {name}")
                database.engine.lock()
                for audit in dict.fromkeys(audit for f in own for audit in f.audits):
                    halt.check()
                    reports.append(database.audit(audit))
                for fragment in own:
                    halt.check()
                    found[fragment.name] = (
                        database.given(plan, fragment)
                        if fragment.columns
                        else database.rows(fragment, keyed=keyed)
                    )
        return Own({f.name: found[f.name] for f in fragments}, tuple(reports), tuple(left_out))

    def matter(self, ask: Ask, key: PseudonymKey, *, column: str) -> list[dict[str, Value]]:
        """The fields of `ask`, and no others, of the rows of its person and matter, which `column` names.

        Raises UsageError for bad input, and for a dataset that is in another engine than the node's own.
        """
        (name,) = ask.datasets
        source, dataset = self._source(name), self._catalogue.dataset(name)
        if isinstance(source, PostgresTable | SparkTable):
            raise UsageError(
                f"{name}: expected a dataset in a file, a frame or DuckDB for a single matter, got {source}"
            )
        with duckdb.connect() as database:
            load_table(database, dataset, columns_for_matter(dataset, ask, column), source)
            return matter_rows(database, dataset, key, ask, matter_column=column)

    def _by_place(self, fragments: Sequence[Fragment]) -> dict[Place, list[Fragment]]:
        """The fragments by the engine that computes them. Raises UsageError for one over several engines."""
        found: dict[Place, list[Fragment]] = {}
        for fragment in fragments:
            names = _used([fragment])
            places = {place_of(self._source(name)): name for name in names}
            if len(places) > 1:
                raise UsageError(
                    f"{fragment.name} at {fragment.owner}: expected its datasets in one engine, got "
                    f"{' and '.join(sorted(places.values()))} in several: no engine could join them alone"
                )
            found.setdefault(next(iter(places), None), []).append(fragment)
        return found

    def _source(self, name: str) -> Source:
        if name not in self._data:
            raise UsageError(
                f"{name}: expected a file for it in the party file of {self.party}, got none"
            )
        return self._data[name]

    def _load(
        self,
        engine: Engine,
        name: str,
        columns: Sequence[str],
        consent: ConsentFilter | None,
    ) -> list[LeftOut]:
        """Load one dataset; what was left out of it, if it needs consent."""
        source, dataset = self._source(name), self._catalogue.dataset(name)
        if dataset.consent == "none":
            engine.load(dataset, columns, source)
            return []
        if consent is None:
            raise UsageError(
                f"{name}: expected the consents of its persons (consent = {dataset.consent!r}), "
                "got none: nobody's rows are counted"
            )
        engine.load(dataset, tuple(dict.fromkeys((*columns, person_column(dataset)))), source)
        return [engine.restrict(dataset, consent)]


class _Database:
    """What an engine yields, held against the plan; `with` leaves the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.engine.close()

    def audit(self, audit: plans.Audit) -> Audited:
        """The counts that the owner is told."""
        try:
            counts = self.engine.counts(audit.sql, audit.relation)
        except self.engine.failures as error:
            raise UsageError(
                f"{audit.relation}: the database cannot count its keys: {type(error).__name__}"
            ) from None
        return Audited(audit.relation, *counts)

    def rows(self, fragment: Fragment, *, keyed: bool) -> Rows:
        """The fragment's rows, held against its bounds."""
        names = [*(v.name for v in fragment.values), *(c.name for c in fragment.codes)]
        columns = self._columns(fragment, names, keyed=keyed)
        for name in names:
            _check_numbers(fragment, name, columns[name])
        values = {v.name: columns[v.name].data for v in fragment.values}
        for value in fragment.values:
            _check_bounds(fragment, value, values[value.name])
        codes = {c.name: columns[c.name].data for c in fragment.codes}
        if not keyed:
            return _by_cell(fragment, values, codes)
        keys = np.stack([columns[f"key_{i}"].data.view(np.uint64) for i in range(2)], axis=1)
        _check_keys(fragment, keys)
        return Rows(keys, values, codes)

    def given(self, plan: Physical, fragment: Fragment) -> Rows:
        """The columns of a relational plan's fragment, held against its bounds and what the plan's steps take."""
        place = f"{fragment.name} at {fragment.owner}"
        try:
            found = self.engine.numbers(*given_parts(fragment), place)
        except self.engine.failures as error:
            raise _not_computed(fragment, error) from None
        columns = given_columns(fragment, found)
        check_keys(plan, fragment, columns)
        ordered = in_runs(plan, fragment, columns)
        return Rows(np.empty((0, 2), dtype=np.uint64), {}, {}, ordered)

    def _columns(
        self, fragment: Fragment, names: Sequence[str], *, keyed: bool
    ) -> Mapping[str, Numbers]:
        place = f"{fragment.name} at {fragment.owner}"
        try:
            return self.engine.numbers(fragment.sql, names, ["key"] if keyed else [], place)
        except self.engine.failures as error:
            raise _not_computed(fragment, error) from None


def _not_computed(fragment: Fragment, error: Exception) -> UsageError:
    # The engine's own message may hold values.
    return UsageError(
        f"{fragment.name} at {fragment.owner}: the database cannot compute it: {type(error).__name__}"
    )


def _used(fragments: Sequence[Fragment]) -> dict[str, list[str]]:
    """The columns that the fragments read, by dataset."""
    used: dict[str, dict[str, None]] = {}
    for fragment in fragments:
        for item in fragment.items:
            used.setdefault(item.dataset, {})[item.column] = None
    return {name: list(columns) for name, columns in used.items()}


def _check_numbers(fragment: Fragment, name: str, column: Numbers) -> None:
    missing = int(np.count_nonzero(np.ma.getmaskarray(column)))
    if missing:
        is_code = any(code.name == name for code in fragment.codes)
        what = "one of the question's labels" if is_code else "a number of 64 bits"
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected {what} in {name}, got something else in "
            f"{missing} rows"
        )


def _check_bounds(fragment: Fragment, value: plans.ValueColumn, numbers: Int64) -> None:
    outside = int(np.count_nonzero((numbers < value.minimum) | (numbers > value.maximum)))
    if outside:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected {value.name} between {value.minimum:,} "
            f"and {value.maximum:,}, as the catalogue's bounds say, got other values in {outside} rows"
        )


def _check_keys(fragment: Fragment, keys: Words) -> None:
    if keys.shape[0] > fragment.rows:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected at most {fragment.rows:,} keys by the "
            f"catalogue's bounds, got {keys.shape[0]:,}"
        )
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    repeated = int(np.count_nonzero(np.all(ordered[1:] == ordered[:-1], axis=1)))
    if repeated:
        raise UsageError(
            f"{fragment.name} at {fragment.owner}: expected distinct keys, got {repeated} repeated ones: "
            "group by the key in a sub-query, or remove the duplicates"
        )


def _by_cell(fragment: Fragment, values: Mapping[str, Int64], codes: Mapping[str, Int64]) -> Rows:
    """One number a cell, 0 where the cell does not occur; the last code runs fastest."""
    count = next(iter(values.values())).shape[0]
    cell = np.zeros(count, dtype=np.int64)
    for code in fragment.codes:
        cell = cell * len(code.labels) + codes[code.name]
    dense = {}
    for name, column in values.items():
        dense[name] = np.zeros(fragment.rows, dtype=np.int64)
        dense[name][cell] = column
    return Rows(np.empty((0, 2), dtype=np.uint64), dense, {})
