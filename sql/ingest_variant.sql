-- Values that misfit their column go to a variant column, <name>__<type>: nothing is rewritten, cut or lost.
CREATE SCHEMA ingest_variant;
SET search_path = ingest_variant, event_pipeline;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION columns(stream text) RETURNS TABLE (path text, column_name name, column_type regtype) LANGUAGE sql
    AS $$ SELECT path, column_name, column_type FROM stream_columns c WHERE c.stream = $1 ORDER BY path COLLATE "C", column_name COLLATE "C" $$;
SELECT create_stream('js', 'json', settings => '{"max_new_columns": 10}');
INSERT INTO js_raw (payload) VALUES ('{"k":1,"x":1,"t":"a","d":0.5}');
-- misfits of one statement whose types join share a column, others have one each; all by one ALTER
INSERT INTO js_raw (payload) VALUES ('{"k":2,"x":"one"}'), ('{"k":3,"x":true,"t":5}'), ('{"k":4,"x":1.5,"t":[5]}'), ('{"k":5,"x":12345678901234567890}');
SELECT k, x, x__text, x__boolean, x__numeric, t, t__bigint, t__jsonb, _ep_rescued FROM js WHERE k > 1 ORDER BY k;
-- what fits a variant goes there, what fits none gets a further one; no digit is lost
INSERT INTO js_raw (payload) VALUES ('{"k":6,"x":"two","t":6.5}'), ('{"k":7,"x":0.25,"t":7}'), ('{"k":8,"d":0.12345678901234567890}'), ('{"k":9,"d":9007199254740993}');
SELECT k, x__text, x__numeric, t__bigint, t__double, d, d__numeric, _ep_rescued FROM js WHERE k > 5 ORDER BY k;
-- an attribute that is new, and of several types at once; another spelling; in a transaction, by a worker
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"k":10,"newOne":1}'), ('{"k":11,"new_one":"x"}'), ('{"k":12,"newone":false}');
COMMIT;
BEGIN;
INSERT INTO js_raw (payload) VALUES ('{"k":13,"x":{"y":1},"d":"text"}');
COMMIT;
SELECT k, new_one, new_one__text, new_one__boolean, x_y, d__text, _ep_rescued FROM js WHERE k > 9 ORDER BY k;
-- one event fills one column of an attribute, whatever its spellings say
INSERT INTO js_raw (payload) VALUES ('{"k":14,"x":14,"X":"second"}'), ('{"k":15,"X":"first","x":15}'), ('{"k":16,"x":"first","x":"second"}');
SELECT k, x, x__text, _ep_rescued FROM js WHERE k > 13 ORDER BY k;
SELECT * FROM columns('js');
SELECT column_name, description, col_description(target, (SELECT attnum FROM pg_attribute a WHERE attrelid = target AND attname = column_name)) = description AS as_comment
FROM stream_columns WHERE stream = 'js' AND column_name = 'x__text';
SELECT operation, path, column_name, mode FROM schema_log WHERE stream = 'js' AND column_name ~ '^(x__text|d__text)$';
-- replay finds the same columns; nothing is lost
DELETE FROM js WHERE k IN (4, 7);
SELECT * FROM replay('js', '{4,7}');
SELECT k, x__numeric, t__jsonb, t__double, t__bigint FROM js WHERE k IN (4, 7) ORDER BY k;
SELECT * FROM verify('js', NULL);
-- a variant that was dropped is not made again
ALTER TABLE js DROP COLUMN x__boolean CASCADE;
INSERT INTO js_raw (payload) VALUES ('{"k":17,"x":false}');
SELECT k, x, _ep_rescued FROM js WHERE k = 17;
-- no lock, no column: the next one brings it
BEGIN;
DECLARE reader CURSOR FOR SELECT k FROM js;
INSERT INTO js_raw (payload) VALUES ('{"k":18,"new_one":[1]}');
COMMIT;
INSERT INTO js_raw (payload) VALUES ('{"k":"k","new_one":[2]}');
SELECT k, k__text, new_one__jsonb, _ep_rescued FROM js WHERE k = 18 OR k__text = 'k' ORDER BY k;
-- a name that is too long, or taken
ALTER TABLE js ADD COLUMN taken__text int;
INSERT INTO js_raw (payload) SELECT format('{"k":19,"taken":%1$s,"%2$s":%1$s}', v, repeat('é', 30)) FROM unnest('{1,"\"x\""}'::text[]) v;
SELECT path, column_name, octet_length(column_name) FROM stream_columns WHERE stream = 'js' AND path ~ 'taken|é' ORDER BY column_name COLLATE "C";
SELECT drop_stream('js');
-- the caps hold for variants, too; a value that no type takes is rescued
SELECT create_stream('cap', 'json', settings => '{"max_columns": 9, "max_new_columns": 3}');
INSERT INTO cap_raw (payload) VALUES ('{"k":1,"a":1}'), ('{"k":2,"a":"x"}'), ('{"k":3,"a":true}');
INSERT INTO cap_raw (payload) VALUES ('{"k":4,"a":true}'), ('{"k":5,"a":[5]}'), ('{"k":6,"a":"y"}');
SELECT k, a, a__text, a__boolean, _ep_rescued FROM cap ORDER BY k;
SELECT * FROM verify('cap', NULL);
SELECT drop_stream('cap');
-- CSV: text holds every cell, as it came
SELECT create_stream('cs', 'csv');
INSERT INTO cs_raw (payload) VALUES (E'k,v,w\n1,1,1\n');
INSERT INTO cs_raw (payload) VALUES (E'k,v,w\n2,1.50,x\n'), (E'k,v,w\n3,2,0.5\n');
INSERT INTO cs_raw (payload) VALUES (E'k,v,w\n4,n/a,0.50\n5,2.5,7\n');
SELECT k, v, v__double, v__text, w, w__text, _ep_rescued FROM cs ORDER BY k;
SELECT * FROM columns('cs');
SELECT * FROM verify('cs', NULL);
SELECT drop_stream('cs');
-- protobuf: a field that was int32 n = 1 is string n = 1 in the next version, and k int64
SELECT register_protobuf('ingest_variant', '\x0a350a07612e70726f746f120174221f0a014d120c0a016e18012001280552016e120c0a016b18022001280552016b620670726f746f33');
SELECT create_stream('pb', 'protobuf', message_type => 't.M', subject => 'ingest_variant');
INSERT INTO pb_raw (payload) VALUES ('\x0807');
SELECT register_protobuf('ingest_variant', '\x0a350a07622e70726f746f120174221f0a014d120c0a016e18012001280952016e120c0a016b18022001280352016b620670726f746f33', 'none');
INSERT INTO pb_raw (payload) VALUES ('\x0a05736576656e10808080808020'), ('\x1009');
SELECT n, n__text, k, k__bigint, _ep_rescued FROM pb ORDER BY _ep_raw_id;
SELECT * FROM columns('pb');
-- what was sent by the old schema cannot be read by the new one
DELETE FROM pb_raw WHERE raw_id = 1;
SELECT * FROM verify('pb', NULL);
SELECT drop_stream('pb');
DROP FUNCTION columns(text);
DROP SCHEMA ingest_variant;
