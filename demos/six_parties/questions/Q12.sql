-- scenario: research
-- Lung-cancer cohort: 12-month cost in yuan, mean, variance, quantiles, admissions a head. Scenario: research, government-led. Blind key, inputs MODERATE, output LOW. At least 30. Parties: hospitals, bureau.
WITH lc AS (SELECT UPPER(TRIM(certno)) AS certno, MIN(adm_day) AS idx_day FROM hospitals.cases
            WHERE certno IS NOT NULL AND diag_main LIKE 'C34%' GROUP BY UPPER(TRIM(certno))),
     y AS (SELECT lc.certno, SUM(s.medfee_sumamt)//100 AS cost, SUM(CASE WHEN s.med_type=21 AND s.refd_setl_flag=0 THEN 1 ELSE 0 END) AS adm
           FROM lc JOIN bureau.settlement s ON s.certno=lc.certno AND s.setl_day BETWEEN lc.idx_day AND lc.idx_day+364 GROUP BY lc.certno)
SELECT COUNT(*) AS persons, AVG(cost) AS mean_yuan, VAR_SAMP(cost) AS var_yuan2,
       QUANTILE_DISC(cost, 0.5) AS p50_yuan, QUANTILE_DISC(cost, 0.9) AS p90_yuan, AVG(adm) AS adm_per_head FROM y;
