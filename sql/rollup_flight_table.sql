-- Flight tables: telemetry, incremental refresh against recomputing, ownership.
\pset format unaligned
SET timezone = 'UTC';
CREATE SCHEMA flight_table_test;
GRANT ALL ON SCHEMA flight_table_test TO PUBLIC;
SET search_path = flight_table_test, public, event_pipeline;
SET client_min_messages = warning;

-- ---- telemetry, from sample tables made by hand ----

CREATE TABLE logs (event_time timestamptz, _ep_raw_id bigint);
CREATE TABLE logs_raw (raw_id bigint, received_at timestamptz, source text, payload bytea);
CREATE TABLE logs_glpi (event_time timestamptz, _ep_raw_id bigint, device_id bigint, latitude float8, longitude float8, height_m float8,
                        velocity_north_mps float8, velocity_east_mps float8, velocity_down_mps float8);
CREATE TABLE logs_kbat (event_time timestamptz, _ep_raw_id bigint, device_id bigint, consumed_ah float8, cell_1_v float8,
                        cell_2_v float8, cell_3_v float8, cell_4_v float8, remaining_percent float8);
CREATE TABLE logs_gpri (event_time timestamptz, _ep_raw_id bigint, device_id bigint, horizontal_error_m float8, fix_type float8, satellites float8);
CREATE TABLE logs_fwvs (event_time timestamptz, _ep_raw_id bigint, device_id bigint, label text);

-- A log of 110 s. Ten seconds on the ground at 0.5 m, then up to 15.5 m at 2 m/s and north at 5 m/s (2.5 m a sample).
CREATE FUNCTION make_log(raw_id bigint, device bigint, source text, at timestamptz) RETURNS void LANGUAGE sql AS $$
INSERT INTO logs_raw VALUES (raw_id, at, source, '');
INSERT INTO logs_glpi
SELECT at + i * interval '500 ms', raw_id, device, 50 + greatest(0, i - 20) * 2.5 / (6371008.8 * pi() / 180), 10,
       0.5 + least(15, greatest(0, i - 20)), CASE WHEN i > 20 THEN 3 ELSE 0 END, CASE WHEN i > 20 THEN 4 ELSE 0 END,
       CASE WHEN i BETWEEN 21 AND 35 THEN -2 ELSE 0.25 END
FROM generate_series(0, 220) i;
INSERT INTO logs_kbat
SELECT at + i * interval '1 s', raw_id, device, 1 + i * 0.002, 3.5, 3.5, 3.5, 3.5 - i * 0.01, 90 - i / 10 FROM generate_series(0, 110) i;
INSERT INTO logs_gpri
SELECT at + i * interval '1 s', raw_id, device, 0.5 + i * 0.01, CASE WHEN i < 20 THEN 2 ELSE 3 END, 20 - i / 25 FROM generate_series(0, 110) i;
INSERT INTO logs_fwvs VALUES (at, raw_id, device, '1.2.3');
$$;

CREATE TABLE event (event_id text, drone_id text, type text, boot_id text, device_uptime_ms bigint, received_at timestamptz, device_clock timestamptz);
CREATE FUNCTION make_event(id text, drone text, kind text, boot text, at timestamptz) RETURNS void LANGUAGE sql AS $$
INSERT INTO event VALUES (id, drone, kind, boot, extract(epoch FROM at - '2020-01-01') * 1000, '2020-01-03', at)
$$;

SELECT make_log(1, 77, 'camera', '2020-01-01 10:00:00'), make_log(2, 5, 'camera', '2020-01-01 11:00:00'),
       make_log(3, 77, 'B', '2020-01-01 12:00:00'), make_log(4, 77, NULL, '2020-01-01 13:00:00');
-- log 1: only A flies; takeoff at its tenth second, landing after it ends
SELECT make_event('a1', 'A', 'takeoff', 'b1', '2020-01-01 10:00:10'), make_event('a2', 'A', 'landing', 'b1', '2020-01-01 10:02:40');
-- log 2: its device names drone 5, although A flies too; 5 has no takeoff
SELECT make_event('a3', 'A', 'takeoff', 'b1', '2020-01-01 11:00:10'), make_event('a4', 'A', 'landing', 'b1', '2020-01-01 11:01:00'),
       make_event('51', '5', 'landing', 'b1', '2020-01-01 11:01:40');
