-- schema/stream.sql: the only ways a role can change what is known of its streams.
--
-- Each of these checks that the caller owns the event table and then writes our catalog.

CREATE FUNCTION _stream_register(event_table regclass, raw_table regclass, id_table regclass, format text,
    message_type text, event_time text, event_id text, route_by text, partition_interval interval,
    raw_retention interval, retention interval, settings jsonb, contract jsonb) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_stream_register';
COMMENT ON FUNCTION _stream_register(regclass, regclass, regclass, text, text, text, text, text, interval, interval, interval, jsonb, jsonb)
    IS 'record a stream over tables that the caller owns';

CREATE FUNCTION _stream_update(event_table regclass, raw_retention interval, retention interval, settings jsonb, contract jsonb) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_stream_update';
COMMENT ON FUNCTION _stream_update(regclass, interval, interval, jsonb, jsonb)
    IS 'change a stream of the caller: null keeps what is, settings and contract are merged';

CREATE FUNCTION _stream_forget(event_table regclass) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'ep_stream_forget';
COMMENT ON FUNCTION _stream_forget(regclass) IS 'forget a stream of the caller; its tables stay';

CREATE FUNCTION _stream_dismiss(event_table regclass, raw_ids bigint[]) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'ep_stream_dismiss';
COMMENT ON FUNCTION _stream_dismiss(regclass, bigint[]) IS 'give up the rejections of some raw rows, or all, of a stream of the caller; gives how many';

CREATE FUNCTION _stream_orphan(raw_table regclass) RETURNS regclass
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.event_table FROM @extschema@._stream s
    WHERE s.raw_table = $1 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.event_table)
$$;
COMMENT ON FUNCTION _stream_orphan(regclass) IS 'what was the event table of a raw table, if it was dropped by hand';

CREATE FUNCTION _stream_tables(event_table regclass, OUT raw_table regclass, OUT id_table regclass, OUT targets regclass[],
                               OUT views regclass[]) RETURNS record
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.raw_table, s.id_table,
           ARRAY(SELECT t.relation FROM @extschema@._target t WHERE t.stream_id = s.stream_id ORDER BY t.target_id),
           ARRAY(SELECT t.bi_view FROM @extschema@._target t WHERE t.stream_id = s.stream_id AND t.bi_view IS NOT NULL)
    FROM @extschema@._stream s WHERE s.event_table = $1
$$;
COMMENT ON FUNCTION _stream_tables(regclass) IS 'the tables of a stream';
