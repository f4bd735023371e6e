-- rollup/flight_table.sql: flight tables: made, kept fresh, dropped.
--
-- A flight table belongs to whoever made it. The functions in C (flight_table.c) resolve names along the caller's
-- search_path and check ownership. What reads our catalog (_flight_table_begin, _attach, _detach) runs as the extension's
-- owner and is closed to everybody else; what reads events and writes flights (_flight_table_make, _recompute, _measure) runs as the
-- owner of the flight table and can do nothing that this role cannot.

CREATE SEQUENCE _flight_table_id_seq AS int;
COMMENT ON SEQUENCE _flight_table_id_seq IS 'numbers for _flight_table.flight_table_id';
CREATE TABLE _flight_table (
    flight_table_id int PRIMARY KEY DEFAULT nextval('@extschema@._flight_table_id_seq'),
    relation        regclass NOT NULL UNIQUE,
    events          text,               -- a SELECT, or NULL when they come from one relation:
    events_relation regclass,
    telemetry       regclass,           -- event table of a gpmf stream
    params          jsonb NOT NULL,
    search_path     text NOT NULL,      -- of the caller, for the SELECT
    as_of           timestamptz,        -- of the last refresh
    refreshed_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE _flight_table IS 'the flight tables and what they are computed from';
SELECT pg_catalog.pg_extension_config_dump('_flight_table', '');
SELECT pg_catalog.pg_extension_config_dump('_flight_table_id_seq', '');

CREATE FUNCTION create_flight_table(name text, events text, telemetry text DEFAULT NULL, params jsonb DEFAULT '{}')
RETURNS regclass
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_create_flight_table';
COMMENT ON FUNCTION create_flight_table(text, text, text, jsonb) IS 'make and fill a table with one row per flight, from a table of events or a SELECT, with measurements from a gpmf stream; refresh_flight_table() keeps it fresh';

CREATE FUNCTION refresh_flight_table(name text, as_of timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_refresh_flight_table';
COMMENT ON FUNCTION refresh_flight_table(text, timestamptz) IS 'bring a flight table up to date with its events, drone by drone where it can; gives the number of flights that changed';

CREATE FUNCTION drop_flight_table(name text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_drop_flight_table';
COMMENT ON FUNCTION drop_flight_table(text) IS 'drop a flight table; its events stay';

-- The telemetry tables beside a gpmf stream's event table, by the name of the sample stream; NULL where there is none.
CREATE FUNCTION _flight_samples(telemetry regclass, fourcc text) RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_regclass(format('%I.%I', n.nspname, c.relname || '_' || fourcc))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = telemetry
$$;
COMMENT ON FUNCTION _flight_samples(regclass, text) IS 'the table with one kind of samples of a gpmf stream';

-- ---- as the extension's owner ----

-- Take the flight table for this transaction and say what there is to do. granules and sample_granules: the quarter hours
-- that changed in events and telemetry; granules are NULL when everything has to be computed.
CREATE FUNCTION _flight_table_begin(
    flight_relation regclass, OUT flight_table int, OUT events text, OUT events_relation regclass, OUT telemetry regclass,
    OUT params jsonb, OUT path text, OUT last_as_of timestamptz, OUT granules timestamptz[], OUT sample_granules timestamptz[])
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target int;
    is_new boolean;
    news   timestamptz[];
BEGIN
    PERFORM pg_advisory_xact_lock('@extschema@._flight_table'::regclass::oid::int, flight_relation::oid::int);
    SELECT f.flight_table_id, f.events, f.events_relation, f.telemetry, f.params, f.search_path, f.as_of
    INTO flight_table, events, events_relation, telemetry, params, path, last_as_of
    FROM @extschema@._flight_table f WHERE f.relation = flight_relation;
    IF flight_table IS NULL THEN
        RETURN;
    END IF;
    -- Sample tables appear with their first sample.
    is_new := NOT EXISTS (SELECT FROM @extschema@._target t WHERE t.relation = events_relation) OR last_as_of IS NULL;
    sample_granules := '{}';
    granules := '{}';
    FOR target IN
        SELECT t.target_id FROM @extschema@._target t
        WHERE t.relation = events_relation
           OR t.relation IN (SELECT @extschema@._flight_samples(telemetry, k) FROM unnest(ARRAY['glpi', 'gpri', 'kbat', 'fwvs']) k)
        ORDER BY t.target_id
    LOOP
        IF NOT EXISTS (SELECT FROM @extschema@._invalidation_reader r
                       WHERE r.consumer = 'flight_table:' || flight_table AND r.target_id = target) THEN
            PERFORM @extschema@._invalidation_attach('flight_table:' || flight_table, target);
            is_new := true;
        END IF;
        news := ARRAY(SELECT @extschema@._invalidation_read('flight_table:' || flight_table, target));
        IF '-infinity' = ANY (news) THEN
            is_new := true;
        ELSIF events_relation = (SELECT t.relation FROM @extschema@._target t WHERE t.target_id = target) THEN
            granules := granules || news;
        ELSE
            sample_granules := sample_granules || news;
        END IF;
    END LOOP;
    IF is_new THEN
        granules := NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION _flight_table_begin(regclass) IS 'lock a flight table for refreshing and read what has changed under it';
REVOKE ALL ON FUNCTION _flight_table_begin(regclass) FROM PUBLIC;

CREATE FUNCTION _flight_table_forget(flight_relation regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flight_table int;
BEGIN
    DELETE FROM @extschema@._flight_table f WHERE f.relation = flight_relation RETURNING f.flight_table_id INTO flight_table;
    PERFORM @extschema@._invalidation_detach('flight_table:' || flight_table);
    RETURN flight_table IS NOT NULL;
END
$$;
COMMENT ON FUNCTION _flight_table_forget(regclass) IS 'forget a flight table; false if it was none';
REVOKE ALL ON FUNCTION _flight_table_forget(regclass) FROM PUBLIC;

CREATE FUNCTION _flight_table_sweep() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(@extschema@._flight_table_forget(f.relation))
    FROM @extschema@._flight_table f WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = f.relation)
$$;
COMMENT ON FUNCTION _flight_table_sweep() IS 'forget flight tables that somebody dropped by DROP TABLE; gives how many';
REVOKE ALL ON FUNCTION _flight_table_sweep() FROM PUBLIC;

-- ---- as the owner of the flight table ----

CREATE FUNCTION _flight_table_make(schema_name name, table_name name) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation regclass;
    col      record;
BEGIN
    EXECUTE format($sql$
        CREATE TABLE %I.%I (
            drone_id          text NOT NULL,
            boot_id           text,
            status            text NOT NULL,
            takeoff_at        timestamptz,
            landing_at        timestamptz,
            last_seen_at      timestamptz NOT NULL,
            duration_ms       bigint,
            end_reason        text,
            time_source       text NOT NULL,
            touchdowns        int NOT NULL,
            flags             text[] NOT NULL,
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
            coverage          double precision,
            telemetry_match   text,
            first_event_id    text NOT NULL,
            PRIMARY KEY (drone_id, first_event_id)
        )$sql$, schema_name, table_name);
    relation := format('%I.%I', schema_name, table_name)::regclass;
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'one row per drone flight, by event_pipeline.refresh_flight_table()');
    EXECUTE format('CREATE INDEX ON %s (takeoff_at)', relation);
    FOR col IN
        SELECT a.attname, col_description(a.attrelid, a.attnum) AS description FROM pg_attribute a
        WHERE a.attrelid = '@extschema@.flight'::regclass AND a.attnum > 0
        UNION ALL
        SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute a
        WHERE a.attrelid = '@extschema@._flight_telemetry'::regclass AND a.attnum > 0
        UNION ALL
        VALUES ('telemetry_match', 'how the telemetry was found: device (the log names the drone), source (its raw row does), time (only this drone flew)'),
               ('first_event_id', 'event_id of the takeoff, or of the landing when there is none: with drone_id a stable key')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, col.attname, col.description);
    END LOOP;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _flight_table_make(name, name) IS 'an empty flight table with its column comments';

-- The drones whose flights may differ from what the table says; NULL: all.
CREATE FUNCTION _flight_table_drones(
    flight_relation regclass, events_relation regclass, as_of timestamptz, last_as_of timestamptz, granules timestamptz[])
RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed text[] := '{}';
    waiting text[];
BEGIN
    IF granules IS NULL THEN
        RETURN NULL;
    END IF;
    IF granules <> '{}' AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = events_relation AND attname = 'drone_id') THEN
        EXECUTE format($sql$
            SELECT ARRAY(SELECT DISTINCT drone_id::text FROM %s
                         WHERE event_time >= $1 AND event_time < $2
                           AND date_bin('15 min', event_time, '2000-01-01 00:00:00+00') = ANY ($3) AND drone_id IS NOT NULL)
            $sql$, events_relation)
        INTO changed
        USING (SELECT min(g) FROM unnest(granules) g), (SELECT max(g) + '15 min' FROM unnest(granules) g), granules;
    END IF;
    -- What hangs on as_of alone.
    EXECUTE format($sql$
        SELECT ARRAY(SELECT DISTINCT drone_id FROM %s WHERE status = 'open' OR (end_reason = 'timeout' AND $1 < $2))
        $sql$, flight_relation)
    INTO waiting USING as_of, last_as_of;
    RETURN changed || waiting;