-- log 3: its raw row names B; A is there too
SELECT make_event('b1', 'B', 'takeoff', 'b1', '2020-01-01 12:00:30'), make_event('b2', 'B', 'landing', 'b1', '2020-01-01 12:01:30'),
       make_event('a5', 'A', 'takeoff', 'b1', '2020-01-01 12:00:30'), make_event('a6', 'A', 'landing', 'b1', '2020-01-01 12:01:30');
-- log 4: nobody knows whose it is; and takeoff before it begins
SELECT make_event('b3', 'B', 'takeoff', 'b1', '2020-01-01 12:59:50'), make_event('b4', 'B', 'landing', 'b1', '2020-01-01 13:01:30'),
       make_event('a7', 'A', 'takeoff', 'b1', '2020-01-01 13:00:30'), make_event('a8', 'A', 'landing', 'b1', '2020-01-01 13:01:30');

SELECT create_flight_table('telemetry_flights', 'event', 'logs');
CREATE FUNCTION measured(OUT drone_id text, OUT first_event_id text, OUT match text, OUT firmware text, OUT lat numeric, OUT lon numeric, OUT height numeric,
    OUT speed numeric, OUT climb numeric, OUT sink numeric, OUT distance numeric, OUT home numeric, OUT start_pct numeric,
    OUT end_pct numeric, OUT used numeric, OUT volts numeric, OUT sats int, OUT eph numeric, OUT fix numeric, OUT coverage numeric)
RETURNS SETOF record LANGUAGE sql AS $$
SELECT drone_id, first_event_id, telemetry_match, firmware, round(takeoff_lat::numeric, 5), round(takeoff_lon::numeric, 5), round(max_height_m::numeric, 2),
       round(max_speed_mps::numeric, 2), round(max_climb_mps::numeric, 2), round(max_sink_mps::numeric, 2), round(distance_m::numeric, 2),
       round(max_dist_home_m::numeric, 2), round(battery_start_pct::numeric, 1), round(battery_end_pct::numeric, 1),
       round(battery_used_mah::numeric, 1), round(min_voltage_v::numeric, 2), gps_min_sats, round(gps_max_eph_m::numeric, 2),
       round(gps_fix_share::numeric, 3), round(coverage::numeric, 3)
FROM telemetry_flights ORDER BY coalesce(takeoff_at, landing_at), drone_id
$$;
SELECT * FROM measured();

-- Without A in the air it is B's log; with the takeoff before it began, the first position counts and the battery at
-- takeoff is unknown. A gap of 3 s is not covered, and a jump of the position is no way flown.
DELETE FROM event WHERE event_id IN ('a7', 'a8');
DELETE FROM logs_glpi WHERE _ep_raw_id = 4 AND event_time > '2020-01-01 13:00:20' AND event_time < '2020-01-01 13:00:23';
UPDATE logs_glpi SET latitude = latitude + 1 WHERE _ep_raw_id = 4 AND event_time = '2020-01-01 13:01:00';
SELECT refresh_flight_table('telemetry_flights') AS changed;
SELECT * FROM measured() WHERE first_event_id = 'b3';
SELECT drop_flight_table('telemetry_flights');

-- ---- from a stream: late, doubled, corrected and deleted events, always equal to computing from scratch ----

SELECT create_stream('drone_events', 'json', event_time => 'at');
SELECT create_flight_table('flights', 'drone_events');
SELECT count(*) AS flights FROM flights;

