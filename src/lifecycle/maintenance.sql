-- lifecycle/maintenance.sql: what has to be done again and again, in small steps that commit.
--
-- run_maintenance() takes the steps in order: owners, partitions ahead (and rows out of default partitions), raw rows that were not ingested, promotion of rescued attributes, refresh of flight tables and
-- rollups, retention, housekeeping. Each step is one transaction of its own: one that fails is noted in maintenance_log and stops no other; two
-- runs at a time do not get into each other's way, the second passes over what the first is at. What touches a user's
-- tables runs as their owner, confined as in rollup/rollup.c.
--
-- Why not pg_partman's run_maintenance(): 4.7 fails on a table name with an apostrophe, misorders sets by quarter, and both
-- majors make nothing ahead for a set whose rows are old or wait for locks with everybody else behind them. The sets are registered, so whoever
-- runs it does no harm. Retention is told to it (part_config.retention), too.
-- How retention goes is in lifecycle/retention.sql.
--
-- Only the extension's owner runs these: they read every stream.

CREATE TABLE _maintenance (
    step         text NOT NULL,
    object       text NOT NULL,
    runs         bigint NOT NULL DEFAULT 0,
    last_run     timestamptz NOT NULL,
    last_success timestamptz,
    duration     interval NOT NULL,
    failures     int NOT NULL,          -- in a row
    last_error   text,
    PRIMARY KEY (step, object)
);
COMMENT ON TABLE _maintenance IS 'each step of run_maintenance() and how it went last';
SELECT pg_catalog.pg_extension_config_dump('_maintenance', '');

CREATE VIEW maintenance_log AS
SELECT m.step, m.object, m.runs, m.last_run, CASE WHEN r.failures > 0 THEN r.last_success ELSE m.last_success END AS last_success,
       m.duration, greatest(m.failures, r.failures) AS failures, CASE WHEN r.failures > 0 THEN r.last_error ELSE m.last_error END AS last_error
FROM _maintenance m LEFT JOIN _rollup r ON r.relation = CASE m.step WHEN 'refresh' THEN to_regclass(m.object) END;
COMMENT ON VIEW maintenance_log IS 'each step of run_maintenance(): when it ran and succeeded last, how often in a row it failed and why';
COMMENT ON COLUMN maintenance_log.object IS 'the table that it was about';
COMMENT ON COLUMN maintenance_log.last_success IS 'null: never';
COMMENT ON COLUMN maintenance_log.duration IS 'of the last run';
COMMENT ON COLUMN maintenance_log.failures IS 'in a row; 0: the last run succeeded, or there is nothing left to do. That of a rollup is the one in rollup_status';
COMMENT ON COLUMN maintenance_log.last_error IS 'the latest error, also of long ago';

