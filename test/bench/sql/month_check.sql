-- How many rows of :content differ from what the rollup's query gives over the events.
CREATE TEMP TABLE wanted AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS bucket, event_type, country, count(*) AS n, sum(value) AS v_sum, min(value) AS v_min,
       max(value) AS v_max, avg(value) AS v_avg
FROM month GROUP BY 1, 2, 3;
CREATE TEMP TABLE found AS :content;
SELECT count(*) || ' differences' FROM ((TABLE wanted EXCEPT ALL TABLE found) UNION ALL (TABLE found EXCEPT ALL TABLE wanted)) d;
