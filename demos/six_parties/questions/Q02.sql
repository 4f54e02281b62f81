-- to: bureau, h1, h2, h3
-- Reconciliation of settlements with hospital cases. Scenario: supervision. Inputs MODERATE; each hospital may see its own row, the bureau all; small counts need a recorded exemption from the minimum. Parties: bureau, hospitals.
SELECT s.fixmedins_code, COUNT(*) AS n_setl,
       SUM(CASE WHEN c.setl_id IS NULL THEN 1 ELSE 0 END) AS n_no_case,
       SUM(CASE WHEN c.setl_id IS NOT NULL AND ABS(s.medfee_sumamt-c.tot_fee)>=100 THEN 1 ELSE 0 END) AS n_amt_diff,
       SUM(CASE WHEN c.setl_id IS NOT NULL THEN s.medfee_sumamt-c.tot_fee ELSE 0 END) AS net_diff_fen,
       SUM(CASE WHEN c.setl_id IS NULL THEN s.fund_pay_sumamt ELSE 0 END) AS fund_without_case_fen
FROM bureau.settlement s
LEFT JOIN (SELECT setl_id, MIN(tot_fee) AS tot_fee FROM hospitals.cases WHERE setl_id IS NOT NULL GROUP BY setl_id) c ON c.setl_id=s.setl_id
WHERE s.refd_setl_flag=0 AND s.med_type IN (21,52) AND s.setl_day BETWEEN 19723 AND 20088
GROUP BY s.fixmedins_code ORDER BY s.fixmedins_code;
