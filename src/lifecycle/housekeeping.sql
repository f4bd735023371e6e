-- lifecycle/housekeeping.sql: what we keep about ourselves is bounded.
--
--   counters          by minute after an hour, by hour after a day, by day after a month; for ever
--   event ids         as long as the events
--   invalidations     until every rollup and flight table has read them
--   rejections        until they are resolved by replay(), or their raw rows gone: deleted, or by retention once they are dismissed
--   schema_log        what was put off and which partitions were made: event_pipeline.log_retention; changes of columns and tables: for ever
--   maintenance_log   steps that did not run for event_pipeline.log_retention are forgotten, those of tables that are gone at once
--   job_run_details   what pg_cron notes about our runs here: event_pipeline.run_retention
--
-- The two settings are read when maintenance runs: ALTER DATABASE ... SET event_pipeline.log_retention = '1 year'.

CREATE FUNCTION _maintenance_setting(name text, default_value interval) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('event_pipeline.' || name, true), '')::interval, default_value) $$;
COMMENT ON FUNCTION _maintenance_setting(text, interval) IS 'a setting of maintenance, as ALTER DATABASE or ALTER ROLE has it, or its default';

-- Old counters become one row per stream and minute, later hour, later day, once the sweep has compared them with raw rows.
CREATE FUNCTION _maintenance_counter_slot(at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT date_trunc(CASE WHEN at < now() - interval '31 days' THEN 'day' WHEN at < now() - interval '1 day' THEN 'hour' ELSE 'minute' END, at, 'UTC')
$$;
COMMENT ON FUNCTION _maintenance_counter_slot(timestamptz) IS 'counters of the same slot may become one row';

CREATE FUNCTION _maintenance_fold_counters() RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH settled AS (
        SELECT n.ctid AS place, n.stream_id, @extschema@._maintenance_counter_slot(n.at) AS slot
        FROM @extschema@._counter n JOIN @extschema@._sweep w USING (stream_id)
        WHERE n.at < now() - interval '1 hour' AND pg_visible_in_snapshot(@extschema@._sweep_xid8(n.xmin), w.settled_snapshot)),
    old AS (SELECT s.place, s.slot FROM (SELECT *, count(*) OVER (PARTITION BY stream_id, slot) AS many FROM settled) s WHERE s.many > 1),
    gone AS (DELETE FROM @extschema@._counter n USING old WHERE n.ctid = old.place RETURNING n.*, old.slot),
    parts AS (
        SELECT p.stream_id, p.slot, jsonb_object_agg(p.key, p.events) FILTER (WHERE p.what = 'rejected') AS rejected_at,
               jsonb_object_agg(p.key, p.events) FILTER (WHERE p.what = 'lag') AS lag
        FROM (SELECT g.stream_id, g.slot, e.what, e.key, sum(e.value::bigint) AS events
              FROM gone g, LATERAL (SELECT 'rejected', r.* FROM jsonb_each_text(g.rejected_at) r
                                    UNION ALL SELECT 'lag', l.* FROM jsonb_each_text(@extschema@._counter_lag(g.lag, g.lag_bucket, g.typed)) l) e (what, key, value)
              GROUP BY 1, 2, 3, 4) p
        GROUP BY 1, 2)
    INSERT INTO @extschema@._counter (stream_id, at, raw_rows, bytes, events, typed, rejected, duplicates, rescued, last_event, discarded,
                                      discarded_values, unnamed_enums, rejected_at, lag)
    SELECT g.*, p.rejected_at, p.lag
    FROM (SELECT stream_id, max(at), sum(raw_rows), sum(bytes), sum(events), sum(typed), sum(rejected), sum(duplicates), sum(rescued),
                 max(last_event), sum(discarded), sum(discarded_values), sum(unnamed_enums) FROM gone GROUP BY stream_id, slot) g (stream_id, at)
    LEFT JOIN parts p ON p.stream_id = g.stream_id AND p.slot = @extschema@._maintenance_counter_slot(g.at)
$$;
COMMENT ON FUNCTION _maintenance_fold_counters() IS 'sum the counters older than an hour by stream and minute, those older than a day by hour, than a month by day';

-- Event ids need to be known only as long as their events are kept.
CREATE FUNCTION _maintenance_id_tables() RETURNS TABLE (name text, owner oid, keep interval)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id_table::text, c.relowner, s.retention
    FROM @extschema@._stream s JOIN pg_class c ON c.oid = s.id_table WHERE s.retention IS NOT NULL
$$;
COMMENT ON FUNCTION _maintenance_id_tables() IS 'the tables of event ids from which retention deletes, and how long they keep ids';

-- Runs that never began have no time of their own; they come before one that is old enough.
CREATE FUNCTION _maintenance_trim_cron() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('cron.job_run_details') IS NOT NULL THEN
        WITH ours AS (
            SELECT d.runid, coalesce(d.end_time, d.start_time) AS at FROM cron.job_run_details d
            WHERE d.database = current_database() AND d.command = 'CALL @extschema@.run_maintenance()'),
        old AS (SELECT max(o.runid) AS runid FROM ours o WHERE o.at < now() - @extschema@._maintenance_setting('run_retention', '7 days'))
        DELETE FROM cron.job_run_details d USING ours, old
        WHERE d.runid = ours.runid AND ours.runid <= old.runid;
    END IF;
END
$$;
COMMENT ON FUNCTION _maintenance_trim_cron() IS 'delete what pg_cron noted about our runs in this database before event_pipeline.run_retention, a week';

CREATE FUNCTION _maintenance_trim_logs() RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM @extschema@._schema_change l
    WHERE l.at < now() - @extschema@._maintenance_setting('log_retention', '90 days') AND (l.mode = 'deferred' OR l.operation = 'create partition');
    DELETE FROM @extschema@._maintenance m
    WHERE m.last_run < now() - @extschema@._maintenance_setting('log_retention', '90 days')
       OR (m.object LIKE '%.%' AND to_regclass(m.object) IS NULL);
$$;
COMMENT ON FUNCTION _maintenance_trim_logs() IS 'delete from schema_log what was put off and made again and again before event_pipeline.log_retention, 90 days; and from maintenance_log what is gone';

CREATE FUNCTION _maintenance_forget_streams() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(@extschema@._stream_forget(s.event_table)) FROM @extschema@._stream s
    WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid IN (s.event_table, s.raw_table))
$$;
COMMENT ON FUNCTION _maintenance_forget_streams() IS 'forget the streams whose event and raw tables were dropped by hand';

REVOKE ALL ON FUNCTION _maintenance_setting(text, interval), _maintenance_counter_slot(timestamptz), _maintenance_fold_counters(),
    _maintenance_id_tables(), _maintenance_trim_cron(), _maintenance_trim_logs(), _maintenance_forget_streams() FROM PUBLIC;
