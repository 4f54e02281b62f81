-- Persons in whom any hospital has found diabetes, who have had commercial cover, and what all insurers have paid them.
WITH diabetic AS (
  SELECT DISTINCT person_key FROM hospitals.diagnoses
  WHERE code IN ('44054006', '127013003', '422034002', '1551000119108', '1501000119109',
                 '97331000119101', '368581000119106', '157141000119108', '90781000119102')
),
covered AS (SELECT DISTINCT person_key FROM bureau.coverage WHERE payer_kind = 'commercial'),
paid AS (SELECT person_key, COUNT(*) AS claims, SUM(paid_cents) AS cents FROM insurers.claims GROUP BY person_key)
SELECT m.sex, COUNT(*) AS persons, SUM(p.claims) AS claims, SUM(p.cents) AS paid_cents
FROM bureau.members m
JOIN diabetic d ON d.person_key = m.person_key
JOIN covered c ON c.person_key = m.person_key
JOIN paid p ON p.person_key = m.person_key
GROUP BY m.sex
ORDER BY m.sex
