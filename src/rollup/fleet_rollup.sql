-- rollup/fleet_rollup.sql: a flight table day by day.
--
-- A fleet rollup is computed from its flight table, in the transaction in which that is refreshed: the days that a changed flight
-- began on before and begins on now are replaced, so the two never disagree. A day is a local date in the rollup's own zone, 23 or
-- 25 hours long when the clocks change; a flight counts on the day of its takeoff, without one on that of its landing.
-- Sums are of numeric, so that the order of the flights does not matter.

CREATE TABLE _fleet_rollup (
    relation  regclass PRIMARY KEY,
    flights   regclass NOT NULL,
    time_zone text NOT NULL
);
COMMENT ON TABLE _fleet_rollup IS 'the fleet rollups and the flight tables they are computed from';
SELECT pg_catalog.pg_extension_config_dump('_fleet_rollup', '');

CREATE FUNCTION create_fleet_rollup(name text, flight_table text, time_zone text DEFAULT 'UTC') RETURNS regclass
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_create_fleet_rollup';
COMMENT ON FUNCTION create_fleet_rollup(text, text, text) IS 'make and fill a table with a row per local day of a flight table: flights, hours, distance, incomplete share, battery use. Every refresh of the flight table brings it up to date; it belongs to the same owner';

CREATE FUNCTION drop_fleet_rollup(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_drop_fleet_rollup';
COMMENT ON FUNCTION drop_fleet_rollup(text) IS 'drop a fleet rollup; its flights stay';

-- These run as the owner of the flight table.

-- The first instant of a local date; where midnight happens twice or never, that is what AT TIME ZONE gives.
CREATE FUNCTION _fleet_day(at timestamptz, time_zone text) RETURNS date
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (at AT TIME ZONE time_zone)::date;
COMMENT ON FUNCTION _fleet_day(timestamptz, text) IS 'the local date of an instant';

-- Replace the days on which flights begin at these instants; NULL: all days.
CREATE FUNCTION _fleet_rollup_fill(fleet regclass, flights regclass, time_zone text, begins timestamptz[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    days date[] := ARRAY(SELECT DISTINCT @extschema@._fleet_day(b, time_zone) FROM unnest(begins) b);
BEGIN
    IF begins IS NOT NULL AND days = '{}' THEN
        RETURN;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE $1 IS NULL OR day = ANY ($2)', fleet) USING begins, days;
    -- A day is within 24 hours of its date's in UTC.
    EXECUTE format($sql$
        INSERT INTO %s (day, drones, flights, complete, no_takeoff, no_landing, open, incomplete_share, flight_hours, measured, distance_km,
                        battery_used_ah, max_height_m, max_speed_mps, min_voltage_v)
        SELECT @extschema@._fleet_day(begin_at, $3), count(DISTINCT drone_id), count(*), count(*) FILTER (WHERE status = 'complete'),
               count(*) FILTER (WHERE status = 'no_takeoff'), count(*) FILTER (WHERE status = 'no_landing'), count(*) FILTER (WHERE status = 'open'),
               (count(*) FILTER (WHERE status IN ('no_takeoff', 'no_landing')))::float8 / count(*),
               (coalesce(sum(duration_ms), 0) / 3600000)::float8, count(coverage),
               (sum(distance_m::numeric) / 1000)::float8, (sum(battery_used_mah::numeric) / 1000)::float8,
               max(max_height_m), max(max_speed_mps), min(min_voltage_v)
        FROM (SELECT *, coalesce(takeoff_at, landing_at) AS begin_at FROM %s
              WHERE $1 IS NULL OR (takeoff_at >= $4 AND takeoff_at < $5) OR (takeoff_at IS NULL AND landing_at >= $4 AND landing_at < $5)) f
        WHERE $1 IS NULL OR @extschema@._fleet_day(begin_at, $3) = ANY ($2)
        GROUP BY 1
        $sql$, fleet, flights)
    USING begins, days, time_zone, (SELECT min(d) AT TIME ZONE 'UTC' - interval '24 h' FROM unnest(days) d),
          (SELECT max(d) AT TIME ZONE 'UTC' + interval '48 h' FROM unnest(days) d);
END
$$;
COMMENT ON FUNCTION _fleet_rollup_fill(regclass, regclass, text, timestamptz[]) IS 'compute days of a fleet rollup anew, as the current user';

CREATE FUNCTION _fleet_rollup_make(schema_name name, table_name name, flights regclass, time_zone text) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    comments constant jsonb := '{
        "drones": "drones that flew", "flights": "flights that began on the day, of every status",
        "complete": "flights with takeoff and landing", "no_takeoff": "flights of which only the landing is known",
        "no_landing": "flights that were never seen landing", "open": "flights that may still be in the air",
        "incomplete_share": "share of the flights that lack takeoff or landing, 0 to 1; open ones lack nothing yet",
        "flight_hours": "time in the air of the complete flights, hours", "measured": "flights that a log with positions covers",
        "distance_km": "way over ground of the flights that a log covers, kilometres; NULL when there is none",
        "battery_used_ah": "charge drawn from the batteries in the flights that a log covers, ampere hours; NULL when there is none",
        "max_height_m": "greatest height above a takeoff point, metres", "max_speed_mps": "greatest speed over ground, metres per second",
        "min_voltage_v": "lowest battery voltage, volts"}';
    c record;
BEGIN
    PERFORM @extschema@._fleet_day(now(), time_zone);   -- not recognized: an error
    EXECUTE format($sql$
        CREATE TABLE %I.%I (
            day              date PRIMARY KEY,
            drones           bigint NOT NULL,
            flights          bigint NOT NULL,
            complete         bigint NOT NULL,
            no_takeoff       bigint NOT NULL,
            no_landing       bigint NOT NULL,
            open             bigint NOT NULL,
            incomplete_share double precision NOT NULL,
            flight_hours     double precision NOT NULL,
            measured         bigint NOT NULL,
            distance_km      double precision,
            battery_used_ah  double precision,
            max_height_m     double precision,
            max_speed_mps    double precision,
            min_voltage_v    double precision
        )$sql$, schema_name, table_name);
    relation := format('%I.%I', schema_name, table_name)::regclass;
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation, format('one row per day (%s) on which flights of %s began', time_zone, flights));
    EXECUTE format('COMMENT ON COLUMN %s.day IS %L', relation, format('local date (%s) of the takeoff, without one of the landing', time_zone));
    FOR c IN SELECT * FROM jsonb_each_text(comments) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, c.key, c.value);
    END LOOP;
    PERFORM @extschema@._fleet_rollup_fill(relation, flights, time_zone, NULL);
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _fleet_rollup_make(name, name, regclass, text) IS 'a filled fleet rollup with its column comments';
