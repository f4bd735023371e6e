-- rollup/flight_events.sql: the events of a flight table: where their fields are, and whose have changed.
--
-- A refresh computes the flights of a drone from all of its events: copies, clocks and overlaps reach across its history. Which
-- drones those are, three sources say together:
--   - rows that are new in the quarter hours that changed (_invalidation): written by a transaction that the last
--     refresh may not have seen. That goes for rows whose values were put in later, too;
--   - rows that are gone or were updated: the triggers on the event table note their drones in _flight_gone;
--   - flights that are open, or timed out: they hang on as_of.

-- In a stream's event table the attributes count, by their path: a payload's own received_at is in received_at_, because
-- received_at says when the raw row arrived. Values that misfit an attribute's column are in its variant columns.
CREATE FUNCTION _flight_columns(events_relation regclass)
RETURNS TABLE (name name, kind text, column_name name, column_type regtype, fits boolean)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted (name, kind) AS (
        SELECT n, k FROM (VALUES ('id', '{event_id,drone_id,type,boot_id,upload_id}'::name[]),
                                 ('number', '{device_uptime_ms,gps_week,gps_tow_ms,gps_fix,seq}'),
                                 ('time', '{device_clock,gps_time,received_at}')) v (k, names), unnest(names) n),
    attribute AS (
        SELECT DISTINCT w.name, w.kind, s.column_name, a.atttypid::regtype AS column_type     -- not the registry's: its owner may have changed it
        FROM @extschema@.stream_columns s JOIN wanted w ON replace(lower(s.path), '_', '') = replace(w.name::text, '_', '')
        JOIN pg_attribute a ON a.attrelid = events_relation AND a.attname = s.column_name AND NOT a.attisdropped
        WHERE s.target = events_relation),
    found AS (
        SELECT * FROM attribute
        UNION ALL
        SELECT w.name, w.kind, a.attname, a.atttypid::regtype FROM pg_attribute a JOIN wanted w ON a.attname = w.name
        WHERE a.attrelid = events_relation AND a.attnum > 0 AND NOT a.attisdropped AND w.name NOT IN (SELECT t.name FROM attribute t))
    SELECT name, kind, column_name, column_type,
           CASE kind WHEN 'id' THEN true
                     WHEN 'number' THEN column_type IN ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric')
                     ELSE column_type IN ('timestamptz', 'timestamp', 'text', 'varchar') END
    FROM found
$$;
COMMENT ON FUNCTION _flight_columns(regclass) IS 'the columns of a relation that have what pair_flights() reads, and by which name';

-- A variant's name is longer than its first column's.
CREATE FUNCTION _flight_expressions(events_relation regclass) RETURNS TABLE (name name, expression text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT name, CASE
        WHEN count(*) FILTER (WHERE fits) = 0 THEN (array_agg(quote_ident(column_name) ORDER BY length(column_name::text)))[1]
        WHEN count(*) FILTER (WHERE fits) = 1 OR kind = 'time'
            THEN (array_agg(quote_ident(column_name) ORDER BY length(column_name::text)) FILTER (WHERE fits))[1]
        ELSE format('coalesce(%s)', string_agg(
            format('%I::pg_catalog.%s', column_name, CASE kind WHEN 'id' THEN 'text' ELSE 'numeric' END),
            ', ' ORDER BY length(column_name::text)) FILTER (WHERE fits)) END
    FROM @extschema@._flight_columns(events_relation) GROUP BY name, kind
$$;
COMMENT ON FUNCTION _flight_expressions(regclass) IS 'where a relation has what pair_flights() reads';

CREATE FUNCTION _flight_events_query(events_relation regclass) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT * FROM (SELECT %s FROM %s) e',
                  string_agg(format('%s AS %I', x.expression, x.name), ', ' ORDER BY x.name), events_relation)
    FROM (SELECT * FROM @extschema@._flight_expressions(events_relation)
          UNION ALL
          SELECT '_ep_event_time', 'event_time' FROM @extschema@.stream_tables t WHERE t.target = events_relation) x
$$;
COMMENT ON FUNCTION _flight_events_query(regclass) IS 'the events of a relation for pair_flights(): the attributes of a stream, else the columns';

