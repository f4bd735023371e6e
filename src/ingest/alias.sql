-- ingest/alias.sql: one attribute or value taken as another.

CREATE FUNCTION alias(stream text, path text, to_path text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM @extschema@._alias_set(@extschema@._stream_relation(stream), path, NULL, to_path, NULL);
END
$$;
COMMENT ON FUNCTION alias(text, text, text) IS
'take values at path, and what is below it, as values at to_path, from now on and when events are replayed; to_path null removes the alias.
Whatever path has become before stays in its column';

CREATE FUNCTION alias(stream text, path text, value text, to_value text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'value must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM @extschema@._alias_set(@extschema@._stream_relation(stream), path, value, NULL, to_value);
END
$$;
COMMENT ON FUNCTION alias(text, text, text, text) IS
    'store one text at path as another, from now on and when events are replayed; to_value null removes the alias';
