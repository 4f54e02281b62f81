"""An owner's own engine, reached through ibis: fragments run there, and no more than their rows come to the node."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.consent import ConsentFilter, LeftOut
from mpcstats.party.data.engine import Numbers
from mpcstats.party.data.porting import Porting, named_tables, uses_letters
from mpcstats.party.data.scan import quoted_text
from mpcstats.party.data.source import Source
from mpcstats.party.data.values import check_present, check_values, values_query
from mpcstats.records.catalogue import Column, Dataset

if TYPE_CHECKING:
    from ibis.expr.datatypes import DataType

ASCII = 128


class Warehouse(ABC):
    """What engines of owners (party.data.engine) have in common: a dataset is a sub-query over the owner's table."""

    def __init__(self, porting: Porting) -> None:
        self.failures: tuple[type[Exception], ...] = ()
        self._porting = porting
        self._locked = False
        self._tables: dict[str, str] = {}  # dataset -> the sub-query that is read as it
        self._lettered: dict[
            str, list[str]
        ] = {}  # dataset -> columns with cased letters beyond ASCII

    def load(self, dataset: Dataset, columns: Sequence[str], source: Source) -> None:
        """Nothing is copied: the owner's engine counts what the catalogue excludes."""
        place = f"{dataset.name}, {source}"
        if self._locked:
            raise InternalError(
                f"{place}: expected to be loaded before the lock, got a table after it"
            )
        names = list(columns) or [next(iter(dataset.columns))]
        try:
            kinds = self._kinds(dataset.name, source)
            check_present(dataset, names, kinds, source)
            picked = [
                f"{self._read(place, name, dataset.columns[name], kinds[name])} AS {self._quoted(name)}"
                for name in names
            ]
            relation = f"SELECT {', '.join(picked)} FROM {self._relation(source)}"
            self._tables[dataset.name] = relation
            texts = [name for name in names if dataset.columns[name].type == "text"]
            self._lettered[dataset.name] = self._with_letters(relation, texts)
            counts = self.counts(values_query(dataset, names), place)
        except self.failures as error:
            # The engine's own message may hold values.
            raise UsageError(
                f"{place}: expected a table that {self._porting.name} can read and check, got "
                f"{type(error).__name__}"
            ) from None
        check_values(dataset, names, source, counts)

    def restrict(self, dataset: Dataset, consent: ConsentFilter) -> LeftOut:
        """Never: the pseudonyms of persons are made with a key that does not leave the node."""
        raise UsageError(
            f"{dataset.name}: expected a dataset that the node's own DuckDB reads (a file or a frame), as it needs "
            f"consent ({dataset.consent}), got one in {self._porting.name}: nobody's rows are counted"
        )

    def lock(self) -> None:
        """No table is loaded any more: a ported query names none but those that were (party.data.porting)."""
        self._locked = True

    def counts(self, sql: str, place: str) -> tuple[int, ...]:
        """The one row of the query."""
        return self._row(self._ported(sql, place))

    @abstractmethod
    def numbers(
        self, sql: str, names: Sequence[str], digests: Sequence[str], place: str
    ) -> Mapping[str, Numbers]:
        """The columns of the query."""

    @abstractmethod
    def interrupt(self) -> None:
        """End the query that runs."""

    @abstractmethod
    def close(self) -> None:
        """Leave the engine."""

    @abstractmethod
    def _kinds(self, name: str, source: Source) -> Mapping[str, DataType]:
        """The columns of `source` and their types."""

    @abstractmethod
    def _relation(self, source: Source) -> str:
        """`source` as a relation in the engine's SQL."""

    @abstractmethod
    def _quoted(self, name: str) -> str:
        """`name` as an identifier of the engine."""

    @abstractmethod
    def _number(self, quoted: str, kind: DataType, unit: str | None) -> str | None:
        """The column as a number of 64 bits, in the engine's SQL; None if its type is none of whole numbers."""

    @abstractmethod
    def _text(self, quoted: str) -> str:
        """The column as a text that is compared byte by byte, in the engine's SQL."""

    @abstractmethod
    def _row(self, query: str) -> tuple[int, ...]:
        """The one row of a query in the engine's SQL."""

    def _ported(self, sql: str, place: str) -> str:
        """`sql` in the engine's words. Raises UsageError for what it does not compute as DuckDB does."""
        if uses_letters(sql):
            found = [
                f"{name}.{column}"
                for name in named_tables(sql)
                for column in self._lettered.get(name, ())
            ]
            if found:
                raise UsageError(
                    f"{place}: expected no letters with upper and lower case but those of ASCII, whose case "
                    f"{self._porting.name} may change otherwise than DuckDB, got some in {', '.join(found)}: "
                    "read it through a view without them, or keep the dataset in a file"
                )
        return self._porting.port(sql, self._tables, place)

    def _read(self, place: str, name: str, column: Column, kind: DataType) -> str:
        quoted = self._quoted(name)
        if column.type == "text" and kind.is_string():
            return self._text(quoted)
        number = self._number(quoted, kind, column.unit) if column.type == "integer" else None
        if number is None:
            raise UsageError(
                f"{place}: expected {column.type} in column {name}, got {_kind(kind)}: read it through "
                "a view with the catalogue's types"
            )
        return number

    def _with_letters(self, relation: str, texts: Sequence[str]) -> list[str]:
        """Those of the columns `texts` that hold letters of two cases beyond ASCII."""
        if not texts:
            return []
        letters = quoted_text(cased())
        tests = [
            f"COUNT(CASE WHEN OCTET_LENGTH({q}) <> CHAR_LENGTH({q}) AND TRANSLATE({q}, {letters}, '') <> {q} "
            "THEN 1 END)"
            for q in map(self._quoted, texts)
        ]
        counts = self._row(f"SELECT {', '.join(tests)} FROM ({relation}) AS t")
        return [name for name, count in zip(texts, counts, strict=True) if count]


def _kind(kind: DataType) -> str:
    """The type's name without what follows it: of an enum those would be values."""
    return str(kind).partition("(")[0].removeprefix("!")


@cache
def cased() -> str:
    """Every character beyond ASCII that has an upper or lower case other than itself."""
    every = map(chr, range(ASCII, sys.maxunicode + 1))
    return "".join(c for c in every if c.lower() != c or c.upper() != c)
