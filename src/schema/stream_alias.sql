-- schema/stream_alias.sql: aliases of paths and of values.

-- Removed and replaced ones stay: verify() explains rows of their time by them.
CREATE TABLE _alias (
    stream_id   int NOT NULL,
    path        text NOT NULL,
    identity    text NOT NULL,          -- of path
    value       text,                   -- null: path stands for to_path; else this text there for to_value
    to_path     text,
    to_identity text,
    to_value    text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at  timestamptz,
    CHECK ((value IS NULL) = (to_path IS NOT NULL) AND (value IS NULL) = (to_value IS NULL))
);
CREATE TRIGGER delete_alias AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_alias', 'stream_id');
CREATE UNIQUE INDEX _alias_present_idx ON _alias (stream_id, identity, value) NULLS NOT DISTINCT WHERE removed_at IS NULL;
COMMENT ON TABLE _alias IS 'paths and values of streams that are taken as others';
SELECT pg_catalog.pg_extension_config_dump('_alias', '');
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON _alias
    FOR EACH STATEMENT EXECUTE FUNCTION _catalog_changed();

CREATE FUNCTION _alias_set(event_table regclass, path text, value text, to_path text, to_value text) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_alias_set';
COMMENT ON FUNCTION _alias_set(regclass, text, text, text, text)
    IS 'make or remove an alias of a stream of the caller: of a path when value is null, else of a value';

CREATE VIEW stream_aliases AS
SELECT s.event_table::text AS stream, a.path, a.value, a.to_path, a.to_value, a.created_at
FROM _alias a
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = s.event_table
WHERE a.removed_at IS NULL AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW stream_aliases IS 'paths that are taken as others, and texts at a path that are stored as others';
COMMENT ON COLUMN stream_aliases.value IS 'null: the whole path is taken as to_path';
GRANT SELECT ON stream_aliases TO PUBLIC;
