-- stream_stats: rejections by stage, changes of tables and the lag of events, from counters; folding keeps them.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
SELECT event_pipeline.create_stream('st', 'json', event_time => 'ts');
INSERT INTO st_raw (received_at, payload) SELECT '2026-03-01T12:00:00Z', format('{"ts":"%s","n":%s}', to_char(timestamp '2026-03-01T12:00:00' - n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), n)
FROM generate_series(0, 999) n;
INSERT INTO st_raw (received_at, payload) VALUES ('2026-03-01T12:00:00Z', '{"ts":"2026-03-01T13:00:00Z"}');
ALTER TABLE st ADD CHECK (n < 5000);
INSERT INTO st_raw (payload) VALUES (''), ('{"n":1}'), ('{"ts":"no"}'), ('{"ts":"2026-03-01T13:00:00Z","n":9999}');
CREATE VIEW st_state AS SELECT events, typed, rejected, rejected_at, ddl > 0 AS ddl,
    abs(extract(epoch FROM lag_p50) / 500 - 1) < 0.06 AS p50, abs(extract(epoch FROM lag_p99) / 990 - 1) < 0.06 AS p99 FROM event_pipeline.stream_stats WHERE stream = 'st';
SELECT * FROM st_state;
SELECT ddl = (SELECT count(*) FROM event_pipeline.schema_log WHERE stream = 'st' AND mode <> 'deferred') AS ddl_agrees FROM event_pipeline.stream_stats WHERE stream = 'st';
-- what is replayed counts once
SELECT events, typed, rejected FROM event_pipeline.replay('st');
SELECT * FROM st_state;
ALTER TABLE st DROP CONSTRAINT st_n_check;
SELECT events, typed, rejected FROM event_pipeline.replay('st');
SELECT * FROM st_state;
-- folded
CALL event_pipeline.run_maintenance();
UPDATE event_pipeline._counter SET at = '2026-03-01T12:00:00Z';
CALL event_pipeline.run_maintenance();
CALL event_pipeline.run_maintenance();
SELECT count(*) FROM event_pipeline._counter JOIN event_pipeline._stream USING (stream_id) WHERE event_table = 'st'::regclass;
SELECT * FROM st_state;
-- the histogram: a bucket's middle is within 6 % of all that it holds
SELECT event_pipeline._histogram_quantile('{"0": 1}', 0.5) AS none, event_pipeline._histogram_quantile('{"1": 1}', 0.5) AS one, event_pipeline._histogram_quantile('{"25": 10, "200": 1}', 0.99) AS last,
       event_pipeline._histogram_quantile('{}', 0.5) IS NULL AS nothing;
DROP VIEW st_state;
-- values are counted as rescued or discarded when their row is in: not those of duplicates and of what a constraint refuses
SELECT event_pipeline.create_stream('sv', 'json', event_id => 'id', contract => '{"columns": "rescue", "paths": {"no": {"columns": "discard"}}}');
INSERT INTO sv_raw (payload) VALUES ('{"id":1,"n":1}');
ALTER TABLE sv ADD CHECK (n < 5);
INSERT INTO sv_raw (payload) VALUES ('{"id":2,"n":2,"new":1,"no":1}'), ('{"id":2,"n":2,"new":1,"no":1}'), ('{"id":3,"n":9,"new":1,"no":1}');
INSERT INTO sv_raw (payload) VALUES ('{"id":2,"n":2,"new":1,"no":1}');
SELECT typed, rejected, duplicates, rescued, discarded_values FROM event_pipeline.stream_stats WHERE stream = 'sv';
SELECT event_pipeline.drop_stream('sv');
SELECT event_pipeline.drop_stream('st');
