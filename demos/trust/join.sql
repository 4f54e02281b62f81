-- What the fund paid for persons whom the insurer has too. A join of two owners: rep3 with a helper, or these two alone.
SELECT COUNT(*) AS persons, SUM(e.paid) AS paid
FROM bureau.enrolment e
JOIN insurer.policies p USING (certno)
