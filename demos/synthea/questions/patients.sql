-- How many persons the hospitals know together, by sex. Two hospitals that know one person count them once.
SELECT sex, COUNT(*) AS registrations, COUNT(DISTINCT person_key) AS patients
FROM hospitals.patients
GROUP BY sex
ORDER BY sex
