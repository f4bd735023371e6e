-- Contracts: what a stream does about attributes without a column, values that misfit theirs, and routes without a table.
SET TimeZone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA contracts;
SET search_path = contracts;

-- Each word of columns and types. The first statement of a table makes its columns whatever the word.
SELECT event_pipeline.create_stream('w_' || w, 'json', contract => jsonb_build_object('columns', w, 'types', w))
FROM unnest('{evolve,rescue,reject,discard,freeze}'::text[]) w;
SELECT stream, format, raw_table, settings, contract FROM event_pipeline.streams WHERE stream ~ '^w_' ORDER BY 1;
CREATE PROCEDURE send(stream text, VARIADIC payloads text[]) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I (payload) SELECT unnest($1)', stream || '_raw') USING payloads;
EXCEPTION WHEN OTHERS THEN
    DECLARE detail text; hint text;
    BEGIN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RAISE NOTICE E'% %\n  %\n  %', SQLSTATE, SQLERRM, detail, hint;
    END;
END
$$;
SELECT format('CALL send(%L, %s)', stream, payloads)
FROM event_pipeline.stream_stats,
     unnest(ARRAY[$$'{"k":1,"n":1}'$$,
                  $$'{"k":2,"n":2,"deviceId":"a"}', '{"k":3,"n":3}', '{"k":4,"N":4}'$$,
                  $$'{"k":5,"n":"misfit"}', '{"k":6,"n":6}'$$]) WITH ORDINALITY p(payloads, step)
WHERE stream LIKE 'w\_%' ORDER BY stream, step \gexec
SELECT k, n, n__text, device_id, _ep_rescued FROM w_evolve ORDER BY k;
SELECT k, n, _ep_rescued FROM w_rescue ORDER BY k;
SELECT k, n, _ep_rescued FROM w_reject ORDER BY k;
SELECT k, n, _ep_rescued FROM w_discard ORDER BY k;
SELECT k, n, _ep_rescued FROM w_freeze ORDER BY k;
SELECT stream, raw_id, seq, stage, path, expected, found, sqlstate, message FROM event_pipeline.rejected WHERE stream LIKE 'w\_%' ORDER BY raw_id;
SELECT stream, events, typed, rejected, duplicates, discarded, rescued, discarded_values FROM event_pipeline.stream_stats WHERE stream LIKE 'w\_%' ORDER BY stream;
SELECT stream, v.* FROM event_pipeline.stream_stats, event_pipeline.verify(stream) v WHERE stream LIKE 'w\_%';
-- what was rejected comes back once the contract allows it
SELECT event_pipeline.alter_stream('w_reject', contract => '{"columns": "rescue", "types": null}');
SELECT * FROM event_pipeline.replay('w_reject');
SELECT k, n, n__text, _ep_rescued FROM w_reject ORDER BY k;
-- a column that its owner declares is not unexpected
ALTER TABLE w_freeze ADD COLUMN device_id text;
CALL send('w_freeze', '{"k":7,"deviceId":"b"}');
SELECT k, device_id FROM w_freeze WHERE k = 7;

-- Each word of tables.
SELECT event_pipeline.create_stream('t_' || w, 'json', route_by => 'event_type')
FROM unnest('{evolve,rescue,reject,discard,freeze}'::text[]) w;
SELECT format(step, stream, jsonb_build_object('tables', substr(stream, 3)))
FROM event_pipeline.stream_stats,
     unnest(ARRAY['CALL send(%L, ''{"k":1,"event_type":"known"}'')',
                  'DO $d$ BEGIN PERFORM event_pipeline.alter_stream(%L, contract => %L); END $d$',
                  'CALL send(%L, ''{"k":2,"event_type":"known"}'', ''{"k":3,"eventType":"new"}'', ''{"k":4}'')']) WITH ORDINALITY p(step, n)
WHERE stream LIKE 't\_%' ORDER BY stream, n \gexec
SELECT s.stream, t.target, string_agg(r.k || coalesce(' ' || r.event_type, ''), ', ' ORDER BY r.k) AS rows
FROM event_pipeline.stream_stats s
JOIN LATERAL (SELECT DISTINCT target FROM event_pipeline.stream_columns c WHERE c.stream = s.stream) t ON true,
LATERAL (SELECT * FROM xmltable('/*/row' PASSING table_to_xml(t.target, false, false, '') COLUMNS k int, event_type text)) r
WHERE s.stream LIKE 't\_%' GROUP BY 1, 2 ORDER BY 1, 2::text;
SELECT stream, raw_id, seq, stage, path, expected, found, sqlstate, message FROM event_pipeline.rejected WHERE stream LIKE 't\_%';
SELECT stream, events, typed, rejected, duplicates, discarded FROM event_pipeline.stream_stats WHERE stream LIKE 't\_%' ORDER BY stream;
SELECT stream, v.* FROM event_pipeline.stream_stats, event_pipeline.verify(stream) v WHERE stream LIKE 't\_%';

