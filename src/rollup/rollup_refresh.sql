-- rollup/rollup_refresh.sql: replace the dirty buckets of a rollup; compare what is stored with what would be computed.

-- What a bucket holds: the query's rows, or none when no event is within reach. Without that condition an aggregate without
-- GROUP BY would give a row for an emptied bucket, and recomputing from scratch, which knows no such bucket, would not.
-- live: for the reader of a live view, over that of the source.
CREATE FUNCTION _rollup_select(r _rollup, start timestamptz, live boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
        RAISE EXCEPTION 'the source of rollup % does not exist any more', r.relation USING ERRCODE = 'undefined_table';
    END IF;
    RETURN format(E'SELECT %1$s AS bucket, q.* FROM (\n%2$s\n) q WHERE EXISTS (SELECT FROM %3$s e '
                  'WHERE e.%4$s >= %5$L::pg_catalog.timestamptz AND e.%4$s < %6$L::pg_catalog.timestamptz)',
                  @extschema@._rollup_literal(r, start), CASE WHEN live THEN coalesce(r.live_query, r.query) ELSE r.query END,
                  CASE WHEN live AND r.live_query IS NOT NULL THEN (@extschema@._rollup_source(r.source)).live ELSE r.source END,
                  @extschema@._rollup_time(r), start - r.lookaround, @extschema@._bucket_end(start, r.bucket, r.time_zone) + r.lookaround);
END
$$;
COMMENT ON FUNCTION _rollup_select(_rollup, timestamptz, boolean) IS 'the statement that computes a bucket; $1 and $2 are its bounds';

CREATE FUNCTION _rollup_time(r _rollup) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN r.target_id OPERATOR(pg_catalog.<) 0 THEN 'bucket' ELSE 'event_time' END;
COMMENT ON FUNCTION _rollup_time(_rollup) IS 'the column that says to which bucket a row of the source belongs';

CREATE FUNCTION _rollup_literal(r _rollup, start timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
    SELECT CASE WHEN @extschema@._bucket_date(r.bucket)
        THEN format('%L::pg_catalog.date', (start AT TIME ZONE r.time_zone)::date)
        ELSE format('%L::pg_catalog.timestamptz', start) END
$$;
COMMENT ON FUNCTION _rollup_literal(_rollup, timestamptz) IS 'a bucket as the rollup''s column bucket has it, as a literal';

-- Which keys of a bucket have new events, as text; NULL when that cannot be told, or there are so many that the whole bucket is cheaper. New events are
-- known by their xmin, so nobody needs to note keys while events come in. A subtransaction has a later xid than its transaction, so
-- there may be some more, never fewer.
CREATE FUNCTION _rollup_dirty_keys(r _rollup, start timestamptz) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    ages numeric;
BEGIN
    SELECT pg_current_xact_id()::text::numeric - b.since::text::numeric INTO ages FROM @extschema@._rollup_bucket b
    WHERE b.rollup_id = r.rollup_id AND b.bucket = start AND NOT b.rewritten AND b.version = r.version;
    IF r.key IS NULL OR r.target_id < 0 OR ages IS NULL OR ages > 2000000000 THEN
        RETURN NULL;
    END IF;
    RETURN @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format(
        'SELECT CASE WHEN count(*) <= 1000 AND bool_and(key IS NOT NULL) THEN array_agg(key) END FROM (SELECT DISTINCT %1$I::text AS key FROM %2$s e '
        'WHERE e.event_time >= %3$L::pg_catalog.timestamptz AND e.event_time < %4$L::pg_catalog.timestamptz AND pg_catalog.age(e.xmin) <= %5$s LIMIT 1001) k',
        r.key, r.source, start - r.lookaround, @extschema@._bucket_end(start, r.bucket, r.time_zone) + r.lookaround, ages), NULL, NULL)::text[];
END
$$;
COMMENT ON FUNCTION _rollup_dirty_keys(_rollup, timestamptz) IS 'the keys of a dirty bucket that have new events; NULL for all';

CREATE FUNCTION _rollup_replace(r _rollup, start timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys      text[] := @extschema@._rollup_dirty_keys(r, start);
    of_keys   text := CASE WHEN keys IS NULL THEN '' ELSE format(' AND %I::pg_catalog.text = ANY (%L)', r.key, keys) END;
BEGIN
    PERFORM @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format('DELETE FROM %s WHERE bucket = %s%s',
        r.relation, @extschema@._rollup_literal(r, start), of_keys), NULL, NULL);
    PERFORM @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format('INSERT INTO %s %s%s',
        r.relation, @extschema@._rollup_select(r, start), of_keys), start, @extschema@._bucket_end(start, r.bucket, r.time_zone));
    PERFORM @extschema@._rollup_note(r.rollup_id, r.live_key, start);
    UPDATE @extschema@._rollup_bucket b
    SET version = r.version, refreshed_at = clock_timestamp(), dirty_since = NULL, failures = 0, retry_at = NULL
    WHERE b.rollup_id = r.rollup_id AND b.bucket = start;
