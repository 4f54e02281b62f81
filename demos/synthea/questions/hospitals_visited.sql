-- Patients by the number of hospitals that they have been to.
SELECT hospitals, COUNT(*) AS patients
FROM (SELECT person_key, COUNT(DISTINCT party) AS hospitals FROM hospitals.encounters GROUP BY person_key) v
GROUP BY hospitals
ORDER BY hospitals
