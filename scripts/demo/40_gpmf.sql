\echo
\echo '== 4. GPMF: a drone''s log becomes a table for each kind of sample'
\echo
\set ECHO queries
SELECT create_stream('camera_logs', 'gpmf');
INSERT INTO camera_logs_raw (source, payload) SELECT 'K2', bytes FROM files WHERE name = 'drone.gpmf';
SELECT device_name, started_at, duration_s, samples, firmware FROM camera_logs;
SELECT target, count(*) AS columns FROM stream_columns WHERE stream = 'camera_logs' GROUP BY target ORDER BY target::text;
SELECT event_time, latitude, longitude, height_m, velocity_north_mps FROM camera_logs_glpi ORDER BY event_time;
SELECT column_name, description FROM stream_columns WHERE target = 'camera_logs_kbat'::regclass AND column_name ~ 'current|remaining_p|cell_1' ORDER BY 1;
\set ECHO none
