-- Persons with diabetes (three hospitals) who hold a city supplementary policy, and what the fund and
-- both insurers paid for them in 2024, by insurance type. Money is in fen. Scenario: supervision.
-- Whoever holds a city policy is in `insured`, with 0 where no claim was paid; likewise `enrolled`.
WITH diabetic AS (
  SELECT DISTINCT UPPER(TRIM(certno)) AS certno
  FROM hospitals.cases
  WHERE certno IS NOT NULL
    AND ((diag_main >= 'E10' AND diag_main < 'E15')
      OR (diag_2 >= 'E10' AND diag_2 < 'E15')
      OR (diag_3 >= 'E10' AND diag_3 < 'E15'))
),
city AS (
  SELECT DISTINCT certno FROM insurers.policies WHERE prod_type = 1
),
insured AS (
  SELECT p.certno, SUM(COALESCE(c.paid, 0)) AS paid
  FROM insurers.policies p
  LEFT JOIN (SELECT party, policy_no, SUM(paid_amt) AS paid
             FROM insurers.claims
             WHERE status = 1
             GROUP BY party, policy_no) c ON c.party = p.party AND c.policy_no = p.policy_no
  GROUP BY p.certno
),
enrolled AS (
  SELECT e.certno, e.insutype, COALESCE(s.fund, 0) AS fund
  FROM bureau.enrolment e
  LEFT JOIN (SELECT certno, SUM(fund_pay_sumamt) AS fund
             FROM bureau.settlement
             WHERE setl_day BETWEEN 19723 AND 20088
             GROUP BY certno) s ON s.certno = e.certno
)
SELECT e.insutype, COUNT(*) AS persons, SUM(e.fund) AS fund_fen, SUM(i.paid) AS insurers_fen
FROM enrolled e
JOIN diabetic d ON d.certno = e.certno
JOIN city y ON y.certno = e.certno
JOIN insured i ON i.certno = e.certno
GROUP BY e.insutype
ORDER BY e.insutype
