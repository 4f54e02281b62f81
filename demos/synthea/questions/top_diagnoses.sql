-- The ten diagnoses that most persons have, over all hospitals.
SELECT code, COUNT(DISTINCT person_key) AS persons, COUNT(*) AS diagnoses
FROM hospitals.diagnoses
GROUP BY code
ORDER BY persons DESC, code
LIMIT 10
