-- Members whom any hospital knows, by race.
SELECT m.race, COUNT(*) AS members, COUNT(p.person_key) AS patients, 1.0 * COUNT(p.person_key) / COUNT(*) AS share
FROM bureau.members m
LEFT JOIN (SELECT DISTINCT person_key FROM hospitals.patients) p ON p.person_key = m.person_key
GROUP BY m.race
ORDER BY m.race
