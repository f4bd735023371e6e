-- rollup/flight_telemetry.sql: what a drone's log says about a flight.
--
-- A log is what one device recorded in one raw row: (_ep_raw_id, device_id). Its sample tables stand beside the
-- stream's event table and have event_time in UTC. A table or column that is not there gives NULLs.
-- These run as the owner of the flight table.

CREATE TYPE _flight_telemetry AS (
    firmware          text,
    takeoff_lat       double precision,
    takeoff_lon       double precision,
    max_height_m      double precision,
    max_speed_mps     double precision,
    max_climb_mps     double precision,
    max_sink_mps      double precision,
    distance_m        double precision,
    max_dist_home_m   double precision,
    battery_start_pct double precision,
    battery_end_pct   double precision,
    battery_used_mah  double precision,
    min_voltage_v     double precision,
    gps_min_sats      int,
    gps_max_eph_m     double precision,
    gps_fix_share     double precision,
    coverage          double precision
);
COMMENT ON TYPE _flight_telemetry IS 'the columns of a flight table that come from telemetry';
COMMENT ON COLUMN _flight_telemetry.firmware IS 'firmware of the drone, as its log says';
COMMENT ON COLUMN _flight_telemetry.takeoff_lat IS 'latitude of the takeoff point, degrees WGS 84: last position at or before takeoff, else the first after';
COMMENT ON COLUMN _flight_telemetry.takeoff_lon IS 'longitude of the takeoff point, degrees WGS 84';
COMMENT ON COLUMN _flight_telemetry.max_height_m IS 'greatest height above the takeoff point, metres';
COMMENT ON COLUMN _flight_telemetry.max_speed_mps IS 'greatest speed over ground, metres per second';
COMMENT ON COLUMN _flight_telemetry.max_climb_mps IS 'greatest upward velocity, metres per second';
COMMENT ON COLUMN _flight_telemetry.max_sink_mps IS 'greatest downward velocity, metres per second';
COMMENT ON COLUMN _flight_telemetry.distance_m IS 'length of the way over ground, metres: one position per second, steps over 60 m/s left out';
COMMENT ON COLUMN _flight_telemetry.max_dist_home_m IS 'greatest distance from the takeoff point over ground, metres';
COMMENT ON COLUMN _flight_telemetry.battery_start_pct IS 'battery charge at takeoff, percent';
COMMENT ON COLUMN _flight_telemetry.battery_end_pct IS 'battery charge at landing or when last seen, percent';
COMMENT ON COLUMN _flight_telemetry.battery_used_mah IS 'charge drawn from the battery between the two, milliampere hours';
COMMENT ON COLUMN _flight_telemetry.min_voltage_v IS 'lowest battery voltage, volts: the sum of the cells';
COMMENT ON COLUMN _flight_telemetry.gps_min_sats IS 'fewest satellites in use';
COMMENT ON COLUMN _flight_telemetry.gps_max_eph_m IS 'greatest horizontal position uncertainty, metres';
COMMENT ON COLUMN _flight_telemetry.gps_fix_share IS 'share of GPS samples with a 3-D fix, 0 to 1';
COMMENT ON COLUMN _flight_telemetry.coverage IS 'share of the flight with position samples at most 2 s apart, 0 to 1';

