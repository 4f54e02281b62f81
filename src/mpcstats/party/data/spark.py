"""An owner's Spark, through ibis and pyspark: a fragment is one query of a session, and its rows come as Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.engine import Numbers
from mpcstats.party.data.porting import Porting
from mpcstats.party.data.source import Source, SparkTable
from mpcstats.party.data.warehouse import Warehouse
from mpcstats.party.shown.extra import missing

if TYPE_CHECKING:
    from ibis.expr.datatypes import DataType

QUIET = ("spark.ui.enabled", "spark.ui.showConsoleProgress")
SETTINGS = {
    "spark.sql.ansi.enabled": "true",  # what does not fit is an error, never another number
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.caseSensitive": "true",
}
TRIED: Mapping[type[exp.Expr], str] = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
}


class SparkPorting(Porting):
    """DuckDB's SQL as Spark's: exact numbers as DECIMAL(38, 0), NULL where they do not fit."""

    name = "Spark"
    dialect = "spark"
    exact = exp.DataType.build("decimal(38, 0)", dialect="spark")
    text = exp.DataType.build("string", dialect="spark")

    def rewritten(self, node: exp.Expr) -> exp.Expr:
        """Sums hold more than 64 bits, as in DuckDB; exact arithmetic that does not fit is NULL."""
        new = super().rewritten(node)
        if isinstance(new, exp.Sum) and not _is_exact(new.this, self.exact):
            return exp.Sum(this=exp.Cast(this=new.this.copy(), to=self.exact.copy()))
        name = TRIED.get(type(new))
        if name is not None and new.meta.get("exact"):
            return exp.Anonymous(this=name, expressions=[new.this.copy(), new.expression.copy()])
        return new

    def matched(self, text: exp.Expr, pattern: str) -> exp.Expr:
        r"""By an expression that is bound at both ends; $ would let a last \n pass."""
        return exp.RegexpLike(this=text, expression=exp.Literal.string(rf"\A(?:{pattern})\z"))


class Spark(Warehouse):
    """An engine (party.data.engine) for the tables of one Spark, in a session of its own.

    Spark has no transactions: files that change while they are read may be seen in two states. Raises UsageError
    where no session can be had, or the extra `spark` is not installed.
    """

    def __init__(self, master: str) -> None:
        super().__init__(SparkPorting())
        try:
            import ibis
            from py4j.protocol import Py4JError
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise missing("ibis and pyspark", "spark", error) from None
        self.failures = (PySparkException, Py4JError, ibis.common.exceptions.IbisError)
        self._borrowed = SparkSession.getActiveSession() is not None
        builder = SparkSession.builder.master(master).appName("mpcstats")
        for name in QUIET:
            builder = builder.config(name, "false")
        try:
            # An owner's session keeps its settings and views; its context is shared.
            self._session: Any = builder.getOrCreate().newSession()
        except (*self.failures, RuntimeError) as error:
            raise UsageError(
                f"spark {master}: expected a Spark that answers, got {type(error).__name__}"
            ) from None
        self._backend = ibis.pyspark.connect(self._session)
        for name, value in SETTINGS.items():
            self._session.conf.set(name, value)

    def numbers(
        self, sql: str, names: Sequence[str], digests: Sequence[str], place: str
    ) -> Mapping[str, Numbers]:
        """The columns of the query, as Arrow."""
        ported = self._ported(sql, place)
        inner, outer = list[str](), list[str]()
        for i, name in enumerate(digests):
            inner.append(f"SHA2(CAST({self._quoted(name)} AS STRING), 256) AS d{i}")
            for half in range(2):
                # conv to base -10 reads 64 bits as a signed number.
                number = f"CAST(CONV(SUBSTR(d{i}, {1 + 16 * half}, 16), 16, -10) AS BIGINT)"
                outer.append(f"{number} AS {self._quoted(f'{name}_{half}')}")
        for i, name in enumerate(names):
            inner.append(f"CAST({self._quoted(name)} AS BIGINT) AS v{i}")
            outer.append(f"v{i} AS {self._quoted(name)}")
        query = (
            f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM ({ported}) AS f) AS d"
        )
        table = self._backend.raw_sql(query).toArrow()
        return {name: _masked(table.column(name)) for name in table.column_names}

    def interrupt(self) -> None:
        """End what this context runs."""
        self._session.sparkContext.cancelAllJobs()

    def close(self) -> None:
        """The session is gone, and Spark with it unless the program had it running."""
        if not self._borrowed:
            self._session.stop()

    def _kinds(self, name: str, source: Source) -> Mapping[str, DataType]:
        table = _of_spark(source)
        if table.table is not None and not self._session.catalog.tableExists(table.table):
            raise UsageError(f"{name}, {source}: expected a table or view, got none of that name")
        if table.path is not None and not table.path.exists():
            raise UsageError(f"{name}, {source}: expected a file or folder of Parquet, got none")
        return dict(self._backend.sql(f"SELECT * FROM {self._relation(source)}").schema().items())

    def _relation(self, source: Source) -> str:
        table = _of_spark(source)
        if table.path is not None:
            return f"parquet.{self._quoted(str(table.path.resolve()))}"
        return ".".join(self._quoted(part) for part in (table.table or "").split("."))

    def _quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def _number(self, quoted: str, kind: DataType, unit: str | None) -> str | None:
        if kind.is_integer():
            return f"CAST({quoted} AS BIGINT)"
        if unit == "day" and kind.is_date():
            return f"CAST(DATEDIFF({quoted}, DATE'1970-01-01') AS BIGINT)"
        return None

    def _text(self, quoted: str) -> str:
        return f"CAST({quoted} AS STRING)"

    def _row(self, query: str) -> tuple[int, ...]:
        (row,) = self._backend.raw_sql(query).collect()
        return tuple(int(each) for each in row)


def _of_spark(source: Source) -> SparkTable:
    if not isinstance(source, SparkTable):
        raise InternalError(f"expected a table of Spark, got {source}")
    return source


def _is_exact(node: exp.Expr, exact: exp.DataType) -> bool:
    return isinstance(node, exp.Cast) and node.to == exact


def _masked(column: Any) -> Numbers:
    mask = column.is_null().to_numpy()
    return np.ma.MaskedArray(column.fill_null(0).to_numpy(), mask=mask)
