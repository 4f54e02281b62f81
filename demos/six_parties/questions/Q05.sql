-- scenario: research
-- Diabetes x hypertension comorbidity: persons, fund, per head. The two diagnoses may come from two hospitals. Scenario: research. Blind key, inputs MODERATE, output LOW. Parties: hospitals, bureau.
WITH d AS (SELECT UPPER(TRIM(certno)) AS certno,
                  MAX(CASE WHEN (diag_main>='E10' AND diag_main<'E15') OR (diag_2>='E10' AND diag_2<'E15') OR (diag_3>='E10' AND diag_3<'E15') THEN 1 ELSE 0 END) AS dm,
                  MAX(CASE WHEN (diag_main>='I10' AND diag_main<'I16') OR (diag_2>='I10' AND diag_2<'I16') OR (diag_3>='I10' AND diag_3<'I16') THEN 1 ELSE 0 END) AS ht
           FROM hospitals.cases WHERE certno IS NOT NULL GROUP BY UPPER(TRIM(certno))),
     f AS (SELECT certno, SUM(fund_pay_sumamt) AS fund, SUM(medfee_sumamt) AS fee FROM bureau.settlement
           WHERE setl_day BETWEEN 19723 AND 20088 GROUP BY certno)
SELECT d.dm, d.ht, COUNT(*) AS persons, SUM(f.fund) AS fund_fen, AVG(f.fund) AS fund_per_head_fen, AVG(f.fee) AS fee_per_head_fen
FROM d JOIN f ON f.certno=d.certno GROUP BY d.dm, d.ht ORDER BY 1,2;
