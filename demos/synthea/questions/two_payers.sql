-- Encounters for which two insurers or more have paid: no insurer can see it alone.
SELECT payers, COUNT(*) AS encounters, SUM(claims) AS claims, SUM(cents) AS paid_cents
FROM (SELECT encounter_id, COUNT(DISTINCT party) AS payers, COUNT(*) AS claims, SUM(paid_cents) AS cents
      FROM insurers.claims
      GROUP BY encounter_id
      HAVING COUNT(DISTINCT party) >= 2) e
GROUP BY payers
ORDER BY payers
