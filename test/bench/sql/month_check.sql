-- How many rows of the rollup and of the materialized view differ from what the query gives over the events.
CREATE TEMP TABLE wanted AS
SELECT (event_time AT TIME ZONE 'UTC')::date AS bucket, event_type, country, count(*) AS n, sum(value) AS v_sum, min(value) AS v_min,
       max(value) AS v_max, avg(value) AS v_avg
FROM month GROUP BY 1, 2, 3;
CREATE TEMP VIEW viewed AS SELECT (day AT TIME ZONE 'UTC')::date AS bucket, event_type, country, n, v_sum, v_min, v_max, v_avg FROM per_day_matview;
SELECT count(*) || ' differences' FROM (
    (TABLE wanted EXCEPT ALL TABLE per_day) UNION ALL (TABLE per_day EXCEPT ALL TABLE wanted) UNION ALL
    (TABLE wanted EXCEPT ALL TABLE viewed) UNION ALL (TABLE viewed EXCEPT ALL TABLE wanted)) d;
