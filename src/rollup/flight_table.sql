-- rollup/flight_table.sql: flight tables: made, kept fresh, dropped.
--
-- A flight table belongs to whoever made it. The functions in C (flight_table.c) resolve names along the caller's
-- search_path and check ownership. What reads our catalog (_flight_table_begin, _attach, _detach) runs as the extension's
-- owner and is closed to everybody else; what reads events and writes flights (_flight_table_make, _recompute, _measure) runs as the
-- owner of the flight table and can do nothing that this role cannot.
--
-- A refresh writes only rows that differ, so the table is what computing from scratch would give, whatever came before. Retention
-- of events does not eat flights: what begins before a drone's last row of a boot whose events are partly gone stays as it is.

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
    query           text,               -- its SELECT: another one where the events have new columns
    frozen_until    timestamptz NOT NULL DEFAULT '-infinity', -- retention dropped events from before
    samples_frozen_until timestamptz NOT NULL DEFAULT '-infinity', -- and telemetry
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
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_refresh_flight_table';
COMMENT ON FUNCTION refresh_flight_table(text, timestamptz) IS 'bring a flight table up to date with its events, drone by drone where it can; gives the number of flights that changed';

CREATE FUNCTION drop_flight_table(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_drop_flight_table';
COMMENT ON FUNCTION drop_flight_table(text) IS 'drop a flight table; its events stay, and fleet rollups over it keep their rows';

-- The telemetry tables beside a gpmf stream's event table, by the name of the sample stream; NULL where there is none.
CREATE FUNCTION _flight_samples(telemetry regclass, fourcc text) RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_regclass(format('%I.%I', n.nspname, c.relname || '_' || fourcc))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = telemetry
$$;
COMMENT ON FUNCTION _flight_samples(regclass, text) IS 'the table with one kind of samples of a gpmf stream';

-- ---- as the extension's owner ----

-- What a refresh has to do.
CREATE TYPE _flight_work AS (
    query                text,
    telemetry            regclass,
    params               jsonb,
    path                 text,
    last_as_of           timestamptz,
    frozen_until         timestamptz,
    samples_frozen_until timestamptz,
    everything           boolean,
    events_relation      regclass,
    granules             timestamptz[],  -- quarter hours with new events
    newer_than           xid,            -- written by this transaction or a later one
    drones               text[],         -- whose events were updated or deleted
    sample_granules      timestamptz[],  -- quarter hours with new telemetry
    fleets               regclass[],     -- the fleet rollups over it
    fleet_zones          text[]
);
COMMENT ON TYPE _flight_work IS 'what a refresh of a flight table has to do';

-- Take the flight table for this transaction.
CREATE FUNCTION _flight_table_lock(flight_relation regclass) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@._lock('@extschema@._flight_table', flight_relation::oid::int) $$;
COMMENT ON FUNCTION _flight_table_lock(regclass) IS 'wait until nobody else refreshes a flight table';

-- Read what has changed in one event table since the flight table f read it last.
CREATE FUNCTION _flight_table_read(INOUT work _flight_work, f _flight_table, target _target)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader constant text := 'flight_table:' || f.flight_table_id;
    seen @extschema@._invalidation_reader;
    news timestamptz[];
BEGIN
    SELECT * INTO seen FROM @extschema@._invalidation_reader r WHERE r.consumer = reader AND r.target_id = target.target_id;
    IF seen IS NULL THEN
        PERFORM @extschema@._invalidation_attach(reader, target.target_id);
        work.everything := true;
        RETURN;
    END IF;
    news := ARRAY(SELECT @extschema@._invalidation_read(reader, target.target_id));
    IF '-infinity' = ANY (news) OR seen.cluster <> (SELECT system_identifier FROM pg_control_system()) THEN
        work.everything := true;
    END IF;
    IF target.relation = f.events_relation THEN
        work.granules := news;
        work.newer_than := pg_snapshot_xmin(seen.snapshot)::xid;
        work.drones := @extschema@._flight_gone_read(target.target_id, seen.snapshot);
        work.everything := work.everything OR @extschema@._flight_drone_expression(f.events_relation) IS NULL
            OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = f.events_relation AND c.relkind = 'p')  -- has no triggers
            OR pg_snapshot_xmax(pg_current_snapshot())::text::bigint - pg_snapshot_xmin(seen.snapshot)::text::bigint > 2 ^ 30;
    ELSE
        work.sample_granules := work.sample_granules || news;
    END IF;
