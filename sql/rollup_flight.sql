-- Twelve flight cases, each in given, reversed and shuffled order, uploaded once and twice.
\pset format unaligned
SET timezone = 'UTC';
SET search_path = public, event_pipeline;
SET client_min_messages = warning;
\set cases `cat "$PG_ABS_SRCDIR/test/data/flights/cases.json"`

CREATE TABLE flight_case AS
SELECT c->>'id' AS id, (c->>'as_of')::timestamptz AS as_of, coalesce(c->'params', '{}') AS params,
       (c->>'expected_rejected')::int AS rejected, c->'events' AS events, c->'expected' AS expected
FROM jsonb_array_elements(:'cases'::jsonb->'cases') c;

CREATE TABLE event (
    event_id text, drone_id text, type text, boot_id text, device_uptime_ms bigint, device_clock text, gps_time timestamptz,
    gps_week int, gps_tow_ms bigint, gps_fix int, received_at timestamptz, upload_id text, seq int);

CREATE FUNCTION flight_json(f flight) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object(
    'drone_id', f.drone_id, 'boot_id', f.boot_id, 'status', f.status,
    'takeoff_at', to_char(f.takeoff_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'landing_at', to_char(f.landing_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'last_seen_at', to_char(f.last_seen_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'duration_ms', f.duration_ms, 'end_reason', f.end_reason, 'time_source', f.time_source,
    'touchdowns', f.touchdowns, 'flags', to_jsonb(f.flags))
$$;

-- orderings: how the events of a case are laid before the pairing
CREATE TABLE ordering (name text, how text);
INSERT INTO ordering VALUES
    ('given', 'SELECT e.* FROM event e ORDER BY ctid'),
    ('reversed', 'SELECT e.* FROM event e ORDER BY ctid DESC'),
    ('shuffled', 'SELECT e.* FROM event e ORDER BY md5(e::text)'),
    ('twice', 'SELECT * FROM event UNION ALL SELECT * FROM event');

CREATE FUNCTION run_case(c flight_case, how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got jsonb;
BEGIN
    TRUNCATE event;
    INSERT INTO event SELECT r.* FROM jsonb_array_elements(c.events) WITH ORDINALITY j(e, n),
        jsonb_populate_record(NULL::event, e) r ORDER BY n;
    SELECT coalesce(jsonb_agg(flight_json(f)), '[]') INTO got FROM pair_flights(how, c.as_of, c.params) f;
    RETURN CASE WHEN got = c.expected THEN 'ok' ELSE format('got %s expected %s', got, c.expected) END;
END
$$;

SELECT c.id, o.name, run_case(c, o.how) FROM flight_case c, ordering o ORDER BY c.id, o.name;
