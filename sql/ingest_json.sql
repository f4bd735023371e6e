-- JSON from raw payloads to typed, partitioned rows: INSERT, multi-row INSERT, COPY; drift in spelling and shape.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('js', 'json', event_time => 'ts', event_id => 'id');
INSERT INTO js_raw (source, payload) VALUES ('phone', '{"id":"a","ts":"2024-06-01T10:00:00Z","event_type":"click","n":1,"ok":true}');
-- several rows, one object, an array and lines; years old; another spelling; nested; a new attribute that comes late
INSERT INTO js_raw (payload) VALUES
    ('{"id":"b","ts":"2016-10-01T10:00:00.5+02:00","eventType":"read","record":{"userId":"u1"}}'),
    ('[{"id":"c","ts":1717236000,"EventType":"share","n":2},{"id":"d","ts":1717236000123,"n":9007199254740993,"tags":["x",1]}]'),
    (E'{"id":"e","ts":"2024-06-01 10:00:02"}\n{"id":"f","ts":"2024-06-01T10:00:03Z","device":{"serial no":"C34"}}');
COPY js_raw (payload) FROM stdin (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
{"id":"g","ts":"2024-06-02T00:00:00Z","été":"ja","n":null}
{"id":"h","ts":"2024-06-02T00:00:01Z","price":0.1}
{"id":"i","ts":"2024-06-02T00:00:02Z","price":12345678901234567890.5}
\.
SELECT id, event_time, event_type, n, ok, record_user_id, tags, device_serial_no, "été", price, _ep_rescued FROM js ORDER BY id;
SELECT path, column_name, column_type, raw_id FROM event_pipeline.stream_columns WHERE stream = 'js' ORDER BY path COLLATE "C";
-- provenance: each row points to its raw row and its place in it
SELECT j.id, j._ep_seq, r.source, j.received_at = r.received_at AS same_arrival
FROM js j JOIN js_raw r ON r.raw_id = j._ep_raw_id WHERE j.id IN ('a', 'd', 'f') ORDER BY 1;
-- partitions by event time, years-old ones too
SELECT DISTINCT pg_get_expr(c.relpartbound, c.oid) AS bounds FROM js JOIN pg_class c ON c.oid = js.tableoid ORDER BY 1;
-- the same event again is a duplicate: in one statement and across statements
INSERT INTO js_raw (payload) VALUES ('{"id":"a","ts":"2024-06-01T10:00:00Z"}'), ('{"id":"z","ts":"2024-06-03T00:00:00Z"}'), ('{"id":"z","ts":"2024-06-04T00:00:00Z"}');
SELECT raw_rows, events, typed, rejected, duplicates, rescued, last_event FROM event_pipeline.stream_stats WHERE stream = 'js';
-- all of it is in the client's transaction, but for the new column and partition: inside BEGIN ... COMMIT a worker makes those and
-- commits at once, so that nobody waits for the client
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"id":"rolled back","ts":"2019-01-01T00:00:00Z","never_seen":1}');
SELECT never_seen FROM js WHERE id = 'rolled back';
ROLLBACK;
SELECT count(*) FROM js WHERE id = 'rolled back';
SELECT count(*) FROM pg_attribute WHERE attrelid = 'js'::regclass AND attname = 'never_seen';
SELECT l.mode FROM pg_locks l WHERE l.relation = 'js'::regclass AND l.mode = 'AccessExclusiveLock';
INSERT INTO js_raw (payload) VALUES ('{"id":"rolled back","ts":"2019-01-01T00:00:00Z","never_seen":1}');
SELECT never_seen FROM js WHERE id = 'rolled back';
-- what the stream did to its tables
SELECT operation, path, column_name, column_type, reason, mode FROM event_pipeline.schema_log WHERE stream = 'js' ORDER BY at, path;
-- the same under an old snapshot; a table of this very transaction is altered by the transaction itself
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_class WHERE relname = 'js';
INSERT INTO js_raw (payload) VALUES ('{"id":"r","ts":"2019-01-01T00:00:00Z","snapshot":1}');
SELECT id, snapshot FROM js WHERE snapshot IS NOT NULL;
COMMIT;
BEGIN;
SELECT event_pipeline.create_stream('mine', 'json', route_by => 'kind');
INSERT INTO mine_raw (payload) VALUES ('{"a":1}'), ('{"kind":"k","b":2}');
SELECT a FROM mine;
SELECT b FROM mine_k;
SELECT DISTINCT mode FROM event_pipeline.schema_log WHERE stream = 'mine';
ROLLBACK;
-- once this transaction holds a lock on the table, a worker would wait for it: rescued
BEGIN;
SELECT count(*) > 0 FROM js;
INSERT INTO js_raw (payload) VALUES ('{"id":"s","ts":"2019-01-01T00:00:00Z","too_late":1}');
SELECT _ep_rescued FROM js WHERE id = 's';
COMMIT;
SELECT event_pipeline.drop_stream('js');
