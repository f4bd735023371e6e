-- replay(): what was rejected is tried again; what has its row stays as it is.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('rp', 'json', event_time => 'ts', event_id => 'id', settings => '{"max_tables_per_hour": 0}', route_by => 'kind');
INSERT INTO rp_raw (payload) VALUES ('{"id":1,"ts":"2024-06-01T00:00:00Z","v":1}');
ALTER TABLE rp ADD CONSTRAINT small CHECK (v < 10);
INSERT INTO rp_raw (payload) VALUES (E'{"id":2,"ts":"2024-06-01T00:00:00Z","v":2}\n{"id":3,"ts":"2024-06-01T00:00:00Z","v":30}\n{"id":\n{"id":2,"ts":"2024-06-01T00:00:00Z"}\n{"id":5,"ts":"2024-06-01T00:00:00Z","v":50}'),
    ('{"id":6,"ts":"2024-06-01T00:00:00Z","kind":"later"}'), ('[{"id":7,"ts":"2024-06-01T00:00:00Z","v":7},{"id":8');
SELECT raw_id, seq, stage, attempts FROM event_pipeline.rejected WHERE stream = 'rp' ORDER BY raw_id, seq;
SELECT events, typed, rejected, duplicates FROM event_pipeline.stream_stats WHERE stream = 'rp';
-- nothing has changed: the same again
SELECT * FROM event_pipeline.replay('rp');
SELECT raw_id, seq, stage, attempts FROM event_pipeline.rejected WHERE stream = 'rp' ORDER BY raw_id, seq;
SELECT events, typed, rejected, duplicates FROM event_pipeline.stream_stats WHERE stream = 'rp';
-- the causes are mended: one raw row, then the rest
ALTER TABLE rp DROP CONSTRAINT small;
SELECT event_pipeline.alter_stream('rp', settings => '{"max_tables_per_hour": 5}');
SELECT * FROM event_pipeline.replay('rp', '{3}');
SELECT * FROM event_pipeline.replay('rp');
SELECT id, v, _ep_raw_id, _ep_seq FROM rp ORDER BY id;
SELECT id, _ep_raw_id FROM rp_later;
SELECT raw_id, seq, stage, attempts FROM event_pipeline.rejected WHERE stream = 'rp' ORDER BY raw_id, seq;
SELECT events, typed, rejected, duplicates, events = typed + rejected + duplicates AS balanced FROM event_pipeline.stream_stats WHERE stream = 'rp';
-- raw rows without rejections, or that are not there: nothing happens
SELECT * FROM event_pipeline.replay('rp', '{1,99,NULL}');
-- a raw row that went by the trigger is taken in
SET session_replication_role = replica;
INSERT INTO rp_raw (payload) VALUES ('{"id":9,"ts":"2024-06-01T00:00:00Z","v":9,"late_column":true}');
RESET session_replication_role;
SELECT * FROM event_pipeline.replay('rp', '{5}');
SELECT id, v, late_column, _ep_raw_id FROM rp WHERE id = 9;
-- the raw row is mended: its rejection is replayed; it is gone: its rejection goes with it
INSERT INTO rp_raw (payload) VALUES ('{"id":10,"ts":"2024-06-01T00:00:00Z","v":10'), ('{"id":11,'), ('{"id":12,'), ('{"id":13,');
UPDATE rp_raw SET payload = payload || '}' WHERE raw_id = 6;
SELECT * FROM event_pipeline.replay('rp', '{6}');
SELECT id, v FROM rp WHERE _ep_raw_id = 6;
UPDATE rp_raw SET received_at = received_at - interval '1 year' WHERE raw_id = 9;
DELETE FROM rp_raw WHERE raw_id IN (4, 7);
SELECT raw_id, seq, stage FROM event_pipeline.rejected WHERE stream = 'rp' AND raw_id IN (4, 6, 7, 8, 9) ORDER BY raw_id;
SELECT raw_rows FROM event_pipeline.replay('rp');
TRUNCATE rp_raw;
SELECT count(*) FROM event_pipeline.rejected WHERE stream = 'rp';
SELECT * FROM event_pipeline.replay('rp');
SELECT event_pipeline.replay('no_such_stream');
SELECT event_pipeline.drop_stream('rp');
-- The counters go on saying what reconcile() says, whatever is replayed and however often.
SELECT event_pipeline.create_stream('rc', 'json', event_id => 'id', route_by => 'kind', contract => '{"tables": "discard"}');
INSERT INTO rc_raw (payload) VALUES ('{"id":"a","v":1}'), ('{"id":"a"}'), ('[{"id":"b"},{"id":"b2"},{"id":"a"},{"id":"c","kind":"none"}]'), ('{"id":"d","kind":"none"}'), ('[{"id":"e"},{"id":"a"},{"id":');
CREATE VIEW rc_books AS SELECT raw_rows, events, typed, rejected, duplicates, discarded,
    (SELECT (sum(r.events), sum(r.typed), sum(r.rejected), sum(r.duplicates), sum(r.discarded))::text FROM event_pipeline.reconcile('rc') r) AS reconciled
