-- Attributes that were rescued for a reason that passes become columns, and their values move there.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
-- More attributes than the caps let in: the most wanted wait for room.
SELECT event_pipeline.create_stream('pm', 'json', event_time => 'ts', settings => '{"max_columns": 7}');
INSERT INTO pm_raw (payload) VALUES
    ('{"id":1,"ts":"2024-06-01T00:00:00Z","b":true,"n":7,"f":1.50,"t":"x","j":[1,{"k":2}],"o":{"p":"q"}}'),
    ('{"id":2,"ts":"2024-06-03T00:00:00Z","n":8,"f":2,"t":"y","N":80}'),
    ('{"id":3,"ts":"2024-06-03T00:00:00Z","n":"misfit","N":9,"big":12345678901234567890,"n":10}'),
    ('{"id":4,"ts":"2024-06-03T00:00:00Z","T":5,"f":0.25,"f":0.5}');
SELECT path, reason, column_types, value_count, first_event, last_event FROM event_pipeline.wanted_columns WHERE stream = 'pm' ORDER BY value_count DESC, path;
SELECT id, _ep_rescued FROM pm ORDER BY id;
CALL event_pipeline.run_maintenance();
SELECT path, reason, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pm' ORDER BY value_count DESC, path;
SELECT path, column_name, column_type FROM event_pipeline.stream_columns WHERE stream = 'pm' ORDER BY path;
-- room for one more than there is: the most wanted one
SELECT event_pipeline.alter_stream('pm', settings => '{"max_columns": 8}');
CALL event_pipeline.run_maintenance();
SELECT path, reason, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pm' ORDER BY value_count DESC, path;
SELECT path, column_name, column_type FROM event_pipeline.stream_columns WHERE stream = 'pm' ORDER BY path;
SELECT event_pipeline.alter_stream('pm', settings => '{"max_columns": 50}');
CALL event_pipeline.run_maintenance();
SELECT path, reason, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pm' ORDER BY value_count DESC, path;
SELECT operation, path, column_name, column_type, reason, mode FROM event_pipeline.schema_log WHERE stream = 'pm' AND mode = 'promoted' ORDER BY path;
SELECT id, b, n, f, t, j, o_p, big, _ep_rescued FROM pm ORDER BY id;
SELECT * FROM event_pipeline.verify('pm', NULL);
SELECT sum(missing) FROM event_pipeline.reconcile('pm');
SELECT step, object, failures, last_error FROM event_pipeline.maintenance_log WHERE step IN ('promote', 'backfill') AND object LIKE '%pm' ORDER BY step;
SELECT event_pipeline.drop_stream('pm');

-- Typed formats: what _ep_rescued keeps as text comes back as what it was.
\getenv top PG_ABS_SRCDIR
\set protobuf :top '/test/data/protobuf/'
\set file :protobuf 'events.pb'
SELECT event_pipeline.register_protobuf('promote', pg_read_binary_file(:'file')) AS version;
SELECT event_pipeline.create_stream('pp', 'protobuf', message_type => 'gopro.events.v1.Event', event_time => 'occurred_at', subject => 'promote',
                                    settings => '{"max_columns": 6}');
