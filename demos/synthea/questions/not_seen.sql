-- Living members whom no hospital has seen since the beginning of 2025.
SELECT m.sex, COUNT(*) AS members
FROM bureau.members m
WHERE m.death_date IS NULL
  AND NOT EXISTS (SELECT 1 FROM hospitals.encounters e
                  WHERE e.person_key = m.person_key AND e.start_ts >= 1735689600)
GROUP BY m.sex
ORDER BY m.sex
