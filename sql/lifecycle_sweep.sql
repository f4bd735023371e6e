-- Raw rows that came in without being ingested are found by run_maintenance() and taken through the pipeline, once.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
SELECT event_pipeline.create_stream('sw', 'json', event_id => 'id');
INSERT INTO sw_raw (payload) VALUES ('{"id":1}'), ('{"id":1}'), ('[]');
CREATE VIEW sw_state AS SELECT (SELECT array_agg(id ORDER BY id) FROM sw) AS ids, raw_rows, bytes, events, typed, rejected, duplicates,
    (SELECT sum(missing) FROM event_pipeline.reconcile('sw')) AS missing, (SELECT count(*) FROM event_pipeline._sweep_row) AS waiting
    FROM event_pipeline.stream_stats WHERE stream = 'sw';
CALL event_pipeline.run_maintenance();
SELECT * FROM sw_state;
-- by replication, with a disabled trigger, straight into a partition; beside rows that are ingested in the same transaction
SET session_replication_role = replica;
INSERT INTO sw_raw (payload) VALUES ('{"id":2}'), ('{"id":1}'), ('{"id":');
RESET session_replication_role;
ALTER TABLE sw_raw DISABLE TRIGGER USER;
INSERT INTO sw_raw (payload) VALUES ('[{"id":3},{"id":3}]');
ALTER TABLE sw_raw ENABLE TRIGGER USER;
SELECT tableoid::regclass AS leaf FROM sw_raw LIMIT 1 \gset
BEGIN;
INSERT INTO sw_raw (payload) VALUES ('{"id":4}'), ('{"id":4}');
SET LOCAL session_replication_role = replica;
INSERT INTO sw_raw (payload) VALUES ('{"id":5}');
RESET session_replication_role;
SAVEPOINT s;
INSERT INTO sw_raw (payload) VALUES ('{"id":6}');
RELEASE s;
COMMIT;
-- (since PostgreSQL 17 a partition has its table's identity column, and asks for OVERRIDING)
INSERT INTO :leaf (raw_id, received_at, payload) OVERRIDING SYSTEM VALUE VALUES (nextval(pg_get_serial_sequence('sw_raw', 'raw_id')), now(), '{"id":7}');
INSERT INTO sw_raw_default (raw_id, received_at, payload) OVERRIDING SYSTEM VALUE VALUES (nextval(pg_get_serial_sequence('sw_raw', 'raw_id')), '1999-01-01', '{"id":8}');
SELECT * FROM sw_state;
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
SELECT * FROM sw_state;
-- nothing is taken twice, whatever the number of runs, nor after rows were touched
CALL event_pipeline.run_maintenance();
CALL event_pipeline.run_maintenance();
UPDATE sw_raw SET source = 'touched' WHERE raw_id IN (1, 2, 3);
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT * FROM sw_state;
SELECT raw_id, seq, stage, attempts FROM event_pipeline.rejected WHERE stream = 'sw';
SELECT step, failures, last_error FROM event_pipeline.maintenance_log WHERE step = 'sweep' AND object = 'public.sw';
-- another cluster, or a restored table: nothing that was counted is counted again, what was not ingested still is
SET session_replication_role = replica;
INSERT INTO sw_raw (payload) VALUES ('{"id":9}'), ('{"id":9}');
RESET session_replication_role;
INSERT INTO sw_raw (payload) VALUES ('{"id":10}'), ('{"id":10}');
UPDATE sw_raw SET source = 'new transaction';
UPDATE event_pipeline._sweep SET cluster = 1, settled = 0;
CALL event_pipeline.run_maintenance();
CALL event_pipeline.run_maintenance();
SELECT * FROM sw_state;
-- what cannot be ingested waits, and its partition with it; what can be does not
SELECT event_pipeline._partition_ensure('sw_raw', ARRAY['2024-06-01Z'::timestamptz]) AS made;
SELECT event_pipeline.alter_stream('sw', raw_retention => '1 month', contract => '{"columns": "freeze"}');
SET session_replication_role = replica;
INSERT INTO sw_raw (received_at, payload) VALUES ('2024-06-01Z', '{"id":11,"new":1}');
INSERT INTO sw_raw (payload) SELECT format('{"id":%s}', 1000 + n) FROM generate_series(1, 30) n;
INSERT INTO sw_raw (payload) VALUES ('{"id":12,"new":2}'), ('{"id":13}');
RESET session_replication_role;
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
SELECT step, failures, last_error IS NOT NULL AS says_why FROM event_pipeline.maintenance_log WHERE step IN ('sweep', 'retention') AND object LIKE 'public.sw%' ORDER BY step;
SELECT count(*) FROM sw_raw WHERE received_at < '2025-01-01' AND received_at > '2000-01-01';
SELECT count(*) FILTER (WHERE id > 1000), max(id) FILTER (WHERE id < 1000) FROM sw;
SELECT missing, waiting FROM sw_state;
SELECT event_pipeline.alter_stream('sw', contract => '{"columns": "evolve"}');
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT count(*) FROM sw_raw WHERE received_at < '2025-01-01' AND received_at > '2000-01-01';
SELECT id, new FROM sw WHERE id IN (11, 12);
DROP VIEW sw_state;
SELECT event_pipeline.drop_stream('sw');
SELECT count(*) FROM event_pipeline._sweep;