END
$$;
COMMENT ON FUNCTION _rollup_replace(_rollup, timestamptz) IS 'compute one bucket anew, or its dirty keys, and put it in the place of what is stored';

-- The quarter hours of all events that are there now, or the buckets of the rollup below, read as the owner. Dates become instants in our own zone, which is theirs.
CREATE FUNCTION _rollup_granules(r _rollup, from_ timestamptz DEFAULT NULL, to_ timestamptz DEFAULT NULL) RETURNS timestamptz[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
    SELECT @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format(
        'SELECT coalesce(array_agg(DISTINCT %1$s), ''{}'') FROM %2$s WHERE %3$s >= %4$L::pg_catalog.timestamptz AND %3$s <= %5$L::pg_catalog.timestamptz',
        CASE WHEN r.target_id < 0 THEN 'bucket::pg_catalog.timestamptz'
             ELSE 'pg_catalog.date_bin(''15 minutes'', event_time, ''2000-01-03 00:00+00'')' END, r.source, @extschema@._rollup_time(r),
        coalesce(from_, '-infinity'), coalesce(to_, 'infinity')), NULL, NULL)::timestamptz[]
$$;
COMMENT ON FUNCTION _rollup_granules(_rollup, timestamptz, timestamptz) IS 'the quarter hours in which the source of a rollup has events, or the buckets that it has';

CREATE FUNCTION _rollup_lock(rollup_id int, wait boolean) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_rollup_lock';
COMMENT ON FUNCTION _rollup_lock(int, boolean) IS
    'have a rollup of the caller''s roles to oneself until the transaction ends; false when somebody else has it and we are not to wait, or there is none';

-- patient: for run_maintenance(); does not wait for another refresh and leaves failed buckets alone for a while.
CREATE FUNCTION _rollup_refresh(id int, from_ timestamptz, to_ timestamptz, most int, patient boolean) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    r        @extschema@._rollup;
    start    timestamptz;
    done     int := 0;
    problem  text;
BEGIN
    IF NOT @extschema@._rollup_lock(id, NOT patient) THEN
        RETURN 0;
    END IF;
    PERFORM @extschema@._rollup_pull(id);
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = id;
    IF NOT r.populated THEN
        IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
            RAISE EXCEPTION 'the source of rollup % does not exist any more', r.relation USING ERRCODE = 'undefined_table',
                HINT = format('SELECT @extschema@.drop_rollup(%L);', r.relation);
        END IF;
        PERFORM @extschema@._rollup_mark(id, all_of_them, all_of_them, NULL) FROM @extschema@._rollup_granules(r) all_of_them;
        UPDATE @extschema@._rollup o SET populated = true WHERE o.rollup_id = id;
    END IF;
    -- From here on later snapshots: they see every event whose invalidation was read above.
    FOREACH start IN ARRAY ARRAY(
        SELECT b.bucket FROM @extschema@._rollup_bucket b
        WHERE b.rollup_id = id AND (b.dirty_since IS NOT NULL OR b.version <> r.version)
          AND b.bucket - r.lookaround >= r.frozen_until AND NOT b.frozen
          AND (to_ IS NULL OR b.bucket < to_)
          AND (from_ IS NULL OR @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) > from_)
          AND (NOT patient OR b.retry_at IS NULL OR b.retry_at <= now())
        ORDER BY b.bucket DESC LIMIT most)
    LOOP
        BEGIN
            PERFORM @extschema@._rollup_replace(r, start);
            done := done + 1;
        EXCEPTION WHEN OTHERS THEN
            problem := format('bucket %s: %s', start, sqlerrm);
            UPDATE @extschema@._rollup_bucket b SET dirty_since = coalesce(dirty_since, now()), failures = failures + 1,
                   retry_at = clock_timestamp() + make_interval(mins => (2 ^ least(failures, 10))::int)
            WHERE b.rollup_id = id AND b.bucket = start;
            RAISE WARNING 'rollup % was not refreshed: %', r.relation, problem;
        END;
    END LOOP;
    UPDATE @extschema@._rollup o SET
        last_success = CASE WHEN problem IS NULL THEN clock_timestamp() ELSE o.last_success END,
        last_error = coalesce(problem, o.last_error),
        failures = CASE WHEN problem IS NULL THEN 0 ELSE o.failures + 1 END
    WHERE o.rollup_id = id AND (problem IS NOT NULL OR done > 0 OR NOT patient OR o.last_success IS NULL
                                OR o.last_success < now() - interval '1 minute')
      -- A bucket that failed and waits for its next try is no success.
      AND (problem IS NOT NULL OR NOT EXISTS (SELECT FROM @extschema@._rollup_bucket b WHERE b.rollup_id = id AND b.retry_at > now()));
    RETURN done;
