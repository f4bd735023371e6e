-- Owners change the tables of a stream by hand: what can no longer be written is refused, nothing is lost and nothing crashes.
SET TimeZone = 'UTC';
\set VERBOSITY terse
CREATE SCHEMA tampered;
SET search_path = tampered;
-- the raw table without what we read
SELECT event_pipeline.create_stream('tr', 'json', event_time => 't');
ALTER TABLE tr_raw RENAME payload TO body;
INSERT INTO tr_raw (body) VALUES ('{"t":"2024-06-01T00:00:00Z"}');
ALTER TABLE tr_raw ADD payload int;
INSERT INTO tr_raw (payload) VALUES (1);
ALTER TABLE tr_raw DROP payload;
ALTER TABLE tr_raw RENAME body TO payload;
INSERT INTO tr_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","n":1}');
-- our columns in other types, or gone
DROP VIEW tr_bi;
ALTER TABLE tr ALTER _ep_raw_id TYPE text, ALTER _ep_seq TYPE text, ALTER received_at TYPE text;
INSERT INTO tr_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","n":2}');
ALTER TABLE tr ALTER _ep_rescued TYPE text;
INSERT INTO tr_raw (payload) VALUES (E'{"t":"2024-06-01T00:00:00Z","n":3}\n{"t":"2024-06-01T00:00:00Z","n":4,"N":"four"}');
ALTER TABLE tr DROP _ep_rescued;
INSERT INTO tr_raw (payload) VALUES (E'{"t":"2024-06-01T00:00:00Z","n":5}\n{"t":"2024-06-01T00:00:00Z","n":6,"N":"six"}');
ALTER TABLE tr RENAME event_time TO happened_at;
INSERT INTO tr_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","n":7}');
ALTER TABLE tr RENAME happened_at TO event_time;
INSERT INTO tr_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","n":8}');
SELECT n, _ep_raw_id, _ep_seq FROM tr ORDER BY n;
SELECT raw_id, seq, stage, message, expected FROM event_pipeline.rejected WHERE stream = 'tr' ORDER BY raw_id, seq;
SELECT events, typed, rejected FROM event_pipeline.stream_stats WHERE stream = 'tr';
SELECT event_pipeline.drop_stream('tr');
-- no table of event ids
SELECT event_pipeline.create_stream('ti', 'json', event_time => 't', event_id => 'id');
DROP TABLE ti_ids;
INSERT INTO ti_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","id":1}');
-- nor a raw table: what is left can be dropped
DROP TABLE ti_raw;
SELECT event_pipeline.drop_stream('ti');
-- a statement that never ended, for somebody disabled the trigger that ends it, on a raw table that was dropped then
SELECT event_pipeline.create_stream('tl', 'json');
SELECT event_pipeline.create_stream('tm', 'json');
BEGIN;
ALTER TABLE tl_raw DISABLE TRIGGER _ep_ingest;
INSERT INTO tl_raw (payload) VALUES ('{"a":1}');
DROP TABLE tl_raw;
INSERT INTO tm_raw_default (raw_id, received_at, payload) OVERRIDING SYSTEM VALUE VALUES (0, '2000-01-01', '{"a":1}');
INSERT INTO tm_raw (payload) VALUES ('{"a":2}');
COMMIT;
SELECT a FROM tm;
SELECT event_pipeline.drop_stream('tl'), event_pipeline.drop_stream('tm');
-- a routed table that was dropped comes back; one whose name is taken gets another
SELECT event_pipeline.create_stream('tt', 'json', event_time => 't', route_by => 'r');
INSERT INTO tt_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","r":"x","a":1}');
DROP TABLE tt_x CASCADE;
CREATE VIEW tt_y AS SELECT 1;
INSERT INTO tt_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","r":"x","a":2,"b":"new"}'), ('{"t":"2024-06-01T00:00:00Z","r":"y"}');
INSERT INTO tt_raw (payload) VALUES ('{"t":"2024-06-01T00:00:00Z","r":"x","a":3}');
SELECT a, b FROM tt_x ORDER BY a;
SELECT route, target FROM event_pipeline.stream_tables WHERE stream = 'tt' ORDER BY route;
SELECT stage, message, expected FROM event_pipeline.rejected WHERE stream = 'tt';
DROP VIEW tt_y;
SELECT event_pipeline.drop_stream('tt');
DROP SCHEMA tampered;
