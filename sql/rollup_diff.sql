-- period_diff: a value beside the same bucket a period before, by the calendar of the rollup's zone.
SET TimeZone = 'America/New_York';
SET DateStyle = 'ISO, YMD';
\set SHOW_CONTEXT never
SET search_path = public, event_pipeline;
CREATE SCHEMA dif;
SELECT create_stream('dif.ev', 'json', event_time => 'at');
-- As many events on each local day as its date says, of CZ; twice as many without a country.
INSERT INTO dif.ev_raw (payload)
SELECT json_build_object('at', (d + time '12:00') AT TIME ZONE 'Europe/Prague', 'country', c) FROM generate_series(timestamp '2021-02-22', '2021-04-04', '1 day') d,
    unnest(ARRAY['CZ', NULL, NULL]) c, generate_series(1, extract(day FROM d)::int);
SELECT create_rollup('dif.daily', 'dif.ev', 'SELECT country, count(*) AS n FROM dif.ev WHERE event_time >= $1 AND event_time < $2 GROUP BY country', '1 day', 'Europe/Prague');
SELECT create_rollup('dif.weekly', 'dif.daily', 'SELECT country, sum(n) AS n FROM dif.daily WHERE bucket >= $1 AND bucket < $2 GROUP BY country', '7 days');
SELECT create_rollup('dif.hourly', 'dif.ev', 'SELECT count(*) AS n FROM dif.ev WHERE event_time >= $1 AND event_time < $2', '1 hour', 'Europe/Prague');
SELECT refresh_rollup('dif.daily') > 0 AS refreshed;

SELECT * FROM period_diff('dif.daily', 'n') WHERE bucket BETWEEN '2021-03-27' AND '2021-03-30';
SELECT * FROM period_diff('dif.daily', 'n', '7 days') WHERE bucket BETWEEN '2021-03-29' AND '2021-03-30';
SELECT * FROM period_diff('dif.daily', 'n', '1 month', '{country}') WHERE bucket BETWEEN '2021-03-28' AND '2021-04-01';
SELECT bucket, value, before, change FROM period_diff('dif.weekly', 'n', '1 month') WHERE dimensions ->> 'country' = 'CZ' AND bucket > '2021-03-20';
-- the same local hour, though one of the days has 23
SELECT * FROM period_diff('dif.hourly', 'n') WHERE bucket BETWEEN '2021-03-27' AND '2021-03-30';
SELECT count(*) FROM period_diff('dif.daily', 'n', '1 year') WHERE before IS NOT NULL OR change IS NOT NULL;

-- For BI tools: a view with columns of its own, exact as the live view is.
SELECT create_period_diff_view('dif.growth', 'dif.daily', 'n', '7 days');
\d dif.growth
SELECT obj_description('dif.growth'::regclass), col_description('dif.growth'::regclass, 6);
INSERT INTO dif.ev_raw (payload) SELECT '{"at": "2021-03-30T10:00:00Z", "country": "CZ"}' FROM generate_series(1, 16);
SELECT * FROM dif.growth WHERE bucket = '2021-03-30' ORDER BY country;

SELECT period_diff('dif.daily', 'm');
SELECT period_diff('dif.daily', 'country');
SELECT period_diff('dif.daily', 'n', '0');
SELECT period_diff('dif.daily', 'n', '1 day', '{kind}');
SELECT period_diff('dif.ev', 'n');
SELECT period_diff('dif.nothing', 'n');
SELECT create_period_diff_view('dif.daily_live', 'dif.daily', 'n', '1 day');

SET client_min_messages = warning;
DROP VIEW dif.growth;
SELECT drop_rollup('dif.weekly'), drop_rollup('dif.daily'), drop_rollup('dif.hourly');
SELECT drop_stream('dif.ev');
DROP SCHEMA dif CASCADE;
DELETE FROM _invalidation;