END
$$;
COMMENT ON FUNCTION _flight_table_read(_flight_work, _flight_table, _target) IS 'add what has changed in one event table to the work of a refresh';

-- Lock a flight table and say what there is to do; NULL when it is none.
CREATE FUNCTION _flight_table_begin(flight_relation regclass) RETURNS _flight_work
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    f      @extschema@._flight_table;
    target @extschema@._target;
    work   @extschema@._flight_work;
BEGIN
    PERFORM @extschema@._flight_table_lock(flight_relation);
    SELECT * INTO f FROM @extschema@._flight_table o WHERE o.relation = flight_relation;
    IF f.flight_table_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF f.events IS NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = f.events_relation) THEN
        RAISE EXCEPTION 'the events of flight table % do not exist any more', flight_relation USING ERRCODE = 'undefined_table',
            HINT = format('SELECT @extschema@.drop_flight_table(%L);', flight_relation);
    END IF;
    work.query := coalesce(f.events, @extschema@._flight_events_query(f.events_relation), 'SELECT');
    work.telemetry := f.telemetry;
    work.params := f.params;
    work.path := f.search_path;
    work.last_as_of := f.as_of;
    work.frozen_until := f.frozen_until;
    work.samples_frozen_until := f.samples_frozen_until;
    work.events_relation := f.events_relation;
    work.sample_granules := '{}';
    SELECT array_agg(r.relation ORDER BY r.relation), array_agg(r.time_zone ORDER BY r.relation) INTO work.fleets, work.fleet_zones
    FROM @extschema@._fleet_rollup r JOIN pg_class c ON c.oid = r.relation WHERE r.flights = flight_relation;
    work.everything := f.query IS DISTINCT FROM work.query
        OR NOT EXISTS (SELECT FROM @extschema@._target t WHERE t.relation = f.events_relation);
    UPDATE @extschema@._flight_table o SET query = work.query WHERE o.relation = flight_relation AND o.query IS DISTINCT FROM work.query;
    -- Sample tables appear with their first sample.
    FOR target IN
        SELECT * FROM @extschema@._target t
        WHERE t.relation = f.events_relation
           OR t.relation IN (SELECT @extschema@._flight_samples(f.telemetry, k) FROM unnest(ARRAY['glpi', 'gpri', 'kbat', 'fwvs']) k)
        ORDER BY t.target_id
    LOOP
        work := @extschema@._flight_table_read(work, f, target);
    END LOOP;
    RETURN work;
END
$$;
COMMENT ON FUNCTION _flight_table_begin(regclass) IS 'lock a flight table for refreshing and read what has changed under it';
REVOKE ALL ON FUNCTION _flight_table_begin(regclass), _flight_table_lock(regclass), _flight_table_read(_flight_work, _flight_table, _target) FROM PUBLIC;

-- Retention is about to drop what an event table has from before.
CREATE FUNCTION _flight_table_freeze(relation regclass, until timestamptz) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE @extschema@._flight_table f SET frozen_until = until WHERE f.events_relation = $1 AND f.frozen_until < until;
    UPDATE @extschema@._flight_table f SET samples_frozen_until = until
    WHERE f.samples_frozen_until < until
      AND $1 IN (SELECT @extschema@._flight_samples(f.telemetry, k) FROM unnest(ARRAY['glpi', 'gpri', 'kbat', 'fwvs']) k);
$$;
COMMENT ON FUNCTION _flight_table_freeze(regclass, timestamptz) IS 'have flight tables keep what they say of events and telemetry before an instant';
REVOKE ALL ON FUNCTION _flight_table_freeze(regclass, timestamptz) FROM PUBLIC;