SELECT setseed(0.42);
-- 12 drones with 10 boots of 3 flights; landings and takeoffs get lost, clocks differ, some uploads lack the boot.
CREATE TABLE world AS
SELECT format('d%s', d) AS drone_id, b, e.kind, e.uptime,
       timestamptz '2020-03-01' + (d * 7 + b * 97 + e.uptime / 60000) * interval '1 min' + random() * interval '3 s' AS clock,
       format('%s-%s-%s', d, b, row_number() OVER (PARTITION BY d, b ORDER BY e.uptime)) AS event_id,
       1 + (d + floor(random() * 3)::int) % 8 AS batch, random() AS fate, (d + b) % 5 = 0 AS no_boot, (b % 3) AS fix
FROM generate_series(1, 12) d, generate_series(1, 10) b,
     LATERAL (SELECT k.kind, (k.start + f * 600000 + d * 1000 + floor(random() * 4000))::bigint AS uptime
              FROM generate_series(0, 2) f, (VALUES ('takeoff', 60000), ('status', 120000), ('landing', 300000)) k(kind, start)
              WHERE random() < 0.93) e;
CREATE FUNCTION upload(which int, late boolean) RETURNS void LANGUAGE sql AS $$
INSERT INTO drone_events_raw (received_at, payload)
SELECT timestamptz '2020-04-01' + which * interval '1 h',
       string_agg(jsonb_strip_nulls(jsonb_build_object(
           'at', w.clock, 'event_id', w.event_id, 'drone_id', w.drone_id, 'type', w.kind,
           'boot_id', CASE WHEN NOT w.no_boot THEN 'boot' || w.b END, 'upload_id', format('u%s-%s-%s', w.drone_id, w.b, CASE WHEN late THEN which + 100 ELSE which END),
           'seq', w.uptime, 'device_uptime_ms', w.uptime, 'device_clock', w.clock,
           'gps_time', CASE WHEN w.fix > 0 THEN w.clock END, 'gps_fix', w.fix + 1))::text, E'\n' ORDER BY random())
FROM world w WHERE CASE WHEN late THEN w.batch < which AND w.fate < 0.15 ELSE w.batch = which END
$$;
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
WITH fresh AS (SELECT * FROM pair_flights('SELECT * FROM drone_events', '2020-05-01')),
     kept AS (SELECT drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source, touchdowns, flags FROM flights)
SELECT count(*) FROM ((TABLE fresh EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE fresh)) d
$$;

DO $$
DECLARE
    round int;
    bad   bigint := 0;
    batch int[] := ARRAY[3, 8, 1, 5, 2, 7, 4, 6];
BEGIN
    FOR round IN 1 .. 8 LOOP
        PERFORM upload(batch[round], false);
        COMMIT;     -- what a transaction appends is news once more after it
        PERFORM refresh_flight_table('flights', '2020-05-01');
        bad := bad + differences();
        PERFORM upload(batch[round], true);     -- once more, some of what came before
        COMMIT;
        PERFORM refresh_flight_table('flights', '2020-05-01');
        bad := bad + differences();
    END LOOP;
    RAISE INFO 'differences after 16 refreshes: %', bad;
END
$$;
SELECT count(*) > 300 AS hundreds, count(DISTINCT status) AS statuses FROM flights;

-- Only the drone that has news is written again.
CREATE TABLE before AS SELECT ctid AS place, xmin AS version FROM flights;
INSERT INTO drone_events_raw (received_at, payload)
VALUES ('2020-05-01', '{"at":"2020-03-20T12:00:00Z","event_id":"late","drone_id":"d3","type":"landing","boot_id":"late","device_uptime_ms":5,"device_clock":"2020-03-01T12:00:00Z"}');
SELECT refresh_flight_table('flights', '2020-05-01') < 60 AS few, differences();
SELECT count(DISTINCT f.drone_id) AS drones_rewritten FROM flights f
WHERE NOT EXISTS (SELECT FROM before b WHERE b.place = f.ctid AND b.version = f.xmin);
SELECT refresh_flight_table('flights', '2020-05-01') AS changed_without_news;

