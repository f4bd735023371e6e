-- A fleet rollup: a row per local day of a flight table, right after every refresh of it.
\pset format unaligned
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA fleet_test;
SET search_path = fleet_test, event_pipeline, public;
CREATE TABLE event (event_id text, drone_id text, type text, boot_id text, device_uptime_ms bigint, received_at timestamptz, device_clock timestamptz);
CREATE FUNCTION fly(drone text, takeoff timestamptz, landing timestamptz) RETURNS void LANGUAGE sql AS $$
INSERT INTO event
SELECT drone || kind || at, drone, kind, 'b' || coalesce(takeoff, landing), extract(epoch FROM at - '2026-01-01') * 1000, at + interval '1 h', at
FROM (VALUES ('takeoff', takeoff), ('landing', landing)) v (kind, at) WHERE at IS NOT NULL
$$;
-- In Berlin the clocks are put forward on 2026-03-29 and back on 2026-10-25: 23 and 25 hours.
SELECT fly('K1', '2026-03-28 22:50Z', '2026-03-28 23:10Z'),    -- on the 28th, 23:50
       fly('K1', '2026-03-28 23:30Z', '2026-03-28 23:42Z'),    -- on the 29th, 00:30
       fly('K2', '2026-03-29 21:59Z', '2026-03-29 22:05Z'),    -- still on the 29th, 23:59
       fly('K2', NULL, '2026-03-29 22:30Z'),                   -- on the 30th, 00:30
       fly('K3', '2026-10-24 22:00Z', '2026-10-24 22:30Z'),    -- the 25 hours
       fly('K3', '2026-10-25 22:59Z', NULL),                   -- of the 25th of October
       fly('K3', '2026-10-25 23:01Z', '2026-10-25 23:07Z');
SELECT create_flight_table('flights', 'event');
SELECT create_fleet_rollup('fleet', 'flights', 'Europe/Berlin');
CREATE VIEW shown AS
SELECT day, drones, flights, complete, no_takeoff, no_landing, open, round(incomplete_share::numeric, 3) AS incomplete_share,
       round(flight_hours::numeric, 3) AS flight_hours, measured, distance_km, battery_used_ah FROM fleet ORDER BY day;
SELECT refresh_flight_table('flights', '2026-12-01');
TABLE shown;

-- A late landing; a takeoff that moves its flight to the day before; a day that loses all flights.
INSERT INTO event SELECT 'late', 'K3', 'landing', boot_id, device_uptime_ms + 1260000, '2026-11-01', '2026-10-25 23:20Z' FROM event WHERE device_clock = '2026-10-25 22:59Z';
INSERT INTO event SELECT 'early', 'K2', 'takeoff', boot_id, device_uptime_ms - 2400000, received_at, device_clock - interval '40 min'
FROM event WHERE drone_id = 'K2' AND device_clock = '2026-03-29 22:30Z';
DELETE FROM event WHERE drone_id = 'K1' AND device_clock < '2026-03-28 23:30Z';
SELECT refresh_flight_table('flights', '2026-12-01');
TABLE shown;

-- Telemetry counts where there is some.
UPDATE flights SET coverage = 0.9, distance_m = 1500.5, battery_used_mah = 700, max_height_m = 30 WHERE drone_id = 'K2' AND touchdowns = 1;
SELECT _fleet_rollup_fill('fleet', 'flights', 'Europe/Berlin', ARRAY['2026-03-29 12:00Z'::timestamptz]);
SELECT day, measured, distance_km, battery_used_ah, max_height_m FROM fleet WHERE day < '2026-10-01' ORDER BY day;
SELECT count(*) AS without_comment FROM pg_attribute a
WHERE a.attrelid = 'fleet'::regclass AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;

-- Refused
SELECT create_fleet_rollup('fleet', 'flights');
SELECT create_fleet_rollup('other', 'event');
SELECT create_fleet_rollup('other', 'nothing');
SELECT create_fleet_rollup('other', 'flights', 'Nowhere');
SELECT drop_fleet_rollup('flights');
CREATE ROLE fleet_user;
GRANT USAGE, CREATE ON SCHEMA fleet_test TO fleet_user;
SET ROLE fleet_user;
SELECT create_fleet_rollup('theirs', 'flights');
SELECT drop_fleet_rollup('fleet');
RESET ROLE;

-- Gone by drop_fleet_rollup(), by DROP TABLE, with its flights.
DROP VIEW shown;
SELECT create_fleet_rollup('second', 'flights'), create_fleet_rollup('third', 'flights');
SELECT drop_fleet_rollup('fleet');
DROP TABLE second;
SELECT refresh_flight_table('flights', '2026-12-02');
SELECT _flight_table_sweep() AS flight_tables;
SELECT relation, flights, time_zone FROM _fleet_rollup;
SELECT drop_flight_table('flights');
SELECT count(*) AS registered, (SELECT count(*) FROM third) AS days_kept FROM _fleet_rollup;
DROP TABLE third;
DROP SCHEMA fleet_test CASCADE;
DROP ROLE fleet_user;
