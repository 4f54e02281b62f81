-- Inpatient and emergency stays after which the patient is back within 30 days, also where that is another hospital.
WITH stays AS (
  SELECT party, person_key, start_ts, stop_ts FROM hospitals.encounters
  WHERE encounter_class IN ('inpatient', 'emergency')
),
followed AS (
  SELECT party, stop_ts, LEAD(start_ts) OVER w AS next_start, LEAD(party) OVER w AS next_party
  FROM stays
  WINDOW w AS (PARTITION BY person_key ORDER BY start_ts, stop_ts)
)
SELECT COUNT(*) AS stays,
       SUM(CASE WHEN next_start - stop_ts BETWEEN 0 AND 2592000 THEN 1 ELSE 0 END) AS back_in_30_days,
       SUM(CASE WHEN next_start - stop_ts BETWEEN 0 AND 2592000 AND next_party <> party THEN 1 ELSE 0 END) AS elsewhere,
       SUM(CASE WHEN next_start IS NULL THEN 1 ELSE 0 END) AS not_yet_back
FROM followed
