-- lifecycle/by_hand.sql: what people change on the tables of a stream with ALTER TABLE, and what has to follow.

-- ALTER TABLE ... OWNER TO changes one table. Columns are added and rows written as the owner of the event table, so all others,
-- partitions and views included, must be that role's.
CREATE FUNCTION _owners_behind() RETURNS TABLE (relation regclass, name text, kind text, owner name)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH tables AS (
        SELECT s.event_table, r.relation
        FROM @extschema@._stream s,
             LATERAL (SELECT s.raw_table UNION ALL SELECT s.id_table UNION ALL SELECT t.relation FROM @extschema@._target t WHERE t.stream_id = s.stream_id) r (relation)
        WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation)
        UNION ALL
        SELECT s.event_table, t.bi_view FROM @extschema@._stream s JOIN @extschema@._target t USING (stream_id))
    SELECT c.oid, c.oid::regclass::text, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, pg_get_userbyid(e.relowner)
    FROM (SELECT t.event_table, t.relation FROM tables t
          UNION SELECT t.event_table, p.relid FROM tables t JOIN pg_class c ON c.oid = t.relation AND c.relkind = 'p', pg_partition_tree(t.relation) p) t
    JOIN pg_class e ON e.oid = t.event_table
    JOIN pg_class c ON c.oid = t.relation AND c.relkind IN ('r', 'p', 'v')
    WHERE c.relowner <> e.relowner ORDER BY c.oid
$$;
COMMENT ON FUNCTION _owners_behind() IS 'the tables and views of streams that belong to another role than the event table, and to which they should';

CREATE PROCEDURE _maintenance_owners()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT * FROM @extschema@._owners_behind() LOOP
        PERFORM @extschema@._maintenance_step('owners', t.name,
            pg_catalog.format('ALTER %s %s OWNER TO %I', t.kind, t.name, t.owner), '100 milliseconds');
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE _maintenance_owners() IS 'give the tables and views of each stream to the role that has the event table';

-- The registry knows columns by number, so that they may be renamed; a restored table has other numbers. Until they are written
-- down, here, its columns are known by name.
CREATE FUNCTION _number_columns() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here    bigint := (pg_control_system()).system_identifier;
    targets int[] := ARRAY(SELECT t.target_id FROM @extschema@._target t JOIN pg_class c ON c.oid = t.relation
                           WHERE (t.numbered, t.numbered_cluster) IS DISTINCT FROM (t.relation::oid, here));
BEGIN
    IF targets <> '{}' THEN
        UPDATE @extschema@._attribute a SET attnum = (SELECT p.attnum FROM pg_attribute p
            WHERE p.attrelid = t.relation AND p.attname = a.column_name AND NOT p.attisdropped AND NOT a.dropped)
        FROM @extschema@._target t WHERE t.target_id = a.target_id AND t.target_id = ANY (targets);
        UPDATE @extschema@._target t SET numbered = t.relation, numbered_cluster = here WHERE t.target_id = ANY (targets);
    END IF;
END
$$;
COMMENT ON FUNCTION _number_columns() IS 'note the numbers of the columns of restored event tables';

REVOKE ALL ON FUNCTION _number_columns(), _owners_behind() FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_owners() FROM PUBLIC;
