-- Which hospital patients go to first.
SELECT party, COUNT(*) AS patients
FROM (SELECT party, ROW_NUMBER() OVER (PARTITION BY person_key ORDER BY start_ts, stop_ts) AS visit
      FROM hospitals.encounters) v
WHERE visit = 1
GROUP BY party
ORDER BY party
