"""An owner's PostgreSQL, through ibis and psycopg: one read-only transaction, in which a fragment is one COPY."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.engine import Numbers
from mpcstats.party.data.porting import Porting
from mpcstats.party.data.scan import quoted_name
from mpcstats.party.data.source import PostgresTable, Source
from mpcstats.party.data.warehouse import Warehouse
from mpcstats.party.shown.extra import missing

if TYPE_CHECKING:
    from ibis.expr.datatypes import DataType

PUBLIC = "public"  # the schema of a table named without one
ENCODING = "UTF8"
SETTINGS = (
    # Functions and operators are PostgreSQL's own, whatever the owner's schemas define under their names.
    "SET search_path = pg_catalog",
    "SET standard_conforming_strings = on",
)
# PGCOPY, its flags and the length of its extension; rows; -1 in place of a row's number of fields.
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


class PostgresPorting(Porting):
    """DuckDB's SQL as PostgreSQL's: texts in collation C, exact numbers as NUMERIC."""

    name = "PostgreSQL"
    dialect = "postgres"
    exact = exp.DataType.build("numeric", dialect="postgres")
    text = exp.DataType.build("text", dialect="postgres")

    def rewritten(self, node: exp.Expr) -> exp.Expr:
        """Every text gets the collation C: of two texts without one PostgreSQL compares by the server's locale."""
        new = super().rewritten(node)
        if isinstance(new, exp.Cast) and new.is_type(exp.DType.BIGINT) and not self._is_number(new):
            # A flag. PostgreSQL takes no boolean for a BIGINT; a number that is no INT would be an error.
            return exp.cast(exp.cast(new.this.copy(), exp.DType.INT), exp.DType.BIGINT)
        is_text = isinstance(new, exp.Literal) and new.is_string
        if is_text or (isinstance(new, exp.Cast) and new.is_type(*exp.DataType.TEXT_TYPES)):
            collation = exp.to_identifier("C", quoted=True)
            # In brackets: BETWEEN takes no COLLATE without.
            return exp.Paren(this=exp.Collate(this=new.copy(), expression=collation))
        return new

    def _is_number(self, node: exp.Cast) -> bool:
        return isinstance(node.this, exp.Case | exp.Length) or bool(node.meta.get("exact"))

    def matched(self, text: exp.Expr, pattern: str) -> exp.Expr:
        """By an expression that is bound at both ends."""
        return exp.RegexpLike(this=text, expression=exp.Literal.string(f"^(?:{pattern})$"))


