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
ALTER TABLE app DROP CONSTRAINT slowly;
-- nor is a lock that was not to be had the row's fault, nor a transaction that must be tried again
CREATE FUNCTION moody() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.k = 2 THEN RAISE EXCEPTION 'no lock' USING ERRCODE = 'lock_not_available'; END IF;
    IF new.k = 3 THEN RAISE EXCEPTION 'try again' USING ERRCODE = 'serialization_failure'; END IF;
    IF new.k = 4 THEN RAISE EXCEPTION 'four is too many'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER moody BEFORE INSERT ON app FOR EACH ROW EXECUTE FUNCTION moody();
INSERT INTO app_raw (payload) VALUES ('{"k": 2}');
INSERT INTO app_raw (payload) VALUES ('{"k": 3}');
INSERT INTO app_raw (payload) VALUES ('[{"k": 5}, {"k": 4}, {"k": 6}]');
SELECT k FROM app ORDER BY k;
SELECT stage, sqlstate, message FROM rejected WHERE stream = 'app';
-- rows written by SQL share a subtransaction when all is well
INSERT INTO app_raw (payload) SELECT '{"k": 7}' FROM generate_series(1, 500);
SELECT count(DISTINCT xmin::text) FROM app WHERE k = 7;
DROP TRIGGER moody ON app;
-- columns with a default get it when the event has no value
CREATE SEQUENCE numbers;
ALTER TABLE app ADD COLUMN note text NOT NULL DEFAULT 'none', ADD COLUMN number bigint DEFAULT nextval('numbers'), ADD COLUMN k2 bigint;
INSERT INTO app_raw (payload) VALUES ('[{"k": 8}, {"k": 9, "note": "mine"}, {"k": 10}]');
SELECT k, note, number - min(number) OVER () AS number FROM app WHERE k BETWEEN 8 AND 10 ORDER BY k;
ALTER TABLE app DROP COLUMN number;
-- statement triggers fire, policies that the owner obeys hold
CREATE TABLE fired (n bigint);
CREATE FUNCTION note_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO ingest_refusal.fired SELECT count(*) FROM new_rows; RETURN NULL; END $$;
CREATE TRIGGER note_rows AFTER INSERT ON app REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION note_rows();
INSERT INTO app_raw (payload) VALUES ('[{"k": 11}, {"k": 12}]');
SELECT sum(n) FROM fired;
DROP TRIGGER note_rows ON app;
SELECT drop_stream('app');
-- refused events do not pile up in memory: looked at when the last one is written
SELECT create_stream('app', 'json', event_id => 'id');
INSERT INTO app_raw (payload) VALUES ('{"k": 2}');
CREATE FUNCTION looked(bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF $1 = 20000 THEN
        RAISE NOTICE 'more than 4 MB in use: %', (SELECT sum(total_bytes) > 4194304 FROM pg_catalog.pg_backend_memory_contexts
                                                  WHERE name IN ('SPI Proc', 'event_pipeline event'));
    END IF;
    RETURN $1 % 2 = 0;
END $$;
ALTER TABLE app ADD CHECK (ingest_refusal.looked(k));
SET client_min_messages = notice;
INSERT INTO app_raw (payload) SELECT pg_catalog.format('{"k": %s, "id": "%s"}', n, n) || CASE WHEN n % 3 = 0 THEN '}' ELSE '' END
FROM generate_series(1, 19999) n UNION ALL SELECT '{"k": 20000, "id": "last"}';
SELECT typed, rejected FROM stream_stats WHERE stream = 'app';
SELECT drop_stream('app');
CREATE ROLE ingest_refusal_owner;
GRANT ALL ON SCHEMA ingest_refusal TO ingest_refusal_owner;
SELECT create_stream('app', 'json');
INSERT INTO app_raw (payload) VALUES ('{"k": 1}');
ALTER TABLE app OWNER TO ingest_refusal_owner;
ALTER TABLE app ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY small ON app WITH CHECK (k < 5);
INSERT INTO app_raw (payload) VALUES ('[{"k": 2}, {"k": 20}]');
SELECT k FROM app ORDER BY k;
SELECT sqlstate, message FROM rejected WHERE stream = 'app';
SELECT drop_stream('app');
SET client_min_messages = warning;
DROP SCHEMA ingest_refusal CASCADE;
DROP ROLE ingest_refusal_owner;
