-- A load is taken while it runs, as long as nothing is missing. It ends as a load inside a transaction block, which is taken at the end.
CREATE SCHEMA ingest_load;
SET search_path = ingest_load, event_pipeline;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE TABLE blobs AS
SELECT i, CASE
    WHEN i % 7001 = 0 THEN '{"id": broken'
    WHEN i % 5 = 0 THEN format(E'{"id":"%1$s-1","ts":"2026-03-01T00:00:00Z","n":%1$s,"kind":"a"}\n{"id":"%1$s-2","ts":"2026-03-02T00:00:00Z","n":%1$s%2$s}\n{"id":"%1$s-3","ts":"2026-03-01T00:00:00Z","n":1}', i,
        CASE WHEN i > 22000 THEN ',"late":"misfit"' WHEN i > 15000 THEN ',"late":' || i ELSE '' END)
    WHEN i % 11 = 0 THEN format('{"id":"%s-1","ts":"2026-03-01T00:00:00Z","n":2}', i - 1)
    WHEN i > 22000 AND i % 13 = 0 THEN format('{"id":"%s","ts":"2026-03-05T00:00:00Z","n":"misfit"}', i)
    WHEN i > 24000 AND i % 17 = 0 THEN format('{"id":"%s","ts":"2026-03-01T00:00:00Z","kind":"b","n":%1$s}', i)
    WHEN i % 19 = 0 THEN format('{"id":"%s","ts":"never","n":%1$s}', i)
    ELSE format('{"id":"%s","ts":"2026-03-01T00:00:00Z","n":%1$s}', i) END AS payload
FROM generate_series(1, 30000) i;

SELECT create_stream(s, 'json', event_time => 'ts', event_id => 'id', route_by => 'kind') FROM unnest('{whole,load,checked}'::text[]) s;
-- what is known beforehand
INSERT INTO whole_raw (payload) VALUES ('{"id":"x","ts":"2026-03-01T00:00:00Z","n":1}'), ('{"id":"y","ts":"2026-03-02T00:00:00Z","n":1}'), ('{"id":"z","ts":"2026-03-01T00:00:00Z","n":1,"kind":"a"}');
INSERT INTO load_raw (payload) SELECT payload FROM whole_raw ORDER BY raw_id;
INSERT INTO checked_raw (payload) SELECT payload FROM whole_raw ORDER BY raw_id;
ALTER TABLE checked ADD CHECK (n IS DISTINCT FROM 78);

BEGIN;
INSERT INTO whole_raw (payload) SELECT payload FROM blobs ORDER BY i;
COMMIT;
INSERT INTO load_raw (payload) SELECT payload FROM blobs ORDER BY i;
INSERT INTO checked_raw (payload) SELECT payload FROM blobs ORDER BY i;
SELECT stream, raw_rows, events, typed, rejected, duplicates, rescued, bytes, rejected_at FROM stream_stats WHERE stream IN ('whole', 'load', 'checked') ORDER BY stream;

-- The same rows but for their columns' order and when they came.
CREATE FUNCTION facts(event_table regclass) RETURNS TABLE (fact jsonb) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT jsonb_strip_nulls(to_jsonb(t)) - ''received_at'' FROM %s t', event_table);
END
$$;
SELECT count(*), count(*) FILTER (WHERE fact ? 'late'), count(*) FILTER (WHERE fact ? 'n__text'), count(DISTINCT fact->'event_time') FROM facts('load');
(SELECT * FROM facts('whole') EXCEPT ALL SELECT * FROM facts('load')) UNION ALL (SELECT * FROM facts('load') EXCEPT ALL SELECT * FROM facts('whole'));
(SELECT * FROM facts('whole_a') EXCEPT ALL SELECT * FROM facts('load_a')) UNION ALL (SELECT * FROM facts('load_a') EXCEPT ALL SELECT * FROM facts('whole_a'));
(SELECT * FROM facts('whole_b') EXCEPT ALL SELECT * FROM facts('load_b')) UNION ALL (SELECT * FROM facts('load_b') EXCEPT ALL SELECT * FROM facts('whole_b'));
SELECT raw_id, seq, stage, path, message FROM rejected WHERE stream = 'whole' EXCEPT ALL SELECT raw_id, seq, stage, path, message FROM rejected WHERE stream = 'load';
SELECT seq, stage, regexp_replace(message, '_p[0-9_]*[0-9]', '_p') AS message, raw_id FROM rejected WHERE stream = 'checked' AND stage = 'constraint';
SELECT s, v.* FROM unnest('{whole,load,checked}'::text[]) s, verify(s, 3000) v;
SELECT s, r.* FROM unnest('{whole,load,checked}'::text[]) s, LATERAL (SELECT sum(raw_rows) AS raw_rows, sum(events) AS events, sum(typed) AS typed,
    sum(rejected) AS rejected, sum(duplicates) AS duplicates, sum(missing) AS missing FROM reconcile(s)) r ORDER BY s;

