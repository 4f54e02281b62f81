-- What all insurers paid for 2025, by postal area, where that was for eight persons or more.
SELECT m.zip, COUNT(*) AS persons, SUM(p.cents) AS paid_cents
FROM bureau.members m
JOIN (SELECT person_key, SUM(paid_cents) AS cents FROM insurers.claims
      WHERE service_date BETWEEN 20089 AND 20453
      GROUP BY person_key) p ON p.person_key = m.person_key
GROUP BY m.zip
HAVING COUNT(*) >= 8
ORDER BY paid_cents DESC, m.zip
