-- The type gpmf: what it accepts, how it compares, and what is in a log. The logs are those of test/data/gen_gpmf.py.
SET TimeZone = 'UTC';
CREATE SCHEMA gpmf_test;
SET search_path = gpmf_test, public, event_pipeline;
\set camera `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/camera.gpmf" | tr -d ' \n'`
\set drone `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/drone.gpmf" | tr -d ' \n'`
\set odd `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/odd.gpmf" | tr -d ' \n'`
\set settings `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/settings.gpmf" | tr -d ' \n'`
\set text_clock `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/text_clock.gpmf" | tr -d ' \n'`
CREATE TABLE logs (name text PRIMARY KEY, log gpmf);
INSERT INTO logs SELECT name, decode(hex, 'hex')
FROM (VALUES ('camera', :'camera'), ('drone', :'drone'), ('odd', :'odd'), ('settings', :'settings'),
             ('text_clock', :'text_clock')) v (name, hex);

-- in, out, casts, equality
SELECT '\x4445564300010000'::gpmf, length('\x4445564300010000'::gpmf::bytea);
SELECT count(*) FROM logs WHERE log::text::gpmf = log AND log::bytea::gpmf = log AND NOT log <> log;
SELECT a.name FROM logs a JOIN logs b ON a.log = b.log WHERE a.name <> b.name;
SELECT count(DISTINCT name), count(*) FROM (SELECT log, min(name) AS name FROM (TABLE logs UNION ALL TABLE logs) x GROUP BY log) y;
CREATE INDEX ON logs USING hash (log);
\set SHOW_CONTEXT never
SELECT ''::gpmf;
SELECT 'zz'::gpmf;
SELECT '\x5354524d00010000'::gpmf;
SELECT '\x44455643000100086162636473000005'::gpmf;
SELECT '\x4445564300ffffff'::bytea::gpmf;
SELECT '\x000000186674797069736f6d'::gpmf;
SELECT gpmf(substr(log::bytea, 1, 1000)) FROM logs WHERE name = 'camera';

-- what is in a log
SELECT name, gpmf_started_at(log), gpmf_duration(log), gpmf_device_names(log) FROM logs ORDER BY name;
SELECT l.name, s.stream, s.device_id, s.fourcc, s.name, s.type, s.elements, s.payloads, s.samples, s.units, s.rate_hz, s.clock, s.remark
FROM logs l, gpmf_streams(log) s ORDER BY l.name, s.stream;
SELECT s.fourcc, first_at, last_at, scale, orin, orio, mtrx, tsmp_last FROM logs l, gpmf_streams(log) s
WHERE s.fourcc IN ('ACCL', 'TURN', 'KBAT') ORDER BY 1;
SELECT payload, klv, sample, t, at, value FROM logs, gpmf_samples(log, 'ACCL') WHERE sample = 2;
SELECT payload, sample, t, at, value[7] FROM logs, gpmf_samples(log, 'GPS9') WHERE name = 'camera';
SELECT payload, klv, sample, t, at, value, label FROM logs, gpmf_samples(log, 'SCEN') WHERE name = 'camera' AND payload = 1;
SELECT payload, t, label FROM logs, gpmf_samples(log, 'NOTE') WHERE name = 'camera';
SELECT fourcc, payload, sample, t, at, value[1:4] FROM logs, gpmf_samples(log) WHERE name = 'drone' AND fourcc IN ('GLPI', 'VFRH', 'SYST', 'ATTR');
SELECT stream, fourcc, klv, sample, value, label FROM logs, gpmf_samples(log) WHERE name = 'odd';
SELECT count(*) FROM logs, gpmf_samples(log, 'NONE');
SELECT count(*) FROM gpmf_samples(NULL), gpmf_streams(NULL);
SELECT * FROM logs, gpmf_samples(log, 'PACK') WHERE name = 'odd';
SELECT * FROM logs, gpmf_samples(log, 'BADT') WHERE name = 'odd';
SELECT m.* FROM logs, gpmf_metadata(log) m WHERE name = 'settings' OR (name = 'text_clock' AND payload = 1) ORDER BY name, "offset";
-- 64-bit integers beyond what float8 holds
SELECT key, type, value, exact FROM logs, gpmf_metadata(log) WHERE name = 'odd' AND type = 'J';
SELECT jsonb_path_query(gpmf_to_jsonb(log), '$.devices[*].streams[*] ? (@.fourcc == "HUGE").data[*][1]') FROM logs WHERE name = 'odd';
SELECT key, exact FROM gpmf_metadata('\x444556430001003c5354524d0001003453544d504a080001002000000000000154494d536a080002ffdfffffffffffff80000000000000004c4153544201000201020000');
SELECT jsonb_path_query(gpmf_to_jsonb(log), '$.devices[*].streams[*] ? (@.fourcc == "SCEN" || @.fourcc == "GUID" || @.fourcc == "ZERO")') FROM logs ORDER BY name;
SELECT gpmf_to_jsonb(log) - 'devices' FROM logs ORDER BY name;

-- as a stream: a table per FourCC, or only for those chosen
SELECT create_stream('camera_logs', 'gpmf');
INSERT INTO camera_logs_raw (payload) SELECT log::bytea FROM logs ORDER BY name;
SELECT device_id, device_name, firmware, started_at, round(duration_s::numeric, 6) AS duration_s, payloads, samples, jsonb_array_length(streams) AS streams,
       clock_missing, event_time = started_at AS at_start FROM camera_logs ORDER BY _ep_raw_id, _ep_seq;
SELECT event_time, latitude, longitude, altitude_m, speed_2d_mps, speed_3d_mps, gps_fix FROM camera_logs_gps9 ORDER BY event_time LIMIT 2;
SELECT event_time, boot_s, height_m FROM camera_logs_glpi ORDER BY event_time;
SELECT scene, scene_probability FROM camera_logs_scen ORDER BY event_time, sample LIMIT 2;
SELECT label FROM camera_logs_note ORDER BY event_time;
SELECT v1, clock_missing, abs(extract(epoch FROM event_time - received_at) - t) < 0.00001 AS arrival_plus_t FROM camera_logs_fixq ORDER BY sample;
-- an unknown element has its own stream's name and unit as comment
SELECT target, column_name, description, col_description(target, attnum) = description AS commented
FROM stream_columns JOIN pg_attribute ON attrelid = target AND attname = column_name
WHERE stream = 'camera_logs' AND column_name ~ '^v1' ORDER BY target::text;
SELECT column_name, column_type, description FROM stream_columns WHERE target::text IN ('camera_logs_pr_1', 'camera_logs_vfrh') ORDER BY 1;
SELECT seq, stage, path, sqlstate, message, detail, encode(payload, 'hex') AS payload FROM rejected WHERE stream = 'camera_logs' ORDER BY raw_id, seq;
SELECT drop_stream('camera_logs');
SELECT create_stream('chosen', 'gpmf', fourccs => 'GPS5, gps9');
INSERT INTO chosen_raw (payload) SELECT substr(log::bytea, 1, length(log::bytea) - 30) FROM logs WHERE name IN ('camera', 'text_clock') ORDER BY name;
SELECT relname FROM pg_class WHERE relname ~ '^chosen' AND relkind = 'p' ORDER BY 1;
SELECT (SELECT count(*) FROM chosen_gps9) AS gps9, (SELECT count(*) FROM chosen_gps5) AS gps5;
SELECT raw_id, seq, sqlstate, message, detail, bytes FROM rejected WHERE stream = 'chosen' ORDER BY 1, 2;
SELECT drop_stream('chosen');
DROP TABLE logs;
