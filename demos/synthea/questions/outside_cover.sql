-- Claims of a day on which the bureau knows of no commercial cover of the person. Cover comes in many periods a person.
SELECT c.party, COUNT(*) AS claims, COUNT(DISTINCT c.person_key) AS persons, SUM(c.paid_cents) AS paid_cents
FROM insurers.claims c
WHERE NOT EXISTS (SELECT 1 FROM bureau.coverage v
                  WHERE v.person_key = c.person_key AND v.payer_kind = 'commercial'
                    AND c.service_date BETWEEN v.start_date AND v.end_date)
GROUP BY c.party
ORDER BY c.party
