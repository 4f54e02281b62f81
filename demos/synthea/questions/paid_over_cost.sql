-- Encounters of each hospital for which the insurers together have paid more than they cost.
SELECT e.party, COUNT(*) AS encounters, COUNT(p.encounter_id) AS claimed,
       SUM(CASE WHEN p.cents > e.total_cost_cents THEN 1 ELSE 0 END) AS overpaid,
       SUM(CASE WHEN p.cents > e.total_cost_cents THEN p.cents - e.total_cost_cents ELSE 0 END) AS excess_cents
FROM hospitals.encounters e
LEFT JOIN (SELECT encounter_id, SUM(paid_cents) AS cents FROM insurers.claims GROUP BY encounter_id) p
  ON p.encounter_id = e.encounter_id
GROUP BY e.party
ORDER BY e.party
