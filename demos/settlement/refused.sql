-- Refused: the insurer asks how many of its policyholders have HIV. A special disease is of level
-- HIGH, and the default policy denies HIGH in commercial claims. Plain SQL would answer.
SELECT COUNT(DISTINCT UPPER(TRIM(p.certno))) AS hiv_policyholders
FROM insurer.policies p
JOIN hospital.cases c ON UPPER(TRIM(c.certno)) = UPPER(TRIM(p.certno))
WHERE (c.diag_main >= 'B20' AND c.diag_main < 'B25')
   OR (c.diag_2 >= 'B20' AND c.diag_2 < 'B25')
   OR (c.diag_3 >= 'B20' AND c.diag_3 < 'B25')