END
$$;
COMMENT ON FUNCTION _rollup_refresh(int, timestamptz, timestamptz, int, boolean) IS
    'refresh at most so many dirty buckets of a rollup, newest first; gives how many were computed';

-- With the rollups that it reads first, as far as the caller may refresh them. Advisory locks are taken in the order of rollup_id everywhere.
CREATE FUNCTION _rollup_refresh_upward(id int, from_ timestamptz, to_ timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    below int := (SELECT b.rollup_id FROM @extschema@._rollup r JOIN @extschema@._rollup b ON b.rollup_id = -r.target_id WHERE r.rollup_id = id);
BEGIN
    IF below IS NOT NULL THEN
        PERFORM @extschema@._rollup_refresh_upward(below, from_, to_);
    END IF;
    RETURN @extschema@._rollup_refresh(id, from_, to_, NULL, false);
END
$$;
COMMENT ON FUNCTION _rollup_refresh_upward(int, timestamptz, timestamptz) IS 'refresh a rollup after the rollups that it reads; gives how many buckets of it were computed';

CREATE FUNCTION _rollup_refresh_all(from_ timestamptz, to_ timestamptz) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(@extschema@._rollup_refresh(r.rollup_id, from_, to_, NULL, false)), 0)::int
    FROM (SELECT o.rollup_id FROM @extschema@._rollup o WHERE pg_has_role(o.owner, 'USAGE') ORDER BY o.rollup_id OFFSET 0) r
$$;
COMMENT ON FUNCTION _rollup_refresh_all(timestamptz, timestamptz) IS 'refresh all rollups of the caller''s roles, sources first; gives how many buckets were computed';

CREATE FUNCTION refresh_rollup(rollup text DEFAULT NULL, "from" timestamptz DEFAULT NULL, "to" timestamptz DEFAULT NULL) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN $1 IS NULL THEN @extschema@._rollup_refresh_all($2, $3)
           ELSE @extschema@._rollup_refresh_upward(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1), $2, $3) END;
END;
COMMENT ON FUNCTION refresh_rollup(text, timestamptz, timestamptz) IS
    'recompute the dirty buckets of a rollup, or of all of the caller''s when NULL (that overlap [from, to)), newest first, after those of the rollups that it reads; gives how many. One that fails stays dirty, with a warning';

CREATE FUNCTION _rollup_rebuild(id int, from_ timestamptz, to_ timestamptz) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r    @extschema@._rollup;
    kept int;
