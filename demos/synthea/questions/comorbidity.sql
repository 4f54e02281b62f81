-- Patients by diabetes and essential hypertension, each of which another hospital may have found.
WITH found AS (
  SELECT person_key,
         MAX(CASE WHEN code IN ('44054006', '127013003', '422034002', '1551000119108', '1501000119109',
                 '97331000119101', '368581000119106', '157141000119108', '90781000119102')
                  THEN 1 ELSE 0 END) AS diabetes,
         MAX(CASE WHEN code = '59621000' THEN 1 ELSE 0 END) AS hypertension
  FROM hospitals.diagnoses
  GROUP BY person_key
)
SELECT diabetes, hypertension, COUNT(*) AS persons
FROM found
GROUP BY diabetes, hypertension
ORDER BY diabetes, hypertension
