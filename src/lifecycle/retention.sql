-- lifecycle/retention.sql: old partitions go, once nothing needs their rows any more.
--
-- Whole partitions are dropped, the oldest first, each in a transaction of its own, and never while something needs its rows:
--   raw      rows that were not ingested; rejections that nobody has resolved (replay) or given up (dismiss_rejected)
--   events   dirty buckets, or those of another version of the query; changes that a flight table has not read
-- What holds a partition back is the error of the step 'retention' in maintenance_log.
--
-- Events are kept until the whole of every bucket that reads them is past its time: a month that lost its first days would stop counting.
--
-- Aggregates outlive their events: with the drop commits that the buckets which read the partition are frozen
-- (_rollup.frozen_until) and the flights that came of it (_flight_table_freeze), so that a late event cannot replace a day by its stub. The order of a drop:
--   1. the places of all consumers are locked: from here on no refresh of them begins or is under way
--   2. the partition is locked against writers, so that what is looked at next is all there will ever be
--   3. what needs its rows is asked for, with a snapshot that is later than both: under READ COMMITTED only
--   4. the table and the partition are locked as DROP needs it; buckets are frozen, the partition is dropped
-- Rollups keep their rows for ever, or as long as alter_rollup() says: older buckets are deleted and frozen.
-- Locks are tried and never queued for. Whoever writes so old an event meanwhile waits for that partition, nobody else does.

CREATE FUNCTION _retention_lock(tables text, mode text) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR try IN 1..20 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN %s MODE NOWAIT', tables, mode);
            RETURN true;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.01 + random() * 0.03);
        END;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION _retention_lock(text, text) IS 'lock tables, all or none: tried for about half a second, never queueing for the locks';

CREATE FUNCTION _retention_rows(part regclass, owner oid, raw_ids bigint[]) RETURNS bigint[]
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN raw_ids = '{}' THEN raw_ids ELSE @extschema@._rollup_run_as(owner, '', 'UTC', format(
        'SELECT coalesce(array_agg(DISTINCT r.raw_id ORDER BY r.raw_id), ''{}'') FROM %s r WHERE r.raw_id = ANY (%L)', part, raw_ids),
        NULL, NULL)::bigint[] END
$$;
COMMENT ON FUNCTION _retention_rows(regclass, oid, bigint[]) IS 'those of some raw rows that are in a partition, sorted';

CREATE FUNCTION _retention_raw_holder(stream_id int, part regclass, owner oid) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[];
BEGIN
    PERFORM @extschema@._sweep_find(stream_id);
    ids := @extschema@._retention_rows(part, owner, ARRAY(SELECT w.raw_id FROM @extschema@._sweep_row w WHERE w.stream_id = $1));
    IF ids <> '{}' THEN
        RETURN format('raw rows that were not ingested (%s, the first with raw_id %s)', cardinality(ids), ids[1]);
    END IF;
    ids := @extschema@._retention_rows(part, owner, ARRAY(
        SELECT DISTINCT j.raw_id FROM @extschema@._rejection j WHERE j.stream_id = $1 AND j.raw_id IS NOT NULL AND j.dismissed_at IS NULL));
    IF ids <> '{}' THEN
        RETURN format('unresolved rejections (of %s raw rows, the first with raw_id %s)', cardinality(ids), ids[1]);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION _retention_raw_holder(int, regclass, oid) IS 'what needs the rows of a partition of a raw table; null when nothing does';

CREATE FUNCTION _retention_event_holder(target_id int, lower_bound timestamptz, upper_bound timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder text;
BEGIN
    PERFORM @extschema@._rollup_take(r.rollup_id) FROM @extschema@._rollup r WHERE r.target_id = $1;
    SELECT 'dirty buckets of rollup ' || r.relation INTO holder
    FROM @extschema@._rollup r LEFT JOIN @extschema@._rollup_bucket b ON b.rollup_id = r.rollup_id
         AND (b.dirty_since IS NOT NULL OR b.version <> r.version) AND b.bucket - r.lookaround >= r.frozen_until AND NOT b.frozen
         AND b.bucket - r.lookaround < $3
         AND @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) + r.lookaround > $2
    WHERE r.target_id = $1 AND (b.bucket IS NOT NULL OR NOT r.populated) LIMIT 1;
    IF holder IS NULL THEN
        SELECT 'changes that were not read by ' || p.consumer INTO holder
        FROM @extschema@._invalidation_reader p JOIN @extschema@._invalidation i USING (target_id)
        WHERE p.target_id = $1 AND i.granule < $3 AND i.granule + interval '15 minutes' > $2
          AND (p.cluster <> (SELECT system_identifier FROM pg_control_system()) OR NOT pg_visible_in_snapshot(i.xid, p.snapshot))
        LIMIT 1;
    END IF;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION _retention_event_holder(int, timestamptz, timestamptz) IS
    'what needs the rows of some time of an event table, or of a rollup by its negative number; null when nothing does';