-- What fails at its end leaves nothing, and the next load begins afresh.
SELECT count(*) FROM load;
INSERT INTO load_raw (payload) SELECT format('{"id":"again %s","ts":"2026-03-01T00:00:00Z","n":%1$s}', i) FROM generate_series(1, 25000) i WHERE 1 / (25000 - i) >= 0;
SELECT count(*) FROM load;
DO $$
BEGIN
    BEGIN
        INSERT INTO ingest_load.load_raw (payload) SELECT format('{"id":"again %s","ts":"2026-03-01T00:00:00Z","n":%1$s}', i) FROM generate_series(1, 25000) i WHERE 1 / (25000 - i) >= 0;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    INSERT INTO ingest_load.load_raw (payload) SELECT format('{"id":"again %s","ts":"2026-03-01T00:00:00Z","n":%1$s}', i) FROM generate_series(1, 24999) i;
END
$$;
SELECT count(*) FILTER (WHERE id LIKE 'again%'), sum(n) FILTER (WHERE id LIKE 'again%') FROM load;
-- A statement that reads the table it loads sees it as it was.
INSERT INTO load_raw (payload) SELECT format('{"id":"copy of %s","ts":"2026-03-01T00:00:00Z","n":%s}', id, n) FROM load WHERE id LIKE 'again%';
SELECT count(*) FILTER (WHERE id LIKE 'copy of%') FROM load;
-- The row at which a load stopped may be gone when the statement ends: the one after it is taken whole.
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ingest_load.load_raw WHERE raw_id = NEW.raw_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_forget AFTER INSERT ON load_raw FOR EACH ROW WHEN (NEW.source = 'nobody') EXECUTE FUNCTION forget();
INSERT INTO load_raw (source, payload)
SELECT CASE i WHEN 500 THEN 'nobody' END, format(E'{"id":"g%s-1","ts":"2026-03-01T00:00:00Z"}\n{"id":"g%1$s-2","ts":"2026-03-01T00:00:00Z"}\n{"id":"g%1$s-3","ts":"2026-03-01T00:00:00Z"%s}', i,
    CASE i WHEN 500 THEN ',"gone":1' END) FROM generate_series(1, 12000) i;
SELECT id FROM load WHERE id ~ '^g(499|500|501)-' ORDER BY 1;
SELECT count(*) FROM load WHERE id ~ '^g[0-9]';
SELECT sum(missing) FROM reconcile('load');
-- One row alone is taken in one pass, too, until something is missing.
INSERT INTO load_raw (payload) VALUES (E'{"id":"s1","ts":"2026-03-01T00:00:00Z","n":1}\n{"id":"s2","ts":"2026-03-01T00:00:00Z","n":"misfit","fresh":1}\n{"id":"s3","ts":"2026-04-01T00:00:00Z","n":3}');
INSERT INTO load_raw (payload) VALUES ('{"id":"s4","ts":"2026-03-01T00:00:00Z","n":true}');
SELECT id, n, n__text, n__boolean, fresh, event_time, _ep_seq FROM load WHERE id ~ '^s[1-4]' ORDER BY id;
-- So are a few large blobs.
INSERT INTO load_raw (source, payload)
SELECT 'file', string_agg(format('{"id":"b%s-%s","ts":"2026-03-01T00:00:00Z","n":%2$s,"text":"%s"%s}', blob, line, md5(line::text),
                                 CASE WHEN blob = 2 AND line > 4000 THEN ',"in_blob":1' END), E'\n' ORDER BY line)
