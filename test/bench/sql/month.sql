-- A stream with :events events of 30 days, a rollup of them and a materialized view of the same query.
ALTER DATABASE postgres SET search_path = public, event_pipeline;
ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0;
ALTER DATABASE postgres SET work_mem = '128MB';
SET search_path = public, event_pipeline;

-- Event n; numbers are quarters, so that their sums do not depend on the order.
CREATE FUNCTION month_event(n bigint, at timestamptz) RETURNS text LANGUAGE sql STABLE SET TimeZone = 'UTC'
RETURN format('{"at":"%sZ","device_serial":"SN%s","event_type":"type_%s","country":"c%s","value":%s,"user_id":%s}',
    to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), lpad(((hashint8(n) & 2147483647) % 5000)::text, 8, '0'),
    (hashint8(n + 1000000000) & 2147483647) % 20, (hashint8(n + 2000000000) & 2147483647) % 60,
    round(n % 4000 / 4.0, 2), (hashint8(n + 3000000000) & 2147483647) % 200000);

SELECT create_stream('month', 'json', event_time => 'at');
INSERT INTO month_raw (payload)
SELECT string_agg(month_event(n, timestamptz '2025-01-01Z' + n * (interval '30 days' / :events)), E'\n')
FROM generate_series(0, :events - 1) n GROUP BY n / 1000;

-- Late events: so many of one of the days, numbered from 0.
CREATE FUNCTION add_late_events(events bigint, day int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO month_raw (payload)
    SELECT string_agg(month_event(n, timestamptz '2025-01-01Z' + day * interval '1 day' + n * (interval '1 day' / events)), E'\n')
    FROM generate_series(0, events - 1) n GROUP BY n / 1000
$$;

SELECT create_rollup('per_day', 'month', $$
    SELECT event_type, country, count(*) AS n, sum(value) AS v_sum, min(value) AS v_min, max(value) AS v_max, avg(value) AS v_avg
    FROM month WHERE event_time >= $1 AND event_time < $2 GROUP BY 1, 2$$, '1 day');
SELECT refresh_rollup('per_day');

CREATE STATISTICS month_days ON (date_bin('1 day', event_time, '2000-01-01Z')) FROM month;
VACUUM ANALYZE month, month_raw, per_day;
CREATE MATERIALIZED VIEW per_day_matview AS
SELECT date_bin('1 day', event_time, '2000-01-01Z') AS day, event_type, country, count(*) AS n, sum(value) AS v_sum,
       min(value) AS v_min, max(value) AS v_max, avg(value) AS v_avg
FROM month GROUP BY 1, 2, 3;

CREATE VIEW totals_of_rollup AS SELECT bucket, sum(n) AS n, sum(v_sum) AS v_sum FROM per_day GROUP BY bucket ORDER BY bucket;
CREATE VIEW totals_of_live AS SELECT bucket, sum(n) AS n, sum(v_sum) AS v_sum FROM per_day_live GROUP BY bucket ORDER BY bucket;
CREATE VIEW totals_of_events AS
SELECT date_bin('1 day', event_time, '2000-01-01Z') AS day, count(*) AS n, sum(value) AS v_sum FROM month GROUP BY 1 ORDER BY 1;

CREATE PROCEDURE repeat_query(times int, query text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..times LOOP
        EXECUTE query;
    END LOOP;
END
$$;