BEGIN
    PERFORM @extschema@._rollup_lock(id, true);
    PERFORM @extschema@._rollup_pull(id);
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = id;
    INSERT INTO @extschema@._rollup_bucket AS b (rollup_id, bucket, dirty_since)
    SELECT id, start, now() FROM @extschema@._rollup_buckets(id, @extschema@._rollup_granules(r, from_, to_)) start
    WHERE start - r.lookaround >= r.frozen_until
    ON CONFLICT ON CONSTRAINT _rollup_bucket_pkey DO NOTHING;
    UPDATE @extschema@._rollup_bucket b SET dirty_since = coalesce(b.dirty_since, now()), rewritten = true, retry_at = NULL
    WHERE b.rollup_id = id AND b.bucket - r.lookaround >= r.frozen_until AND NOT b.frozen AND (to_ IS NULL OR b.bucket < to_)
      AND (from_ IS NULL OR @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) > from_);
    SELECT count(*) INTO kept FROM @extschema@._rollup_bucket b
    WHERE b.rollup_id = id AND (b.bucket - r.lookaround < r.frozen_until OR b.frozen) AND (to_ IS NULL OR b.bucket < to_)
      AND (from_ IS NULL OR @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) > from_);
    IF kept > 0 THEN
        RAISE NOTICE '% buckets of rollup % are kept as they are: their events are gone', kept, r.relation;
    END IF;
    RETURN @extschema@._rollup_refresh_upward(id, from_, to_);
END
$$;
COMMENT ON FUNCTION _rollup_rebuild(int, timestamptz, timestamptz) IS 'rebuild_rollup() by number';

CREATE FUNCTION rebuild_rollup(rollup text, "from" timestamptz DEFAULT NULL, "to" timestamptz DEFAULT NULL) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._rollup_rebuild(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1), $2, $3);
END;
COMMENT ON FUNCTION rebuild_rollup(text, timestamptz, timestamptz) IS
    'recompute the buckets of a rollup that overlap [from, to), clean or dirty, those of events that were never noted included; gives how many. Buckets whose events retention has dropped stay as they are, with a notice';

-- Differences of one bucket as a JSON array, compared as text: not every type can be compared otherwise.
CREATE FUNCTION _rollup_compare(r _rollup, start timestamptz) RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._rollup_run_as(r.owner, r.search_path, r.time_zone, format($q$
        WITH computed AS MATERIALIZED (SELECT (c.*)::text AS content FROM (%s) c),
             stored AS MATERIALIZED (SELECT (s.*)::text AS content FROM %s s WHERE s.bucket = %s)
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('difference', d.difference, 'content', d.content)) FROM (
            SELECT 'missing' AS difference, content FROM (TABLE computed EXCEPT ALL TABLE stored) m
            UNION ALL
            SELECT 'unexpected', content FROM (TABLE stored EXCEPT ALL TABLE computed) u) d
        $q$, @extschema@._rollup_select(r, start), r.relation, @extschema@._rollup_literal(r, start)),
        start, @extschema@._bucket_end(start, r.bucket, r.time_zone))::jsonb
$$;
COMMENT ON FUNCTION _rollup_compare(_rollup, timestamptz) IS 'how a stored bucket differs from what its events give; NULL when it does not';

