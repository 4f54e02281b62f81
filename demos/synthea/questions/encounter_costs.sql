-- What encounters cost, by class, over all hospitals: mean, variance, extremes and quantiles.
SELECT encounter_class, COUNT(*) AS encounters, AVG(total_cost_cents) AS mean_cents,
       VAR_SAMP(total_cost_cents) AS variance, MIN(total_cost_cents) AS least_cents, MAX(total_cost_cents) AS most_cents,
       QUANTILE_DISC(total_cost_cents, 0.5) AS median_cents, QUANTILE_DISC(total_cost_cents, 0.9) AS p90_cents
FROM hospitals.encounters
GROUP BY encounter_class
ORDER BY encounter_class
