-- rollup/rollup.sql: aggregates that are a pure function of the events, kept right by recomputing dirty buckets.
--
-- A rollup is a table that belongs to whoever created it, a query over one bucket, and a list of buckets. Ingest appends
-- invalidations (rollup/invalidation.sql); a refresh reads what is news to this rollup, marks the buckets it touches, and replaces
-- the rows of dirty buckets, newest first. In that order, each in a statement of its own: under READ COMMITTED the later statement sees
-- at least what the earlier one saw, so an event whose invalidation was read is in the result; one that commits in between
-- leaves an unread invalidation. Under REPEATABLE READ both see the same. Late, repeated and crashed refreshes all end in the same table.
--
-- Locks: one advisory lock per rollup; rows are deleted and inserted, so readers see the old bucket until commit and never wait.
-- Rights: everything runs as the caller. Row security gives _rollup and _rollup_bucket to the members of the rollup's owner; the
-- query and what it fills run as that owner, confined (_rollup_run_as), whoever calls; ingest's tables are reached
-- through the few SECURITY DEFINER functions here, which take no SQL from anybody.
-- Buckets: a day or longer is a local date in the rollup's own zone, 23 or 25 hours long when the clocks change; shorter
-- ones are fixed lengths counted in UTC. All ranges are half open. _rollup_bucket.bucket is the instant at which a bucket starts.
-- Hierarchies: a rollup may read the table of another. Whoever replaces a bucket of that appends an invalidation, as ingest does for events,
-- whose granule is the bucket's start: a row belongs to the bucket in which its own bucket starts. A source is there before what
-- reads it and never changes, so there are no cycles, and the order of rollup_id is the order in which to refresh.

CREATE SEQUENCE _rollup_id_seq AS int;
CREATE TABLE _rollup (
    rollup_id    int PRIMARY KEY DEFAULT nextval('@extschema@._rollup_id_seq'),
    relation     regclass NOT NULL UNIQUE,
    live         regclass,              -- the view that is exact at read time
    bi           regclass,              -- the same with sketches as numbers; NULL: it has none
    live_key     bigint,                -- what proves to its functions that one may read it
    owner        regrole NOT NULL,      -- runs the query, whoever owns the table by now
    target_id    int NOT NULL,          -- the event table it reads; outlived by the rollup. Below 0: -rollup_id of the rollup it reads
    source       regclass NOT NULL,
    key          name,                  -- column of source and query: rows of a bucket depend on events with their key alone
    query        text NOT NULL,
    live_query   text,                  -- over a rollup: the same over its live view
    search_path  text NOT NULL,         -- the creator's, in which the query's names were found
    bucket       interval NOT NULL,
    time_zone    text NOT NULL,
    lookaround   interval NOT NULL,     -- how far beyond its bucket the query reads, on both sides
    version      int NOT NULL DEFAULT 1,-- of the query
    populated    boolean NOT NULL DEFAULT false, -- buckets of the events from before the rollup are listed
    frozen_until timestamptz NOT NULL DEFAULT '-infinity', -- source dropped by retention: never recomputed below this
    retention    interval,              -- of its own rows; null: for ever
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_success timestamptz,
    last_error   text,
    failures     int NOT NULL DEFAULT 0,-- refreshes in a row that did not get all they tried
    CHECK (bucket >= interval '1 second' AND lookaround BETWEEN interval '0' AND bucket * 10000)
);
COMMENT ON TABLE _rollup IS 'rollups, as create_rollup was told';
COMMENT ON SEQUENCE _rollup_id_seq IS 'numbers for _rollup.rollup_id';