\set file :protobuf 'events.binpb'
INSERT INTO pp_raw (payload) VALUES (pg_read_binary_file(:'file'));
CREATE TABLE pp_before AS SELECT count(*) AS values FROM pp, jsonb_each(_ep_rescued);
SELECT event_pipeline.alter_stream('pp', settings => '{"max_columns": 400}');
CALL event_pipeline.run_maintenance();
SELECT key, value FROM pp, jsonb_each(_ep_rescued) ORDER BY key, value::text LIMIT 3;
SELECT values > 100 AS there_were_many FROM pp_before;
SELECT array_agg(DISTINCT column_type ORDER BY column_type) FROM event_pipeline.stream_columns WHERE stream = 'pp';
SELECT * FROM event_pipeline.verify('pp', NULL);
SELECT path, reason FROM event_pipeline.wanted_columns WHERE stream = 'pp' AND reason = 'limit';
SELECT event_pipeline.drop_stream('pp');
DROP TABLE pp_before;
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'promote';
-- Cells of text.
SELECT event_pipeline.create_stream('pc', 'csv', settings => '{"max_columns": 5}');
INSERT INTO pc_raw (payload) VALUES (E'n,x,t\n1,1.50,a\n2,007,"b,c"\n'), (E'n,x\n3,2\n,8\n'), (E'n\ntext\n');
SELECT event_pipeline.alter_stream('pc', settings => '{"max_columns": 50}');
CALL event_pipeline.run_maintenance();
SELECT n, x, t, _ep_rescued FROM pc ORDER BY _ep_raw_id, _ep_seq;
SELECT * FROM event_pipeline.verify('pc', NULL);
SELECT event_pipeline.drop_stream('pc');
-- Times in strings, when they are asked for; beside a text that is none they are texts.
SELECT event_pipeline.create_stream('pt', 'json', settings => '{"max_columns": 5, "infer_timestamps": true}');
INSERT INTO pt_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00.5+02:00"}'), ('{"t":"2024-06-01T00:00:00.123456789Z"}');
INSERT INTO pt_raw (payload) VALUES ('{"u":"2024-06-02T00:00:00Z"}');
INSERT INTO pt_raw (payload) VALUES ('{"u":"2024-06-02"}');
SELECT event_pipeline.alter_stream('pt', settings => '{"max_columns": 50}');
CALL event_pipeline.run_maintenance();
SELECT t, u, _ep_rescued FROM pt ORDER BY _ep_raw_id;
SELECT * FROM event_pipeline.verify('pt', NULL);
SELECT event_pipeline.drop_stream('pt');
SELECT count(*) FROM event_pipeline._wanted;
-- No column that the contract does not want.
SELECT event_pipeline.create_stream('pc', 'json', settings => '{"max_new_columns": 1}', contract => '{"paths": {"b": {"columns": "rescue"}}}');
INSERT INTO pc_raw (payload) VALUES ('{"a":1}');
INSERT INTO pc_raw (payload) VALUES ('{"c":3,"b":2,"d":{"e":4}}');
SELECT event_pipeline.alter_stream('pc', settings => '{"max_new_columns": null}', contract => '{"paths": {"b": {"columns": "rescue"}, "d.*": {"columns": "freeze"}}}');
CALL event_pipeline.run_maintenance();
SELECT a, c, _ep_rescued FROM pc ORDER BY _ep_raw_id;
SELECT event_pipeline.drop_stream('pc');
-- Misfits that could not have a variant get it, values of types that do not join one each; a row keeps one value of an attribute.
SELECT event_pipeline.create_stream('pv', 'json');
INSERT INTO pv_raw (payload) VALUES ('{"k":1,"x":1,"z":1}');
BEGIN;
DECLARE reader CURSOR FOR SELECT * FROM pv;
INSERT INTO pv_raw (payload) VALUES ('{"k":2,"x":"a"}'), ('{"k":3,"x":true,"X":"b"}'), ('{"k":4,"x":7,"y":1}'), ('{"k":5,"y":"t"}'), ('{"k":6,"x":1.5,"z":"gone"}');
COMMIT;
SELECT path, reason, column_types, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pv' ORDER BY path COLLATE "C";
CALL event_pipeline.run_maintenance();
SELECT path, reason FROM event_pipeline.wanted_columns WHERE stream = 'pv';
SELECT k, x, x__text, x__boolean, x__double, y, y__text, z__text, _ep_rescued FROM pv ORDER BY k;
SELECT * FROM event_pipeline.verify('pv', NULL);
-- a variant that was dropped is not made again for what was rescued since
ALTER TABLE pv DROP COLUMN z__text CASCADE;
INSERT INTO pv_raw (payload) VALUES ('{"k":7,"z":"text"}');
CALL event_pipeline.run_maintenance();
SELECT k, z, _ep_rescued FROM pv WHERE k = 7;
SELECT path, reason, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pv';
SELECT event_pipeline.drop_stream('pv');

