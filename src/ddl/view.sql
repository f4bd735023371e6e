-- ddl/view.sql: the published views, "<event table>_bi".

CREATE FUNCTION _view_build(event_table regclass) RETURNS regclass
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_view_build_function';
COMMENT ON FUNCTION _view_build(regclass) IS 'make the view of an event table of the caller, or bring its columns up to date; gives the view';

CREATE FUNCTION _attribute_renames(target_id int) RETURNS TABLE (column_name name, renamed_to name)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.column_name, p.attname
    FROM @extschema@._target t JOIN @extschema@._attribute a USING (target_id)
    JOIN pg_attribute p ON p.attrelid = t.relation AND p.attnum = a.attnum AND NOT p.attisdropped
    WHERE t.target_id = $1 AND t.numbered = t.relation AND t.numbered_cluster = (SELECT system_identifier FROM pg_control_system())
    AND NOT a.dropped AND p.attname <> a.column_name
$$;
COMMENT ON FUNCTION _attribute_renames(int) IS 'columns of an event table that somebody has renamed, which the registry does not say yet';

-- A view is up to date when it uses every column of the registry and says what the table says of them.
CREATE FUNCTION _views_behind(event_table regclass DEFAULT NULL) RETURNS TABLE (relation regclass, name text, owner oid)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.relation, t.relation::text, c.relowner
    FROM @extschema@._target t
    JOIN @extschema@._stream s USING (stream_id)
    JOIN pg_class c ON c.oid = t.relation
    LEFT JOIN pg_class v ON v.oid = t.bi_view AND v.relkind = 'v'
    WHERE ($1 IS NULL OR s.event_table = $1) AND (v.oid IS NULL
        OR EXISTS (SELECT FROM @extschema@._attribute a
                   JOIN pg_attribute p ON p.attrelid = t.relation AND p.attname = a.column_name AND NOT p.attisdropped
                   WHERE a.target_id = t.target_id AND NOT a.dropped AND NOT EXISTS (
                       SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       WHERE r.ev_class = v.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation
                             AND d.refobjsubid = p.attnum))
        OR EXISTS (SELECT FROM @extschema@._attribute_renames(t.target_id))
        OR EXISTS (SELECT FROM @extschema@._view_comments(t.relation, v.oid)))
    ORDER BY t.target_id
$$;
COMMENT ON FUNCTION _views_behind(regclass) IS 'the event tables, of one stream or of all, whose view is missing or lacks a column or comment';

CREATE FUNCTION _view_comments(event_table regclass, bi_view regclass) RETURNS TABLE (statement text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('COMMENT ON COLUMN %s.%I IS %L', bi_view, v.attname, d.description)
    FROM pg_attribute v
    JOIN pg_attribute p ON p.attrelid = event_table AND p.attname = v.attname AND NOT p.attisdropped
    JOIN pg_description d ON d.objoid = event_table AND d.classoid = 'pg_class'::regclass AND d.objsubid = p.attnum
    LEFT JOIN pg_description has ON has.objoid = bi_view AND has.classoid = 'pg_class'::regclass AND has.objsubid = v.attnum
    WHERE v.attrelid = bi_view AND v.attnum > 0 AND has.description IS DISTINCT FROM d.description
    UNION ALL
    SELECT format('COMMENT ON VIEW %s IS %L', bi_view, obj_description(event_table, 'pg_class'))
    WHERE obj_description(event_table, 'pg_class') IS DISTINCT FROM obj_description(bi_view, 'pg_class')
          AND obj_description(event_table, 'pg_class') IS NOT NULL
$$;
COMMENT ON FUNCTION _view_comments(regclass, regclass) IS 'what makes the comments of a view those of its event table';

CREATE FUNCTION _view_refresh(event_table regclass) RETURNS regclass
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bi_view   regclass := @extschema@._view_build(event_table);
    statement text;
BEGIN
    FOR statement IN SELECT c.statement FROM @extschema@._view_comments(event_table, bi_view) c LOOP
        EXECUTE statement;
    END LOOP;
    RETURN bi_view;
END
$$;
COMMENT ON FUNCTION _view_refresh(regclass) IS 'bring the view of an event table of the caller up to date: columns and comments';

CREATE FUNCTION refresh_view(stream text) RETURNS int
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    event_table regclass := @extschema@._stream_relation(stream);
    views       int;
BEGIN
    PERFORM @extschema@._owners_follow(event_table);
    SELECT pg_catalog.count(@extschema@._view_refresh(b.relation)) INTO views FROM @extschema@._views_behind(event_table) b;
    RETURN views;
END
$$;
COMMENT ON FUNCTION refresh_view(text) IS
    'bring the views "<stream>_bi" of a stream''s event tables up to date where they are not; gives how many were. An error, 55P03, while somebody reads one';
