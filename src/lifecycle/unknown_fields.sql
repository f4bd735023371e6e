-- lifecycle/unknown_fields.sql: fields of a newer schema than the one that was registered when they came.
--
-- Ingest keeps their bytes in _ep_rescued, under the field number, and notes in _wanted what the schema would need to have
-- (format/protobuf/protobuf_lacks.h). Once a version of the schema that has it is registered, the bytes are read where they lie, a few
-- hundred pages of a partition in a transaction, and the values promoted like others that had to wait for their column
-- (lifecycle/promote.sql). What the new schema cannot read either stays as it is.
--
-- A statement that began under the old schema may end after the search: it has noted its fields in _wanted by then, where the next run
-- finds them, since a run forgets only what was there when it began.

CREATE FUNCTION _unknown_read(event_table regclass, rescued jsonb) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_unknown_read';
COMMENT ON FUNCTION _unknown_read(regclass, jsonb) IS
    'what a row keeps in _ep_rescued, with the unknown fields that the schema of its stream knows by now as values; null when there are none';

CREATE FUNCTION _unknown_key(event_table regclass, path text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_unknown_key';
COMMENT ON FUNCTION _unknown_key(regclass, text) IS
    'the key in _ep_rescued of what could not be read for want of what the path names, if the schema of the stream has that by now; else null';

CREATE FUNCTION _unknown_found(event_table regclass, rescued jsonb, OUT path text, OUT column_type regtype, OUT misfits int, OUT reason text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_unknown_found';
COMMENT ON FUNCTION _unknown_found(regclass, jsonb) IS
    'what a row keeps of fields that were unknown when it came: values with the type that the schema of its stream gives their column, and what that lacks even now';

CREATE FUNCTION _unknown_targets() RETURNS TABLE (target_id int, name text, paths text[], keys text[], noted tid[], earliest timestamptz,
                                                  latest timestamptz)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT w.target_id, t.relation::text, array_agg(DISTINCT w.path), array_agg(DISTINCT k.key), array_agg(w.ctid), min(w.first_event),
        max(w.last_event)
    FROM @extschema@._wanted w JOIN @extschema@._target t USING (target_id) JOIN pg_class c ON c.oid = t.relation
    JOIN @extschema@._stream s USING (stream_id) JOIN pg_class e ON e.oid = s.event_table
    CROSS JOIN LATERAL (SELECT @extschema@._unknown_key(s.event_table, w.path)) k (key)
    WHERE w.reason = 'unknown' AND w.column_type IS NULL AND k.key IS NOT NULL
    GROUP BY w.target_id, t.relation
$$;
COMMENT ON FUNCTION _unknown_targets() IS
    'the event tables with unknown fields that the schema knows by now: which, their keys in _ep_rescued, where they were noted, of which time';

-- The statement that reads them within some pages, as the owner of the table will run it; it gives what it found, by path.
CREATE FUNCTION _unknown_statement(target_id int, part regclass, first_page bigint, pages int, keys text[]) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        'WITH known AS (UPDATE ONLY %1$s t SET _ep_rescued = @extschema@._unknown_read(%2$L, t._ep_rescued) '
        'WHERE t.ctid >= %3$L AND t.ctid < %4$L AND t._ep_rescued ?| %5$L AND @extschema@._unknown_read(%2$L, t._ep_rescued) IS NOT NULL '
        'RETURNING t.event_time, t._ep_rescued), '
        'found AS (SELECT f.path, f.column_type::oid, f.misfits, f.reason, count(*), min(known.event_time), max(known.event_time) '
        'FROM known, @extschema@._unknown_found(%2$L, known._ep_rescued) f GROUP BY 1, 2, 3, 4) '
        'SELECT jsonb_agg(to_jsonb(f)) FROM found f',
        part, s.event_table::oid, format('(%s,0)', first_page), format('(%s,0)', first_page + pages), keys)
    FROM @extschema@._target t JOIN @extschema@._stream s USING (stream_id) WHERE t.target_id = $1
$$;
COMMENT ON FUNCTION _unknown_statement(int, regclass, bigint, int, text[]) IS
    'the statement that reads unknown fields of some pages and gives how many values it found of which path';

CREATE FUNCTION _unknown_take(target_id int, part regclass, first_page bigint, pages int, keys text[]) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH done AS (
        SELECT @extschema@._rollup_run_as(c.relowner, '', 'UTC', @extschema@._unknown_statement($1, $2, $3, $4, $5), NULL, NULL)::jsonb AS found
        FROM pg_class c WHERE c.oid = part)
    INSERT INTO @extschema@._wanted (target_id, path, reason, column_type, misfits, value_count, first_event, last_event)
    SELECT $1, f.path, f.reason, f.column_type, f.misfits, f.count, f.min, f.max
    FROM done, jsonb_to_recordset(done.found) f (path text, column_type oid, misfits int, reason text, count bigint, min timestamptz, max timestamptz)
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
                'SELECT @extschema@._unknown_take(%s, %s, %s, %s, %L)', t.target_id, r.part::pg_catalog.oid, r.first_page, r.pages, t.keys),
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
