-- schema/protobuf.sql: the registry of protobuf schemas, and functions over registered message types.

CREATE TABLE _protobuf_schema (
    subject        text NOT NULL,
    version        int NOT NULL,
    descriptor_set bytea NOT NULL,
    compatibility  text NOT NULL,
    digest         text NOT NULL,           -- SHA-256 of descriptor_set, in hex
    messages       text[] NOT NULL,         -- full names of the message types that it defines
    registered_at  timestamptz NOT NULL DEFAULT now(),
    registered_by  name NOT NULL,
    PRIMARY KEY (subject, version),
    UNIQUE (subject, digest)
);
COMMENT ON TABLE _protobuf_schema IS 'every version of every registered protobuf schema, as register_protobuf took it';
SELECT pg_catalog.pg_extension_config_dump('_protobuf_schema', '');

CREATE VIEW protobuf_schemas AS
SELECT s.subject, s.version, s.compatibility, s.messages AS message_types, s.registered_at, s.registered_by FROM _protobuf_schema s;
COMMENT ON VIEW protobuf_schemas IS 'every version of every registered protobuf schema';
COMMENT ON COLUMN protobuf_schemas.compatibility IS 'the mode in which it was registered over the version before';
COMMENT ON COLUMN protobuf_schemas.message_types IS 'the full names of the messages that it defines';
GRANT SELECT ON protobuf_schemas TO PUBLIC;

CREATE FUNCTION _protobuf_schema_changed() RETURNS trigger
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_protobuf_schema_changed';
COMMENT ON FUNCTION _protobuf_schema_changed() IS 'tell every backend that compiled protobuf schemas are out of date';
REVOKE EXECUTE ON FUNCTION _protobuf_schema_changed() FROM PUBLIC;

CREATE TRIGGER _protobuf_schema_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON _protobuf_schema
    FOR EACH STATEMENT EXECUTE FUNCTION _protobuf_schema_changed();
COMMENT ON TRIGGER _protobuf_schema_changed ON _protobuf_schema IS 'drops compiled schemas in every backend';

CREATE FUNCTION register_protobuf(subject text, descriptor_set bytea, compatibility text DEFAULT 'backward') RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_register_protobuf';
COMMENT ON FUNCTION register_protobuf(text, bytea, text) IS
'register a FileDescriptorSet (protoc --include_imports --include_source_info, or buf build) as the next version of a subject; its version number.
compatibility: backward, forward or full, each also with _transitive, or none. A set that is registered already gives its version and changes nothing.
Fields that it renames keep their columns in streams, enum values their names, cases of a oneof that is the route their tables: stream_aliases';
-- Schemas are shared by all streams: the administrator says who may change them.
REVOKE EXECUTE ON FUNCTION register_protobuf(text, bytea, text) FROM PUBLIC;

CREATE FUNCTION protobuf_check(old bytea, new bytea, mode text DEFAULT 'backward',
    OUT severity text, OUT rule text, OUT path text, OUT message text) RETURNS SETOF record
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_check';
COMMENT ON FUNCTION protobuf_check(bytea, bytea, text) IS
'what a registration of the new descriptor set over the old one would say; severity error: refused in this mode, warning: not. Immutable: it reads its arguments only';

CREATE FUNCTION protobuf_to_json(message_type text, payload bytea, subject text DEFAULT NULL, version int DEFAULT NULL,
    always_print_fields boolean DEFAULT false) RETURNS json
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_to_json';
COMMENT ON FUNCTION protobuf_to_json(text, bytea, text, int, boolean) IS
'a protobuf message as ProtoJSON; subject is needed when two define the message type, version NULL means the newest that defines it.
U+0000 in a string is \u0000 here, and an error in jsonb and text, which cannot hold it. Stable, not immutable: the registry can change';

CREATE FUNCTION protobuf_to_jsonb(message_type text, payload bytea, subject text DEFAULT NULL, version int DEFAULT NULL,
    always_print_fields boolean DEFAULT false) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_to_jsonb';
COMMENT ON FUNCTION protobuf_to_jsonb(text, bytea, text, int, boolean) IS
'as protobuf_to_json, as jsonb. Stable, not immutable: the registry can change';

CREATE FUNCTION json_to_protobuf(message_type text, doc json, subject text DEFAULT NULL, version int DEFAULT NULL,
    ignore_unknown boolean DEFAULT false) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_json_to_protobuf';
COMMENT ON FUNCTION json_to_protobuf(text, json, text, int, boolean) IS
'ProtoJSON as the bytes of a protobuf message, fields in the order of the text; names are JSON names or those of the .proto file.
A name or enum value that the schema does not have is an error, or left out with ignore_unknown. Stable, not immutable: the registry can change';

CREATE FUNCTION jsonb_to_protobuf(message_type text, doc jsonb, subject text DEFAULT NULL, version int DEFAULT NULL,
    ignore_unknown boolean DEFAULT false) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_jsonb_to_protobuf';
COMMENT ON FUNCTION jsonb_to_protobuf(text, jsonb, text, int, boolean) IS
'as json_to_protobuf, from jsonb, which has kept the last of two members of one name and knows no negative zero. Stable, not immutable: the registry can change';

-- What the conformance suite of protobuf looks at; of no use to anybody else.
CREATE FUNCTION _protobuf_roundtrip(message_type text, payload bytea, subject text DEFAULT NULL, version int DEFAULT NULL) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_roundtrip';
COMMENT ON FUNCTION _protobuf_roundtrip(text, bytea, text, int) IS
'a protobuf message parsed and serialized again: known fields by number, unknown ones behind them as they came';
REVOKE EXECUTE ON FUNCTION _protobuf_roundtrip(text, bytea, text, int) FROM PUBLIC;

CREATE FUNCTION protobuf_get(message_type text, payload bytea, path text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_get';
COMMENT ON FUNCTION protobuf_get(text, bytea, text) IS
'one field of a protobuf message by its path (device.serial), as ->> would give it; NULL when it is absent. The messages on the way must be well formed
on the wire and have their required fields; what stands beside the path is not decoded. Stable, not immutable: the registry can change';

CREATE FUNCTION protobuf_to_record(message_type text, payload bytea, subject text DEFAULT NULL, version int DEFAULT NULL) RETURNS record
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_to_record';
COMMENT ON FUNCTION protobuf_to_record(text, bytea, text, int) IS
'chosen fields of a protobuf message, typed, in one pass: FROM protobuf_to_record(type, payload) AS r(event_id text, device_serial text, occurred_at timestamptz).
A column has the name of a field, its JSON name, a path in double quotes, or the name that protobuf_fields gives, and the type that it gives; jsonb takes a message whole.
Times are cut to microseconds. Fields without a column are stepped over, not decoded. Stable, not immutable: the registry can change';

CREATE FUNCTION protobuf_fields(message_type text, OUT path text, OUT "column" text, OUT number int, OUT type text, OUT comment text)
    RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_protobuf_fields';
COMMENT ON FUNCTION protobuf_fields(text) IS
'the columns that a message type gives in a flattened row: path, column name (before clashes are settled), field number, type, comment of the .proto file. Stable, not immutable: the registry can change';
