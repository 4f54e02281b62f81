-- Cases and fees by ward over three hospitals. Each counts at home: no join between owners, so rep3 or shamir.
SELECT ward, COUNT(*) AS cases, SUM(fee) AS fee
FROM hospitals.cases
GROUP BY ward
ORDER BY ward
