-- lifecycle/maintenance.sql: what has to be done again and again, in small steps that commit.
--
-- run_maintenance() takes the steps in order: partitions ahead (and rows out of default partitions), raw rows that were not ingested, promotion of rescued attributes, refresh of flight tables and
-- rollups, retention, housekeeping. Each step is one transaction of its own: one that fails is noted in maintenance_log and stops no other; two
-- runs at a time do not get into each other's way, the second passes over what the first is at. What touches a user's
-- tables runs as their owner, confined as in rollup/rollup.c.
--
-- Why not pg_partman's run_maintenance(): 4.7 fails on a table name with an apostrophe, misorders sets by quarter, and both
-- majors make nothing ahead for a set whose rows are old or wait for locks with everybody else behind them. The sets are registered, so whoever
-- runs it does no harm. Retention is told to it (part_config.retention), too.
--
-- Retention drops whole partitions. Before it does, the rollups of the table must have no dirty bucket there; afterwards
-- those buckets are frozen (_rollup.frozen_until): aggregates outlive their events, and late events cannot replace a day
-- by its stub. Raw rows stay while one of them was not ingested or has an unresolved rejection. Locks are tried, never queued for.
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
SELECT step, object, runs, last_run, last_success, duration, failures, last_error FROM _maintenance;
COMMENT ON VIEW maintenance_log IS 'each step of run_maintenance(): when it ran and succeeded last, how often in a row it failed and why';