FROM generate_series(1, 3) blob, generate_series(1, 10000) line GROUP BY blob ORDER BY blob;
SELECT count(*), count(DISTINCT id), sum(n), count(*) FILTER (WHERE text = md5(n::text)), count(in_blob) FROM load WHERE id ~ '^b[1-3]-';
SELECT events, typed FROM stream_stats WHERE stream = 'load';
-- Blobs are compressed by what is quick, where the server has it, in every partition.
SELECT every(a.attcompression = CASE WHEN s.enumvals @> '{lz4}' THEN 'l' ELSE '' END) FROM pg_attribute a, pg_settings s
WHERE a.attrelid IN (SELECT relid FROM pg_partition_tree('load_raw')) AND a.attname = 'payload' AND s.name = 'default_toast_compression';
-- Partitions are made for every event of a load, of any length, and max_new_partitions counts partitions: the newest are made.
SELECT create_stream('quarters', 'json', event_time => 't', partition_interval => '15 minutes');
INSERT INTO quarters_raw (payload) SELECT json_build_object('t', timestamptz '2024-06-01Z' + n * interval '5 minutes') FROM generate_series(0, 35) n;
SELECT count(*), count(DISTINCT tableoid) AS partitions FROM quarters;
SELECT create_stream('few_days', 'json', event_time => 't', settings => '{"max_new_partitions": 3}');
INSERT INTO few_days_raw (payload) SELECT json_build_object('t', timestamptz '2024-06-01Z' + n * interval '1 hour') FROM generate_series(0, 71) n;
INSERT INTO few_days_raw (payload) SELECT json_build_object('t', timestamptz '2024-07-01Z' + n * interval '1 day') FROM generate_series(0, 4) n;
SELECT event_time::date AS day, count(*) FROM few_days GROUP BY 1 ORDER BY 1;
-- whoever sends times of all ages fills the table up to max_partitions, and keeps nobody from the partitions of these days
SELECT create_stream('full_up', 'json', event_time => 't', settings => '{"max_partitions": 6}');
SELECT format('DROP TABLE %s', part) AS today FROM event_pipeline._partition_bounds('full_up') WHERE now() >= lower_bound AND now() < upper_bound \gset drop_
:drop_today;
INSERT INTO full_up_raw (payload) SELECT json_build_object('t', timestamptz '1970-01-01Z' + n * interval '1 day') FROM generate_series(0, 9) n;
INSERT INTO full_up_raw (payload) SELECT json_build_object('t', timestamptz '1980-01-01Z' + n * interval '1 day') FROM generate_series(0, 9) n;
INSERT INTO full_up_raw (payload) VALUES (json_build_object('t', now()));
SELECT count(*), count(*) FILTER (WHERE event_time = received_at) AS now FROM full_up;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'full_up'::regclass;
-- one whose name is taken, as either major version of pg_partman would name it, is not made, and the rejection says so, too
CREATE TABLE few_days_p2024_08_01 (t int);
CREATE TABLE few_days_p20240801 (t int);
INSERT INTO few_days_raw (payload) VALUES ('{"t": "2024-08-01T00:00:00Z"}');
SELECT stream, count(*), message, detail FROM rejected WHERE stream IN ('quarters', 'few_days', 'full_up') GROUP BY 1, 3, 4 ORDER BY 2;
DROP TABLE few_days_p2024_08_01, few_days_p20240801;
SELECT drop_stream(s) FROM unnest('{whole,load,checked,quarters,few_days,full_up}'::text[]) s;
DROP SCHEMA ingest_load CASCADE;
