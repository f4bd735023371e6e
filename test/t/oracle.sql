-- An oracle for streams of flat JSON objects, or arrays of them: what differs between the raw table and the event tables,
-- computed by the server's own JSON functions, with none of our C code. No row: nothing does.
--
--   missing    an event that is no row, no rejection, and no duplicate of a row by its event_id
--   differs    a row whose columns and rescued values are not the event's attributes, each once and with its value
--   twice      one event that is several rows, or a row and a rejection
--   invented   a row without an event
--   misplaced  several rows of one event_id
CREATE FUNCTION oracle(stream text, event_id text DEFAULT NULL) RETURNS TABLE (problem text, raw_id bigint, seq bigint, event jsonb, found jsonb)
LANGUAGE plpgsql SET jit = off SET enable_nestloop = off AS $oracle$
DECLARE
    fixed text[] := '{event_time,received_at,_ep_raw_id,_ep_seq,_ep_rescued}';
    rows  text;
BEGIN
    -- Each row as one object: its columns by the path that they are published under, and what was rescued.
    SELECT string_agg(format($sql$
        SELECT _row._ep_raw_id, _row._ep_seq::bigint, jsonb_object_agg(v.path, v.value) FILTER (WHERE v.path IS NOT NULL), count(v.path)
        FROM %s _row LEFT JOIN LATERAL (
            SELECT coalesce(%L::jsonb ->> k.key, k.key), k.value FROM jsonb_each(to_jsonb(_row) - $2) k WHERE k.value <> 'null'
            UNION ALL SELECT k.key, k.value -> 'v' FROM jsonb_each(_row._ep_rescued) k) v (path, value) ON true
        GROUP BY _row._ep_raw_id, _row._ep_seq, _row.tableoid, _row.ctid$sql$, t.relation,
        (SELECT jsonb_object_agg(c.column_name, c.path) FROM event_pipeline.stream_columns c WHERE c.target = t.relation)), ' UNION ALL ')
    INTO rows FROM event_pipeline._target t JOIN event_pipeline._stream s USING (stream_id) WHERE s.event_table = stream::regclass;
    RETURN QUERY EXECUTE format($sql$
        WITH event AS MATERIALIZED (
            SELECT r.raw_id, a.seq, jsonb_strip_nulls(a.event) AS event
            FROM %1$s_raw r, jsonb_array_elements(CASE WHEN left(r.payload, 1) = '[' THEN r.payload::jsonb ELSE jsonb_build_array(r.payload::jsonb) END)
                 WITH ORDINALITY a (event, seq)),
        found (raw_id, seq, event, attributes) AS MATERIALIZED (%2$s),
        refused AS MATERIALIZED (SELECT j.raw_id, j.seq::bigint FROM event_pipeline.rejected j WHERE j.stream = %1$L)
        SELECT 'missing', e.raw_id, e.seq, e.event, NULL FROM event e
        WHERE NOT EXISTS (SELECT FROM found f WHERE f.raw_id = e.raw_id AND f.seq = e.seq)
          AND NOT EXISTS (SELECT FROM refused j WHERE j.raw_id = e.raw_id AND j.seq = e.seq)
          AND NOT coalesce(e.event ->> $1 IN (SELECT f.event ->> $1 FROM found f), false)
        UNION ALL
        SELECT 'differs', e.raw_id, e.seq, e.event, f.event FROM event e JOIN found f USING (raw_id, seq)
        WHERE e.event IS DISTINCT FROM f.event OR f.attributes <> (SELECT count(*) FROM jsonb_object_keys(e.event))
        UNION ALL
        SELECT 'twice', raw_id, seq, NULL, NULL FROM (SELECT raw_id, seq FROM found UNION ALL SELECT raw_id, seq FROM refused) f GROUP BY 2, 3 HAVING count(*) > 1
        UNION ALL
        SELECT 'invented', f.raw_id, f.seq, NULL, f.event FROM found f WHERE NOT EXISTS (SELECT FROM event e WHERE e.raw_id = f.raw_id AND e.seq = f.seq)
        UNION ALL
        SELECT 'misplaced', min(f.raw_id), NULL, NULL, to_jsonb(f.event ->> $1) FROM found f WHERE f.event ->> $1 IS NOT NULL
        GROUP BY f.event ->> $1 HAVING count(*) > 1$sql$, stream, rows) USING event_id, fixed;
END
$oracle$;

-- The stream's counters against the tables themselves. No row: they agree.
CREATE FUNCTION unbalanced(stream text) RETURNS SETOF text LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    s record;
    n record;
BEGIN
    SELECT * INTO s FROM event_pipeline.stream_stats t WHERE t.stream = $1;
    EXECUTE (SELECT format('SELECT (SELECT count(*) FROM %1$s_raw) AS raw_rows, (SELECT coalesce(sum(octet_length(payload)), 0) FROM %1$s_raw) AS bytes,
                                   (%2$s) AS typed, (SELECT count(*) FROM event_pipeline.rejected j WHERE j.stream = %1$L) AS rejected',
                           stream, string_agg(format('(SELECT count(*) FROM %s)', t.relation), ' + '))
             FROM event_pipeline._target t JOIN event_pipeline._stream USING (stream_id) WHERE event_table = stream::regclass) INTO n;
    IF (s.raw_rows, s.bytes, s.typed, s.rejected) IS DISTINCT FROM (n.raw_rows, n.bytes, n.typed, n.rejected)
        OR s.events <> s.typed + s.rejected + s.duplicates THEN
        RETURN NEXT format('%s beside %s', s, n);
    END IF;
END
$$;