SELECT stream, sum(r.events) AS events, sum(r.typed) AS typed, sum(r.rejected) AS rejected, sum(r.discarded) AS discarded, sum(r.missing) AS missing
FROM event_pipeline.stream_stats, event_pipeline.reconcile(stream) r WHERE stream LIKE 't\_%' GROUP BY stream ORDER BY stream;

-- Globs: * is one segment, ** any number, spellings of a segment are one, the more specific glob wins, also over the stream's word.
SELECT event_pipeline.create_stream('g', 'json', contract => '{"columns": "rescue", "paths": {
    "debug.**": {"columns": "discard"}, "debug.keepMe": {"columns": "evolve"}, "*.secret": {"columns": "reject", "types": "reject"},
    "dev_ice.*": {"columns": "evolve"}, "**.tmp": {"columns": "discard"}, "n": {"types": "discard"}}}');
CALL send('g', '{"k":1,"n":1,"debug":{"x":1,"y":{"z":2}}}');
CALL send('g', '{"k":2,"n":"x","debug":{"x":1,"keep_me":5},"Device":{"id":7,"deep":{"er":8}},"a":{"b":{"tmp":1}},"other":9,"tmp":0}',
               '{"k":3,"vault":{"secret":1}}', '{"k":4,"debug":5}');
SELECT k, n, debug_keep_me, device_id, _ep_rescued FROM g ORDER BY k;
SELECT path, sqlstate FROM event_pipeline.rejected WHERE stream = 'g';
SELECT path, column_name FROM event_pipeline.stream_columns WHERE stream = 'g' ORDER BY 1;
SELECT events, typed, rejected, discarded, rescued, discarded_values FROM event_pipeline.stream_stats WHERE stream = 'g';
SELECT * FROM event_pipeline.verify('g');
-- inside a transaction block, where a worker makes columns, and in a routed table
BEGIN;
CALL send('g', '{"k":5,"device":{"os":"x"},"debug":{"q":1}}');
COMMIT;
SELECT k, device_os, _ep_rescued FROM g WHERE k = 5;

-- freeze(), and back again; what is said of paths stays
SELECT event_pipeline.freeze('g');
CALL send('g', '{"k":6,"debug":{"r":1}}');
CALL send('g', '{"k":7,"new":1}');
SELECT event_pipeline.alter_stream('g', contract => '{"columns": null, "types": null, "tables": null, "paths": null}');
CALL send('g', '{"k":8,"new":1,"debug":{"r":1}}');
SELECT k, new, debug_r FROM g WHERE k > 5 ORDER BY k;

-- a contract that cannot be kept is refused
DO $$
DECLARE c text; hint text;
BEGIN
    FOREACH c IN ARRAY ARRAY['[]', '"evolve"', '{"colums": "evolve"}', '{"columns": "evolv"}', '{"columns": null}', '{"columns": {"a": 1}}', '{"columns": 1}',
        '{"paths": []}', '{"paths": {"a": "discard"}}', '{"paths": {"a": {"tables": "reject"}}}', '{"paths": {"a..b": {}}}', '{"paths": {"a..b": {"types": "reject"}}}',
        '{"paths": {"a*.b": {"columns": "discard"}}}', '{"paths": {"a": {"paths": {}}}}'] LOOP
        BEGIN
            PERFORM event_pipeline.alter_stream('g', contract => c::jsonb);
            RAISE NOTICE '% taken', c;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
            RAISE NOTICE '% -> % % (%)', c, SQLSTATE, SQLERRM, hint;
        END;
    END LOOP;
END
$$;
-- so is an option of another format
DO $$
DECLARE hint text;
BEGIN
    BEGIN
        PERFORM event_pipeline.create_stream('o', 'json', delimiter => ';');
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        RAISE NOTICE '% % (%)', SQLSTATE, SQLERRM, hint;
    END;
    PERFORM event_pipeline.alter_stream('g', settings => '{"fourccs": "GPS5"}');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% % (%)', SQLSTATE, SQLERRM, hint;
END
$$;

DO $$
BEGIN
    PERFORM event_pipeline.drop_stream(stream) FROM event_pipeline.stream_stats
    WHERE stream ~ '^[wt]_(evolve|rescue|reject|discard|freeze)$' OR stream = 'g';
END
$$;
DROP PROCEDURE send;
DROP SCHEMA contracts;
