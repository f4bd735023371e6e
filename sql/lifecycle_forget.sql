-- Streams whose tables were dropped by DROP TABLE can be dropped by their name, or are forgotten by maintenance.
\set VERBOSITY terse
CREATE SCHEMA fg;
SELECT event_pipeline.create_stream('fg."Odd one"', 'json', event_id => 'id', route_by => 'kind');
INSERT INTO fg."Odd one_raw" (payload) VALUES ('{"id":1,"kind":"a"}'), ('bad');
DROP TABLE fg."Odd one" CASCADE;
CREATE ROLE fg_other;
GRANT USAGE ON SCHEMA fg TO fg_other;
SET ROLE fg_other;
SELECT event_pipeline.drop_stream('fg."Odd one"');
RESET ROLE;
SET client_min_messages = error;
CALL event_pipeline.run_maintenance();
RESET client_min_messages;
SELECT event_pipeline.drop_stream('fg."Odd one"');
SELECT event_pipeline.drop_stream('fg."Odd one"');
SELECT relname FROM pg_class WHERE relnamespace = 'fg'::regnamespace;
SELECT event_pipeline.create_stream('fg.both', 'json');
SELECT count(*) AS streams FROM event_pipeline._stream;
DROP TABLE fg.both, fg.both_raw CASCADE;
CALL event_pipeline.run_maintenance();
SELECT count(*) AS streams FROM event_pipeline._stream;
DROP SCHEMA fg CASCADE;
DROP ROLE fg_other;