END
$$;
COMMENT ON FUNCTION _flight_table_drones(regclass, regclass, timestamptz, timestamptz, timestamptz[]) IS 'the drones that a refresh has to compute; NULL: all';

-- When a flight may have telemetry: without a takeoff anywhere in the longest flight before the landing.
CREATE FUNCTION _flight_window(takeoff_at timestamptz, last_seen_at timestamptz, params jsonb) RETURNS tstzrange
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT tstzrange(coalesce(takeoff_at, last_seen_at - coalesce((params->>'max_flight_ms')::bigint, 2700000) * interval '1 ms'),
                     last_seen_at, '[]')
$$;
COMMENT ON FUNCTION _flight_window(timestamptz, timestamptz, jsonb) IS 'the time in which a flight may have telemetry';

-- In a stream's event table the attributes count, by their path: a payload's own received_at is in received_at_, because
-- received_at says when the raw row arrived.
CREATE FUNCTION _flight_events_query(events_relation regclass) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT format('SELECT * FROM (SELECT %s FROM %s) e', string_agg(format('%I AS %I', c.column_name, n.name), ', '), events_relation)
         FROM unnest('{event_id,drone_id,type,boot_id,device_uptime_ms,device_clock,gps_time,gps_week,gps_tow_ms,gps_fix,received_at,upload_id,seq}'::name[]) n (name),
              LATERAL (SELECT column_name FROM (
                           SELECT 1 AS choice, s.column_name FROM @extschema@.stream_columns s
                           WHERE s.target = events_relation AND s.path = n.name::text
                           UNION ALL
                           SELECT 2, a.attname FROM pg_attribute a
                           WHERE a.attrelid = events_relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped) o
                       ORDER BY choice LIMIT 1) c
         HAVING EXISTS (SELECT FROM @extschema@.stream_columns s WHERE s.target = events_relation)),
        'SELECT * FROM ' || events_relation)
