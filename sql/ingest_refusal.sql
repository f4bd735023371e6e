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
-- a default that raises refuses the event that needs it, and no other; the others get theirs
SELECT create_stream('app', 'json', event_time => 't');
INSERT INTO app_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 1}');
CREATE SEQUENCE few MAXVALUE 3;
CREATE FUNCTION even_or_error(bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN IF $1 % 2 = 1 THEN RAISE EXCEPTION '% is odd', $1; END IF; RETURN $1; END $$;
ALTER TABLE app ADD COLUMN evens bigint;
ALTER TABLE app ALTER COLUMN evens SET DEFAULT ingest_refusal.even_or_error(nextval('ingest_refusal.few'));
INSERT INTO app_raw (payload) VALUES ('[{"t": "2026-01-01T00:00:00Z", "k": 2}, {"t": "2026-01-01T00:00:00Z", "k": 3, "evens": 33},
    {"t": "2026-01-01T00:00:00Z", "k": 4}, {"t": "2026-01-01T00:00:00Z", "k": 5}]');
SELECT k, evens FROM app ORDER BY k;
SELECT seq, stage, sqlstate, message, convert_from(payload, 'UTF8') FROM rejected WHERE stream = 'app';
-- so does a default of a table that is written by SQL
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER nothing BEFORE INSERT ON app FOR EACH ROW EXECUTE FUNCTION nothing();
INSERT INTO app_raw (payload) VALUES ('[{"t": "2026-01-01T00:00:00Z", "k": 6}, {"t": "2026-01-01T00:00:00Z", "k": 7, "evens": 77}]');
SELECT k, evens FROM app WHERE k > 5;
DROP TRIGGER nothing ON app;
ALTER TABLE app ALTER COLUMN evens DROP DEFAULT;
-- and one that a row has no room for, with all the others
CREATE TABLE ingest_refusal.wide_columns AS SELECT 'd' || n AS name FROM generate_series(1, 1000) n;
SELECT create_stream('wide', 'json', event_time => 't');
INSERT INTO wide_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 1}');
DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE wide ' || string_agg(format('ADD COLUMN %I bigint DEFAULT %s', name, CASE name WHEN 'd1' THEN '1' ELSE 'NULL' END), ', ') FROM wide_columns); END $$;
INSERT INTO wide_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 2}');
DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE wide ' || string_agg(format('ALTER COLUMN %I SET DEFAULT 1', name), ', ') FROM wide_columns); END $$;
INSERT INTO wide_raw (payload) SELECT json_build_object('t', '2026-01-01T00:00:00Z', 'k', 3);
INSERT INTO wide_raw (payload) SELECT (json_build_object('t', '2026-01-01T00:00:00Z', 'k', 4)::jsonb || jsonb_object_agg('f' || n, n))::text FROM generate_series(1, 60) n;
SELECT k FROM wide ORDER BY k;
SELECT stage, sqlstate, message ~ 'row is too big' AS too_big FROM rejected WHERE stream = 'wide';
SELECT drop_stream('wide');
-- a partition that a user partitioned further may have no place for an event
CREATE TABLE by_k (LIKE app) PARTITION BY LIST (k);
ALTER TABLE app ATTACH PARTITION by_k FOR VALUES FROM ('2026-02-01') TO ('2026-02-02');
CREATE TABLE by_k_1 PARTITION OF by_k FOR VALUES IN (10);
INSERT INTO app_raw (payload) VALUES ('[{"t": "2026-01-01T00:00:00Z", "k": 9}, {"t": "2026-02-01T00:00:00Z", "k": 10}, {"t": "2026-02-01T00:00:00Z", "k": 11}]');
SELECT tableoid::regclass::text ~ 'by_k' AS by_k, k FROM app WHERE k > 7 ORDER BY k;
SELECT seq, stage, sqlstate, message FROM rejected WHERE stream = 'app' AND raw_id = 4;
-- such a place is made, and new attributes still become columns
CREATE TABLE by_k_rest PARTITION OF by_k DEFAULT;
SELECT raw_rows, events, typed, rejected FROM replay('app', '{4}');
INSERT INTO app_raw (payload) VALUES ('{"t": "2026-02-01T00:00:00Z", "k": 12, "late": true}');
SELECT k, late FROM app WHERE k > 10 ORDER BY k;
ALTER TABLE app DETACH PARTITION by_k;
-- what could be put off to the end of the transaction is asked at once: then one bad event still costs no good one
CREATE FUNCTION no_twenty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.k = 20 THEN RAISE EXCEPTION 'no twenty'; END IF; RETURN new; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON app DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_twenty();
CREATE TABLE known (k bigint PRIMARY KEY);
INSERT INTO known SELECT k FROM app UNION SELECT generate_series(20, 22);
ALTER TABLE app ADD CONSTRAINT known_k FOREIGN KEY (k) REFERENCES known DEFERRABLE INITIALLY DEFERRED;
INSERT INTO app_raw (payload) SELECT format('{"t": "2026-01-01T00:00:00Z", "k": %s}', k) FROM generate_series(20, 23) k;
BEGIN;
INSERT INTO known VALUES (24);
INSERT INTO app_raw (payload) SELECT format('{"t": "2026-01-01T00:00:00Z", "k": %s}', k) FROM generate_series(24, 25) k;
COMMIT;
SELECT k FROM app WHERE k > 12 ORDER BY k;
SELECT stage, sqlstate, regexp_replace(message, '_p[0-9_]+', '_p...') AS message FROM rejected WHERE stream = 'app' AND raw_id > 5 ORDER BY raw_id;
INSERT INTO known VALUES (23);
SELECT typed, rejected FROM replay('app');
ALTER TABLE app DROP CONSTRAINT known_k;
-- so is what a trigger writes to another table, for as long as we write: before and after, the sender puts off what he likes
DROP TRIGGER later ON app;
CREATE TABLE noted (k bigint CONSTRAINT noted_k REFERENCES known DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ingest_refusal.noted VALUES (new.k); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON app FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO known VALUES (30), (31);
BEGIN;
INSERT INTO app_raw (payload) SELECT format('{"t": "2026-01-01T00:00:00Z", "k": %s}', k) FROM generate_series(30, 32) k;
INSERT INTO noted VALUES (33);
INSERT INTO known VALUES (33);
COMMIT;
SELECT k FROM noted ORDER BY k;
SELECT stage, sqlstate, message, detail FROM rejected WHERE stream = 'app' AND sqlstate = '23503' AND message ~ 'noted';
-- also where he has put off the same himself: what holds by now is asked by then, what does not yet stays put off
INSERT INTO known VALUES (34), (35), (36);
BEGIN;
INSERT INTO noted VALUES (34);
INSERT INTO app_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 35}');
INSERT INTO noted VALUES (37);
INSERT INTO app_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 36}');
INSERT INTO known VALUES (37);
COMMIT;
SELECT k FROM noted WHERE k > 33 ORDER BY k;
SELECT message, detail FROM rejected WHERE stream = 'app' AND sqlstate = '42501' AND message ~ 'deferred';
SELECT typed, rejected FROM replay('app', (SELECT array_agg(raw_id) FROM rejected WHERE stream = 'app' AND sqlstate = '42501' AND message ~ 'deferred'));
DROP TRIGGER note ON app;
-- a sender's own functions, which he has put off under the name of such a constraint, run as himself
CREATE CONSTRAINT TRIGGER known_k AFTER INSERT ON app DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_twenty();
CREATE ROLE ingest_refusal_sender;
GRANT USAGE, CREATE ON SCHEMA ingest_refusal TO ingest_refusal_sender;
GRANT INSERT ON app_raw TO ingest_refusal_sender;
SET ROLE ingest_refusal_sender;
CREATE TABLE sent (k int);
CREATE FUNCTION whoami() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'as %', current_user; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER known_k AFTER INSERT ON sent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION whoami();
BEGIN;
INSERT INTO sent VALUES (1);
INSERT INTO app_raw (payload) VALUES ('{"t": "2026-01-01T00:00:00Z", "k": 33}');
COMMIT;
RESET ROLE;
SELECT count(*) FROM app WHERE k = 33;
-- all is there, but for rows in the partition that was taken away
SELECT raw_id, seq, path, problem FROM verify('app', NULL) WHERE raw_id NOT IN (4, 5);
SELECT events = typed + rejected + duplicates AS balanced FROM stream_stats WHERE stream = 'app';
SELECT drop_stream('app');
SET client_min_messages = warning;
DROP SCHEMA ingest_refusal CASCADE;
DROP ROLE ingest_refusal_owner, ingest_refusal_sender;
