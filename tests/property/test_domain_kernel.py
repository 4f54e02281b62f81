"""The kernel on the domain pack equals DuckDB: joins, groups, windows, order statistics over hospitals and bureau."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import united
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.distinct import count_distinct
from mpcstats.protocols.group_by import Values, group_by
from mpcstats.protocols.quantile import quantile
from mpcstats.protocols.sort import Key
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.protocols.top_k import top_k
from mpcstats.protocols.window import window
from mpcstats.session import Session, Words
from mpcstats.testing import opened, run_together

DATA = Path(__file__).parents[3] / "shared" / "domain" / "data"
HOSPITALS = ("h1", "h2", "h3")
TRIO = ("bureau", "h1", "p")  # h2 and h3 only provide
PARTIES = (*TRIO, "h2", "h3")
MOST = 400  # rows of a table that are used: the first ones by key
FEE_BITS = 40

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the domain pack ../shared/domain is not beside this checkout"
)


@pytest.fixture(scope="module")
def tables() -> duckdb.DuckDBPyConnection:
    """`cases` of three hospitals and `settlement` of the bureau, with keys of 60 bits and no NULL fees."""
    db = duckdb.connect()
    union = " UNION ALL ".join(
        f"SELECT '{h}' AS party, * FROM read_csv('{DATA}/{h}/cases.csv.gz', all_varchar = true)"
        for h in HOSPITALS
    )
    key = "CAST(hash(upper(trim(certno))) >> 4 AS UBIGINT)"
    db.execute(
        f"CREATE TABLE cases AS SELECT * FROM (SELECT party, coalesce({key}, 0) AS person, "
        "certno IS NOT NULL AS known, CAST(adm_day AS INTEGER) AS adm, CAST(dscg_day AS INTEGER) AS dscg, "
        "CAST(tot_fee AS BIGINT) AS fee, ascii(diag_main) AS chapter, row_number() OVER "
        f"(PARTITION BY party ORDER BY certno, medcasno) AS r FROM ({union})) WHERE r <= {MOST}"
    )
    db.execute(
        f"CREATE TABLE settlement AS SELECT {key} AS person, CAST(fund_pay_sumamt AS BIGINT) AS fund "
        f"FROM read_csv('{DATA}/bureau/settlement.csv.gz', all_varchar = true) "
        "WHERE certno IS NOT NULL AND upper(trim(certno)) IN "
        f"(SELECT upper(trim(certno)) FROM ({union})) ORDER BY certno, setl_id LIMIT 500"
    )
    return db


def column(db: duckdb.DuckDBPyConnection, party: str, expression: str) -> Words:
    """One column of a party's rows, in a fixed order."""
    source = "settlement" if party == "bureau" else "cases"
    where = "" if party == "bureau" else f" WHERE party = '{party}'"
    order = "person, fund" if party == "bureau" else "r"
    found = db.execute(
        f"SELECT {expression} AS x FROM {source}{where} ORDER BY {order}"
    ).fetchnumpy()
    values: Any = found["x"]
    return np.asarray(values).astype(np.uint64)


class Given:
    """What a party puts in, by name."""

    def __init__(self, db: duckdb.DuckDBPyConnection, session: Session) -> None:
        self._db, self._session, self._count = db, session, 0
        self.engine = Rep3(TRIO)

    def _step(self) -> Session:
        self._count += 1
        return self._session.narrow(f"given{self._count}")

    async def bits(self, party: str, expression: str, width: int) -> Bits:
        values = column(self._db, party, expression)
        rows = slicing.slice_bits(values, width) if self._session.me == party else None
        return await self.engine.share_bits(
            self._step(), rows, owner=party, length=values.size, width=width
        )

    async def numbers(self, party: str, expression: str) -> Arith:
        values = column(self._db, party, expression)
        own = values if self._session.me == party else None
        return await self.engine.share(self._step(), own, owner=party, shape=values.shape)

    async def union(self, expression: str, width: int) -> Bits:
        found = united([await self.bits(h, expression, width) for h in HOSPITALS])
        assert isinstance(found, Bits)
        return found

    async def union_numbers(self, expression: str) -> Arith:
        return Arith.concatenate([await self.numbers(h, expression) for h in HOSPITALS])


Body = Callable[[Session, Given], Coroutine[Any, Any, list[list[int]]]]


def play(db: duckdb.DuckDBPyConnection, body: Body) -> list[list[int]]:
    async def everybody(session: Session) -> list[list[int]]:
        return await body(session.narrow("it"), Given(db, session))

    return run_together(PARTIES, everybody).results["h3"]


async def shown(session: Session, given: Given, *columns: Arith) -> list[list[int]]:
    """Columns side by side, as rows."""
    values = [
        (await opened(session.narrow(f"shown{i}"), given.engine, c)).tolist()
        for i, c in enumerate(columns)
    ]
    return [list(row) for row in zip(*values, strict=True)]


def plain(db: duckdb.DuckDBPyConnection, query: str) -> list[list[int]]:
    found = [[int(v or 0) for v in row] for row in db.execute(query).fetchall()]
    assert all(row[0] for row in found)  # the data do have such rows
    return found