CREATE FUNCTION _retention_stop_readers(target_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM @extschema@._invalidation_reader p WHERE p.target_id = $1 FOR UPDATE NOWAIT;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'what reads the events is being refreshed' USING ERRCODE = 'lock_not_available';
END
$$;
COMMENT ON FUNCTION _retention_stop_readers(int) IS 'keep rollups and flight tables from being refreshed from an event table until commit; an error when one is';

CREATE FUNCTION _retention_drop_partition(relation regclass, owner oid, stream_id int, target_id int, part regclass,
                                          lower_bound timestamptz, upper_bound timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder    text;
    dismissed bigint[] := '{}';
BEGIN
    PERFORM @extschema@._retention_stop_readers(target_id);
    IF NOT @extschema@._retention_lock(part::text, 'SHARE') THEN
        RAISE EXCEPTION 'partition % is in use', part USING ERRCODE = 'lock_not_available';
    ELSIF target_id IS NULL THEN
        holder := @extschema@._retention_raw_holder(stream_id, part, owner);
        dismissed := @extschema@._retention_rows(part, owner, ARRAY(
            SELECT DISTINCT j.raw_id FROM @extschema@._rejection j WHERE j.stream_id = $3 AND j.dismissed_at IS NOT NULL));
    ELSE
        holder := @extschema@._retention_event_holder(target_id, lower_bound, upper_bound);
    END IF;
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION 'partition % is kept: %', part, holder USING ERRCODE = 'object_in_use';
    ELSIF NOT @extschema@._retention_lock(format('ONLY %s, %s', relation, part), 'ACCESS EXCLUSIVE') THEN
        RAISE EXCEPTION 'partition % is in use', part USING ERRCODE = 'lock_not_available';
    END IF;
    DELETE FROM @extschema@._rejection j WHERE j.stream_id = $3 AND j.raw_id = ANY (dismissed);
    UPDATE @extschema@._rollup r SET frozen_until = $7 WHERE r.target_id = $4 AND r.frozen_until < $7;
    PERFORM @extschema@._flight_table_freeze(relation, upper_bound);
    PERFORM @extschema@._rollup_run_as(owner, '', 'UTC', format('DROP TABLE %s', part), NULL, NULL);
END
$$;
COMMENT ON FUNCTION _retention_drop_partition(regclass, oid, int, int, regclass, timestamptz, timestamptz) IS
    'drop a partition, with the rejections of its rows that were dismissed; an error when something needs it or it is in use';

CREATE FUNCTION _retention_floor(target_id int, keep interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT least(now() - keep, min(@extschema@._bucket_start(now() - keep, r.bucket, r.time_zone) - r.lookaround))
            FROM @extschema@._rollup r WHERE r.target_id = $1);
EXCEPTION WHEN data_exception THEN      -- before there were times
    RETURN '-infinity';
END
$$;
COMMENT ON FUNCTION _retention_floor(int, interval) IS 'what is older than this is past its time, and so is every bucket that reads it';

-- A partition of raw rows that is kept keeps no other. One of events keeps the later ones: what is frozen has one end.
CREATE FUNCTION _retention_drop(relation regclass, owner oid, stream_id int, target_id int, keep interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old  record;
    kept text[] := '{}';
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'retention needs the isolation level READ COMMITTED' USING ERRCODE = 'active_sql_transaction';
    END IF;
    FOR old IN SELECT * FROM @extschema@._partition_bounds(relation) b WHERE b.upper_bound <= @extschema@._retention_floor(target_id, keep)
               ORDER BY b.upper_bound LOOP
        BEGIN
            PERFORM @extschema@._retention_drop_partition(relation, owner, stream_id, target_id, old.part, old.lower_bound, old.upper_bound);
            RETURN true;
        EXCEPTION WHEN object_in_use OR lock_not_available THEN
            kept := kept || sqlerrm;
        END;
        EXIT WHEN target_id IS NOT NULL;
    END LOOP;
    IF kept <> '{}' THEN
        RAISE EXCEPTION '%', kept[1] || CASE WHEN cardinality(kept) > 1 THEN format('; %s more partitions are kept', cardinality(kept) - 1) ELSE '' END
            USING ERRCODE = 'object_in_use';
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION _retention_drop(regclass, oid, int, int, interval) IS
    'drop the oldest partition whose rows are all older than keep and that nothing needs; true when there was one. Those that are kept are an error';

CREATE FUNCTION _retention_tell_partman(relation regclass, keep interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
BEGIN
    -- Raw rows that must stay and rollups that must freeze are beyond it: it may know, and not act.
    EXECUTE format('UPDATE %I.part_config SET retention = $2, automatic_maintenance = CASE WHEN $2 IS NULL THEN ''on'' ELSE ''off'' END '
                   'WHERE parent_table = $1 AND retention IS DISTINCT FROM $2', @extschema@._partman_schema())
    USING @extschema@._partman_key(relation), keep::text;
END
$$;
COMMENT ON FUNCTION _retention_tell_partman(regclass, interval) IS 'let part_config.retention say what the stream says';

CREATE FUNCTION _rollup_retain(id int, retention interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF retention < interval '0' THEN
        RAISE EXCEPTION 'a retention must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE @extschema@._rollup r SET retention = $2 WHERE r.rollup_id = id;
END
$$;
COMMENT ON FUNCTION _rollup_retain(int, interval) IS 'alter_rollup() by number';

CREATE FUNCTION alter_rollup(rollup text, retention interval) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._rollup_retain(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1), $2);
END;
COMMENT ON FUNCTION alter_rollup(text, interval) IS
    'say how long a rollup keeps its buckets, by its own clock; null: for ever, as from the start. Events that come later than that change nothing';

-- The bucket of that moment is kept whole.
CREATE FUNCTION _retention_bucket(r _rollup) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@._bucket_start(@extschema@._retention_floor(-r.rollup_id, r.retention), r.bucket, r.time_zone);
EXCEPTION WHEN data_exception THEN
    RETURN '-infinity';
END
$$;
COMMENT ON FUNCTION _retention_bucket(_rollup) IS 'the buckets of a rollup before this one are past their time';

CREATE FUNCTION _retention_rollups() RETURNS TABLE (rollup_id int, name text, floor timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.rollup_id, r.relation::text, f.floor
    FROM @extschema@._rollup r, LATERAL (SELECT @extschema@._retention_bucket(r)) f (floor)
    WHERE EXISTS (SELECT FROM @extschema@._rollup_bucket b WHERE b.rollup_id = r.rollup_id AND b.bucket < f.floor)
$$;
COMMENT ON FUNCTION _retention_rollups() IS 'the rollups that have buckets which are past their time, which end at floor';

CREATE FUNCTION _retention_trim_rollup(rollup_id int, floor timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r      @extschema@._rollup;
    holder text;
BEGIN
    IF NOT @extschema@._rollup_lock($1, false) THEN
        RAISE EXCEPTION 'the rollup is being refreshed' USING ERRCODE = 'lock_not_available';
    END IF;
    -- Rollups over it are to their source what it is to events.
    PERFORM @extschema@._retention_stop_readers(-$1);
    holder := @extschema@._retention_event_holder(-$1, '-infinity', $2);
    IF holder IS NOT NULL THEN
        RAISE EXCEPTION 'old buckets are kept: %', holder USING ERRCODE = 'object_in_use';
    END IF;
    UPDATE @extschema@._rollup o SET frozen_until = $2 WHERE o.target_id = -$1 AND o.frozen_until < $2;
    UPDATE @extschema@._rollup o SET frozen_until = greatest(o.frozen_until, $2 - o.lookaround) WHERE o.rollup_id = $1 RETURNING * INTO r;
    PERFORM @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format('DELETE FROM %s WHERE bucket < %s',
        r.relation, @extschema@._rollup_literal(r, $2)), NULL, NULL);
    DELETE FROM @extschema@._rollup_bucket b WHERE b.rollup_id = $1 AND b.bucket < $2;
END
$$;
COMMENT ON FUNCTION _retention_trim_rollup(int, timestamptz) IS 'delete the buckets of a rollup before floor, and freeze them and those of rollups over it that have read them; an error when these are dirty';

CREATE PROCEDURE _maintenance_retention()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
    done boolean;
BEGIN
    FOR t IN SELECT * FROM @extschema@._maintenance_tables() LOOP
        PERFORM @extschema@._maintenance_step('tell pg_partman', t.name,
            pg_catalog.format('SELECT @extschema@._retention_tell_partman(%s, %L)', t.relation::pg_catalog.oid, t.keep));
        FOR turn IN 1..100 LOOP
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
            done := NOT EXISTS (SELECT FROM @extschema@._partition_bounds(t.relation) b
                                WHERE b.upper_bound OPERATOR(pg_catalog.<=) @extschema@._retention_floor(t.target_id, t.keep));
            EXIT WHEN done OR NOT @extschema@._maintenance_step('retention', t.name, pg_catalog.format(
                'SELECT @extschema@._retention_drop(%s, %s, %s, %L, %L)',
                t.relation::pg_catalog.oid, t.owner, t.stream_id, t.target_id, t.keep));
        END LOOP;
        COMMIT;
    END LOOP;
    FOR t IN SELECT * FROM @extschema@._retention_rollups() LOOP
        PERFORM @extschema@._maintenance_step('retention', t.name,
            pg_catalog.format('SELECT @extschema@._retention_trim_rollup(%s, %L)', t.rollup_id, t.floor));
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_retention() IS 'drop the partitions and delete the buckets that are past their time, one table a transaction';

REVOKE ALL ON FUNCTION _retention_lock(text, text), _retention_floor(int, interval), _retention_rows(regclass, oid, bigint[]), _retention_raw_holder(int, regclass, oid),
    _retention_event_holder(int, timestamptz, timestamptz), _retention_stop_readers(int),
    _retention_drop_partition(regclass, oid, int, int, regclass, timestamptz, timestamptz),
    _retention_drop(regclass, oid, int, int, interval), _retention_tell_partman(regclass, interval), _retention_bucket(_rollup), _retention_rollups(),
    _retention_trim_rollup(int, timestamptz) FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_retention() FROM PUBLIC;
