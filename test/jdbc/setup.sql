-- The tables that BiClient reads, in an empty database; run in the top folder of the repository.
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
CREATE EXTENSION event_pipeline CASCADE;

-- Who reads, and who sends: each with the least rights.
DROP ROLE IF EXISTS bi, sender, keeper;
CREATE ROLE bi LOGIN PASSWORD :'password';
CREATE ROLE sender LOGIN PASSWORD :'password';
CREATE ROLE keeper LOGIN SUPERUSER PASSWORD :'password'; -- runs the maintenance
GRANT pg_read_all_data TO bi;

SELECT create_stream('app_events', 'json', event_time => 'at');
INSERT INTO app_events_raw (payload)
SELECT json_build_object('at', timestamptz '2026-03-01 00:00Z' + n * interval '1 minute', 'user_id', n % 10, 'article', 'a' || n,
                         'reading_time', n + 0.5, 'paid', n % 2 = 0)
FROM generate_series(1, 600) n;

\set bytes `base64 -w0 test/data/protobuf/events.pb`
GRANT INSERT ON app_events_raw TO sender;

SELECT register_protobuf('events', decode(:'bytes', 'base64'));
SELECT create_stream('device_events', 'protobuf', message_type => 'gopro.events.v1.Event', event_time => 'occurred_at', event_id => 'event_id', framing => 'delimited');
\set bytes `base64 -w0 test/data/protobuf/events.binpb`
INSERT INTO device_events_raw (payload) VALUES (decode(:'bytes', 'base64'));

SELECT create_stream('camera_logs', 'gpmf');
\set bytes `base64 -w0 test/data/gpmf/camera.gpmf`
CREATE TABLE logs (log gpmf);
COMMENT ON TABLE logs IS 'camera logs';
INSERT INTO logs VALUES (decode(:'bytes', 'base64')::gpmf);
INSERT INTO camera_logs_raw (payload) SELECT log::bytea FROM logs;

SELECT create_rollup('reads_daily', 'app_events',
    'SELECT count(*) AS reads, count(DISTINCT user_id) AS readers FROM app_events WHERE event_time >= $1 AND event_time < $2',
    bucket => '1 day');
-- Its day begins at noon of ours.
SELECT create_rollup('reads_per_day', 'app_events',
    'SELECT user_id, count(*) AS reads, avg(reading_time) AS reading_time, max(event_time) AS last_read FROM app_events
     WHERE event_time >= $1 AND event_time < $2 GROUP BY user_id',
    bucket => '1 day', time_zone => 'Pacific/Auckland');
SELECT create_rollup('reads_hourly', 'app_events',
    'SELECT user_id, count(*) AS reads, sum(reading_time) AS reading_time FROM app_events WHERE event_time >= $1 AND event_time < $2 GROUP BY user_id',
    bucket => '1 hour');

SELECT create_stream('drone_events', 'json');
INSERT INTO drone_events_raw (payload) VALUES
    ('{"event_id": "a", "drone_id": "K1", "type": "takeoff", "boot_id": "b1", "device_uptime_ms": 60000, "gps_time": "2017-06-01T10:01:00Z", "gps_fix": 3, "sent": "2017-06-01T18:00:00Z"}
{"event_id": "b", "drone_id": "K1", "type": "landing", "boot_id": "b1", "device_uptime_ms": 660000, "gps_time": "2017-06-01T10:11:00Z", "gps_fix": 3, "sent": "2017-06-01T18:00:00Z"}');
GRANT INSERT ON drone_events_raw TO sender;
SELECT create_flight_table('flights',
    'SELECT event_id, drone_id, type, boot_id, device_uptime_ms, gps_time, gps_fix, sent AS received_at FROM drone_events');
SELECT create_fleet_rollup('fleet_days', 'flights', time_zone => 'Pacific/Auckland');

CALL event_pipeline.run_maintenance();
