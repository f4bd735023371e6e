-- The published view of an event table: named columns, one per attribute, only ever appended to.
CREATE SCHEMA ddl_view;
SET search_path = ddl_view, event_pipeline;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
CREATE FUNCTION columns(view regclass) RETURNS TABLE (attnum int2, name name, type regtype, comment text) LANGUAGE sql
    AS $$ SELECT attnum, attname, atttypid, col_description(attrelid, attnum) FROM pg_attribute a WHERE attrelid = $1 AND attnum > 0 ORDER BY attnum $$;
-- BI tools are let in to the view alone
CREATE ROLE ddl_view_reader;
SELECT create_stream('ev', 'json', event_time => 't', route_by => 'kind');
SELECT * FROM columns('ev_bi');
SELECT obj_description('ev_bi'::regclass) = obj_description('ev'::regclass) AS same_comment;
GRANT USAGE ON SCHEMA ddl_view TO ddl_view_reader;
GRANT SELECT ON ev_bi TO ddl_view_reader;
-- scalars come before jsonb, whatever the order in the payload; later ones are appended; so in a transaction
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","tags":[1],"user":"u","n":1}');
BEGIN;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:01Z","list":[2],"m":2}');
COMMIT;
SELECT name, type FROM columns('ev_bi');
-- variants are folded where nothing is lost by it, and are columns where not
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:02Z","tags":"one","user":5,"n":"x"}'), ('{"t":"2026-01-01T00:00:03Z","tags":0.1,"user":true,"n":2.5}'),
    ('{"t":"2026-01-01T00:00:04Z","user":[4]}');
-- PostgreSQL 15 writes the table before each column, 16 and later do not
SELECT replace(pg_get_viewdef('ev_bi'::regclass, true), 'ev.', '') AS definition;
SET ROLE ddl_view_reader;
SELECT event_time, tags, user_, n, n__text, n__double, user___jsonb FROM ev_bi ORDER BY event_time;
SELECT * FROM ev;
RESET ROLE;
SELECT * FROM verify('ev', NULL);
-- each routed table has one
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:00Z","kind":"Read","pages":7}');
SELECT event_time, received_at IS NOT NULL AS received, kind, pages FROM ev_read_bi;
SELECT stream, route, target, bi_view, raw_table FROM stream_tables WHERE stream = 'ev' ORDER BY route;
SELECT operation, mode FROM schema_log WHERE stream = 'ev' AND operation ~ 'view|table';
-- comments follow those of the table; options of the view stay
SELECT refresh_view('ev');
COMMENT ON COLUMN ev.n IS 'how many';
COMMENT ON TABLE ev IS 'what happened';
ALTER VIEW ev_bi SET (security_barrier = true);
CREATE VIEW over_it AS SELECT n FROM ev_bi;
SELECT refresh_view('ev'), refresh_view('ev');
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:05Z","more":1}');
SELECT name, comment, obj_description('ev_bi'::regclass), (SELECT reloptions FROM pg_class WHERE oid = 'ev_bi'::regclass) FROM columns('ev_bi') WHERE name IN ('n', 'more');
-- who dropped it, by hand or with a column, gets it back
ALTER TABLE ev DROP COLUMN m CASCADE;
DROP VIEW ev_read_bi;
SELECT route, bi_view FROM stream_tables WHERE stream = 'ev' ORDER BY route;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:06Z","kind":"Read","m":7}');
SELECT refresh_view('ev'), refresh_view('ev');
SELECT name, type FROM columns('ev_bi');
CREATE VIEW over_it AS SELECT n FROM ev_bi;
-- a view that somebody made into his own is left to him
CREATE OR REPLACE VIEW ev_read_bi AS SELECT event_time, received_at, t, kind, pages, m, _ep_raw_id FROM ev_read;
INSERT INTO ev_raw (payload) VALUES ('{"t":"2026-01-01T00:00:07Z","kind":"Read","less":7}');
SELECT refresh_view('ev');
DROP VIEW ev_read_bi;
SELECT refresh_view('ev');
-- names: taken, too long
CREATE TABLE taken_bi ();
SELECT create_stream('taken', 'csv');
SELECT create_stream('long_' || repeat('x', 54), 'csv', route_by => 'r');
INSERT INTO long_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_raw (payload) VALUES (E'r\nroute');
SELECT route, bi_view, octet_length((SELECT relname FROM pg_class WHERE oid = bi_view)) FROM stream_tables WHERE stream ~ 'taken|long' ORDER BY stream, route;
-- dropped with the stream, or kept with its tables
SELECT drop_stream('ev');
DROP VIEW over_it;
SELECT drop_stream('ev');
SELECT drop_stream('taken', keep_tables => true);
SELECT drop_stream('long_' || repeat('x', 54));
SELECT relname FROM pg_class WHERE relnamespace = 'ddl_view'::regnamespace AND relkind = 'v';
SELECT refresh_view('ev');
-- only for the owner
SELECT create_stream('mine', 'json');
GRANT SELECT ON mine TO ddl_view_reader;
DROP VIEW mine_bi;
SET ROLE ddl_view_reader;
SELECT refresh_view('mine');
SELECT event_pipeline._view_build('mine');
RESET ROLE;
SELECT event_pipeline._view_build('mine_raw');
SELECT drop_stream('mine');
DROP TABLE taken, taken_raw CASCADE;
DROP TABLE taken_bi;
DROP FUNCTION columns(regclass);
DROP SCHEMA ddl_view;
DROP ROLE ddl_view_reader;
