-- lifecycle/by_hand.sql: what people change on the tables of a stream with ALTER TABLE, and what has to follow.

CREATE PROCEDURE _maintenance_owners()
LANGUAGE plpgsql
AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT * FROM @extschema@._owners_behind() LOOP
        PERFORM @extschema@._maintenance_step('owners', t.name, t.statement, '100 milliseconds');
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

REVOKE ALL ON FUNCTION _number_columns() FROM PUBLIC;
REVOKE ALL ON PROCEDURE _maintenance_owners() FROM PUBLIC;
