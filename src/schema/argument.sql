-- schema/argument.sql: relations as people name them, 'table' or 'schema.table', along their search_path.

CREATE FUNCTION _relation_named(name text, argument text) RETURNS regclass
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'ep_relation_named';
COMMENT ON FUNCTION _relation_named(text, text) IS 'the relation that an argument of this name names; null when there is none, an error when the argument is null or no name';

CREATE FUNCTION _relation_to_make(name text, argument text) RETURNS text
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'ep_relation_to_make';
COMMENT ON FUNCTION _relation_to_make(text, text) IS 'the qualified and quoted name of a relation that the caller is about to make; an error when there is no such schema, or the caller may not make it there';
