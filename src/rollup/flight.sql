-- rollup/flight.sql: from events to flights, as a query.

CREATE TYPE flight AS (
    drone_id     text,
    boot_id      text,
    status       text,
    takeoff_at   timestamptz,
    landing_at   timestamptz,
    last_seen_at timestamptz,
    duration_ms  bigint,
    end_reason   text,
    time_source  text,
    touchdowns   int,
    flags        text[]
);
COMMENT ON TYPE flight IS 'one flight of a drone, as pair_flights() gives it';
COMMENT ON COLUMN flight.drone_id IS 'the drone';
COMMENT ON COLUMN flight.boot_id IS 'power cycle in which the flight began; NULL where the events do not name it';
COMMENT ON COLUMN flight.status IS 'complete, no_takeoff (landing only), no_landing, or open (may still be flying)';
COMMENT ON COLUMN flight.takeoff_at IS 'UTC by the corrected clock of the boot, exact to a millisecond';
COMMENT ON COLUMN flight.landing_at IS 'UTC by the corrected clock of the boot, exact to a millisecond';
COMMENT ON COLUMN flight.last_seen_at IS 'the landing, else the last event of this flight';
COMMENT ON COLUMN flight.duration_ms IS 'takeoff to landing in milliseconds, by the uptime of the drone; complete flights only';
COMMENT ON COLUMN flight.end_reason IS 'landing, next_takeoff, implausible, reboot or timeout; NULL while open';
COMMENT ON COLUMN flight.time_source IS 'what the clock was corrected by, best to worst: gps, device, received';
COMMENT ON COLUMN flight.touchdowns IS 'how often it touched the ground, bounces included';
COMMENT ON COLUMN flight.flags IS 'sorted: bounce, clock_step, dup_landing, dup_takeoff, gps_rollover, implausible_duration, overlap, reboot, short';

-- The query's columns, by name: event_id, drone_id, type, boot_id, upload_id (any type, taken as text);
-- device_uptime_ms, gps_week, gps_tow_ms, gps_fix, seq (numbers); received_at, device_clock, gps_time
-- (timestamptz, or ISO 8601 text). Absent ones are NULL; the order of rows is free. Volatile, because the query may be.
CREATE FUNCTION pair_flights(events_query text, as_of timestamptz, params jsonb DEFAULT '{}')
RETURNS SETOF flight
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_pair_flights';
COMMENT ON FUNCTION pair_flights(text, timestamptz, jsonb) IS 'the flights in the events that a SELECT gives; as_of decides what is still open';

CREATE FUNCTION pair_flights_rejected(events_query text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_pair_flights_rejected';
COMMENT ON FUNCTION pair_flights_rejected(text) IS 'how many events of a SELECT pair_flights() cannot use: without event_id, drone_id, type, received_at, device_uptime_ms, or both boot_id and upload_id';

-- The query is run with this search_path.
CREATE FUNCTION _pair_flights_keyed(events_query text, as_of timestamptz, params jsonb, path text)
RETURNS TABLE (
    drone_id text, boot_id text, status text, takeoff_at timestamptz, landing_at timestamptz, last_seen_at timestamptz,
    duration_ms bigint, end_reason text, time_source text, touchdowns int, flags text[], first_event_id text, events_since timestamptz)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_pair_flights';
COMMENT ON FUNCTION _pair_flights_keyed(text, timestamptz, jsonb, text) IS 'pair_flights() with the event that names each flight and the earliest _ep_event_time of its boot';
