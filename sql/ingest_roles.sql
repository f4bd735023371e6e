-- Who may do what: a writer needs INSERT on the raw table alone; nothing runs as somebody stronger.
SET TimeZone = 'UTC';
\set VERBOSITY terse
CREATE ROLE ep_owner; CREATE ROLE ep_writer; CREATE ROLE ep_reader;
CREATE SCHEMA events AUTHORIZATION ep_owner;
GRANT USAGE ON SCHEMA events TO ep_writer, ep_reader;
SET ROLE ep_owner;
SELECT event_pipeline.create_stream('events.app', 'json');
RESET ROLE;
SELECT format('GRANT USAGE ON SCHEMA %1$I TO ep_owner; GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I.part_config TO ep_owner; GRANT SELECT ON %1$I.part_config_sub TO ep_owner',
              event_pipeline._partman_schema()) AS grants \gset
:grants;
SET ROLE ep_owner;
SELECT event_pipeline.create_stream('events.app', 'json', event_time => 'ts', event_id => 'id');
GRANT INSERT ON events.app_raw TO ep_writer;
GRANT SELECT ON events.app TO ep_reader;
-- without INSERT: one clear error
SET ROLE ep_reader;
INSERT INTO events.app_raw (payload) VALUES ('{"ts":"2024-06-01T00:00:00Z"}');
SET ROLE ep_writer;
INSERT INTO events.app_raw (payload) VALUES ('{"id":1,"ts":"2024-06-01T00:00:00Z","brand_new":1}'), ('{"ts":1');
SELECT * FROM events.app;
-- of a writer who may give payloads alone nobody need fear a raw_id that another row has, or an arrival of long ago
SET ROLE ep_owner;
REVOKE INSERT ON events.app_raw FROM ep_writer;
GRANT INSERT (source, payload) ON events.app_raw TO ep_writer;
SET ROLE ep_writer;
INSERT INTO events.app_raw (raw_id, payload) OVERRIDING SYSTEM VALUE VALUES (1, '{"id":9,"ts":"2024-06-01T00:00:00Z"}');
INSERT INTO events.app_raw (received_at, payload) VALUES ('2020-01-01Z', '{"id":9,"ts":"2020-01-01T00:00:00Z"}');
COPY events.app_raw (source, payload) FROM STDIN;
device	{"id":1,"ts":"2024-06-01T00:00:00Z","brand_new":2}
\.
SELECT count(*) FROM event_pipeline.rejected WHERE stream = 'events.app';
SELECT * FROM event_pipeline._rejection;
SELECT event_pipeline.drop_stream('events.app');
SELECT event_pipeline._stream_update('events.app', NULL, NULL, '{"max_columns": 1}', NULL);
SET ROLE ep_reader;
SELECT id, brand_new FROM events.app;
SELECT count(*) FROM event_pipeline.rejected WHERE stream = 'events.app';
RESET ROLE;
SELECT c.relname, c.relowner::regrole FROM pg_class c WHERE c.relnamespace = 'events'::regnamespace AND c.relkind IN ('r', 'p') AND c.relowner <> 'ep_owner'::regrole;
-- a trigger on the event table runs as the owner of the table at most, and with our search_path; hostile operators do nothing
SET ROLE ep_owner;
CREATE FUNCTION events.spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.who := current_user || ', ' || current_setting('search_path');
    RETURN new;
END $$;
ALTER TABLE events.app ADD COLUMN who text;
CREATE TRIGGER spy BEFORE INSERT ON events.app FOR EACH ROW EXECUTE FUNCTION events.spy();
CREATE FUNCTION events.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE OPERATOR events.= (LEFTARG = text, RIGHTARG = text, FUNCTION = events.equal);
SET search_path = events, pg_catalog;
INSERT INTO events.app_raw (payload) VALUES ('{"id":2,"ts":"2024-06-01T00:00:00Z","another":1}');
RESET search_path;
RESET ROLE;
SELECT id, another, who FROM events.app WHERE id = 2;
-- nor in what we ask of our own catalog as the extension's owner, for which the session has no plans yet
SET ROLE ep_owner;
CREATE FUNCTION events.get(jsonb, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OPERATOR events.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = events.get);
CREATE FUNCTION events.equal(regclass, regclass) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OPERATOR events.= (LEFTARG = regclass, RIGHTARG = regclass, FUNCTION = events.equal);
\c -
SET ROLE ep_owner;
SET search_path = events, pg_catalog;
INSERT INTO events.app_raw (payload) VALUES ('{"id":3,"ts":"2024-06-01T00:00:00Z"}');
SELECT event_pipeline.alter_stream('events.app', settings => '{"max_columns": 300}');
-- nor does what a sender has in pg_temp, where pg_partman makes a partition
SET ROLE ep_writer;
CREATE FUNCTION pg_temp.caught() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'this ran as %', current_user; RETURN true; END $$;
CREATE DOMAIN pg_temp.timestamptz AS pg_catalog.timestamptz CHECK (pg_temp.caught());
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.caught());
INSERT INTO events.app_raw (payload) VALUES ('{"id":4,"ts":"2024-07-01T00:00:00Z"}');
DROP DOMAIN pg_temp.timestamptz, pg_temp.text;
SET ROLE ep_owner;
SELECT count(*) FROM events.app WHERE id = 4;
-- nor where streams are made; this operator would be found without a path that asks for it
CREATE FUNCTION events.joined(text, regclass) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
CREATE OPERATOR events.|| (LEFTARG = text, RIGHTARG = regclass, FUNCTION = events.joined);
SELECT event_pipeline.create_stream('events.more', 'json', event_id => 'id');
SELECT event_pipeline.drop_stream('events.more');
RESET search_path;
SET ROLE ep_owner;
SELECT event_pipeline.drop_stream('events.app');
RESET ROLE;
DROP OWNED BY ep_owner, ep_writer, ep_reader CASCADE;
DROP ROLE ep_owner, ep_writer, ep_reader;
-- calls that cannot be right
SELECT event_pipeline.create_stream('ok', 'xml');
SELECT event_pipeline.create_stream('ok', 'json', message_type => 'a.B');
SELECT event_pipeline.create_stream('ok', 'protobuf', framing => 'none');
SELECT event_pipeline.create_stream('ok', 'json', event_time => 'a..b');
SELECT event_pipeline.create_stream('ok', 'csv', delimiter => 'ab');
SELECT event_pipeline.create_stream('ok', 'json', settings => '{"max_columns": "many"}');
SELECT event_pipeline.create_stream('ok', 'json', settings => '{"max_colums": 5}');
SELECT event_pipeline.create_stream('no_such_schema.ok', 'json');
SELECT event_pipeline.create_stream(repeat('x', 60), 'json');
SELECT event_pipeline.create_stream('ok', 'json', partition_interval => '0');
SELECT event_pipeline.create_stream('ok', 'json');
SELECT event_pipeline.create_stream('ok', 'json');
SELECT event_pipeline.drop_stream('no_such_stream');
SELECT event_pipeline.alter_stream('ok', settings => '{"max_column": 6}');
SELECT event_pipeline.alter_stream('ok', settings => '{"max_columns": "many"}');
SELECT event_pipeline.alter_stream('ok', settings => '[]');
SELECT event_pipeline.alter_stream('ok', settings => '{"max_columns": 6, "no_such_setting": null}');
INSERT INTO ok_raw (payload) VALUES ('{"a":1,"b":2}');
SELECT a, _ep_rescued FROM ok;
SELECT event_pipeline.drop_stream('ok', keep_tables => true);
SELECT a FROM ok;
DROP VIEW ok_bi;
DROP TABLE ok, ok_raw;
