"""The demo's synthetic data: its row identities, its ids, its planted errors, the same on every run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mpcstats.errors import UsageError
from mpcstats.party.sandbox.synthetic import TABLES, write_tables

PERSONS = 4000


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of a small town, in one schema a party."""
    directory = tmp_path_factory.mktemp("town")
    write_tables(directory, persons=PERSONS)
    with duckdb.connect() as db:
        for name in TABLES:
            party, file = name.split("/")
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {party}")
            db.execute(f"CREATE TABLE {party}.{file.split('.')[0]} AS {rows(directory / name)}")
        yield db


def rows(path: Path) -> str:
    return f"SELECT * FROM '{path}'"


def number(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(db.execute(query).fetchall()[0][0])


def share(db: duckdb.DuckDBPyConnection, table: str, condition: str) -> float:
    """Part of the rows of `table` that meet `condition`."""
    return number(db, f"SELECT count(*) FROM {table} WHERE {condition}") / number(
        db, f"SELECT count(*) FROM {table}"
    )


def valid_id(text: str) -> bool:
    """Whether the 18-character id carries the check character of ISO 7064, MOD 11-2."""
    weights = [2 ** (17 - i) % 11 for i in range(17)]
    total = sum(w * int(digit) for w, digit in zip(weights, text[:17], strict=True))
    return "10X98765432"[total % 11] == text[17:]


@pytest.mark.parametrize(
    ("table", "identity"),
    [
        ("bureau.settlement", "medfee_sumamt = fund_pay_sumamt + psn_part_amt"),
        ("bureau.settlement", "fund_pay_sumamt = hifp_pay + hifmi_pay + maf_pay"),
        ("bureau.settlement", "psn_part_amt = acct_pay + psn_cash_pay"),
        (
            "bureau.settlement",
            "inscp_scp_amt = medfee_sumamt - fulamt_ownpay_amt - overlmt_selfpay - preselfpay_amt",
        ),
        ("bureau.settlement", "(fund_pay_sumamt >= 0 AND psn_cash_pay >= 0) OR refd_setl_flag = 1"),
        ("hospital.cases", "drug_fee + matl_fee <= tot_fee AND dscg_day - adm_day = act_ipt_days"),
        ("insurer.claims", "paid_amt <= clm_amt AND (status = 1 OR paid_amt = 0)"),
    ],
)
def test_row_identities_hold(town: duckdb.DuckDBPyConnection, table: str, identity: str) -> None:
    assert number(town, f"SELECT count(*) FROM {table} WHERE ({identity}) IS NOT TRUE") == 0


def test_refunds_come_in_pairs_that_cancel(town: duckdb.DuckDBPyConnection) -> None:
    refunded = "FROM bureau.settlement WHERE refd_setl_flag = 1"
    assert number(town, f"SELECT count(*) {refunded}") > 0
    assert number(town, f"SELECT sum(medfee_sumamt) {refunded}") == 0
    assert number(
        town, "SELECT count(*) FROM bureau.settlement WHERE medfee_sumamt < 0"
    ) * 2 == number(town, f"SELECT count(*) {refunded}")


def test_enrolled_persons_have_distinct_valid_ids_of_no_real_place(
    town: duckdb.DuckDBPyConnection,
) -> None:
    ids = [row[0] for row in town.execute("SELECT certno FROM bureau.enrolment").fetchall()]
    assert len(set(ids)) == len(ids) == PERSONS
    assert all(text.startswith("99") and valid_id(text) for text in ids)
    assert any(text.endswith("X") for text in ids)
    wrong = ids[0][:16] + str((int(ids[0][16]) + 1) % 10) + ids[0][17]
    assert not valid_id(wrong)


def test_ids_tell_the_birthday_and_the_gender(town: duckdb.DuckDBPyConnection) -> None:
    contradicting = """
        SELECT count(*) FROM bureau.enrolment
        WHERE substr(certno, 7, 8) <> strftime(DATE '1970-01-01' + brdy::INTEGER, '%Y%m%d')
           OR substr(certno, 17, 1)::INTEGER % 2 <> gend % 2"""
    assert number(town, contradicting) == 0


@pytest.mark.parametrize(
    ("table", "error", "least", "most"),
    [
        ("hospital.cases", "certno IS NULL", 0.001, 0.01),
        ("hospital.cases", "certno LIKE '% '", 0.001, 0.01),
        ("hospital.cases", "certno LIKE '%x'", 0.003, 0.02),
        ("hospital.cases", "length(certno) = 15", 0.0001, 0.005),
        ("hospital.cases", "setl_id IS NULL", 0.03, 0.12),
        ("hospital.cases", "medcasno LIKE '%-2'", 0.001, 0.02),
        ("insurer.policies", "certno LIKE '%x'", 0.003, 0.02),
        ("insurer.policies", "policy_no LIKE '%-2'", 0.0005, 0.01),
        ("insurer.claims", "status = 2", 0.02, 0.15),
        (
            "insurer.policies",
            "upper(trim(certno)) NOT IN (SELECT certno FROM bureau.enrolment)",
            0.01,
            0.1,
        ),
    ],
)
def test_the_errors_of_the_field_are_planted_and_rare(
    town: duckdb.DuckDBPyConnection, table: str, error: str, least: float, most: float
) -> None:
    assert least < share(town, table, error) < most


def test_some_typed_ids_have_a_wrong_check_character(town: duckdb.DuckDBPyConnection) -> None:
    typed = town.execute("SELECT upper(trim(certno)) FROM hospital.cases WHERE certno IS NOT NULL")
    ids = [row[0] for row in typed.fetchall()]
    wrong = sum(len(text) == 18 and not valid_id(text) for text in ids)
    assert 0 < wrong < 0.02 * len(ids)


def test_visits_and_money_are_skewed(town: duckdb.DuckDBPyConnection) -> None:
    visits = "(SELECT count(*) AS n FROM bureau.settlement GROUP BY certno)"
    assert number(town, f"SELECT max(n) FROM {visits}") > 10 * number(
        town, f"SELECT median(n) FROM {visits}"
    )
    fees = "FROM bureau.settlement WHERE med_type = 21"
    assert number(town, f"SELECT max(medfee_sumamt) {fees}") > 10 * number(
        town, f"SELECT avg(medfee_sumamt) {fees}"
    )


def contents(directory: Path) -> list[list[tuple[object, ...]]]:
    with duckdb.connect() as db:
        return [db.execute(rows(directory / name)).fetchall() for name in TABLES]


def test_a_seed_gives_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    counted = write_tables(tmp_path / "a", persons=300, seed=5)
    write_tables(tmp_path / "b", persons=300, seed=5)
    write_tables(tmp_path / "c", persons=300, seed=6)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    assert all(a != c for a, c in zip(first, contents(tmp_path / "c"), strict=True))
    assert list(counted.values()) == [len(table) for table in first]


@pytest.mark.parametrize("persons", [0, -1, 5_000_001])
def test_too_few_or_too_many_persons_are_a_usage_error(tmp_path: Path, persons: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 to 5000000 persons, got {persons}"):
        write_tables(tmp_path, persons=persons)
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    write_tables(tmp_path, persons=30)
    before = (tmp_path / "hospital/cases.csv.gz").read_bytes()
    with pytest.raises(UsageError, match=r"expected a directory without enrolment\.parquet"):
        write_tables(tmp_path, persons=30, seed=2)
    assert (tmp_path / "hospital/cases.csv.gz").read_bytes() == before