-- What the contract kept out comes in once it allows it: columns and variants, also beside a path that stays out.
SELECT event_pipeline.create_stream('pk', 'json', contract => '{"columns": "rescue", "types": "rescue"}');
INSERT INTO pk_raw (payload) VALUES ('{"k":1,"n":1}');
INSERT INTO pk_raw (payload) VALUES ('{"k":2,"n":"misfit","a":1,"secret":"s"}'), ('{"k":3,"a":"also"}');
CALL event_pipeline.run_maintenance();
SELECT path, reason, column_types, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pk' ORDER BY path;
SELECT event_pipeline.alter_stream('pk', contract => '{"columns": "evolve", "paths": {"secret": {"columns": "rescue"}}}');
CALL event_pipeline.run_maintenance();
SELECT k, n, a, _ep_rescued FROM pk ORDER BY k;
SELECT event_pipeline.alter_stream('pk', contract => '{"types": null}');
CALL event_pipeline.run_maintenance();
SELECT k, n, n__text, a, a__text, _ep_rescued FROM pk ORDER BY k;
SELECT path, reason, column_types, value_count FROM event_pipeline.wanted_columns WHERE stream = 'pk' ORDER BY path;
SELECT * FROM event_pipeline.verify('pk', NULL);
SELECT event_pipeline.drop_stream('pk');

-- A row that a constraint refuses stays as it is, and holds up no other.
SELECT event_pipeline.create_stream('pn', 'json', settings => '{"max_new_columns": 0}');
INSERT INTO pn_raw (payload) SELECT format('{"k":%s,"n":%s}', k, k % 10) FROM generate_series(1, 300) k;
ALTER TABLE pn ADD COLUMN n integer, ADD CHECK (n <> 7);
SELECT event_pipeline.alter_stream('pn', settings => '{"max_new_columns": null}');
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT count(*), count(k) AS k, count(n) AS n, count(*) FILTER (WHERE n IS NULL AND _ep_rescued ? 'n' AND _ep_rescued ? 'k') AS refused, count(_ep_rescued) AS rescued FROM pn;
SELECT path, reason FROM event_pipeline.wanted_columns WHERE stream = 'pn';
SELECT step, last_error FROM event_pipeline.maintenance_log WHERE object LIKE '%pn' AND failures > 0;
SELECT * FROM event_pipeline.verify('pn', NULL);
SELECT event_pipeline.drop_stream('pn');

-- An event trigger that forbids one column does not hold up the others.
SELECT event_pipeline.create_stream('pe', 'json', settings => '{"max_new_columns": 1}');
INSERT INTO pe_raw (payload) VALUES ('{"k":1}');
SELECT event_pipeline.alter_stream('pe', settings => '{"max_new_columns": 0}');
INSERT INTO pe_raw (payload) VALUES ('{"k":2,"email":"e","b":1,"c":2}');
SELECT event_pipeline.alter_stream('pe', settings => '{"max_new_columns": null}');
CREATE FUNCTION forbid_email() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.pe'::regclass AND attname = 'email') THEN
        RAISE EXCEPTION 'no personal data here';
    END IF;
END
$$;
CREATE EVENT TRIGGER forbid_email ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION forbid_email();
CALL event_pipeline.run_maintenance();
SELECT k, b, c, _ep_rescued FROM pe ORDER BY k;
DROP EVENT TRIGGER forbid_email;
CALL event_pipeline.run_maintenance();
SELECT k, b, c, email, _ep_rescued FROM pe ORDER BY k;
DROP FUNCTION forbid_email;
SELECT event_pipeline.drop_stream('pe');

