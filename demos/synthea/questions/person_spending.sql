-- How what all insurers paid for 2025 is spread over persons.
SELECT COUNT(*) AS persons, AVG(cents) AS mean_cents, STDDEV_SAMP(cents) AS deviation_cents,
       QUANTILE_DISC(cents, 0.25) AS p25_cents, QUANTILE_DISC(cents, 0.5) AS median_cents,
       QUANTILE_DISC(cents, 0.9) AS p90_cents
FROM (SELECT person_key, SUM(paid_cents) AS cents FROM insurers.claims
      WHERE service_date BETWEEN 20089 AND 20453
      GROUP BY person_key) p
