-- lifecycle/unknown_fields.sql: fields of a newer schema than the one that was registered when they came.
--
-- Ingest keeps their bytes in _ep_rescued, under the field number. Once a version of the schema that has the field is registered, the
-- bytes are read where they lie, a few hundred pages of a partition in a transaction, and the values promoted like others that had to wait
-- for their column (lifecycle/promote.sql). What the new schema cannot read either stays as it is.
--
-- A statement that began under the old schema may end after the search: it has noted its fields in _wanted by then, where the next run
-- finds them, since a run forgets only what was there when it began.

CREATE FUNCTION _unknown_read(event_table regclass, rescued jsonb) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_unknown_read';
COMMENT ON FUNCTION _unknown_read(regclass, jsonb) IS
    'what a row keeps in _ep_rescued, with the unknown fields that the schema of its stream knows by now as values; null when there are none';

CREATE FUNCTION _unknown_is_known(event_table regclass, path text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_unknown_is_known';
COMMENT ON FUNCTION _unknown_is_known(regclass, text) IS 'has the schema of a stream the field by now whose number the path ends in?';

CREATE FUNCTION _message_column_type(event_table regclass, path text) RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_message_column_type';
COMMENT ON FUNCTION _message_column_type(regclass, text) IS 'the type that the schema of a stream gives the column of a path; null: it has no such field';

CREATE FUNCTION _unknown_targets() RETURNS TABLE (target_id int, name text, paths text[], noted tid[], earliest timestamptz, latest timestamptz)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.target_id, t.relation::text, array_agg(DISTINCT w.path), array_agg(w.ctid), min(w.first_event), max(w.last_event)
    FROM @extschema@._wanted w JOIN @extschema@._target t USING (target_id) JOIN pg_class c ON c.oid = t.relation
    JOIN @extschema@._stream s USING (stream_id) JOIN pg_class e ON e.oid = s.event_table
    WHERE w.reason = 'unknown' AND w.column_type IS NULL AND @extschema@._unknown_is_known(s.event_table, w.path)
    GROUP BY w.target_id, t.relation
$$;
COMMENT ON FUNCTION _unknown_targets() IS 'the event tables with unknown fields that the schema knows by now: which, where they were noted, of which time';

-- The statement that reads them within some pages, as the owner of the table will run it; it gives what it found, by path.
CREATE FUNCTION _unknown_statement(target_id int, part regclass, first_page bigint, pages int, paths text[]) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        'WITH known AS (UPDATE ONLY %1$s t SET _ep_rescued = @extschema@._unknown_read(%2$L, t._ep_rescued) '
        'WHERE t.ctid >= %3$L AND t.ctid < %4$L AND t._ep_rescued ?| %5$L AND @extschema@._unknown_read(%2$L, t._ep_rescued) IS NOT NULL '
        'RETURNING t.event_time, t._ep_rescued), '
        'found AS (SELECT k.key, count(*), min(known.event_time), max(known.event_time) FROM known, jsonb_each(known._ep_rescued) k '
        'WHERE k.value ->> ''why'' = ''unknown'' GROUP BY k.key) '
        'SELECT jsonb_agg(to_jsonb(f)) FROM found f',
        part, s.event_table::oid, format('(%s,0)', first_page), format('(%s,0)', first_page + pages), paths)
    FROM @extschema@._target t JOIN @extschema@._stream s USING (stream_id) WHERE t.target_id = $1
$$;
COMMENT ON FUNCTION _unknown_statement(int, regclass, bigint, int, text[]) IS
    'the statement that reads unknown fields of some pages and gives how many values it found of which path';

CREATE FUNCTION _unknown_take(target_id int, part regclass, first_page bigint, pages int, paths text[]) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH done AS (
        SELECT @extschema@._rollup_run_as(c.relowner, '', 'UTC', @extschema@._unknown_statement($1, $2, $3, $4, $5), NULL, NULL)::jsonb AS found
        FROM pg_class c WHERE c.oid = part)
    INSERT INTO @extschema@._wanted (target_id, path, reason, column_type, wide, value_count, first_event, last_event)
    SELECT $1, f.key, 'unknown', @extschema@._message_column_type(s.event_table, f.key), false, f.count, f.min, f.max
    FROM done, jsonb_to_recordset(done.found) f (key text, count bigint, min timestamptz, max timestamptz),
         @extschema@._target t JOIN @extschema@._stream s USING (stream_id)
    WHERE t.target_id = $1 AND NOT @extschema@._unknown_is_known(s.event_table, f.key)
$$;
COMMENT ON FUNCTION _unknown_take(int, regclass, bigint, int, text[]) IS 'read the unknown fields of some pages, and want columns for what was found';

CREATE FUNCTION _unknown_forget(target_id int, paths text[], noted tid[]) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM @extschema@._wanted w
    WHERE w.ctid = ANY ($3) AND w.target_id = $1 AND w.path = ANY ($2) AND w.reason = 'unknown' AND w.column_type IS NULL
$$;
COMMENT ON FUNCTION _unknown_forget(int, text[], tid[]) IS 'forget the unknown fields that were looked at';

CREATE PROCEDURE _maintenance_unknown_fields()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
    r record;
    whole boolean;
BEGIN
    FOR t IN SELECT * FROM @extschema@._unknown_targets() LOOP
        whole := true;
        FOR r IN SELECT * FROM @extschema@._promote_ranges(t.target_id, t.earliest, t.latest) LOOP
            whole := @extschema@._maintenance_step('unknown fields', t.name, pg_catalog.format(
                'SELECT @extschema@._unknown_take(%s, %s, %s, %s, %L)', t.target_id, r.part::pg_catalog.oid, r.first_page, r.pages, t.paths),
                '1 second');
            COMMIT;
            EXIT WHEN NOT whole;
        END LOOP;
        CONTINUE WHEN NOT whole;
        PERFORM @extschema@._maintenance_step('unknown fields', t.name, pg_catalog.format(
            'SELECT @extschema@._unknown_forget(%s, %L, %L)', t.target_id, t.paths, t.noted));
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_unknown_fields() IS 'read fields that came before their schema, in small transactions';

REVOKE ALL ON FUNCTION _unknown_targets(), _unknown_statement(int, regclass, bigint, int, text[]),
    _unknown_take(int, regclass, bigint, int, text[]), _unknown_forget(int, text[], tid[]) FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_unknown_fields() FROM PUBLIC;