-- A corrected event is news by its quarter hour; for deleted ones everything is computed.
UPDATE drone_events SET device_uptime_ms = device_uptime_ms + 7777 WHERE drone_id = 'd5' AND type = 'landing';
INSERT INTO _invalidation (target_id, granule)
SELECT target_id, date_bin('15 min', event_time, '2000-01-01') FROM drone_events, _target WHERE relation = 'drone_events'::regclass AND drone_id = 'd5';
SELECT refresh_flight_table('flights', '2020-05-01') > 0 AS changed, differences();
DELETE FROM drone_events WHERE drone_id = 'd7';
INSERT INTO _invalidation (target_id, granule) SELECT target_id, '-infinity' FROM _target WHERE relation = 'drone_events'::regclass;
SELECT refresh_flight_table('flights', '2020-05-01') > 0 AS changed, differences();
SELECT count(*) FROM flights WHERE drone_id = 'd7';

-- Events without drones can be deleted, too.
SELECT create_stream('no_drones', 'json', event_time => 'at');
INSERT INTO no_drones_raw (payload) VALUES ('{"at":"2020-03-20T12:00:00Z","type":"landing"}');
SELECT create_flight_table('no_flights', 'no_drones');
DELETE FROM no_drones;
SELECT refresh_flight_table('no_flights');
SELECT drop_flight_table('no_flights'), drop_stream('no_drones');

-- What is open depends on as_of alone: without any news it times out, and back.
INSERT INTO drone_events_raw (received_at, payload)
VALUES ('2020-06-01', '{"at":"2020-06-01T12:00:00Z","event_id":"fly","drone_id":"new","type":"takeoff","boot_id":"b","device_uptime_ms":5}');
SELECT refresh_flight_table('flights', '2020-06-01 12:00'); SELECT status, end_reason FROM flights WHERE drone_id = 'new';
SELECT refresh_flight_table('flights', '2020-06-02 12:00'); SELECT status, end_reason FROM flights WHERE drone_id = 'new';
SELECT refresh_flight_table('flights', '2020-06-01 12:00'); SELECT status, end_reason FROM flights WHERE drone_id = 'new';

-- ---- what is refused ----

SELECT create_flight_table('flights', 'drone_events');
SELECT create_flight_table('f', 'nothing_here');
SELECT create_flight_table('f', 'SELECT 1; SELECT 2');
SELECT create_flight_table('f', 'WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone');
SELECT create_flight_table('f', 'SELECT * FROM event FOR UPDATE');
SELECT create_flight_table('f', 'SELECT true AS device_uptime_ms');
SELECT create_flight_table('f', 'SELECT nothing');
SELECT create_flight_table('f', NULL);
SELECT create_flight_table('f', 'drone_events', 'no_camera');
SELECT create_flight_table('f', 'drone_events', NULL, '{"dup": 1}');
SELECT refresh_flight_table('drone_events');
SELECT refresh_flight_table('nothing_here');
SELECT drop_flight_table('drone_events');

-- A query runs as the owner of the flight table, whoever refreshes it.
CREATE ROLE flight_user;
GRANT CREATE ON SCHEMA public TO flight_user;
SET ROLE flight_user;
SELECT refresh_flight_table('flights');
\set VERBOSITY terse
SELECT create_flight_table('theirs', 'drone_events');
\set VERBOSITY default
SELECT create_flight_table('theirs', $$SELECT current_user::text AS drone_id, 1 AS event_id, 'landing' AS type, 1 AS boot_id, 1 AS device_uptime_ms, timestamptz '2020-01-01' AS received_at$$);
RESET ROLE;
SELECT refresh_flight_table('theirs');
SELECT drone_id FROM theirs;
SELECT drop_flight_table('theirs');
DELETE FROM drone_events WHERE drone_id = 'd9';
DROP TABLE flights;
SELECT _flight_table_sweep() AS forgotten;
SELECT count(*) FILTER (WHERE tracked) AS tracked, (SELECT count(*) FROM _invalidation_reader) AS readers, (SELECT count(*) FROM _flight_gone) AS notes FROM _target;
SELECT drop_stream('drone_events');
REVOKE CREATE ON SCHEMA public FROM flight_user;
DROP ROLE flight_user;

SET client_min_messages = warning;
DROP SCHEMA flight_table_test CASCADE;
