-- ingest/replay.sql: raw rows once more.

CREATE FUNCTION _replay(event_table regclass, raw_ids bigint[], OUT raw_rows bigint, OUT events bigint, OUT typed bigint,
                        OUT rejected bigint, OUT duplicates bigint, OUT discarded bigint) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_replay';
COMMENT ON FUNCTION _replay(regclass, bigint[]) IS
    'take raw rows of a stream of the caller through the pipeline again';

CREATE FUNCTION replay(stream text, raw_ids bigint[] DEFAULT NULL, OUT raw_rows bigint, OUT events bigint, OUT typed bigint,
                       OUT rejected bigint, OUT duplicates bigint, OUT discarded bigint) RETURNS record
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    SELECT r.raw_rows, r.events, r.typed, r.rejected, r.duplicates, r.discarded
    INTO replay.raw_rows, replay.events, replay.typed, replay.rejected, replay.duplicates, replay.discarded
    FROM @extschema@._replay(@extschema@._stream_relation(stream), raw_ids) r;
END
$$;
COMMENT ON FUNCTION replay(text, bigint[]) IS
'try again what was rejected: all of it that was not dismissed, or that of the given raw rows (there also events that were never decoded); gives what became of the events tried.
Events that have their row stay as they are, so replaying twice changes nothing';

CREATE FUNCTION dismiss_rejected(stream text, raw_ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN @extschema@._stream_dismiss(@extschema@._stream_relation(stream), raw_ids);
END
$$;
COMMENT ON FUNCTION dismiss_rejected(text, bigint[]) IS
'give up what was rejected: all of it, or that of the given raw rows; gives how many events. It is listed in rejected until retention drops its raw rows, which it
no longer keeps';