CREATE FUNCTION _flight_table_forget(flight_relation regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flight_table int;
BEGIN
    DELETE FROM @extschema@._flight_table f WHERE f.relation = flight_relation RETURNING f.flight_table_id INTO flight_table;
    DELETE FROM @extschema@._fleet_rollup r WHERE r.flights = flight_relation;
    PERFORM @extschema@._invalidation_detach('flight_table:' || flight_table);
    DELETE FROM @extschema@._flight_gone g WHERE NOT EXISTS (
        SELECT FROM @extschema@._invalidation_reader r WHERE r.target_id = g.target_id AND r.consumer LIKE 'flight_table:%');
    RETURN flight_table IS NOT NULL;
END
$$;
COMMENT ON FUNCTION _flight_table_forget(regclass) IS 'forget a flight table; false if it was none';
REVOKE ALL ON FUNCTION _flight_table_forget(regclass) FROM PUBLIC;

CREATE FUNCTION _flight_table_sweep() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM @extschema@._fleet_rollup r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation);
    SELECT count(@extschema@._flight_table_forget(f.relation))
    FROM @extschema@._flight_table f WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = f.relation)
$$;
COMMENT ON FUNCTION _flight_table_sweep() IS 'forget flight tables and fleet rollups that somebody dropped by DROP TABLE; gives how many flight tables';
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
            events_since      timestamptz,
            PRIMARY KEY (drone_id, first_event_id)
        )$sql$, schema_name, table_name);
    relation := format('%I.%I', schema_name, table_name)::regclass;
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'one row per drone flight, by event_pipeline.refresh_flight_table()');
    EXECUTE format('CREATE INDEX ON %s (takeoff_at)', relation);
    EXECUTE format('CREATE INDEX ON %s (drone_id) WHERE status = ''open''', relation);
    FOR col IN
        SELECT a.attname, col_description(a.attrelid, a.attnum) AS description FROM pg_attribute a
        WHERE a.attrelid = '@extschema@.flight'::regclass AND a.attnum > 0
        UNION ALL
        SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute a
        WHERE a.attrelid = '@extschema@._flight_telemetry'::regclass AND a.attnum > 0
        UNION ALL
        VALUES ('telemetry_match', 'how the telemetry was found: device (the log names the drone), source (its raw row does), time (only this drone flew)'),
               ('first_event_id', 'event_id of the takeoff, or of the landing when there is none: with drone_id a stable key'),
               ('events_since', 'earliest event_time of the boot''s events: once retention drops events from then, the row stays as it is')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, col.attname, col.description);
    END LOOP;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _flight_table_make(name, name) IS 'an empty flight table with its column comments';

-- The drones whose flights may differ from what the table says; NULL: all.
CREATE FUNCTION _flight_table_drones(flight_relation regclass, work _flight_work, as_of timestamptz) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting text[];
BEGIN
    IF work.everything THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT ARRAY(SELECT DISTINCT drone_id FROM %s WHERE status = ''open''%s)', flight_relation,
                   CASE WHEN as_of < work.last_as_of THEN ' OR end_reason = ''timeout''' END)
    INTO waiting;
    RETURN ARRAY(SELECT DISTINCT d FROM unnest(
        @extschema@._flight_new_drones(work.events_relation, work.granules, work.newer_than) || work.drones || waiting) d);
END
$$;
COMMENT ON FUNCTION _flight_table_drones(regclass, _flight_work, timestamptz) IS 'the drones that a refresh has to compute; NULL: all';

-- When a flight may have telemetry: without a takeoff anywhere in the longest flight before the landing.
CREATE FUNCTION _flight_window(takeoff_at timestamptz, last_seen_at timestamptz, params jsonb) RETURNS tstzrange
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT tstzrange(coalesce(takeoff_at, last_seen_at - coalesce((params->>'max_flight_ms')::bigint, 2700000) * interval '1 ms'),
                     last_seen_at, '[]')
$$;
COMMENT ON FUNCTION _flight_window(timestamptz, timestamptz, jsonb) IS 'the time in which a flight may have telemetry';

