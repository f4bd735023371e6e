-- ddl/owner.sql: a stream belongs to whoever owns its event table.
--
-- ALTER TABLE ... OWNER TO changes one table. Columns are added and rows written as the owner of the event table, so all others,
-- partitions and views included, must be that role's: run_maintenance() sees to that, and so does what is about to change them.

CREATE FUNCTION _owners_behind(event_table regclass DEFAULT NULL) RETURNS TABLE (name text, statement text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH tables AS (
        SELECT s.event_table, r.relation
        FROM @extschema@._stream s,
             LATERAL (SELECT s.raw_table UNION ALL SELECT s.id_table UNION ALL SELECT t.relation FROM @extschema@._target t WHERE t.stream_id = s.stream_id) r (relation)
        WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation)
        UNION ALL
        SELECT s.event_table, t.bi_view FROM @extschema@._stream s JOIN @extschema@._target t USING (stream_id))
    SELECT c.oid::regclass::text, format('ALTER %s %s OWNER TO %I', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass, pg_get_userbyid(e.relowner))
    FROM (SELECT t.event_table, t.relation FROM tables t
          UNION SELECT t.event_table, p.relid FROM tables t JOIN pg_class c ON c.oid = t.relation AND c.relkind = 'p', pg_partition_tree(t.relation) p) t
    JOIN pg_class e ON e.oid = t.event_table
    JOIN pg_class c ON c.oid = t.relation AND c.relkind IN ('r', 'p', 'v')
    WHERE c.relowner <> e.relowner AND ($1 IS NULL OR t.event_table = $1) ORDER BY c.oid
$$;
COMMENT ON FUNCTION _owners_behind(regclass) IS
    'the tables and views, of one stream or of all, that belong to another role than the event table, and what gives them to its';
REVOKE ALL ON FUNCTION _owners_behind(regclass) FROM PUBLIC;

CREATE FUNCTION _owners_follow(event_table regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_owners_follow';
COMMENT ON FUNCTION _owners_follow(regclass) IS 'give the tables and views of a stream of the caller to the owner of its event table';
