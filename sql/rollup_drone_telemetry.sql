-- The streams of a drone's log as one view. The logs are those of test/data/gen_gpmf.py.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA drone_view_test;
SET search_path = drone_view_test, public, event_pipeline;
\set drone `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/drone.gpmf" | tr -d ' \n'`
\set quirks `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/quirks.gpmf" | tr -d ' \n'`
\set SHOW_CONTEXT never
SELECT create_stream('drone_logs', 'gpmf');
SELECT create_drone_telemetry_view('drone', 'drone_logs');
SELECT create_drone_telemetry_view('drone', 'no_stream');
INSERT INTO drone_logs_raw (payload) VALUES (decode(:'drone', 'hex'));
SELECT create_drone_telemetry_view('drone', 'drone_logs');
SELECT event_time, clock_missing, t, boot_s, latitude, longitude, altitude_m, height_m, round(speed_mps::numeric, 3) AS speed_mps, climb_mps, heading_deg FROM drone ORDER BY event_time;
SELECT event_time, throttle_percent, remaining_percent, battery_v, current_a, consumed_ah, utc_minus_boot_s FROM drone ORDER BY event_time;
-- UTC is as the rule has it
SELECT bool_and(extract(epoch FROM event_time)::float8 = boot_s + utc_minus_boot_s) FROM drone;
-- two logs do not mix; a log without a clock says so when the view is made anew; a battery that is silent holds
INSERT INTO drone_logs_raw (payload) VALUES (decode(:'quirks', 'hex'));
DELETE FROM drone_logs_kbat WHERE _ep_raw_id = 1 AND payload = 1;
SELECT create_drone_telemetry_view('drone', 'drone_logs');
SELECT _ep_raw_id, clock_missing, boot_s, throttle_percent, remaining_percent, battery_v, utc_minus_boot_s FROM drone ORDER BY _ep_raw_id, boot_s;
SELECT count(*) FROM drone WHERE event_time >= '2020-09-13 12:26:41Z' AND event_time < '2020-09-14';
SELECT a.attname FROM pg_attribute a WHERE attrelid = 'drone'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;
-- the view is in the stream's way, and says so
SELECT drop_stream('drone_logs');
SELECT drop_stream('drone_logs', keep_tables => true);
SELECT count(*) FROM drone;
DROP VIEW drone;
-- a stream of positions alone
SELECT create_stream('positions', 'gpmf', fourccs => 'GLPI');
INSERT INTO positions_raw (payload) VALUES (decode(:'drone', 'hex'));
SELECT create_drone_telemetry_view('"Drone view"', 'positions');
SELECT count(*), count(latitude), count(battery_v), count(throttle_percent) FROM "Drone view";
DROP VIEW "Drone view";
SELECT drop_stream('positions');
SET client_min_messages = warning;
DROP SCHEMA drone_view_test CASCADE;