FROM event_pipeline.stream_stats WHERE stream = 'rc';
SELECT * FROM rc_books;
SELECT * FROM event_pipeline.replay('rc');
SELECT * FROM event_pipeline.replay('rc', '{1,2,3,4,5}');
SELECT * FROM event_pipeline.replay('rc', '{1,2,3,4,5}');
SELECT * FROM rc_books;
-- a row that somebody deleted comes again
DELETE FROM rc_ids WHERE event_id = 'b';
DELETE FROM rc WHERE id = 'b';
SELECT * FROM event_pipeline.replay('rc', '{3}');
SELECT * FROM rc_books;
-- also one of a raw row of which nothing else is on record, before the sweep's mark and behind it; it may have become one that is rejected
INSERT INTO rc_raw (payload) VALUES ('{"id":"i"}'), ('{"id":"j"}'), ('{"id":"i"}');
DELETE FROM rc WHERE id IN ('i', 'a');
DELETE FROM rc_ids WHERE event_id IN ('i', 'a');
SELECT * FROM event_pipeline.replay('rc', '{1,2,6,8}');
SELECT * FROM rc_books;
CALL event_pipeline.run_maintenance();
CALL event_pipeline.run_maintenance();
DELETE FROM rc WHERE id IN ('a', 'j');
DELETE FROM rc_ids WHERE event_id IN ('a', 'j');
ALTER TABLE rc ADD CONSTRAINT no_j CHECK (id <> 'j');
SELECT * FROM event_pipeline.replay('rc', '{1,7}');
SELECT * FROM rc_books;
ALTER TABLE rc DROP CONSTRAINT no_j;
SELECT * FROM event_pipeline.replay('rc');
SELECT * FROM rc_books;
-- what goes by the trigger was never counted, whoever finds it
SET session_replication_role = replica;
INSERT INTO rc_raw (payload) VALUES ('[{"id":"f"},{"id":"a"},{"id":"g","kind":"none"}]'), ('{"id":"h"}'), ('{"id":"k"}');
RESET session_replication_role;
SELECT * FROM event_pipeline.replay('rc', '{11}');
SELECT * FROM rc_books;
CALL event_pipeline.run_maintenance();
SELECT * FROM event_pipeline.replay('rc', '{9,10,11}');
SELECT * FROM rc_books;
DROP VIEW rc_books;
SELECT event_pipeline.drop_stream('rc');
-- as many rows as you like, over many partitions, in any order; raw rows of one id each count
SELECT event_pipeline.create_stream('rm', 'json', event_time => 'ts');
ALTER TABLE rm ADD COLUMN n bigint CONSTRAINT none CHECK (n < 0);
INSERT INTO rm_raw (raw_id, payload) OVERRIDING SYSTEM VALUE
SELECT n - (n = 1001)::int, format('{"ts":"%s","n":%s}', to_char(date '2024-06-01' + n % 60, 'YYYY-MM-DD'), n) FROM generate_series(1, 20000) n;
SELECT count(*), count(DISTINCT raw_id) FROM event_pipeline.rejected WHERE stream = 'rm';
ALTER TABLE rm DROP CONSTRAINT none;
CREATE FUNCTION peak_mb() RETURNS bigint LANGUAGE sql AS $$ -- of this session's own memory
    SELECT (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmHWM:\s+(\d+)'))[1]::bigint / 1024
$$;
SELECT peak_mb() AS before \gset
SELECT * FROM event_pipeline.replay('rm', (SELECT array_agg(n ORDER BY n DESC) || NULL || 5::bigint FROM generate_series(1, 20000) n));
SELECT * FROM event_pipeline.verify('rm', NULL) WHERE raw_id <> 1000;
SET session_replication_role = replica;
INSERT INTO rm_raw (raw_id, payload) OVERRIDING SYSTEM VALUE
SELECT n, format('{"ts":"%s","n":%s}', to_char(date '2024-06-01' + n % 60, 'YYYY-MM-DD'), n) FROM generate_series(20001, 40000) n;
RESET session_replication_role;
CALL event_pipeline.run_maintenance();
SELECT peak_mb() - :before < 100 AS modest;
SELECT count(*), count(DISTINCT n) FROM rm;
DROP FUNCTION peak_mb();
SELECT event_pipeline.drop_stream('rm');