CREATE FUNCTION _rollup_verify(id int, sample int)
RETURNS TABLE (bucket timestamptz, difference text, content text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r     @extschema@._rollup;
    start timestamptz;
    found jsonb;
BEGIN
    IF sample < 0 THEN
        RAISE EXCEPTION 'sample must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM @extschema@._rollup_lock(id, true);
    PERFORM @extschema@._rollup_pull(id);
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = id;
    FOREACH start IN ARRAY ARRAY(
        SELECT b.bucket FROM @extschema@._rollup_bucket b
        WHERE b.rollup_id = id AND b.dirty_since IS NULL AND b.version = r.version
          AND b.bucket - r.lookaround >= r.frozen_until AND NOT b.frozen
        ORDER BY random() LIMIT sample)
        || CASE WHEN sample IS NULL AND r.populated THEN ARRAY(     -- events in buckets that nobody has heard of
        SELECT u FROM @extschema@._rollup_buckets(id, @extschema@._rollup_granules(r)) u
        WHERE u - r.lookaround >= r.frozen_until
          AND NOT EXISTS (SELECT FROM @extschema@._rollup_bucket b WHERE b.rollup_id = id AND b.bucket = u)) END
    LOOP
        found := @extschema@._rollup_compare(r, start);
        CONTINUE WHEN found IS NULL;
        -- Events may have come since: then the bucket is dirty, not wrong.
        PERFORM @extschema@._rollup_pull(id);
        RETURN QUERY SELECT start, d.difference, d.content
        FROM jsonb_to_recordset(found) d (difference text, content text)
        WHERE NOT EXISTS (SELECT FROM @extschema@._rollup_bucket b
                          WHERE b.rollup_id = id AND b.bucket = start AND b.dirty_since IS NOT NULL);
    END LOOP;
END
$$;
COMMENT ON FUNCTION _rollup_verify(int, int) IS 'verify_rollup() by number';

CREATE FUNCTION verify_rollup(rollup text, sample int DEFAULT NULL)
RETURNS TABLE (bucket timestamptz, difference text, content text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT v.bucket, v.difference, v.content
    FROM @extschema@._rollup_verify(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1), $2) v;
END;
COMMENT ON FUNCTION verify_rollup(text, int) IS
    'recompute so many clean buckets, chosen at random (when NULL all, and those of events that were never noted), and list the rows that are missing from the table or unexpected in it; no rows means right';

CREATE VIEW rollup_status WITH (security_invoker = true) AS
SELECT r.relation AS rollup, r.source, r.bucket, r.time_zone, b.buckets, n.dirty,
       now() - b.oldest AS oldest_dirty_age, b.too_late, r.last_success, r.last_error, r.failures, r.version,
       CASE WHEN n.dirty = 0 THEN interval '0' ELSE now() - coalesce(least(b.oldest, r.last_success), r.created_at) END AS lag, r.live, r.bi
FROM _rollup r, LATERAL (
    SELECT count(*) AS buckets,
           min(d.dirty_since) FILTER (WHERE NOT frozen) AS oldest,
           count(*) FILTER (WHERE d.dirty_since IS NOT NULL AND frozen) AS too_late
    FROM (SELECT x.dirty_since, x.bucket - r.lookaround < r.frozen_until OR x.frozen AS frozen
          FROM _rollup_bucket x WHERE x.rollup_id = r.rollup_id) d) b, LATERAL (
    SELECT CASE WHEN r.populated THEN (SELECT count(*) FROM _rollup_dirty(r.rollup_id, r.live_key)) END AS dirty) n;
GRANT SELECT ON rollup_status TO PUBLIC;
COMMENT ON VIEW rollup_status IS 'how fresh each rollup is and what hinders it, for the members of its owner';
COMMENT ON COLUMN rollup_status.buckets IS 'buckets that are known';
COMMENT ON COLUMN rollup_status.dirty IS 'buckets whose events, source or query changed since they were computed, noticed by a refresh or not; NULL before the first refresh';
COMMENT ON COLUMN rollup_status.oldest_dirty_age IS 'how long ago a refresh first noticed a change that is not in the table yet';
COMMENT ON COLUMN rollup_status.too_late IS 'buckets for which events came after part of their source had been dropped or truncated: kept as they were. rollup_late lists them';
COMMENT ON COLUMN rollup_status.last_success IS 'when a refresh last had no failing bucket';
COMMENT ON COLUMN rollup_status.last_error IS 'of the last bucket that failed, also when it has succeeded since';
COMMENT ON COLUMN rollup_status.failures IS 'refreshes in a row in which some bucket failed';
COMMENT ON COLUMN rollup_status.version IS 'of the query: alter_rollup() raises it';
COMMENT ON COLUMN rollup_status.lag IS 'for how long, at most, the table has not been what its events give; 0 when it is';
COMMENT ON COLUMN rollup_status.bi IS 'the same with sketches as numbers, where the rollup has any';
COMMENT ON COLUMN rollup_status.live IS 'the view that is exact at read time';

CREATE VIEW rollup_late WITH (security_invoker = true) AS
SELECT r.relation AS rollup, b.bucket, b.late AS changes, b.dirty_since AS first_at, b.late_at AS last_at
FROM _rollup r JOIN _rollup_bucket b USING (rollup_id)
WHERE b.dirty_since IS NOT NULL AND (b.bucket - r.lookaround < r.frozen_until OR b.frozen);
GRANT SELECT ON rollup_late TO PUBLIC;
COMMENT ON VIEW rollup_late IS 'buckets for which events came after part of their source had been dropped, by retention or by hand, or truncated: they stay as they were, and these events are in no aggregate';
COMMENT ON COLUMN rollup_late.bucket IS 'where the bucket starts';
COMMENT ON COLUMN rollup_late.changes IS 'quarter hours of the bucket with such events, counted by each refresh that found some';
COMMENT ON COLUMN rollup_late.first_at IS 'when a refresh first found some';
COMMENT ON COLUMN rollup_late.last_at IS 'when a refresh last found some';
