"""The settlement demo's data: a made-up town's persons, visits, cases, policies and claims.

Nobody in it is real: the area prefix 99 is given to no place. Size, skew and errors are those of
the field. Money is in fen, days count from 1970-01-01; the year is 2024. Every draw is a function
of the seed and of the row, through MD5, which stays the same where DuckDB's `hash` may change with
its version.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from mpcstats.errors import UsageError

PERSONS = 120_000
MOST = 5_000_000  # the numbers in ids have room for this many
SEED = 20240101

# Path below the data's directory -> the query that fills it.
TABLES = {
    "bureau/enrolment.parquet": """
        SELECT certno, insutype, gend, born AS brdy, area AS insuplc,
               19723 AS enr_beg, 20088 AS enr_end,
               CASE insutype WHEN 310 THEN whole(480000 * lognormal('wage', i, 0.0, 0.4))
                             ELSE 40000 END AS paid_amt
        FROM person WHERE enrolled ORDER BY i""",
    "bureau/settlement.parquet": """
        SELECT 'S' || number AS setl_id, certno, fixmedins_code, insutype, med_type,
               dscg_day AS setl_day, fee AS medfee_sumamt, own AS fulamt_ownpay_amt,
               over AS overlmt_selfpay, pre AS preselfpay_amt, scope AS inscp_scp_amt,
               hifp AS hifp_pay, hifmi AS hifmi_pay, maf AS maf_pay, fund AS fund_pay_sumamt,
               acct AS acct_pay, fee - fund - acct AS psn_cash_pay, fee - fund AS psn_part_amt,
               refunded::INTEGER AS refd_setl_flag
        FROM settled
        UNION ALL
        SELECT 'S' || number || 'R', certno, fixmedins_code, insutype, med_type, dscg_day + 1, -fee, -own,
               -over, -pre, -scope, -hifp, -hifmi, -maf, -fund, -acct, fund + acct - fee,
               fund - fee, 1
        FROM settled WHERE refunded
        ORDER BY setl_id""",
    "hospital/cases.csv.gz": """
        SELECT 'M' || number || again AS medcasno, typed(certno, 'case', number) AS certno,
               fixmedins_code, adm_day, dscg_day, dscg_day - adm_day AS act_ipt_days,
               diag_main, diag_2, diag_3,
               fee + CASE WHEN u('differs', number) < 0.01 THEN 10000 ELSE 0 END AS tot_fee,
               whole(fee * (0.15 + 0.2 * u('drug', number))) AS drug_fee,
               whole(fee * (0.05 + 0.2 * u('matl', number))) AS matl_fee,
               'B' || number AS bill_no, CASE WHEN NOT self_pay THEN 'S' || number END AS setl_id
        FROM stay, (VALUES (''), ('-2')) AS sent (again)
        WHERE again = '' OR u('sent twice', number) < 0.005
        ORDER BY medcasno""",
    "insurer/policies.parquet": """
        SELECT policy_no, typed(certno, 'policy', policy_no) AS certno, prod_type,
               19723 AS eff_day, 20088 AS exp_day, premium, deductible, sum_insured
        FROM policy ORDER BY policy_no""",
    "insurer/claims.parquet": """
        SELECT claim_no, policy_no, typed(certno, 'claim', claim_no) AS certno, fixmedins_code,
               bill_no, adm_day, dscg_day, clm_amt,
               CASE status WHEN 1 THEN least(sum_insured, whole((clm_amt - deductible) * share))
                           ELSE 0 END AS paid_amt,
               diag_main, dscg_day + 5 + whole(40 * u('report', claim_no)) AS report_day, status
        FROM claim ORDER BY claim_no""",
}


def write_tables(directory: Path, *, persons: int = PERSONS, seed: int = SEED) -> dict[str, int]:
    """Write the tables of bureau, hospital and insurer below `directory`; path -> number of rows.

    `persons` are enrolled at the bureau; the hospital and the insurer know 3 % more, from
    elsewhere. The same seed gives the same rows. Raises UsageError if there are no persons or
    too many, or if a file is already there.
    """
    if not 1 <= persons <= MOST:
        raise UsageError(f"expected 1 to {MOST} persons, got {persons}")
    paths = {name: directory / name for name in TABLES}
    for path in paths.values():
        if path.exists():
            raise UsageError(f"expected a directory without {path.name}: remove it or name another")
        path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE known AS SELECT i, i < $1 AS enrolled FROM range($2) AS t (i)",
            [persons, persons + persons * 3 // 100],
        )
        for statement in (*_macros(seed), _PERSON, _VISIT, _SETTLED, _STAY, _POLICY, _CLAIM):
            db.execute(statement)
        return {name: _write(db, TABLES[name], path) for name, path in paths.items()}


def _write(db: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    form = "PARQUET, COMPRESSION zstd" if path.suffix == ".parquet" else "CSV, COMPRESSION gzip"
    target = str(path).replace("'", "''")
    (rows,) = db.execute(f"COPY ({query}) TO '{target}' (FORMAT {form})").fetchall()[0]
    return int(rows)


def _macros(seed: int) -> tuple[str, ...]:
    # ISO 7064, MOD 11-2: the digit at place p, from the right, weighs 2^p mod 11.
    total = " + ".join(f"{2**p % 11} * (body // {10 ** (p - 1)} % 10)" for p in range(1, 18))
    return (
        # 53 bits of the digest, made uniform in (0, 1): never 0, whose logarithm is infinite.
        f"""CREATE MACRO u(label, item) AS
            ((md5_number('{seed:d}/' || label || '/' || item) >> 75)::BIGINT + 0.5::DOUBLE)
            / 9007199254740992.0::DOUBLE""",
        """CREATE MACRO lognormal(label, item, mu, sigma) AS
           exp(mu + sigma * sqrt(-2 * ln(u(label, item))) * cos(2 * pi() * u(label || '2', item)))""",
        "CREATE MACRO whole(x) AS floor(x)::BIGINT",
        "CREATE MACRO pick(list, x) AS list[1 + whole(x * len(list))]",
        f"CREATE MACRO resident_id(body) AS body || ('10X98765432')[1 + ({total}) % 11]",
        # As an id arrives after it was typed by hand: missing, wrong in one digit (and so in the
        # check character), two digits swapped, in the old form of 15 digits, in other letters.
        """CREATE MACRO typed(id, label, item) AS CASE
             WHEN u(label || ' id', item) < 0.003 THEN NULL
             WHEN u(label || ' id', item) < 0.005
               THEN substr(id, 1, 13) || ((substr(id, 14, 1)::INTEGER + 1) % 10) || substr(id, 15)
             WHEN u(label || ' id', item) < 0.006
               THEN substr(id, 1, 14) || substr(id, 16, 1) || substr(id, 15, 1) || substr(id, 17)
             WHEN u(label || ' id', item) < 0.007 THEN substr(id, 1, 6) || substr(id, 9, 9)
             WHEN u(label || ' id', item) < 0.010 THEN id || ' '
             WHEN u(label || ' id', item) < 0.100 THEN lower(id)
             ELSE id END""",
    )


# Ids differ: `nth` counts within an area, a birthday and a gender.
_PERSON = """
    CREATE TABLE person AS
    WITH drawn AS (
      SELECT i, enrolled, 1 + (u('gend', i) < 0.5)::INTEGER AS gend,
             pick([990101, 990101, 990102, 990102, 990103, 990104, 990121, 990122],
                  u('area', i)) AS area,
             20088 - whole(CASE WHEN u('age', i) < 0.72 THEN u('age', i) / 0.72 * 21900
                                ELSE 21900 + ((u('age', i) - 0.72) / 0.28) ** 1.6 * 13500
                           END) AS born
      FROM known),
    counted AS (
      SELECT *, (20088 - born) / 365.25 AS age,
             row_number() OVER (PARTITION BY area, born, gend ORDER BY i) AS nth
      FROM drawn),
    dated AS (
      SELECT *, strftime(DATE '1970-01-01' + born::INTEGER, '%Y%m%d')::BIGINT AS birthday
      FROM counted)
    SELECT i, enrolled, gend, area, born, age,
           resident_id((area::BIGINT * 100000000 + birthday) * 1000
                       + 2 * (nth + whole(400 * u('order', birthday))) + 2 - gend) AS certno,
           CASE WHEN age > 18 AND u('work', i) < 0.45 THEN 310 ELSE 390 END AS insutype,
           u('diabetes', i) < least(0.22, 0.01 + (age / 100) ** 2 / 3) AS diabetic,
           u('pressure', i) < least(0.45, 0.02 + (age / 100) ** 2) AS hypertensive,
           CASE WHEN u('special', i) < 0.0015 THEN 'B24.x00'
                WHEN u('special', i) < 0.0030 THEN 'A53.900'
                WHEN u('special', i) < 0.0060 THEN 'F20.900' END AS special
    FROM dated"""

# Visits a person follow a power law, heavier with age and diabetes; fees are lognormal, and one
# long stay in 200 costs many times more.
_VISIT = """
    CREATE TABLE visit AS
    WITH listed AS (
      SELECT *, unnest(range(least(150, whole(
                  (0.70 + age / 150 + diabetic::INTEGER * 0.9) * u('visits', i) ** -0.6)))) AS v
      FROM person),
    drawn AS (
      SELECT *, lpad((i * 1000 + v)::VARCHAR, 10, '0') AS number FROM listed),
    kind AS (
      SELECT *, CASE WHEN gend = 2 AND age BETWEEN 20 AND 42 AND u('kind', number) < 0.05 THEN 52
                     WHEN u('kind', number) < 0.29 THEN 21
                     WHEN diabetic OR hypertensive AND u('kind', number) < 0.70 THEN 14
                     ELSE 11 END AS med_type
      FROM drawn),
    placed AS (
      SELECT *, med_type IN (21, 52) AS inpatient, 19723 + whole(366 * u('day', number)) AS adm_day,
             CASE WHEN u('place', number) < CASE WHEN med_type IN (21, 52) THEN 0.8 ELSE 0.3 END
                  THEN pick(['H99010100001', 'H99010100001', 'H99010100002', 'H99010100003'],
                            u('campus', number))
                  ELSE 'H9901020' || lpad((1 + whole(60 * u('clinic', number) ** 2))::VARCHAR, 4, '0')
             END AS fixmedins_code
      FROM kind)
    SELECT *, CASE WHEN inpatient
                   THEN adm_day + 1 + least(120, whole(lognormal('stay', number, 1.8, 0.6)))
                   ELSE adm_day END AS dscg_day,
           least(60000000, greatest(500, whole(
             CASE WHEN inpatient THEN lognormal('fee', number, 13.6, 0.75)
                  ELSE lognormal('fee', number, 9.9, 0.7) END
             * CASE WHEN u('long', number) < 0.005 AND inpatient
                    THEN 3 * u('tail', number) ** -0.7 ELSE 1 END))) AS fee,
           NOT enrolled OR inpatient AND u('self-pay', number) < 0.03 AS self_pay
    FROM placed"""

# fee = own + over + pre + scope; fund = hifp + hifmi + maf, each out of what the ones before leave.
_SETTLED = """
    CREATE TABLE settled AS
    WITH base AS (
      SELECT *, whole(fee * 0.12 * u('own', number)) AS own,
             whole(fee * 0.06 * u('pre', number)) AS pre,
             CASE WHEN fee > 3000000 THEN whole(fee * 0.02) ELSE 0 END AS over
      FROM visit WHERE NOT self_pay),
    covered AS (SELECT *, fee - own - over - pre AS scope FROM base),
    pooled AS (
      SELECT *, least(25000000, whole(
                  greatest(0, scope - CASE WHEN inpatient THEN 60000 ELSE 1000 END)
                  * CASE insutype WHEN 310 THEN 0.85 ELSE 0.65 END
                  * CASE WHEN inpatient THEN 1.0 ELSE 0.7 END)) AS hifp
      FROM covered),
    major AS (
      SELECT *, whole(greatest(0, scope - hifp - 1500000) * 0.6) AS hifmi FROM pooled),
    aided AS (
      SELECT *, CASE WHEN u('aid', i) < 0.02 THEN (scope - hifp - hifmi) // 2 ELSE 0 END AS maf
      FROM major)
    SELECT *, hifp + hifmi + maf AS fund, u('refund', number) < 0.004 AS refunded,
           CASE insutype WHEN 310
             THEN least(fee - hifp - hifmi - maf, whole(30000 * u('acct', number)))
             ELSE 0 END AS acct
    FROM aided"""

_STAY = """
    CREATE TABLE stay AS
    WITH illness AS (
      SELECT *, pick(['J18.900', 'J18.900', 'J18.900', 'J44.100', 'J44.100', 'I63.900', 'I63.900',
                      'I20.000', 'I21.900', 'C34.900', 'M17.900', 'M17.900', 'K80.100', 'K80.100',
                      'K64.900', 'K64.900', 'H25.900', 'H25.900', 'N18.900'],
                     u('main', number)) AS other
      FROM visit WHERE inpatient AND fixmedins_code LIKE 'H990101%')
    SELECT *, CASE WHEN med_type = 52 THEN 'O80.000'
                   WHEN special IS NOT NULL AND u('main2', number) < 0.4 THEN special
                   WHEN diabetic AND u('main2', number) < 0.3
                   THEN pick(['E11.900', 'E11.200', 'E10.900', 'E14.900'], u('type', number))
                   ELSE other END AS diag_main,
           CASE WHEN hypertensive THEN 'I10.x00' END AS diag_2,
           CASE WHEN diabetic AND u('third', number) < 0.6 THEN 'E11.900' END AS diag_3
    FROM illness"""

# Product 1 is the city's supplementary insurance, product 2 a medical policy. A few persons are
# recorded twice under one product.
_POLICY = """
    CREATE TABLE policy AS
    SELECT i, certno, prod_type, 'P' || prod_type || lpad(i::VARCHAR, 7, '0') || again AS policy_no,
           CASE prod_type WHEN 1 THEN 11500 ELSE 30000 + whole(900 * age) END AS premium,
           CASE prod_type WHEN 1 THEN 800000 ELSE 200000 END AS deductible,
           CASE prod_type WHEN 1 THEN 100000000 ELSE 40000000 END AS sum_insured,
           CASE prod_type WHEN 1 THEN 0.7 ELSE 0.9 END AS share
    FROM person, (VALUES (1), (2)) AS product (prod_type), (VALUES (''), ('-2')) AS sent (again)
    WHERE u('product ' || prod_type, i)
            < CASE WHEN prod_type = 2 THEN 0.08 WHEN diabetic OR age > 50 THEN 0.32 ELSE 0.20 END
      AND (again = '' OR u('policy twice ' || prod_type, i) < 0.002)"""

# What a patient claims is what the fund left. Status: 1 paid, 2 rejected; a claim that was sent
# twice is rejected the second time.
_CLAIM = """
    CREATE TABLE claim AS
    WITH burden AS (
      SELECT visit.*, visit.fee - coalesce(settled.fund, 0) AS clm_amt
      FROM visit LEFT JOIN settled USING (number) WHERE visit.inpatient),
    sent AS (
      SELECT 'C' || prod_type || number || again AS claim_no, policy_no, policy.certno,
             fixmedins_code, 'B' || number AS bill_no, adm_day, dscg_day, clm_amt, deductible,
             share, sum_insured,
             coalesce(stay.diag_main, 'R69.x00') AS diag_main, again
      FROM burden JOIN policy USING (i)
                  LEFT JOIN (SELECT number, diag_main FROM stay) AS stay USING (number),
           (VALUES (''), ('-2')) AS sent (again)
      WHERE clm_amt > deductible AND NOT policy_no LIKE '%-2'
        AND (again = '' OR u('claim twice ' || prod_type, number) < 0.01))
    SELECT *, CASE WHEN again <> '' OR u('status', claim_no) < 0.06 THEN 2 ELSE 1 END AS status
    FROM sent"""
