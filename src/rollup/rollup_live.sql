-- rollup/rollup_live.sql: "<rollup>_live", a view that is exact at read time.
--
-- It shows the stored rows of clean buckets and computes the others as a refresh would. Dirty are the buckets that are marked, those of another
-- version of the query, and those of invalidations that no refresh has read yet. All of it is read with the snapshot of the
-- reader's query: an event that it sees has its invalidation there, too, whatever commits meanwhile.
--
-- Rights: who may read the view gets all of it, and needs nothing else, also through views of their own over it. Functions in a view run as
-- the reader, so they must not serve everybody who calls them: they ask for the rollup's key. It is the value of a sequence that belongs to
-- the rollup's owner; the view reads it with the owner's rights and hands it on, and nobody else can see it.

-- The quarter hours that are news to a rollup, without moving on.
CREATE FUNCTION _rollup_news(rollup_id int) RETURNS timestamptz[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY(
        SELECT DISTINCT i.granule FROM @extschema@._invalidation_reader r JOIN @extschema@._invalidation i USING (target_id)
        WHERE r.consumer = 'rollup:' || $1
          AND (r.cluster <> (SELECT system_identifier FROM pg_control_system()) OR @extschema@._invalidation_unread(i, r)))
$$;
COMMENT ON FUNCTION _rollup_news(int) IS 'the quarter hours that changed since a rollup read last';
REVOKE ALL ON FUNCTION _rollup_news(int) FROM PUBLIC;

-- Over a rollup: also the buckets over its dirty ones, for the live view reads its live view.
CREATE FUNCTION _rollup_dirty(r _rollup) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    below @extschema@._rollup;
    news  timestamptz[] := CASE WHEN r.populated THEN @extschema@._rollup_news(r.rollup_id) ELSE @extschema@._rollup_granules(r) END;
BEGIN
    SELECT * INTO below FROM @extschema@._rollup o WHERE o.rollup_id = -r.target_id;
    IF FOUND THEN
        news := news || ARRAY(SELECT @extschema@._rollup_dirty(below));
    END IF;
    RETURN QUERY SELECT d.bucket FROM (
        SELECT b.bucket FROM @extschema@._rollup_bucket b
        WHERE b.rollup_id = r.rollup_id AND (b.dirty_since IS NOT NULL OR b.version <> r.version)
        UNION
        SELECT @extschema@._rollup_buckets(r.rollup_id, news)) d
    WHERE d.bucket - r.lookaround >= r.frozen_until
      AND NOT EXISTS (SELECT FROM @extschema@._rollup_bucket f WHERE f.rollup_id = r.rollup_id AND f.bucket = d.bucket AND f.frozen)
      AND d.bucket NOT IN (SELECT @extschema@._rollup_lost(r));
END
$$;
COMMENT ON FUNCTION _rollup_dirty(_rollup) IS 'the buckets whose stored rows may differ from what the events of the current snapshot give';
REVOKE ALL ON FUNCTION _rollup_dirty(_rollup) FROM PUBLIC;

CREATE FUNCTION _rollup_dirty(rollup_id int, key bigint) RETURNS TABLE (start timestamptz, day date)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 10 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r @extschema@._rollup;
BEGIN
    SELECT * INTO r FROM @extschema@._rollup o WHERE o.rollup_id = $1 AND o.live_key = $2;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'permission denied for rollup %', $1 USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY SELECT d, (d AT TIME ZONE r.time_zone)::date FROM @extschema@._rollup_dirty(r) d;
END
$$;
COMMENT ON FUNCTION _rollup_dirty(int, bigint) IS 'the buckets that the live view of a rollup computes, by start and by local date';

CREATE FUNCTION _rollup_live(rollup_id int, key bigint, start timestamptz) RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'ep_rollup_live';
COMMENT ON FUNCTION _rollup_live(int, bigint, timestamptz) IS 'the rows of one bucket of a rollup, computed';

-- Run as the rollup's owner.
CREATE FUNCTION _rollup_make_live(rollup_id int, relation regclass, live_key bigint) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home   name;
    named  name;
    live   text;
    key    text;
    dated  boolean;
    stored text;     -- the query's columns
    given  text;
    typed  text;
    col    record;
BEGIN
    SELECT n.nspname, c.relname INTO home, named FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $2;
    IF octet_length(named) > 58 THEN
        RAISE EXCEPTION 'the name of rollup "%" is too long', named USING ERRCODE = 'invalid_name',
            HINT = 'It may have 58 bytes: "_live" is put after it.';
    END IF;
    live := format('%I.%I', home, named || '_live');
    key := format('%I.%I', home, '_ep_rollup_' || rollup_id);
    SELECT string_agg(format('s.%I', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attnum > 1),
           string_agg(format('q.%I', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attnum > 1),
           string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum),
           bool_or(a.attnum = 1 AND a.atttypid = 'date'::regtype)
    INTO stored, given, typed, dated FROM pg_attribute a WHERE a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped;
    -- Not START: pg_sequence shows that to everybody.
    EXECUTE format('CREATE SEQUENCE %s AS bigint OWNED BY %s.bucket', key, relation);
    PERFORM setval(key::regclass, live_key);
    EXECUTE format('COMMENT ON SEQUENCE %s IS %L', key, format('key of %s, for its owner alone', live));
    EXECUTE format($sql$
        CREATE VIEW %1$s AS
        SELECT s.bucket, %5$s FROM %2$s s
        WHERE NOT EXISTS (SELECT FROM %3$s k, @extschema@._rollup_dirty(%4$s, k.last_value) d WHERE d.%7$s = s.bucket)
        UNION ALL
        SELECT d.%7$s, %8$s FROM %3$s k, @extschema@._rollup_dirty(%4$s, k.last_value) d,
               @extschema@._rollup_live(%4$s, k.last_value, d.start) AS q(%6$s)$sql$,
        live, relation, key, rollup_id, stored, typed, CASE WHEN dated THEN 'day' ELSE 'start' END, given);
    EXECUTE format('COMMENT ON VIEW %s IS %L', live, format('rollup %s, exact at read time: dirty buckets are computed from their events', relation));
    EXECUTE format('COMMENT ON COLUMN %s.bucket IS %L', live, col_description(relation, 1));
    RETURN live::regclass;
END
$$;
COMMENT ON FUNCTION _rollup_make_live(int, regclass, bigint) IS 'make the live view of a new rollup';

-- Sketches, which can be merged from level to level, as numbers: of the extensions hll and tdigest, where a rollup uses them.
CREATE FUNCTION _rollup_finalised(named name, column_type oid) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE e.extname
        WHEN 'hll' THEN format('round(%I.hll_cardinality(l.%I))::bigint AS %2$I', n.nspname, named)
        WHEN 'tdigest' THEN (
            SELECT string_agg(format('(SELECT %I.tdigest_percentile(s.d, %s) FROM (VALUES (l.%I)) s(d)) AS %I', n.nspname, p, named, named || suffix), ', ' ORDER BY p)
            FROM (VALUES (0.5, '_p50'), (0.9, '_p90'), (0.99, '_p99')) v (p, suffix)) END
    FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.oid = column_type AND t.typname = e.extname
$$;
COMMENT ON FUNCTION _rollup_finalised(name, oid) IS 'a column of sketches as numbers: distinct values of hll, p50, p90 and p99 of tdigest; NULL for other columns';

-- Run as the rollup's owner.
CREATE FUNCTION _rollup_make_bi(relation regclass, live regclass) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view  text := (SELECT format('%I.%I', n.nspname, c.relname || '_bi') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
    shown text;
    found boolean;
BEGIN
    SELECT string_agg(coalesce(f.numbers, format('l.%I', a.attname)), ', ' ORDER BY a.attnum), bool_or(f.numbers IS NOT NULL)
    INTO shown, found
    FROM pg_attribute a, LATERAL (SELECT @extschema@._rollup_finalised(a.attname, a.atttypid) AS numbers) f
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT found THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE VIEW %s AS SELECT %s FROM %s l', view, shown, live);
    EXECUTE format('COMMENT ON VIEW %s IS %L', view, format('rollup %s, exact at read time, its sketches as numbers', relation));
    EXECUTE format('COMMENT ON COLUMN %s.bucket IS %L', view, col_description(relation, 1));
    RETURN view::regclass;
END
$$;
COMMENT ON FUNCTION _rollup_make_bi(regclass, regclass) IS 'make the view of a new rollup that shows sketches as numbers; NULL when it has none';
