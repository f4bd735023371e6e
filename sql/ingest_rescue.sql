-- Values that have no column are kept in _ep_rescued; hostile names do no harm.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('rs', 'json', settings => '{"max_columns": 19, "max_new_columns": 6}');
-- types are joined over the whole statement; a misfit has a column of its own
INSERT INTO rs_raw (payload) VALUES ('{"k":1,"a":1,"b":1,"c":true}'), ('{"k":2,"a":2.5,"b":12345678901234567890,"c":"x"}');
INSERT INTO rs_raw (payload) VALUES ('{"k":3,"a":"text","b":0.25,"c":false}'), ('{"k":4,"a":"9"}'), ('{"k":5,"a":5}');
SELECT k, a, pg_typeof(a) AS a_type, a__text, b, pg_typeof(b) AS b_type, c, c__text, _ep_rescued FROM rs ORDER BY k;
-- an integer that double precision would change makes the column numeric
INSERT INTO rs_raw (payload) VALUES ('{"k":100,"w":9007199254740993}'), ('{"k":101,"w":0.5}');
SELECT k, w, pg_typeof(w) FROM rs WHERE k >= 100 ORDER BY k;
-- duplicate keys, and two spellings in one event: the first fills the column
INSERT INTO rs_raw (payload) VALUES ('{"k":6,"userId":"first","user_id":"second","userid":"third","c":true,"c":false,"c":true}');
SELECT k, user_id, c, _ep_rescued FROM rs WHERE k = 6;
-- names that PostgreSQL or we keep for ourselves
INSERT INTO rs_raw (payload) VALUES ('{"k":7,"user":"u","xmin":1,"_ep_raw_id":2,"\"; drop table rs; --":3}');
SELECT path, column_name FROM event_pipeline.stream_columns WHERE stream = 'rs' AND column_name IN ('ep_raw_id', 'xmin_', 'user_', 'drop_table_rs') ORDER BY path COLLATE "C";
-- more new attributes than one statement may bring, then more than the table may have
INSERT INTO rs_raw (payload) VALUES ('{"k":8,"n1":1,"n2":2,"n3":3,"n4":4,"n5":5,"n6":6,"n7":7,"n8":8}');
SELECT _ep_rescued FROM rs WHERE k = 8;
SELECT count(*) FROM pg_attribute WHERE attrelid = 'rs'::regclass AND attnum > 0;
-- 63 bytes, on a character boundary
SELECT event_pipeline.create_stream('nm', 'json');
INSERT INTO nm_raw (payload) SELECT format('{"%s":1,"%s":2,"a":{"b":3},"a_b":4}', repeat('x', 5000), repeat('é', 100));
SELECT column_name, octet_length(column_name) FROM event_pipeline.stream_columns WHERE stream = 'nm' ORDER BY column_name COLLATE "C";
-- a column the user made beforehand is used when its type is one that streams write
SELECT event_pipeline.create_stream('dc', 'json');
ALTER TABLE dc ADD COLUMN price numeric, ADD COLUMN small smallint;
INSERT INTO dc_raw (payload) VALUES ('{"price":1,"small":2}');
SELECT price, pg_typeof(price), small, (SELECT column_name FROM event_pipeline.stream_columns WHERE stream = 'dc' AND path = 'small') IS NOT NULL AS small_has_another
FROM dc;
-- a column the user dropped is not made again
ALTER TABLE dc DROP COLUMN price CASCADE;
INSERT INTO dc_raw (payload) VALUES ('{"price":7}');
SELECT _ep_rescued FROM dc WHERE _ep_raw_id = 2;
-- an attribute is never added under a reader: an open cursor on the table makes it wait in _ep_rescued
BEGIN;
DECLARE reader CURSOR FOR SELECT * FROM dc;
FETCH 1 FROM reader \gset
INSERT INTO dc_raw (payload) VALUES ('{"while_reading":1}');
COMMIT;
INSERT INTO dc_raw (payload) VALUES ('{"while_reading":2}');
SELECT while_reading, _ep_rescued FROM dc WHERE _ep_raw_id IN (3, 4) ORDER BY _ep_raw_id;
-- INSERT ... SELECT from the event table itself
INSERT INTO dc_raw (payload) SELECT '{"from_itself":1}' FROM dc LIMIT 1;
SELECT _ep_rescued FROM dc WHERE _ep_raw_id = 5;
-- a row that is wider than a page keeps the rest beside its columns, whatever the lengths of its values
SELECT event_pipeline.create_stream('wd', 'json', settings => '{"max_new_columns": 400}');
INSERT INTO wd_raw (payload) SELECT json_object_agg('c' || i, repeat('x', 20)) FROM generate_series(1, 390) i;
INSERT INTO wd_raw (payload)
SELECT (SELECT json_object_agg('c' || i, left(CASE WHEN n % 2 = 0 THEN repeat('x', 999) ELSE md5(i::text) || md5((-i)::text) END, n)) FROM generate_series(1, 390) i)
FROM generate_series(1, 64) n;
SELECT count(*) AS rows, bool_and((SELECT count(*) FROM jsonb_each_text(to_jsonb(wd) - '_ep_rescued') e WHERE e.key LIKE 'c%' AND e.value IS NOT NULL)
       + (SELECT count(*) FROM jsonb_object_keys(coalesce(_ep_rescued, '{}'))) = 390) AS complete FROM wd;
