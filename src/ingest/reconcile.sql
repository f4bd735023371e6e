-- ingest/reconcile.sql: the books of a stream, kept by decoding its raw rows again.

CREATE FUNCTION _reconcile(event_table regclass, from_time timestamptz, to_time timestamptz, width interval, OUT bucket timestamptz,
                           OUT raw_rows bigint, OUT events bigint, OUT typed bigint, OUT rejected bigint, OUT duplicates bigint,
                           OUT discarded bigint, OUT expired bigint, OUT missing bigint)
    RETURNS SETOF record LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_reconcile';
COMMENT ON FUNCTION _reconcile(regclass, timestamptz, timestamptz, interval) IS
    'what became of the events of the raw rows that a stream of the caller received in a range of time';

CREATE FUNCTION _unprocessed(event_table regclass, raw_ids bigint[]) RETURNS bigint[]
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_unprocessed';
COMMENT ON FUNCTION _unprocessed(regclass, bigint[]) IS
    'of these raw rows of a stream of the caller, those with an event that is nowhere; a row may be named more than once';

CREATE FUNCTION reconcile(stream text, from_time timestamptz DEFAULT NULL, to_time timestamptz DEFAULT NULL,
                          width interval DEFAULT '1 hour', OUT bucket timestamptz, OUT raw_rows bigint, OUT events bigint,
                          OUT typed bigint, OUT rejected bigint, OUT duplicates bigint, OUT discarded bigint, OUT expired bigint,
                          OUT missing bigint) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF width IS NULL OR width OPERATOR(pg_catalog.<=) interval '0' THEN
        RAISE EXCEPTION 'the width of a bucket must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF pg_catalog.date_part('month', width) OPERATOR(pg_catalog.<>) 0 OR pg_catalog.date_part('year', width) OPERATOR(pg_catalog.<>) 0 THEN
        RAISE EXCEPTION 'a bucket cannot be % long', width
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Choose days or shorter units: months differ in length.';
    END IF;
    RETURN QUERY SELECT r.bucket, r.raw_rows, r.events, r.typed, r.rejected, r.duplicates, r.discarded, r.expired, r.missing
    FROM @extschema@._reconcile(@extschema@._stream_relation(stream), coalesce(from_time, '-infinity'),
                                coalesce(to_time, 'infinity'), width) r ORDER BY r.bucket;
END
$$;
COMMENT ON FUNCTION reconcile(text, timestamptz, timestamptz, interval) IS
'decode the raw rows received in [from_time, to_time) again and say, by bucket of arrival (UTC), what became of each event:
events = typed + rejected + duplicates + discarded + expired + missing. expired: older than the retention of the stream. missing is 0 when all is well';
