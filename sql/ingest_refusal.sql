-- What the server says while a row is written: is it about the row, or about the moment?
\set VERBOSITY terse
CREATE SCHEMA ingest_refusal;
SET search_path = ingest_refusal, event_pipeline;
SET TimeZone = 'UTC';
SELECT create_stream('app', 'json');
INSERT INTO app_raw (payload) VALUES ('{"k": 1}');
CREATE FUNCTION slow(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep($1 - 1); RETURN true; END $$;
ALTER TABLE app ADD CONSTRAINT slowly CHECK (ingest_refusal.slow(k));
-- a cancelled statement fails as a whole, and leaves no subtransaction behind
SET statement_timeout = '200ms';
INSERT INTO app_raw (payload) VALUES ('{"k": 60}');
RESET statement_timeout;
SELECT k FROM app;
BEGIN;
SAVEPOINT before;
SET LOCAL statement_timeout = '200ms';
INSERT INTO app_raw (payload) VALUES ('{"k": 60}');
ROLLBACK TO before;
INSERT INTO app_raw (payload) VALUES ('{"k": 1}');
COMMIT;
SELECT k FROM app;
SELECT count(*) FROM rejected WHERE stream = 'app';
SELECT drop_stream('app');
DROP SCHEMA ingest_refusal CASCADE;
