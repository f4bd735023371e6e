-- What firmware writes wrong is told as it is, and put right when asked. The logs are those of test/data/gen_gpmf.py.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA quirks_test;
SET search_path = quirks_test, public, event_pipeline;
\set quirks `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/quirks.gpmf" | tr -d ' \n'`
\set mended `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/mended.gpmf" | tr -d ' \n'`
CREATE TABLE logs (name text PRIMARY KEY, log gpmf);
INSERT INTO logs VALUES ('quirks', decode(:'quirks', 'hex')::gpmf), ('mended', decode(:'mended', 'hex')::gpmf);

-- every element that a correction changes, side by side
SELECT a.fourcc, a.element, a.value AS as_written, b.value AS corrected, k.column_name, k.unit, k.corrected_column, k.corrected_unit
FROM logs
CROSS JOIN LATERAL (SELECT s.fourcc, element, v AS value FROM gpmf_samples(log) s, unnest(s.value) WITH ORDINALITY u (v, element)
                    WHERE payload = 0) a
JOIN LATERAL (SELECT s.fourcc, element, v AS value FROM gpmf_samples(log, quirks => true) s, unnest(s.value) WITH ORDINALITY u (v, element)
              WHERE payload = 0) b USING (fourcc, element)
JOIN gpmf_fourccs() k USING (fourcc, element)
WHERE name = 'quirks' AND a.value <> b.value ORDER BY 1, 2;
-- times do not depend on it
SELECT count(*) FROM logs, gpmf_samples(log) a JOIN LATERAL gpmf_samples(log, quirks => true) b USING (stream, payload, sample)
WHERE a.t <> b.t OR a.at IS DISTINCT FROM b.at;
-- a firmware that writes the right divisors is left alone
SELECT count(*) FROM logs, LATERAL (SELECT * FROM gpmf_samples(log) EXCEPT SELECT * FROM gpmf_samples(log, quirks => true)) x WHERE name = 'mended';
SELECT jsonb_path_query(gpmf_to_jsonb(log, quirks => true), '$.devices[*].streams[*] ? (@.fourcc == "ATTR").data[0]') FROM logs ORDER BY name;

-- as tables: the columns are named for what they are then
SELECT create_stream('as_written', 'gpmf', fourccs => 'ATTR, KBAT');
SELECT create_stream('corrected', 'gpmf', fourccs => 'ATTR, KBAT, CSEN', quirks => true);
INSERT INTO as_written_raw (payload) SELECT log::bytea FROM logs WHERE name = 'quirks';
INSERT INTO corrected_raw (payload) SELECT log::bytea FROM logs WHERE name = 'quirks';
SELECT boot_ms, target_roll_rad FROM as_written_attr ORDER BY boot_ms;
SELECT boot_s, target_roll_rad FROM corrected_attr ORDER BY boot_s;
SELECT energy_millijoule, remaining_60ths_s FROM as_written_kbat LIMIT 1;
SELECT energy_j, remaining_s FROM corrected_kbat LIMIT 1;
SELECT boot_s, gimbal_joint_2_rad, gimbal_temperature_c FROM corrected_csen ORDER BY boot_s;
SELECT column_name, description FROM stream_columns WHERE target::text = 'corrected_kbat' AND column_name IN ('energy_j', 'remaining_s') ORDER BY 1;
SELECT * FROM verify('corrected');
SELECT drop_stream('as_written'), drop_stream('corrected');

-- the table of what is known
SELECT fourcc, meaning, type, count(element) AS elements FROM gpmf_fourccs() GROUP BY 1, 2, 3 ORDER BY 1, 3;
SELECT fourcc, element, column_name, unit, description FROM gpmf_fourccs() WHERE fourcc IN ('GPS5', 'LOGS');
DROP TABLE logs;
