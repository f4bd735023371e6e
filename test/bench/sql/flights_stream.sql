-- The events of flights.sql in a stream, and a flight table over it.
SET search_path = public, event_pipeline;
SELECT create_stream('fleet', 'json', event_time => 'gps_time');
INSERT INTO fleet_raw (payload)
SELECT string_agg(to_json(e)::text, E'\n') FROM (SELECT *, row_number() OVER (ORDER BY received_at) / 1000 AS part FROM flight_event) e GROUP BY part;
SELECT create_flight_table('flights', 'fleet');

-- Late landings of 100 of the drones, of others in each turn, each in the middle of a flight of one of its boots.
CREATE SEQUENCE turn;
CREATE FUNCTION add_late_landings() RETURNS void LANGUAGE sql AS $$
    INSERT INTO fleet_raw (payload)
    SELECT string_agg((to_jsonb(e) || jsonb_build_object('event_id', format('late-%s-%s', turn, e.drone_id), 'type', 'landing',
                                                         'device_uptime_ms', e.device_uptime_ms - 60000, 'received_at', '2026-06-01Z'))::text, E'\n')
    FROM (SELECT DISTINCT ON (drone_id) f.*, turn FROM flight_event f, nextval('turn') turn
          WHERE type = 'landing' AND split_part(drone_id, '-', 2)::int % 10 = turn % 10 ORDER BY drone_id, md5(event_id || turn)) e
$$;