-- A string of a typed format says what it stands for, so that it comes back as that, also beside a column or a variant that takes text.
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/kinds1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/kinds2.pb`
SELECT event_pipeline.register_protobuf('kinds', decode(:'first', 'base64')) AS version;
SELECT event_pipeline.create_stream('pk', 'protobuf', message_type => 'kinds.Event', subject => 'kinds', settings => '{"max_columns": 6}');
INSERT INTO pk_raw (payload) SELECT event_pipeline.json_to_protobuf('kinds.Event', doc) FROM (VALUES
    ('{"id": "1", "seen": "2024-01-01T00:00:00Z", "raw": "AAE=", "took": "-1.5s", "ratio": "-Infinity"}'::json)) v(doc);
SELECT id, _ep_rescued - 'id' AS rescued FROM pk;
SELECT event_pipeline.register_protobuf('kinds', decode(:'second', 'base64'), 'none') AS version;
INSERT INTO pk_raw (payload) SELECT event_pipeline.json_to_protobuf('kinds.Event', doc) FROM (VALUES
    ('{"id": "2", "seen": "2024-01-01T00:00:00.000000000Z", "raw": "\\x0001", "took": "-1.500000000s", "ratio": "-Infinity"}'::json)) v(doc);
SELECT event_pipeline.alter_stream('pk', settings => '{"max_columns": 400}');
CALL event_pipeline.run_maintenance();
SELECT id, seen, seen__timestamptz, raw, raw__text, took, took__interval, ratio, ratio__double, _ep_rescued FROM pk ORDER BY id;
SELECT event_pipeline.drop_stream('pk');
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'kinds';

-- jsonb writes 1e16 as an integer and minus zero without its sign: what was a float says so, and comes back as one, beside a column of integers too.
SELECT event_pipeline.create_stream('pf', 'json', contract => '{"columns": "rescue", "types": "rescue"}');
INSERT INTO pf_raw (payload) VALUES ('{"k":1,"n":1}');
INSERT INTO pf_raw (payload) VALUES ('{"k":2,"n":1e2,"f":1e16,"d":7}'), ('{"k":3,"n":2.0,"f":-0.0,"d":9007199254740993}'), ('{"k":4,"f":1e300,"d":1.7E+18}');
SELECT k, _ep_rescued #- '{f,v}' AS rescued FROM pf ORDER BY k;
SELECT event_pipeline.alter_stream('pf', contract => '{"columns": null, "types": null}');
CALL event_pipeline.run_maintenance();
SELECT k, n, n__double, f, d, _ep_rescued FROM pf ORDER BY k;
SELECT * FROM event_pipeline.verify('pf', NULL);
SELECT event_pipeline.drop_stream('pf');

-- What a typed format kept comes in as it would have come at once: any JSON into jsonb, infinities into real; a time without its
-- nanoseconds, which stay rescued.
\set corners `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/corners.pb`
SELECT event_pipeline.register_protobuf('promoted', decode(:'corners', 'base64')) AS version;
CREATE VIEW corners (k, doc) AS VALUES (1, '{"val": null, "flt": "Infinity", "took": "-5.500000001s"}'::json),
    (2, '{"val": 0.1, "flt": "-Infinity", "took": "1.5s"}'), (3, '{"val": "text", "flt": 1.5}'), (4, '{"val": [true]}');
SELECT event_pipeline.create_stream('pt', 'protobuf', message_type => 'corners.v3.All', subject => 'promoted', contract => '{"paths": {"**": {"columns": "rescue"}}}');
SELECT event_pipeline.create_stream('pu', 'protobuf', message_type => 'corners.v3.All', subject => 'promoted');
INSERT INTO pt_raw (payload) SELECT event_pipeline.json_to_protobuf('corners.v3.All', doc, 'promoted') FROM corners ORDER BY k;
INSERT INTO pu_raw (payload) SELECT event_pipeline.json_to_protobuf('corners.v3.All', doc, 'promoted') FROM corners ORDER BY k;
SELECT _ep_rescued -> 'val' AS val, _ep_rescued -> 'flt' AS flt, _ep_rescued -> 'took' AS took FROM pt ORDER BY _ep_raw_id;
SELECT event_pipeline.alter_stream('pt', contract => '{"paths": null}');
CALL event_pipeline.run_maintenance();
SELECT val, flt, took, _ep_rescued FROM pt ORDER BY _ep_raw_id;
SELECT _ep_raw_id, val, flt, took, _ep_rescued FROM pt EXCEPT SELECT _ep_raw_id, val, flt, took, _ep_rescued FROM pu;
SELECT count(*) FROM event_pipeline.wanted_columns WHERE stream = 'pt' AND reason = 'contract';
SELECT * FROM event_pipeline.verify('pt', NULL);
SELECT event_pipeline.drop_stream('pt'), event_pipeline.drop_stream('pu');
DROP VIEW corners;
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'promoted';