-- Only types whose text is the same for everybody: who notes and who looks up are different roles.
CREATE FUNCTION _flight_drone_expression(events_relation regclass) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('(%s)::pg_catalog.text', e.expression) FROM @extschema@._flight_expressions(events_relation) e
    WHERE e.name = 'drone_id'
      AND NOT EXISTS (SELECT FROM @extschema@._flight_columns(events_relation) c
                      WHERE c.name = 'drone_id' AND c.column_type NOT IN ('text', 'varchar', 'int2', 'int4', 'int8', 'numeric', 'uuid'))
$$;
COMMENT ON FUNCTION _flight_drone_expression(regclass) IS 'the drone of an event as text; NULL where changes cannot be told drone by drone';

-- ---- events that are gone ----

CREATE TABLE _flight_gone (
    target_id int NOT NULL,
    drone_id  text NOT NULL,
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE TRIGGER delete_flight_gone AFTER DELETE ON _target REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_flight_gone', 'target_id');
COMMENT ON TABLE _flight_gone IS 'drones whose events were updated or deleted since all flight tables read this';
SELECT pg_catalog.pg_extension_config_dump('_flight_gone', '');

-- For the triggers on the event table (_invalidation_changed): their tables of old and new rows are gone and come.
CREATE FUNCTION _flight_note_query(target_id int, events_relation regclass, operation text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drone text := (SELECT @extschema@._flight_drone_expression($2)
                   WHERE EXISTS (SELECT FROM @extschema@._flight_table f WHERE f.events_relation = $2));
BEGIN
    IF drone IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format('INSERT INTO @extschema@._flight_gone (target_id, drone_id) SELECT DISTINCT %s, d FROM (%s) x (d) WHERE d IS NOT NULL', target_id,
                  format('SELECT %s FROM gone', drone) || CASE operation WHEN 'UPDATE' THEN format(' UNION SELECT %s FROM come', drone) ELSE '' END);
END
$$;
COMMENT ON FUNCTION _flight_note_query(int, regclass, text) IS 'the statement that notes the drones whose events an UPDATE or DELETE touches; NULL when no flight table reads them by drone';

-- What this flight table has not read; what all have read is deleted.
CREATE FUNCTION _flight_gone_read(target_id int, seen pg_snapshot) RETURNS text[]
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drones text[] := ARRAY(SELECT DISTINCT g.drone_id FROM @extschema@._flight_gone g
                           WHERE g.target_id = $1 AND NOT pg_visible_in_snapshot(g.xid, seen));
BEGIN
    DELETE FROM @extschema@._flight_gone g
    WHERE g.ctid = ANY (ARRAY(
        SELECT o.ctid FROM @extschema@._flight_gone o
        WHERE o.target_id = $1 AND NOT EXISTS (
            SELECT FROM @extschema@._invalidation_reader r
            WHERE r.target_id = $1 AND r.consumer LIKE 'flight_table:%' AND NOT pg_visible_in_snapshot(o.xid, r.snapshot))
        FOR UPDATE SKIP LOCKED));
    RETURN drones;
END
$$;
COMMENT ON FUNCTION _flight_gone_read(int, pg_snapshot) IS 'the drones whose events were updated or deleted by transactions that a snapshot does not show';
REVOKE ALL ON FUNCTION _flight_gone_read(int, pg_snapshot) FROM PUBLIC;

-- ---- events that are new ----

-- The drones of rows in these quarter hours that were written by transaction newer_than or a later one. Subtransactions have
-- later numbers than what they belong to, and rows keep their number when they are frozen.
CREATE FUNCTION _flight_new_drones(events_relation regclass, granules timestamptz[], newer_than xid) RETURNS text[]
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drone  text := @extschema@._flight_drone_expression(events_relation);
    drones text[] := '{}';
BEGIN
    IF granules <> '{}' AND drone IS NOT NULL THEN
        EXECUTE format($sql$
            SELECT array_agg(DISTINCT d) FILTER (WHERE d IS NOT NULL)
            FROM (SELECT %s AS d FROM %s e
                  WHERE event_time >= $1 AND event_time < $2 AND age(e.xmin) <= age($4)
                    AND date_bin('15 min', event_time, '2000-01-01 00:00:00+00') = ANY ($3)) news
            $sql$, drone, events_relation)
        INTO drones
        USING (SELECT min(g) FROM unnest(granules) g), (SELECT max(g) + '15 min' FROM unnest(granules) g), granules, newer_than;
    END IF;
    RETURN coalesce(drones, '{}');
END
$$;
COMMENT ON FUNCTION _flight_new_drones(regclass, timestamptz[], xid) IS 'the drones that have new events, as the current user sees them';