def test_persons_of_three_hospitals(tables: duckdb.DuckDBPyConnection) -> None:
    async def body(session: Session, given: Given) -> list[list[int]]:
        keys = await given.union("person", 60)
        known = await given.union("known", 1)
        count = await count_distinct(session.narrow("d"), given.engine, [keys], present=known)
        return await shown(session, given, count)

    assert play(tables, body) == plain(
        tables, "SELECT count(DISTINCT person) FROM cases WHERE known"
    )


def test_readmissions_within_thirty_days(tables: duckdb.DuckDBPyConnection) -> None:
    async def body(session: Session, given: Given) -> list[list[int]]:
        engine = given.engine
        rows = await window(
            session.narrow("w"),
            engine,
            [await given.union("person", 60)],
            [Key(await given.union("adm", 16)), Key(await given.union("dscg", 16))],
            [await given.union_numbers("adm"), await given.union_numbers("dscg")],
            present=await given.union("known", 1),
        )
        adm, dscg = rows.columns
        ahead = await rows.lead(session.narrow("lead"), engine, adm)
        assert isinstance(ahead.column, Arith)
        assert isinstance(dscg, Arith)
        late = await engine.negative(session.narrow("late"), (dscg - ahead.column).plus(30))
        (soon,) = await engine.conj(session.narrow("soon"), [(~late, ahead.exists)])
        total = (await engine.to_arith(session.narrow("n"), soon))[0].total()
        return await shown(session, given, total)

    query = (
        "SELECT count(*) FROM (SELECT dscg, lead(adm) OVER (PARTITION BY person ORDER BY adm, dscg) AS nxt "
        "FROM cases WHERE known) WHERE nxt - dscg <= 30"
    )
    assert play(tables, body) == plain(tables, query)


def test_fund_of_the_bureaus_settlements_of_hospital_patients(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    most = plain(
        tables, "SELECT max(n) FROM (SELECT count(*) n FROM cases WHERE known GROUP BY person)"
    )
    copies = min(most[0][0], 3)

    async def body(session: Session, given: Given) -> list[list[int]]:
        engine = given.engine
        left = Side(await given.bits("bureau", "person", 60))
        right = [
            Side(
                await given.bits(h, "person", 60),
                (await given.numbers(h, "fee"),),
                matchable=await given.bits(h, "known", 1),
            )
            for h in HOSPITALS
        ]
        found = await sort_join(
            session.narrow("j"), engine, [left], right, kind=Kind.INNER, most=copies
        )
        fund = await given.numbers("bureau", "fund")
        totals = []
        for m, match in enumerate(found):
            step = session.narrow(f"m{m}")
            hit = (await engine.to_arith(step.narrow("hit"), match.hit))[0]
            fee = match.columns[0]
            assert isinstance(fee, Arith)
            totals.append(hit.total())
            totals.append(await engine.dot(step.narrow("fund"), hit, fund))
            totals.append(await engine.dot(step.narrow("fee"), hit, fee))
        return await shown(session, given, *totals)

    # The hospitals' rows stand under one another in the order of HOSPITALS, each by r.
    query = (
        "WITH c AS (SELECT *, row_number() OVER (PARTITION BY person ORDER BY party, r) AS m FROM cases "
        "WHERE known) SELECT "
        + ", ".join(
            f"count(*) FILTER (m = {m}), sum(fund) FILTER (m = {m}), sum(fee) FILTER (m = {m})"
            for m in range(1, copies + 1)
        )
        + " FROM settlement s JOIN c ON c.person = s.person"
    )
    assert play(tables, body) == plain(tables, query)


def test_fees_by_chapter_of_the_diagnosis(tables: duckdb.DuckDBPyConnection) -> None:
    async def body(session: Session, given: Given) -> list[list[int]]:
        fees = await given.union_numbers("fee")
        found = await group_by(
            session.narrow("g"),
            given.engine,
            [await given.union("chapter", 8)],
            groups=26,
            sums=[fees],
            spreads=[Values(await given.union("fee", FEE_BITS), fees)],
        )
        (spread,) = found.spreads
        rows = await shown(
            session,
            given,
            found.persons,
            *found.sums,
            spread.distinct,
            spread.least,
            spread.greatest,
        )
        return [row for row in rows if row[0]]

    query = (
        "SELECT count(*), sum(fee), count(DISTINCT fee), min(fee), max(fee) FROM cases "
        "GROUP BY chapter ORDER BY chapter"
    )
    assert play(tables, body) == plain(tables, query)


def test_median_fee_and_the_dearest_cases(tables: duckdb.DuckDBPyConnection) -> None:
    async def body(session: Session, given: Given) -> list[list[int]]:
        fees, known = await given.union("fee", FEE_BITS), await given.union("known", 1)
        quartiles = await quantile(
            session.narrow("q"), given.engine, fees, [(1, 4), (1, 2), (3, 4)], present=known
        )
        top = await top_k(
            session.narrow("t"),
            given.engine,
            [Key(fees, descending=True)],
            [await given.union_numbers("adm")],
            5,
        )
        days = top.columns[0]
        assert isinstance(days, Arith)
        first = await shown(session.narrow("a"), given, quartiles.numbers)
        return [*first, *await shown(session.narrow("b"), given, days)]

    query = "SELECT unnest(quantile_disc(fee, [0.25, 0.5, 0.75])) FROM cases WHERE known"
    dearest = "SELECT adm FROM cases ORDER BY fee DESC, party, r LIMIT 5"
    assert play(tables, body) == [*plain(tables, query), *plain(tables, dearest)]
