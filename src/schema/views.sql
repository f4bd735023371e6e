-- schema/views.sql: what people and dashboards read.
--
-- Everybody may select from these views and sees the streams whose event table they may select from.

CREATE VIEW stream_columns AS
SELECT s.event_table::text AS stream, t.relation AS target, a.path, coalesce(p.attname, a.column_name) AS column_name,
       coalesce(p.atttypid::pg_catalog.regtype, a.column_type) AS column_type, a.description, a.first_seen, a.raw_id
FROM _attribute a
JOIN _target t USING (target_id)
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = t.relation
LEFT JOIN pg_catalog.pg_attribute p ON p.attrelid = t.relation AND p.attnum = a.attnum AND NOT p.attisdropped AND t.numbered = t.relation
    AND t.numbered_cluster = (SELECT system_identifier FROM pg_catalog.pg_control_system())
WHERE NOT a.dropped AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW stream_columns IS 'the published mapping: which attribute of the payload is in which columns; each of the first 20 spellings seen is a row, and each variant column';
COMMENT ON COLUMN stream_columns.path IS 'the source''s own spelling, segments joined by ".", others than plain identifiers in double quotes';
COMMENT ON COLUMN stream_columns.first_seen IS 'when the attribute was first seen';
COMMENT ON COLUMN stream_columns.raw_id IS 'the raw row that first had it';

CREATE VIEW stream_tables AS
SELECT s.event_table::text AS stream, t.route, t.relation AS target, v.oid::regclass AS bi_view, s.raw_table, t.created_at
FROM _target t
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = t.relation
LEFT JOIN pg_catalog.pg_class v ON v.oid = t.bi_view
WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW stream_tables IS 'the event tables of each stream, each with its view for BI tools';
COMMENT ON COLUMN stream_tables.route IS 'the value whose events it takes; empty for the stream''s own table';
COMMENT ON COLUMN stream_tables.bi_view IS 'one column per attribute, named and only ever appended to; null when it was dropped and not made again yet';

CREATE VIEW schema_log AS
SELECT l.at, s.event_table::text AS stream, l.target, l.operation, l.path, l.column_name, l.column_type, l.reason,
       l.mode, l.lock_wait, l.raw_id, l.role_name
FROM _schema_change l
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = s.event_table
WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW schema_log IS 'every change of a table that a stream made by itself, and every one it put off';
COMMENT ON COLUMN schema_log.reason IS 'why a column was not made: lock, busy, limit, type, contract, name, size, rate';
COMMENT ON COLUMN schema_log.mode IS 'inline: in the inserting transaction; worker: beside it; promoted: by maintenance, with the values rescued before; deferred: values are rescued meanwhile; maintenance; manual: rename_column, drop_column';
COMMENT ON COLUMN schema_log.lock_wait IS 'how long it tried for the lock';

CREATE VIEW rejected AS
SELECT s.event_table::text AS stream, r.raw_id, r.seq, r.stage, r.path, r.expected, r.found, r.sqlstate, r.message,
       r.detail, r.payload, r.bytes, r.attempts, r.at, r.dismissed_at
FROM _rejection r
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = s.event_table
WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW rejected IS 'events that could not become a row, each with the reason and its bytes';
COMMENT ON COLUMN rejected.raw_id IS 'the raw row it came in';
COMMENT ON COLUMN rejected.seq IS 'its place in the raw row, from 1; 0 stands for the payload as a whole';
COMMENT ON COLUMN rejected.stage IS 'decode, time, table, type, contract or constraint';
COMMENT ON COLUMN rejected.payload IS 'the bytes of the event, at most the first megabyte; the raw row has them all';
COMMENT ON COLUMN rejected.dismissed_at IS 'when dismiss_rejected() gave it up; until then it keeps its raw row from retention';
COMMENT ON COLUMN rejected.bytes IS 'how long the event is, in bytes';

CREATE VIEW wanted_columns AS
SELECT s.event_table::text AS stream, t.relation AS target, w.path, w.reason,
       array_agg(DISTINCT w.column_type) FILTER (WHERE w.column_type IS NOT NULL) AS column_types,
       sum(w.value_count)::bigint AS value_count, min(w.first_event) AS first_event, max(w.last_event) AS last_event
FROM _wanted w
JOIN _target t USING (target_id)
JOIN _stream s USING (stream_id)
JOIN pg_catalog.pg_class c ON c.oid = t.relation
WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT')
GROUP BY s.event_table, t.relation, w.path, w.reason;
COMMENT ON VIEW wanted_columns IS 'attributes that are kept in _ep_rescued; those with reason lock, busy, rate or limit, and contract once it allows them, become columns with run_maintenance()';
COMMENT ON COLUMN wanted_columns.column_types IS 'the types that the values had, statement by statement';

CREATE FUNCTION _histogram_quantile(histogram jsonb, quantile double precision) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT interval '1 millisecond' * CASE WHEN bucket = 0 THEN 0 ELSE 2.0 ^ ((bucket - 1) / 8) * (1 + ((bucket - 1) % 8 + 0.5) / 8) END
    FROM (SELECT key::int AS bucket, sum(value::bigint) OVER (ORDER BY key::int) AS upto, sum(value::bigint) OVER () AS total
          FROM jsonb_each_text(histogram)) h
    WHERE upto >= quantile * total ORDER BY bucket LIMIT 1
