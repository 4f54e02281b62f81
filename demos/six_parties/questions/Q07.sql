-- scenario: commercial
-- to: bureau, p, q
-- Over-indemnity: fund plus all insurers pay more than the bill. n_over and n_two_insurers are below 11: suppress for insurers, release to the bureau only. Scenario: commercial, supervision. Parties: bureau, insurers.
WITH p AS (SELECT UPPER(TRIM(certno)) AS certno, fixmedins_code, dscg_day, SUM(paid_amt) AS ins_paid, COUNT(DISTINCT party) AS n_ins
           FROM insurers.claims WHERE status=1 GROUP BY UPPER(TRIM(certno)), fixmedins_code, dscg_day)
SELECT COUNT(*) AS n_stay_both, SUM(CASE WHEN p.n_ins>1 THEN 1 ELSE 0 END) AS n_two_insurers,
       SUM(CASE WHEN s.fund_pay_sumamt+p.ins_paid>s.medfee_sumamt THEN 1 ELSE 0 END) AS n_over,
       SUM(CASE WHEN s.fund_pay_sumamt+p.ins_paid>s.medfee_sumamt THEN s.fund_pay_sumamt+p.ins_paid-s.medfee_sumamt ELSE 0 END) AS over_fen
FROM p JOIN bureau.settlement s ON s.certno=p.certno AND s.fixmedins_code=p.fixmedins_code AND s.dscg_day=p.dscg_day
WHERE s.refd_setl_flag=0 AND s.med_type IN (21,52);
