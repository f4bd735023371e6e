-- schema/catalog.sql: what the extension remembers. Only src/schema reads or writes these tables from C.
--
-- Names that start with an underscore are the inside; people read the views of schema/views.sql.
-- Every table that users fill is a configuration table, so pg_dump carries it.

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'event_pipeline needs a database with encoding UTF8, not %', pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported', HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0;';
    END IF;
END
$$;

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

CREATE SEQUENCE _stream_id_seq AS int;
CREATE TABLE _stream (
    stream_id          int PRIMARY KEY DEFAULT nextval('@extschema@._stream_id_seq'),
    event_table        regclass NOT NULL UNIQUE,
    raw_table          regclass NOT NULL UNIQUE,
    format             text NOT NULL,
    message_type       text,
    event_time         text,
    event_id           text,
    route_by           text,
    id_table           regclass,       -- the ids already taken, for event_id streams
    partition_interval interval NOT NULL,
    raw_retention      interval,
    retention          interval,
    settings           jsonb NOT NULL DEFAULT '{}',
    contract           jsonb NOT NULL DEFAULT '{}', -- schema/contract.h
    created_at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE _stream IS 'one flow of events of one format, as create_stream was told';
COMMENT ON SEQUENCE _stream_id_seq IS 'numbers for _stream.stream_id';

CREATE SEQUENCE _target_id_seq AS int;
CREATE TABLE _target (
    target_id  int PRIMARY KEY DEFAULT nextval('@extschema@._target_id_seq'),
    stream_id  int NOT NULL,
    route      text NOT NULL,           -- '' for the stream's own table, else the routing value
    relation   regclass NOT NULL UNIQUE,
    bi_view    regclass,                -- its published view (ddl/view.h); null: none yet
    tracked    boolean NOT NULL DEFAULT false, -- a rollup reads it: ingest writes invalidations
    numbered   oid,                     -- a number: _attribute.attnum holds in this relation of this cluster; another one after a restore
    numbered_cluster bigint DEFAULT (pg_catalog.pg_control_system()).system_identifier,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream_id, route)
);
COMMENT ON TABLE _target IS 'the event tables of a stream: its own, and one per routing value';
COMMENT ON SEQUENCE _target_id_seq IS 'numbers for _target.target_id';

-- One row per spelling; spellings of one attribute share identity and column_name. Values that misfit that column have
-- columns of their own, the variants: one more row each, of the same identity.
CREATE TABLE _attribute (
    target_id   int NOT NULL,
    path        text NOT NULL,
    identity    text NOT NULL,
    column_name name NOT NULL,
    column_type regtype NOT NULL,
    attnum      smallint,               -- of the column, so that it is known again when somebody renames it (_target.numbered)
    variant     boolean NOT NULL DEFAULT false,
    dropped     boolean NOT NULL DEFAULT false, -- by drop_column: never made again
    description text,
    first_seen  timestamptz NOT NULL DEFAULT now(),
    raw_id      bigint,
    PRIMARY KEY (target_id, path, column_name)
);
CREATE INDEX _attribute_identity_idx ON _attribute (target_id, identity);
COMMENT ON TABLE _attribute IS 'the column registry: path to column, decided once';

-- One row per spelling. An object of these is one jsonb value: its keys are data.
CREATE TABLE _map (
    stream_id  int NOT NULL,
    path       text NOT NULL,
    identity   text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    raw_id     bigint,
    PRIMARY KEY (stream_id, path)
);
COMMENT ON TABLE _map IS 'objects of streams that are kept whole, decided once';

CREATE SEQUENCE _schema_change_id_seq;
CREATE TABLE _schema_change (
    change_id   bigint PRIMARY KEY DEFAULT nextval('@extschema@._schema_change_id_seq'),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    stream_id   int NOT NULL,
    target      regclass,
    operation   text NOT NULL,          -- create table | add column | keep object | create partition | rescue
    path        text,
    column_name name,
    column_type regtype,
    reason      text,
    mode        text,                   -- inline | worker | promoted | deferred
    lock_wait   interval,
    raw_id      bigint,
    role_name   name NOT NULL DEFAULT session_user
);
CREATE INDEX _schema_change_stream_idx ON _schema_change (stream_id);
COMMENT ON TABLE _schema_change IS 'every DDL statement the extension ran, and every one it put off';
COMMENT ON SEQUENCE _schema_change_id_seq IS 'numbers for _schema_change.change_id';

CREATE SEQUENCE _rejection_id_seq;
CREATE TABLE _rejection (
    rejection_id bigint PRIMARY KEY DEFAULT nextval('@extschema@._rejection_id_seq'),
    stream_id    int NOT NULL,
    raw_id       bigint,
    seq          int,
    stage        text NOT NULL,         -- decode | time | table | type | contract | constraint
    path         text,
    expected     text,
    found        text,
    sqlstate     text NOT NULL,
    message      text NOT NULL,
    detail       text,
    payload      bytea,                 -- the event's bytes, or their start when they are many
    bytes        bigint,
    attempts     int NOT NULL DEFAULT 1,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    dismissed_at timestamptz            -- by dismiss_rejected: its raw row need not be kept
);
CREATE INDEX _rejection_stream_idx ON _rejection (stream_id, raw_id);
COMMENT ON TABLE _rejection IS 'events that could not become a row, with the reason and their bytes';
COMMENT ON SEQUENCE _rejection_id_seq IS 'numbers for _rejection.rejection_id';

