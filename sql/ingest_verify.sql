-- verify(): raw rows decoded again and held against their rows. No difference means nothing was lost.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('vf', 'json', event_time => 'ts', route_by => 'kind', settings => '{"max_columns": 20}');
INSERT INTO vf_raw (payload) VALUES
    ('{"ts":"2024-06-01T00:00:00Z","a":1,"b":"x","c":[1,{"d":null}],"e":{"f":1.5,"g":true}}'),
    ('{"ts":1717200000,"a":"misfit","A":7,"b":"y","b":"again","h":{},"n":null}'), ('[{"ts":"2024-06-01T00:00:01Z","kind":"k","z":12345678901234567890},{"ts":"bad"},{"ts"'),
    (''), (NULL), ('{"ts":"2024-06-01T00:00:02.123456789Z","x1":1,"x2":2,"x3":3,"x4":4,"x5":5,"x6":6,"x7":7,"x8":8,"x9":9}');
SELECT * FROM event_pipeline.verify('vf');
-- what somebody changes by hand is found
UPDATE vf SET b = 'changed' WHERE _ep_raw_id = 1;
UPDATE vf SET e_f = 2 WHERE _ep_raw_id = 2;
UPDATE vf SET _ep_rescued = _ep_rescued - 'A' WHERE _ep_raw_id = 2;
UPDATE vf SET event_time = event_time + '1 s' WHERE _ep_raw_id = 6;
DELETE FROM vf_k;
INSERT INTO vf (event_time, _ep_raw_id, _ep_seq) VALUES ('2024-06-01', 1, 9);
SELECT * FROM event_pipeline.verify('vf', NULL) ORDER BY raw_id, seq, path;
-- what is older than the retention may have lost its row to it; what is younger may not
DELETE FROM vf WHERE _ep_raw_id = 1;
INSERT INTO vf_raw (payload) VALUES (format('{"ts":%s,"a":5}', to_json(now())));
DELETE FROM vf WHERE a = 5;
SELECT event_pipeline.alter_stream('vf', retention => '1 month');
SELECT raw_id, seq, problem FROM event_pipeline.verify('vf', NULL) WHERE path IS NULL ORDER BY raw_id, seq;
SELECT event_pipeline.alter_stream('vf', retention => '20000 years');
SELECT raw_id, seq, problem FROM event_pipeline.verify('vf', NULL) WHERE path IS NULL ORDER BY raw_id, seq;
SELECT sum(missing) AS missing, sum(expired) AS expired FROM event_pipeline.reconcile('vf');
SELECT event_pipeline.drop_stream('vf');
-- the other formats
SELECT event_pipeline.create_stream('vc', 'csv', event_id => 'id');
INSERT INTO vc_raw (payload) VALUES (E'id,v,w\n1,2,x\n1,2,x\n2,"",007\n3,2.50,\n4\n'), (E'id,v\n5,text\n');
SELECT * FROM event_pipeline.verify('vc');
SELECT event_pipeline.drop_stream('vc');
\set camera `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/camera.gpmf" | tr -d ' \n'`
\set drone `od -An -v -tx1 "$PG_ABS_SRCDIR/test/data/gpmf/drone.gpmf" | tr -d ' \n'`
SELECT event_pipeline.create_stream('vg', 'gpmf');
INSERT INTO vg_raw (payload) VALUES (decode(:'camera', 'hex')), (decode(:'drone', 'hex')), (substr(decode(:'drone', 'hex'), 1, 1001)), ('\x00');
SELECT * FROM event_pipeline.verify('vg');
SELECT typed > 100 AS typed, rejected > 1 AS rejected FROM event_pipeline.stream_stats WHERE stream = 'vg';
SELECT event_pipeline.drop_stream('vg');