CREATE TABLE _rollup_bucket (
    rollup_id    int NOT NULL,
    bucket       timestamptz NOT NULL,
    version      int NOT NULL DEFAULT 0, -- of the query that computed it; 0: never
    refreshed_at timestamptz,
    dirty_since  timestamptz,
    since        xid8,                  -- when dirty: new events have this xmin or a later one,
    rewritten    boolean NOT NULL DEFAULT true, -- unless others were changed or deleted
    failures     int NOT NULL DEFAULT 0,
    retry_at     timestamptz,           -- run_maintenance() leaves a failed bucket alone until then
    frozen       boolean NOT NULL DEFAULT false, -- events of it went with a partition: never recomputed
    late         int NOT NULL DEFAULT 0,-- quarter hours with changes below the floor, as often as refreshes found some,
    late_at      timestamptz,           -- and when last
    PRIMARY KEY (rollup_id, bucket)
);
CREATE TRIGGER delete_rollup_bucket AFTER DELETE ON _rollup REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_rollup_bucket', 'rollup_id');
-- The floor of retention is one time; what somebody else drops, detaches or truncates may be anywhere.
CREATE TABLE _rollup_partition (
    rollup_id   int NOT NULL,
    part        regclass NOT NULL,
    lower_bound timestamptz NOT NULL,
    upper_bound timestamptz NOT NULL,
    PRIMARY KEY (rollup_id, part)
);
CREATE TRIGGER delete_rollup_partition AFTER DELETE ON _rollup REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_rollup_partition', 'rollup_id');
COMMENT ON TABLE _rollup_partition IS 'the partitions of its event table that each rollup has known';
CREATE INDEX _rollup_bucket_dirty_idx ON _rollup_bucket (rollup_id, bucket) WHERE dirty_since IS NOT NULL;
COMMENT ON TABLE _rollup_bucket IS 'the buckets of each rollup: when and by which version of the query they were computed, and which are dirty';

SELECT pg_catalog.pg_extension_config_dump('_rollup', '');
SELECT pg_catalog.pg_extension_config_dump('_rollup_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_rollup_bucket', '');
SELECT pg_catalog.pg_extension_config_dump('_rollup_partition', 'WHERE false');    -- what is restored is what there is

GRANT SELECT, INSERT, DELETE, UPDATE (query, live_query, version, populated, retention, last_success, last_error, failures) ON _rollup TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON _rollup_bucket TO PUBLIC;
GRANT USAGE ON SEQUENCE _rollup_id_seq TO PUBLIC;
ALTER TABLE _rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE _rollup_bucket ENABLE ROW LEVEL SECURITY;
CREATE POLICY owners ON _rollup USING (pg_catalog.pg_has_role(owner, 'USAGE'));
CREATE POLICY owners ON _rollup_bucket USING (EXISTS (
    SELECT FROM @extschema@._rollup r WHERE r.rollup_id = _rollup_bucket.rollup_id)); -- those that the caller sees

CREATE FUNCTION _rollup_columns(query text, search_path text, time_zone text)
RETURNS TABLE (column_name name, column_type text, plain boolean)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_rollup_columns';
COMMENT ON FUNCTION _rollup_columns(text, text, text) IS 'the columns of a rollup''s query, or an error that says why it is not fit for one';

