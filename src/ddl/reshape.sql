-- ddl/reshape.sql: columns that people rename or drop.
--
-- These run as the caller, who must own the event tables, and wait for locks like ALTER TABLE: set lock_timeout to wait less.

CREATE FUNCTION _column_rename(event_table regclass, path text, column_name text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_column_rename';
COMMENT ON FUNCTION _column_rename(regclass, text, text) IS 'rename the column of a path, and its variants, in one event table of the caller; false when it has none';

CREATE FUNCTION _column_drop(event_table regclass, path text, everywhere boolean) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_column_drop';
COMMENT ON FUNCTION _column_drop(regclass, text, boolean) IS 'drop the column of a path, and its variants, from one event table of the caller for good, and never make it in the others; false when it has none';

-- In the order of their OIDs, as ingest takes them.
CREATE FUNCTION _stream_targets(event_table regclass, route text) RETURNS TABLE (relation regclass)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.relation FROM @extschema@._target t JOIN @extschema@._stream s USING (stream_id) JOIN pg_class c ON c.oid = t.relation
    WHERE s.event_table = $1 AND ($2 IS NULL OR t.route = $2) ORDER BY t.relation::oid
$$;
COMMENT ON FUNCTION _stream_targets(regclass, text) IS 'the event tables of a stream, or the one for a route';

CREATE FUNCTION _reshape(stream text, path text, column_name text, route text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    event_table regclass := @extschema@._stream_relation(stream);
    target      regclass;
    known       boolean;
    any_known   boolean := NULL;
BEGIN
    IF event_table IS NULL OR path IS NULL THEN
        RAISE EXCEPTION 'stream and path must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM @extschema@._owners_follow(event_table);
    FOR target IN SELECT t.relation FROM @extschema@._stream_targets(event_table, route) t LOOP
        known := CASE WHEN column_name IS NULL THEN @extschema@._column_drop(target, path, route IS NULL)
                      ELSE @extschema@._column_rename(target, path, column_name) END;
        any_known := known OR coalesce(any_known, false);
    END LOOP;
    IF any_known IS NULL THEN
        RAISE EXCEPTION 'stream "%" has no table for route "%"', stream, route
            USING ERRCODE = 'undefined_object', HINT = 'event_pipeline.stream_tables lists the routes.';
    ELSIF NOT any_known THEN
        RAISE EXCEPTION 'stream "%" has no column for path "%"', stream, path
            USING ERRCODE = 'undefined_object', HINT = 'event_pipeline.stream_columns lists the paths.';
    END IF;
END
$$;
COMMENT ON FUNCTION _reshape(text, text, text, text) IS 'rename the column of a path, or drop it when column_name is null, in all event tables of a stream or that of a route';

CREATE FUNCTION rename_column(stream text, path text, column_name text, route text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF column_name IS NULL THEN
        RAISE EXCEPTION 'column name must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM @extschema@._reshape(stream, path, column_name, route);
END
$$;
COMMENT ON FUNCTION rename_column(text, text, text, text) IS
    'give the column of a path another name, in the event tables and their views; the path goes on filling it. route: only in the table of that value';

CREATE FUNCTION drop_column(stream text, path text, route text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM @extschema@._reshape(stream, path, NULL, route);
END
$$;
COMMENT ON FUNCTION drop_column(text, text, text) IS
    'drop the column of a path with its values, and never make it again: later values are rescued with why "contract". The views keep it, as NULL. route: only in the table of that value';
