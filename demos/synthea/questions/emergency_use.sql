-- Emergency visits by age at the end of 2026, and how much of them is of persons with four or more, over all hospitals.
SELECT CASE WHEN m.birth_date < 0 THEN '57+' WHEN m.birth_date < 13514 THEN '20-56' ELSE '0-19' END AS age_band,
       COUNT(*) AS members,
       SUM(CASE WHEN v.visits IS NULL THEN 0 ELSE 1 END) AS with_visits,
       SUM(COALESCE(v.visits, 0)) AS visits,
       SUM(CASE WHEN v.visits >= 4 THEN 1 ELSE 0 END) AS frequent,
       SUM(CASE WHEN v.visits >= 4 THEN v.cents ELSE 0 END) AS frequent_cents
FROM bureau.members m
LEFT JOIN (SELECT person_key, COUNT(*) AS visits, SUM(total_cost_cents) AS cents FROM hospitals.encounters
           WHERE encounter_class = 'emergency'
           GROUP BY person_key) v ON v.person_key = m.person_key
GROUP BY age_band
ORDER BY age_band
