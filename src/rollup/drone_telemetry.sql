-- rollup/drone_telemetry.sql: the streams of a drone's log as one table that people can chart.
--
-- A row per position sample (GLPI), joined within its log, which is (_ep_raw_id, device_id): VFRH has the same instants, so
-- the same payload and place; SYST and KBAT come once a payload, and hold until the next one, for at most ten payloads.
-- UTC is GLPI's boot time plus (unix - boot) of SYST, and is event_time already.

CREATE FUNCTION _has_column(relation regclass, name text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = name AND a.attnum > 0 AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION _has_column(regclass, text) IS 'whether a table has such a column';

-- A SELECT of some columns of a sample table as float8, NULL where it lacks them; no row when there is no such table.
CREATE FUNCTION _drone_samples_query(samples regclass, columns text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'SELECT ' || CASE WHEN samples IS NULL
                             THEN 'NULL::bigint AS _ep_raw_id, NULL::bigint AS device_id, NULL::int AS payload, NULL::int AS sample'
                             ELSE '_ep_raw_id, device_id, payload, sample' END
           || (SELECT string_agg(CASE WHEN @extschema@._has_column(samples, c)
                                      THEN format(', %I::float8', c) ELSE format(', NULL::float8 AS %I', c) END, '' ORDER BY n)
               FROM unnest(columns) WITH ORDINALITY u(c, n))
           || CASE WHEN samples IS NULL THEN ' WHERE false' ELSE ' FROM ' || samples END
$$;
COMMENT ON FUNCTION _drone_samples_query(regclass, text[]) IS 'a SELECT of the samples of a stream''s table, whatever columns it has';

-- The same for samples that hold until the next: a row for each payload in which they do.
CREATE FUNCTION _drone_as_of_query(samples regclass, columns text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format($sql$
        SELECT _ep_raw_id, device_id, held_in, %s
        FROM (SELECT *, lead(payload) OVER (PARTITION BY _ep_raw_id, device_id ORDER BY payload) AS next
              FROM (SELECT DISTINCT ON (_ep_raw_id, device_id, payload) * FROM (%s) all_samples
                    ORDER BY _ep_raw_id, device_id, payload, sample) first_of_payload) s
        CROSS JOIN LATERAL generate_series(payload, least(coalesce(next - 1, payload + 9), payload + 9)) AS held_in$sql$,
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY u(c, n)),
        @extschema@._drone_samples_query(samples, columns))
$$;
COMMENT ON FUNCTION _drone_as_of_query(regclass, text[]) IS 'a SELECT of samples of a stream''s table, once for each payload in which they hold';

-- view: its name, qualified and quoted.
CREATE FUNCTION _drone_view_create(view text, event_table regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    glpi     regclass := @extschema@._flight_samples(event_table, 'glpi');
    comments constant jsonb := '{
        "event_time": "UTC of the sample: boot time plus (unix - boot) of SYST; its arrival plus t when clock_missing",
        "clock_missing": "true: the log has no clock",
        "t": "time from the start of the log, s",
        "boot_s": "time since the drone''s boot, s",
        "latitude": "latitude, WGS 84, deg", "longitude": "longitude, WGS 84, deg",
        "altitude_m": "altitude above mean sea level, m", "height_m": "height above the take-off point, m",
        "speed_mps": "speed over ground, m/s: of the velocity to north and east", "climb_mps": "upward velocity, m/s",
        "velocity_north_mps": "velocity to the north, m/s", "velocity_east_mps": "velocity to the east, m/s",
        "velocity_down_mps": "velocity downward, m/s", "heading_deg": "heading, clockwise from north, deg",
        "air_speed_mps": "air speed, m/s; 0 on drones without a sensor for it", "throttle_percent": "throttle, %",
        "remaining_percent": "battery charge left, %", "battery_v": "battery voltage, V: the sum of the cells",
        "current_a": "battery current, A, negative while draining", "consumed_ah": "charge drawn from the battery, Ah",
        "battery_temperature_c": "temperature of the battery, degC",
        "utc_minus_boot_s": "unix time minus boot time that SYST says, s",
        "device_id": "the device that the log names", "_ep_raw_id": "the raw row it came from: raw_id"}';
    c        record;
BEGIN
    IF glpi IS NULL THEN
        RAISE EXCEPTION 'stream "%" has no drone positions yet', event_table
            USING ERRCODE = 'undefined_table', HINT = 'Insert a drone''s log first: the view is over the tables that its samples make.';
    END IF;
    EXECUTE format($sql$
        CREATE OR REPLACE VIEW %s AS
        SELECT g.event_time, %s AS clock_missing, g.t, p.boot_s, p.latitude, p.longitude, p.altitude_m, p.height_m,
               sqrt(p.velocity_north_mps * p.velocity_north_mps + p.velocity_east_mps * p.velocity_east_mps) AS speed_mps,
               -p.velocity_down_mps AS climb_mps, p.velocity_north_mps, p.velocity_east_mps, p.velocity_down_mps, p.heading_deg,
               v.air_speed_mps, v.throttle_percent,
               b.remaining_percent, b.cell_1_v + b.cell_2_v + b.cell_3_v + b.cell_4_v AS battery_v, b.current_a, b.consumed_ah,
               b.temperature_c AS battery_temperature_c, s.unix_s - s.boot_s AS utc_minus_boot_s, g.device_id, g._ep_raw_id
        FROM %s g
        CROSS JOIN LATERAL (SELECT %s) p
        LEFT JOIN (%s) v USING (_ep_raw_id, device_id, payload, sample)
        LEFT JOIN (%s) b ON b._ep_raw_id = g._ep_raw_id AND b.device_id = g.device_id AND b.held_in = g.payload
        LEFT JOIN (%s) s ON s._ep_raw_id = g._ep_raw_id AND s.device_id = g.device_id AND s.held_in = g.payload$sql$,
        view,
        CASE WHEN @extschema@._has_column(glpi, 'clock_missing') THEN 'coalesce(g.clock_missing, false)' ELSE 'false' END,
        glpi,
        (SELECT string_agg(format(CASE WHEN @extschema@._has_column(glpi, k) THEN 'g.%I::float8' ELSE 'NULL::float8 AS %I' END, k), ', ')
         FROM unnest(ARRAY['boot_s', 'latitude', 'longitude', 'altitude_m', 'height_m', 'velocity_north_mps', 'velocity_east_mps',
                           'velocity_down_mps', 'heading_deg']) k),
        @extschema@._drone_samples_query(@extschema@._flight_samples(event_table, 'vfrh'), ARRAY['air_speed_mps', 'throttle_percent']),
        @extschema@._drone_as_of_query(@extschema@._flight_samples(event_table, 'kbat'),
            ARRAY['remaining_percent', 'cell_1_v', 'cell_2_v', 'cell_3_v', 'cell_4_v', 'current_a', 'consumed_ah', 'temperature_c']),
        @extschema@._drone_as_of_query(@extschema@._flight_samples(event_table, 'syst'), ARRAY['boot_s', 'unix_s']));
    EXECUTE format('COMMENT ON VIEW %s IS %L', view, format('drone telemetry of stream %s, a row per position', event_table));
    FOR c IN SELECT * FROM jsonb_each_text(comments) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, c.key, c.value);
    END LOOP;
END
$$;
COMMENT ON FUNCTION _drone_view_create(text, regclass) IS 'make a view over the drone logs of a gpmf stream';

CREATE FUNCTION create_drone_telemetry_view(view text, stream text) RETURNS regclass
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    name text := @extschema@._relation_to_make(view, 'view');
BEGIN
    PERFORM @extschema@._drone_view_create(name, @extschema@._stream_relation(stream));
    RETURN name::regclass;
END
$$;
COMMENT ON FUNCTION create_drone_telemetry_view(text, text) IS
'make, or make anew, a view over the drone logs of a gpmf stream, a row per position (GLPI): speed and throttle (VFRH) of the same instant, battery (KBAT)
and clock (SYST) as of it; gives the view. Call it again when a log has brought columns that were not there; DROP VIEW removes it';