$$;
COMMENT ON FUNCTION _flight_events_query(regclass) IS 'the events of a relation for pair_flights(): the attributes of a stream, else the columns';

CREATE FUNCTION _flight_table_recompute(
    flight_relation regclass, events text, events_relation regclass, telemetry regclass, params jsonb, path text,
    as_of timestamptz, last_as_of timestamptz, granules timestamptz[], sample_granules timestamptz[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query   text := coalesce(events, @extschema@._flight_events_query(events_relation));
    drones  text[] := @extschema@._flight_table_drones(flight_relation, events_relation, as_of, last_as_of, granules);
    changed tstzmultirange;
    flights bigint := 0;
BEGIN
    IF drones IS NULL OR drones <> '{}' THEN
        IF drones IS NOT NULL THEN
            query := format('%s WHERE drone_id::pg_catalog.text OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])', query, drones);
        END IF;
        -- Only what differs is written: a late event changes few flights of its drone.
        EXECUTE format($sql$
            WITH fresh AS MATERIALIZED (
                SELECT * FROM @extschema@._pair_flights_keyed($1, $2, $3, $4)),
            kept AS MATERIALIZED (
                SELECT drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source,
                       touchdowns, flags, first_event_id
                FROM %1$s WHERE $5 IS NULL OR drone_id = ANY ($5)),
            news AS MATERIALIZED (TABLE fresh EXCEPT TABLE kept),
            stale AS MATERIALIZED (TABLE kept EXCEPT TABLE fresh),
            deleted AS (
                DELETE FROM %1$s t USING stale s
                WHERE t.drone_id = s.drone_id AND t.first_event_id = s.first_event_id
                  AND NOT EXISTS (SELECT FROM news n WHERE n.drone_id = s.drone_id AND n.first_event_id = s.first_event_id)),
            inserted AS (
                INSERT INTO %1$s (drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason,
                                  time_source, touchdowns, flags, first_event_id)
                TABLE news
                ON CONFLICT (drone_id, first_event_id) DO UPDATE
                SET (boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source, touchdowns, flags)
                    = (excluded.boot_id, excluded.status, excluded.takeoff_at, excluded.landing_at, excluded.last_seen_at,
                       excluded.duration_ms, excluded.end_reason, excluded.time_source, excluded.touchdowns, excluded.flags))
            SELECT range_agg(@extschema@._flight_window(takeoff_at, last_seen_at, $3)), count(DISTINCT (drone_id, first_event_id))
            FROM (TABLE news UNION ALL TABLE stale) w
            $sql$, flight_relation)
        INTO changed, flights USING query, as_of, params, path, drones;
    END IF;
    IF telemetry IS NOT NULL THEN
        PERFORM @extschema@._flight_table_measure(
            flight_relation, telemetry, params, granules IS NULL,
            coalesce(changed, '{}')
            + coalesce((SELECT range_agg(tstzrange(g, g + interval '15 min')) FROM unnest(sample_granules) g), '{}'));
    END IF;
    RETURN flights;
END
$$;
COMMENT ON FUNCTION _flight_table_recompute(regclass, text, regclass, regclass, jsonb, text, timestamptz, timestamptz, timestamptz[], timestamptz[]) IS 'write the flights that differ from what the events say now, as the current user';
