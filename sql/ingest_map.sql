-- Objects whose keys are data are kept whole, as one jsonb column; other guards against too many columns.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA maps;
SET search_path = maps, event_pipeline;

-- Keys that look like ids: uuids, numbers, dates. Anything below them goes with them; a member that is named stays a column.
SELECT create_stream('mp', 'json', event_time => 'ts');
INSERT INTO mp_raw (payload) VALUES
    ('{"ts":"2024-06-01T00:00:01Z","k":1,"byUser":{"550e8400-e29b-41d4-a716-446655440000":{"clicks":1,"os":"x"}},"days":{"2024-06-01":1.5},"device":{"os":"ios","rates":{"7":1,"8":null}}}'),
    ('{"ts":"2024-06-01T00:00:02Z","k":2,"byUser":{"550e8400-e29b-41d4-a716-446655440001":{"clicks":2},"123456":{}},"days":{},"device":{"os":"ios","id":"17"}}');
SELECT k, by_user, days, device_os, device_id, device_rates FROM mp ORDER BY k;
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'mp' ORDER BY path;
SELECT operation, path, column_type FROM schema_log WHERE stream = 'mp' AND operation = 'keep object' ORDER BY path;
SELECT obj_description('mp'::regclass) IS NOT NULL AS described, col_description('mp'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'mp'::regclass AND attname = 'days';
-- once decided it holds, for other keys, other spellings, other sessions and replay
INSERT INTO mp_raw (payload) VALUES ('{"ts":"2024-06-01T00:00:03Z","k":3,"byUser":{"name":"y"},"days":7}'), ('{"ts":"2024-06-01T00:00:04Z","k":4,"by_user":{"other":{"z":[1]}},"days":{"monday":null}}');
\c -
SET TimeZone = 'UTC';
SET search_path = maps, event_pipeline;
INSERT INTO mp_raw (payload) VALUES ('{"ts":"2024-06-01T00:00:05Z","k":5,"byUser":{"plain":1},"by_user":2,"days":{"x":{"y":1}}}');
SELECT k, by_user, days, days__bigint, _ep_rescued FROM mp WHERE k > 2 ORDER BY k;
DELETE FROM mp WHERE k = 5;
SELECT typed FROM replay('mp', ARRAY(SELECT raw_id FROM mp_raw WHERE payload LIKE '%"k":5%'));
SELECT k, by_user, days FROM mp WHERE k = 5;
SELECT * FROM verify('mp', NULL);
-- a tampered map is found
UPDATE mp SET by_user = '{"plain": 2}' WHERE k = 5;
SELECT path, problem FROM verify('mp', NULL);
SELECT drop_stream('mp');

-- A member that has a column already: nothing is taken away from it. Members that were rescued one by one are explained.
SELECT create_stream('mk', 'json', settings => '{"max_new_columns": 1}');
INSERT INTO mk_raw (payload) VALUES ('{"k":1,"o":{"a":1},"p":{"x":1,"y":2}}');
SELECT alter_stream('mk', settings => '{"max_new_columns": null}');
INSERT INTO mk_raw (payload) VALUES ('{"k":2,"o":{"a":2,"17":1},"p":{"2024-01-01":1}}');
INSERT INTO mk_raw (payload) VALUES ('{"k":3,"o":{"a":3,"18":1},"p":{"2024-01-02":1}}');
SELECT k, o_a, o_17, p, _ep_rescued FROM mk ORDER BY k;
SELECT path, column_name, column_type FROM stream_columns WHERE stream = 'mk' ORDER BY path;
SELECT * FROM verify('mk', NULL);
SELECT drop_stream('mk');

-- More new members than max_map_keys, of like type; of unlike types they are names; 0 switches it off.
SELECT create_stream('mn', 'json', settings => '{"max_map_keys": 5, "max_columns": 60}');
INSERT INTO mn_raw (payload) VALUES ('{"k":1,"few":{"a":1,"b":2,"c":3,"d":4,"e":5},"many":{"a":1,"b":2,"c":3,"d":4.5,"e":5,"f":6},"mixed":{"a":1,"b":"x","c":3,"d":4,"e":5,"f":6}}');
SELECT path, column_type FROM stream_columns WHERE stream = 'mn' ORDER BY path;
SELECT alter_stream('mn', settings => '{"max_map_keys": 0}');
INSERT INTO mn_raw (payload) VALUES ('{"k":2,"off":{"1":1,"2":2},"many":{"z":1}}');
SELECT off_1, off_2, many FROM mn WHERE k = 2;
SELECT * FROM verify('mn', NULL);
SELECT drop_stream('mn');

-- max_columns_per_hour; and no table has more than 1500 attributes, whatever is asked for.
SELECT create_stream('rt', 'json', settings => '{"max_columns_per_hour": 3}');
INSERT INTO rt_raw (payload) VALUES ('{"a":1,"b":2}'), ('{"c":3,"d":4}');
INSERT INTO rt_raw (payload) VALUES ('{"e":5,"A":9}');
SELECT a, b, c, _ep_rescued FROM rt ORDER BY _ep_raw_id;
UPDATE _attribute SET first_seen = first_seen - interval '61 minutes' WHERE column_name IN ('a', 'b', 'c');
INSERT INTO rt_raw (payload) VALUES ('{"e":5,"f":6,"g":7,"h":8}');
SELECT e, f, g, _ep_rescued FROM rt WHERE _ep_raw_id = 4;
SELECT alter_stream('rt', settings => '{"max_columns": 1501}');
SELECT alter_stream('rt', settings => '{"max_columns_per_hour": 1501}');
SELECT drop_stream('rt');

-- A row of more bigints than a page holds: the rest of it is rescued.
SELECT create_stream('wd', 'json', settings => '{"max_columns": 1055, "max_new_columns": 1500, "max_columns_per_hour": 1500}');
INSERT INTO wd_raw (payload) SELECT json_object_agg('c' || i, 7) FROM generate_series(1, 1100) i;
SELECT _ep_raw_id, (SELECT count(*) FROM jsonb_each_text(to_jsonb(wd) - '_ep_rescued') e WHERE e.key LIKE 'c%' AND e.value IS NOT NULL) > 400 AS many,
       (SELECT count(*) FROM jsonb_each_text(to_jsonb(wd) - '_ep_rescued') e WHERE e.key LIKE 'c%' AND e.value IS NOT NULL)
       + (SELECT count(*) FROM jsonb_object_keys(coalesce(_ep_rescued, '{}'))) AS values,
       (SELECT string_agg(DISTINCT e.value ->> 'why', ' ' ORDER BY e.value ->> 'why') FROM jsonb_each(_ep_rescued) e) AS why
FROM wd ORDER BY 1;
SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'wd'::regclass;
SELECT * FROM verify('wd', NULL);
SELECT drop_stream('wd');

-- A hostile sender: 200000 distinct keys in ten statements, some as members, some of the event itself.
SELECT create_stream('hs', 'json');
INSERT INTO hs_raw (payload) VALUES ('{"k":0}');
SELECT format('INSERT INTO hs_raw (payload) SELECT format(''{"k":%s,"m":{%%s},%%s}'', string_agg(format(''"k%%s":%%s'', md5(i::text), i), '',''), string_agg(format(''"z%%s":%%s'', md5((-i)::text), i), '','')) FROM generate_series(%s, %s) i GROUP BY i / 100', n, n * 10000, n * 10000 + 9999)
FROM generate_series(1, 10) n \gexec
SELECT count(*) AS rows, sum((SELECT count(*) FROM jsonb_object_keys(m))) AS members FROM hs WHERE k > 0;
SELECT column_type, count(*) FROM stream_columns WHERE stream = 'hs' GROUP BY 1 ORDER BY 2;
SELECT count(DISTINCT xmin::text) <= 10 AS few_transactions FROM _schema_change WHERE target = 'hs'::regclass;
SELECT events, typed, rejected FROM stream_stats WHERE stream = 'hs';
SELECT count(*) FROM verify('hs', NULL);
SELECT sum(total_bytes) < 100000000 AS modest FROM pg_backend_memory_contexts;
SELECT drop_stream('hs');
SELECT count(*) FROM _map;
DROP SCHEMA maps;
