-- scenario: commercial
-- Excess over a secret deductible, by pre-existing disease. Scenario: commercial. Blind key, inputs MODERATE, output LOW. Parties: hospitals, bureau, insurers.
WITH pre AS (SELECT DISTINCT UPPER(TRIM(certno)) AS certno FROM hospitals.cases WHERE certno IS NOT NULL AND
              ((diag_main>='C00' AND diag_main<'C98') OR diag_main LIKE 'N18%' OR diag_main LIKE 'I21%' OR diag_main LIKE 'I63%')),
     b AS (SELECT certno, SUM(psn_part_amt-fulamt_ownpay_amt) AS burden FROM bureau.settlement WHERE setl_day BETWEEN 19723 AND 20088 GROUP BY certno)
SELECT CASE WHEN pre.certno IS NULL THEN 0 ELSE 1 END AS preexist, COUNT(*) AS insured, SUM(y.premium) AS premium_fen,
       SUM(CASE WHEN b.burden>y.deductible THEN 1 ELSE 0 END) AS n_over_deductible,
       SUM(CASE WHEN b.burden>y.deductible THEN b.burden-y.deductible ELSE 0 END) AS excess_fen
FROM insurers.policies y LEFT JOIN pre ON pre.certno=y.certno LEFT JOIN b ON b.certno=y.certno
WHERE y.prod_type=1 GROUP BY preexist ORDER BY 1;
