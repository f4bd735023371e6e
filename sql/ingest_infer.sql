-- Timestamps out of strings: only when the stream asks for it, and only what leaves nothing to guess.
CREATE SCHEMA ingest_infer;
SET search_path = ingest_infer, event_pipeline;
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
\set VERBOSITY terse
SELECT create_stream('plain', 'json');
INSERT INTO plain_raw (payload) VALUES ('{"at": "2026-03-01T10:00:00Z"}');
SELECT pg_typeof(at), at FROM plain;

SELECT create_stream('app', 'json', settings => '{"infer_timestamps": "perhaps"}');
SELECT create_stream('app', 'json', settings => '{"infer_timestamps": true}');
INSERT INTO app_raw (payload) VALUES (
'{"n": 1, "at": "2026-03-01T10:00:00+01:00", "date": "2026-03-01", "local": "2026-03-01T10:00:00", "space": "2026-03-01 10:00:00Z", "leap": "2016-12-31T23:59:60Z",
  "fine": "2026-03-01T10:00:00.123456789Z", "finer": "2026-03-01T10:00:00.1234567891Z", "wrong": "2026-02-30T10:00:00Z", "mixed": "2026-03-01T10:00:00Z"}
{"n": 2, "at": "2026-03-01T10:00:00.5z", "mixed": "soon"}');
SELECT column_name, column_type FROM stream_columns WHERE stream = 'app' ORDER BY 1;
SELECT n, at, fine, mixed, _ep_rescued FROM app ORDER BY n;
-- a later misfit is kept as it is, never parsed again; a text column keeps the text
INSERT INTO app_raw (payload) VALUES ('{"n": 3, "at": "2026-03-01T10:00:00", "mixed": "2026-03-02T10:00:00+02:00", "date": "2026-03-01T10:00:00Z"}'), ('{"n": 4, "at": 5}');
SELECT n, at, at__text, at__bigint, mixed, date FROM app WHERE n > 2 ORDER BY n;
SELECT * FROM verify('app');

SELECT create_stream('cells', 'csv', settings => '{"infer_timestamps": true}');
INSERT INTO cells_raw (payload) VALUES (E'at,mixed,number\n2026-03-01T10:00:00Z,2026-03-01T10:00:00Z,1\n,soon,2026-03-01T10:00:00Z\n');
SELECT column_name, column_type FROM stream_columns WHERE stream = 'cells' ORDER BY 1;
SELECT at, mixed, number, _ep_rescued FROM cells ORDER BY _ep_seq;
SELECT * FROM verify('cells');
SELECT drop_stream(s) FROM unnest('{plain,app,cells}'::text[]) s;
DROP SCHEMA ingest_infer;