$$;
COMMENT ON FUNCTION _histogram_quantile(jsonb, double precision) IS 'a quantile of a histogram of schema/histogram.h: the middle of its bucket, within 6 %';

CREATE FUNCTION _counter_lag(lag jsonb, lag_bucket int, typed bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN lag_bucket IS NULL THEN lag ELSE jsonb_build_object(lag_bucket, typed) END $$;
COMMENT ON FUNCTION _counter_lag(jsonb, int, bigint) IS 'the histogram of lags of a row of _counter';

CREATE VIEW streams AS
SELECT CASE WHEN c.oid IS NOT NULL THEN s.event_table::text END AS stream, s.raw_table, s.format, s.message_type, s.event_time, s.event_id, s.route_by,
       s.partition_interval, s.raw_retention, s.retention, s.settings, s.contract, s.created_at
FROM _stream s
LEFT JOIN pg_catalog.pg_class c ON c.oid = s.event_table
LEFT JOIN pg_catalog.pg_class r ON r.oid = s.raw_table
WHERE pg_catalog.has_table_privilege(coalesce(c.oid, r.oid), 'SELECT');
COMMENT ON VIEW streams IS 'each stream as create_stream() and alter_stream() were told';
COMMENT ON COLUMN streams.stream IS 'the event table; null when somebody dropped it: drop_stream() removes the rest';
COMMENT ON COLUMN streams.settings IS 'settings and options of the format that differ from their defaults';
COMMENT ON COLUMN streams.contract IS 'what it does about the unexpected, where that is not evolve';

CREATE VIEW stream_stats AS
SELECT s.event_table::text AS stream, s.format,
       coalesce(sum(n.raw_rows), 0)::bigint AS raw_rows, coalesce(sum(n.bytes), 0)::bigint AS bytes,
       coalesce(sum(n.events), 0)::bigint AS events, coalesce(sum(n.typed), 0)::bigint AS typed,
       coalesce(sum(n.rejected), 0)::bigint AS rejected, coalesce(sum(n.duplicates), 0)::bigint AS duplicates,
       coalesce(sum(n.rescued), 0)::bigint AS rescued, max(n.last_event) AS last_event, max(n.at) AS last_insert,
       coalesce(sum(n.discarded), 0)::bigint AS discarded, coalesce(sum(n.discarded_values), 0)::bigint AS discarded_values,
       (SELECT jsonb_object_agg(r.stage, r.events)
        FROM (SELECT e.key, sum(e.value::bigint) FROM _counter m, jsonb_each_text(m.rejected_at) e WHERE m.stream_id = s.stream_id
              GROUP BY e.key HAVING sum(e.value::bigint) <> 0) r (stage, events)) AS rejected_at,
       (SELECT count(*) FROM _schema_change l WHERE l.stream_id = s.stream_id AND l.mode <> 'deferred') AS ddl,
       _histogram_quantile(lag.histogram, 0.5) AS lag_p50, _histogram_quantile(lag.histogram, 0.99) AS lag_p99,
       coalesce(sum(n.unnamed_enums), 0)::bigint AS unnamed_enums
FROM _stream s
JOIN pg_catalog.pg_class c ON c.oid = s.event_table
LEFT JOIN _counter n USING (stream_id)
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(h.bucket, h.events)
    FROM (SELECT e.key, sum(e.value::bigint) FROM _counter m, jsonb_each_text(_counter_lag(m.lag, m.lag_bucket, m.typed)) e WHERE m.stream_id = s.stream_id
          GROUP BY e.key) h (bucket, events)) lag (histogram) ON true
WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT')
GROUP BY s.stream_id, s.event_table, s.format, lag.histogram;
COMMENT ON VIEW stream_stats IS 'what each stream has taken in, from counters: never a scan of events';
COMMENT ON COLUMN stream_stats.events IS 'typed + rejected + duplicates + discarded';
COMMENT ON COLUMN stream_stats.rescued IS 'attributes that were kept in _ep_rescued instead of a column when they came; wanted_columns lists what is there still';

COMMENT ON COLUMN stream_stats.rejected_at IS 'rejected, by stage: {"decode": 3, "time": 1}; null when nothing was';
COMMENT ON COLUMN stream_stats.ddl IS 'how many changes of its tables the stream made: lines of schema_log that were not deferred';
COMMENT ON COLUMN stream_stats.lag_p50 IS 'received_at - event_time of half of the events is this or less; within 6 %, in whole milliseconds from one on';
COMMENT ON COLUMN stream_stats.lag_p99 IS 'the same of 99 %';
COMMENT ON COLUMN stream_stats.unnamed_enums IS 'enum numbers that the protobuf schema has no name for, in events that have a row: they are stored as numbers';
COMMENT ON COLUMN stream_stats.discarded IS 'events that the contract dropped';
COMMENT ON COLUMN stream_stats.discarded_values IS 'attributes that the contract dropped of events that have a row';

GRANT SELECT ON streams, stream_columns, stream_tables, schema_log, rejected, wanted_columns, stream_stats TO PUBLIC;
