-- scenario: commercial
-- to: p
-- Negative case: an insurer asks how many of its policyholders have HIV. special disease is HIGH x commercial: must be refused before any share is sent. Plain SQL would answer.
SELECT y.party, COUNT(DISTINCT y.certno) AS hiv_policyholders
FROM insurers.policies y JOIN hospitals.cases c ON UPPER(TRIM(c.certno))=y.certno
WHERE (c.diag_main>='B20' AND c.diag_main<'B25') OR (c.diag_2>='B20' AND c.diag_2<'B25') OR (c.diag_3>='B20' AND c.diag_3<'B25')
GROUP BY y.party;
