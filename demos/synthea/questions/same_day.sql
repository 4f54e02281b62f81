-- Days on which a person was at two hospitals, by what the first was for. The key is of two columns.
SELECT a.emergency, COUNT(*) AS days, COUNT(DISTINCT a.person_key) AS persons
FROM (SELECT person_key, start_ts // 86400 AS day,
             MAX(CASE WHEN encounter_class IN ('emergency', 'urgentcare') THEN 1 ELSE 0 END) AS emergency
      FROM hospital_a.encounters GROUP BY person_key, start_ts // 86400) a
JOIN (SELECT DISTINCT person_key, start_ts // 86400 AS day FROM hospital_b.encounters) b
  ON b.person_key = a.person_key AND b.day = a.day
GROUP BY a.emergency
ORDER BY a.emergency