SELECT event_pipeline.drop_stream(s) FROM unnest('{rs,nm,dc,wd}'::text[]) s;
-- No room for all: the most frequent attributes of the statement get their columns, of equally frequent ones the first.
SELECT event_pipeline.create_stream('rr', 'json', settings => '{"max_new_columns": 3}');
INSERT INTO rr_raw (payload) VALUES ('[{"once":1,"twice":1},{"often":1,"twice":2,"x":1},{"often":2,"x":2,"first":1},{"often":"three","x":3}]');
SELECT path, column_name, column_type FROM event_pipeline.stream_columns WHERE stream = 'rr' ORDER BY path;
SELECT _ep_seq, often, x, twice, _ep_rescued FROM rr ORDER BY 1;
SELECT path, reason, value_count FROM event_pipeline.wanted_columns WHERE stream = 'rr' ORDER BY path;
SELECT event_pipeline.drop_stream('rr');
-- More than one value can be made of, or one row can keep, is refused with the reason; its neighbours land.
SELECT event_pipeline.create_stream('ex', 'json');
INSERT INTO ex_raw (payload) SELECT format(E'{"n":1}\n{"n":2,"list":[%s{}]}\n{"n":3,"list":[%s{}]}\n{%s"n":4}',
    repeat('{},', 600000), repeat('{},', 1000), (SELECT string_agg(format('"k%s":1,', i), '') FROM generate_series(1, 400000) i));
SELECT n, jsonb_array_length(list) AS length FROM ex ORDER BY n;
SELECT seq, stage, sqlstate, message FROM event_pipeline.rejected WHERE stream = 'ex' ORDER BY seq;
SELECT * FROM event_pipeline.verify('ex', NULL);
-- Of the same attribute, be there many others, and of many others, all copies are kept, or the event is refused.
INSERT INTO ex_raw (payload) SELECT format('{"n":5,%s"m":0}', (SELECT string_agg(format('"m":%s,"o":%s,', i, -i), '') FROM generate_series(1, 3000) i));
INSERT INTO ex_raw (payload) SELECT format('{"n":6,%s"z":1}', (SELECT string_agg(format('"l%s":%s,', i, i), '') FROM generate_series(1, 5000) i));
INSERT INTO ex_raw (payload) SELECT format('{"n":7,%s"z":1,"z":2}', (SELECT string_agg(format('"t%s":1,', i), '') FROM generate_series(1, 30000) i));
SELECT n, (SELECT count(*) FROM jsonb_object_keys(_ep_rescued)) AS kept FROM ex WHERE n > 4 ORDER BY n;
SELECT stage, sqlstate, message FROM event_pipeline.rejected WHERE stream = 'ex' AND message ~ 'twice';
SELECT * FROM event_pipeline.verify('ex', NULL);
UPDATE ex SET _ep_rescued = _ep_rescued - 'm#3000' WHERE n = 5;
SELECT path, count(*) FROM event_pipeline.verify('ex', NULL) GROUP BY path ORDER BY path;
SELECT events, typed, rejected, missing FROM event_pipeline.reconcile('ex');
SELECT event_pipeline.drop_stream('ex');
