-- rename_column and drop_column: the table, the registry and the view together.
CREATE SCHEMA ddl_reshape;
SET search_path = ddl_reshape, event_pipeline;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
CREATE ROLE ddl_reshape_other;
GRANT USAGE ON SCHEMA ddl_reshape TO ddl_reshape_other;
SELECT create_stream('ev', 'json', event_time => 't', route_by => 'kind');
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:01Z","userId":1,"name":"a","device":{"serial no":5}}'),
    ('{"t":"2026-01-01T00:00:02Z","user_id":"two","name":7}'), ('{"t":"2026-01-01T00:00:03Z","kind":"k","userId":3,"name":"c"}');
CREATE VIEW over_it AS SELECT user_id, name FROM ev_bi;
-- the path, in any spelling, goes on filling it; its variants are named after it; in every table of the stream
SELECT rename_column('ev', 'user_id', 'customer');
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:04Z","USERID":4}'), ('{"t":"2026-01-01T00:00:05Z","userId":"five","kind":"k"}');
SELECT event_time, customer, customer__text FROM ev_bi UNION ALL SELECT event_time, customer, customer__text FROM ev_k_bi ORDER BY 1;
SELECT target, path, column_name FROM stream_columns WHERE stream = 'ev' AND path ~* 'user' ORDER BY target::text, path COLLATE "C", column_name COLLATE "C";
SELECT * FROM over_it ORDER BY user_id;
-- one table only; the same name again is no error
SELECT rename_column('ev', 'device."serial no"', 'serial', route => '');
SELECT rename_column('ev', 'device."serial no"', 'serial');
SELECT serial FROM ev_bi WHERE serial IS NOT NULL;
-- names that cannot be
SELECT rename_column('ev', 'userId', 'name');
SELECT rename_column('ev', 'userId', 'user');
SELECT rename_column('ev', 'userId', 'xmin');
SELECT rename_column('ev', 'userId', 'event_time');
SELECT rename_column('ev', 'userId', '_ep_mine');
SELECT rename_column('ev', 'userId', '');
SELECT rename_column('ev', 'userId', repeat('é', 32));
SELECT rename_column('ev', 'userId', NULL);
-- nor paths, tables, streams, roles
SELECT rename_column('ev', 'nobody', 'x');
SELECT rename_column('ev', 'received_at', 'x');
SELECT rename_column('ev', 'a..b', 'x');
SELECT rename_column('ev', 'userId', 'x', route => 'nowhere');
SELECT rename_column('nothing', 'userId', 'x');
SET ROLE ddl_reshape_other;
SELECT rename_column('ev', 'userId', 'x');
SELECT drop_column('ev', 'userId');
RESET ROLE;
-- dropped for good, with its variants, also from tables to come; the views keep their columns
SELECT drop_column('ev', 'name');
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:06Z","name":"again"}'), ('{"t":"2026-01-01T00:00:07Z","kind":"late","Name":8,"userId":7}');
SELECT event_time, customer, _ep_rescued FROM ev WHERE _ep_rescued IS NOT NULL UNION ALL SELECT event_time, customer, _ep_rescued FROM ev_late;
SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'ev_bi'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM over_it WHERE name IS NOT NULL;
SELECT path, column_name FROM stream_columns WHERE stream = 'ev' AND path ~* 'name';
SELECT target, operation, path, column_name, mode FROM schema_log WHERE stream = 'ev' AND mode = 'manual' ORDER BY at;
SELECT refresh_view('ev');
-- its name stays taken, its path unknown
SELECT rename_column('ev', 'userId', 'name');
SELECT rename_column('ev', 'name', 'x');
SELECT drop_column('ev', 'name');
SELECT drop_column('ev', 'event_time');
-- nothing is lost but what was told to go
SELECT * FROM verify('ev', NULL);
DROP VIEW over_it;
SELECT drop_stream('ev');
DROP SCHEMA ddl_reshape;
DROP ROLE ddl_reshape_other;
