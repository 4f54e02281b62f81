-- How many persons with diabetes hold the city's supplementary insurance, and what the fund and the
-- insurer paid for them in 2024, by insurance type (310 employee, 390 resident). Money is in fen.
-- A person who was never settled or never claimed counts with 0: each owner joins that at home.
WITH diabetic AS (
  SELECT DISTINCT UPPER(TRIM(certno)) AS certno
  FROM hospital.cases
  WHERE (diag_main >= 'E10' AND diag_main < 'E15')
     OR (diag_2 >= 'E10' AND diag_2 < 'E15')
     OR (diag_3 >= 'E10' AND diag_3 < 'E15')
),
enrolled AS (
  SELECT e.certno, e.insutype, COALESCE(s.fund, 0) AS fund
  FROM bureau.enrolment e
  LEFT JOIN (SELECT certno, SUM(fund_pay_sumamt) AS fund
             FROM bureau.settlement
             WHERE setl_day BETWEEN 19723 AND 20088
             GROUP BY certno) s ON s.certno = e.certno
),
insured AS (
  SELECT UPPER(TRIM(p.certno)) AS certno, SUM(COALESCE(c.paid, 0)) AS paid
  FROM insurer.policies p
  LEFT JOIN (SELECT policy_no, SUM(paid_amt) AS paid
             FROM insurer.claims
             WHERE status = 1
             GROUP BY policy_no) c ON c.policy_no = p.policy_no
  WHERE p.prod_type = 1
  GROUP BY UPPER(TRIM(p.certno))
)
SELECT e.insutype, COUNT(*) AS persons, SUM(e.fund) AS fund_fen, SUM(i.paid) AS insurer_fen
FROM diabetic d
JOIN enrolled e ON e.certno = d.certno
JOIN insured i ON i.certno = d.certno
GROUP BY e.insutype
ORDER BY e.insutype