-- Run one statement as a step; false when it failed or somebody else is at it.
CREATE FUNCTION _maintenance_step(step text, object text, statement text, lock_wait interval DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET lock_timeout = 0
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    problem text;
BEGIN
    IF NOT pg_try_advisory_xact_lock('@extschema@._maintenance'::regclass::oid::int, hashtext(step || ' ' || object)) THEN
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

CREATE FUNCTION _maintenance_rollups() RETURNS TABLE (rollup_id int, name text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.rollup_id, r.relation::text FROM @extschema@._rollup r ORDER BY r.rollup_id $$;
COMMENT ON FUNCTION _maintenance_rollups() IS 'the rollups and their qualified names';

-- Every lock that DROP TABLE will need, or none: tried for about half a second, never waited for.
CREATE FUNCTION _maintenance_lock(parent regclass, part regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR try IN 1..20 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s, %s IN ACCESS EXCLUSIVE MODE NOWAIT', parent, part);
            RETURN true;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.01 + random() * 0.03);
        END;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION _maintenance_lock(regclass, regclass) IS 'lock a table and a partition of it for the drop, without ever queueing for the locks';

-- What still needs the rows of a partition; NULL when nothing does.
CREATE FUNCTION _maintenance_holds(stream_id int, target_id int, part regclass, lower_bound timestamptz, upper_bound timestamptz,
                                    owner oid) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder text;
    ids    int8range;
BEGIN
    IF target_id IS NULL THEN
        ids := @extschema@._rollup_run_as(owner, '', 'UTC', format('SELECT int8range(min(raw_id), max(raw_id), ''[]'') FROM %s', part),
                                          NULL, NULL)::int8range;
        PERFORM @extschema@._sweep_find(stream_id);
        IF EXISTS (SELECT FROM @extschema@._sweep_row w WHERE w.stream_id = $1 AND w.raw_id <@ ids) THEN
            RETURN 'raw rows that were not ingested';
        END IF;
        SELECT 'unresolved rejections' INTO holder FROM @extschema@._rejection j
        WHERE j.stream_id = $1 AND j.raw_id BETWEEN lower(ids) AND upper(ids) - 1 AND j.stage <> 'duplicate' LIMIT 1;
    ELSE
        PERFORM @extschema@._rollup_pull(r.rollup_id) FROM @extschema@._rollup r WHERE r.target_id = $2;
        SELECT 'dirty buckets of rollup ' || r.relation INTO holder
        FROM @extschema@._rollup r LEFT JOIN @extschema@._rollup_bucket b ON b.rollup_id = r.rollup_id
             AND b.dirty_since IS NOT NULL AND b.bucket - r.lookaround >= r.frozen_until
             AND b.bucket - r.lookaround < $5
             AND @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) + r.lookaround > $4
        WHERE r.target_id = $2 AND (b.bucket IS NOT NULL OR NOT r.populated) LIMIT 1;
    END IF;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION _maintenance_holds(int, int, regclass, timestamptz, timestamptz, oid) IS
    'what keeps a partition from being dropped by retention: raw rows that were not ingested, unresolved rejections, or dirty buckets';

-- Drop the oldest partition that is past its time, if any. A step each, so that locks are short.
CREATE FUNCTION _maintenance_retain(relation regclass, owner oid, stream_id int, target_id int, keep interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old    record;
    holder text;
BEGIN
    SELECT * INTO old FROM @extschema@._partition_bounds(relation) b
    WHERE b.upper_bound <= now() - keep ORDER BY b.upper_bound LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    holder := @extschema@._maintenance_holds(stream_id, target_id, old.part, old.lower_bound, old.upper_bound, owner);
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION 'partition % is kept: %', old.part, holder USING ERRCODE = 'object_in_use';
    ELSIF NOT @extschema@._maintenance_lock(relation, old.part) THEN
        RAISE EXCEPTION 'partition % is in use', old.part USING ERRCODE = 'lock_not_available';
    END IF;
    UPDATE @extschema@._rollup r SET frozen_until = old.upper_bound
    WHERE r.target_id = $4 AND r.frozen_until < old.upper_bound;
    PERFORM @extschema@._rollup_run_as(owner, '', 'UTC', format('DROP TABLE %s', old.part), NULL, NULL);
    RETURN true;
END
$$;
COMMENT ON FUNCTION _maintenance_retain(regclass, oid, int, int, interval) IS
    'drop the oldest partition whose rows are all older than keep; true when there was one. What still needs it is an error';

CREATE FUNCTION _maintenance_tell_partman(relation regclass, keep interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
BEGIN
    -- Raw rows that must stay and rollups that must freeze are beyond it: it may know, and not act.
    EXECUTE format('UPDATE %I.part_config SET retention = $2, automatic_maintenance = CASE WHEN $2 IS NULL THEN ''on'' ELSE ''off'' END '
                   'WHERE parent_table = $1 AND retention IS DISTINCT FROM $2', @extschema@._partman_schema())
    USING @extschema@._partman_key(relation), keep::text;
END
$$;
COMMENT ON FUNCTION _maintenance_tell_partman(regclass, interval) IS 'let part_config.retention say what the stream says';

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
        WHERE n.at < now() - interval '1 hour' AND @extschema@._sweep_xid8(n.xmin) < w.settled_xmin),
    old AS (SELECT s.place, s.slot FROM (SELECT *, count(*) OVER (PARTITION BY stream_id, slot) AS many FROM settled) s WHERE s.many > 1),
    gone AS (DELETE FROM @extschema@._counter n USING old WHERE n.ctid = old.place RETURNING n.*, old.slot),
    parts AS (
        SELECT p.stream_id, p.slot, jsonb_object_agg(p.key, p.events) FILTER (WHERE p.what = 'rejected') AS rejected_at,
               jsonb_object_agg(p.key, p.events) FILTER (WHERE p.what = 'lag') AS lag
        FROM (SELECT g.stream_id, g.slot, e.what, e.key, sum(e.value::bigint) AS events
              FROM gone g, LATERAL (SELECT 'rejected', r.* FROM jsonb_each_text(g.rejected_at) r
                                    UNION ALL SELECT 'lag', l.* FROM jsonb_each_text(g.lag) l) e (what, key, value)
              GROUP BY 1, 2, 3, 4) p
        GROUP BY 1, 2)
    INSERT INTO @extschema@._counter (stream_id, at, raw_rows, bytes, events, typed, rejected, duplicates, rescued, last_event, discarded,
                                      discarded_values, rejected_at, lag)
    SELECT g.*, p.rejected_at, p.lag
    FROM (SELECT stream_id, max(at), sum(raw_rows), sum(bytes), sum(events), sum(typed), sum(rejected), sum(duplicates), sum(rescued),
                 max(last_event), sum(discarded), sum(discarded_values) FROM gone GROUP BY stream_id, slot) g (stream_id, at)
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

-- pg_cron keeps the outcome of every run for ever.
CREATE FUNCTION _maintenance_trim_cron() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('cron.job_run_details') IS NOT NULL THEN
        DELETE FROM cron.job_run_details d
        WHERE d.command = 'CALL @extschema@.run_maintenance()' AND d.end_time < now() - interval '7 days';
    END IF;
END
$$;
COMMENT ON FUNCTION _maintenance_trim_cron() IS 'delete what pg_cron noted about our runs more than a week ago';

CREATE FUNCTION _maintenance_forget_streams() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(@extschema@._stream_forget(s.event_table)) FROM @extschema@._stream s
    WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid IN (s.event_table, s.raw_table))
$$;
COMMENT ON FUNCTION _maintenance_forget_streams() IS 'forget the streams whose event and raw tables were dropped by hand';

CREATE FUNCTION _maintenance_may_commit() RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_maintenance_may_commit';
COMMENT ON FUNCTION _maintenance_may_commit() IS 'an error inside a transaction block, in the words of VACUUM';

CREATE PROCEDURE run_maintenance()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
    done boolean;
BEGIN
    PERFORM @extschema@._maintenance_may_commit();
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
    -- A rollup with much to do takes turns with the others from run to run.
    FOR t IN SELECT * FROM @extschema@._maintenance_rollups() LOOP
        PERFORM @extschema@._maintenance_step('refresh', t.name,
            pg_catalog.format('SELECT @extschema@._rollup_refresh(%s, NULL, NULL, 100, true)', t.rollup_id));
        COMMIT;
    END LOOP;
    FOR t IN SELECT * FROM @extschema@._maintenance_tables() LOOP
        PERFORM @extschema@._maintenance_step('tell pg_partman', t.name,
            pg_catalog.format('SELECT @extschema@._maintenance_tell_partman(%s, %L)', t.relation::pg_catalog.oid, t.keep));
        COMMIT;
        CONTINUE WHEN t.keep IS NULL;
        FOR turn IN 1..100 LOOP
            done := NOT EXISTS (SELECT FROM @extschema@._partition_bounds(t.relation) b
                                WHERE b.upper_bound OPERATOR(pg_catalog.<=) (pg_catalog.now() OPERATOR(pg_catalog.-) t.keep));
            EXIT WHEN done OR NOT @extschema@._maintenance_step('retention', t.name, pg_catalog.format(
                'SELECT @extschema@._maintenance_retain(%s, %s, %s, %L, %L)',
                t.relation::pg_catalog.oid, t.owner, t.stream_id, t.target_id, t.keep));
            COMMIT;
        END LOOP;
        COMMIT;
    END LOOP;
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
END
$$;
COMMENT ON PROCEDURE run_maintenance() IS
    'partitions ahead, raw rows that were not ingested, columns for rescued attributes, refresh of rollups, retention and housekeeping, each step in a transaction of its own; see maintenance_log';

REVOKE ALL ON FUNCTION _maintenance_step(text, text, text, interval), _maintenance_tables(), _maintenance_rollups(), _maintenance_flight_tables(),
    _maintenance_lock(regclass, regclass), _maintenance_holds(int, int, regclass, timestamptz, timestamptz, oid),
    _maintenance_retain(regclass, oid, int, int, interval), _maintenance_tell_partman(regclass, interval),
    _maintenance_counter_slot(timestamptz), _maintenance_fold_counters(), _maintenance_forget_streams(), _maintenance_id_tables(), _maintenance_trim_cron() FROM PUBLIC;
REVOKE ALL ON PROCEDURE run_maintenance() FROM PUBLIC;