-- Appended to by every statement, never updated: run_maintenance() folds old rows together.
CREATE TABLE _counter (
    stream_id  int NOT NULL,
    at         timestamptz NOT NULL,
    raw_rows   bigint NOT NULL,
    bytes      bigint NOT NULL,
    events     bigint NOT NULL,         -- typed + rejected + duplicates + discarded
    typed      bigint NOT NULL,
    rejected   bigint NOT NULL,
    duplicates bigint NOT NULL,
    rescued    bigint NOT NULL,         -- attributes kept in _ep_rescued
    last_event timestamptz,
    discarded  bigint NOT NULL DEFAULT 0, -- events that the contract dropped
    discarded_values bigint NOT NULL DEFAULT 0, -- attributes that it dropped of typed events
    rejected_at jsonb,                  -- {"stage": events}
    lag        jsonb,                   -- {"bucket": events}, see schema/histogram.h
    lag_bucket int,                     -- instead of lag, where one bucket has all typed events
    unnamed_enums bigint                -- enum numbers without a name that typed events had; null: none
);
COMMENT ON TABLE _counter IS 'what each statement did, in numbers';

-- Appended to by ingest for tracked targets, never updated by it; duplicates are welcome.
-- granule is the start of a quarter of an hour (UTC) in which rows were added. Every consumer keeps
-- its own place (rollup/invalidation.sql), by the transaction that appended: writers need to give target_id
-- and granule only, through SQL, so that the defaults are filled. Who has only inserted rows says that none was rewritten: then
-- the new ones can be told by their xmin, and ingest need not say whose they are.
CREATE SEQUENCE _invalidation_id_seq;
CREATE TABLE _invalidation (
    target_id       int NOT NULL,
    granule         timestamptz NOT NULL,
    rewritten       boolean NOT NULL DEFAULT true, -- rows were changed or deleted, too
    invalidation_id bigint NOT NULL DEFAULT nextval('@extschema@._invalidation_id_seq'),
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON SEQUENCE _invalidation_id_seq IS 'numbers for _invalidation.invalidation_id';
COMMENT ON TABLE _invalidation IS 'which quarter hours of which event table have changed since the rollups read them';

-- Appended to by every statement that rescues, never updated: run_maintenance() folds rows together, promotes and deletes.
CREATE TABLE _wanted (
    target_id   int NOT NULL,
    path        text NOT NULL,
    reason      text NOT NULL,
    column_type regtype,                -- that holds all these values; null: none does
    misfits     int NOT NULL,           -- which types do not hold all of them, a bit each: EpTypeSet
    value_count bigint NOT NULL,
    first_event timestamptz NOT NULL,
    last_event  timestamptz NOT NULL
);
CREATE INDEX _wanted_target_idx ON _wanted (target_id);
COMMENT ON TABLE _wanted IS 'which attributes are kept in _ep_rescued, why, how many and of which time: what a promotion goes by';

-- One statement each: the function changes one row of pg_extension, and a statement may do that once.
SELECT pg_catalog.pg_extension_config_dump('_stream', '');
SELECT pg_catalog.pg_extension_config_dump('_stream_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_target', '');
SELECT pg_catalog.pg_extension_config_dump('_target_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_attribute', '');
SELECT pg_catalog.pg_extension_config_dump('_map', '');
SELECT pg_catalog.pg_extension_config_dump('_schema_change', '');
SELECT pg_catalog.pg_extension_config_dump('_schema_change_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_rejection', '');
SELECT pg_catalog.pg_extension_config_dump('_rejection_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_counter', '');
SELECT pg_catalog.pg_extension_config_dump('_invalidation', '');
SELECT pg_catalog.pg_extension_config_dump('_invalidation_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('_wanted', '');

-- What belongs to a row goes with it. No foreign keys: pg_restore -j fills tables of an extension at the same time, whatever
-- refers to what, and would fail.
-- As the extension's owner, whoever deletes; nobody else may make a trigger of it.
CREATE FUNCTION _delete_dependents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('DELETE FROM @extschema@.%I d USING gone WHERE d.%I = gone.%2$I', tg_argv[0], tg_argv[1]);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION _delete_dependents() IS 'deletes from table $1 what has the value of column $2 of a row that was deleted';
REVOKE ALL ON FUNCTION _delete_dependents() FROM PUBLIC;
CREATE TRIGGER delete_targets AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_target', 'stream_id');
CREATE TRIGGER delete_maps AFTER DELETE ON _stream REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_map', 'stream_id');
CREATE TRIGGER delete_attributes AFTER DELETE ON _target REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION _delete_dependents('_attribute', 'target_id');

CREATE FUNCTION _catalog_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ep_catalog_changed';
COMMENT ON FUNCTION _catalog_changed() IS 'tells every backend to read its streams again';
REVOKE ALL ON FUNCTION _catalog_changed() FROM PUBLIC;
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON _stream
    FOR EACH STATEMENT EXECUTE FUNCTION _catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON _target
    FOR EACH STATEMENT EXECUTE FUNCTION _catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON _attribute
    FOR EACH STATEMENT EXECUTE FUNCTION _catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE ON _map
    FOR EACH STATEMENT EXECUTE FUNCTION _catalog_changed();