class Postgres(Warehouse):
    """An engine (party.data.engine) for the tables of one PostgreSQL database.

    Raises UsageError where it cannot be reached, or the extra `postgres` is not installed.
    """

    def __init__(self, url: str) -> None:
        super().__init__(PostgresPorting())
        try:
            import ibis
            import psycopg
        except ImportError as error:
            raise missing("ibis and psycopg", "postgres", error) from None
        self._not_found = ibis.common.exceptions.TableNotFound
        self.failures = (psycopg.Error, ibis.common.exceptions.IbisError)
        try:
            connection = psycopg.connect(url, application_name="mpcstats")
        except psycopg.Error as error:
            raise UsageError(
                f"{url}: expected a PostgreSQL that answers, got: {_first(error)}"
            ) from None
        self._connection: psycopg.Connection[Any] = connection
        try:
            # Checks and fragments see one state of the data, and change nothing.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            self._backend = ibis.postgres.from_connection(connection)
            for setting in SETTINGS:
                connection.execute(setting)
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != ENCODING:
                raise UsageError(f"{url}: expected a database in {ENCODING}, got {encoding}")
        except BaseException:
            connection.close()
            raise

    def numbers(
        self, sql: str, names: Sequence[str], digests: Sequence[str], place: str
    ) -> Mapping[str, Numbers]:
        """The columns of the query, by COPY: two numbers for each, its value and whether it is NULL."""
        ported = self._ported(sql, place)
        fields, inner, outer = list[str](), list[str](), list[str]()
        for i, name in enumerate(digests):
            key = quoted_name(name)
            inner.append(
                f"ENCODE(SHA256(CONVERT_TO(CAST({key} AS TEXT), '{ENCODING}')), 'hex') AS d{i}"
            )
            for half in range(2):
                fields.append(f"{name}_{half}")
                outer.append(
                    f"CAST(CAST('x' || SUBSTR(d{i}, {1 + 16 * half}, 16) AS BIT(64)) AS BIGINT)"
                )
        for i, name in enumerate(names):
            fields.append(name)
            inner.append(f"CAST({quoted_name(name)} AS BIGINT) AS v{i}")
            outer.append(f"v{i}")
        pairs = ", ".join(
            f"COALESCE({o}, 0), CAST(CAST({o} IS NULL AS INT) AS BIGINT)" for o in outer
        )
        query = f"SELECT {pairs} FROM (SELECT {', '.join(inner)} FROM ({ported}) AS f) AS d"
        return _columns(fields, self._copied(query))

    def interrupt(self) -> None:
        """End the query that runs."""
        with contextlib.suppress(*self.failures):
            self._connection.cancel_safe()

    def close(self) -> None:
        """The transaction ends, in which nothing was written."""
        self._connection.close()

    def _copied(self, query: str) -> bytes:
        # psycopg takes a query as a literal of the program or as bytes.
        command = f"COPY ({query}) TO STDOUT (FORMAT BINARY)".encode()
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            return b"".join(copy)

    def _kinds(self, name: str, source: Source) -> Mapping[str, DataType]:
        schema, table = _parts(source)
        try:
            return dict(self._backend.get_schema(table, database=schema).items())
        except self._not_found:
            raise UsageError(
                f"{name}, {source}: expected a table or view, got none of that name"
            ) from None

    def _relation(self, source: Source) -> str:
        return ".".join(quoted_name(part) for part in _parts(source))

    def _quoted(self, name: str) -> str:
        return quoted_name(name)

    def _number(self, quoted: str, kind: DataType, unit: str | None) -> str | None:
        if kind.is_integer():
            return f"CAST({quoted} AS BIGINT)"
        local = kind.is_timestamp() and getattr(kind, "timezone", None) is None
        if unit == "day" and (kind.is_date() or local):
            return f"CAST(CAST({quoted} AS DATE) - CAST('1970-01-01' AS DATE) AS BIGINT)"
        if unit == "second" and local:
            return f"CAST(FLOOR(EXTRACT(EPOCH FROM {quoted})) AS BIGINT)"
        return None

    def _text(self, quoted: str) -> str:
        return f'CAST({quoted} AS TEXT) COLLATE "C"'

    def _row(self, query: str) -> tuple[int, ...]:
        row = self._connection.execute(query.encode()).fetchone()
        if row is None:
            raise InternalError("expected a query of one row, got none")
        return tuple(int(each) for each in row)


def _parts(source: Source) -> tuple[str, str]:
    if not isinstance(source, PostgresTable):
        raise InternalError(f"expected a table of PostgreSQL, got {source}")
    schema, _, table = source.table.rpartition(".")
    return schema or PUBLIC, table


def _columns(fields: Sequence[str], copied: bytes) -> dict[str, Numbers]:
    """The columns out of a binary COPY of two numbers a field. Raises InternalError for another form."""
    form = np.dtype(
        [("count", ">i2"), ("numbers", [("size", ">i4"), ("of", ">i8")], (2 * len(fields),))]
    )
    body = copied[len(HEADER) : len(copied) - len(TRAILER)]
    if copied != HEADER + body + TRAILER or len(body) % form.itemsize:
        raise InternalError("expected a binary COPY of numbers of 64 bits, got another form")
    rows = np.frombuffer(body, dtype=form)
    if np.any(rows["count"] != 2 * len(fields)) or np.any(rows["numbers"]["size"] != 8):
        raise InternalError("expected a binary COPY of numbers of 64 bits, got other fields")
    numbers = rows["numbers"]["of"].astype(np.int64)
    return {
        name: np.ma.MaskedArray(numbers[:, 2 * i], mask=numbers[:, 2 * i + 1] != 0)
        for i, name in enumerate(fields)
    }


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
