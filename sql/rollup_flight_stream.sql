-- Flights from a JSON stream of takeoffs and landings, kept fresh as events arrive: the cases of test/data/flights, one for all.
\pset format unaligned
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA flight_stream;
SET search_path = flight_stream, event_pipeline, public;
\set cases `cat "$PG_ABS_SRCDIR/test/data/flights/cases.json"`
CREATE TABLE flight_case AS SELECT c->>'id' AS id, c FROM jsonb_array_elements(:'cases'::jsonb->'cases') c WHERE NOT c ? 'params';
CREATE TABLE payload AS
SELECT row_number() OVER (ORDER BY md5(e::text)) AS n, (e || jsonb_build_object('drone_id', id || ':' || (e->>'drone_id')))::text AS payload
FROM flight_case, jsonb_array_elements(c->'events') e;
CREATE VIEW wanted AS
SELECT id || ':' || f.drone_id AS drone_id, f.boot_id, f.status, f.takeoff_at, f.landing_at, f.last_seen_at, f.duration_ms, f.end_reason,
       f.time_source, f.touchdowns, f.flags
FROM flight_case, jsonb_array_elements(c->'expected') e, jsonb_populate_record(NULL::flight, e) f;

SELECT create_stream('drone_events', 'json');
-- half of the events, the flight table, then the rest, one statement at a time, some of it again
INSERT INTO drone_events_raw (payload) SELECT payload FROM payload WHERE n % 2 = 0;
SELECT create_flight_table('flights', 'drone_events');
DO $$
DECLARE p text;
BEGIN
    FOR p IN SELECT payload FROM payload WHERE n % 2 = 1 OR n % 5 = 0 ORDER BY n DESC LOOP
        INSERT INTO drone_events_raw (payload) VALUES (p);
    END LOOP;
END $$;
SELECT refresh_flight_table('flights', '2020-02-01') > 0 AS changed;
CREATE VIEW got AS SELECT drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source, touchdowns, flags FROM flights;
SELECT (SELECT count(*) FROM got) AS flights, (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE wanted) d) AS wrong,
       (SELECT count(*) FROM (TABLE wanted EXCEPT ALL TABLE got) d) AS missing;
SELECT refresh_flight_table('flights', '2020-02-01') AS nothing_new;
-- Changes are noted with the extension's rights: the text of a drone must not be what a function of the stream's owner makes of it.
DROP VIEW drone_events_bi;
CREATE TYPE drone_kind AS ENUM ('one');
CREATE FUNCTION kind_text(drone_kind) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'asked for the text of a drone';
    RETURN 'one';
END $$;
CREATE CAST (drone_kind AS text) WITH FUNCTION kind_text(drone_kind);
ALTER TABLE drone_events ALTER COLUMN drone_id TYPE drone_kind USING 'one';
DELETE FROM drone_events;
DROP VIEW got;
SELECT drop_flight_table('flights');
SELECT drop_stream('drone_events');
