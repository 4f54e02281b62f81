-- Encounters of a hospital by the kind of cover that the patient had on that day, of which the hospital is not told.
SELECT v.payer_kind, COUNT(*) AS encounters, SUM(e.total_cost_cents) AS cost_cents
FROM (SELECT person_key, start_ts // 86400 AS day, total_cost_cents FROM hospital_b.encounters) e
JOIN bureau.coverage v ON v.person_key = e.person_key AND e.day >= v.start_date AND e.day < v.end_date
GROUP BY v.payer_kind
ORDER BY v.payer_kind
