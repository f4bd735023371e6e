-- rollup/rollup_diff.sql: a value of a rollup beside that of the same bucket a day, a week, a month or a year before.
--
-- Both come from the live view. Before is the bucket that holds the start of this one less the period, by the calendar and clock of the
-- rollup's zone: after a change of the clocks, too, it is the same local date, or the same hour of it. Months are those of the calendar: a
-- month before 31 March is the last of February.

-- The start of the bucket before as an expression over c.bucket.
CREATE FUNCTION _diff_before(bucket interval, time_zone text, period interval) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
    SELECT CASE
        WHEN NOT @extschema@._bucket_date(bucket) THEN format(
            'pg_catalog.date_bin(%L, ((c.bucket AT TIME ZONE %L) - %L::interval) AT TIME ZONE %2$L, ''2000-01-03 00:00+00'')', bucket, time_zone, period)
        WHEN bucket = interval '1 day' THEN format('(c.bucket - %L::interval)::pg_catalog.date', period)
        ELSE format('(@extschema@._bucket_start((c.bucket - %L::interval) AT TIME ZONE %L, %L, %2$L) AT TIME ZONE %2$L)::pg_catalog.date',
                    period, time_zone, bucket) END
$$;
COMMENT ON FUNCTION _diff_before(interval, text, interval) IS 'the bucket to compare with, as an expression';

CREATE FUNCTION _diff_rollup(rollup text) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    relation regclass := @extschema@._relation_named(rollup, 'rollup');
BEGIN
    IF relation IS NULL OR (@extschema@._rollup_source(relation)).live IS NULL THEN
        RAISE EXCEPTION 'there is no rollup "%"', rollup USING ERRCODE = 'undefined_object',
            HINT = 'Rollups are made by @extschema@.create_rollup().';
    END IF;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION _diff_rollup(text) IS 'a rollup of anybody by its name, or an error';

-- What tells the rows of a bucket apart, unless the caller says: whatever is no number, no duration and no list.
CREATE FUNCTION _diff_dimensions(rollup regclass, value text, dimensions text[]) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text := (SELECT min(d) FROM unnest(dimensions || value) d
                     WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = rollup AND a.attname = d AND a.attnum > 1 AND NOT a.attisdropped));
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'value column must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF array_position(dimensions, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'dimension columns must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF missing IS NOT NULL THEN
        RAISE EXCEPTION 'rollup % has no column "%"', rollup, missing USING ERRCODE = 'undefined_column';
    ELSIF NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                      WHERE a.attrelid = rollup AND a.attname = value AND t.typcategory = 'N') THEN
        RAISE EXCEPTION 'column "%" of rollup % is no number', value, rollup USING ERRCODE = 'datatype_mismatch';
    END IF;
    RETURN coalesce(dimensions, ARRAY(
        SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = rollup AND a.attnum > 1 AND NOT a.attisdropped AND t.typcategory NOT IN ('N', 'T', 'A') AND a.attname <> value
        ORDER BY a.attnum));
END
$$;
COMMENT ON FUNCTION _diff_dimensions(regclass, text, text[]) IS 'the dimensions of a comparison, checked';

-- NULL is a value of a dimension like any other: as elements of arrays they are equal, and can be hashed.
CREATE FUNCTION _diff_select(rollup regclass, value text, period interval, dimensions text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r     record;
    those text[];
BEGIN
    SELECT * INTO r FROM @extschema@._rollup_source(rollup);
    IF period IS NULL OR period <= interval '0' THEN
        RAISE EXCEPTION 'period must be longer than nothing' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    those := @extschema@._diff_dimensions(rollup, value, dimensions);
    RETURN format('SELECT c.bucket, %1$sc.%2$I, b.%2$I AS %3$I, c.%2$I - b.%2$I AS %4$I, '
                  '(c.%2$I - b.%2$I)::double precision / nullif(b.%2$I, 0)::double precision AS %5$I '
                  'FROM %6$s c LEFT JOIN %6$s b ON b.bucket = %7$s AND ARRAY[%8$s]::text[] = ARRAY[%9$s]::text[]',
                  (SELECT string_agg(format('c.%I, ', d), '' ORDER BY n) FROM unnest(those) WITH ORDINALITY u (d, n)),
                  value, value || '_before', value || '_change', value || '_relative', r.live,
                  @extschema@._diff_before(r.bucket, r.time_zone, period),
                  (SELECT string_agg(format('c.%I::text', d), ', ' ORDER BY n) FROM unnest(those) WITH ORDINALITY u (d, n)),
                  (SELECT string_agg(format('b.%I::text', d), ', ' ORDER BY n) FROM unnest(those) WITH ORDINALITY u (d, n)));
END
$$;
COMMENT ON FUNCTION _diff_select(regclass, text, interval, text[]) IS 'the statement that compares buckets';

CREATE FUNCTION _period_diff(rollup regclass, value_column text, period interval, dimension_columns text[])
RETURNS TABLE (bucket timestamp, dimensions jsonb, value numeric, before numeric, change numeric, relative double precision)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone  text := (@extschema@._rollup_source(rollup)).time_zone;
    those text[] := @extschema@._diff_dimensions(rollup, value_column, dimension_columns);
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %1$s, pg_catalog.jsonb_build_object(%2$s), d.%3$I::numeric, d.%4$I::numeric, d.%5$I::numeric, d.%6$I FROM (%7$s) d ORDER BY d.bucket, 2',
        CASE WHEN (@extschema@._rollup_source(rollup)).dated THEN 'd.bucket::timestamp' ELSE format('d.bucket AT TIME ZONE %L', zone) END,
        (SELECT string_agg(format('%L, d.%1$I', u), ', ') FROM unnest(those) u),
        value_column, value_column || '_before', value_column || '_change', value_column || '_relative',
        @extschema@._diff_select(rollup, value_column, period, dimension_columns));
