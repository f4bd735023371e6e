-- :events events of 1,000 drones in order of arrival, all with GPS: boots of 10 flights, each a takeoff, two signs of life and a landing.
SET search_path = public, event_pipeline;
ALTER DATABASE postgres SET search_path = public, event_pipeline;
ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0;
ALTER DATABASE postgres SET work_mem = '128MB';

CREATE TABLE flight_event AS
SELECT md5(format('%s-%s-%s-%s', d, b, f, k.n)) AS event_id, format('drone-%s', d) AS drone_id, k.type, format('boot-%s-%s', d, b) AS boot_id,
       format('upload-%s-%s', d, b) AS upload_id, f * 4 + k.n AS seq, uptime AS device_uptime_ms,
       start + uptime * interval '1 ms' AS gps_time, 3 AS gps_fix, start + (3600000 + uptime) * interval '1 ms' AS received_at
FROM generate_series(1, 1000) d, generate_series(1, :events / 40000) b, generate_series(0, 9) f,
     (VALUES (0, 'takeoff', 0), (1, 'status', 300000), (2, 'status', 600000), (3, 'landing', 900000)) k(n, type, after),
     LATERAL (SELECT timestamptz '2026-01-01Z' + b * interval '1 day' + d * interval '37 s' AS start, 60000::bigint + f * 1500000 + k.after + d % 1000 AS uptime) t
ORDER BY received_at;
VACUUM ANALYZE flight_event;

CREATE VIEW flights_of_pair_flights AS SELECT * FROM pair_flights('SELECT * FROM flight_event', '2027-01-01');

-- The same rules as far as clean data and uploads that are repeated need them, with window functions: the first copy of each event; one
-- clock per boot, the lower median of its last five GPS anchors; a takeoff with the landing after it.
CREATE VIEW flights_of_windows AS
WITH copy AS (
    SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY drone_id, event_id ORDER BY received_at, upload_id, seq) AS n FROM flight_event) c
    WHERE n = 1),
anchor AS (
    SELECT drone_id, boot_id, (extract(epoch FROM gps_time) * 1000)::bigint - device_uptime_ms AS value,
           row_number() OVER (PARTITION BY drone_id, boot_id ORDER BY device_uptime_ms DESC, event_id DESC) AS n
    FROM copy WHERE gps_fix >= 2 AND gps_time >= '2016-09-01' AND gps_time <= received_at + interval '300 s'),
clock AS (
    SELECT drone_id, boot_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE n <= 5) AS start,
           max(value) - min(value) > 2000 AS stepped
    FROM anchor GROUP BY drone_id, boot_id),
pair AS (
    SELECT *, lag(type) OVER s AS before, lead(type) OVER s AS after, lead(device_uptime_ms) OVER s AS after_ms
    FROM (SELECT *, max(device_uptime_ms) OVER (PARTITION BY drone_id, boot_id) AS last_ms FROM copy) e
    WHERE type IN ('takeoff', 'landing')
    WINDOW s AS (PARTITION BY drone_id, boot_id ORDER BY device_uptime_ms, type, event_id))
SELECT drone_id, boot_id,
       CASE WHEN type = 'landing' THEN 'no_takeoff' WHEN after = 'landing' THEN 'complete' ELSE 'no_landing' END AS status,
       CASE WHEN type = 'takeoff' THEN to_timestamp((start + device_uptime_ms) / 1000.0) END AS takeoff_at,
       to_timestamp((start + CASE WHEN type = 'landing' THEN device_uptime_ms WHEN after = 'landing' THEN after_ms END) / 1000.0) AS landing_at,
       to_timestamp((start + CASE WHEN type = 'landing' THEN device_uptime_ms WHEN after = 'landing' THEN after_ms ELSE last_ms END) / 1000.0) AS last_seen_at,
       CASE WHEN type = 'takeoff' AND after = 'landing' THEN after_ms - device_uptime_ms END AS duration_ms,
       CASE WHEN type = 'landing' OR after = 'landing' THEN 'landing' WHEN after = 'takeoff' THEN 'next_takeoff' ELSE 'timeout' END AS end_reason,
       'gps' AS time_source, CASE WHEN type = 'landing' OR after = 'landing' THEN 1 ELSE 0 END AS touchdowns,
       array_remove(ARRAY[CASE WHEN stepped THEN 'clock_step' END,
                          CASE WHEN type = 'takeoff' AND after = 'landing' AND after_ms - device_uptime_ms < 10000 THEN 'short' END], NULL) AS flags
FROM pair JOIN clock USING (drone_id, boot_id)
WHERE type = 'takeoff' OR before IS DISTINCT FROM 'takeoff';
