-- ingest/verify.sql: proof that nothing is lost.

CREATE FUNCTION _verify(event_table regclass, sample bigint, OUT raw_id bigint, OUT seq int, OUT path text, OUT problem text)
    RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_verify';
COMMENT ON FUNCTION _verify(regclass, bigint) IS 'what is not as its payload says, in a sample of raw rows of a stream of the caller';

CREATE FUNCTION verify(stream text, sample bigint DEFAULT 1000, OUT raw_id bigint, OUT seq int, OUT path text, OUT problem text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF sample OPERATOR(pg_catalog.<) 0 THEN
        RAISE EXCEPTION 'sample must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY SELECT v.raw_id, v.seq, v.path, v.problem FROM @extschema@._verify(@extschema@._stream_relation(stream), sample) v;
END
$$;
COMMENT ON FUNCTION verify(text, bigint) IS
'decode raw rows again, as many as sample, taken at random (all of them when it is null), and list what their rows do not say the same: attributes that are neither in
their column nor rescued, values without a source, events without a row or a rejection that are younger than the retention. No row means nothing is lost';