CREATE FUNCTION _haversine_m(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 2 * 6371008.8 * asin(least(1, sqrt(
        power(sind((lat2 - lat1) / 2), 2) + cosd(lat1) * cosd(lat2) * power(sind((lon2 - lon1) / 2), 2))))
$$;
COMMENT ON FUNCTION _haversine_m(float8, float8, float8, float8) IS 'great-circle distance in metres between two points in degrees, on a sphere of 6371008.8 m';

-- A SELECT of the samples of some logs: at timestamptz, then the columns as float8 (or text), NULL where the table lacks
-- them. $1 and $2 are the logs' raw ids and devices, $3 and $4 bounds of event_time.
CREATE FUNCTION _samples_query(samples regclass, columns text[], as_type text DEFAULT 'float8') RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'SELECT event_time AS at'
           || (SELECT string_agg(CASE WHEN EXISTS (SELECT FROM pg_attribute a
                                                   WHERE a.attrelid = samples AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped)
                                      THEN format(', %I::%s AS %1$I', c, as_type)
                                      ELSE format(', NULL::%2$s AS %1$I', c, as_type) END, '' ORDER BY n)
               FROM unnest(columns) WITH ORDINALITY u(c, n))
           || CASE WHEN samples IS NULL
                   THEN ' FROM (SELECT NULL::timestamptz AS event_time WHERE false) none'
                   ELSE ' FROM ' || samples || ' WHERE event_time BETWEEN $3 AND $4'
                        || ' AND (_ep_raw_id, device_id::text) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))' END
$$;
COMMENT ON FUNCTION _samples_query(regclass, text[], text) IS 'a SELECT of the samples of some logs, whatever columns their table has';

-- The first instant in the air: height over 1 m or speed over 1.5 m/s, held for 1 s.
CREATE FUNCTION _flight_in_air_at(samples regclass, raw_ids bigint[], devices text[], since timestamptz, until timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found timestamptz;
BEGIN
    EXECUTE format($sql$
        SELECT min(at) FROM (
            SELECT at, bool_and(height_m > 1 OR sqrt(velocity_north_mps ^ 2 + velocity_east_mps ^ 2) > 1.5)
                       OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND interval '1 s' FOLLOWING) AS held
            FROM (%s) s) h WHERE held
        $sql$, @extschema@._samples_query(samples, ARRAY['height_m', 'velocity_north_mps', 'velocity_east_mps']))
    INTO found USING raw_ids, devices, since, until;
    RETURN found;
END
$$;
COMMENT ON FUNCTION _flight_in_air_at(regclass, bigint[], text[], timestamptz, timestamptz) IS 'when the samples of some logs first show a drone in the air';

-- Position: since and until bound the flight; with home, columns relative to the takeoff are filled.
CREATE FUNCTION _flight_position(
    INOUT m _flight_telemetry, samples regclass, raw_ids bigint[], devices text[], since timestamptz, until timestamptz, home boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text := @extschema@._samples_query(samples, ARRAY['latitude', 'longitude', 'height_m', 'velocity_north_mps',
                                                            'velocity_east_mps', 'velocity_down_mps']);
    home_height float8;
BEGIN
    IF home THEN
        -- The last sample at or before takeoff, else the first after.
        EXECUTE format($sql$
            SELECT latitude, longitude, height_m FROM (%s) s
            ORDER BY at > $5, CASE WHEN at <= $5 THEN $5 - at ELSE at - $5 END LIMIT 1
            $sql$, query)
        INTO m.takeoff_lat, m.takeoff_lon, home_height USING raw_ids, devices, since - interval '1 day', until, since;
    END IF;
    EXECUTE format($sql$
        SELECT max(height_m) - $5, max(sqrt(velocity_north_mps ^ 2 + velocity_east_mps ^ 2)),
               max(-velocity_down_mps), max(velocity_down_mps),
               max(@extschema@._haversine_m($6, $7, latitude, longitude))
        FROM (%s) s
        $sql$, query)
    INTO m.max_height_m, m.max_speed_mps, m.max_climb_mps, m.max_sink_mps, m.max_dist_home_m
    USING raw_ids, devices, since, until, home_height, m.takeoff_lat, m.takeoff_lon;
    -- The first sample of each second; a step that no drone flies is a jump of the position.
    EXECUTE format($sql$
        SELECT sum(step) FILTER (WHERE step <= 60 * seconds)
        FROM (SELECT @extschema@._haversine_m(lag(latitude) OVER w, lag(longitude) OVER w, latitude, longitude) AS step,
                     extract(epoch FROM at - lag(at) OVER w)::float8 AS seconds
              FROM (SELECT DISTINCT ON (floor(extract(epoch FROM at - $3))) at, latitude, longitude
                    FROM (%s) s WHERE latitude IS NOT NULL AND longitude IS NOT NULL
                    ORDER BY floor(extract(epoch FROM at - $3)), at) first_of_second
              WINDOW w AS (ORDER BY at)) steps
        $sql$, query)
    INTO m.distance_m USING raw_ids, devices, since, until;
    -- Gaps of at most 2 s, cut to the flight; samples just outside close the gaps at its ends.
    EXECUTE format($sql$
        SELECT CASE WHEN $6 > $5 THEN coalesce(sum(extract(epoch FROM least(at, $6) - greatest(before, $5))), 0)::float8
                                      / extract(epoch FROM $6 - $5)::float8 END
        FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM (%s) s) gaps
        WHERE at - before <= interval '2 s' AND at > $5 AND before < $6
        $sql$, query)
    INTO m.coverage USING raw_ids, devices, since - interval '2 s', until + interval '2 s', since, until;
END
$$;
COMMENT ON FUNCTION _flight_position(_flight_telemetry, regclass, bigint[], text[], timestamptz, timestamptz, boolean) IS 'fill the columns that come from position samples';

CREATE FUNCTION _flight_battery(
    INOUT m _flight_telemetry, samples regclass, raw_ids bigint[], devices text[], since timestamptz, until timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text := @extschema@._samples_query(samples, ARRAY['remaining_percent', 'consumed_ah', 'cell_1_v', 'cell_2_v', 'cell_3_v', 'cell_4_v']);
    used_at_start float8;
    used_at_end   float8;
    as_of_query   text := format('SELECT remaining_percent, consumed_ah FROM (%s) s ORDER BY at DESC LIMIT 1', query);
BEGIN
    EXECUTE as_of_query INTO m.battery_start_pct, used_at_start USING raw_ids, devices, since - interval '1 day', since;
    EXECUTE as_of_query INTO m.battery_end_pct, used_at_end USING raw_ids, devices, since - interval '1 day', until;
    m.battery_used_mah := (used_at_end - used_at_start) * 1000;
    EXECUTE format('SELECT min(cell_1_v + cell_2_v + cell_3_v + cell_4_v) FROM (%s) s', query)
    INTO m.min_voltage_v USING raw_ids, devices, since, until;
END
$$;
COMMENT ON FUNCTION _flight_battery(_flight_telemetry, regclass, bigint[], text[], timestamptz, timestamptz) IS 'fill the columns that come from battery samples';

CREATE FUNCTION _flight_gps(
    INOUT m _flight_telemetry, samples regclass, raw_ids bigint[], devices text[], since timestamptz, until timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT min(satellites)::int, max(horizontal_error_m), avg((fix_type >= 3)::int)::float8 FROM (%s) s',
                   @extschema@._samples_query(samples, ARRAY['satellites', 'horizontal_error_m', 'fix_type']))
    INTO m.gps_min_sats, m.gps_max_eph_m, m.gps_fix_share USING raw_ids, devices, since, until;
END
$$;
COMMENT ON FUNCTION _flight_gps(_flight_telemetry, regclass, bigint[], text[], timestamptz, timestamptz) IS 'fill the columns that come from GPS samples';

-- One flight, from its logs.
CREATE FUNCTION _flight_measure(
    telemetry regclass, raw_ids bigint[], devices text[], takeoff_at timestamptz, earliest timestamptz, last_seen_at timestamptz)
RETURNS _flight_telemetry
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m @extschema@._flight_telemetry;
    positions regclass := @extschema@._flight_samples(telemetry, 'glpi');
    since timestamptz := takeoff_at;
BEGIN
    IF takeoff_at IS NULL THEN
        since := @extschema@._flight_in_air_at(positions, raw_ids, devices, earliest, last_seen_at);
    END IF;
    IF since IS NOT NULL THEN
        m := @extschema@._flight_position(m, positions, raw_ids, devices, since, last_seen_at, takeoff_at IS NOT NULL);
        m := @extschema@._flight_battery(m, @extschema@._flight_samples(telemetry, 'kbat'), raw_ids, devices, since, last_seen_at);
        m := @extschema@._flight_gps(m, @extschema@._flight_samples(telemetry, 'gpri'), raw_ids, devices, since, last_seen_at);
    END IF;
    EXECUTE format('SELECT label FROM (%s) s ORDER BY at DESC LIMIT 1',
                   @extschema@._samples_query(@extschema@._flight_samples(telemetry, 'fwvs'), ARRAY['label'], 'text'))
    INTO m.firmware USING raw_ids, devices, coalesce(since, earliest) - interval '1 day', last_seen_at + interval '1 day';
    RETURN m;
END
$$;
COMMENT ON FUNCTION _flight_measure(regclass, bigint[], text[], timestamptz, timestamptz, timestamptz) IS 'the telemetry columns of one flight';

-- The logs between two instants: what each covers and, where the raw rows can still be read, their source.
CREATE FUNCTION _flight_logs(telemetry regclass, since timestamptz, until timestamptz)
RETURNS TABLE (raw_id bigint, device text, source text, span tstzrange)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    raw_table regclass := (SELECT to_regclass(format('%I.%I', n.nspname, c.relname || '_raw'))
                           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = telemetry);
    samples text := (SELECT string_agg(format('SELECT _ep_raw_id, device_id, event_time FROM %s WHERE event_time BETWEEN $1 AND $2', s),
                                       ' UNION ALL ')
                     FROM unnest(ARRAY['glpi', 'gpri', 'kbat']) k, @extschema@._flight_samples(telemetry, k) s WHERE s IS NOT NULL);
BEGIN
    IF samples IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format($sql$
        WITH logs AS (SELECT _ep_raw_id, device_id::text AS device, tstzrange(min(event_time), max(event_time), '[]') AS span
                      FROM (%s) s GROUP BY 1, 2)
        SELECT l._ep_raw_id, l.device, %s, l.span FROM logs l
        $sql$, samples,
        CASE WHEN has_table_privilege(raw_table, 'SELECT')
             THEN format('(SELECT r.source FROM %s r WHERE r.raw_id = l._ep_raw_id LIMIT 1)', raw_table)
             ELSE 'NULL::text' END)
    USING since, until;
END
$$;
COMMENT ON FUNCTION _flight_logs(regclass, timestamptz, timestamptz) IS 'the logs of a gpmf stream between two instants';

-- Fill the telemetry columns of the flights in the times that changed and of those that share a log with them, or of
-- all. A log belongs to the drone that its device names, else to the one that its raw row's source names, else
-- to the only drone that flew while it was recorded.
CREATE FUNCTION _flight_table_measure(flight_relation regclass, work _flight_work, changed tstzmultirange) RETURNS timestamptz[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    margin constant interval := '2 days';
    bounds tstzrange;
    begins timestamptz[];
BEGIN
    IF NOT work.everything AND isempty(changed) THEN
        RETURN '{}';
    END IF;
    EXECUTE format('SELECT range_merge(range_agg(@extschema@._flight_window(takeoff_at, last_seen_at, $1))) FROM %s', flight_relation)
    INTO bounds USING work.params;
    IF NOT work.everything THEN
        bounds := bounds * tstzrange(lower(changed) - margin, upper(changed) + margin);
    END IF;
    IF bounds IS NULL OR isempty(bounds) THEN
        RETURN '{}';
    END IF;
    EXECUTE format($sql$
        WITH log AS MATERIALIZED (
            SELECT * FROM @extschema@._flight_logs($1, $2, $3)),
        flight AS MATERIALIZED (
            SELECT drone_id, first_event_id, takeoff_at, last_seen_at,
                   @extschema@._flight_window(takeoff_at, last_seen_at, $4) AS span,
                   max(last_seen_at) OVER (PARTITION BY drone_id ORDER BY coalesce(takeoff_at, landing_at), first_event_id
                                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS seen_before
            FROM %1$s),
        drone AS (SELECT DISTINCT drone_id FROM flight),
        meeting AS MATERIALIZED (
            SELECT f.*, l.raw_id, l.device, l.source, l.span && $6 AS is_touched FROM flight f JOIN log l ON f.span && l.span),
        affected AS (
            SELECT drone_id, first_event_id FROM meeting WHERE is_touched
            UNION SELECT drone_id, first_event_id FROM flight WHERE $5 OR span && $6
            EXCEPT SELECT drone_id, first_event_id FROM flight WHERE lower(span) < $7),
        owner AS (
            SELECT l.raw_id, l.device,
                   CASE WHEN l.device IN (SELECT drone_id FROM drone) THEN 'device'
                        WHEN l.source IN (SELECT drone_id FROM drone) THEN 'source'
                        ELSE 'time' END AS how,
                   (SELECT CASE WHEN count(DISTINCT m.drone_id) = 1 THEN min(m.drone_id) END
                    FROM meeting m WHERE m.raw_id = l.raw_id AND m.device = l.device) AS only_drone,
                   l.source
            FROM log l),
        found AS (
            SELECT m.drone_id, m.first_event_id, m.takeoff_at, m.last_seen_at, m.seen_before, lower(m.span) AS earliest,
                   min(o.how) AS how, array_agg(o.raw_id ORDER BY o.raw_id, o.device) AS raw_ids,
                   array_agg(o.device ORDER BY o.raw_id, o.device) AS devices
            FROM meeting m JOIN affected USING (drone_id, first_event_id) JOIN owner o USING (raw_id, device)
            WHERE m.drone_id = CASE o.how WHEN 'device' THEN o.device WHEN 'source' THEN o.source ELSE o.only_drone END
            GROUP BY 1, 2, 3, 4, 5, 6),
        measured AS (
            SELECT a.drone_id, a.first_event_id, f.how,
                   @extschema@._flight_measure($1, f.raw_ids, f.devices, f.takeoff_at, greatest(f.earliest, f.seen_before), f.last_seen_at) AS m
            FROM affected a LEFT JOIN found f USING (drone_id, first_event_id)),
        written AS (
        UPDATE %1$s t
        SET (firmware, takeoff_lat, takeoff_lon, max_height_m, max_speed_mps, max_climb_mps, max_sink_mps, distance_m, max_dist_home_m,
             battery_start_pct, battery_end_pct, battery_used_mah, min_voltage_v, gps_min_sats, gps_max_eph_m, gps_fix_share, coverage,
             telemetry_match)
            = ((m).firmware, (m).takeoff_lat, (m).takeoff_lon, (m).max_height_m, (m).max_speed_mps, (m).max_climb_mps, (m).max_sink_mps,
               (m).distance_m, (m).max_dist_home_m, (m).battery_start_pct, (m).battery_end_pct, (m).battery_used_mah, (m).min_voltage_v,
               (m).gps_min_sats, (m).gps_max_eph_m, (m).gps_fix_share, (m).coverage, how)
        FROM (SELECT * FROM measured OFFSET 0) x
        WHERE t.drone_id = x.drone_id AND t.first_event_id = x.first_event_id AND (x.how IS NOT NULL OR t.telemetry_match IS NOT NULL)
        RETURNING coalesce(t.takeoff_at, t.landing_at) AS begin_at)
        SELECT array_agg(begin_at) FROM written
        $sql$, flight_relation)
    INTO begins USING work.telemetry, lower(bounds) - margin, upper(bounds) + margin, work.params, work.everything, changed, work.samples_frozen_until;
    RETURN coalesce(begins, '{}');
END
$$;
COMMENT ON FUNCTION _flight_table_measure(regclass, _flight_work, tstzmultirange) IS 'fill the telemetry columns of a flight table, as the current user; gives when the flights began that were written';
