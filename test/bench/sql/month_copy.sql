-- Two empty streams whose columns and partitions are known; two rollups read one of them.
CREATE FUNCTION pg_temp.make_anew(stream text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM drop_rollup(r.rollup::text) FROM rollup_status r WHERE r.source = to_regclass(stream);
    PERFORM drop_stream(stream) WHERE to_regclass(stream) IS NOT NULL;
    PERFORM create_stream(stream, 'json', event_time => 'at');
    EXECUTE format('INSERT INTO %I (payload) SELECT month_event(1, timestamptz ''2025-02-01Z'' + n * interval ''1 day'') FROM generate_series(0, 1) n',
                   stream || '_raw');
END
$$;
SELECT pg_temp.make_anew('read'), pg_temp.make_anew('unread');
SELECT create_rollup('read_per_day', 'read', 'SELECT event_type, country, count(*) AS n FROM read WHERE event_time >= $1 AND event_time < $2 GROUP BY 1, 2', '1 day');
SELECT create_rollup('read_per_hour', 'read', 'SELECT device_serial, sum(value) AS v FROM read WHERE event_time >= $1 AND event_time < $2 GROUP BY 1', '1 hour');
SELECT refresh_rollup('read_per_day'), refresh_rollup('read_per_hour');
