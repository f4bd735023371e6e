-- schema/protobuf_id.sql: the numbers that a schema registry gave to versions of subjects, for framing 'confluent'.

CREATE TABLE _protobuf_schema_id (
    schema_id     int PRIMARY KEY,
    subject       text NOT NULL,
    version       int NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE _protobuf_schema_id IS 'which version of which subject a schema id in a payload stands for';
SELECT pg_catalog.pg_extension_config_dump('_protobuf_schema_id', '');
CREATE TRIGGER _protobuf_schema_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON _protobuf_schema_id
    FOR EACH STATEMENT EXECUTE FUNCTION _protobuf_schema_changed();
COMMENT ON TRIGGER _protobuf_schema_changed ON _protobuf_schema_id IS 'drops compiled schemas, and with them the ids, in every backend';

CREATE FUNCTION map_schema_id(schema_id int, subject text, version int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF schema_id IS NULL OR subject IS NULL OR version IS NULL THEN
        RAISE EXCEPTION 'schema id, subject and version must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF schema_id < 0 THEN
        RAISE EXCEPTION 'schema id must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@._protobuf_schema s WHERE s.subject = $2 AND s.version = $3) THEN
        RAISE EXCEPTION 'protobuf subject "%" has no version %', subject, version
            USING ERRCODE = 'undefined_object', HINT = 'Versions are made by event_pipeline.register_protobuf().';
    END IF;
    INSERT INTO @extschema@._protobuf_schema_id AS i (schema_id, subject, version) VALUES ($1, $2, $3)
    ON CONFLICT ON CONSTRAINT _protobuf_schema_id_pkey DO UPDATE SET subject = excluded.subject, version = excluded.version;
END
$$;
COMMENT ON FUNCTION map_schema_id(int, text, int) IS
    'say which version of a protobuf subject the schema id of a registry stands for, in streams with framing confluent; once more to change it';
REVOKE EXECUTE ON FUNCTION map_schema_id(int, text, int) FROM PUBLIC;

CREATE VIEW protobuf_schema_ids AS
SELECT i.schema_id, i.subject, i.version, i.registered_at AS mapped_at FROM _protobuf_schema_id i;
COMMENT ON VIEW protobuf_schema_ids IS 'which version of which protobuf subject a schema id stands for';
GRANT SELECT ON protobuf_schema_ids TO PUBLIC;
