-- Twelve flight cases, each in given, reversed and shuffled order, uploaded once and twice.
\pset format unaligned
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA flight_test;
SET search_path = flight_test, public, event_pipeline;
SET client_min_messages = warning;
\set cases `cat "$PG_ABS_SRCDIR/test/data/flights/cases.json"`

CREATE TABLE flight_case AS
SELECT c->>'id' AS id, (c->>'as_of')::timestamptz AS as_of, coalesce(c->'params', '{}') AS params,
       (c->>'expected_rejected')::int AS rejected, c->'events' AS events, c->'expected' AS expected
FROM jsonb_array_elements(:'cases'::jsonb->'cases') c;

CREATE TABLE event (
    event_id text, drone_id text, type text, boot_id text, device_uptime_ms bigint, device_clock text, gps_time timestamptz,
    gps_week int, gps_tow_ms bigint, gps_fix int, received_at timestamptz, upload_id text, seq int);

CREATE FUNCTION flight_json(f flight) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object(
    'drone_id', f.drone_id, 'boot_id', f.boot_id, 'status', f.status,
    'takeoff_at', to_char(f.takeoff_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'landing_at', to_char(f.landing_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'last_seen_at', to_char(f.last_seen_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'duration_ms', f.duration_ms, 'end_reason', f.end_reason, 'time_source', f.time_source,
    'touchdowns', f.touchdowns, 'flags', to_jsonb(f.flags))
$$;

-- orderings: how the events of a case are laid before the pairing
CREATE TABLE ordering (name text, how text);
INSERT INTO ordering VALUES
    ('given', 'SELECT e.* FROM event e ORDER BY ctid'),
    ('reversed', 'SELECT e.* FROM event e ORDER BY ctid DESC'),
    ('shuffled', 'SELECT e.* FROM event e ORDER BY md5(e::text)'),
    ('twice', 'SELECT * FROM event UNION ALL SELECT * FROM event');

CREATE FUNCTION run_case(c flight_case, how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got jsonb;
BEGIN
    TRUNCATE event;
    INSERT INTO event SELECT r.* FROM jsonb_array_elements(c.events) WITH ORDINALITY j(e, n),
        jsonb_populate_record(NULL::event, e) r ORDER BY n;
    SELECT coalesce(jsonb_agg(flight_json(f)), '[]') INTO got FROM pair_flights(how, c.as_of, c.params) f;
    RETURN CASE WHEN got = c.expected THEN 'ok' ELSE format('got %s expected %s', got, c.expected) END;
END
$$;

SELECT c.id, o.name, run_case(c, o.how) FROM flight_case c, ordering o ORDER BY c.id, o.name;

-- All cases at once: drones do not mix. Columns may be missing, of other types, and times may be text.
TRUNCATE event;
INSERT INTO event SELECT r.* FROM flight_case c, jsonb_array_elements(c.events) e,
    jsonb_populate_record(NULL::event, e || jsonb_build_object('drone_id', c.id || ':' || (e->>'drone_id'))) r;
WITH wanted AS (SELECT jsonb_set(f, '{drone_id}', to_jsonb(c.id || ':' || (f->>'drone_id'))) AS f FROM flight_case c, jsonb_array_elements(c.expected) f),
     got AS (SELECT flight_json(f) AS f FROM pair_flights($$
         SELECT event_id, drone_id::varchar, type, boot_id::name, upload_id, seq::numeric, device_uptime_ms + 0.5 AS device_uptime_ms,
                gps_fix::float4, gps_time::text, received_at AT TIME ZONE 'UTC' AS received_at, device_clock
         FROM event$$, '2020-02-01') f)
SELECT (SELECT count(*) FROM got) AS flights, (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE wanted) d) AS differences;

-- What pairing cannot use is counted.
SELECT pair_flights_rejected('SELECT * FROM event') AS none,
       pair_flights_rejected($$VALUES (1)$$) AS no_drone,
       pair_flights_rejected($$SELECT 'a' AS event_id, 'd' AS drone_id, 'takeoff' AS type, 'b' AS boot_id, n AS device_uptime_ms, r AS received_at
                               FROM (VALUES (-1, '2020-01-01'), (NULL, '2020-01-01'), (5, 'yesterday'), (5, '2020-01-01'), (5, 'infinity')) v(n, r)$$) AS four;

SELECT pair_flights_rejected($$SELECT repeat('a', 1001) AS event_id, 'd' AS drone_id, 'takeoff' AS type, 'b' AS boot_id, 1 AS device_uptime_ms, now() AS received_at
                               UNION ALL SELECT 'a', repeat('d', 100000), 'takeoff', 'b', 1, now()$$) AS ids_too_long;

-- Absurd values are absent ones: nothing overflows, and no number of events takes long.
SELECT * FROM pair_flights($$SELECT 'a' || n AS event_id, 'd' AS drone_id, 'takeoff' AS type, 'b' AS boot_id, u AS device_uptime_ms, r AS received_at,
                                    g AS gps_time, w AS gps_week, w AS gps_tow_ms, w AS gps_fix, w AS seq
                             FROM (VALUES (1, 'NaN'::float8, timestamptz '2026-01-01', timestamptz 'infinity', 'NaN'::float8),
                                          (2, 'infinity', 'infinity', '-infinity', 'infinity'), (3, 1e300, '294276-12-31', '4713-01-01 BC', -1e300),
                                          (4, 5, '2026-01-01', 'infinity', 'infinity'), (5, NULL, NULL, NULL, NULL)) v (n, u, r, g, w)$$, 'infinity');
SELECT boot_id, status, takeoff_at, last_seen_at, time_source
FROM pair_flights($$SELECT n AS event_id, 'd' AS drone_id, 'takeoff' AS type, n AS boot_id, 10000000000000 AS device_uptime_ms, r AS received_at, r AS gps_time, 3 AS gps_fix
                    FROM (VALUES (1, timestamptz '9999-12-31 23:59'), (2, '0001-01-01')) v (n, r)$$, '-infinity');
SELECT count(*) AS flights, sum(touchdowns) AS touchdowns
FROM pair_flights($$SELECT n AS event_id, 'd' AS drone_id, CASE n % 3 WHEN 0 THEN 'takeoff' WHEN 1 THEN 'status' ELSE 'landing' END AS type, 'b' AS boot_id,
                           n * 100000 AS device_uptime_ms, timestamptz '2026-01-01' AS received_at FROM generate_series(0::bigint, 29999) n$$, now());
SELECT count(*) AS flights FROM pair_flights($$SELECT 'a' AS event_id, 'd' AS drone_id, 'status' AS type, 'b' AS boot_id, 1 AS device_uptime_ms, now() AS received_at$$, now());
SET statement_timeout = '200ms';
\set VERBOSITY terse
SELECT count(*) FROM pair_flights($$SELECT n AS event_id, 'd' AS drone_id, 'takeoff' AS type, 'b' AS boot_id, n AS device_uptime_ms, now() AS received_at
                                    FROM generate_series(1, 1000000000) n$$, now());
\set VERBOSITY default
RESET statement_timeout;

SELECT * FROM pair_flights('SELECT 1', now(), '{"dup_ms": -1}');
SELECT * FROM pair_flights('SELECT 1', now(), '{"dup_ms": 1.5}');
SELECT * FROM pair_flights('SELECT 1', now(), '{"clock_floor": 7}');
SELECT * FROM pair_flights('SELECT 1', now(), '[]');
SELECT * FROM pair_flights('INSERT INTO event DEFAULT VALUES RETURNING *', now());
SELECT * FROM pair_flights('', now());
SELECT * FROM pair_flights('SELECT now() AS gps_fix', now());

SET client_min_messages = warning;
DROP SCHEMA flight_test CASCADE;