-- Write the flights of these drones (NULL: all) that differ from what the table says; gives the time they span and how many.
CREATE FUNCTION _flight_table_write(
    flight_relation regclass, work _flight_work, as_of timestamptz, drones text[], OUT changed tstzmultirange, OUT begins timestamptz[],
    OUT flights bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text := work.query;
BEGIN
    IF drones IS NOT NULL THEN
        query := format('%s WHERE drone_id::pg_catalog.text OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])', query, drones);
    END IF;
    EXECUTE format($sql$
        WITH kept_all AS MATERIALIZED (
            SELECT drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source,
                   touchdowns, flags, first_event_id, events_since
            FROM %1$s WHERE $5 IS NULL OR drone_id = ANY ($5)),
        frozen AS MATERIALIZED (
            SELECT drone_id, max(last_seen_at) AS until FROM kept_all WHERE events_since < $6 GROUP BY drone_id),
        fresh AS MATERIALIZED (
            SELECT * FROM @extschema@._pair_flights_keyed($1, $2, $3, $4) p
            WHERE NOT EXISTS (SELECT FROM frozen f WHERE f.drone_id = p.drone_id AND coalesce(p.takeoff_at, p.landing_at) <= f.until)),
        kept AS MATERIALIZED (
            SELECT * FROM kept_all k
            WHERE NOT EXISTS (SELECT FROM frozen f WHERE f.drone_id = k.drone_id AND coalesce(k.takeoff_at, k.landing_at) <= f.until)),
        news AS MATERIALIZED (TABLE fresh EXCEPT TABLE kept),
        stale AS MATERIALIZED (TABLE kept EXCEPT TABLE fresh),
        deleted AS (
            DELETE FROM %1$s t USING stale s
            WHERE t.drone_id = s.drone_id AND t.first_event_id = s.first_event_id
              AND NOT EXISTS (SELECT FROM news n WHERE n.drone_id = s.drone_id AND n.first_event_id = s.first_event_id)),
        inserted AS (
            INSERT INTO %1$s AS t (drone_id, boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason,
                                   time_source, touchdowns, flags, first_event_id, events_since)
            TABLE news
            ON CONFLICT (drone_id, first_event_id) DO UPDATE
            SET (boot_id, status, takeoff_at, landing_at, last_seen_at, duration_ms, end_reason, time_source, touchdowns, flags, events_since)
                = (excluded.boot_id, excluded.status, excluded.takeoff_at, excluded.landing_at, excluded.last_seen_at,
                   excluded.duration_ms, excluded.end_reason, excluded.time_source, excluded.touchdowns, excluded.flags, excluded.events_since)
            WHERE NOT coalesce(t.events_since < $6, false))
        SELECT range_agg(@extschema@._flight_window(takeoff_at, last_seen_at, $3)), array_agg(coalesce(takeoff_at, landing_at)),
               count(DISTINCT (drone_id, first_event_id))
        FROM (TABLE news UNION ALL TABLE stale) w
        $sql$, flight_relation)
    INTO changed, begins, flights USING query, as_of, work.params, work.path, drones, work.frozen_until;
END
$$;
COMMENT ON FUNCTION _flight_table_write(regclass, _flight_work, timestamptz, text[]) IS 'write the flights of some drones that differ from what the events say now';

CREATE FUNCTION _flight_table_recompute(flight_relation regclass, work _flight_work, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drones  text[] := @extschema@._flight_table_drones(flight_relation, work, as_of);
    changed tstzmultirange := '{}';
    begins  timestamptz[] := '{}';
    flights bigint := 0;
BEGIN
    IF drones IS NULL OR drones <> '{}' THEN
        SELECT coalesce(w.changed, '{}'), coalesce(w.begins, '{}'), w.flights INTO changed, begins, flights
        FROM @extschema@._flight_table_write(flight_relation, work, as_of, drones) w;
    END IF;
    IF work.telemetry IS NOT NULL THEN
        begins := begins || @extschema@._flight_table_measure(flight_relation, work, changed
            + coalesce((SELECT range_agg(tstzrange(g, g + interval '15 min')) FROM unnest(work.sample_granules) g), '{}'));
    END IF;
    PERFORM @extschema@._fleet_rollup_fill(fleet, flight_relation, time_zone, begins)
    FROM unnest(work.fleets, work.fleet_zones) r (fleet, time_zone);
    RETURN flights;
END
$$;
COMMENT ON FUNCTION _flight_table_recompute(regclass, _flight_work, timestamptz) IS 'write the flights that differ from what the events say now, as the current user';
