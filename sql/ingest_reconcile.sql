-- reconcile(): what became of every event of every raw row. missing is 0 when all is well.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
SELECT event_pipeline.create_stream('rc', 'json', event_time => 'ts', event_id => 'id', route_by => 'kind');
INSERT INTO rc_raw (received_at, payload) VALUES
    ('2024-06-01T00:10:00Z', E'{"id":1,"ts":"2024-06-01T00:00:00Z"}\n{"id":2,"ts":"2024-06-01T00:00:00Z","kind":"other"}\n{"id":1,"ts":"2024-06-01T00:00:00Z"}'),
    ('2024-06-01T00:20:00Z', '[{"id":3,"ts":"no time"},{"id":4,"ts":"2024-06-01T00:00:00Z"},{"id"'),
    ('2024-06-01T03:00:00Z', ''), ('2024-06-01T03:00:00Z', NULL), ('2024-06-01T03:00:00Z', '[]'),
    ('2024-06-01T03:00:00Z', '{"id":2,"ts":"2024-06-01T00:00:00Z"}'), ('2024-06-01T05:00:00Z', '{"ts":"2024-06-01T00:00:00Z"}');
SELECT * FROM event_pipeline.reconcile('rc');
-- the counters say the same
SELECT r.raw_rows = s.raw_rows AND r.events = s.events AND r.typed = s.typed AND r.rejected = s.rejected AND r.duplicates = s.duplicates AS agree
FROM event_pipeline.reconcile('rc', width => '1000 days') r, event_pipeline.stream_stats s WHERE s.stream = 'rc';
-- a range, half open, and other buckets
SELECT bucket, raw_rows, events, missing FROM event_pipeline.reconcile('rc', '2024-06-01T00:20:00Z', '2024-06-01T05:00:00Z', '5 minutes');
-- what went by the trigger, or was deleted by hand, is missing
SET session_replication_role = replica;
INSERT INTO rc_raw (received_at, payload) VALUES ('2024-06-01T05:00:00Z', '[{"id":1,"ts":"2024-06-01T00:00:00Z"},{"id":9,"ts":"2024-06-01T00:00:00Z"},{"id":');
RESET session_replication_role;
DELETE FROM event_pipeline._rejection WHERE seq = 0;
DELETE FROM rc_other;
SELECT * FROM event_pipeline.reconcile('rc', width => '1 day');
-- what is older than the retention has expired
SELECT event_pipeline.alter_stream('rc', retention => '1 month');
SELECT * FROM event_pipeline.reconcile('rc', width => '1 day');
SELECT * FROM event_pipeline.reconcile('rc', width => '0');
SELECT * FROM event_pipeline.reconcile('no_such_stream');
SELECT event_pipeline.drop_stream('rc');
-- more raw rows than are read at a time, in the order of their ids whatever that of their bytes
SELECT event_pipeline.create_stream('rc', 'json');
INSERT INTO rc_raw (payload) SELECT string_agg(format('{"n":%s}', i), E'\n') FROM generate_series(1, 3000) i GROUP BY i / 3 ORDER BY random();
SELECT sum(raw_rows) AS raw_rows, sum(events) AS events, sum(typed) AS typed, sum(missing) AS missing FROM event_pipeline.reconcile('rc');
SELECT count(*) FROM event_pipeline.verify('rc', NULL);
DELETE FROM rc WHERE n % 100 = 0;
SELECT sum(typed) AS typed, sum(missing) AS missing FROM event_pipeline.reconcile('rc');
SELECT raw_rows, typed FROM event_pipeline.replay('rc', ARRAY(SELECT raw_id FROM rc_raw));
SELECT sum(typed) AS typed, sum(missing) AS missing FROM event_pipeline.reconcile('rc');
-- only the owner may
CREATE ROLE rc_other_role;
GRANT SELECT ON rc, rc_raw TO rc_other_role;
SET ROLE rc_other_role;
SELECT * FROM event_pipeline.reconcile('rc');
RESET ROLE;
SELECT event_pipeline.drop_stream('rc');
DROP ROLE rc_other_role;
