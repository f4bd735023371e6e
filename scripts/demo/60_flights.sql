\echo
\echo '== 6. Flights: takeoffs and landings of drones whose clocks are wrong'
\echo
\set ECHO queries
SELECT create_stream('drone_events', 'json');
INSERT INTO drone_events_raw (source, payload) VALUES
    ('the landing arrives first', '{"event_id": "b", "drone_id": "K1", "type": "landing", "boot_id": "b1", "device_uptime_ms": 660000, "gps_time": "2026-03-01T10:11:00Z", "gps_fix": 3, "sent_at": "2026-03-01T10:12:00Z"}'),
    ('the clock says 2000',       '{"event_id": "a", "drone_id": "K1", "type": "takeoff", "boot_id": "b1", "device_uptime_ms": 60000, "device_clock": "2000-01-01T00:01:00Z", "gps_fix": 0, "sent_at": "2026-03-01T18:00:00Z"}'),
    ('and one that never landed', '{"event_id": "c", "drone_id": "K1", "type": "takeoff", "boot_id": "b2", "device_uptime_ms": 45000, "gps_time": "2026-03-02T09:00:45Z", "gps_fix": 3, "sent_at": "2026-03-02T09:01:00Z"}'),
    ('the drone with a log',      '{"event_id": "d", "drone_id": "K2", "type": "takeoff", "boot_id": "b7", "device_uptime_ms": 100000, "gps_time": "2020-09-13T12:26:40Z", "gps_fix": 3, "sent_at": "2020-09-13T12:40:00Z"}
{"event_id": "e", "drone_id": "K2", "type": "landing", "boot_id": "b7", "device_uptime_ms": 101250, "gps_time": "2020-09-13T12:26:41.250Z", "gps_fix": 3, "sent_at": "2020-09-13T12:40:00Z"}');
SELECT create_flight_table('flights',
    'SELECT event_id, drone_id, type, boot_id, device_uptime_ms, device_clock, gps_time, gps_fix, sent_at AS received_at FROM drone_events',
    telemetry => 'camera_logs');
SELECT drone_id, boot_id, status, takeoff_at, landing_at, duration_ms, end_reason, time_source, flags FROM flights ORDER BY takeoff_at;
SELECT drone_id, telemetry_match, round(takeoff_lat::numeric, 4) AS lat, round(takeoff_lon::numeric, 4) AS lon, max_height_m, round(max_speed_mps::numeric, 2) AS max_speed_mps, round(distance_m::numeric, 3) AS distance_m, battery_start_pct, battery_end_pct, firmware FROM flights WHERE telemetry_match IS NOT NULL;
\set ECHO none
