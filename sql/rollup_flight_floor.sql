-- Retention of events does not eat flights: what a boot said whose events are partly gone stays, the rest goes on.
\pset format unaligned
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA flight_floor;
SET search_path = flight_floor, event_pipeline, public;
SELECT create_stream('drone_events', 'json', event_time => 'at', retention => '6 days');
-- Boots on the dates that are so many days ago; the long one goes on past the end of its date.
CREATE FUNCTION send(boot text, days int, VARIADIC events text[]) RETURNS void LANGUAGE sql AS $$
INSERT INTO drone_events_raw (payload)
SELECT string_agg(jsonb_build_object('at', at, 'event_id', boot || e, 'drone_id', 'K1', 'type', CASE left(e, 1) WHEN 'T' THEN 'takeoff' ELSE 'landing' END,
    'boot_id', boot, 'device_uptime_ms', substr(e, 2)::int * 60000, 'device_clock', at)::text, E'\n')
FROM unnest(events) e, LATERAL (SELECT date_trunc('day', now()) - days * interval '1 day' + interval '23 h' + substr(e, 2)::int * interval '1 min' AS at) a
$$;
SELECT send('old', 9, 'T1', 'L11'), send('long', 7, 'T1', 'L11', 'T50', 'L70', 'T80', 'L90'), send('young', 3, 'T1', 'L11');
SELECT create_flight_table('flights', 'drone_events');
CREATE VIEW shown AS SELECT boot_id, first_event_id, status, duration_ms / 60000 AS minutes, flags FROM flights ORDER BY coalesce(takeoff_at, landing_at);
TABLE shown;
SELECT count(*) AS events FROM drone_events;
CALL run_maintenance();
SELECT string_agg(DISTINCT coalesce(boot_id, '-'), ' ') AS boots, count(*) AS events FROM drone_events;

-- News of the drone: later flights follow, also of the long boot; the rest is as it was, whatever comes too late.
SELECT send('young', 3, 'T20', 'L25'), send('long', 7, 'L60'), send('old', 9, 'L5');
SELECT send('long', 7, 'T100', 'L115');
SELECT refresh_flight_table('flights');
TABLE shown;
-- The same when everything is computed again.
INSERT INTO _invalidation (target_id, granule) SELECT target_id, '-infinity' FROM _target WHERE relation = 'drone_events'::regclass;
SELECT refresh_flight_table('flights') AS changed;
TRUNCATE drone_events;
SELECT refresh_flight_table('flights') AS deleted;
TABLE shown;
DROP VIEW shown;
SELECT drop_flight_table('flights');
SELECT drop_stream('drone_events');
DROP SCHEMA flight_floor CASCADE;