END
$$;
COMMENT ON FUNCTION _period_diff(regclass, text, interval, text[]) IS 'period_diff() of a table';

CREATE FUNCTION period_diff(rollup text, value_column text, period interval DEFAULT '1 day', dimension_columns text[] DEFAULT NULL)
RETURNS TABLE (bucket timestamp, dimensions jsonb, value numeric, before numeric, change numeric, relative double precision)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT d.bucket, d.dimensions, d.value, d.before, d.change, d.relative
    FROM @extschema@._period_diff(@extschema@._diff_rollup($1), $2, $3, $4) d;
END;
COMMENT ON FUNCTION period_diff(text, text, interval, text[]) IS
'compare each row of a rollup, as its live view has it, with the same bucket a period (1 day, 7 days, 1 month, 1 year) before: value, value before, change,
and change relative to before (0.1 is ten percent more; NULL when before is 0 or there is none). bucket: local time in the rollup''s zone.
dimension_columns: those that, with the bucket, tell rows apart; NULL: all that are no numbers';

CREATE FUNCTION _period_diff_view(view text, rollup regclass, value text, period interval, dimensions text[], path text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET IntervalStyle = postgres
AS $$
DECLARE
    me    oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user);
    made  regclass := to_regclass(view);
BEGIN
    IF EXISTS (SELECT FROM @extschema@._rollup r WHERE made IN (r.live, r.bi)) THEN
        RAISE EXCEPTION '% is a view of a rollup itself', made USING ERRCODE = 'duplicate_table', HINT = 'Choose another name.';
    END IF;
    PERFORM @extschema@._rollup_run_as(me, path, 'UTC', format('CREATE OR REPLACE VIEW %s AS %s', view,
        @extschema@._diff_select(rollup, value, period, dimensions)), NULL, NULL);
    made := view::regclass;
    EXECUTE format('COMMENT ON VIEW %s IS %L', made, format('%s of rollup %s beside that of %s before, exact at read time', value, rollup, period));
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', made, value || '_before', format('%s of the same bucket %s before', value, period));
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', made, value || '_change', format('%s less %s_before', value, value));
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', made, value || '_relative', format('%s_change / %1$s_before; 0.1 is ten percent more', value));
    RETURN made;
EXCEPTION WHEN wrong_object_type OR invalid_table_definition THEN
    RAISE EXCEPTION 'relation % exists already and is not such a view', view USING ERRCODE = 'duplicate_table',
        DETAIL = sqlerrm, HINT = 'Choose another name, or drop it first.';
END
$$;
COMMENT ON FUNCTION _period_diff_view(text, regclass, text, interval, text[], text) IS 'create_period_diff_view() under the caller''s search_path';

CREATE FUNCTION create_period_diff_view(view text, rollup text, value_column text, period interval DEFAULT '1 day', dimension_columns text[] DEFAULT NULL) RETURNS regclass
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT @extschema@._period_diff_view(@extschema@._relation_to_make($1, 'view'), @extschema@._diff_rollup($2), $3, $4, $5, pg_catalog.current_setting('search_path'));
END;
COMMENT ON FUNCTION create_period_diff_view(text, text, text, interval, text[]) IS
    'a view for BI tools that says what period_diff() says, with columns of their own: bucket, dimensions, value, <value>_before, <value>_change, <value>_relative';