-- A rollup's failure is part of what rollup_status says, whether a bucket failed or the whole.
CREATE FUNCTION _maintenance_refresh_rollup(rollup_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rollup_refresh($1, NULL, NULL, 20, true);
EXCEPTION WHEN OTHERS THEN
    UPDATE @extschema@._rollup r SET failures = r.failures + 1, last_error = sqlerrm WHERE r.rollup_id = $1;
    RAISE WARNING 'rollup % was not refreshed: %', (SELECT r.relation FROM @extschema@._rollup r WHERE r.rollup_id = $1), sqlerrm;
END
$$;
COMMENT ON FUNCTION _maintenance_refresh_rollup(int) IS 'refresh at most 20 dirty buckets of a rollup, newest first, and note in rollup_status when that fails';

-- Run one statement as a step; false when it failed or somebody else is at it.
CREATE FUNCTION _maintenance_step(step text, object text, statement text, lock_wait interval DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET lock_timeout = 0
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    problem text;
BEGIN
    IF NOT @extschema@._lock('@extschema@._maintenance', hashtext(step || ' ' || object), wait => false) THEN
        RETURN false;
    END IF;
    BEGIN
        PERFORM set_config('lock_timeout', coalesce(extract(epoch FROM lock_wait) * 1000, 0)::int::text, true);
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        problem := sqlstate || ' ' || sqlerrm;
        RAISE WARNING 'maintenance step "%" failed for %: %', step, object, sqlerrm;
    END;
    INSERT INTO @extschema@._maintenance AS m VALUES ($1, $2, 1, began, CASE WHEN problem IS NULL THEN began END,
        clock_timestamp() - began, (problem IS NOT NULL)::int, problem)
    ON CONFLICT ON CONSTRAINT _maintenance_pkey DO UPDATE SET runs = m.runs + 1, last_run = excluded.last_run,
        last_success = coalesce(excluded.last_success, m.last_success), duration = excluded.duration,
        failures = CASE WHEN problem IS NULL THEN 0 ELSE m.failures + 1 END, last_error = coalesce(problem, m.last_error);
    RETURN problem IS NULL;
END
$$;
COMMENT ON FUNCTION _maintenance_step(text, text, text, interval) IS
    'run a statement, note how it went, and let no error out; false when it failed or is being run by somebody else';

-- What made it fail may have gone otherwise: a longer retention, a view brought up to date by hand, a stream that was dropped.
CREATE FUNCTION _maintenance_settle(since timestamptz) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH idle AS MATERIALIZED (SELECT m.step, m.object FROM @extschema@._maintenance m WHERE m.failures > 0 AND m.last_run < since)
    UPDATE @extschema@._maintenance m SET failures = 0 FROM idle i
    WHERE m.step = i.step AND m.object = i.object AND m.last_run < since
      AND pg_try_advisory_xact_lock('@extschema@._maintenance'::regclass::oid::int, hashtext(i.step || ' ' || i.object))
$$;
COMMENT ON FUNCTION _maintenance_settle(timestamptz) IS
    'steps that failed and that a run which began then had no reason to take, nor somebody else is at, fail no longer';

CREATE FUNCTION _maintenance_tables()
RETURNS TABLE (relation regclass, name text, owner oid, stream_id int, target_id int, keep interval)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.relation, t.relation::text, c.relowner, t.stream_id, t.target_id, t.keep
    FROM (SELECT s.raw_table, s.stream_id, NULL::int, s.raw_retention FROM @extschema@._stream s
          UNION ALL
          SELECT t.relation, s.stream_id, t.target_id, s.retention
          FROM @extschema@._target t JOIN @extschema@._stream s USING (stream_id)) t (relation, stream_id, target_id, keep)
    JOIN pg_class c ON c.oid = t.relation AND c.relkind = 'p'
$$;
COMMENT ON FUNCTION _maintenance_tables() IS 'the partitioned tables of all streams, raw ones without a target_id, and how long they keep rows';

CREATE FUNCTION _maintenance_flight_tables() RETURNS TABLE (name text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT f.relation::text FROM @extschema@._flight_table f ORDER BY f.flight_table_id $$;
COMMENT ON FUNCTION _maintenance_flight_tables() IS 'the qualified names of the flight tables';

-- Parents have lower numbers than those that read them.
CREATE FUNCTION _maintenance_rollups() RETURNS TABLE (rollup_id int, name text, behind bigint)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.rollup_id, r.relation::text, (
        SELECT count(*) FROM @extschema@._rollup_bucket b
        WHERE b.rollup_id = r.rollup_id AND (b.dirty_since IS NOT NULL OR b.version <> r.version)
          AND b.bucket - r.lookaround >= r.frozen_until AND NOT b.frozen AND (b.retry_at IS NULL OR b.retry_at <= now()))
    FROM @extschema@._rollup r ORDER BY r.rollup_id
$$;
COMMENT ON FUNCTION _maintenance_rollups() IS 'the rollups, their qualified names, and how many of their buckets are to be computed as far as is known';

-- Those with much to do take turns, for half a minute; the rest is for the next run.
CREATE PROCEDURE _maintenance_refresh_rollups()
LANGUAGE plpgsql
AS $$
DECLARE
    began  timestamptz := pg_catalog.clock_timestamp();
    before bigint;
    behind bigint := 9223372036854775807;
    t      record;
BEGIN
    LOOP
        FOR t IN SELECT * FROM @extschema@._maintenance_rollups() r WHERE before IS NULL OR r.behind OPERATOR(pg_catalog.>) 0 LOOP
            PERFORM @extschema@._maintenance_step('refresh', t.name,
                pg_catalog.format('SELECT @extschema@._maintenance_refresh_rollup(%s)', t.rollup_id));
            COMMIT;
        END LOOP;
        before := behind;
        behind := (SELECT pg_catalog.sum(r.behind) FROM @extschema@._maintenance_rollups() r);
        COMMIT;
        EXIT WHEN behind IS NULL OR behind OPERATOR(pg_catalog.=) 0 OR behind OPERATOR(pg_catalog.>=) before
               OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) (began OPERATOR(pg_catalog.+) '30 seconds'::interval);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_refresh_rollups() IS 'refresh the rollups, a few buckets of each in a transaction';

CREATE FUNCTION _maintenance_may_commit() RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_maintenance_may_commit';
COMMENT ON FUNCTION _maintenance_may_commit() IS 'an error inside a transaction block, in the words of VACUUM';

CREATE PROCEDURE run_maintenance()
LANGUAGE plpgsql
AS $$
DECLARE
    began timestamptz := pg_catalog.clock_timestamp();
    t     record;
BEGIN
    PERFORM @extschema@._maintenance_may_commit();
    CALL @extschema@._maintenance_owners();
    PERFORM @extschema@._maintenance_step('number', 'columns of restored tables', 'SELECT @extschema@._number_columns()');
    COMMIT;
    FOR t IN SELECT * FROM @extschema@._maintenance_tables() LOOP
        PERFORM @extschema@._maintenance_step('partitions', t.name, pg_catalog.format(
            'SELECT @extschema@._rollup_run_as(%s, '''', ''UTC'', %L, NULL, NULL)', t.owner,
            pg_catalog.format('SELECT @extschema@._partition_premake(%s)', t.relation::pg_catalog.oid)), '100 milliseconds');
        COMMIT;
    END LOOP;
    FOR t IN SELECT * FROM @extschema@._views_behind() LOOP
        PERFORM @extschema@._maintenance_step('views', t.name, pg_catalog.format(
            'SELECT @extschema@._rollup_run_as(%s, '''', ''UTC'', %L, NULL, NULL)', t.owner,
            pg_catalog.format('SELECT @extschema@._view_refresh(%s)', t.relation::pg_catalog.oid)), '100 milliseconds');
        COMMIT;
    END LOOP;
    PERFORM @extschema@._maintenance_step('forget', 'dropped tables',
        'SELECT @extschema@._flight_table_sweep() OPERATOR(pg_catalog.+) @extschema@._rollup_sweep() '
        'OPERATOR(pg_catalog.+) @extschema@._maintenance_forget_streams()');
    COMMIT;
    CALL @extschema@._maintenance_sweep();
    CALL @extschema@._maintenance_unknown_fields();
    CALL @extschema@._maintenance_promote();
    FOR t IN SELECT * FROM @extschema@._maintenance_flight_tables() LOOP
        PERFORM @extschema@._maintenance_step('refresh flights', t.name,
            pg_catalog.format('SELECT @extschema@.refresh_flight_table(%L)', t.name));
        COMMIT;
    END LOOP;
    CALL @extschema@._maintenance_refresh_rollups();
    CALL @extschema@._maintenance_retention();
    FOR t IN SELECT * FROM @extschema@._maintenance_id_tables() LOOP
        PERFORM @extschema@._maintenance_step('forget ids', t.name, pg_catalog.format(
            'SELECT @extschema@._rollup_run_as(%s, '''', ''UTC'', %L, NULL, NULL)', t.owner, pg_catalog.format(
            'DELETE FROM %s WHERE event_time < %L AND taken_at < %2$L', t.name, pg_catalog.now() OPERATOR(pg_catalog.-) t.keep)));
        COMMIT;
    END LOOP;
    PERFORM @extschema@._maintenance_step('trim', 'invalidations', 'SELECT @extschema@._invalidation_trim()');
    COMMIT;
    PERFORM @extschema@._maintenance_step('fold', 'counters', 'SELECT @extschema@._maintenance_fold_counters()');
    COMMIT;
    PERFORM @extschema@._maintenance_step('trim', 'pg_cron', 'SELECT @extschema@._maintenance_trim_cron()');
    COMMIT;
    PERFORM @extschema@._maintenance_step('trim', 'logs', 'SELECT @extschema@._maintenance_trim_logs()');
    PERFORM @extschema@._maintenance_settle(began);
    COMMIT;
END
$$;
COMMENT ON PROCEDURE run_maintenance() IS
    'partitions ahead, raw rows that were not ingested, columns for rescued attributes, refresh of rollups, retention and housekeeping, each step in a transaction of its own; see maintenance_log';

REVOKE ALL ON FUNCTION _maintenance_refresh_rollup(int), _maintenance_step(text, text, text, interval), _maintenance_settle(timestamptz),
    _maintenance_tables(), _maintenance_rollups(), _maintenance_flight_tables() FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_refresh_rollups(), run_maintenance() FROM PUBLIC;
