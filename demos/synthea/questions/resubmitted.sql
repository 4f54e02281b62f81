-- Claims of one insurer that another has too: the same encounter and amount, at most a day apart. Many to many.
SELECT a.claim_type, COUNT(*) AS pairs, SUM(b.paid_cents) AS paid_again_cents
FROM insurer_aetna.claims a
JOIN insurer_anthem.claims b ON b.encounter_id = a.encounter_id AND b.billed_cents = a.billed_cents
                            AND ABS(b.service_date - a.service_date) <= 1
GROUP BY a.claim_type
ORDER BY a.claim_type
