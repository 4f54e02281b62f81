-- scenario: commercial
-- Take-up of the city supplementary insurance by district and age band (left join). Margins are public: differencing risk. Scenario: commercial. Blind key, inputs MODERATE, output LOW. Parties: bureau, insurers.
SELECT e.insuplc, CASE WHEN 20088-e.brdy<6574 THEN '00-17' WHEN 20088-e.brdy<14610 THEN '18-39' WHEN 20088-e.brdy<21915 THEN '40-59' ELSE '60+' END AS age_band,
       COUNT(*) AS enrolled, COUNT(p.certno) AS covered, 1.0*COUNT(p.certno)/COUNT(*) AS take_up
FROM bureau.enrolment e
LEFT JOIN (SELECT DISTINCT certno FROM insurers.policies WHERE prod_type=1 AND eff_day<=20088 AND exp_day>=20088) p ON p.certno=e.certno
WHERE e.enr_beg<=20088 AND e.enr_end>=20088
GROUP BY e.insuplc, age_band ORDER BY 1,2;