CREATE FUNCTION _rollup_statement(query text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_rollup_statement';
COMMENT ON FUNCTION _rollup_statement(text) IS 'the one statement of a text without the semicolon and what follows, or an error';

CREATE FUNCTION _rollup_reads(query text, search_path text, time_zone text) RETURNS SETOF regclass
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_rollup_reads';
COMMENT ON FUNCTION _rollup_reads(text, text, text) IS 'the tables that a rollup''s query reads, also through views';

CREATE FUNCTION _rollup_substitute(query text, search_path text, relation regclass, replacement regclass) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_rollup_substitute';
COMMENT ON FUNCTION _rollup_substitute(text, text, regclass, regclass) IS
    'the query with another relation in the place of one that it names in FROM; NULL when it names it in a way that cannot be replaced';

-- Over a rollup: the query over its live view. NULL where it does not name the rollup itself, or not in a way that can be replaced.
CREATE FUNCTION _rollup_live_query(query text, path text, time_zone text, source regclass, live regclass) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replaced text;
BEGIN
    IF live IS NULL THEN        -- over an event table
        RETURN NULL;
    END IF;
    BEGIN
        replaced := @extschema@._rollup_substitute(query, path, source, live);
        IF ARRAY(SELECT (c.column_name, c.column_type)::text FROM @extschema@._rollup_columns(replaced, path, time_zone) c)
           = ARRAY(SELECT (c.column_name, c.column_type)::text FROM @extschema@._rollup_columns(query, path, time_zone) c) THEN
            RETURN replaced;
        END IF;
    EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
        NULL;
    END;
    RAISE WARNING 'the live view will see rollup % as it was refreshed last', source
        USING HINT = 'It reads the live view of its source where FROM names the source itself and columns are not qualified with its schema.';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION _rollup_live_query(text, text, text, regclass, regclass) IS 'the query of a rollup over a rollup for the reader of its live view';

CREATE FUNCTION _rollup_run_as(owner oid, search_path text, time_zone text, statement text,
                               lower_bound timestamptz, upper_bound timestamptz) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_rollup_run_as';
COMMENT ON FUNCTION _rollup_run_as(oid, text, text, text, timestamptz, timestamptz) IS
    'run one statement as a role that the caller has the privileges of, confined; gives its first value, or how many rows it touched';

-- Where buckets begin -------------------------------------------------------------------------------------------

CREATE FUNCTION _bucket_date(bucket interval) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN extract(day FROM bucket) <> 0 OR extract(month FROM bucket) <> 0 OR extract(year FROM bucket) <> 0;
COMMENT ON FUNCTION _bucket_date(interval) IS 'true when buckets of this length are local dates: a day or longer';

-- The first instant of a local date. Where midnight happens twice or never, that is what AT TIME ZONE gives.
CREATE FUNCTION _bucket_start(at timestamptz, bucket interval, time_zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    months int := extract(year FROM bucket) * 12 + extract(month FROM bucket);
    days   int := extract(day FROM bucket);
    local  timestamp := at AT TIME ZONE time_zone;
    first  date;
BEGIN
    IF NOT @extschema@._bucket_date(bucket) THEN
        RETURN date_bin(bucket, at, '2000-01-03 00:00+00');
    ELSIF months > 0 THEN
        first := date '2000-01-01' + make_interval(months => months *
            floor(((extract(year FROM local) - 2000) * 12 + extract(month FROM local) - 1) / months)::int);
    ELSE
        first := date '2000-01-03' + floor((local::date - date '2000-01-03')::numeric / days)::int * days;
    END IF;
    IF first::timestamp AT TIME ZONE time_zone > at THEN    -- before the second midnight of a date that has two
        first := first - bucket;
    END IF;
    RETURN first::timestamp AT TIME ZONE time_zone;
END
$$;
COMMENT ON FUNCTION _bucket_start(timestamptz, interval, text) IS 'the instant at which the bucket of a time begins';

CREATE FUNCTION _bucket_end(start timestamptz, bucket interval, time_zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN @extschema@._bucket_date(bucket) THEN ((start AT TIME ZONE time_zone)::date + bucket) AT TIME ZONE time_zone
            ELSE start + bucket END;
COMMENT ON FUNCTION _bucket_end(timestamptz, interval, text) IS 'the instant at which a bucket that begins at start ends, and the next begins';

-- Every bucket whose query may read events of these quarter hours.
CREATE FUNCTION _rollup_buckets(rollup_id int, granules timestamptz[]) RETURNS SETOF timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE touched (start, until, bucket, time_zone) AS (
        SELECT DISTINCT @extschema@._bucket_start(g - r.lookaround, r.bucket, r.time_zone),
               g + CASE WHEN r.target_id < 0 THEN interval '1 microsecond' ELSE interval '15 minutes' END + r.lookaround, r.bucket, r.time_zone
        FROM unnest($2) g, @extschema@._rollup r WHERE r.rollup_id = $1 AND isfinite(g)
        UNION
        SELECT n, until, bucket, time_zone
        FROM touched, LATERAL (SELECT @extschema@._bucket_end(start, bucket, time_zone)) next (n) WHERE n < until)
    SELECT DISTINCT start FROM touched
$$;
COMMENT ON FUNCTION _rollup_buckets(int, timestamptz[]) IS 'the buckets that read events of these quarter hours';

CREATE FUNCTION _rollup_mark(rollup_id int, granules timestamptz[], rewritten timestamptz[], since xid8) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO @extschema@._rollup_bucket AS b (rollup_id, bucket, dirty_since, since, rewritten)
    SELECT $1, start, now(), $4, start IN (SELECT @extschema@._rollup_buckets($1, $3)) FROM @extschema@._rollup_buckets($1, $2) start
    ON CONFLICT ON CONSTRAINT _rollup_bucket_pkey
    DO UPDATE SET dirty_since = coalesce(b.dirty_since, excluded.dirty_since), retry_at = NULL,
                  since = CASE WHEN b.dirty_since IS NULL THEN excluded.since ELSE least(b.since, excluded.since) END,
                  rewritten = excluded.rewritten OR (b.dirty_since IS NOT NULL AND b.rewritten);
    UPDATE @extschema@._rollup_bucket b SET late = b.late + below.changes, late_at = now()
    FROM (SELECT start, count(*) AS changes
          FROM @extschema@._rollup r, unnest($2) g, @extschema@._rollup_buckets($1, ARRAY[g]) start
          WHERE r.rollup_id = $1 AND (g < r.frozen_until + r.bucket + r.lookaround AND start - r.lookaround < r.frozen_until
                                      OR EXISTS (SELECT FROM @extschema@._rollup_bucket f WHERE f.rollup_id = $1 AND f.bucket = start AND f.frozen))
          GROUP BY start) below
    WHERE b.rollup_id = $1 AND b.bucket = below.start
$$;
COMMENT ON FUNCTION _rollup_mark(int, timestamptz[], timestamptz[], xid8) IS
    'mark the buckets that read events of these quarter hours as dirty; in some of them events were changed or deleted, in the others inserted, by transactions since that one';

-- The doors to ingest's tables -----------------------------------------------------------------------------------
-- They run as the extension's owner. Whoever calls them for a rollup that is not theirs does what a refresh would have done.

CREATE FUNCTION _rollup_target(source regclass) RETURNS int
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.target_id FROM @extschema@._target t WHERE t.relation = $1
    UNION ALL
    SELECT -r.rollup_id FROM @extschema@._rollup r WHERE r.relation = $1
$$;
COMMENT ON FUNCTION _rollup_target(regclass) IS 'the number of an event table, the negative one of a rollup, NULL when the table is neither';

-- Others rely on these: who writes a row past create_rollup() must be allowed what it says, too.
CREATE POLICY genuine ON _rollup AS RESTRICTIVE FOR INSERT WITH CHECK (
    target_id = @extschema@._rollup_target(source) AND pg_catalog.has_table_privilege(owner, source, 'SELECT')
    AND frozen_until = '-infinity'
    AND (SELECT pg_catalog.bool_and(c.relowner = owner) FROM pg_catalog.pg_class c WHERE c.oid IN (relation, live, bi)));

CREATE FUNCTION _rollup_attach(rollup_id int) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._invalidation_attach('rollup:' || r.rollup_id, r.target_id) FROM @extschema@._rollup r
    WHERE r.rollup_id = $1 AND NOT r.populated AND has_table_privilege(r.owner, r.source, 'SELECT')
$$;
COMMENT ON FUNCTION _rollup_attach(int) IS 'have ingest note changes for a new rollup';

CREATE FUNCTION _rollup_lost(r _rollup) RETURNS SETOF timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT b.bucket FROM @extschema@._rollup_partition p JOIN @extschema@._rollup_bucket b USING (rollup_id)
    WHERE p.rollup_id = r.rollup_id AND b.version > 0 AND b.bucket - r.lookaround < p.upper_bound
      AND @extschema@._bucket_end(b.bucket, r.bucket, r.time_zone) + r.lookaround > p.lower_bound
      AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.part AND i.inhparent = r.source)
$$;
COMMENT ON FUNCTION _rollup_lost(_rollup) IS 'the computed buckets that had events in a partition which is no longer part of the event table';
REVOKE ALL ON FUNCTION _rollup_lost(_rollup) FROM PUBLIC;

-- From here to the end of the transaction no partition can be dropped.
CREATE FUNCTION _rollup_freeze(r _rollup) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS SHARE MODE', r.source);
    UPDATE @extschema@._rollup_bucket b SET frozen = true
    FROM @extschema@._rollup_lost(r) lost WHERE b.rollup_id = r.rollup_id AND b.bucket = lost AND NOT b.frozen;
    DELETE FROM @extschema@._rollup_partition p
    WHERE p.rollup_id = r.rollup_id AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = p.part AND i.inhparent = r.source);
    IF (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = r.source)
       <> (SELECT count(*) FROM @extschema@._rollup_partition p WHERE p.rollup_id = r.rollup_id) THEN
        INSERT INTO @extschema@._rollup_partition SELECT r.rollup_id, b.part, b.lower_bound, b.upper_bound FROM @extschema@._partition_bounds(r.source) b
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;
COMMENT ON FUNCTION _rollup_freeze(_rollup) IS 'keep the buckets whose events went with a partition as they are, and remember the partitions there are';
REVOKE ALL ON FUNCTION _rollup_freeze(_rollup) FROM PUBLIC;

CREATE FUNCTION _rollup_take(rollup_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reads int := (SELECT i.target_id FROM @extschema@._invalidation_reader i WHERE i.consumer = 'rollup:' || $1);
BEGIN
    IF reads IS NOT NULL THEN       -- the stream may be gone
        PERFORM @extschema@._rollup_freeze(r) FROM @extschema@._rollup r JOIN pg_class c ON c.oid = r.source AND c.relkind = 'p' WHERE r.rollup_id = $1;
        PERFORM @extschema@._rollup_mark($1, t.granules, t.rewritten, t.since)
        FROM @extschema@._invalidation_take('rollup:' || $1, reads) t WHERE t.granules <> '{}';
    END IF;
END
$$;
COMMENT ON FUNCTION _rollup_take(int) IS 'turn the invalidations that are news to a rollup into dirty buckets';
REVOKE ALL ON FUNCTION _rollup_take(int) FROM PUBLIC;

-- Rows are locked by it until the caller commits: only for who may have the rollup to himself, and has.
CREATE FUNCTION _rollup_pull(rollup_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT @extschema@._lock_is_ours('@extschema@._rollup', rollup_id) THEN
        RAISE EXCEPTION 'permission denied for rollup' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM @extschema@._rollup_take(rollup_id);
END
$$;
COMMENT ON FUNCTION _rollup_pull(int) IS '_rollup_take() for who has called _rollup_lock()';

CREATE FUNCTION _rollup_detach(rollup_id int) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT @extschema@._invalidation_detach('rollup:' || $1)
    WHERE NOT EXISTS (SELECT FROM @extschema@._rollup r WHERE r.rollup_id = $1)
$$;
COMMENT ON FUNCTION _rollup_detach(int) IS 'stop noting changes for a rollup that is dropped';

-- With its key: what does not hold a bucket would make the rollups above fail.
CREATE FUNCTION _rollup_note(rollup_id int, key bigint, start timestamptz) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO @extschema@._invalidation (target_id, granule)
    SELECT -r.rollup_id, $3 FROM @extschema@._rollup r WHERE r.rollup_id = $1 AND r.live_key = $2
$$;
COMMENT ON FUNCTION _rollup_note(int, bigint, timestamptz) IS 'tell the rollups over a rollup that a bucket of it has changed';

CREATE FUNCTION _rollup_readers(rollup_id int) RETURNS SETOF regclass
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE above (id, relation) AS (
        SELECT r.rollup_id, r.relation FROM @extschema@._rollup r WHERE r.target_id = -$1
        UNION
        SELECT r.rollup_id, r.relation FROM above a JOIN @extschema@._rollup r ON r.target_id = -a.id)
    SELECT a.relation FROM above a ORDER BY a.id
$$;
COMMENT ON FUNCTION _rollup_readers(int) IS 'the rollups over a rollup, also over several levels';

-- What the rollup over it, or who compares its buckets, must know of a rollup, whoever it belongs to.
CREATE FUNCTION _rollup_source(source regclass, OUT live regclass, OUT bucket interval, OUT time_zone text, OUT dated boolean)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.live, r.bucket, r.time_zone, @extschema@._bucket_date(r.bucket) FROM @extschema@._rollup r WHERE r.relation = $1 $$;
COMMENT ON FUNCTION _rollup_source(regclass) IS 'the live view, zone and buckets of a rollup';

-- Creation and removal -------------------------------------------------------------------------------------------
-- What users call is bound when it is made and hands the caller's search_path on; the rest pins its own.

CREATE FUNCTION _rollup_check(bucket interval, time_zone text, lookaround interval) RETURNS void
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF bucket < interval '1 second' OR bucket NOT IN (
        make_interval(years => extract(year FROM bucket)::int, months => extract(month FROM bucket)::int),
        make_interval(days => extract(day FROM bucket)::int),
        make_interval(secs => extract(epoch FROM bucket)::float8))
        OR (extract(day FROM bucket) <> 0 AND bucket <> make_interval(days => extract(day FROM bucket)::int)) THEN
        RAISE EXCEPTION 'a bucket cannot be % long', bucket USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Choose whole months, whole days, or hours and shorter units down to one second.';
    ELSIF lookaround < interval '0' THEN
        RAISE EXCEPTION 'lookaround must not be negative' USING ERRCODE = 'invalid_parameter_value';
    ELSIF @extschema@._rollup_reach(lookaround) > bucket * 10000 THEN
        RAISE EXCEPTION 'lookaround must not span more than 10000 buckets' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM now() AT TIME ZONE time_zone;   -- not recognized: an error
END
$$;
COMMENT ON FUNCTION _rollup_check(interval, text, interval) IS 'raise an error unless a rollup can have these';

CREATE FUNCTION _rollup_reach(lookaround interval) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT make_interval(hours => 25 * (extract(day FROM lookaround) + 31 * extract(month FROM lookaround)
                                        + 366 * extract(year FROM lookaround))::int + extract(hour FROM lookaround)::int,
                         mins => extract(minute FROM lookaround)::int, secs => extract(second FROM lookaround)::float8)
$$;
COMMENT ON FUNCTION _rollup_reach(interval) IS 'the most that a lookaround can span, whatever its months and days are';

-- Keys are told apart by their text, so equal ones must have one text: 1.0 and 1.00 have two.
CREATE FUNCTION _rollup_check_key(source regclass, key name, query text, path text, time_zone text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a pg_attribute;
    c record;
BEGIN
    SELECT * INTO a FROM pg_attribute o WHERE o.attrelid = source AND o.attname = key AND o.attnum > 0 AND NOT o.attisdropped;
    SELECT * INTO c FROM @extschema@._rollup_columns(query, path, time_zone) o WHERE o.column_name = key;
    IF a.attname IS NULL OR NOT coalesce(c.plain AND c.column_type::regtype = a.atttypid, false) THEN
        RAISE EXCEPTION 'the key "%" is no column of both % and the query', key, source USING ERRCODE = 'undefined_column',
            HINT = 'The rows that the query gives for a key must depend on the events with this key alone, and have it as it is.';
    ELSIF a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'uuid'::regtype,
                             'boolean'::regtype, 'date'::regtype, 'timestamptz'::regtype, 'bytea'::regtype)
        OR EXISTS (SELECT FROM pg_collation l WHERE l.oid = a.attcollation AND NOT l.collisdeterministic) THEN
        RAISE EXCEPTION 'column "%" of type % cannot be the key of a rollup', key, c.column_type USING ERRCODE = 'datatype_mismatch',
            HINT = 'Equal keys must be written equally, as texts, whole numbers, uuids and dates are.';
    END IF;
END
$$;
COMMENT ON FUNCTION _rollup_check_key(regclass, name, text, text, text) IS 'raise an error unless the column can be the key of a rollup with this query';

CREATE FUNCTION _rollup_make_table(rollup text, query text, bucket interval, time_zone text, source regclass, path text)
RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
DECLARE
    me      oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user);
    columns text;
    made    regclass;
BEGIN
    SELECT string_agg(format('%I %s', c.column_name, c.column_type), ', ') INTO columns
    FROM @extschema@._rollup_columns(query, path, time_zone) c;
    PERFORM @extschema@._rollup_run_as(me, path, 'UTC', format('CREATE TABLE %s (bucket %s NOT NULL, %s)', rollup,
        CASE WHEN @extschema@._bucket_date(bucket) THEN 'date' ELSE 'timestamptz' END, columns), NULL, NULL);
    made := rollup::regclass;
    EXECUTE format('CREATE INDEX ON %s (bucket)', made);
    EXECUTE format('COMMENT ON TABLE %s IS %L', made, format('rollup of %s', source));
    EXECUTE format('COMMENT ON COLUMN %s.bucket IS %L', made, CASE WHEN @extschema@._bucket_date(bucket)
        THEN format('first date (%s) of the %s that the row is about', time_zone, bucket)
        ELSE format('start of the %s that the row is about', bucket) END);
    RETURN made;
EXCEPTION WHEN duplicate_column THEN
    RAISE EXCEPTION '%', sqlerrm USING ERRCODE = 'duplicate_column',
        HINT = 'Give each column of the query a name of its own; the column bucket is added in front of them.';
WHEN duplicate_table THEN
    RAISE EXCEPTION 'relation "%" exists already', rollup USING ERRCODE = 'duplicate_table',
        HINT = 'Choose another name, or drop it first: a rollup by drop_rollup().';
END
$$;
COMMENT ON FUNCTION _rollup_make_table(text, text, interval, text, regclass, text) IS 'the empty table of a new rollup';

CREATE FUNCTION _rollup_create(rollup text, reads regclass, source text, query text, bucket interval, time_zone text,
                               lookaround interval, key name, path text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me     oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user);
    target int := @extschema@._rollup_target(reads);
    plain  text := @extschema@._rollup_statement(query);
    made   regclass;
    below  record;
    view   regclass;
    secret bigint := ('x' || left(md5(gen_random_uuid()::text), 15))::bit(60)::bigint;
    id     int := nextval('@extschema@._rollup_id_seq');
BEGIN
    IF query IS NULL OR bucket IS NULL OR lookaround IS NULL THEN
        RAISE EXCEPTION 'query, bucket and lookaround must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF target IS NULL THEN
        RAISE EXCEPTION 'there is no event table or rollup "%"', source USING ERRCODE = 'undefined_table',
            HINT = 'The source of a rollup is an event table that create_stream() made, or the table of another rollup.';
    ELSIF NOT has_table_privilege(reads, 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for table %', reads USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO below FROM @extschema@._rollup_source(reads);
    time_zone := coalesce(time_zone, below.time_zone, 'UTC');
    PERFORM @extschema@._rollup_check(bucket, time_zone, lookaround);
    IF below.dated AND below.time_zone <> time_zone THEN
        RAISE EXCEPTION 'the buckets of rollup % are dates in %', reads, below.time_zone USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A rollup over it must have the same time_zone.';
    ELSIF NOT has_table_privilege(below.live, 'SELECT') THEN
        RAISE EXCEPTION 'permission denied for view %', below.live USING ERRCODE = 'insufficient_privilege',
            HINT = 'The live view of a rollup reads that of its source.';
    END IF;
    PERFORM @extschema@._rollup_check_key(reads, key, plain, path, time_zone);
    made := @extschema@._rollup_make_table(rollup, plain, bucket, time_zone, reads, path);
    view := @extschema@._rollup_make_live(id, made, secret);
    INSERT INTO @extschema@._rollup (rollup_id, relation, live, bi, live_key, owner, target_id, source, key, query, live_query, search_path, bucket,
                                     time_zone, lookaround)
    VALUES (id, made, view, @extschema@._rollup_make_bi(made, view), secret, me, target, reads, key, plain,
            @extschema@._rollup_live_query(plain, path, time_zone, reads, below.live), path, bucket, time_zone,
            @extschema@._rollup_reach(lookaround));
    PERFORM @extschema@._rollup_attach(id);
    RETURN made;
END
$$;
COMMENT ON FUNCTION _rollup_create(text, regclass, text, text, interval, text, interval, name, text) IS 'create_rollup() under the caller''s search_path';

CREATE FUNCTION create_rollup(rollup text, source text, query text, bucket interval, time_zone text DEFAULT NULL,
                              lookaround interval DEFAULT '0', key text DEFAULT NULL) RETURNS regclass
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._rollup_create(@extschema@._relation_to_make($1, 'rollup'), @extschema@._relation_named($2, 'source'), $2, $3, $4, $5, $6, $7::name, pg_catalog.current_setting('search_path'));
END;
COMMENT ON FUNCTION create_rollup(text, text, text, interval, text, interval, text) IS
    'make a table that holds the query''s rows for each bucket of an event table or of another rollup; $1 and $2 are the bucket''s half-open bounds. The first refresh fills it. time_zone: NULL is the source rollup''s, or UTC. key: a column of both, of which late events recompute their own rows only';

CREATE FUNCTION _rollup_find(relation regclass, rollup text) RETURNS int
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id int := (SELECT r.rollup_id FROM @extschema@._rollup r WHERE r.relation = $1);
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no rollup "%" that role "%" may change', rollup, current_user
            USING ERRCODE = 'undefined_object', HINT = 'The view rollup_status lists the rollups of your roles.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION _rollup_find(regclass, text) IS 'the number of the rollup that fills a table, or an error';

CREATE FUNCTION _rollup_drop(id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r     @extschema@._rollup;
    above text;
    view  regclass;
BEGIN
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = id;
    SELECT string_agg(u::text, ', ') INTO above FROM @extschema@._rollup_readers(id) u;
    IF above IS NOT NULL THEN
        RAISE EXCEPTION 'cannot drop rollup % because other rollups read it', r.relation USING ERRCODE = 'dependent_objects_still_exist',
            DETAIL = format('Over it: %s.', above), HINT = 'Drop those first, the last before the others.';
    END IF;
    FOREACH view IN ARRAY ARRAY[r.bi, r.live] LOOP
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = view) THEN   -- somebody may have dropped it
            EXECUTE format('DROP VIEW %s', view);
        END IF;
    END LOOP;
    EXECUTE format('DROP TABLE %s', r.relation);
    DELETE FROM @extschema@._rollup o WHERE o.rollup_id = id;
    PERFORM @extschema@._rollup_detach(id);
END
$$;
COMMENT ON FUNCTION _rollup_drop(int) IS 'drop_rollup() by number';

-- For the extension's owner.
CREATE FUNCTION _rollup_sweep() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone int[];
BEGIN
    WITH forgotten AS (
        DELETE FROM @extschema@._rollup r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation) RETURNING r.rollup_id)
    SELECT array_agg(f.rollup_id) INTO gone FROM forgotten f;
    PERFORM @extschema@._rollup_detach(id) FROM unnest(gone) id;
    RETURN coalesce(cardinality(gone), 0);
END
$$;
COMMENT ON FUNCTION _rollup_sweep() IS 'forget rollups that somebody dropped by DROP TABLE; gives how many';
REVOKE ALL ON FUNCTION _rollup_sweep() FROM PUBLIC;

CREATE FUNCTION drop_rollup(rollup text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._rollup_drop(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1));
END;
COMMENT ON FUNCTION drop_rollup(text) IS 'drop a rollup with its table and its views';

CREATE FUNCTION _rollup_alter(id int, new_query text) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r     @extschema@._rollup;
    plain text;
    made  text;
BEGIN
    IF new_query IS NULL THEN
        RAISE EXCEPTION 'query must not be null' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'Buckets are kept for ever with alter_rollup(..., retention => NULL).';
    ELSIF new_query !~* '\m(select|values|table)\M' THEN
        RAISE EXCEPTION 'the query of a rollup must be a SELECT' USING ERRCODE = 'syntax_error',
            DETAIL = format('It is "%s".', new_query), HINT = 'How long buckets are kept is said by alter_rollup(..., retention => ...).';
    END IF;
    plain := @extschema@._rollup_statement(new_query);
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = id FOR UPDATE;
    -- As the table has them: the old query may be the one that does not work any more.
    SELECT format('SELECT %s FROM %s WHERE $1 < $2', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), r.relation) INTO made
    FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attnum > 1 AND NOT a.attisdropped;
    IF ARRAY(SELECT (c.column_name, c.column_type)::text FROM @extschema@._rollup_columns(plain, r.search_path, r.time_zone) c)
       <> ARRAY(SELECT (c.column_name, c.column_type)::text FROM @extschema@._rollup_columns(made, r.search_path, r.time_zone) c) THEN
        RAISE EXCEPTION 'the columns of rollup % cannot change', r.relation USING ERRCODE = 'datatype_mismatch',
            HINT = 'Keep their names, types and order, or drop the rollup and create it anew.';
    END IF;
    IF EXISTS (SELECT FROM @extschema@._rollup_reads(plain, r.search_path, r.time_zone) t
               WHERE t = r.relation OR t IN (SELECT @extschema@._rollup_readers(id))) THEN
        RAISE EXCEPTION 'rollup % cannot read itself or a rollup over it', r.relation USING ERRCODE = 'invalid_recursion';
    END IF;
    PERFORM @extschema@._rollup_check_key(r.source, r.key, plain, r.search_path, r.time_zone);
    UPDATE @extschema@._rollup o SET query = plain,
           live_query = @extschema@._rollup_live_query(plain, r.search_path, r.time_zone, r.source, (@extschema@._rollup_source(r.source)).live),
           version = version + (query <> plain)::int
    WHERE o.rollup_id = id RETURNING version INTO r.version;
    RETURN r.version;
END
$$;
COMMENT ON FUNCTION _rollup_alter(int, text) IS 'alter_rollup() by number';

CREATE FUNCTION alter_rollup(rollup text, query text) RETURNS int
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._rollup_alter(@extschema@._rollup_find(@extschema@._relation_named($1, 'rollup'), $1), $2);
END;
COMMENT ON FUNCTION alter_rollup(text, text) IS
    'give a rollup another query with the same columns; gives its version. Buckets of another version are recomputed by the next refreshes';
